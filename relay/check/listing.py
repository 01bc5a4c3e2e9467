"""A media playlist as values: what `parsed` reads out of the text and the rules judge."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class ListedPart:
    """EXT-X-PART."""

    uri: str
    duration_s: Fraction
    is_independent: bool = False
    is_gap: bool = False
    byterange: str | None = None
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class ListedSegment:
    """A segment with the tags that apply to it.

    `uri` is `None` while only parts of it are listed; `duration_s` is then their sum. `extinf` is EXTINF's value as
    written, if there is one. `map_uri` (with `map_byterange`) and `key` are what is in force, `pdt_ns` only what this
    segment says itself.
    `tags_after_part` names the tags that came too late, after the first part.
    """

    msn: int
    uri: str | None
    duration_s: Fraction
    extinf: str | None = None
    parts: tuple[ListedPart, ...] = ()
    map_uri: str | None = None
    key: str | None = None
    pdt_ns: int | None = None
    is_discontinuity: bool = False
    is_gap: bool = False
    byterange: str | None = None
    map_byterange: str | None = None
    tags_after_part: tuple[str, ...] = ()
    line: int = field(default=0, compare=False)

    @property
    def where(self) -> str:
        """The place for a finding."""
        return f"line {self.line}, segment {self.msn}"

    @property
    def parts_s(self) -> Fraction:
        """Sum of the parts that are listed."""
        return sum((part.duration_s for part in self.parts), Fraction(0))


@dataclass(frozen=True, slots=True)
class ServerControl:
    """EXT-X-SERVER-CONTROL; times in seconds."""

    can_block_reload: bool = False
    hold_back_s: Fraction | None = None
    part_hold_back_s: Fraction | None = None
    can_skip_until_s: Fraction | None = None
    can_skip_dateranges: bool = False


@dataclass(frozen=True, slots=True)
class PreloadHint:
    """EXT-X-PRELOAD-HINT."""

    kind: str
    uri: str
    byterange_start: int = 0
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class RenditionReport:
    """EXT-X-RENDITION-REPORT."""

    uri: str
    last_msn: int | None
    last_part: int | None
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class MediaPlaylist:
    """One reading of a media playlist. `segments` are complete; `open_segment` has parts and no URI yet.

    `dateranges` are the attributes of each EXT-X-DATERANGE, values as written.
    """

    version: int = 1
    target_duration_s: int | None = None
    part_target_s: Fraction | None = None
    media_sequence: int = 0
    discontinuity_sequence: int | None = None
    playlist_type: str | None = None
    server_control: ServerControl | None = None
    skipped_segments: int = 0
    segments: tuple[ListedSegment, ...] = ()
    open_segment: ListedSegment | None = None
    preload_hints: tuple[PreloadHint, ...] = ()
    rendition_reports: tuple[RenditionReport, ...] = ()
    dateranges: tuple[dict[str, str], ...] = ()
    start_offset_s: Fraction | None = None
    has_independent_segments: bool = False
    is_iframes_only: bool = False
    is_ended: bool = False

    @property
    def all_segments(self) -> tuple[ListedSegment, ...]:
        """The complete segments, then the open one."""
        return self.segments if self.open_segment is None else (*self.segments, self.open_segment)

    @property
    def next_msn(self) -> int:
        """The number of the first segment that is not complete."""
        return self.media_sequence + self.skipped_segments + len(self.segments)

    @property
    def last_msn(self) -> int:
        """The number of the last segment that is listed, if only by a part."""
        return self.next_msn - (self.open_segment is None)

    @property
    def last_part(self) -> int | None:
        """The index of the last part of the last segment; `None` if that lists no parts."""
        listed = self.all_segments
        return len(listed[-1].parts) - 1 if listed and listed[-1].parts else None

    @property
    def listed_s(self) -> Fraction:
        """Sum of the complete segments."""
        return sum((segment.duration_s for segment in self.segments), Fraction(0))

    @property
    def is_low_latency(self) -> bool:
        """Whether it is a live playlist with parts."""
        return self.part_target_s is not None and not self.is_ended
