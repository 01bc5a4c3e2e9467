"""What every viewer can read of an event: single values on one line, and nothing else."""

from __future__ import annotations

from dataclasses import replace

from fixtures.noticed import ns, timed
from relay.events.ranges import MOST_ATTRIBUTES, date_range_of
from relay.model import DateRange
from relay.playlist.dateranges import daterange_line


def test_it_is_told_with_its_kind_its_times_and_what_a_line_can_say() -> None:
    event = timed(
        "scene.change-2", 1, 2, zone="gate", score=0.25, count=3, is_back=True, was_it=False, box_colour="red"
    )
    told = date_range_of(event)
    assert told == DateRange(
        event.id,
        ns(1),
        "relay.scene.change-2",
        ns(2),
        {"X-ZONE": "gate", "X-SCORE": 0.25, "X-COUNT": 3, "X-IS-BACK": "YES", "X-WAS-IT": "NO", "X-BOX-COLOUR": "red"},
    )
    assert daterange_line(told).count("\n") == 1


def test_what_is_no_single_value_stays_out() -> None:
    event = timed("object", 1, box=[0.1, 0.2], track=None, more={"a": 1}, shift=-0.5, far=1e300, text="", label="car")
    assert date_range_of(event).attributes == {"X-LABEL": "car"}


def test_names_are_such_as_playlists_have_and_the_first_of_two_that_become_one_is_kept() -> None:
    event = replace(timed("object", 1), data={"höhe über": 1, "a_b": 2, "A-B": 3, "___": 4, "x" * 99: 5})
    told = date_range_of(event)
    assert told.attributes == {"X-H-HE-BER": 1, "X-A-B": 2, f"X-{'X' * 40}": 5}
    assert daterange_line(told)


def test_there_are_so_many_at_the_most() -> None:
    event = replace(timed("object", 1), data={f"n{n}": n for n in range(50)})
    told = date_range_of(event)
    assert len(told.attributes) == MOST_ATTRIBUTES
    assert daterange_line(told)
