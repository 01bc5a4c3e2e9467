"""Playlists of MPEG-TS: what players could read before there was fMP4 (RFC 8216, protocol version 3).

The version is that of decimal durations; nothing else in here needs one. The multivariant playlist says the same, which
it does not need, so that who knows no decimals is told before it loads the other. No EXT-X-SERVER-CONTROL: without
parts and delta updates it would only repeat the default of HOLD-BACK.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from relay.playlist.text import date_time, seconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from relay.model import Init
    from relay.playlist.window import Segment, Window


def transport_uri(msn: int) -> str:
    """The last step of a TS segment's address."""
    return f"{msn}.ts"


def render_classic_media(window: Window) -> str:
    """The media playlist of TS segments."""
    settings = window.settings
    lines = [
        "#EXTM3U\n#EXT-X-VERSION:3\n",
        "#EXT-X-INDEPENDENT-SEGMENTS\n" if settings.is_independent else "",
        f"#EXT-X-TARGETDURATION:{settings.target_duration_s}\n",
        f"#EXT-X-MEDIA-SEQUENCE:{window.media_sequence}\n",
        f"#EXT-X-DISCONTINUITY-SEQUENCE:{window.discontinuity_sequence}\n",
        *(whole_segment(one, transport_uri(one.msn)) for one in window.listed),
        "#EXT-X-ENDLIST\n" if window.is_ended else "",
    ]
    return "".join(lines)


def render_classic_multivariant(inits: Sequence[Init], overhead_bps: int, uri: str) -> str:
    """The multivariant playlist of one rendition, in which all those of `inits`, the video first, are together.

    `overhead_bps`: what the container takes beyond what the inits say.
    """
    video = inits[0]
    attributes = [
        f"BANDWIDTH={sum(init.bandwidth for init in inits) + overhead_bps}",
        f"AVERAGE-BANDWIDTH={sum(init.average_bandwidth for init in inits) + overhead_bps}",
        f'CODECS="{",".join(init.codecs for init in inits)}"',
        f"RESOLUTION={video.width}x{video.height}",
        f"FRAME-RATE={float(video.rate):.3f}",
        # Left out, it says SDR (RFC 8216bis §4.4.6.2): old players are told only what is not.
        *([] if video.video_range == "SDR" else [f"VIDEO-RANGE={video.video_range}"]),
        "CLOSED-CAPTIONS=NONE",
    ]
    return f"#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-STREAM-INF:{','.join(attributes)}\n{uri}\n"


def whole_segment(segment: Segment, uri: str) -> str:
    """The lines of a segment that needs no init."""
    seam = "#EXT-X-DISCONTINUITY\n" if segment.is_discontinuous else ""
    date = f"#EXT-X-PROGRAM-DATE-TIME:{date_time(segment.pdt_ns)}\n"
    return f"{seam}{date}#EXTINF:{seconds(segment.duration_us)},\n{uri}\n"
