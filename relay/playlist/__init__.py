"""Rolling window, playlist text and the rule of blocking reloads: all pure, nothing here knows of HTTP or of a clock.

Part ──Window.append──> what is listed and what may be fetched ──render──> text
                                    └──reload.decide──> answer now, wait, or refuse
"""

from relay.playlist.captions import Captions, caption_uri
from relay.playlist.classic import render_classic_media, render_classic_multivariant, transport_uri
from relay.playlist.dateranges import DateRanges
from relay.playlist.reload import (
    Answer,
    Directives,
    decide,
    decide_on_iframes,
    decide_on_segments,
    longest_wait_s,
    parse_directives,
)
from relay.playlist.render import (
    Described,
    IFrameStream,
    Report,
    render_captions,
    render_iframes,
    render_ladder,
    render_media,
    render_multivariant,
)
from relay.playlist.window import Change, Segment, Window, WindowPart, WindowSettings, part_uri, segment_uri

__all__ = [
    "Answer",
    "Captions",
    "Change",
    "DateRanges",
    "Described",
    "Directives",
    "IFrameStream",
    "Report",
    "Segment",
    "Window",
    "WindowPart",
    "WindowSettings",
    "caption_uri",
    "decide",
    "decide_on_iframes",
    "decide_on_segments",
    "longest_wait_s",
    "parse_directives",
    "part_uri",
    "render_captions",
    "render_classic_media",
    "render_classic_multivariant",
    "render_iframes",
    "render_ladder",
    "render_media",
    "render_multivariant",
    "segment_uri",
    "transport_uri",
]
