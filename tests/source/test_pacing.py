from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fixtures.clock import MS, S
from relay.source.pacing import Pacer


def test_packets_are_due_as_far_apart_as_their_times() -> None:
    pacer = Pacer()
    assert pacer.release_ns(40 * S, 5 * S) == 5 * S
    assert pacer.release_ns(40 * S + 40 * MS, 5 * S) == 5 * S + 40 * MS
    assert pacer.release_ns(40 * S + 80 * MS, 5 * S + 70 * MS) == 5 * S + 80 * MS


def test_a_packet_that_is_a_little_late_goes_at_once_and_the_next_is_in_time() -> None:
    pacer = Pacer()
    pacer.release_ns(0, 0)
    assert pacer.release_ns(40 * MS, 100 * MS) == 40 * MS
    assert pacer.release_ns(120 * MS, 100 * MS) == 120 * MS
    assert pacer.delayed_ns == 0


@pytest.mark.parametrize(("media_s", "now_s", "delayed_s"), [(3600, 1, 0), (1, 60, 59), (-3600, 1, 0)])
def test_after_a_jump_or_a_hole_it_goes_on_from_there(media_s: int, now_s: int, delayed_s: int) -> None:
    pacer = Pacer()
    pacer.release_ns(0, 0)
    assert pacer.release_ns(media_s * S, now_s * S) == now_s * S
    assert pacer.release_ns(media_s * S + 40 * MS, now_s * S) == now_s * S + 40 * MS
    assert pacer.delayed_ns == delayed_s * S


def test_where_timestamps_begin_anew_nothing_is_late() -> None:
    pacer = Pacer()
    pacer.release_ns(3600 * S, 0)
    pacer.restart()
    assert pacer.release_ns(0, 1 * S) == 1 * S
    assert pacer.release_ns(40 * MS, 1 * S) == 1 * S + 40 * MS
    assert pacer.delayed_ns == 0


def test_what_was_waited_for_is_late_by_as_much_as_it_is() -> None:
    pacer = Pacer()
    pacer.release_ns(0, 0)
    assert pacer.release_ns(40 * MS, 100 * MS, has_run_dry=True) == 100 * MS
    assert pacer.release_ns(80 * MS, 100 * MS) == 140 * MS
    assert pacer.release_ns(120 * MS, 2000 * MS, has_run_dry=True) == 2000 * MS
    assert pacer.delayed_ns == 60 * MS + 1820 * MS


@settings(max_examples=60)
@given(st.lists(st.integers(-7200 * S, 7200 * S), max_size=30), st.booleans())
def test_nothing_ever_waits_longer_than_the_bound(times: list[int], has_run_dry: bool) -> None:
    pacer = Pacer()
    assert all(pacer.release_ns(time_ns, 0, has_run_dry=has_run_dry) <= Pacer.MAX_WAIT_NS for time_ns in times)
