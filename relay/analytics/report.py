"""A report: everything that is said of a time, computed once and shown as text, as a page, as JSON.

Its figures are of the sessions that began in that time, so that those of two weeks add up. Who watched at the same
time, and what was watched in which rendition, is of that time itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from relay.analytics.concurrency import Concurrency, concurrency, spans
from relay.analytics.figures import Bin, Figure, day_of, figures, histogram, is_play, unique_viewers
from relay.analytics.groups import DIMENSIONS, SMALLEST_GROUP, Group, LadderUse, Rung, grouped
from relay.analytics.retention import Moment, Stayed, audience, survival
from relay.sessions.model import AudienceRow, MinuteRow, OptedOutRow

if TYPE_CHECKING:
    from collections.abc import Callable

    from relay.analytics.reader import SessionReader
    from relay.sessions.model import SessionRow

DAY_MS: Final = 86_400_000
_STEPS_MS: Final = tuple(
    1000 * seconds for seconds in (60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400)
)
_POINTS: Final = 360
"""What a chart can show; a minute each, for up to six hours."""
_WORST: Final = 8


class Question(NamedTuple):
    """What a report is of: `since_ms` <= time < `until_ms`, one stream or all, groups of at least `k` viewers.

    `step_ms` None chooses what a chart can show. `now_ms` is how far sessions reach that go on.
    """

    since_ms: int
    until_ms: int
    now_ms: int
    stream: str | None = None
    k: int = SMALLEST_GROUP
    step_ms: int | None = None


class Histogram(NamedTuple):
    """A distribution over plays: `source` is the least sure of its values', `n` how many there are."""

    title: str
    unit: str
    bins: list[Bin]
    source: str
    n: int


class Worst(NamedTuple):
    """A play that went badly, and its minutes in order."""

    session: SessionRow
    minutes: list[MinuteRow]


class Day(NamedTuple):
    """One UTC day. `viewers` are known from each other within it, and not from those of the day before."""

    day: str
    plays: int
    viewers: int
    watched_time_s: float


@dataclass(frozen=True, slots=True)
class Report:
    """See the module. `opted_out` adds up those who asked not to be followed, who are in no other figure."""

    question: Question
    figures: dict[str, Figure]
    days: list[Day]
    concurrency: Concurrency
    moments: list[Moment]
    survival: list[Stayed]
    groups: dict[str, list[Group]]
    histograms: dict[str, Histogram]
    ladder: list[Rung]
    worst: list[Worst]
    opted_out: OptedOutRow
    notes: list[str] = field(default_factory=list)


_HISTOGRAMS: Final[dict[str, tuple[str, str, tuple[float, ...], Callable[[SessionRow], tuple[float | None, str]]]]] = {
    "startup": (
        "Startup time",
        "s",
        (0, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10),
        lambda row: (_seconds(row.initial_startup_time_ms), row.startup_source),
    ),
    "stalled": (
        "Part of the watched time that was stalled",
        "%",
        (0, 0.01, 0.5, 1, 2, 5, 10, 20, 50),
        lambda row: (_stalled_percentage(row), row.stall_source),
    ),
    "bitrate": (
        "Average playback bit rate",
        "Mbit/s",
        (0, 0.5, 1, 1.5, 2, 3, 4, 6, 8, 12),
        lambda row: (_mega(row.average_playback_bitrate_kbps), row.bitrate_source),
    ),
    "latency": (
        "Live latency",
        "s",
        (0, 1, 2, 3, 4, 5, 7, 10, 15, 30),
        lambda row: (_seconds(row.live_latency_ms_p50), row.latency_source),
    ),
    "throughput": (
        "Throughput",
        "Mbit/s",
        (0, 1, 2, 3, 5, 8, 12, 20, 50, 100),
        lambda row: (_mega(row.throughput_kbps_p50), row.throughput_source),
    ),
}


def _seconds(value_ms: int | None) -> float | None:
    return None if value_ms is None else value_ms / 1000


def _mega(value_kbps: int | None) -> float | None:
    return None if value_kbps is None else value_kbps / 1000


