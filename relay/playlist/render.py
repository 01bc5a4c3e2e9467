"""Playlists as text, from a window and the inits. Every URI is relative, so that all viewers get the same bytes.

Tags and values are those of RFC 8216bis. Protocol version 6 says fMP4 with EXT-X-MAP in a media playlist, and 9 stands
only where EXT-X-SKIP does. EXT-X-INDEPENDENT-SEGMENTS is in the media playlists, which can be opened by themselves, and
so not in the multivariant playlist (Apple's authoring specification, 9.11 and 9.12).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from relay.playlist.captions import caption_uri
from relay.playlist.classic import whole_segment
from relay.playlist.text import date_time, seconds
from relay.playlist.window import HOLD_BACK_TARGETS, US_PER_S, Segment, Window, WindowSettings, part_uri, segment_uri

if TYPE_CHECKING:
    from collections.abc import Sequence
    from fractions import Fraction

    from relay.model import Init

_MULTIVARIANT_VERSION: Final = 4
"""What has groups of renditions is said to be for players that know them: "a server MAY consider indicating an
EXT-X-VERSION of 4 or higher" (RFC 8216 §7). No tag in it needs more than 1, and each media playlist says its own."""

_FIRST_VARIANT_BPS: Final = 2_000_000
"""The first variant is the one whose average is nearest to it (Apple's authoring specification, 1.32)."""

_NEWER_CODECS: Final = {"hvc1": 1, "av01": 2}
"""By their sample entries, in the order in which they came."""

_Variant = tuple[list[str], str]
"""The attributes of an EXT-X-STREAM-INF, but for those of the groups that all have, and its address."""


@dataclass(frozen=True, slots=True)
class Described:
    """A rendition as the multivariant playlist names it."""

    init: Init
    uri: str


@dataclass(frozen=True, slots=True)
class IFrameStream:
    """A rendition's I-frame playlist as the multivariant playlist names it; `bandwidth_bps` is that of its I-frames."""

    init: Init
    uri: str
    bandwidth_bps: int


@dataclass(frozen=True, slots=True)
class Report:
    """How far another rendition is: its playlist seen from this one's, and its newest part."""

    uri: str
    last_msn: int
    last_part: int


def render_media(window: Window, reports: Sequence[Report] = (), *, skip: bool = False, dateranges: str = "") -> str:
    """The media playlist; with `skip`, as a delta update where there is something to leave out.

    `dateranges` are lines of their own, all of which a delta update has too: there is no CAN-SKIP-DATERANGES.
    """
    skipped = window.skippable_segments() if skip and not window.is_ended else 0
    lines = _head(window, skipped)
    if window.last_part:  # they need a date beside them
        lines.append(dateranges)
    segments = list(window.listed)[skipped:]
    with_parts = window.segments_with_parts()
    for i, segment in enumerate(segments):
        has_parts = len(segments) - i <= with_parts
        if i == 0 or has_parts:
            previous = segments[i - 1] if i else None
            lines.append(_segment(segment, previous, has_parts=has_parts))
        else:
            segment.text = segment.text or _segment(segment, segments[i - 1], has_parts=False)
            lines.append(segment.text)
    if window.open_segment:
        lines.append(_beginning(window.open_segment, segments[-1] if segments else None))
        lines.append(_parts(window.open_segment))
    lines.append(_foot(window, reports))
    return "".join(lines)


def render_iframes(window: Window, *, skip: bool = False) -> str:
    """The I-frame playlist beside `render_media`'s, with the same numbers, dates and durations (RFC 8216bis §4.4.3.6).

    Each keyframe is a range of the segment that it begins. Where coded pictures come behind it that are shown before it
    (open GOPs, as some cameras' H.265 has), the date is theirs, a few frames early, and EXTINF is all the same the time
    to the next. No parts, no hints; protocol version 5 is what EXT-X-MAP needs here.
    """
    segments = window.iframes
    left_out = list(window.listed)[: len(window.listed) - len(segments)]
    seams = window.discontinuity_sequence + sum(segment.is_discontinuous for segment in left_out)
    skipped = window.skippable_segments() if skip and not window.is_ended and not left_out else 0
    lines = [
        f"#EXTM3U\n#EXT-X-VERSION:{9 if skipped else 5}\n",
        f"#EXT-X-TARGETDURATION:{window.settings.target_duration_s}\n",
        _server_control(window.settings),
        f"#EXT-X-MEDIA-SEQUENCE:{window.media_sequence + len(left_out)}\n",
        f"#EXT-X-DISCONTINUITY-SEQUENCE:{seams}\n",
        "#EXT-X-I-FRAMES-ONLY\n",
        f"#EXT-X-SKIP:SKIPPED-SEGMENTS={skipped}\n" if skipped else "",
    ]
    listed = segments[skipped:]
    lines += map(_iframe, listed, [None, *listed])
    return "".join([*lines, "#EXT-X-ENDLIST\n" if window.is_ended else ""])


