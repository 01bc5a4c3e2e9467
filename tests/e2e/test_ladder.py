"""A ladder of three rungs from the test pattern: in the watch page, changing between them, and by the rules."""

from __future__ import annotations

import re
from fractions import Fraction
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Final

import pytest

from fixtures.inspector import Inspector
from fixtures.processes import Relay, wait_for
from fixtures.shown import LADDER, RATE, offset
from relay.model import Latency, Rung, StreamFormat
from relay.timeline import Grid

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fixtures.browser import Tab
    from fixtures.shown import Shown

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

SLOWEST: Final = Rung("video-240p15", 426, 240, Fraction(15), 300)
GRID: Final = Grid.of(StreamFormat(1280, 720, Fraction(RATE), audio=True, latency=Latency.LAN, ladder=(SLOWEST,)))
SWITCHED_WITHIN_S: Final = 6.0
MOST_SHIFT_S: Final = 0.15
"""A second at the rate of 1.1 with which the page follows the live edge, and a frame of 15 a second."""


@pytest.fixture(scope="module")
def relay(folder: Path) -> Iterator[Relay]:
    with Relay.with_settings("test:", folder, LADDER) as relay:
        relay.wait_until("live")
        yield relay


@pytest.mark.all
def test_the_menu_changes_the_picture_without_a_stall_or_a_missing_frame(tab: Tab) -> None:
    labels = tab.page.get_by_label("Quality").locator("option").all_inner_texts()
    assert [label.partition(" ")[0] for label in labels] == ["Automatic", "240p", "480p", "720p"]
    tab.choose("720p", SWITCHED_WITHIN_S)
    tab.pump(4)
    before = tab.player()
    tab.note_frames()
    tab.pump(3)
    tab.choose("240p", SWITCHED_WITHIN_S)
    tab.pump(7)
    tab.choose("720p", SWITCHED_WITHIN_S)
    tab.pump(7)
    after = tab.player()
    frames = tab.frames()
    assert (after["stalls"], after["jumps"], after["rebuilds"]) == (before["stalls"], before["jumps"], 0)
    assert (tab.failed, tab.complaints, after["error"]) == ([], [], None)
    assert [run[0].height for run in stretches(frames)] == [720, 240, 720]
    check_that_nothing_is_missing(frames)


def stretches(frames: list[Shown]) -> list[list[Shown]]:
    """The frames of one rung after the other."""
    return [list(run) for _, run in groupby(frames, lambda one: one.height)]


def check_that_nothing_is_missing(frames: list[Shown]) -> None:
    """The numbers go on across a switch as they did before it, and the picture neither waits nor skips there.

    The machine may be too busy to show every frame, or shows some late: the least late of a second are compared. Or the
    relay was, and repeated some, with numbers older than their places: the newest of each rung are compared.
    """
    runs = stretches(frames)
    offsets = [max(offset(frames[0].place, one.place) for one in run) for run in runs]
    assert max(offsets) - min(offsets) <= 1.5, offsets
    for before, after in pairwise(runs):
        leads_s = [max(one.media_s - one.at_ms / 1000 for one in near) for near in (before[-RATE:], after[:RATE])]
        assert after[0].media_s > before[-1].media_s
        assert abs(leads_s[1] - leads_s[0]) < MOST_SHIFT_S, (before[-1], after[0])


def test_every_rendition_obeys_the_rules_and_has_the_same_frames_in_the_same_segments(relay: Relay) -> None:
    with Inspector(relay.playlist, GRID) as inspector:
        wait_for(lambda: all(len(one.segments) > 4 for one in inspector.renditions.values()), 30, "five segments each")
    assert re.findall(r"RESOLUTION=(\w+),FRAME-RATE=(\S+?),", inspector.multivariant) == [
        ("1280x720", "30.000"),
        ("854x480", "30.000"),
        ("426x240", "15.000"),
    ]
    assert inspector.problems == []
    assert inspector.faults() == []
    top, *others = (inspector.renditions[name] for name in ("video", "video-480p", "video-240p15"))
    for other in others:
        both = sorted(set(top.segments) & set(other.segments))
        counters = [top.first_counter(msn) for msn in both]
        assert counters == [other.first_counter(msn) for msn in both]
        assert len(set(counters)) > 2
