"""The captions of one generation, ready to be sent: WebVTT beside each segment of the pictures, and the playlist of it.

The window is that of the largest rendition, which never sleeps: numbers, dates, durations, seams, holes, ENDLIST and
expiry are the same because they are the same. A text is made when its segment is complete, and never again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from relay.playlist import Captions, caption_uri, render_captions
from relay.serve import prepared
from relay.serve.whole_segments import WholeSegments

if TYPE_CHECKING:
    from collections.abc import Iterable

    from relay.playlist import DateRanges, Segment, Window
    from relay.serve.prepared import Prepared

WEBVTT_TYPE: Final = "text/vtt"
_NS_PER_US: Final = 1000


class CaptionRendition:
    """Everything that viewers may ask of captions. `files` are the segments by the last step of their address."""

    def __init__(self, window: Window, dateranges: DateRanges, playlist_cache: str, media_cache: str) -> None:
        self.window = window
        self.files: dict[str, Prepared] = {}
        self._dateranges = dateranges
        self._media_cache = media_cache
        self._listing = WholeSegments(window, render_captions, playlist_cache)
        # With parts, players are nearer to the live edge than a segment is long; without, three segments behind it.
        self._captions = Captions(window.settings.target_duration_s if window.settings.has_parts else 0)

    def note(self, segment: Segment) -> None:
        """Say what is read during a segment that is complete, and listed."""
        text = self._captions.segment(
            segment.msn,
            segment.pdt_ns,
            segment.pdt_ns + segment.duration_us * _NS_PER_US,
            self.window.listed[0].pdt_ns,
            self._dateranges.listed,
        )
        # No time of media is in it: who reads it watches the pictures beside it.
        self.files[caption_uri(segment.msn)] = prepared.binary(text.encode(), WEBVTT_TYPE, self._media_cache)

    def forget(self, expired: Iterable[Segment]) -> None:
        """Let go of the text beside segments that nobody can fetch any more."""
        for segment in expired:
            self.files.pop(caption_uri(segment.msn), None)

    def playlist(self, *, skip: bool) -> Prepared:
        """The playlist; with `skip`, as a delta update where there is something to leave out."""
        return self._listing.playlist(skip=skip)
