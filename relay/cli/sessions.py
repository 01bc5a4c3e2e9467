"""`relay sessions`: who watched, how long, how well; from the data folder, whether a relay runs or not."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console
from rich.table import Table

from relay.analytics import SessionReader
from relay.cli import sessions_advise, sessions_data, sessions_report
from relay.cli.sessions_options import (
    MS_PER_S,
    DataOption,
    SinceOption,
    StreamOption,
    quiet_on_a_closed_pipe,
    say,
    say_none,
)
from relay.config import default_data_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from relay.sessions import SessionRow

sessions = typer.Typer(no_args_is_help=True, help="Who watched, how long, how well.")
sessions.command()(sessions_report.report)
sessions.command()(sessions_report.digest)
sessions.command()(sessions_advise.advise)
sessions.command()(sessions_report.top)
sessions.command()(sessions_report.live)
sessions.command()(sessions_data.export)
sessions.command()(sessions_data.query)

EXIT_NOT_FOUND: Final = 1
_SHORT_ID: Final = 8
_COLUMNS_SHOWN: Final = ("session", "started", "stream", "watched", "state", "player", "network")
"""What fits a terminal of 80 columns."""


@sessions.command("list")
def list_sessions(
    data: DataOption = None,
    stream: StreamOption = None,
    since: SinceOption = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most this many, the newest first.")] = 50,
) -> None:
    """The newest sessions: a table on a terminal, else one line each, its fields separated by tabs."""
    with quiet_on_a_closed_pipe(), SessionReader(data or default_data_folder()) as reader:
        rows = list(reader.sessions(stream=stream, since_ms=since, limit=limit, newest_first=True))
        if not rows:
            say_none(reader)
            return
        if sys.stdout.isatty():
            Console().print(_table(rows))
            return
        records = [_summary(row) for row in rows]
        typer.echo("\t".join(records[0]))
        for record in records:
            typer.echo("\t".join(record.values()))


def _table(rows: list[SessionRow]) -> Table:
    table = Table(box=None, header_style="bold", padding=(0, 1, 0, 0))
    for name in _COLUMNS_SHOWN:
        is_number = name == "watched"
        table.add_column(name.capitalize(), justify="right" if is_number else "left", no_wrap=name != "player")
    for row in rows:
        record = _summary(row)
        table.add_row(*(record[name] for name in _COLUMNS_SHOWN))
    return table


@sessions.command("show")
def show_session(
    session: Annotated[str, typer.Argument(help="A session's id, or the beginning of it.")],
    data: DataOption = None,
) -> None:
    """Everything that is known of one session."""
    with SessionReader(data or default_data_folder()) as reader:
        found = reader.find(session)
        if not reader.exists:
            say_none(reader)
            raise typer.Exit(EXIT_NOT_FOUND)
    if len(found) != 1:
        several = ", ".join(row.session_id for row in found)
        say(f"several sessions begin with {session!r}: {several}" if found else f"no session begins with {session!r}")
        raise typer.Exit(EXIT_NOT_FOUND)
    for name, value in _details(found[0]):
        typer.echo(f"{name:<24} {value}")


def _summary(row: SessionRow) -> dict[str, str]:
    return {
        "session": row.session_id[:_SHORT_ID],
        "stream": row.stream_id,
        "started": f"{datetime.fromtimestamp(row.started_at_ms / MS_PER_S, UTC).astimezone():%Y-%m-%d %H:%M}",
        "watched": _duration(row.watched_time_s),
        "state": _state(row),
        "player": f"{row.player_name} {row.player_version.partition('.')[0]}".strip(),
        "device": f"{row.os} {row.device_type}".strip(),
        "network": row.client_net,
        "sent": _size(row.bytes_sent),
        "errors": str(row.http_error_count),
    }


def _details(row: SessionRow) -> Iterator[tuple[str, str]]:
    for name, value in row._asdict().items():
        if name.endswith("_at_ms"):
            yield name.removesuffix("_ms"), "-" if value is None else _local(value, "milliseconds")
        elif name in {"error_codes", "player_error_codes"}:
            yield name, ", ".join(f"{count} times {code}" for code, count in value) or "-"
        elif name == "renditions":
            yield name, ", ".join(row.renditions) or "-"
        elif name == "bytes_sent":
            yield name, f"{value} ({_size(row.bytes_sent)})"
        elif name == "watched_time_s":
            yield name, f"{value} ({_duration(row.watched_time_s)})"
        else:
            yield name, _text(value)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "-" if value is None or value == "" else str(value)


def _state(row: SessionRow) -> str:
    if row.ended_at_ms is None:
        return "watching"
    return "never started" if row.exit_before_video_start else str(row.end_reason)


def _local(unix_ms: int, precision: str = "seconds") -> str:
    return datetime.fromtimestamp(unix_ms / MS_PER_S, UTC).astimezone().isoformat(" ", precision)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
