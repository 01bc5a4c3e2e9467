"""The relay's clock is set, by an hour and by a day, while page and reader watch.

Forward it skips, back it keeps its time.
"""

from __future__ import annotations

import os
import re
import time
from itertools import pairwise
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from fixtures.audience import Audience, broken_rules
from fixtures.inspector import Inspector
from fixtures.processes import FIXTURES, Relay

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fixtures.inspector import Rendition
    from fixtures.processes import Camera

pytestmark = [pytest.mark.e2e, pytest.mark.all, pytest.mark.timeout(180)]

HOUR_S = 3600
DAY_S = 24 * HOUR_S
RATE = 15
JUMPS = (HOUR_S, DAY_S)
READER_BEHIND_S = 14.0
LOST_S = 10.0
"""What a reader that is three segments behind has not read yet when they are gone, and until there are new ones."""
OTHER_CLOCK = """
    import os, time

    real_time, real_time_ns = time.time, time.time_ns

    def offset_s():
        try:
            return float(open(os.environ["RELAY_TEST_CLOCK"]).read() or 0)
        except OSError:
            return 0.0

    time.time = lambda: real_time() + offset_s()
    time.time_ns = lambda: real_time_ns() + int(offset_s() * 1_000_000_000)
"""
"""Python runs `sitecustomize` first: by it, the clock of the whole relay is the system's and what a file says."""


class Hands:
    """Sets the clock of the relay, and of nobody else."""

    def __init__(self, folder: Path) -> None:
        (folder / "sitecustomize.py").write_text(dedent(OTHER_CLOCK))
        self._file = folder / "clock"
        self.offset_s = 0.0
        self.set(0)
        path = os.pathsep.join([str(folder), str(FIXTURES.parent)])
        self.environment = {"PYTHONPATH": path, "RELAY_TEST_CLOCK": str(self._file)}

    def set(self, offset_s: float) -> None:
        """So far ahead of the system's clock."""
        self.offset_s = offset_s
        beside = self._file.with_suffix(".new")
        beside.write_text(str(offset_s))
        beside.replace(self._file)


@pytest.fixture(scope="module")
def hands(folder: Path) -> Hands:
    return Hands(folder)


@pytest.fixture(scope="module")
def relay(camera: Camera, hands: Hands, folder: Path) -> Iterator[Relay]:
    with Relay.with_settings(camera.url("/small"), folder, "", hands.environment) as relay:
        relay.wait_until("live")
        yield relay


def newest_s(relay: Relay) -> float:
    """The Unix time at which the newest segment begins, by its number: two seconds each since the epoch."""
    media = re.findall(r"^(?!#)(\S+)$", relay.get("/live/cam/index.m3u8").decode(), re.MULTILINE)[0]
    return 2 * int(re.findall(r"^(\d+)\.m4s$", relay.get(f"/live/cam/{media}").decode(), re.MULTILINE)[-1])


def test_a_clock_that_is_set_back_is_not_followed(relay: Relay, hands: Hands, audience: Audience) -> None:
    with Inspector(relay.playlist) as inspector:
        audience.sit(3)
        hands.set(-HOUR_S)
        relay.wait_until("clock", 10)
        audience.sit(6)
        assert newest_s(relay) == pytest.approx(time.time(), abs=6)
        hands.set(0)
        relay.wait_until("live", 10)
        audience.sit(3)
    assert broken_rules(inspector) == []
    assert audience.troubles() == []
    audience.tab.wait_until_picture(3, time.time() - 2)


def jumps_s(rendition: Rendition) -> list[float]:
    """By how much the first segment that is listed was later, where that was much more than in live."""
    firsts = [reading.playlist.media_sequence for reading in rendition.readings]
    return [2.0 * (after - before) for before, after in pairwise(firsts) if after - before > 100]


@pytest.mark.parametrize("by_s", JUMPS)
def test_a_clock_that_is_set_forward_is_followed(relay: Relay, hands: Hands, audience: Audience, by_s: float) -> None:
    """What lies between was never: the playlist begins again. The page finds its way, without being loaded again."""
    ahead_s = hands.offset_s + by_s
    rebuilds = audience.tab.player()["rebuilds"]
    with Inspector(relay.playlist) as inspector:
        audience.sit(3)
        stepped_s = time.time()
        hands.set(ahead_s)
        audience.wait_for(lambda: newest_s(relay) > stepped_s + ahead_s - 10, 15, "segments of the new time")
        audience.tab.wait_until_picture(20, stepped_s + 5)
        audience.sit(6)
    assert inspector.problems == []
    for rendition in inspector.renditions.values():
        assert jumps_s(rendition) == [pytest.approx(by_s, abs=30)]
        assert not rendition.unreachable
        assert not rendition.discontinuities()
        assert not any("#EXT-X-GAP" in reading.text for reading in rendition.readings)
    # That old segments are gone at once is all that is wrong: they were of another time.
    assert [fault for fault in inspector.faults() if not fault.startswith("P9:")] == []
    assert (audience.tab.loads, audience.tab.failed, audience.tab.complaints) == (1, [], [])
    assert audience.errors == []
    said = audience.tab.player()
    assert (said["error"], said["rebuilds"] - rebuilds) == (None, 0)


def test_the_reader_was_there_for_all_of_it(audience: Audience) -> None:
    there_s, playback = audience.leave()
    assert (playback.errors, audience.errors) == ([], [])
    assert playback.shown > RATE * (there_s - READER_BEHIND_S - LOST_S * len(JUMPS))
