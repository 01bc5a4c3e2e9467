"""A week in a few lines, beside the week before: for a mail or a chat."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from relay.analytics.words import NOTHING, duration, moment, shown, sources, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from relay.analytics.figures import Figure
    from relay.analytics.report import Report

_FIGURES: Final = (
    ("plays", "Plays"),
    ("unique_viewers_per_day", "Viewers a day"),
    ("watched_time_s", "Watched"),
    ("exit_before_video_start_percentage", "Left before start"),
    ("initial_startup_time_ms_p50", "Startup (median)"),
    ("average_stalled_time_percentage", "Stalled"),
    ("playback_failure_percentage", "Failed"),
    ("live_latency_ms_p50", "Live latency"),
    ("bytes_sent", "Sent"),
)
_TOP: Final = 5
_FEW_PLAYS: Final = 20
"""With fewer of them in a week, a change of a figure says nothing."""


def digest(report: Report, before: Report) -> Iterator[str]:
    """The lines; `before` is a report of the same length that ends where `report` begins."""
    question = report.question
    of = f" of {question.stream}" if question.stream else ""
    yield f"Viewing{of}, {moment(question.since_ms)} to {moment(question.until_ms)} UTC"
    yield ""
    if not report.figures["plays"].value:
        yield "Nobody watched."
        return
    rows = [
        (title, shown(figure), change(figure, before.figures[name]), sources(figure))
        for figure, name, title in ((report.figures[name], name, title) for name, title in _FIGURES)
    ]
    peak, peak_before = report.concurrency.peak, before.concurrency.peak
    rows.insert(3, ("Most at once", str(peak), _percent(peak, peak_before), NOTHING))
    yield from table(("", "This time", "Change", "Source"), rows)
    if report.concurrency.peak_at_ms is not None:
        yield ""
        yield f"Most watched at once on {moment(report.concurrency.peak_at_ms)} UTC."
    for by, title in (("stream", "Watched most"), ("player", "Players"), ("country", "Countries")):
        named = [group for group in report.groups[by] if not group.is_rest][:_TOP]
        if named:
            watched = [f"{group.name} {duration(group.figures['watched_time_s'].value or 0)}" for group in named]
            yield f"{title}: {', '.join(watched)}."
    failed = sum(worst.session.playback_failed for worst in report.worst)
    if report.worst:
        yield f"Of the {len(report.worst)} worst plays {failed} failed: `relay sessions report --html OUT` shows them."
    if (report.figures["plays"].value or 0) < _FEW_PLAYS:
        yield f"With fewer than {_FEW_PLAYS} plays the changes say little."
    for note in report.notes:
        yield f"Note: {note}"


def change(figure: Figure, before: Figure) -> str:
    """By how much a figure has grown: of percentages in points, of all else in percent."""
    if figure.value is None or before.value is None:
        return NOTHING
    if figure.unit == "%":
        return f"{figure.value - before.value:+.2f} points"
    return _percent(figure.value, before.value)


def _percent(value: float, before: float) -> str:
    return f"{100 * (value - before) / before:+.0f} %" if before else NOTHING
