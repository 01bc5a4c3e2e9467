"""A ladder of three rungs from the test pattern: in the watch page, changing between them, and by the rules."""

from __future__ import annotations

import re
from fractions import Fraction
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Final

import pytest

from fixtures.inspector import Inspector
from fixtures.processes import Relay, wait_for
from fixtures.shown import LADDER, RATE, freezes_s, missing, offset, switches
from relay.model import Latency, Rung, StreamFormat
from relay.timeline import Grid

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fixtures.browser import Browser, Tab
    from fixtures.shown import Shown

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

SLOWEST: Final = Rung("video-240p15", 426, 240, Fraction(15), 300)
GRID: Final = Grid.of(StreamFormat(1280, 720, Fraction(RATE), audio=True, latency=Latency.LAN, ladder=(SLOWEST,)))
SEGMENT_S: Final = 2.0
SWITCHED_WITHIN_S: Final = 6.0
RETURNED_WITHIN_S: Final = 10 + SWITCHED_WITHIN_S
"""For ten seconds after an error hls.js is let choose (`RESTS_MS` in `levels.js`)."""
STEADY_WITHIN_S: Final = 30.0
"""hls.js believes in a line by and by."""
WIDE_BPS: Final = 6_000_000
NARROW_BPS: Final = 2_000_000
"""More than 720p takes, so that nobody starves, and less than what it may take at most."""
PACE_S: Final = 1.0
"""Who reads along all the while must not take from the players what they need."""
ALONG: Final = pytest.mark.usefixtures("along")
MOST_SHIFT_S: Final = 0.15
"""A second at the rate of 1.1 with which the page follows the live edge, and a frame of 15 a second."""


@pytest.fixture(scope="module")
def relay(folder: Path) -> Iterator[Relay]:
    with Relay.with_settings("test:", folder, LADDER) as relay:
        relay.wait_until("live")
        yield relay


@pytest.fixture(scope="module")
def along(relay: Relay) -> Iterator[Inspector]:
    """Reads along while pages do whatever they do."""
    with Inspector(relay.playlist, GRID, pace_s=PACE_S) as inspector:
        yield inspector


@ALONG
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


@ALONG
@pytest.mark.all
def test_what_was_chosen_is_what_a_player_that_is_built_anew_begins_with(tab: Tab) -> None:
    tab.choose("240p", SWITCHED_WITHIN_S)
    rebuilds = tab.player()["rebuilds"]
    tab.page.evaluate("relayPlayer.restart()")
    tab.page.wait_for_function(
        "before => relayPlayer.rebuilds > before && relayPlayer.state === 'playing'", arg=rebuilds, timeout=15_000
    )
    tab.note_frames()
    tab.pump(4)
    assert {frame.height for frame in tab.frames()} == {240}
    assert tab.page.get_by_label("Quality").locator("option:checked").inner_text().startswith("240p ")


@ALONG
@pytest.mark.all
def test_of_several_choices_within_a_segment_the_last_counts(tab: Tab) -> None:
    tab.choose("720p", SWITCHED_WITHIN_S)
    tab.pump(2 * SEGMENT_S)
    tab.note_frames()
    quality = tab.page.get_by_label("Quality")
    for rung in ("240p", "720p", "480p"):
        (label,) = (text for text in quality.locator("option").all_inner_texts() if text.startswith(f"{rung} "))
        quality.select_option(label=label)
    tab.wait_until_lines({480}, SWITCHED_WITHIN_S)
    tab.pump(3)
    frames = tab.frames()
    seen = [run[0].height for run in stretches(frames)]
    assert seen in ([720, 480], [720, 240, 480]), "the choices may lie on both sides of a seam"
    check_that_nothing_is_missing(frames)


