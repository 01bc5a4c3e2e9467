"""The desk: what comes in from workers, and what of it store, playlists and listeners are told, and when."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from fixtures.noticed import AT_NS, begins, ends, listed, moment, ns, picture_of
from relay.config import RelaySettings, StreamSettings
from relay.events.desk import MOST_PICTURES_WAITING, PLAYLIST_BURST, EventDesk
from relay.events.settings import EventRule
from relay.events.store import EventStore
from relay.model import DateRange

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from relay.events.model import TimedEvent

JPEG = b"\xff\xd8one"
OTHER = b"\xff\xd8two"
REASON = "the camera sends no pictures"
AWAY = DateRange("outage-1", ns(5), "relay.outage", attributes={"X-REASON": REASON}, caption=REASON)
BACK = replace(AWAY, end_ns=ns(9))
START_MS = AT_NS // 1_000_000


class Heard:
    """A desk, and all that it told."""

    def __init__(self, folder: Path, *rules: EventRule, **settings: Any) -> None:
        streams = {"door": StreamSettings(events=rules), "yard": StreamSettings()}
        self.settings = RelaySettings(data=folder, streams=streams, **settings)
        self.store = EventStore(folder, days=30, pictures_mb=self.settings.event_pictures_mb)
        self.published: list[tuple[str, DateRange]] = []
        self.told: list[tuple[TimedEvent, bytes]] = []
        self.desk = EventDesk(self.settings, self.store, lambda name, told: self.published.append((name, told)))
        self.desk.listeners.append(lambda event, jpeg: self.told.append((event, jpeg)))

    @property
    def spans(self) -> list[tuple[str, float, float | None]]:
        return [(one.kind, s(one.start_ns), None if one.end_ns is None else s(one.end_ns)) for one, _ in self.told]

    @property
    def ranges(self) -> list[tuple[str, float, float | None]]:
        return [
            (one.class_name, s(one.start_ns), None if one.end_ns is None else s(one.end_ns))
            for _, one in self.published
        ]


def s(time_ns: int) -> float:
    return (time_ns - AT_NS) / 1e9


@pytest.fixture
def open_desk(tmp_path: Path) -> Iterator[Callable[..., Heard]]:
    opened: list[Heard] = []

    def make(*rules: EventRule, **settings: Any) -> Heard:
        opened.append(Heard(tmp_path, *rules, **settings))
        return opened[-1]

    yield make
    for one in opened:
        one.store.close()


@pytest.fixture
def heard(open_desk: Callable[..., Heard]) -> Heard:
    return open_desk()


def test_an_event_is_told_everywhere_when_it_begins_and_when_it_is_over(heard: Heard) -> None:
    heard.desk.notice("door", begins("motion", 1, zone="gate", box=[0, 0, 1, 1]), JPEG)
    heard.desk.notice("door", ends("motion", 4, lasted_s=3, zone="gate", score=0.5))
    (begun, picture), (over, none) = heard.told
    assert (begun.has_picture, picture, over.has_picture, none) == (True, JPEG, True, b"")
    assert heard.spans == [("motion", 1, None), ("motion", 1, 4)]
    assert heard.ranges == [("relay.motion", 1, None), ("relay.motion", 1, 4)]
    (_, first), (_, last) = heard.published
    assert last == replace(first, end_ns=ns(4)), "nothing else of it may change"
    assert first.attributes == {"X-ZONE": "gate"}
    assert first.caption == ""
    assert listed(heard.store) == (over,)
    assert picture_of(heard.store, over.id) == JPEG
    assert heard.desk.counters == {("door", "told"): 1}
    assert heard.desk.changes == {"door": 2}


def test_streams_are_kept_apart(heard: Heard) -> None:
    heard.desk.notice("door", begins("motion", 1))
    heard.desk.notice("yard", ends("motion", 2, lasted_s=1))
    assert [(one.stream, one.id) for one, _ in heard.told] == [
        (name, f"motion-{START_MS + 1000}") for name in ("door", "yard")
    ]
    assert [name for name, _ in heard.published] == ["door", "yard"]
    assert [len(listed(heard.store, name)) for name in ("door", "yard")] == [1, 1]


def test_what_rules_hold_back_goes_nowhere_and_is_counted(open_desk: Callable[..., Heard]) -> None:
    heard = open_desk(EventRule(kinds=("motion",), zones=("gate",), schedule="mon"), timezone="Europe/Berlin")
    heard.desk.notice("door", moment("motion", 23 * 3600, zone="gate"), JPEG)
    heard.desk.notice("door", moment("motion", 1, zone="yard"), JPEG)
    heard.desk.notice("yard", moment("activity", 1))
    assert (heard.told, heard.published) == ([], [])
    assert heard.desk.counters == {
        ("door", "held_back_schedule"): 1,
        ("door", "held_back_zone"): 1,
        ("yard", "held_back_measured"): 1,
    }


def test_what_has_to_last_is_told_with_its_picture_when_it_has(open_desk: Callable[..., Heard]) -> None:
    heard = open_desk(EventRule(kinds=("motion",), min_duration_s=5))
    heard.desk.notice("door", begins("motion", 1, zone="a"), JPEG)
    heard.desk.notice("door", begins("motion", 2, zone="b"), OTHER)
    heard.desk.notice("door", ends("motion", 3, lasted_s=1, zone="b"))
    heard.desk.tick(ns(5.75))
    assert heard.told == []
    heard.desk.tick(ns(6))
    heard.desk.tick(ns(6.25))
    heard.desk.notice("door", ends("motion", 8, lasted_s=7, zone="a"))
    assert heard.spans == heard.spans[:2] == [("motion", 1, None), ("motion", 1, 8)]
    assert [jpeg for _, jpeg in heard.told] == [JPEG, b""]
    (kept,) = listed(heard.store)
    assert (kept.data, kept.has_picture) == ({"zone": "a"}, True)


def test_pictures_of_what_waits_are_bounded(open_desk: Callable[..., Heard]) -> None:
    heard = open_desk(EventRule(kinds=("object",), min_duration_s=5))
    for visit in range(MOST_PICTURES_WAITING + 2):
        heard.desk.notice("door", begins("object", 1, visit=visit), JPEG)
    heard.desk.tick(ns(10))
    assert [jpeg for _, jpeg in heard.told] == [JPEG] * MOST_PICTURES_WAITING + [b""] * 2
    assert [one.has_picture for one, _ in heard.told] == [True] * MOST_PICTURES_WAITING + [False] * 2
    assert heard.desk.counters["door", "pictures_dropped"] == 2


def test_where_no_picture_is_to_be_kept_none_is_handed_on(open_desk: Callable[..., Heard]) -> None:
    heard = open_desk(event_pictures_mb=0)
    heard.desk.notice("door", begins("motion", 1), JPEG)
    heard.desk.outage("door", AWAY, JPEG)
    assert [(one.has_picture, jpeg) for one, jpeg in heard.told] == [(False, b"")] * 2
    assert picture_of(heard.store, heard.told[0][0].id) is None


class TestOutages:
    def test_one_is_in_the_playlist_once_and_is_an_event_as_others_are(self, heard: Heard) -> None:
        heard.desk.outage("door", AWAY, JPEG)
        heard.desk.outage("door", BACK)
        name = f"outage-{START_MS + 5000}"
        assert heard.published == [("door", replace(AWAY, id=name)), ("door", replace(BACK, id=name))]
        assert heard.spans == [("outage", 5, None), ("outage", 5, 9)]
        assert [(one.id, one.data, one.has_picture) for one, _ in heard.told] == [(name, {"reason": REASON}, True)] * 2
        assert [jpeg for _, jpeg in heard.told] == [JPEG, b""]

    def test_rules_say_who_hears_of_it_and_players_show_it_all_the_same(self, open_desk: Callable[..., Heard]) -> None:
        heard = open_desk(EventRule(kinds=("outage",), min_duration_s=30))
        heard.desk.outage("door", AWAY)
        heard.desk.outage("door", BACK)
        assert (heard.told, len(heard.published)) == ([], 2)
        heard.desk.outage("door", replace(AWAY, start_ns=ns(60)))
        heard.desk.tick(ns(90))
        heard.desk.outage("door", replace(AWAY, start_ns=ns(60), end_ns=ns(99)))
        assert heard.spans == [("outage", 60, None), ("outage", 60, 99)]
        assert len(heard.published) == 4
        assert heard.desk.counters == {("door", "held_back_duration"): 1, ("door", "told"): 1}

    def test_two_in_one_millisecond_are_two(self, heard: Heard) -> None:
        for _ in range(2):
            heard.desk.outage("door", AWAY)
            heard.desk.outage("door", replace(AWAY, end_ns=AWAY.start_ns))
        assert [one.id for _, one in heard.published] == [f"outage-{START_MS + 5000}"] * 2 + [
            f"outage-{START_MS + 5000}-2"
        ] * 2

    def test_one_of_which_only_the_begin_is_told_again_changes_nothing(self, heard: Heard) -> None:
        heard.desk.outage("door", AWAY)
        heard.desk.outage("door", AWAY)
        assert len(heard.told) == len(heard.published) == 1

    def test_a_transform_may_tell_of_outages_too(self, heard: Heard) -> None:
        heard.desk.outage("door", AWAY)
        heard.desk.notice("door", moment("outage", 5, what="power"))
        assert heard.ranges == [("relay.outage", 5, None), ("relay.outage", 5, 5)]


class TestWhatGoesOn:
    def test_it_is_over_when_its_worker_is_gone(self, heard: Heard) -> None:
        heard.desk.notice("door", begins("motion", 1))
        heard.desk.interrupt("yard", ns(3))
        heard.desk.interrupt("door", ns(4))
        assert heard.spans == [("motion", 1, None), ("motion", 1, 4)]

    def test_or_when_the_camera_went_away_before(self, heard: Heard) -> None:
        heard.desk.notice("door", begins("motion", 1))
        heard.desk.outage("door", AWAY)
        heard.desk.interrupt("door", ns(3600))
        assert heard.spans[-1] == ("motion", 1, 5)

    def test_or_when_the_relay_stops(self, heard: Heard, open_desk: Callable[..., Heard]) -> None:
        heard.desk.notice("door", begins("motion", 1))
        heard.desk.outage("yard", AWAY)
        assert heard.desk.close(ns(7))
        assert heard.spans[2:] == [("motion", 1, 7), ("outage", 5, 7)]
        again = open_desk()
        ((motion,), (outage,)) = [listed(again.store, name) for name in ("door", "yard")]
        assert (motion.end_ns, outage.end_ns) == (ns(7), ns(7))

    def test_it_is_said_now_and_then_that_it_does(self, heard: Heard, open_desk: Callable[..., Heard]) -> None:
        heard.desk.tick(ns(0))
        heard.desk.notice("door", begins("motion", 1))
        for at_s in (9, 10.5, 15):
            heard.desk.tick(ns(at_s))
        heard.store.close()
        (motion,) = listed(open_desk().store)
        assert motion.end_ns == ns(10.5), "as after a kill"


def test_names_of_an_earlier_run_are_not_given_again(heard: Heard, open_desk: Callable[..., Heard]) -> None:
    heard.desk.notice("door", moment("bell", 1))
    heard.store.close()
    again = open_desk()
    again.desk.notice("door", moment("bell", 1))
    assert again.told[0][0].id == f"{heard.told[0][0].id}-2"


def test_playlists_are_told_so_much_a_second_and_the_end_of_all_that_they_were_told(heard: Heard) -> None:
    heard.desk.tick(ns(0))
    many = int(PLAYLIST_BURST)
    for n in range(many + 5):
        heard.desk.notice("door", begins("object", n / 100, visit=n))
    assert (len(heard.published), len(heard.told)) == (many, many + 5)
    assert heard.desk.counters["door", "not_in_playlist"] == 5
    for n in range(many + 5):
        heard.desk.notice("door", ends("object", 1, lasted_s=1, visit=n))
    assert len(heard.published) == 2 * many
    heard.desk.outage("door", AWAY)
    assert len(heard.published) == 2 * many + 1, "whatever a transform does"
    heard.desk.tick(ns(2))
    for n in range(3):
        heard.desk.notice("door", moment("bell", 3 + n))
    assert heard.ranges[2 * many + 1 :] == [("relay.bell", 3, 3), ("relay.bell", 4, 4)]


def test_a_listener_that_fails_costs_no_other_and_is_logged(heard: Heard) -> None:
    def fail(event: TimedEvent, jpeg: bytes) -> None:
        raise ValueError("not today")

    heard.desk.listeners.insert(0, fail)
    with capture_logs() as logs:
        heard.desk.notice("door", moment("bell", 1))
    assert heard.spans == [("bell", 1, 1)]
    assert [(line["event"], line["error"]) for line in logs] == [("somebody who is told of events failed", "not today")]


def test_a_kind_that_would_be_no_address_is_left_out_and_counted(heard: Heard) -> None:
    for kind in ("../x", "A", "", "a" * 64, "bell\n"):
        heard.desk.notice("door", moment(kind, 1))
    assert heard.told == []
    assert heard.desk.counters == {("door", "malformed"): 5}
