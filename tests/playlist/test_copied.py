"""Playlists of copied streams: whole segments of any length, and a discontinuity at each seam."""

from __future__ import annotations

from dataclasses import dataclass, field
from textwrap import dedent

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fixtures.published import MSN
from relay.check.finding import Finding, faults
from relay.check.history import check_renditions, check_update
from relay.check.media_playlist import check_media_playlist
from relay.check.parsed import parse
from relay.model import Copied, Part
from relay.playlist import Answer, Directives, Window, WindowSettings, decide, render_media
from relay.timeline import NS_PER_S

pytestmark = pytest.mark.pure

TIMESCALE = 90_000
START_MS = 1_750_000_000_000
FOUR_SECONDS = Copied("h264", 4)
CAMERA, SLATE = "init-0000cafe.mp4", "init-0000beef.mp4"


def whole(rendition: str, msn: int, start_ms: int, length_ms: int, *, is_discontinuous: bool = False) -> Part:
    return Part(
        rendition,
        msn,
        0,
        start_ticks=start_ms * 90,
        duration_ticks=length_ms * 90,
        timescale=TIMESCALE,
        pdt_ns=start_ms * 1_000_000,
        is_independent=True,
        is_last=True,
        data=b"segment",
        is_discontinuous=is_discontinuous,
    )


@dataclass
class Origin:
    """A copied stream's two renditions, segment by segment."""

    copied: Copied = FOUR_SECONDS
    segments_listed: int = 7
    msn: int = MSN
    at_ms: int = START_MS
    init: str = CAMERA
    texts: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        settings = WindowSettings.copied(self.copied, segments_listed=self.segments_listed)
        self.windows = {name: Window(settings) for name in ("video", "audio")}

    def publish(self, length_ms: int = 2000, *, seam: str = "") -> None:
        """One segment; with `seam`, behind a discontinuity and with that init."""
        self.init = seam or self.init
        for name, window in self.windows.items():
            part = whole(name, self.msn, self.at_ms, length_ms, is_discontinuous=bool(seam))
            init = self.init if name == "video" else "init-00000aac.mp4"
            assert window.append(part, init, self.at_ms * 1_000_000) is not None
        self.msn += 1
        self.at_ms += length_ms

    def read(self) -> list[Finding]:
        findings: list[Finding] = []
        for name, window in self.windows.items():
            text = render_media(window)
            findings += check_media_playlist(text)
            if name in self.texts:
                findings += check_update(parse(self.texts[name]), parse(text))
            self.texts[name] = text
        return findings + check_renditions({name: parse(text) for name, text in self.texts.items()})


def test_an_outage_in_the_playlist() -> None:
    origin = Origin()
    origin.publish(2000)
    origin.publish(880)
    origin.publish(2000, seam=SLATE)
    origin.publish(1500, seam=CAMERA)
    assert render_media(origin.windows["video"]) == dedent(f"""\
        #EXTM3U
        #EXT-X-VERSION:6
        #EXT-X-INDEPENDENT-SEGMENTS
        #EXT-X-TARGETDURATION:4
        #EXT-X-SERVER-CONTROL:CAN-SKIP-UNTIL=24.0,HOLD-BACK=12.0
        #EXT-X-MEDIA-SEQUENCE:{MSN}
        #EXT-X-DISCONTINUITY-SEQUENCE:0
        #EXT-X-MAP:URI="{CAMERA}"
        #EXT-X-PROGRAM-DATE-TIME:2025-06-15T15:06:40.000Z
        #EXTINF:2.0,
        {MSN}.m4s
        #EXT-X-PROGRAM-DATE-TIME:2025-06-15T15:06:42.000Z
        #EXTINF:0.88,
        {MSN + 1}.m4s
        #EXT-X-DISCONTINUITY
        #EXT-X-MAP:URI="{SLATE}"
        #EXT-X-PROGRAM-DATE-TIME:2025-06-15T15:06:42.880Z
        #EXTINF:2.0,
        {MSN + 2}.m4s
        #EXT-X-DISCONTINUITY
        #EXT-X-MAP:URI="{CAMERA}"
        #EXT-X-PROGRAM-DATE-TIME:2025-06-15T15:06:44.880Z
        #EXTINF:1.5,
        {MSN + 3}.m4s
        """)
    assert render_media(origin.windows["audio"]).count("#EXT-X-DISCONTINUITY\n") == 2
    assert faults(origin.read()) == []


def test_where_keyframes_are_too_far_apart_segments_are_not_said_to_be_independent() -> None:
    origin = Origin(Copied("hevc", 12, is_independent=False))
    origin.publish(12_000)
    assert "INDEPENDENT" not in render_media(origin.windows["video"])


def test_what_stays_listed_lasts_three_targets_however_short_segments_are() -> None:
    origin = Origin()
    for _ in range(20):
        origin.publish(1000)
    assert len(origin.windows["video"].listed) == 12
    assert faults(origin.read()) == []


def test_discontinuities_that_left_are_counted() -> None:
    origin = Origin()
    origin.publish()
    origin.publish(seam=SLATE)
    origin.publish(seam=CAMERA)
    for _ in range(8):
        origin.publish()
    assert [window.discontinuity_sequence for window in origin.windows.values()] == [2, 2]
    assert "#EXT-X-DISCONTINUITY-SEQUENCE:2\n" in render_media(origin.windows["video"])


def test_nobody_is_made_to_wait_and_no_part_is_hinted_at() -> None:
    window = Origin().windows["video"]
    assert decide(window, Directives()) is Answer.WAIT
    origin = Origin()
    origin.publish()
    window = origin.windows["video"]
    assert decide(window, Directives(MSN + 1, 0)) is Answer.NOW
    assert window.segments_with_parts() == 0
    window.end(0)
    assert render_media(window).endswith("#EXT-X-ENDLIST\n")


STEPS = st.lists(
    st.one_of(st.tuples(st.just(""), st.integers(250, 4400)), st.tuples(st.just("seam"), st.integers(250, 4400))),
    min_size=1,
    max_size=30,
)


@settings(max_examples=40)
@given(steps=STEPS, gap_ms=st.integers(0, 5000))
def test_any_history_of_outages_obeys_the_rules(steps: list[tuple[str, int]], gap_ms: int) -> None:
    origin = Origin()
    seams = 0
    for step, length_ms in steps:
        if step:
            origin.at_ms += gap_ms  # behind a discontinuity, time may have a hole
            seams += origin.msn > MSN
        origin.publish(length_ms, seam=(SLATE if origin.init == CAMERA else CAMERA) if step else "")
        assert faults(origin.read()) == []
    window = origin.windows["video"]
    assert window.discontinuity_sequence + sum(one.is_discontinuous for one in window.listed) == seams
    assert window.expire(origin.at_ms * 1_000_000 + 3600 * NS_PER_S) is not None
