"""Begins and ends that come one by one become events that have both, whatever is lost on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtures.noticed import AT_NS, begins, ends, moment, ns
from relay.events.episodes import LATEST_NS, MOST_OPEN, REMEMBERED_IDS, Episodes, Ids
from relay.events.model import TimedEvent
from relay.links import Emitted

if TYPE_CHECKING:
    from collections.abc import Iterable

START_MS = AT_NS // 1_000_000


def told(*emitted: Emitted) -> list[TimedEvent]:
    episodes = Episodes("door", Ids())
    return [event for one in emitted for event in episodes.take(one)]


def spans(events: Iterable[TimedEvent]) -> list[tuple[str, float, float | None]]:
    """Kind, start and end in seconds."""
    return [
        (event.kind, (event.start_ns - AT_NS) / 1e9, None if event.end_ns is None else (event.end_ns - AT_NS) / 1e9)
        for event in events
    ]


def test_an_event_begins_when_it_was_seen_first_and_ends_when_it_was_seen_last() -> None:
    begun, over = told(
        begins("motion", 10, lasted_s=0.3, zone="gate", score=0.1),
        ends("motion", 14, lasted_s=4, zone="gate", score=0.4),
    )
    name = f"motion-{START_MS + 10_000}"
    assert begun == TimedEvent(name, "door", "motion", ns(10), None, {"zone": "gate", "score": 0.1})
    assert over == TimedEvent(name, "door", "motion", ns(10), ns(14), {"zone": "gate", "score": 0.4})


def test_what_it_began_with_is_kept_where_the_end_says_nothing_of_it() -> None:
    _, over = told(begins("moved", 10, shift=[0.1, 0]), ends("moved", 20, lasted_s=10, is_back=True))
    assert over.data == {"shift": [0.1, 0], "is_back": True}


def test_what_has_no_phase_is_a_moment_and_its_data_its_own() -> None:
    (bell,) = told(moment("bell", 3, lasted_s="long", who="postman"))
    assert (bell.start_ns, bell.end_ns, bell.data) == (ns(3), ns(3), {"lasted_s": "long", "who": "postman"})
    (moon,) = told(moment("tide", 3, phase="full", ago_s=1))
    assert (moon.start_ns, moon.data) == (ns(3), {"phase": "full", "ago_s": 1})


def test_what_takes_no_time_was_when_it_says() -> None:
    (cut,) = told(Emitted("scene-change", ns(5), {"phase": "at", "lasted_s": 0.0, "ago_s": 0.5, "score": 0.9}))
    assert (spans([cut]), cut.data) == ([("scene-change", 4.5, 4.5)], {"score": 0.9})


@pytest.mark.parametrize("seconds", [None, True, "2", -1, float("nan"), 1e12, [1]])
def test_a_duration_that_is_none_counts_as_nothing(seconds: object) -> None:
    (cut,) = told(Emitted("scene-change", ns(5), {"phase": "at", "lasted_s": seconds, "ago_s": seconds}))
    assert spans([cut]) == [("scene-change", 5, 5)]


@pytest.mark.parametrize("name", ["zone", "label", "track", "visit"])
def test_an_end_belongs_to_the_begin_that_says_the_same(name: str) -> None:
    first, second, over, last = told(
        begins("object", 1, **{name: 1}),
        begins("object", 2, **{name: 2}),
        ends("object", 5, lasted_s=3, **{name: 2}),
        ends("object", 6, lasted_s=5, **{name: 1}),
    )
    assert (over.id, last.id) == (second.id, first.id)


def test_of_several_it_belongs_to_that_with_which_it_has_most_in_common_then_to_the_oldest() -> None:
    bare, _, zoned, over, rest = told(
        begins("object", 1),
        begins("object", 2, zone="yard"),
        begins("object", 3, zone="gate"),
        ends("object", 5, lasted_s=2, zone="gate", label="person"),
        ends("object", 6, lasted_s=2),
    )
    assert (over.id, rest.id) == (zoned.id, bare.id)


def test_an_end_of_another_kind_or_place_is_an_event_of_its_own() -> None:
    begun, *others = told(
        begins("motion", 1, zone="gate"),
        ends("motion", 5, lasted_s=2, zone="yard"),
        ends("face", 6, lasted_s=1, zone="gate"),
    )
    assert spans(others) == [("motion", 3, 5), ("face", 5, 6)]
    assert begun.id not in [event.id for event in others]


def test_what_begins_again_without_an_end_was_over_when_it_was_seen_last() -> None:
    first, lost, again = told(begins("motion", 1, lasted_s=0.5, zone="gate"), begins("motion", 9, zone="gate"))
    assert spans([first, lost, again]) == [("motion", 1, None), ("motion", 1, 1.5), ("motion", 9, None)]
    assert lost.id == first.id != again.id


def test_what_goes_on_is_over_when_nobody_will_tell_of_its_end() -> None:
    episodes = Episodes("door", Ids())
    episodes.take(begins("motion", 1, lasted_s=0.5))
    episodes.take(begins("object", 3, lasted_s=2))
    assert len(episodes) == 2
    assert spans(episodes.end_all(ns(4))) == [("motion", 1, 4), ("object", 3, 5)], "not before it was seen last"
    assert len(episodes) == 0
    (own,) = episodes.take(ends("motion", 8, lasted_s=7))
    assert spans([own]) == [("motion", 1, 8)]


def test_no_more_go_on_than_anybody_can_keep() -> None:
    episodes = Episodes("door", Ids())
    for n in range(MOST_OPEN):
        assert len(episodes.take(begins("object", n, visit=n))) == 1
    oldest, begun = episodes.take(begins("object", 999, visit=999))
    assert (oldest.data, oldest.is_over, begun.is_over) == ({"visit": 0}, True, False)
    assert len(episodes) == MOST_OPEN


def test_a_picture_of_the_begin_stays_the_events() -> None:
    episodes = Episodes("door", Ids())
    (begun,) = episodes.take(begins("motion", 1), has_picture=True)
    (over,) = episodes.take(ends("motion", 2, lasted_s=1))
    assert (begun.has_picture, over.has_picture) == (True, True)


ANYTHING: st.SearchStrategy[Any] = st.one_of(
    st.none(), st.booleans(), st.floats(), st.text(max_size=3), st.integers(-(10**20), 10**20), st.lists(st.integers())
)


@given(
    st.lists(
        st.builds(
            Emitted,
            st.sampled_from(["motion", "object"]),
            st.integers(-(10**19), 10**20),
            st.dictionaries(
                st.sampled_from(["phase", "lasted_s", "ago_s", "zone", "visit"]),
                st.one_of(ANYTHING, st.sampled_from(["begin", "end", "at"])),
            ),
        ),
        max_size=8,
    )
)
def test_whatever_is_emitted_each_event_has_a_name_of_its_own_and_no_end_before_its_begin(
    emitted: list[Emitted],
) -> None:
    episodes = Episodes("door", Ids())
    events = [event for one in emitted for event in episodes.take(one)] + episodes.end_all(5)
    starts: dict[str, int] = {}
    for event in events:
        assert 0 <= event.start_ns <= (event.start_ns if event.end_ns is None else event.end_ns) <= LATEST_NS
        assert starts.setdefault(event.id, event.start_ns) == event.start_ns
    begun = [event.id for event in events if not event.is_over]
    over = [event.id for event in events if event.is_over]
    assert len(set(begun)) == len(begun)
    assert len(set(over)) == len(over)
    assert set(begun) <= set(over), "all that began is over"


class TestNames:
    def test_what_begins_in_the_same_millisecond_has_a_number(self) -> None:
        ids = Ids()
        names = [ids.take("motion", ns(1) + n) for n in range(3)] + [ids.take("object", ns(1))]
        ms = START_MS + 1000
        assert names == [f"motion-{ms}", f"motion-{ms}-2", f"motion-{ms}-3", f"object-{ms}"]

    def test_those_of_an_earlier_run_are_not_taken_again(self) -> None:
        assert Ids([f"motion-{START_MS}", f"motion-{START_MS}-2"]).take("motion", AT_NS) == f"motion-{START_MS}-3"

    def test_the_latest_are_remembered(self) -> None:
        ids = Ids(f"bell-{n}" for n in range(REMEMBERED_IDS))
        assert ids.take("bell", 5_000_000) == "bell-5-2", "which takes the place of the oldest"
        assert ids.take("bell", 0) == "bell-0"
        assert ids.take("bell", 5_000_000) == "bell-5-3"
