"""A report as plain text: tables for a terminal or a mail."""

from __future__ import annotations

from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Final

from relay.analytics.words import NOTHING, TITLES, duration, moment, quantity, shown, size, sources, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from relay.analytics.figures import Figure
    from relay.analytics.groups import Group
    from relay.analytics.report import Report

GROUP_FIGURES: Final = (
    ("plays", "Plays"),
    ("watched_time_s", "Watched"),
    ("initial_startup_time_ms_p50", "Startup"),
    ("average_stalled_time_percentage", "Stalled"),
    ("playback_failure_percentage", "Failed"),
    ("average_playback_bitrate_kbps", "Bit rate"),
    ("live_latency_ms_p50", "Latency"),
)
"""What is shown of each group."""
BY: Final = {
    "stream": "Streams",
    "rendition": "Highest renditions",
    "player": "Players",
    "device": "Devices",
    "os": "Systems",
    "country": "Countries",
    "network": "Networks",
    "referrer": "Referring pages",
}
_WIDE: Final = 40
_EIGHTHS: Final = " ▁▂▃▄▅▆▇█"


def heading(report: Report) -> str:
    """What it is of."""
    question = report.question
    stream = f"stream {question.stream}" if question.stream else "all streams"
    return f"Viewing, {stream}, {moment(question.since_ms)} to {moment(question.until_ms)} UTC"


def lines(report: Report) -> Iterator[str]:
    """The whole report, line by line."""
    yield heading(report)
    for note in report.notes:
        yield f"Note: {note}"
    yield ""
    yield from figure_table(report.figures)
    yield ""
    yield from _concurrency(report)
    if report.days:
        yield ""
        rows = [(day.day, str(day.plays), str(day.viewers), duration(day.watched_time_s)) for day in report.days]
        yield from table(("Day (UTC)", "Plays", "Unique viewers", "Watched"), rows)
    if report.survival:
        yield ""
        stayed = [(duration(at.after_s), f"{100 * at.part:.0f} %", str(at.plays)) for at in report.survival]
        yield from table(("Still there after", "Part", "Plays"), stayed)
    for by, groups in report.groups.items():
        if groups:
            yield ""
            yield from group_table(BY[by], groups)
    yield from _ladder(report)
    yield ""
    yield from _footnotes(report)


def figure_table(figures: dict[str, Figure]) -> list[str]:
    """Name, value, source, and of how many sessions it is."""
    rows = [(TITLES[name], sources(figure), shown(figure), str(figure.n)) for name, figure in figures.items()]
    return table(("Figure", "Source", "Value", "Sessions"), rows, left=2)


def group_table(title: str, groups: list[Group]) -> list[str]:
    """A line for each group."""
    rows = []
    for group in groups:
        cells = [shown(group.figures[name]) if group.figures else NOTHING for name, _ in GROUP_FIGURES]
        rows.append((group.name, NOTHING if group.viewers is None else str(group.viewers), *cells))
    return table((title, "Viewers", *(word for _, word in GROUP_FIGURES)), rows)


def sparkline(values: list[int]) -> str:
    """At most forty characters, each as high as the greatest of what it stands for."""
    if not values:
        return ""
    most = max(1, *values)
    count = min(_WIDE, len(values))
    edges = [place * len(values) // count for place in range(count + 1)]
    peaks = [max(values[low:high]) for low, high in pairwise(edges)]
    return "".join(_EIGHTHS[-(-8 * peak // most)] for peak in peaks)


def _concurrency(report: Report) -> Iterator[str]:
    found = report.concurrency
    if found.peak_at_ms is None:
        yield "Nobody watched."
        return
    yield f"Concurrent viewers: {found.peak} at most, first on {moment(found.peak_at_ms)} UTC"
    yield f"  {sparkline([point.peak for point in found.points])}"


def _ladder(report: Report) -> Iterator[str]:
    for stream, rungs in groupby(report.ladder, key=lambda rung: rung.stream_id):
        found = list(rungs)
        whole = sum(rung.watched_ms for rung in found) or 1
        yield ""
        yield from table(
            (f"Ladder of {stream}", "Watched", "Part", "Sessions", "Delivered", "Sent", "Stalls"),
            [
                (
                    rung.rendition_id or NOTHING,
                    duration(rung.watched_ms / 1000),
                    f"{100 * rung.watched_ms / whole:.1f} %",
                    str(rung.sessions),
                    quantity(rung.bitrate_kbps, "kbps"),
                    size(rung.bytes_sent),
                    str(rung.stall_count),
                )
                for rung in found
            ],
        )


def _footnotes(report: Report) -> Iterator[str]:
    out = report.opted_out
    if out.plays:
        yield (
            f"Asked not to be followed, and in none of these figures: {out.plays} plays, "
            f"{duration(out.watched_time_s)} watched, {size(out.bytes_sent)}."
        )
    yield "measured: the relay saw it. cmcd: the player said it (CTA-5004). estimated: concluded from requests alone."
    yield "Figures are of sessions that began in this time. A viewer is known again within a UTC day, never across two."
    yield f"Groups of fewer than {report.question.k} viewers are put together."
