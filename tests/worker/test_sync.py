"""Lips at the output: flash and beep from a camera that hangs up, through a whole worker, in what it published."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest

from fixtures.media import Clip
from fixtures.output import heard, shown
from fixtures.parent import FORMAT
from fixtures.sync import beeps_s, flashes_s, offsets_ms, write_flashes
from fixtures.trouble import Trouble, as_live, http
from relay.model import MediaKind
from relay.timeline import Grid

if TYPE_CHECKING:
    from pathlib import Path

    from fixtures.parent import Supervisor
    from relay.model import Init, Part

pytestmark = pytest.mark.clock

LIMIT_MS = 40
STREAM = replace(FORMAT, rate=Fraction(25))
GRID = Grid.of(STREAM)
CAMERA = Clip(64, 48, frames=88, audio_codec="aac", gop=25, first_pts=20)
"""Three and a half seconds, from 0.8 s on."""


def media(init: Init, parts: list[Part]) -> bytes:
    return init.data + b"".join(part.data for part in parts)


def test_sound_stays_with_the_picture_across_a_reconnect(tmp_path: Path, supervisor: Supervisor) -> None:
    with Trouble(http(), as_live(write_flashes(tmp_path / "a.ts", CAMERA))) as camera:
        supervisor.configure(source=f"http://127.0.0.1:{camera.port}/a.ts", stall_after_s=1)
        supervisor.start(STREAM, GRID)
        while len(supervisor.parts(MediaKind.AUDIO)) < 8 * GRID.parts_per_segment:
            supervisor.hear()
    assert camera.connections >= 2
    pictures = shown(media(supervisor.init(MediaKind.VIDEO), supervisor.parts(MediaKind.VIDEO)))
    flashes = flashes_s((picture.at_s, picture.corner_luma) for picture in pictures)
    beeps = beeps_s(*heard(media(supervisor.init(MediaKind.AUDIO), supervisor.parts(MediaKind.AUDIO))))
    offsets = offsets_ms(flashes, beeps)
    assert len(offsets) >= 4
    assert np.abs(offsets).max() <= LIMIT_MS, offsets
