"""What an address below `/live/` names (pure).

/live/{stream}/[v/{viewer}/]index.m3u8                                       the multivariant playlist
/live/{stream}/[v/{viewer}/]{rendition}-{generation}/index.m3u8              a media playlist
/live/{stream}/[v/{viewer}/]{rendition}-{generation}/iframes.m3u8            its I-frame playlist, of the same segments
/live/{stream}/[v/{viewer}/]{rendition}-{generation}/init-{hash8}.mp4        an initialization segment
/live/{stream}/[v/{viewer}/]{rendition}-{generation}/{msn}.m4s, {msn}.{part}.m4s
/live/{stream}/[v/{viewer}/]ts.m3u8                                          the multivariant playlist of MPEG-TS
/live/{stream}/[v/{viewer}/]ts-{generation}/index.m3u8, {msn}.ts             its media playlist, a segment of it
/live/{stream}/[v/{viewer}/]captions-{generation}/index.m3u8, {msn}.vtt      the media playlist of captions, a segment
/live/{stream}/snapshot.jpg                                                  the newest picture
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from relay.sessions import ObjectKind

_STREAM: Final = r"/live/(?P<stream>[a-z0-9][a-z0-9_-]{0,62})"
_VIEWER: Final = r"(?:/v/(?P<viewer>[A-Za-z0-9_.~-]{1,128}))?"
_RENDITION: Final = r"[a-z0-9]{1,32}(?:-[a-z0-9]{1,32}){0,2}"
"""A medium and, of all but a ladder's largest rung, its size and what codec it is: `video`, `video-360p15`,
`video-720p-hevc`."""
TRANSPORT: Final = "ts"
"""What the rendition in MPEG-TS is called."""
CAPTIONS: Final = "captions"
"""What the rendition of text is called."""

IFRAME_PLAYLIST: Final = "iframes.m3u8"
TRANSPORT_PLAYLIST: Final = "ts.m3u8"
_NUMBERED: Final = r"(?P<msn>0|[1-9]\d{0,18})(?:(?:\.(?P<part>0|[1-9]\d{0,5}))?\.m4s|\.ts|\.vtt)"
_MEDIA_NAME: Final = rf"index\.m3u8|iframes\.m3u8|init-[0-9a-f]{{8}}\.mp4|{_NUMBERED}"
_MEDIA: Final = re.compile(
    rf"{_STREAM}{_VIEWER}/(?P<rendition>{_RENDITION})-(?P<generation>\d{{1,9}})/(?P<name>{_MEDIA_NAME})", re.ASCII
)
_MULTIVARIANT: Final = re.compile(rf"{_STREAM}{_VIEWER}/(?P<name>index\.m3u8|ts\.m3u8)", re.ASCII)
_SNAPSHOT: Final = re.compile(rf"{_STREAM}/(?P<name>snapshot\.jpg)", re.ASCII)


@dataclass(frozen=True, slots=True)
class LivePath:
    """An address taken apart. `kind` is `None` for the snapshot; what does not apply is `None` or 0."""

    stream: str
    name: str
    kind: ObjectKind | None
    viewer: str | None = None
    rendition: str | None = None
    generation: int = 0
    msn: int | None = None
    part_index: int | None = None


def parse_path(path: str) -> LivePath | None:
    """What `path` (decoded) names, or `None` if it is no address of ours."""
    if match := _MEDIA.fullmatch(path):
        stream, viewer, rendition, generation, name, msn, part = match.group(
            "stream", "viewer", "rendition", "generation", "name", "msn", "part"
        )
        kind = _kind(name, msn, part)
        return LivePath(stream, name, kind, viewer, rendition, int(generation), _int(msn), _int(part))
    if match := _MULTIVARIANT.fullmatch(path):
        return LivePath(match["stream"], match["name"], ObjectKind.MULTIVARIANT, match["viewer"])
    if match := _SNAPSHOT.fullmatch(path):
        return LivePath(match["stream"], match["name"], None)
    return None


def _kind(name: str, msn: str | None, part: str | None) -> ObjectKind:
    if name.endswith(".vtt"):
        return ObjectKind.CAPTIONS
    if part is not None:
        return ObjectKind.PART
    if msn is not None:
        return ObjectKind.SEGMENT
    return ObjectKind.PLAYLIST if name.endswith(".m3u8") else ObjectKind.INIT


def _int(digits: str | None) -> int | None:
    return None if digits is None else int(digits)