@ALONG
@pytest.mark.all
def test_the_page_changes_by_itself_with_its_line_without_a_missing_frame(browser: Browser, relay: Relay) -> None:
    """hls.js is long in forgetting how fast this machine's own line is, so it never gets to know it.

    It may wait once when the line gets narrow: for the rest of a segment, rather than leave it out.
    """
    tab = browser.open("about:blank")
    try:
        tab.narrow(WIDE_BPS)
        tab.page.goto(f"{relay.origin}/live/cam/")
        tab.wait_until_playing()
        tab.wait_until_lines({720}, STEADY_WITHIN_S)
        tab.pump(4)
        before = tab.player()
        tab.note_frames()
        tab.narrow(NARROW_BPS)
        lower = tab.wait_until_lines({480, 240}, STEADY_WITHIN_S)
        tab.pump(3)
        tab.narrow(WIDE_BPS)
        tab.wait_until_lines({720}, 2 * STEADY_WITHIN_S)
        tab.pump(3)
        after, frames = tab.player(), tab.frames()
    finally:
        browser.close(tab)
    seen = [run[0].height for run in stretches(frames)]
    assert (seen[:2], seen[-1]) == ([720, lower], 720)
    assert after["stalls"] - before["stalls"] <= 1
    assert (after["jumps"], after["rebuilds"]) == (before["jumps"], 0)
    assert (tab.failed, tab.complaints, after["error"]) == ([], [], None)
    assert [pair for pair in switches(frames) if missing(*pair) > 1] == []


@pytest.mark.all
@pytest.mark.flaky(reruns=0)  # there is nothing to be tried again
def test_what_was_sent_in_all_of_these_obeys_the_rules(along: Inspector) -> None:
    wait_for(along.has_begun, 20, "a segment of each rendition")
    along.stop()
    assert along.complaints(may_be_late=True) == []


@pytest.mark.all
def test_what_was_chosen_is_chosen_after_the_relay_was_started_again(tab: Tab, relay: Relay) -> None:
    tab.choose("480p", SWITCHED_WITHIN_S)
    chosen = tab.page.get_by_label("Quality").input_value()
    with Inspector(relay.playlist, GRID, pace_s=PACE_S) as inspector:
        tab.pump(2)
        wait_for(inspector.has_begun, 20, "a segment of each rendition")
        relay.kill()
        tab.wait_until_waiting(within_s=9)
        relay.start()
        relay.wait_until("live")
        tab.wait_until_playing()
        tab.wait_until_lines({480}, RETURNED_WITHIN_S)
        assert tab.page.get_by_label("Quality").input_value() == chosen
        tab.pump(2 * SEGMENT_S)
    assert (tab.height(), tab.loads, tab.player()["error"]) == (480, 1, None)
    assert inspector.faults(may_be_late=True) == []


def stretches(frames: list[Shown]) -> list[list[Shown]]:
    """The frames of one rung after the other."""
    return [list(run) for _, run in groupby(frames, lambda one: one.height)]


def check_that_nothing_is_missing(frames: list[Shown]) -> None:
    """The numbers go on across a switch as they did before it, and the picture neither waits nor skips there.

    Between the last frame of one rung and the first of the next one of the slower of the two may be missing, and was.

    The machine may be too busy to show every frame, or shows some late: the least late of a second are compared. Or the
    relay was, and repeated some, with numbers older than their places: the newest of each rung are compared.
    """
    assert [pair for pair in switches(frames) if missing(*pair) > 1] == []
    assert freezes_s(frames) == []
    runs = stretches(frames)
    offsets = [max(offset(frames[0].place, one.place) for one in run) for run in runs]
    assert max(offsets) - min(offsets) <= 1.5, offsets
    for before, after in pairwise(runs):
        leads_s = [max(one.media_s - one.at_ms / 1000 for one in near) for near in (before[-RATE:], after[:RATE])]
        assert after[0].media_s > before[-1].media_s
        assert abs(leads_s[1] - leads_s[0]) < MOST_SHIFT_S, (before[-1], after[0])


def test_every_rendition_obeys_the_rules_and_has_the_same_frames_in_the_same_segments(relay: Relay) -> None:
    with Inspector(relay.playlist, GRID) as inspector:
        wait_for(lambda: all(len(one.segments) > 3 for one in inspector.renditions.values()), 30, "four segments each")
    assert re.findall(r"RESOLUTION=(\w+),FRAME-RATE=(\S+?),", inspector.multivariant) == [
        ("1280x720", "30.000"),
        ("854x480", "30.000"),
        ("426x240", "15.000"),
    ]
    assert inspector.complaints() == []
    top, *others = (inspector.renditions[name] for name in ("video", "video-480p", "video-240p15"))
    for other in others:
        both = sorted(set(top.segments) & set(other.segments))
        counters = [top.first_counter(msn) for msn in both]
        assert counters == [other.first_counter(msn) for msn in both]
        assert len(set(counters)) > 2
