from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from fixtures.clock import MS, S
from relay.source.pacing import Pacer


def test_packets_are_due_as_far_apart_as_their_times() -> None:
    pacer = Pacer()
    assert pacer.wait_ns(40 * S, 5 * S) == 0
    assert pacer.wait_ns(40 * S + 40 * MS, 5 * S) == 40 * MS
    assert pacer.wait_ns(40 * S + 80 * MS, 5 * S + 70 * MS) == 10 * MS


def test_a_packet_that_is_a_little_late_goes_at_once_and_the_next_is_in_time() -> None:
    pacer = Pacer()
    pacer.wait_ns(0, 0)
    assert pacer.wait_ns(40 * MS, 100 * MS) == -60 * MS
    assert pacer.wait_ns(120 * MS, 100 * MS) == 20 * MS


def test_after_a_jump_or_a_hole_it_goes_on_from_there() -> None:
    for media_ns, now_ns in ((3600 * S, 1 * S), (-3600 * S, 1 * S), (1 * S, 60 * S)):
        pacer = Pacer()
        pacer.wait_ns(0, 0)
        assert pacer.wait_ns(media_ns, now_ns) == 0
        assert pacer.wait_ns(media_ns + 40 * MS, now_ns) == 40 * MS


@settings(max_examples=60)
@given(st.lists(st.integers(-7200 * S, 7200 * S), max_size=30))
def test_nothing_ever_waits_longer_than_the_bound(times: list[int]) -> None:
    pacer = Pacer()
    assert all(pacer.wait_ns(time_ns, 0) <= Pacer.MAX_WAIT_NS for time_ns in times)
