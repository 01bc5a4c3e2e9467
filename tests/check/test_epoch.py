"""The relay's own promise: numbers and dates of a playlist follow from the clock and the grid."""

from __future__ import annotations

from datetime import UTC, datetime
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtures.playlists import EPOCH_MSN, LowLatency, edit
from relay.check.epoch import check_epoch, first_ns, span_s
from relay.check.media_playlist import check_media_playlist, parse
from relay.model import Latency, MediaKind, StreamFormat
from relay.timeline import Grid

GRID = Grid(Fraction(30), 15, 4)
LIVE = LowLatency().text
LAST = EPOCH_MSN + 6


def rules(text: str, kind: MediaKind = MediaKind.VIDEO) -> list[str]:
    return [finding.rule for finding in check_epoch(parse(text), GRID, kind)]


def write(grid: Grid, kind: MediaKind, first_msn: int) -> str:
    """Seven segments on `grid`, positions rounded and not durations, so that nothing drifts."""
    lines = ["#EXTM3U", "#EXT-X-VERSION:6", f"#EXT-X-TARGETDURATION:{grid.target_duration_s}"]
    lines += [f"#EXT-X-MEDIA-SEQUENCE:{first_msn}", '#EXT-X-MAP:URI="init.mp4"']
    for msn in range(first_msn, first_msn + 7):
        ms = first_ns(grid, kind, msn) // 1_000_000
        date = datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        duration_s = span_s(grid, kind, grid.first_slot(msn), grid.first_slot(msn + 1))
        lines += [f"#EXT-X-PROGRAM-DATE-TIME:{date}.{ms % 1000:03}Z", f"#EXTINF:{float(duration_s):.6f},", f"{msn}.m4s"]
    return "\n".join(lines)


@given(
    st.sampled_from(["25", "30", "30000/1001", "25/2", "60000/1001", "7"]),
    st.sampled_from(Latency),
    st.sampled_from(MediaKind),
    st.integers(min_value=500_000_000, max_value=1_500_000_000),
)
def test_every_grid_gives_playlists_without_findings(rate: str, latency: Latency, kind: MediaKind, msn: int) -> None:
    grid = Grid.of(StreamFormat(1280, 720, Fraction(rate), audio=True, latency=latency))
    text = write(grid, kind, msn)
    assert check_media_playlist(text) == []
    assert check_epoch(parse(text), grid, kind) == []


def test_parts_on_the_grid() -> None:
    assert rules(LIVE) == []


@pytest.mark.parametrize(
    ("rule", "old", "new"),
    [
        ("E1", "15:06:42.000Z", "15:06:42.004Z"),
        ("E2", "15:06:42.000Z", "15:06:44.000Z"),
        ("E3", f"#EXTINF:2.00000,\n{LAST}.m4s", f"#EXTINF:1.96667,\n{LAST}.m4s"),
        ("E4", f'DURATION=0.50000,URI="{LAST}.3', f'DURATION=0.46667,URI="{LAST}.3'),
        ("E4", f"#EXTINF:2.00000,\n{LAST}.m4s", f'#EXT-X-PART:DURATION=0.5,URI="a"\n#EXTINF:2.00000,\n{LAST}.m4s'),
        ("E5", "TARGETDURATION:2", "TARGETDURATION:3"),
        ("E5", "PART-TARGET=0.5", "PART-TARGET=0.6"),
    ],
)
def test_what_is_off_the_grid(rule: str, old: str, new: str) -> None:
    assert rules(edit(LIVE, old, new)) == [rule]


def test_audio_is_not_on_the_grid_of_video() -> None:
    assert {"E1", "E3", "E4", "E5"} == set(rules(LIVE, MediaKind.AUDIO))
    assert "E1" not in rules(LIVE.replace("#EXT-X-PROGRAM-DATE-TIME", "# none"), MediaKind.AUDIO)
