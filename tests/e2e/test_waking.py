"""How long the first who asks for a rung that sleeps waits for it, at the preset that is had when nobody chooses.

What comes then, and what players make of it, is in `test_renditions_on_demand.py`, at a preset that leaves them room.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Final

import pytest

from fixtures.processes import Relay, wait_for

if TYPE_CHECKING:
    from pathlib import Path

log = logging.getLogger(__name__)
pytestmark = [pytest.mark.e2e, pytest.mark.all, pytest.mark.timeout(120)]

SETTINGS: Final = """
renditions_on_demand = true
idle_close_s = 4
renditions = [{ height = 720 }, { height = 360 }]
"""
LOW: Final = "video-360p"
HELD_S: Final = 2.0
WAKES: Final = 3
"""A moment in which the machine does something else falls into one of them, or into two."""
ASLEEP_WITHIN_S: Final = 20.0
BACKFILLED: Final = 4
"""Segments: what is decoded and encoded while the request is held."""


def segments(relay: Relay, name: str) -> int:
    """How many the playlist of a rendition lists."""
    return relay.get(f"/live/cam/{name}-{relay.status()['generation']}/index.m3u8").count(b"#EXTINF")


def is_asleep(relay: Relay) -> bool:
    return bool(relay.status()["window"]["renditions"][LOW]["is_asleep"])


def test_a_rung_is_there_within_two_seconds(tmp_path: Path) -> None:
    """The least of a few: what takes twice as long as it did takes so each time."""
    held_s: list[float] = []
    with Relay.with_settings("test:", tmp_path, SETTINGS) as relay:
        relay.wait_until("live")
        wait_for(lambda: segments(relay, "video") > BACKFILLED, 30, "segments")
        while len(held_s) < WAKES and min(held_s, default=HELD_S) >= HELD_S:
            wait_for(lambda: is_asleep(relay), ASLEEP_WITHIN_S, f"{LOW} asleep")
            began_s = time.monotonic()
            assert segments(relay, LOW) >= BACKFILLED
            held_s.append(time.monotonic() - began_s)
    log.info("held for %s s", held_s)
    assert min(held_s) < HELD_S, held_s
