"""Numbers as people read them, the names of the figures, and tables in plain text."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from relay.analytics.figures import Figure

NOTHING: Final = "-"
TITLES: Final = {
    "attempts": "Attempts",
    "plays": "Plays",
    "unique_viewers_per_day": "Unique viewers per day",
    "watched_time_s": "Watched time",
    "average_watched_time_s": "Average watched time",
    "median_watched_time_s": "Median watched time",
    "bots": "Bots (not in the other figures)",
    "restreams": "Recorders and relays (not in the other figures)",
    "average_initial_startup_time_ms": "Average Initial Startup Time",
    "initial_startup_time_ms_p50": "Startup time, half of plays under",
    "initial_startup_time_ms_p95": "Startup time, 95 % of plays under",
    "exits_before_video_start": "Exits before video start",
    "exit_before_video_start_percentage": "Exits before video start %",
    "playback_failures": "Playback failures",
    "playback_failure_percentage": "Playback Failure %",
    "average_playback_stalled_count": "Average Playback Stalled Count",
    "stall_count": "Stalls",
    "stall_duration_ms": "Stalled time",
    "average_stalled_time_percentage": "Average Stalled Time %",
    "plays_with_stalls_percentage": "Plays with a stall %",
    "average_playback_bitrate_kbps": "Average Playback Bitrate (displayed)",
    "rendition_switches_per_play": "Rendition switches per play",
    "live_latency_ms_p50": "Live latency, half of plays under",
    "live_latency_ms_p95": "Live latency, 95 % of plays under",
    "dropped_frames_per_play": "Dropped frames per play",
    "bytes_sent": "Sent",
    "delivered_bitrate_kbps": "Delivered bit rate",
    "throughput_kbps_p50": "Throughput, half of plays over",
    "throughput_kbps_p10": "Throughput, 90 % of plays over",
    "http_errors": "HTTP errors",
}


def moment(at_ms: int) -> str:
    """A time in UTC, to the minute."""
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d %H:%M}"


def duration(seconds: float) -> str:
    """`0:03`, `12:05`, `3:20:07`, or days and hours where it is long."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours >= 100:
        return f"{hours // 24} d {hours % 24} h"
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def size(count: float) -> str:
    """Bytes, by thousands."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def number(value: float) -> str:
    """A count as it is, anything else with as many digits as say something."""
    if value == int(value):
        return f"{int(value):,}".replace(",", " ")
    return f"{value:.2f}" if abs(value) < 10 else f"{value:,.1f}".replace(",", " ")


def quantity(value: float | None, unit: str) -> str:
    """A value with its unit, in the unit that fits it."""
    if value is None:
        return NOTHING
    return _SHOWN.get(unit, _plain)(value)


def _plain(value: float) -> str:
    return number(round(value, 2))


def _milliseconds(value: float) -> str:
    if value >= 60_000:
        return duration(value / 1000)
    return f"{value:.0f} ms" if value < 1000 else f"{value / 1000:.1f} s"


def _kilobits(value: float) -> str:
    return f"{value:.0f} kbit/s" if value < 1000 else f"{value / 1000:.1f} Mbit/s"


def _percent(value: float) -> str:
    return f"{_plain(value)} %"


_SHOWN: Final = {"s": duration, "ms": _milliseconds, "kbps": _kilobits, "bytes": size, "%": _percent}


def shown(figure: Figure) -> str:
    """The value of a figure."""
    return quantity(figure.value, figure.unit)


def sources(figure: Figure) -> str:
    """Where a figure comes from; of several, how many of each."""
    if figure.value is None:
        return NOTHING
    if len(figure.sources) <= 1:
        return figure.source or NOTHING
    return ", ".join(f"{source} {count}" for source, count in figure.sources)


def table(header: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> list[str]:
    """Lines of aligned columns, the first `left` of them to the left."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]

    def line(cells: Sequence[str]) -> str:
        aligned = (
            cell.ljust(width) if place < left else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        return "  ".join(aligned).rstrip()

    return [line(header), line(["-" * width for width in widths]), *map(line, rows)]
