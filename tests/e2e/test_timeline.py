"""The watch page's timeline: its pure part, with values; and where in a picture's reach a moment lies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from fixtures.web_players import page_of_module

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fixtures.browser import Browser, Tab

pytestmark = pytest.mark.e2e

NOW_MS = 1_750_000_000_000
SPAN_MS = 3_600_000
CALL = "async ([name, values]) => (await import('/timeline.js'))[name](...values)"
WORDS = "async ([event, now]) => (await import('/timeline.js')).describeEvent(event, now, (at) => `at ${at}`)"
KNOWN = """async ([puts, forget]) => {
  const { Happenings } = await import("/timeline.js");
  const known = new Happenings();
  for (const event of puts) known.put(event);
  known.forget(forget);
  return known.inOrder();
}"""
REACH = """async ([shown_ms, currentTime, ranges, date_ms]) => {
  const { positionOf, reach_ms } = await import("/media.js");
  const seekable = { length: ranges.length, start: (i) => ranges[i][0], end: (i) => ranges[i][1] };
  const video = { currentTime, seekable };
  return [reach_ms(video, shown_ms), positionOf(date_ms, video, shown_ms)];
}"""


@pytest.fixture(scope="module")
def tab(browser: Browser) -> Iterator[Tab]:
    with page_of_module(browser, "timeline.js") as tab:
        yield tab


def call(tab: Tab, name: str, *values: Any) -> Any:
    return tab.page.evaluate(CALL, [name, values])


def event(kind: str, start_ms: int, end_ms: int | None = None, **data: Any) -> dict[str, Any]:
    return {"id": f"{kind}-{start_ms}", "kind": kind, "start_ms": start_ms, "end_ms": end_ms, "data": data}


def test_what_is_over_does_not_begin_again(tab: Tab) -> None:
    begun, over = event("motion", 5), event("motion", 5, 9)
    assert tab.page.evaluate(KNOWN, [[begun, over], 0]) == [over]
    assert tab.page.evaluate(KNOWN, [[over, begun], 0]) == [over]


def test_the_oldest_leave_where_there_are_too_many_or_their_time_is_over(tab: Tab) -> None:
    many = [event("motion", at, at) for at in range(510, 0, -1)]
    assert [one["start_ms"] for one in tab.page.evaluate(KNOWN, [many, 0])] == list(range(11, 511))
    left = tab.page.evaluate(KNOWN, [[event("motion", 1, 4), event("motion", 2), event("motion", 3, 6)], 5])
    assert [one["start_ms"] for one in left] == [2, 3]


def test_each_kind_has_a_lane_and_outages_the_last(tab: Tab) -> None:
    events = [event("outage", 1), event("motion", 2), event("face", 3), event("motion", 4)]
    found = call(tab, "lanes", events)
    assert [(one["label"], one["tone"], len(one["events"])) for one in found] == [
        ("Face", 2, 1),
        ("Motion", 0, 2),
        ("Outage", "outage", 1),
    ]


def test_kinds_beyond_the_lanes_share_one(tab: Tab) -> None:
    events = [event(f"kind-{n}", at) for n in range(9) for at in range(9 - n)] + [event("outage", 1)]
    found = call(tab, "lanes", events)
    assert [one["label"] for one in found] == ["Kind 0", "Kind 1", "Kind 2", "Kind 3", "Outage", "Others"]
    assert sum(len(one["events"]) for one in found) == len(events)
    assert all(one["tone"] in {0, 1, 2, 3, 4, 5, "outage"} for one in found)


@pytest.mark.parametrize(
    ("start_s", "end_s", "place"),
    [
        pytest.param(-1800, -900, {"left": 0.5, "width": 0.25}, id="in the middle"),
        pytest.param(-1800, None, {"left": 0.5, "width": 0.5}, id="still going on"),
        pytest.param(-7200, -1800, {"left": 0, "width": 0.5}, id="begun before"),
        pytest.param(-900, -900, {"left": 0.75, "width": 0}, id="a moment"),
        pytest.param(-7200, -3601, None, id="over before"),
        pytest.param(5, None, None, id="of a clock that is ahead"),
    ],
)
def test_where_something_lies_on_the_line(
    tab: Tab, start_s: int, end_s: int | None, place: dict[str, float] | None
) -> None:
    end_ms = None if end_s is None else NOW_MS + end_s * 1000
    found = call(tab, "place", event("motion", NOW_MS + start_s * 1000, end_ms), NOW_MS)
    assert found == (place if place is None else pytest.approx(place))


def test_there_is_a_tick_at_each_full_ten_minutes(tab: Tab) -> None:
    found = call(tab, "ticks", NOW_MS)
    assert [one["at_ms"] % 600_000 for one in found] == [0] * 6
    assert [one["left"] for one in found] == pytest.approx([1 - (NOW_MS - one["at_ms"]) / SPAN_MS for one in found])


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (event("motion", NOW_MS - 12_000, NOW_MS, zone="path"), f"Motion in path, at {NOW_MS - 12_000}, for 12 s"),
        (event("motion", NOW_MS - 90_000, zone="picture"), f"Motion, at {NOW_MS - 90_000}, for 1 min so far"),
        (event("motion", NOW_MS - 100), f"Motion, at {NOW_MS - 100}, now"),
        (event("scene-change", 5, 5), "Scene change, at 5"),
        (event("object", 5, 6, label="cat", zones=["path", "gate"]), "Object (cat) in path and gate, at 5"),
        (event("face", 5, 6, label="face", zones=["picture"]), "Face, at 5"),
        (event("outage", 0, 5000, reason="the camera is away"), "Outage, at 0, for 5 s: the camera is away"),
        (event("odd", 5, 5, zone=7, label=None), "Odd, at 5"),
    ],
)
def test_an_event_in_words(tab: Tab, one: dict[str, Any], words: str) -> None:
    assert tab.page.evaluate(WORDS, [one, NOW_MS]) == words


@pytest.mark.parametrize(
    ("key", "leads_to"),
    [("ArrowLeft", "a"), ("ArrowRight", "c"), ("Home", "a"), ("End", "d"), ("Enter", None), ("x", None)],
)
def test_where_keys_lead(tab: Tab, key: str, leads_to: str | None) -> None:
    assert call(tab, "neighbour", ["a", "b", "c", "d"], "b", key) == leads_to


def test_keys_lead_no_further_than_the_ends(tab: Tab) -> None:
    assert call(tab, "neighbour", ["a", "b"], "a", "ArrowLeft") == "a"
    assert call(tab, "neighbour", ["a", "b"], "b", "ArrowRight") == "b"
    assert call(tab, "neighbour", [], "a", "Home") is None


@pytest.mark.parametrize(
    ("date_s", "position"),
    [(0, 100), (-12, 88), (3, 103), (-13, None), (4, None)],
)
def test_how_far_back_a_player_can_go(tab: Tab, date_s: int, position: float | None) -> None:
    found = tab.page.evaluate(REACH, [NOW_MS, 100, [[88, 103]], NOW_MS + date_s * 1000])
    assert found == [[NOW_MS - 12_000, NOW_MS + 3000], position]


def test_without_a_picture_or_a_range_nobody_knows(tab: Tab) -> None:
    assert tab.page.evaluate(REACH, [None, 100, [[88, 103]], NOW_MS]) == [None, None]
    assert tab.page.evaluate(REACH, [NOW_MS, 100, [], NOW_MS]) == [None, None]
