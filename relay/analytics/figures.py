"""The figures of a set of sessions, in the field's terms (CTA-2066), each with where it comes from and of how many.

A figure is made of what sessions say, and each says where it has it from (`Provenance`). A figure that is made of both
what players told and what was concluded is called by the less sure of them; `sources` says how many there were of each.

Bots, and recorders and relays that fetch faster than time passes, are no viewers: they are counted and left out.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from relay.sessions.model import Provenance

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from relay.sessions.model import SessionRow

_SUREST_LAST: Final = (Provenance.ESTIMATED, Provenance.CMCD, Provenance.MEASURED)
_BITS_PER_BYTE: Final = 8


class Figure(NamedTuple):
    """One number. `value` is None where nothing says it; `unit` is `""`, `s`, `ms`, `%`, `kbps` or `bytes`.

    `n` is how many sessions it is made of, `sources` how many of them by `Provenance`.
    """

    value: float | None
    unit: str = ""
    n: int = 0
    sources: tuple[tuple[str, int], ...] = ()

    @property
    def source(self) -> str:
        """The least sure of its sources; empty where it has no value."""
        named = dict(self.sources)
        return next((str(source) for source in _SUREST_LAST if named.get(source)), "")


def quantile(values: Sequence[float], part: float) -> float | None:
    """The nearest-rank quantile of sorted `values`; None of nothing."""
    if not values:
        return None
    return values[max(0, min(len(values) - 1, -int(-part * len(values) // 1) - 1))]


def is_viewer(row: SessionRow) -> bool:
    """Whether a person watched, as far as can be told."""
    return not row.is_bot and not row.is_restream


def is_play(row: SessionRow) -> bool:
    """Whether media reached a viewer: what CTA-2066 and Conviva call a play, and others a view."""
    return is_viewer(row) and row.first_media_at_ms is not None


def day_of(at_ms: int) -> str:
    """The UTC day of a moment: viewers are told apart within one of these and never across two."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).date().isoformat()


@dataclass
class _Told:
    """What sessions tell of one thing: the values, and where each has its from."""

    values: list[float] = field(default_factory=list)
    sources: Counter[str] = field(default_factory=Counter)

    def add(self, value: float | None, source: str) -> None:
        if value is not None and source:
            self.values.append(value)
            self.sources[source] += 1

    def figure(self, value: float | None, unit: str = "") -> Figure:
        return Figure(value if self.values else None, unit, len(self.values), tuple(sorted(self.sources.items())))

    def mean(self, unit: str) -> Figure:
        return self.figure(sum(self.values) / len(self.values) if self.values else None, unit)

    def sum(self, unit: str = "") -> Figure:
        return self.figure(sum(self.values), unit)

    def quantile(self, part: float, unit: str) -> Figure:
        return self.figure(quantile(sorted(self.values), part), unit)

    def share(self) -> Figure:
        """In percent, of values that are 0 or 1."""
        return self.figure(100 * sum(self.values) / len(self.values) if self.values else None, "%")


def _told(rows: Iterable[SessionRow], say: Callable[[SessionRow], tuple[float | None, str]]) -> _Told:
    told = _Told()
    for row in rows:
        told.add(*say(row))
    return told


def figures(rows: Iterable[SessionRow]) -> dict[str, Figure]:
    """All figures of these sessions, by name; in the order in which they are to be shown."""
    everyone = list(rows)
    attempts = [row for row in everyone if is_viewer(row)]
    plays = [row for row in attempts if is_play(row)]
    return {**_audience(everyone, attempts, plays), **_starting(attempts, plays), **_quality(plays), **_delivery(plays)}


def _audience(everyone: list[SessionRow], attempts: list[SessionRow], plays: list[SessionRow]) -> dict[str, Figure]:
    days = unique_viewers(plays)
    watched = _told(plays, lambda row: (row.watched_time_s, row.watched_time_source))
    by_bots = sum(row.is_bot for row in everyone)
    return {
        "attempts": _count(len(attempts), len(everyone)),
        "plays": _count(len(plays), len(attempts)),
        "unique_viewers_per_day": Figure(
            sum(days.values()) / max(1, len(days)), "", len(plays), _all(Provenance.ESTIMATED, plays)
        ),
        "watched_time_s": watched.sum("s"),
        "average_watched_time_s": watched.mean("s"),
        "median_watched_time_s": watched.quantile(0.5, "s"),
        "bots": _count(by_bots, len(everyone)),
        "restreams": _count(sum(row.is_restream for row in everyone if not row.is_bot), len(everyone)),
    }


