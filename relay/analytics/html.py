"""A report as one page that needs nothing else: no script, no font and no picture from anywhere; it works offline.

Its policy forbids the browser to fetch anything, whatever the texts in it say. Every chart's numbers stand in a table.
"""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Final

from relay.analytics.charts import Label, area, bars, box, ceiling, curve, plot, upward
from relay.analytics.html_parts import badge, card, rows_table
from relay.analytics.text import BY, GROUP_FIGURES, heading
from relay.analytics.words import NOTHING, TITLES, duration, moment, quantity, shown, size, sources

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from relay.analytics.figures import Figure
    from relay.analytics.groups import Group, Rung
    from relay.analytics.report import Histogram, Report, Worst

_TILES: Final = (
    ("plays", "Plays"),
    ("unique_viewers_per_day", "Unique viewers per day"),
    ("watched_time_s", "Watched time"),
    ("initial_startup_time_ms_p50", "Startup time (median)"),
    ("average_stalled_time_percentage", "Average Stalled Time %"),
    ("playback_failure_percentage", "Playback Failure %"),
    ("average_playback_bitrate_kbps", "Average Playback Bitrate"),
    ("live_latency_ms_p50", "Live latency (median)"),
)
_RUNG_COLOURS: Final = 5
_ALONG: Final = 7
_DAY_MS: Final = 86_400_000
_MINUTE_MS: Final = 60_000
_SHORT_ID: Final = 8
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"


def page(report: Report) -> str:
    """The whole page."""
    title = escape(heading(report))
    style = Path(__file__).with_name("report.css").read_text(encoding="utf-8")
    head = (
        '<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{title}</title>",
        f"<style>{style}</style>",
    )
    body = (
        f"<header><h1>{title}</h1>{_notes(report)}</header>",
        "<main>",
        *_sections(report),
        "</main>",
        f"<footer>{_footer(report)}</footer>",
    )
    lines = ["<!doctype html>", '<html lang="en"><head>', *head, "</head><body>", *body, "</body></html>", ""]
    return "\n".join(lines)


def _sections(report: Report) -> Iterator[str]:
    yield _tiles(report)
    yield f"<h2>Viewers over time</h2>{_concurrency(report)}"
    yield f'<h2>Who stayed</h2><div class="pair">{_survival(report)}{_moments(report)}</div>'
    yield f'<h2>Quality</h2><div class="pair">{"".join(map(_histogram, report.histograms.values()))}</div>'
    if report.ladder:
        yield f'<h2>The ladder&#8217;s use</h2><div class="pair">{"".join(_ladders(report))}</div>'
    if groups := [_group_card(BY[by], found) for by, found in report.groups.items() if found]:
        yield f'<h2>By stream, player, place</h2><div class="stack">{"".join(groups)}</div>'
    if report.worst:
        yield f'<h2>The worst plays</h2><div class="pair">{"".join(map(_worst, report.worst))}</div>'
    yield f"<h2>All figures</h2>{card('', _figure_table(report.figures))}"
    if report.days:
        days = [(day.day, str(day.plays), str(day.viewers), duration(day.watched_time_s)) for day in report.days]
        yield f"<h2>Days</h2>{card('', rows_table('Days', ('Day (UTC)', 'Plays', 'Unique viewers', 'Watched'), days))}"


def _notes(report: Report) -> str:
    return "".join(f'<p class="note">{escape(note)}</p>' for note in report.notes)


def _tiles(report: Report) -> str:
    tiles = [
        f"<div><dt>{escape(title)}</dt><dd><strong>{escape(shown(report.figures[name]))}</strong>"
        f"{badge(report.figures[name].source)}</dd></div>"
        for name, title in _TILES
    ]
    told = badge(report.figures["watched_time_s"].source)
    peak = f"<div><dt>Concurrent viewers at most</dt><dd><strong>{report.concurrency.peak}</strong>{told}</dd></div>"
    return f'<dl class="tiles">{"".join([*tiles[:3], peak, *tiles[3:]])}</dl>'


def _concurrency(report: Report) -> str:
    found = report.concurrency
    if found.peak_at_ms is None:
        return card("", "<p>Nobody watched.</p>")
    question, most = report.question, ceiling(found.peak)
    places = [_along(point.at_ms + found.step_ms / 2, question.since_ms, question.until_ms) for point in found.points]
    peaks = [(x, 100 - 100 * point.peak / most) for x, point in zip(places, found.points, strict=True)]
    means = [(x, 100 - 100 * point.average / most) for x, point in zip(places, found.points, strict=True)]
    words = f"Concurrent viewers over time: {found.peak} at most, on {moment(found.peak_at_ms)} UTC"
    chart = plot(
        area(peaks) + curve(peaks) + curve(means, "line second"),
        words,
        upward(most),
        _times(question.since_ms, question.until_ms),
    )
    legend = (
        '<ul class="legend"><li><i class="ink"></i>At most in each step</li>'
        '<li><i class="second"></i>On average</li>'
        f"<li>Steps of {duration(found.step_ms / 1000)}, times in UTC</li></ul>"
    )
    rows = [(moment(point.at_ms), str(point.peak), f"{point.average:.2f}") for point in found.points if point.peak]
    table = rows_table("Concurrent viewers", ("Time (UTC)", "At most", "On average"), rows, is_folded=True)
    return card("", legend + chart + table)


