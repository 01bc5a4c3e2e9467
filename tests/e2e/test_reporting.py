"""What the watch page tells of a viewing: its pure parts stepped with values, and Chromium in front of a real relay."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, urlsplit

import pytest

from fixtures.web_players import page_of_module

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Request, Route

    from fixtures.browser import Browser, Tab
    from fixtures.processes import Relay

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

RECORD: Final = "async (members) => (await import('/cmcd.js')).recordOf(members)"
OPTED_OUT: Final = "async (navigator) => (await import('/cmcd.js')).hasOptedOut(navigator)"
REPORTED: Final = """async (steps) => {
  const { Reporter } = await import("/reporter.js");
  const told = [];
  let dropped = 0;
  const reporter = new Reporter({ records: (one) => told.push(one), figures: () => ({ dropped }) });
  for (const [name, ...values] of steps) name === "drop" ? ([dropped] = values) : reporter[name](...values);
  return told;
}"""
SENT: Final = """async (steps) => {
  const { Outbox } = await import("/outbox.js");
  const outbox = new Outbox();
  const seen = [];
  for (const [name, ...values] of steps) {
    const got = outbox[name](...values);
    if (name === "take" || name === "last") seen.push(got);
  }
  return [seen, outbox.waiting, outbox.dropped, outbox.isClosed];
}"""
STARTED: Final = [["begin", 100], ["frame", 600]]
BY_TEXT: Final = """(() => {
  // What is sent by a beacon is no text to the tests' browser.
  navigator.sendBeacon = (url, blob) => {
    blob.text().then((text) => window.beaconSent(text));
    return true;
  };
})()"""
MEMBER: Final = re.compile(r'([a-z-]+)(?:=(\([^)]*\)|"(?:[^"\\]|\\.)*"|[^,]*))?(?:,|$)')


@pytest.fixture(scope="module")
def modules(browser: Browser) -> Iterator[Tab]:
    with page_of_module(browser, "reporter.js") as tab:
        yield tab


def test_a_record_is_a_dictionary_of_structured_fields_in_alphabetical_order(modules: Tab) -> None:
    members = {
        "sta": "p",
        "br": [1200.4],
        "bg": True,
        "v": 2,
        "cid": 'a"b\\é',
        "ltc": None,
        "ec": ["x", "y"],
        "su": False,
    }
    said = r'bg,br=(1200),cid="a\"b\\?",ec=("x" "y"),sta=p,su=?0,v=2'
    assert modules.page.evaluate(RECORD, members) == said


@pytest.mark.parametrize(
    ("navigator", "has_opted_out"),
    [
        ({"globalPrivacyControl": True}, True),
        ({"doNotTrack": "1"}, True),
        ({"globalPrivacyControl": False, "doNotTrack": None}, False),
        ({}, False),
    ],
)
def test_who_asks_not_to_be_followed_is_heard(modules: Tab, navigator: dict[str, object], has_opted_out: bool) -> None:
    assert modules.page.evaluate(OPTED_OUT, navigator) is has_opted_out


def reported(modules: Tab, *steps: list[object]) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = modules.page.evaluate(REPORTED, [*STARTED, *steps])
    assert [one["sn"] for one in told] == list(range(1, len(told) + 1))
    return told


@pytest.mark.parametrize(
    ("steps", "states"),
    [
        pytest.param([["waiting", 700], ["frame", 1600]], "sprp", id="a stall"),
        pytest.param(
            [["waiting", 700], ["seeking", 800], ["waiting", 810], ["frame", 1600]], "sprp", id="a jump out of it"
        ),
        pytest.param([["seeking", 700], ["waiting", 710], ["frame", 900]], "spkp", id="seeking is no stall"),
        pytest.param([["pause", 700], ["waiting", 710], ["frame", 720]], "spa", id="a pause is no stall"),
        pytest.param(
            [["pause", 700], ["play", 900], ["frame", 950]], "spap", id="a pause lasts until a frame is shown"
        ),
        pytest.param([["pause", 700], ["play", 900], ["seeking", 901], ["frame", 990]], "spakp", id="back to live"),
        pytest.param([["waiting", 700], ["pause", 900]], "spra", id="a pause out of a stall"),
        pytest.param([["ended", 700], ["waiting", 800], ["frame", 900]], "spep", id="a stream that comes again"),
        pytest.param([["quit", 700], ["frame", 800], ["back", 900]], "spqp", id="a page that is shown again"),
        pytest.param([["pause", 650], ["quit", 700], ["back", 900]], "spaqa", id="and was paused"),
        pytest.param([["error", "gone", 700, True], ["frame", 800], ["pause", 900]], "spf", id="no player any more"),
    ],
)
def test_the_state_is_what_is_to_be_seen(modules: Tab, steps: list[list[object]], states: str) -> None:
    told = reported(modules, *steps)
    assert "".join(one["sta"] for one in told if one["e"] == "ps") == states


def test_the_time_until_the_first_frame_is_told_once(modules: Tab) -> None:
    told = reported(modules, ["waiting", 700], ["frame", 900])
    assert [one.get("msd") for one in told] == [None, 500, None, None]


def test_a_stall_goes_from_the_last_frame_to_the_next(modules: Tab) -> None:
    told = reported(modules, ["frame", 1000], ["waiting", 1300], ["frame", 2500], ["waiting", 2600], ["quit", 2800])
    assert [(one["sta"], one.get("bsd"), one.get("bsa"), one.get("bsda")) for one in told[2:]] == [
        ("r", None, [1], [0]),
        ("p", [1500], [1], [1500]),
        ("r", None, [2], [1500]),
        ("q", [300], [2], [1800]),
    ]


def test_figures_come_every_ten_seconds_while_it_plays(modules: Tab) -> None:
    at = [["tick", at_ms] for at_ms in range(0, 25_000, 250)]
    told = reported(modules, *at, ["pause", 25_000], *[["tick", at_ms] for at_ms in range(25_000, 60_000, 250)])
    assert [one["at_ms"] for one in told if one["e"] == "t"] == [10_750, 20_750]


def test_dropped_frames_are_counted_on_when_a_player_is_built_anew(modules: Tab) -> None:
    told = reported(modules, ["drop", 3], ["pause", 700], ["drop", 2], ["quit", 800])
    assert [one["dfa"] for one in told] == [0, 0, 3, 5]


def test_errors_and_going_to_the_background_are_told_in_the_state_that_it_is_in(modules: Tab) -> None:
    told = reported(modules, ["error", "fragLoadError", 700], ["background", True, 800], ["background", False, 900])
    assert [(one["e"], one["sta"], one.get("ec"), one.get("bg")) for one in told[2:]] == [
        ("e", "p", ["fragLoadError"], None),
        ("b", "p", None, True),
        ("b", "p", None, False),
    ]


@pytest.mark.parametrize(
    ("steps", "seen"),
    [
        pytest.param([["answered", 204, None, 1], ["take", 2]], [[1, 2], []], id="taken"),
        pytest.param([["take", 1]], [[1, 2], []], id="one at a time"),
        pytest.param([["answered", 0, None, 1], ["take", 1999], ["take", 2001]], [[1, 2], [], [1, 2]], id="no answer"),
        pytest.param([["answered", 503, None, 1], ["take", 2001]], [[1, 2], [1, 2]], id="an error of the relay's"),
        pytest.param([["answered", 429, 9, 1], ["take", 9000], ["take", 9001]], [[1, 2], [], [1, 2]], id="Retry-After"),
        pytest.param([["answered", 429, 1e9, 1], ["take", 60_001]], [[1, 2], [1, 2]], id="not for ever"),
        pytest.param([["answered", 400, None, 1], ["add", 3], ["take", 2]], [[1, 2], [3]], id="refused for what it is"),
        pytest.param([["answered", 410, None, 1], ["add", 3], ["take", 2]], [[1, 2], []], id="over"),
        pytest.param(
            [["add", 3], ["last"], ["answered", 204, None, 1], ["last"]], [[1, 2], [1, 2, 3], []], id="the last"
        ),
    ],
)
def test_records_are_sent_until_they_are_taken(modules: Tab, steps: list[list[object]], seen: list[list[int]]) -> None:
    assert modules.page.evaluate(SENT, [["add", 1], ["add", 2], ["take", 0], *steps])[0] == seen


def test_of_too_many_that_wait_the_oldest_are_dropped_and_counted(modules: Tab) -> None:
    steps = [["add", 0], ["take", 0], *[["add", one] for one in range(1, 251)], ["last"]]
    (_, left), waiting, dropped, is_closed = modules.page.evaluate(SENT, steps)
    assert (left[:2], left[-1], len(left), waiting, dropped, is_closed) == ([0, 52], 250, 200, 0, 51, False)


class Sink:
    """Takes what a page tells, in the relay's place."""

    def __init__(self, browser: Browser, relay: Relay, script: str = "") -> None:
        self.records: list[dict[str, str]] = []
        self.asked: list[str] = []
        self.types: set[str | None] = set()
        self.tab = browser.open(f"{relay.origin}/healthz", script=BY_TEXT + script)
        self.tab.page.on("request", self._on_request)
        self.tab.page.expose_function("beaconSent", self._take)
        self.tab.page.route("**/cmcd", self._answer)
        self.tab.page.goto(f"{relay.origin}/live/{relay.stream}/")

    def _on_request(self, request: Request) -> None:
        self.asked.append(request.url)

    def _answer(self, route: Route) -> None:
        self.types.add(route.request.headers.get("content-type"))
        self._take(route.request.post_data or "")
        route.fulfill(status=204)

    def _take(self, body: str) -> None:
        for line in body.splitlines():
            pairs = MEMBER.findall(line)
            assert [key for key, _ in pairs] == sorted(key for key, _ in pairs), line
            self.records.append(dict(pairs))

    def wait(self, states: str, within_s: float = 10.0) -> list[dict[str, str]]:
        """Wait until these came, one after the other at the end; all that came, in their order."""
        end_s = time.monotonic() + within_s
        while not self._states().endswith(states):
            assert time.monotonic() < end_s, (states, self.records)
            self.tab.pump(0.1)
        return self.records

    def _states(self) -> str:
        return "".join(one["sta"] for one in self.records if one["e"] == "ps")


