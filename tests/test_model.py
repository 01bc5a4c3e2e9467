"""What the records that all stages share say of themselves."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from relay.model import Picture, Rung


def test_a_rung_in_the_log() -> None:
    rung = Rung("video-480p", 854, 480, Fraction(30_000, 1001), 1350)
    assert rung.text == "video-480p 854x480 at 29.97/s, 1350 kbit/s"


def test_the_size_of_a_packed_picture() -> None:
    picture = Picture(0, 0, np.zeros((72, 64), np.uint8))
    assert (picture.width, picture.height) == (64, 48)