def _survival(report: Report) -> str:
    curve_points = report.survival
    if not curve_points:
        return card("Part of plays that lasted", "<p>No plays.</p>")
    last = max(1, len(curve_points) - 1)
    points = [(100 * place / last, 100 - 100 * at.part) for place, at in enumerate(curve_points)]
    along = [
        Label(100 * place / last, duration(at.after_s), place % 4 != 0)
        for place, at in enumerate(curve_points)
        if place == last or (place % 2 == 0 and place < last - 2)
    ]
    end = curve_points[-1]
    words = f"Part of plays that lasted so long: {100 * end.part:.0f} % for {duration(end.after_s)}"
    chart = plot(
        area(points) + curve(points),
        words,
        upward(100, " %"),
        along,
    )
    rows = [(duration(at.after_s), f"{100 * at.part:.1f} %", str(at.plays)) for at in curve_points]
    table = rows_table("Part of plays that lasted", ("Still there after", "Part", "Plays"), rows, is_folded=True)
    return card("Part of plays that lasted", chart + table, badge(report.figures["watched_time_s"].source))


def _moments(report: Report) -> str:
    if not report.moments:
        return card("Audience of the programme", "<p>No segments were counted in this time.</p>")
    question, most = report.question, ceiling(max(at.viewers for at in report.moments))
    points = [
        (_along(at.at_ms, question.since_ms, question.until_ms), 100 - 100 * at.viewers / most) for at in report.moments
    ]
    chart = plot(
        area(points) + curve(points),
        "Viewers who fetched what was captured at each time",
        upward(most),
        _times(question.since_ms, question.until_ms),
    )
    rows = [(moment(at.at_ms), str(at.viewers), f"{100 * at.part:.1f} %") for at in report.moments]
    table = rows_table("Audience of the programme", ("Captured (UTC)", "Viewers", "Of the most"), rows, is_folded=True)
    return card("Audience by when it was captured", chart + table, badge("measured"))


def _histogram(found: Histogram) -> str:
    title = f"{found.title}, {found.unit}"
    if not found.n:
        return card(title, "<p>No play says it.</p>")
    names = [f"{at.low:g}{'+' if at.high is None else f' to {at.high:g}'} {found.unit}" for at in found.bins]
    most = ceiling(max(at.plays for at in found.bins))
    words = [f"{name}: {at.plays} plays" for name, at in zip(names, found.bins, strict=True)]
    width = 100 / len(found.bins)
    along = [
        Label(width * (place + 0.5), f"{at.low:g}{'+' if at.high is None else ''}")
        for place, at in enumerate(found.bins)
    ]
    chart = plot(
        bars([at.plays for at in found.bins], words, most), f"{title}: {'; '.join(words)}", upward(most), along, "low"
    )
    rows = [
        (name, str(at.plays), f"{100 * at.plays / found.n:.1f} %") for name, at in zip(names, found.bins, strict=True)
    ]
    table = rows_table(title, (found.unit, "Plays", "Part"), rows, is_folded=True)
    return card(title, chart + table, badge(found.source) + f' <span class="source">{found.n} plays</span>')


def _ladders(report: Report) -> Iterator[str]:
    for stream, rungs in groupby(report.ladder, key=lambda rung: rung.stream_id):
        yield _ladder(stream, list(rungs))


def _ladder(stream: str, rungs: Sequence[Rung]) -> str:
    whole = sum(rung.watched_ms for rung in rungs) or 1
    shapes, at, legend, rows = "", 0.0, "", []
    for place, rung in enumerate(rungs):
        part, name = 100 * rung.watched_ms / whole, rung.rendition_id or NOTHING
        kind = f"rung-{min(place, _RUNG_COLOURS - 1)}"
        shapes += box(at, 0, part, 100, kind, f"{name}: {part:.1f} % of the time")
        legend += f'<li><i class="{kind}"></i>{escape(name)} {part:.1f} %</li>'
        at += part
        delivered = quantity(rung.bitrate_kbps, "kbps")
        rows.append(
            (
                name,
                duration(rung.watched_ms / 1000),
                str(rung.sessions),
                delivered,
                size(rung.bytes_sent),
                str(rung.stall_count),
            )
        )
    words = "; ".join(f"{row[0]}: {row[1]}" for row in rows)
    header = ("Rendition", "Watched", "Plays", "Delivered", "Sent", "Stalls")
    chart = plot(shapes, f"Time watched in each rendition of {stream}: {words}", kind="strip")
    return card(stream, f'{chart}<ul class="legend">{legend}</ul>{rows_table(stream, header, rows)}', badge("measured"))


def _group_card(title: str, groups: list[Group]) -> str:
    most = max([group.figures["watched_time_s"].value or 0 for group in groups if group.figures], default=0) or 1
    rows, shares = [], []
    for group in groups:
        cells = [shown(group.figures[name]) if group.figures else NOTHING for name, _ in GROUP_FIGURES]
        rows.append((group.name, NOTHING if group.viewers is None else str(group.viewers), *cells))
        shares.append((group.figures["watched_time_s"].value or 0) / most if group.figures else 0.0)
    header = ("Name", "Viewers", *(word for _, word in GROUP_FIGURES))
    return card(title, rows_table(title, header, rows, shares=shares))


