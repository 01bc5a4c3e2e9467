"""The rendition in MPEG-TS of one generation: picture and sound in one, made of its CMAF segments when asked for.

Its window follows those of video and sound: a segment is listed as soon as both have it. The packets are made by the
first request for them, in a thread of their own, and kept as long as the segment is. Whoever does not watch TS pays
nothing for it but some bytes of a window.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from relay.model import MediaKind, Part
from relay.mpegts import overhead_bps, transport_segment
from relay.playlist import (
    Window,
    render_classic_media,
    render_classic_multivariant,
    segment_uri,
    transport_uri,
)
from relay.playlist.window import US_PER_S
from relay.serve import prepared
from relay.serve.bell import Bell
from relay.serve.rendition import PLAYLIST_CACHE
from relay.sessions.paths import TRANSPORT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from relay.model import StreamFormat
    from relay.playlist import Segment
    from relay.serve.prepared import Prepared
    from relay.serve.rendition import Rendition

TRANSPORT_TYPE: Final = "video/mp2t"
_MAKER: Final = ThreadPoolExecutor(max_workers=1, thread_name_prefix="mpegts")
"""One for all streams: it makes a segment in some milliseconds, and two at once would only take the loop's turns."""


@dataclass(frozen=True, slots=True)
class _Source:
    """What a TS segment is made of. `sound` is `None` where a stream with sound has none in this segment."""

    init: Prepared
    timescale: int
    video: Prepared
    sound: Prepared | None
    has_sound: bool

    def make(self) -> Prepared:
        """The segment. Cached by others as its pictures are."""
        sound = bytes(self.sound.body) if self.sound else b""
        audio = sound if self.has_sound else None
        init, video = bytes(self.init.body), bytes(self.video.body)
        body = transport_segment(init, self.timescale, video, audio)
        of = self.video
        bitrates = [one.bitrate_kbps for one in (of, self.sound) if one is not None and one.bitrate_kbps is not None]
        cache = of.headers["Cache-Control"]
        return prepared.binary(body, TRANSPORT_TYPE, cache, of.duration_s, of.media_at_ms, sum(bitrates))


class TransportRendition:
    """Everything that viewers may ask of a stream in MPEG-TS: the first video rendition and the sound."""

    def __init__(self, video: Rendition, audio: Rendition | None) -> None:
        self.window = Window(
            replace(
                video.window.settings,
                part_target_s=Fraction(0),
                longest_part_s=Fraction(0),
                parts_per_segment=0,
            )
        )
        self.bell = Bell()
        self._video, self._audio = video, audio
        self._last_msn = -1
        self._sources: dict[str, _Source] = {}
        self._made: dict[str, asyncio.Future[Prepared]] = {}
        self._playlist: Prepared | None = None

    @classmethod
    def of(cls, stream: StreamFormat, renditions: Iterable[Rendition]) -> TransportRendition | None:
        """The rendition beside `renditions`, the best in H.264 first; `None` where no picture is in H.264, but copied.

        H.265 in MPEG-TS is played by none of those who need MPEG-TS.
        """
        if stream.copied is not None and stream.copied.codec != "h264":
            return None
        first: dict[MediaKind, Rendition] = {}
        for rendition in renditions:
            first.setdefault(rendition.kind, rendition)
        return cls(first[MediaKind.VIDEO], first.get(MediaKind.AUDIO))

    def follow(self, now_ns: int) -> None:
        """Something was published: list what is complete now."""
        listed = self._video.window.listed
        if not listed or listed[-1].msn <= self._last_msn:
            return
        for segment in listed:
            if segment.msn > self._last_msn and self._is_sound_settled(segment.msn):
                self._append(segment, now_ns)

    def suspend(self, now_ns: int) -> None:
        """Take everything out of the playlist; it can be fetched for a while still."""
        self.window.suspend(now_ns)
        self._playlist = None

    def end(self, now_ns: int) -> None:
        """Nothing will follow."""
        self.follow(now_ns)
        self._forget(self.window.end(now_ns).expired)
        self._playlist = None
        self.bell.ring()

    def expire(self, now_ns: int) -> None:
        """Let go of what has been long enough out of the playlist."""
        self._forget(self.window.expire(now_ns))

    def multivariant(self, uri: str, stream: StreamFormat) -> str:
        """The multivariant playlist, once the renditions are described; `uri` is where the media playlist is."""
        inits = [one.init for one in (self._video, self._audio) if one is not None and one.init is not None]
        cmaf_bps = sum(init.bandwidth for init in inits)
        return render_classic_multivariant(inits, overhead_bps(stream.rate, stream.segment_s, cmaf_bps), uri)

    def playlist(self) -> Prepared:
        """The media playlist, rendered once per change."""
        if self._playlist is None:
            self._playlist = prepared.playlist(render_classic_media(self.window), PLAYLIST_CACHE)
        return self._playlist

    async def file(self, name: str) -> Prepared | None:
        """A segment by the last step of its address. Those who ask while it is made wait for the same one."""
        source = self._sources.get(name)
        if source is None:
            return None
        making = self._made.get(name)
        if making is None:
            making = self._made[name] = asyncio.wrap_future(_MAKER.submit(source.make))
        return await asyncio.shield(making)

    def _is_sound_settled(self, msn: int) -> bool:
        """Whether what there is of sound in segment `msn` is complete, be it that there is none."""
        if self._audio is None:
            return True
        window = self._audio.window
        segment = window.segment(msn)
        if segment is not None and segment.is_complete:
            return True
        return window.is_ended or (window.last_part is not None and window.last_part[0] > msn)

    def _append(self, segment: Segment, now_ns: int) -> None:
        """List the TS segment beside `segment` of the video."""
        sound = self._audio.window.segment(segment.msn) if self._audio else None
        is_discontinuous = segment.is_discontinuous or (sound is not None and sound.is_discontinuous)
        change = self.window.append(_stand_in(segment), "", now_ns, discontinuity=is_discontinuous)
        self._last_msn = segment.msn
        if change is None or self._video.init is None:
            return
        name = segment_uri(segment.msn)
        self._sources[transport_uri(segment.msn)] = _Source(
            init=self._video.files[segment.init_uri],
            timescale=self._video.init.timescale,
            video=self._video.files[name],
            sound=self._audio.files.get(name) if self._audio else None,
            has_sound=self._audio is not None,
        )
        self._forget(change.expired)
        self._playlist = None
        self.bell.ring()

    def _forget(self, expired: Iterable[Segment]) -> None:
        for segment in expired:
            name = transport_uri(segment.msn)
            self._sources.pop(name, None)
            self._made.pop(name, None)


def _stand_in(segment: Segment) -> Part:
    """What the window is told of a TS segment: all but its bytes, which are not there yet."""
    return Part(
        TRANSPORT,
        segment.msn,
        0,
        start_ticks=segment.parts[0].start_us,
        duration_ticks=segment.duration_us,
        timescale=US_PER_S,
        pdt_ns=segment.pdt_ns,
        is_independent=segment.parts[0].is_independent,
        is_last=True,
        data=b"",
    )