def _starting(attempts: list[SessionRow], plays: list[SessionRow]) -> dict[str, Figure]:
    startup = _told(plays, lambda row: (row.initial_startup_time_ms, row.startup_source))
    exits = _told(attempts, lambda row: (row.exit_before_video_start and not row.playback_failed, Provenance.MEASURED))
    failures = _told(attempts, lambda row: (row.playback_failed, _who_says_failed(row)))
    return {
        "average_initial_startup_time_ms": startup.mean("ms"),
        "initial_startup_time_ms_p50": startup.quantile(0.5, "ms"),
        "initial_startup_time_ms_p95": startup.quantile(0.95, "ms"),
        "exits_before_video_start": exits.sum(),
        "exit_before_video_start_percentage": exits.share(),
        "playback_failures": failures.sum(),
        "playback_failure_percentage": failures.share(),
    }


def _quality(plays: list[SessionRow]) -> dict[str, Figure]:
    told = [row for row in plays if row.stall_source]
    stalls = _told(told, lambda row: (row.playback_stall_count, row.stall_source))
    stalled = _told(told, lambda row: (row.playback_stall_duration_ms, row.stall_source))
    watched_ms = 1000 * sum(row.watched_time_s for row in told)
    played = [row for row in plays if row.bitrate_source and row.bits_played]
    bits = _told(played, lambda row: (row.bits_played, row.bitrate_source))
    media_s = sum(row.media_time_s for row in played)
    latency = _told(plays, lambda row: (row.live_latency_ms_p50, row.latency_source))
    switches = _told(plays, lambda row: (row.rendition_switch_count, row.bitrate_source or Provenance.ESTIMATED))
    return {
        "average_playback_stalled_count": stalls.mean(""),
        "stall_count": stalls.sum(),
        "stall_duration_ms": stalled.sum("ms"),
        "average_stalled_time_percentage": stalled.figure(
            100 * sum(stalled.values) / watched_ms if watched_ms else None, "%"
        ),
        "plays_with_stalls_percentage": _told(
            told, lambda row: (row.playback_stall_count > 0, row.stall_source)
        ).share(),
        "average_playback_bitrate_kbps": bits.figure(sum(bits.values) / media_s / 1000 if media_s else None, "kbps"),
        "rendition_switches_per_play": switches.mean(""),
        "live_latency_ms_p50": latency.quantile(0.5, "ms"),
        "live_latency_ms_p95": latency.quantile(0.95, "ms"),
        "dropped_frames_per_play": _told(plays, lambda row: (row.dropped_frames, Provenance.CMCD)).mean(""),
    }


def _delivery(plays: list[SessionRow]) -> dict[str, Figure]:
    sent = _told(plays, lambda row: (row.bytes_sent, Provenance.MEASURED))
    media_s = sum(row.media_time_s for row in plays)
    throughput = _told(plays, lambda row: (row.throughput_kbps_p50, row.throughput_source))
    return {
        "bytes_sent": sent.sum("bytes"),
        "delivered_bitrate_kbps": sent.figure(
            _BITS_PER_BYTE * sum(sent.values) / media_s / 1000 if media_s else None, "kbps"
        ),
        "throughput_kbps_p50": throughput.quantile(0.5, "kbps"),
        "throughput_kbps_p10": throughput.quantile(0.1, "kbps"),
        "http_errors": _told(plays, lambda row: (row.http_error_count, Provenance.MEASURED)).sum(),
    }


def _who_says_failed(row: SessionRow) -> str:
    return Provenance.CMCD if row.cmcd_coverage > 0 or row.player_error_codes else Provenance.ESTIMATED


def _count(value: int, of: int) -> Figure:
    return Figure(value, "", of, ((Provenance.MEASURED, of),))


def _all(source: Provenance, rows: list[SessionRow]) -> tuple[tuple[str, int], ...]:
    return ((source, len(rows)),)


def unique_viewers(rows: Iterable[SessionRow]) -> dict[str, int]:
    """Of each UTC day on which a play began, how many viewers it had."""
    days: dict[str, set[str]] = {}
    for row in rows:
        if is_play(row):
            days.setdefault(day_of(row.started_at_ms), set()).add(row.viewer_day_id or row.viewer_id)
    return {day: len(viewers) for day, viewers in sorted(days.items())}


class Bin(NamedTuple):
    """Of a histogram: from `low` on, below `high` (None: without end), so many."""

    low: float
    high: float | None
    plays: int


def histogram(values: Iterable[float], edges: Sequence[float]) -> list[Bin]:
    """How many `values` lie between each two of the ascending `edges`; the last bin has no end.

    CTA-2066, Appendix B: distributions are to be published, since an average hides those who suffer.
    """
    counts = [0] * len(edges)
    for value in values:
        place = sum(edge <= value for edge in edges) - 1
        if place >= 0:
            counts[place] += 1
    highs: list[float | None] = [*edges[1:], None]
    return [Bin(low, high, count) for low, high, count in zip(edges, highs, counts, strict=True)]
