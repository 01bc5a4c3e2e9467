"""Jitter as RTP's receivers reckon it."""

from __future__ import annotations

import pytest

from relay.worker.jitter import Jitter


def test_what_is_the_same_for_all_frames_is_no_jitter() -> None:
    jitter = Jitter()
    for _ in range(50):
        jitter.add(700)
    assert jitter.value_ns == 0


def test_it_comes_to_the_mean_difference_from_frame_to_frame() -> None:
    jitter = Jitter()
    for n in range(200):
        jitter.add(700 + 40 * (n % 2))
    assert jitter.value_ns == pytest.approx(40, rel=0.01)
    jitter.add(700 + 40)
    assert jitter.value_ns == pytest.approx(40 * 15 / 16, rel=0.01)
