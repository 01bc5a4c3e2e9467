"""Lips at the output: flash and beep from a camera that hangs up, through a whole worker, in what it published."""

from __future__ import annotations

import io
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest

from fixtures.media import SAMPLE_RATE, Clip
from fixtures.parent import FORMAT
from fixtures.sync import beeps_s, flashes_s, offsets_ms, write_flashes
from fixtures.trouble import Trouble, as_live, http
from relay.model import MediaKind
from relay.timeline import Grid

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from fixtures.parent import Supervisor
    from relay.model import Init, Part

pytestmark = pytest.mark.clock

LIMIT_MS = 40
STREAM = replace(FORMAT, rate=Fraction(25))
GRID = Grid.of(STREAM)
CAMERA = Clip(64, 48, frames=88, audio_codec="aac", gop=25, first_pts=20)
"""Three and a half seconds, from 0.8 s on."""


def pictures(init: Init, parts: list[Part]) -> list[tuple[float, float]]:
    """The time and the mean luma of what a player shows."""
    with av.open(io.BytesIO(init.data + b"".join(part.data for part in parts)), "r") as container:
        return [
            (float((frame.pts or 0) * Fraction(1, GRID.timescale)), float(frame.to_ndarray()[: frame.height].mean()))
            for frame in container.decode(video=0)
        ]


def sound(init: Init, parts: list[Part]) -> tuple[int, NDArray[np.float32]]:
    """The first sample of what a player plays, and all of it."""
    with av.open(io.BytesIO(init.data + b"".join(part.data for part in parts)), "r") as container:
        frames = list(container.decode(audio=0))
    assert frames[0].pts is not None
    assert frames[0].sample_rate == SAMPLE_RATE
    return frames[0].pts, np.hstack([frame.to_ndarray() for frame in frames])


def test_sound_stays_with_the_picture_across_a_reconnect(tmp_path: Path, supervisor: Supervisor) -> None:
    with Trouble(http(), as_live(write_flashes(tmp_path / "a.ts", CAMERA))) as camera:
        supervisor.configure(source=f"http://127.0.0.1:{camera.port}/a.ts", stall_after_s=1)
        supervisor.start(STREAM, GRID)
        while len(supervisor.parts(MediaKind.AUDIO)) < 8 * GRID.parts_per_segment:
            supervisor.hear()
    assert camera.connections >= 2
    flashes = flashes_s(pictures(supervisor.init(MediaKind.VIDEO), supervisor.parts(MediaKind.VIDEO)))
    offsets = offsets_ms(flashes, beeps_s(*sound(supervisor.init(MediaKind.AUDIO), supervisor.parts(MediaKind.AUDIO))))
    assert len(offsets) >= 4
    assert np.abs(offsets).max() <= LIMIT_MS, offsets