def _stalled_percentage(row: SessionRow) -> float | None:
    if not row.watched_time_s:
        return None
    return row.playback_stall_duration_ms / row.watched_time_s / 10


def chart_step_ms(since_ms: int, until_ms: int) -> int:
    """The narrowest step that fits a chart."""
    return next((step for step in _STEPS_MS if (until_ms - since_ms) / step <= _POINTS), _STEPS_MS[-1])


def make_report(reader: SessionReader, question: Question) -> Report:
    """Read what `question` asks for and compute it. Raises `StoreError` if it cannot be read."""
    since_ms, until_ms = question.since_ms, question.until_ms
    overlapping = list(reader.sessions(stream=question.stream, since_ms=since_ms, until_ms=until_ms))
    begun = [row for row in overlapping if row.started_at_ms >= since_ms]
    step_ms = question.step_ms or chart_step_ms(since_ms, until_ms)
    ladder, worst = _minutes(reader, question, _worst(begun))
    rows = reader.rows(AudienceRow, stream=question.stream, since_ms=since_ms, until_ms=until_ms)
    return Report(
        question=question,
        figures=figures(begun),
        days=_days(begun),
        concurrency=concurrency(spans(overlapping, question.now_ms), since_ms, until_ms, step_ms),
        moments=audience(rows, step_ms),
        survival=survival(begun),
        groups={by: grouped(begun, by, question.k) for by in DIMENSIONS},
        histograms={name: _histogram(name, begun) for name in _HISTOGRAMS},
        ladder=ladder,
        worst=worst,
        opted_out=_opted_out(reader, question),
        notes=[reader.missing] if reader.missing else [],
    )


def _histogram(name: str, rows: list[SessionRow]) -> Histogram:
    title, unit, edges, say = _HISTOGRAMS[name]
    told = [(value, source) for value, source in map(say, filter(is_play, rows)) if value is not None and source]
    sources = tuple((source, 1) for _, source in told)
    return Histogram(
        title, unit, histogram([value for value, _ in told], edges), Figure(0, sources=sources).source, len(told)
    )


def _days(rows: list[SessionRow]) -> list[Day]:
    by_day = {day: [0, 0.0] for day in unique_viewers(rows)}
    viewers = unique_viewers(rows)
    for row in filter(is_play, rows):
        sums = by_day[day_of(row.started_at_ms)]
        sums[0] += 1
        sums[1] += row.watched_time_s
    return [Day(day, int(plays), viewers[day], watched_s) for day, (plays, watched_s) in by_day.items()]


def _worst(rows: list[SessionRow]) -> list[SessionRow]:
    bad = [row for row in rows if is_play(row) and (row.playback_failed or row.playback_stall_duration_ms)]
    bad.sort(key=lambda row: (-row.playback_failed, -row.playback_stall_duration_ms, row.session_id))
    return bad[:_WORST]


def _minutes(reader: SessionReader, question: Question, chosen: list[SessionRow]) -> tuple[list[Rung], list[Worst]]:
    use = LadderUse()
    minutes: dict[str, list[MinuteRow]] = {row.session_id: [] for row in chosen}
    rows = reader.rows(MinuteRow, stream=question.stream, since_ms=question.since_ms, until_ms=question.until_ms)
    for row in rows:
        use.add(row)
        if row.session_id in minutes:
            minutes[row.session_id].append(row)
    worst = [Worst(row, sorted(minutes[row.session_id], key=lambda minute: minute.minute_ms)) for row in chosen]
    return use.rungs(), worst


def _opted_out(reader: SessionReader, question: Question) -> OptedOutRow:
    plays, watched_s, sent = 0, 0.0, 0
    rows = reader.rows(OptedOutRow, stream=question.stream, since_ms=question.since_ms, until_ms=question.until_ms)
    for row in rows:
        plays, watched_s, sent = plays + row.plays, watched_s + row.watched_time_s, sent + row.bytes_sent
    return OptedOutRow(question.since_ms, question.stream or "", plays, watched_s, sent)
