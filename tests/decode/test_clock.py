from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from fixtures.clock import MS
from relay.decode.clock import SourceClock
from relay.timeline import NS_PER_S, SLEW_PPM

NOW_NS = 1_790_000_000 * NS_PER_S
STEP = 40 * MS


def test_the_offset_goes_far_down_at_once_and_up_slowly() -> None:
    clock = SourceClock()
    assert clock.time_ns(0, NOW_NS) == NOW_NS
    assert clock.time_ns(40 * MS, NOW_NS + 90 * MS) == NOW_NS + 40 * MS + 90 * MS * SLEW_PPM // 1_000_000
    assert clock.time_ns(160 * MS, NOW_NS + 100 * MS) == NOW_NS + 100 * MS
    assert clock.offset_ns == NOW_NS - 60 * MS
    assert clock.jumps == 1


def test_a_little_down_it_glides_so_that_the_sound_can_follow() -> None:
    clock = SourceClock()
    clock.time_ns(0, NOW_NS + 15 * MS)
    lags_ns = [clock.time_ns(n * STEP, NOW_NS + n * STEP) - NOW_NS - n * STEP for n in range(1, 600)]
    assert lags_ns[0] == 15 * MS - 25 * MS * SourceClock.GLIDE_PPM // 1_000_000
    assert lags_ns[-1] == 0
    assert max(before - after for before, after in pairwise(lags_ns)) <= STEP * SourceClock.GLIDE_PPM // 1_000_000


def test_a_source_that_sets_its_clock_back_is_followed() -> None:
    clock = SourceClock()
    clock.time_ns(3600 * NS_PER_S, NOW_NS)
    assert clock.time_ns(0, NOW_NS + 40 * MS) == NOW_NS + 40 * MS
    assert clock.time_ns(7200 * NS_PER_S, NOW_NS + 80 * MS) == NOW_NS + 80 * MS


@given(st.lists(st.integers(0, 2 * NS_PER_S), min_size=1, max_size=50))
def test_a_frame_is_never_much_later_than_its_arrival(delays_ns: list[int]) -> None:
    clock = SourceClock()
    for n, delay_ns in enumerate(delays_ns):
        arrival_ns = NOW_NS + n * 40 * MS + delay_ns
        assert clock.time_ns(n * 40 * MS, arrival_ns) <= arrival_ns + SourceClock.GLIDE_NS


def test_all_late_for_long_is_a_new_floor() -> None:
    """A camera that stood still for 2.5 s, and its timestamps with it."""
    clock = SourceClock()
    for n in range(25):
        clock.time_ns(n * STEP, NOW_NS + n * STEP)
    late_ns = [
        NOW_NS + n * STEP + 2500 * MS - clock.time_ns(n * STEP, NOW_NS + n * STEP + 2500 * MS) for n in range(25, 90)
    ]
    assert min(late_ns[: SourceClock.LATE_FOR_NS // STEP]) > 2400 * MS
    assert abs(late_ns[-1]) <= SourceClock.GLIDE_NS


def test_a_burst_after_a_hiccup_is_none() -> None:
    clock = SourceClock()
    for n in range(25):
        clock.time_ns(n * STEP, NOW_NS + n * STEP)
    for n in range(25, 80):  # 2.2 s late, and caught up a frame in 10 ms
        arrival_ns = max(NOW_NS + n * STEP, NOW_NS + 25 * STEP + 2200 * MS + (n - 25) * 10 * MS)
        clock.time_ns(n * STEP, arrival_ns)
    assert clock.offset_ns is not None
    assert 0 <= clock.offset_ns - NOW_NS < 2 * MS


def test_a_source_that_says_that_it_is_late_is_followed_at_once() -> None:
    """A download that hung for 2.5 s, which is known to whoever paces it."""
    clock = SourceClock()
    clock.fall_behind(NS_PER_S)
    assert clock.time_ns(0, NOW_NS) == NOW_NS, "before the first there is nothing to be late"
    late_ns = 2500 * MS
    clock.fall_behind(NS_PER_S + late_ns)
    clock.fall_behind(NS_PER_S + late_ns)
    assert clock.jumps == 1
    times_ns = [clock.time_ns(n * STEP, NOW_NS + n * STEP + late_ns) for n in range(1, 200)]
    assert {time_ns - NOW_NS - n * STEP for n, time_ns in enumerate(times_ns, 1)} == {late_ns}
    assert clock.jumps == 1


def told(clock: SourceClock, frames: range, delay_ns: int, sender_error_ns: int = 0) -> list[int]:
    """By how much each of `frames` is put after its capture, which its sender tells with an error."""
    lags_ns = []
    for n in frames:
        captured_ns = NOW_NS + n * STEP
        lags_ns.append(clock.time_ns(n * STEP, captured_ns + delay_ns, captured_ns + sender_error_ns) - captured_ns)
    return lags_ns


def test_where_the_camera_tells_the_capture_time_it_is_taken() -> None:
    clock = SourceClock()
    assert told(clock, range(5), delay_ns=80 * MS) == [0] * 5
    assert clock.is_by_sender
    assert clock.delay_ns is not None
    assert abs(clock.delay_ns - 80 * MS) < MS


def test_a_camera_whose_clock_was_never_set_is_not_believed() -> None:
    for error_ns in (-3600 * NS_PER_S, -NS_PER_S, 200 * MS, 86_400 * NS_PER_S):
        clock = SourceClock()
        assert told(clock, range(3), 80 * MS, error_ns) == [80 * MS] * 3
        assert not clock.is_by_sender


def test_the_first_report_glides_in_so_that_the_sound_can_follow() -> None:
    clock = SourceClock()
    for n in range(100):
        clock.time_ns(n * STEP, NOW_NS + n * STEP + 80 * MS)
    lags_ns = told(clock, range(100, 1000), delay_ns=80 * MS)
    steps_ns = [before - after for before, after in pairwise(lags_ns)]
    assert max(steps_ns) <= STEP * SourceClock.GLIDE_PPM // 1_000_000
    assert min(steps_ns) >= 0
    assert lags_ns[-1] == 0


def test_a_report_that_comes_with_the_burst_of_opening_is_taken_at_once() -> None:
    """The first frame waited a second until it was read: that is no delay of the camera's."""
    clock = SourceClock()
    clock.time_ns(0, NOW_NS + NS_PER_S)
    assert told(clock, range(25, 30), delay_ns=80 * MS) == [0] * 5
    assert clock.jumps == 1


def test_a_camera_that_sets_its_clock_loses_its_word_and_glides_back() -> None:
    clock = SourceClock()
    told(clock, range(50), delay_ns=80 * MS)
    lags_ns = told(clock, range(50, 1000), 80 * MS, sender_error_ns=5 * NS_PER_S)
    assert not clock.is_by_sender
    assert lags_ns[0] < MS
    assert abs(lags_ns[-1] - 80 * MS) < MS