def render_captions(window: Window, *, skip: bool = False) -> str:
    """The playlist of captions beside `render_media`'s, with the same numbers, dates and durations: segments of text.

    There are no parts: what is read of a segment is known when it is complete. Reloads are held all the same, since
    EXT-X-SERVER-CONTROL is one for all renditions. Protocol version 3 is that of decimal durations.
    """
    skipped = window.skippable_segments() if skip and not window.is_ended else 0
    lines = [
        f"#EXTM3U\n#EXT-X-VERSION:{9 if skipped else 3}\n",
        f"#EXT-X-TARGETDURATION:{window.settings.target_duration_s}\n",
        _server_control(window.settings),
        f"#EXT-X-MEDIA-SEQUENCE:{window.media_sequence}\n",
        f"#EXT-X-DISCONTINUITY-SEQUENCE:{window.discontinuity_sequence}\n",
        f"#EXT-X-SKIP:SKIPPED-SEGMENTS={skipped}\n" if skipped else "",
    ]
    lines += [whole_segment(segment, caption_uri(segment.msn)) for segment in list(window.listed)[skipped:]]
    return "".join([*lines, "#EXT-X-ENDLIST\n" if window.is_ended else ""])


def render_multivariant(
    video: Described, audio: Described | None = None, iframes: Sequence[IFrameStream] = (), captions_uri: str = ""
) -> str:
    """The multivariant playlist of one video rendition and, where there are such, its audio group and its captions."""
    return _multivariant([_variant(video, audio)], audio, iframes, captions_uri)


def render_ladder(
    videos: Sequence[Described],
    audio: Described | None = None,
    iframes: Sequence[IFrameStream] = (),
    captions_uri: str = "",
) -> str:
    """The multivariant playlist of a ladder: a variant for each rung, and one of sound alone.

    SCORE rises with size, then rate, then how new the codec is. First those in H.264 are listed, by SCORE but for the
    first, with which many players begin whatever they could play; then those in codecs that not all of them play.
    """
    ranked = sorted(videos, key=_rank, reverse=True)
    scores = range(len(videos) + (audio is not None), 0, -1)
    listed = list(zip(ranked, scores, strict=False))
    listed.sort(key=lambda scored: _newness(scored[0]))
    oldest = [video for video, _ in listed if _newness(video) == _newness(listed[0][0])]
    first = min(range(len(oldest)), key=lambda n: _distance(_average_bandwidth(oldest[n], audio), _FIRST_VARIANT_BPS))
    listed.insert(0, listed.pop(first))
    variants = [_variant(video, audio, score) for video, score in listed]
    if audio:
        variants.append(_sound_alone(audio))
    return _multivariant(variants, audio, iframes, captions_uri)


def _rank(video: Described) -> tuple[int, Fraction, int]:
    """How good it is: by its size; of one size by its rate, and then by its codec."""
    return video.init.width * video.init.height, video.init.rate, _newness(video)


def _newness(video: Described) -> int:
    """Of a rendition's codec: 0 for H.264, which every player plays."""
    return _NEWER_CODECS.get(video.init.codecs.partition(".")[0], 0)


def _multivariant(
    variants: Sequence[_Variant], audio: Described | None, iframes: Sequence[IFrameStream], captions_uri: str
) -> str:
    lines = ["#EXTM3U", f"#EXT-X-VERSION:{_MULTIVARIANT_VERSION}"]
    groups: list[str] = []
    if audio:
        groups.append('AUDIO="audio"')
        lines.append(
            '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="Audio",LANGUAGE="und",DEFAULT=YES,AUTOSELECT=YES,'
            f'CHANNELS="{audio.init.channels}",URI="{audio.uri}"'
        )
    if captions_uri:
        # WebVTT is in no CODECS (RFC 8216bis §4.4.6.2 asks for that of IMSC alone). In which language events are told
        # is not known, and nobody reads captions who has not asked for them.
        groups.append('SUBTITLES="captions"')
        lines.append(
            '#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="captions",NAME="Captions",LANGUAGE="und",DEFAULT=NO,AUTOSELECT=NO,'
            f'FORCED=NO,URI="{captions_uri}"'
        )
    lines += [f"#EXT-X-STREAM-INF:{','.join([*attributes, *groups])}\n{uri}" for attributes, uri in variants]
    return "\n".join([*lines, *map(_iframe_stream, iframes), ""])


def _variant(video: Described, audio: Described | None, score: int | None = None) -> _Variant:
    inits = [one.init for one in (video, audio) if one]
    attributes = [
        f"BANDWIDTH={sum(init.bandwidth for init in inits)}",
        f"AVERAGE-BANDWIDTH={_average_bandwidth(video, audio)}",
        f'CODECS="{",".join(init.codecs for init in inits)}"',
        f"RESOLUTION={video.init.width}x{video.init.height}",
        f"FRAME-RATE={float(video.init.rate):.3f}",
        f"VIDEO-RANGE={video.init.video_range}",
        "CLOSED-CAPTIONS=NONE",
        *([f"SCORE={score}.0"] if score else []),
    ]
    return attributes, video.uri


