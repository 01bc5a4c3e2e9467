"""One line of time through the rounds of a file and the files of a folder."""

from __future__ import annotations

from fractions import Fraction

import av

from fixtures.clock import S
from relay.source.playhead import Playhead


def packet(pts: int | None, dts: int | None = None, duration: int = 0) -> av.Packet:
    """A packet of the one stream, in tenths of a second."""
    made = av.Packet(b"x")
    made.pts, made.dts, made.time_base = pts, dts, Fraction(1, 10)
    if duration:
        made.duration = duration
    return made


def test_what_counts_is_when_a_packet_is_decoded() -> None:
    playhead = Playhead()
    assert playhead.due_ns(packet(5, 3, duration=1)) == 3 * S // 10
    assert playhead.due_ns(packet(6)) == 6 * S // 10


def test_what_has_no_time_follows_what_was_before_it() -> None:
    playhead = Playhead()
    assert [playhead.due_ns(packet(None)) for _ in range(3)] == [0, S // 25, 2 * S // 25]
    playhead.due_ns(packet(10, duration=2))
    assert playhead.due_ns(packet(None)) == 12 * S // 10


def test_what_is_due_later_than_the_first_waits_for_so_long() -> None:
    playhead = Playhead()
    assert playhead.release_ns(packet(0), 7 * S) == 7 * S
    assert playhead.release_ns(packet(10), 7 * S + S // 4) == 8 * S


def test_what_is_late_delays_all_that_follows_and_what_begins_anew_does_not() -> None:
    playhead = Playhead()
    playhead.release_ns(packet(100), 0)
    assert playhead.release_ns(packet(101), 3 * S) == 3 * S
    assert playhead.delayed_ns == 3 * S - S // 10
    assert playhead.release_ns(packet(0), 3 * S) == 3 * S
    assert playhead.release_ns(packet(1), 3 * S) == 3 * S + S // 10
    assert playhead.delayed_ns == 3 * S - S // 10
    assert playhead.release_ns(packet(2), 4 * S, has_run_dry=True) == 4 * S
    assert playhead.delayed_ns == 3 * S - S // 10 + S * 4 // 5


def test_a_round_begins_where_the_last_ended_however_late_that_began() -> None:
    playhead = Playhead()
    playhead.begins_at(0)
    playhead.due_ns(packet(20, duration=10))
    playhead.next_round()
    assert playhead.due_ns(packet(0)) == 3 * S


def test_a_file_begins_where_the_last_ended_whatever_its_own_times_are() -> None:
    playhead = Playhead()
    playhead.due_ns(packet(20, duration=10))
    playhead.next_file(5 * S)
    assert playhead.due_ns(packet(50, duration=10)) == 3 * S
    playhead.next_round()
    assert playhead.due_ns(packet(50)) == 4 * S
    playhead.next_file(0)
    assert playhead.due_ns(packet(0)) == 5 * S
