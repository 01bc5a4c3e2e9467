from __future__ import annotations

import pytest

from fixtures.clock import MS
from relay.source.patience import RHYTHM_PACKETS, STALL_PACKETS, Patience


def after(gaps_ms: list[int], patience: Patience | None = None) -> Patience:
    patience = patience or Patience(5.0, 2.0)
    now_ns = 0
    patience.note(now_ns)
    for gap_ms in gaps_ms:
        now_ns += gap_ms * MS
        patience.note(now_ns)
    return patience


def test_until_the_rhythm_is_known_it_is_the_read_timeout() -> None:
    assert after([]).seconds == after([40] * (RHYTHM_PACKETS - 1)).seconds == 5.0
    assert Patience(1.0, 2.0).seconds == 2.0


@pytest.mark.parametrize("rate", [60, 25, 5, 2])
def test_a_camera_has_two_seconds(rate: int) -> None:
    assert after([1000 // rate] * RHYTHM_PACKETS).seconds == 2.0


def test_a_slow_camera_has_three_frame_times() -> None:
    assert after([40, *[2500] * RHYTHM_PACKETS]).seconds == 2.5 * STALL_PACKETS
    assert after([40, 40, 40, 40, 2500]).seconds == 2.5 * STALL_PACKETS
    assert after([2500, *[40] * RHYTHM_PACKETS]).seconds == 2.0


def test_whoever_asked_hears_of_a_change() -> None:
    patience = Patience(5.0, 2.0)
    assert not patience.is_outdated
    assert float(patience) == 5.0
    assert not patience.is_outdated
    after([40] * RHYTHM_PACKETS, patience)
    assert patience.is_outdated
    assert float(patience) == 2.0
    assert not patience.is_outdated
