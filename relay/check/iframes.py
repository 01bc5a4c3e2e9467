"""V9: I-frame playlists, for scrubbing. Each of their segments is one key frame, mostly as a range of a longer file."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from relay.check.boxes import BoxError, read_fragments
from relay.check.finding import Finding, must, should
from relay.check.isobmff import u32

if TYPE_CHECKING:
    from collections.abc import Iterable

    from relay.check.boxes import InitInfo
    from relay.check.listing import MediaPlaylist

LEADING_S: Final = Fraction(1, 8)
"""How far EXTINF may be off: the pictures before a key frame which are coded behind it and so belong to its segment."""
_IFRAMES_ONLY: Final = "RFC 8216bis §4.4.3.6"
_BOX_HEADER_BYTES: Final = 8


@dataclass(frozen=True, slots=True)
class IFrame:
    """The first picture of a range: whether it is a key frame, where it ends, and when it is shown by its own clock."""

    is_sync: bool
    end: int
    shown_s: Fraction


def check_iframe_playlist(playlist: MediaPlaylist) -> list[Finding]:
    """What a playlist must be that is offered by EXT-X-I-FRAME-STREAM-INF."""
    findings: list[Finding] = []
    if not playlist.is_iframes_only:
        message = "it is offered as an I-frame playlist and has no EXT-X-I-FRAMES-ONLY"
        findings.append(must("V9", "RFC 8216bis §4.4.6.3", message))
    if playlist.part_target_s is not None or any(segment.parts for segment in playlist.all_segments):
        findings.append(must("V9", _IFRAMES_ONLY, "parts in an I-frame playlist, whose segments are single pictures"))
    return findings


def check_beside(iframes: MediaPlaylist, played: Iterable[MediaPlaylist]) -> list[Finding]:
    """A live I-frame playlist has the target duration of those that are played."""
    targets_s = {playlist.target_duration_s for playlist in played}
    if iframes.is_ended or not targets_s or iframes.target_duration_s in targets_s:
        return []
    said = ", ".join(map(str, targets_s))
    message = f"EXT-X-TARGETDURATION is {iframes.target_duration_s} in the I-frame playlist, and {said} beside it"
    return [must("V9", "Apple 6.8", message)]


def read_iframe(data: bytes, init: InitInfo) -> IFrame | None:
    """The first picture of a range of fMP4; `None` where none can be read."""
    try:
        fragments = read_fragments(_fitted(data), init)
    except BoxError:
        return None
    found = next(
        (
            (track, traf)
            for fragment in fragments
            for traf in fragment.tracks
            for track in init.tracks
            if track.track_id == traf.track_id and track.handler == "vide" and track.timescale and traf.samples
        ),
        None,
    )
    if found is None:
        return None
    track, traf = found
    first = traf.samples[0]
    shown = (traf.decode_time or 0) + first.composition_offset
    return IFrame(first.is_sync, first.offset + first.size, Fraction(shown, track.timescale))


def check_iframe(size_bytes: int, iframe: IFrame | None) -> list[Finding]:
    """A range of `size_bytes` is one key frame: all of it, and nothing else."""
    if iframe is None:
        return [must("V9", _IFRAMES_ONLY, "there is no picture in the range")]
    if not iframe.is_sync:
        return [must("V9", _IFRAMES_ONLY, "the range begins with a picture that is no key frame")]
    if size_bytes < iframe.end:
        message = f"the range ends {iframe.end - size_bytes} bytes before its key frame does"
        return [must("V9", _IFRAMES_ONLY, message)]
    if size_bytes > iframe.end:
        message = f"{size_bytes - iframe.end} bytes of the range are behind its key frame"
        return [should("V9", _IFRAMES_ONLY, message)]
    return []


def check_distance(extinf_s: Fraction, apart_s: Fraction) -> list[Finding]:
    """EXTINF is how much later the next I-frame is shown: `apart_s`, by their media."""
    if abs(extinf_s - apart_s) <= LEADING_S:
        return []
    message = f"EXTINF {float(extinf_s):.3f}, and the next I-frame is shown {float(apart_s):.3f} s later"
    return [must("V9", _IFRAMES_ONLY, message)]


def _fitted(data: bytes) -> bytes:
    """`data` with a last box that ends where the range does: its `mdat` holds more than the first picture."""
    at = 0
    while len(data) - at >= _BOX_HEADER_BYTES and _BOX_HEADER_BYTES <= u32(data, at) <= len(data) - at:
        at += u32(data, at)
    rest = len(data) - at
    return data[:at] + rest.to_bytes(4, "big") + data[at + 4 :] if rest >= _BOX_HEADER_BYTES else data