def _sound_alone(audio: Described) -> _Variant:
    """For who has no bandwidth for pictures: its SCORE is the lowest, CLOSED-CAPTIONS is theirs."""
    init = audio.init
    attributes = [
        f"BANDWIDTH={init.bandwidth}",
        f"AVERAGE-BANDWIDTH={init.average_bandwidth}",
        f'CODECS="{init.codecs}"',
        "CLOSED-CAPTIONS=NONE",
        "SCORE=1.0",
    ]
    return attributes, audio.uri


def _iframe_stream(one: IFrameStream) -> str:
    # No AVERAGE-BANDWIDTH: the keyframes of the next hour are not known, and nobody keeps to a number for them.
    attributes = [
        f"BANDWIDTH={one.bandwidth_bps}",
        f'CODECS="{one.init.codecs}"',
        f"RESOLUTION={one.init.width}x{one.init.height}",
        f"VIDEO-RANGE={one.init.video_range}",
        f'URI="{one.uri}"',
    ]
    return f"#EXT-X-I-FRAME-STREAM-INF:{','.join(attributes)}"


def _average_bandwidth(video: Described, audio: Described | None) -> int:
    return video.init.average_bandwidth + (audio.init.average_bandwidth if audio else 0)


def _distance(one_bps: int, other_bps: int) -> float:
    """Of two bit rates, as a factor."""
    return max(one_bps, other_bps) / min(one_bps, other_bps)


def _head(window: Window, skipped: int) -> list[str]:
    settings = window.settings
    lines = [
        "#EXTM3U\n",
        f"#EXT-X-VERSION:{9 if skipped else 6}\n",
        "#EXT-X-INDEPENDENT-SEGMENTS\n" if settings.is_independent else "",
        f"#EXT-X-TARGETDURATION:{settings.target_duration_s}\n",
        _server_control(settings),
        f"#EXT-X-PART-INF:PART-TARGET={seconds(_ceil_us(settings.part_target_s))}\n" if settings.has_parts else "",
        f"#EXT-X-MEDIA-SEQUENCE:{window.media_sequence}\n",
        f"#EXT-X-DISCONTINUITY-SEQUENCE:{window.discontinuity_sequence}\n",
    ]
    if skipped:
        lines.append(f"#EXT-X-SKIP:SKIPPED-SEGMENTS={skipped}\n")
    return lines


def _server_control(settings: WindowSettings) -> str:
    if not settings.has_parts:
        # Nor CAN-BLOCK-RELOAD: who waits for a segment of twelve seconds is given up by the players that ask for it.
        skip_s, hold_back_s = settings.can_skip_until_s, settings.hold_back_s
        return f"#EXT-X-SERVER-CONTROL:CAN-SKIP-UNTIL={skip_s}.0,HOLD-BACK={hold_back_s}.0\n"
    part_hold_back_us = HOLD_BACK_TARGETS * _ceil_us(settings.longest_part_s)
    return (
        f"#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL={settings.can_skip_until_s}.0,"
        f"HOLD-BACK={settings.hold_back_s}.0,PART-HOLD-BACK={seconds(part_hold_back_us)}\n"
    )


def _segment(segment: Segment, previous: Segment | None, *, has_parts: bool) -> str:
    parts = _parts(segment) if has_parts else ""
    extinf = f"#EXTINF:{seconds(segment.duration_us)},\n{segment_uri(segment.msn)}\n"
    return _beginning(segment, previous) + parts + extinf


def _iframe(segment: Segment, previous: Segment | None) -> str:
    extinf = f"#EXTINF:{seconds(segment.duration_us)},\n#EXT-X-BYTERANGE:{segment.keyframe_bytes}@0\n"
    return f"{_beginning(segment, previous)}{extinf}{segment_uri(segment.msn)}\n"


def _beginning(segment: Segment, previous: Segment | None) -> str:
    """What stands before a segment's first part: AVPlayer takes it for the next segment's when it comes later."""
    lines = "#EXT-X-DISCONTINUITY\n" if segment.is_discontinuous else ""
    if previous is None or previous.init_uri != segment.init_uri:
        lines += f'#EXT-X-MAP:URI="{segment.init_uri}"\n'
    return f"{lines}#EXT-X-PROGRAM-DATE-TIME:{date_time(segment.pdt_ns)}\n"


def _parts(segment: Segment) -> str:
    return "".join(
        f"#EXT-X-PART:DURATION={seconds(part.duration_us)},"
        f'URI="{part_uri(segment.msn, part.index)}"{",INDEPENDENT=YES" if part.is_independent else ""}\n'
        for part in segment.parts
    )


def _foot(window: Window, reports: Sequence[Report]) -> str:
    if window.is_ended:
        return "#EXT-X-ENDLIST\n"
    if not window.settings.has_parts:
        return ""
    lines = ""
    if window.next_part:
        lines = f'#EXT-X-PRELOAD-HINT:TYPE=PART,URI="{part_uri(*window.next_part)}"\n'
    return lines + "".join(
        f'#EXT-X-RENDITION-REPORT:URI="{report.uri}",LAST-MSN={report.last_msn},LAST-PART={report.last_part}\n'
        for report in reports
    )


def _ceil_us(duration_s: Fraction) -> int:
    # Up, because AVPlayer refuses a playlist with a part that is longer than PART-TARGET by its last digit.
    return math.ceil(duration_s * US_PER_S)
