"""`relay sessions report | digest | top | live`: what the viewing data says, as text or as a page."""

from __future__ import annotations

import sys
import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from relay.cli.sessions_options import (
    DataOption,
    SinceOption,
    StreamOption,
    UntilOption,
    opened,
    quiet_on_a_closed_pipe,
    say,
    say_none,
)
from relay.config import default_data_folder
from relay.errors import OutputError

if TYPE_CHECKING:
    from relay.analytics import SessionReader
    from relay.analytics.report import Report

_DAY_MS: Final = 86_400_000
WEEK_MS: Final = 7 * _DAY_MS
_SHORT_ID: Final = 8

GroupOption = Annotated[
    int, typer.Option("--smallest-group", metavar="K", min=1, help="Groups of fewer viewers are put together.")
]


def now_ms() -> int:
    """Unix time in ms."""
    return time.time_ns() // 1_000_000


def report(
    data: DataOption = None,
    stream: StreamOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    k: GroupOption = 5,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="OUT", help="Write a page of its own instead, with charts.")
    ] = None,
) -> None:
    """Plays, viewers, quality and delivery of the last week, or of another time; every figure says where it is from."""
    with quiet_on_a_closed_pipe(), opened(data) as reader:
        made = _made(reader, stream, since, until, k)
        if html is None:
            from relay.analytics.text import lines  # noqa: PLC0415 - not needed by `relay serve`

            for line in lines(made):
                typer.echo(line)
            return
        from relay.analytics.html import page  # noqa: PLC0415 - as above

        try:
            html.write_text(page(made), encoding="utf-8")
        except OSError as error:
            raise OutputError(f"{html}: cannot be written: {error.strerror}") from error
        say(f"wrote {html}")


class Dimension(StrEnum):
    """What `top` ranks."""

    STREAMS = "streams"
    PLAYERS = "players"
    DEVICES = "devices"
    COUNTRIES = "countries"
    NETWORKS = "networks"
    REFERRERS = "referrers"
    RENDITIONS = "renditions"


_BY: Final = {
    Dimension.STREAMS: "stream",
    Dimension.PLAYERS: "player",
    Dimension.DEVICES: "device",
    Dimension.COUNTRIES: "country",
    Dimension.NETWORKS: "network",
    Dimension.REFERRERS: "referrer",
    Dimension.RENDITIONS: "rendition",
}


def top(
    what: Annotated[Dimension, typer.Argument(help="What is ranked, by the time watched.")] = Dimension.STREAMS,
    data: DataOption = None,
    stream: StreamOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    k: GroupOption = 5,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most this many.")] = 20,
) -> None:
    """What was watched longest in the last week: streams, players, devices, countries, networks, pages, renditions."""
    from relay.analytics.groups import grouped  # noqa: PLC0415 - not needed by `relay serve`
    from relay.analytics.text import group_table  # noqa: PLC0415 - as above

    with quiet_on_a_closed_pipe(), opened(data) as reader:
        end_ms = now_ms() if until is None else until
        since_ms = end_ms - WEEK_MS if since is None else since
        rows = reader.sessions(stream=stream, since_ms=since_ms, until_ms=end_ms)
        groups = grouped((row for row in rows if row.started_at_ms >= since_ms), _BY[what], k)
        if not groups:
            say_none(reader)
            return
        for line in group_table(what.capitalize(), groups[:limit]):
            typer.echo(line)


def digest(
    data: DataOption = None,
    stream: StreamOption = None,
    until: UntilOption = None,
    k: GroupOption = 5,
) -> None:
    """A week in a few lines, beside the week before."""
    from relay.analytics.digest import digest as digest_lines  # noqa: PLC0415 - not needed by `relay serve`

    with quiet_on_a_closed_pipe(), opened(data) as reader:
        end_ms = now_ms() if until is None else until
        report, before = (_made(reader, stream, at_ms - WEEK_MS, at_ms, k) for at_ms in (end_ms, end_ms - WEEK_MS))
        for line in digest_lines(report, before):
            typer.echo(line)


def live(
    data: DataOption = None,
    stream: StreamOption = None,
    url: Annotated[
        str | None,
        typer.Option(
            "--url",
            metavar="URL",
            help="Ask the relay there, as its admin: with the data folder's token, or that in RELAY_ADMIN_TOKEN.",
        ),
    ] = None,
) -> None:
    """Who watches just now, as the relay stored it a second ago: for how long, in which rendition, how far behind."""
    from relay.analytics.words import duration, moment, quantity, table  # noqa: PLC0415 - not needed by `relay serve`

    with quiet_on_a_closed_pipe():
        found = _watching(data, stream) if url is None else _told(url, data, stream)
        rows = [
            (
                row["session_id"][:_SHORT_ID],
                row["stream_id"],
                moment(row["started_at_ms"]),
                f"{row['player_name']} {row['os']}".strip(),
                row["client_net"],
                row.get("rendition") or row["max_rendition"] or "-",
                duration(row["watched_time_s"]),
                quantity(row["live_latency_ms_p50"], "ms"),
                str(row["playback_stall_count"]),
            )
            for row in found
        ]
        if not rows:
            return
        header = ("Session", "Stream", "Since (UTC)", "Player", "Network", "Rendition", "Watched", "Latency", "Stalls")
        for line in table(header, rows, left=6):
            typer.echo(line)


def _watching(data: Path | None, stream: str | None) -> list[dict[str, Any]]:
    with opened(data) as reader:
        found = [row._asdict() for row in reader.live(stream)]
        if not found:
            say("nobody watches just now" if reader.exists else "no sessions yet")
        return found


def _told(url: str, data: Path | None, stream: str | None) -> list[dict[str, Any]]:
    from relay.cli.asking import admin_token, ask  # noqa: PLC0415 - not needed by `relay serve`

    token = admin_token(data or default_data_folder())
    told = ask(url, "api/v1/sessions/live", token, **({} if stream is None else {"stream": stream}))
    if not told["sessions"]:
        say("nobody watches just now")
    return list(told["sessions"])


def _made(reader: SessionReader, stream: str | None, since: int | None, until: int | None, k: int) -> Report:
    from relay.analytics.report import Question, make_report  # noqa: PLC0415 - not needed by `relay serve`

    now = now_ms()
    until_ms = now if until is None else until
    since_ms = until_ms - WEEK_MS if since is None else since
    if since_ms >= until_ms:
        raise typer.BadParameter("--since must be before --until, and before now")
    if not reader.exists:
        say_none(reader)
        sys.exit(0)
    return make_report(reader, Question(since_ms, until_ms, now, stream, k))