def _worst(found: Worst) -> str:
    row = found.session
    device = " ".join(filter(None, (row.player_name, row.player_version.partition(".")[0], row.os, row.device_type)))
    failed = ", ".join(f"{code} ({count})" for code, count in row.player_error_codes) or "failed"
    facts = [
        f"{moment(row.started_at_ms)} UTC",
        f"watched {duration(row.watched_time_s)}",
        f"{row.playback_stall_count} stalls, {quantity(row.playback_stall_duration_ms, 'ms')}",
        *([f"failed: {failed}"] if row.playback_failed else []),
    ]
    title = f"{row.stream_id}, {device}"
    text = f"<p>{escape('; '.join(facts))}<br><code>relay sessions show {escape(row.session_id[:_SHORT_ID])}</code></p>"
    return card(title, text + _timeline(found), badge(row.stall_source))


def _timeline(found: Worst) -> str:
    """A bar for each minute, coloured by rendition; what of it was stalled is red from the top."""
    if not found.minutes:
        return "<p>Its minutes are gone, or none was complete.</p>"
    first_ms = found.minutes[0].minute_ms
    count = (found.minutes[-1].minute_ms - first_ms) // _MINUTE_MS + 1
    names = sorted({minute.rendition_id for minute in found.minutes})
    kinds = {name: f"rung-{min(place, _RUNG_COLOURS - 1)}" for place, name in enumerate(names)}
    shapes, rows = "", []
    for minute in found.minutes:
        at = 100 * ((minute.minute_ms - first_ms) // _MINUTE_MS) / count
        stalled = min(100.0, minute.stall_ms / 600)
        cells = (
            moment(minute.minute_ms),
            minute.rendition_id,
            duration(minute.watched_ms / 1000),
            quantity(minute.stall_ms, "ms"),
            quantity(minute.throughput_kbps, "kbps"),
            quantity(minute.latency_ms, "ms"),
        )
        height = min(100.0, minute.watched_ms / 600)
        shapes += box(at, 100 - height, 100 / count * 0.94, height, kinds[minute.rendition_id], ", ".join(cells))
        if minute.stall_ms:
            shapes += box(at, 0, 100 / count * 0.94, max(14, stalled), "stall", f"stalled {cells[3]}")
        rows.append(cells)
    legend = "".join(f'<li><i class="{kind}"></i>{escape(name)}</li>' for name, kind in kinds.items())
    header = ("Minute (UTC)", "Rendition", "Watched", "Stalled", "Throughput", "Latency")
    stalls = sum(minute.stall_ms > 0 for minute in found.minutes)
    along = [Label(0, moment(first_ms)[-5:]), Label(100, moment(found.minutes[-1].minute_ms + _MINUTE_MS)[-5:])]
    chart = plot(shapes, f"{len(rows)} minutes, {stalls} of them with a stall", along=along, kind="strip")
    return (
        f'{chart}<ul class="legend">{legend}<li><i class="bad"></i>Stalled</li></ul>'
        f"{rows_table('Its minutes', header, rows, is_folded=True)}"
    )


def _figure_table(figures: dict[str, Figure]) -> str:
    rows = [(TITLES[name], shown(figure), sources(figure), str(figure.n)) for name, figure in figures.items()]
    return rows_table("All figures", ("Figure", "Value", "Source", "Sessions"), rows)


def _footer(report: Report) -> str:
    out = report.opted_out
    counts = (
        f"<p>{out.plays} plays of {duration(out.watched_time_s)} asked not to be followed (Sec-GPC, DNT): "
        "they are in none of these figures.</p>"
        if out.plays
        else ""
    )
    return (
        "<h2>How to read this</h2><p>Measured: the relay saw it. Cmcd: the player said it (CTA-5004). Estimated: "
        "concluded from requests alone. Names with capitals are CTA-2066&#8217;s. Figures are of sessions that began "
        "in this time; a viewer is known again within a UTC day, never across two.</p>"
        f"<p>Groups of fewer than {report.question.k} viewers are put together.</p>{counts}"
    )


def _along(at_ms: float, since_ms: int, until_ms: int) -> float:
    return min(100.0, max(0.0, 100 * (at_ms - since_ms) / (until_ms - since_ms)))


def _times(since_ms: int, until_ms: int) -> list[Label]:
    pattern = (
        "%H:%M" if until_ms - since_ms <= _DAY_MS else "%b %d" if until_ms - since_ms > 3 * _DAY_MS else "%d, %H:%M"
    )
    labels = []
    for step in range(_ALONG):
        at_ms = since_ms + (until_ms - since_ms) * step // (_ALONG - 1)
        labels.append(
            Label(100 * step / (_ALONG - 1), f"{datetime.fromtimestamp(at_ms / 1000, UTC):{pattern}}", step % 3 != 0)
        )
    return labels