@pytest.fixture
def sink(browser: Browser, relay: Relay) -> Iterator[Sink]:
    sink = Sink(browser, relay)
    yield sink
    browser.close(sink.tab)


def test_a_viewing_is_told_from_its_first_frame_to_its_end(sink: Sink, relay: Relay) -> None:
    tab = sink.tab
    tab.wait_until_playing()
    tab.settle()
    sink.wait("p")
    tab.page.keyboard.press("Space")
    sink.wait("a")
    tab.page.keyboard.press("Space")
    sink.wait("p")
    viewer = tab.player()["viewer"]
    tab.page.evaluate("dispatchEvent(new PageTransitionEvent('pagehide'))")
    records = sink.wait("q")
    assert sink.types == {"application/cmcd"}
    first = next(one for one in records if "msd" in one)
    assert (records[0]["sta"], first["sta"]) == ("s", "p")
    assert 0 < int(first["msd"]) < 15_000
    assert int(first["ts"]) - int(records[0]["ts"]) == pytest.approx(int(first["msd"]), abs=20)
    assert {(one["relay-viewer"], one["cid"], one["v"], one["sf"]) for one in records} == {
        (f'"{viewer}"', f'"{relay.stream}"', "2", "h")
    }
    assert [int(one["sn"]) for one in records] == list(range(1, len(records) + 1))
    assert all(abs(int(one["ts"]) / 1000 - time.time()) < 60 for one in records)
    paused = next(one for one in records if one["sta"] == "a")
    assert paused["st"] == "ll"
    assert abs(int(paused["ts"]) - int(paused["pt"]) - int(paused["ltc"])) < 100
    assert {"bl", "br", "dfa", "mtp", "pb", "tb"} <= paused.keys()


