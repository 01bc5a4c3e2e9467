"""One rendition of one generation, ready to be sent: its window, its media and its playlists."""

from __future__ import annotations

import hashlib
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from relay.model import MediaKind
from relay.playlist import Window, part_uri, render_media, segment_uri
from relay.serve import prepared
from relay.serve.bell import Bell
from relay.serve.captions import CaptionRendition
from relay.serve.iframes import IFrames
from relay.timeline import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Sequence

    from relay.model import Init, Part
    from relay.playlist import Change, DateRanges, Report, Segment, WindowSettings
    from relay.serve.prepared import Prepared

_US_PER_S: Final = 1_000_000
_NS_PER_MS: Final = 1_000_000
PLAYLIST_CACHE: Final = "max-age=0, s-maxage=1"
"""Plain `max-age` froze video.js, which asks for the same blocking URL twice at a segment's end."""


class Rendition:
    """Everything that viewers may ask of one rendition. `files` are its media by the last step of their address.

    `is_copied` says that the stream's pictures are the camera's own, in which nothing of ours bounds a keyframe.
    """

    def __init__(
        self, name: str, kind: MediaKind, settings: WindowSettings, segment_s: float, *, is_copied: bool
    ) -> None:
        self.name = name
        self.kind = kind
        self.window = Window(settings)
        has_iframes = kind is MediaKind.VIDEO and settings.is_independent
        self.iframes = IFrames(self.window, PLAYLIST_CACHE, is_copied=is_copied) if has_iframes else None
        self.captions: CaptionRendition | None = None
        self.init: Init | None = None
        self.files: dict[str, Prepared] = {}
        self.bell = Bell()
        self.needs_discontinuity = False
        self.may_sleep = self.is_asleep = False
        self._held_until: tuple[int, int] | None = None
        self._slept_ns = 0
        self._init_uri = ""
        self._peak_bps = 0
        self._playlists: dict[bool, tuple[int, Prepared]] = {}
        # The least time that anything stays: through the window and as long again.
        lifetime_s = math.ceil((2 * settings.segments_listed + 1) * segment_s)
        self._media_cache = f"public, max-age={lifetime_s}, immutable"

    @property
    def hinted_uri(self) -> str | None:
        """The part that the playlist hints at."""
        coming = self.window.next_part if self.window.settings.has_parts else None
        return part_uri(*coming) if coming else None

    @property
    def is_ready(self) -> bool:
        """Whether there is a segment for players to begin with, or will be when one asks."""
        return self.init is not None and (self.may_sleep or bool(self.window.listed))

    @property
    def is_held(self) -> bool:
        """Whether who asks for it waits, whatever is listed: it sleeps, or is being made again."""
        return self.is_asleep or self._held_until is not None

    def caption(self, dateranges: DateRanges) -> None:
        """From now on, have a segment of what is read of `dateranges` beside each of its own."""
        self.captions = CaptionRendition(self.window, dateranges, PLAYLIST_CACHE, self._media_cache)

    def set_init(self, init: Init) -> bool:
        """Use `init` from the next segment on. Whether it is another one than before.

        Its BANDWIDTH is what the encoder keeps to, or more, if a segment was larger: two workers may have shared one.
        """
        uri = f"init-{hashlib.blake2b(init.data, digest_size=4).hexdigest()}.mp4"
        is_other = self._init_uri not in {"", uri}
        self.init, self._init_uri = replace(init, bandwidth=max(init.bandwidth, self._peak_bps)), uri
        if uri not in self.files:
            self.files[uri] = prepared.media(init.data, self.kind, self._media_cache)
        return is_other

    def append(self, part: Part, now_ns: int) -> bool:
        """Take the next part. Whether it fitted; if not, nothing happened."""
        if self.init is None:
            return False
        change = self.window.append(part, self._init_uri, now_ns, discontinuity=self.needs_discontinuity)
        if change is None:
            return False
        if part.index == 0:
            self.needs_discontinuity = False
        if self.window.settings.has_parts:
            self._add(part_uri(part.msn, part.index), part.data, float(part.duration_s), part.pdt_ns)
        self._apply(change)
        return True

    def sleep(self, now_ns: int) -> None:
        """Nothing of it comes until somebody has asked, and who asks waits.

        What is listed leaves three targets later: before that, what is made again would be less, but follows it.
        """
        if not self.is_asleep:
            self._slept_ns = now_ns
        self.may_sleep = self.is_asleep = True
        self._held_until = None

    def wake(self, until: tuple[int, int] | None) -> None:
        """What is made again comes; it is shown from segment and part `until` on, so that nobody is set back by it."""
        self.is_asleep, self._held_until = False, until

    def compare(self, top: tuple[int, int] | None) -> None:
        """The largest rendition is at `top`. What is as far as it was, and in the segment where that is now, is shown.

        Were it further behind, who asks for what was reported of it would be told that it asks too far ahead.
        """
        last = self.window.last_part
        if self._held_until is None or last is None or top is None:
            return
        if last >= self._held_until and last[0] >= top[0]:
            self._held_until = None

    def end(self, now_ns: int) -> None:
        """Nothing will follow."""
        if not self.window.is_ended:
            self._apply(self.window.end(now_ns))
            self.is_asleep, self._held_until = False, None
            self.bell.ring()

    def expire(self, now_ns: int) -> None:
        """Let go of what has been long enough out of the playlist."""
        if self.is_asleep and now_ns - self._slept_ns >= self.window.settings.hold_back_s * NS_PER_S:
            self.window.suspend(now_ns)
        self._forget(self.window.expire(now_ns))

    def playlist(self, version: int, reports: Sequence[Report], *, skip: bool, dateranges: str = "") -> Prepared:
        """The playlist at `version` of the stream, rendered once."""
        skip = skip and self.window.skippable_segments() > 0
        known = self._playlists.get(skip)
        if known and known[0] == version:
            return known[1]
        text = render_media(self.window, reports, skip=skip, dateranges=dateranges)
        made = prepared.playlist(text, PLAYLIST_CACHE)
        self._playlists[skip] = (version, made)
        return made

    def _apply(self, change: Change) -> None:
        for segment in change.closed:
            if segment.data is not None:
                self._add(segment_uri(segment.msn), segment.data, segment.duration_us / _US_PER_S, segment.pdt_ns)
                self._measure(len(segment.data), segment.duration_us)
                if self.iframes is not None:
                    self.iframes.note(segment)
                if self.captions is not None:
                    self.captions.note(segment)
            if self.window.settings.has_parts:
                for part in segment.parts:
                    self.files[part_uri(segment.msn, part.index)].body = part.data
        self._forget(change.expired)

    def _measure(self, size_bytes: int, duration_us: int) -> None:
        """No segment is larger than the BANDWIDTH that is told (RFC 8216bis §4.4.6.2), whatever the encoder promised.

        A segment that was cut short at an end says nothing: only those of half a target duration and more count.
        """
        if 2 * duration_us >= self.window.settings.target_duration_s * _US_PER_S:
            self._peak_bps = max(self._peak_bps, -(-size_bytes * 8 * _US_PER_S // duration_us))
            if self.init is not None and self.init.bandwidth < self._peak_bps:
                self.init = replace(self.init, bandwidth=self._peak_bps)

    def _add(self, uri: str, body: bytes | memoryview, duration_s: float, pdt_ns: int) -> None:
        bitrate_kbps = round(self.init.bandwidth / 1000) if self.init else None
        media_at_ms = pdt_ns // _NS_PER_MS
        self.files[uri] = prepared.media(body, self.kind, self._media_cache, duration_s, media_at_ms, bitrate_kbps)

    def _forget(self, expired: Sequence[Segment]) -> None:
        if self.captions is not None:
            self.captions.forget(expired)
        for segment in expired:
            self.files.pop(segment_uri(segment.msn), None)
            for part in segment.parts:
                self.files.pop(part_uri(segment.msn, part.index), None)
        gone = {segment.init_uri for segment in expired} - self.window.init_uris() - {self._init_uri}
        for uri in gone:
            self.files.pop(uri, None)
