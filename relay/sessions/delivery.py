"""What was delivered to one session: bytes, errors, renditions and their switches, bits, throughput, latency.

**Switches** are those of the main rendition: an audio group changes nothing, nor does what is fetched in ranges
(I-frames). Players fetch from several renditions while they probe (ffmpeg, mpv, VLC), so for the first three target
durations nothing is a switch, and the session is in the rendition with which it goes on.

**Stalls** can only be guessed from requests: media that arrive when all before must have been shown. A guess needs more
than an object's time of it, and the media to go on where they stopped: who jumps has not stalled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from relay.sessions.middle import Middle
from relay.timeline import NS_PER_S

if TYPE_CHECKING:
    from relay.sessions.model import Access

MAX_RENDITIONS: Final = 16
MAX_ERROR_CODES: Final = 16
NS_PER_MS: Final = 1_000_000
PROBING_OBJECTS: Final = 3
ENOUGH_PARTS: Final = 3
"""RFC 8216bis 4.4.3.8: PART-HOLD-BACK is at least three part targets; with less, no player begins."""

LEAST_MEASURED_BYTES: Final = 100_000
"""A smaller object is over before a connection shows what it can carry."""

LEAST_STALL_NS: Final = NS_PER_S


class Delivery:
    """The accounts of one session's requests."""

    __slots__ = ("_empty_at_ns", "_error_codes", "_fetched_ns", "_first_ns", "_is_settled", "_main_ns", "_newest",
                 "_rates", "bits_played", "bytes_sent", "cmcd_count", "edge", "enough_at_ns", "has_told_rate",
                 "http_error_count", "latency", "longest_ns", "media_count", "mtp", "rendition", "renditions",
                 "request_count", "stall_ns", "stalls", "starved", "switches", "throughput")  # fmt: skip

    def __init__(self) -> None:
        self.bytes_sent = self.request_count = self.http_error_count = 0
        self.media_count = self.cmcd_count = self.starved = 0
        self.renditions: tuple[str, ...] = ()
        self.rendition = ""
        self.switches = self.stalls = self.stall_ns = 0
        self.bits_played = self._main_ns = self._fetched_ns = 0
        self.longest_ns = 0
        self.has_told_rate = False
        self.enough_at_ns: int | None = None
        self.mtp, self.throughput, self.latency, self.edge = Middle(), Middle(), Middle(), Middle()
        self._rates: dict[str, int] = {}
        self._first_ns: int | None = None
        self._is_settled = False
        self._newest = -1
        self._empty_at_ns = 0
        self._error_codes: dict[int, int] = {}

    def fail(self, status: int) -> None:
        """A request was answered with `status`, an error."""
        self.http_error_count += 1
        if status in self._error_codes or len(self._error_codes) < MAX_ERROR_CODES:
            self._error_codes[status] = self._error_codes.get(status, 0) + 1

    @property
    def error_codes(self) -> tuple[tuple[int, int], ...]:
        """HTTP statuses of errors, with their counts."""
        return tuple(sorted(self._error_codes.items()))

    def restore_errors(self, count: int, codes: tuple[tuple[int, int], ...]) -> None:
        """Take up the counts of an earlier process."""
        self.http_error_count, self._error_codes = count, dict(codes)

    def take_media(self, access: Access) -> None:
        """Bytes of media came, of whatever kind."""
        self.media_count += 1
        rendition = access.rendition
        if rendition and rendition not in self.renditions and len(self.renditions) < MAX_RENDITIONS:
            self.renditions += (rendition,)
        cmcd = access.cmcd
        if cmcd is not None:
            self.cmcd_count += 1
            self.starved += cmcd.has_starved
            if cmcd.mtp_kbps is not None:
                self.mtp.add(cmcd.mtp_kbps)
        if access.bytes_sent >= LEAST_MEASURED_BYTES and access.is_complete:
            wrote_ms = access.took_ms - access.hold_ms
            if wrote_ms > 0:
                self.throughput.add(access.bytes_sent * 8 // wrote_ms)

    def take_main(self, access: Access, duration_ns: int, new_ns: int, playing_kbps: int | None) -> None:
        """A whole object of the main rendition, `new_ns` of which had not been fetched before."""
        at_ns, msn = access.at_ns, access.msn or 0
        if duration_ns > self.longest_ns:
            self.longest_ns = duration_ns
        self._settle(access.rendition or "", at_ns)
        self._take_latency(access, msn, duration_ns)
        if not new_ns:
            return
        self._fetched_ns += new_ns
        if self.enough_at_ns is None and (
            access.part_index is None or self._fetched_ns >= ENOUGH_PARTS * self.longest_ns
        ):
            self.enough_at_ns = at_ns
        cmcd = access.cmcd
        told_kbps = playing_kbps if cmcd is None or cmcd.br_kbps is None else cmcd.br_kbps
        kbps = access.bitrate_kbps if told_kbps is None else told_kbps
        if kbps:
            if told_kbps is not None:
                self.has_told_rate = True
            self.bits_played += kbps * new_ns // NS_PER_MS
            self._main_ns += new_ns
            if access.rendition and (access.rendition in self._rates or len(self._rates) < MAX_RENDITIONS):
                self._rates[access.rendition] = access.bitrate_kbps or kbps
        if msn > self._newest + 1 or not self._empty_at_ns:
            self._empty_at_ns = at_ns
        elif at_ns > self._empty_at_ns:
            self._starve(at_ns)
        self._empty_at_ns += new_ns
        if msn > self._newest:
            self._newest = msn

    def _starve(self, at_ns: int) -> None:
        """What comes at `at_ns` comes when nothing is left: if late enough, the player has been waiting for it."""
        late_ns = at_ns - self._empty_at_ns
        if late_ns > max(self.longest_ns, LEAST_STALL_NS):
            self.stalls += 1
            self.stall_ns += late_ns
        self._empty_at_ns = at_ns

    def begin_again(self) -> None:
        """A run without a gap begins: nothing is in the buffer, and the gap is no stall."""
        self._empty_at_ns = 0

    def _settle(self, rendition: str, at_ns: int) -> None:
        if self._first_ns is None:
            self._first_ns = at_ns
        if not self._is_settled:
            if at_ns > self._first_ns + PROBING_OBJECTS * self.longest_ns:
                self._is_settled = True
                self._rates.clear()
        elif rendition != self.rendition:
            self.switches += 1
        self.rendition = rendition

    def _take_latency(self, access: Access, msn: int, duration_ns: int) -> None:
        media_at_ms = access.media_at_ms
        if media_at_ms is None:
            return
        cmcd = access.cmcd
        if cmcd is not None and cmcd.bl_ms is not None:
            asked_ms = access.at_ns // NS_PER_MS - access.took_ms
            self.latency.add(max(0, asked_ms - media_at_ms + cmcd.bl_ms))
        elif msn >= self._newest:
            self.edge.add(max(0, access.at_ns // NS_PER_MS - media_at_ms - duration_ns // NS_PER_MS))

    @property
    def average_kbps(self) -> int | None:
        """Bits played by the media time whose rate is known."""
        return round(self.bits_played * NS_PER_MS / self._main_ns) if self._main_ns else None

    @property
    def max_rendition(self) -> str:
        """The best one that it watched, as far as rates are known."""
        return max(self._rates, key=lambda name: self._rates[name]) if self._rates else self.rendition