def test_requests_say_whose_they_are_and_no_address_stands_in_their_query(sink: Sink, relay: Relay) -> None:
    sink.tab.wait_until_playing()
    records = sink.wait("p")
    said = [query["CMCD"][0] for url in sink.asked if "CMCD" in (query := parse_qs(urlsplit(url).query))]
    assert said
    for one in said:
        members = dict(MEMBER.findall(one))
        assert (members["sid"], members["cid"], members["v"]) == (records[0]["sid"], f'"{relay.stream}"', "2")
        assert "nor" not in members
        assert sink.tab.player()["viewer"] not in one
    assert any("br=" in one and "mtp=" in one for one in said)


def test_a_stall_is_told_as_long_as_it_was(sink: Sink) -> None:
    sink.tab.wait_until_playing()
    sink.tab.settle()
    sink.wait("p")
    held: list[Route] = []
    sink.tab.page.route(re.compile(r"/live/.*/v/"), lambda route: held.append(route))  # noqa: PLW0108 - it marks what it calls
    sink.wait("r", 20)
    sink.tab.pump(0.8)
    sink.tab.page.unroute(re.compile(r"/live/.*/v/"))
    for route in held:
        route.continue_()
    records = sink.wait("p", 20)
    stalled = next(one for one in records if one["sta"] == "r")
    over = next(one for one in records if "bsd" in one)
    lasted_ms = int(over["ts"]) - int(stalled["ts"])
    assert over["bsa"] >= "(1)"
    assert lasted_ms - 50 < int(over["bsd"].strip("()")) < lasted_ms + 1000


def test_of_who_opted_out_nothing_is_told(browser: Browser, relay: Relay) -> None:
    sink = Sink(browser, relay, "; Object.defineProperty(Navigator.prototype, 'globalPrivacyControl', { value: true })")
    try:
        sink.tab.wait_until_playing()
        sink.tab.pump(1.5)
        sink.tab.page.evaluate("dispatchEvent(new PageTransitionEvent('pagehide'))")
        sink.tab.pump(0.3)
        assert sink.records == []
        assert not any("CMCD" in url or url.endswith("/cmcd") for url in sink.asked)
    finally:
        browser.close(sink.tab)
