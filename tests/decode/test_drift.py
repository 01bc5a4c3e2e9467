from __future__ import annotations

import random

import pytest

from fixtures.clock import MS, NOW, S
from relay.decode.drift import AudioDrift

HOUR_S = 3600


def listen(ppm: float, seconds: int = HOUR_S, jitter_ms: float = 30, jump_at_s: int = 0, seed: int = 1) -> list[float]:
    """By how many ms the sound is off, second by second, when its clock runs `ppm` slow and both come with jitter."""
    rng, drift, off_ms = random.Random(seed), AudioDrift(), []
    for step in range(seconds * 10):
        captured_ns = step * S // 10
        arrival_ns = NOW + captured_ns + round(rng.expovariate(1 / jitter_ms) * MS)
        drift.see_video(captured_ns, arrival_ns)
        arrival_ns = NOW + captured_ns + 15 * MS + round(rng.expovariate(1 / jitter_ms) * MS)
        pts_ns = captured_ns - round(captured_ns * ppm / 1e6)
        drift.see_audio(pts_ns - (S if jump_at_s and captured_ns > jump_at_s * S else 0), arrival_ns)
        if step % 10 == 0:
            off_ms.append((pts_ns + drift.drift_ns - captured_ns) / MS)
    return off_ms


@pytest.mark.parametrize("ppm", [200, -200, 100, 300])
def test_after_an_hour_the_lips_are_where_they_were(ppm: float) -> None:
    assert max(abs(off_ms) for off_ms in listen(ppm)) < 40


def test_without_drift_nothing_is_moved() -> None:
    assert max(abs(off_ms) for off_ms in listen(0)) < 5


def test_a_jump_is_no_drift() -> None:
    assert max(abs(off_ms) for off_ms in listen(0, seconds=600, jump_at_s=300)) < 5


def test_a_window_without_sound_says_nothing() -> None:
    drift = AudioDrift()
    for second in range(200):
        drift.see_video(second * S, NOW + second * S)
        if not 60 <= second < 120:
            drift.see_audio(second * S, NOW + second * S)
    assert drift.drift_ns == 0
