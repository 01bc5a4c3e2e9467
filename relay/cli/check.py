"""`relay check`: visits an HLS address as players do, and says what it does that HLS does not allow."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Final
from urllib.parse import urlsplit

import typer
from rich.console import Console
from rich.table import Table

from relay.check.finding import Severity
from relay.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from relay.check.tally import Told
    from relay.check.visit.checker import Progress, Report

EXIT_FINDINGS: Final = 1
EXIT_UNREACHABLE: Final = 2
_COLOURS: Final = {Severity.MUST: "red", Severity.SHOULD: "yellow", Severity.ADVICE: "cyan"}
_PLACES_SHOWN: Final = 3


def check(
    url: Annotated[str, typer.Argument(help="http(s)://... of a multivariant or media playlist, live or not.")],
    seconds: Annotated[
        float, typer.Option("--seconds", "-s", min=1, max=86_400, help="How long to follow a live stream.")
    ] = 20.0,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Check any HLS stream: playlists, media, HTTP, low latency, over time. Exit 0: clean, 1: findings, 2: unreachable.

    Findings are "must" (a standard forbids it, or some player fails), "should" (it plays, but worse) and "advice",
    which alone is clean. A stream that has ended is read once, and no longer than --seconds.
    """
    if not _is_address(url):
        raise ConfigError(f"{url!r} is no address that can be checked: http://... or https://...")
    # The rules of media bring FFmpeg with them, which no other command has to pay for.
    from relay.check.visit.checker import check_url  # noqa: PLC0415

    err = Console(stderr=True)
    with err.status(f"visiting for {seconds:g} s") as status:

        def show(progress: Progress) -> None:
            status.update(
                f"{progress.elapsed_s:.0f} s of {seconds:g}: {progress.requests} requests, "
                f"{progress.segments} segments, {progress.faults} findings"
            )

        report = asyncio.run(check_url(url, seconds, show))
    if as_json:
        typer.echo(json.dumps(_document(report), indent=2))
    else:
        _print(Console(), report)
    if report.unreachable is not None:
        raise typer.Exit(EXIT_UNREACHABLE)
    if any(told.finding.severity is not Severity.ADVICE for told in report.told):
        raise typer.Exit(EXIT_FINDINGS)


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # half an IPv6 address, or a port that is no number
        return False


def _document(report: Report) -> dict[str, object]:
    return {
        "url": report.url,
        "unreachable": report.unreachable,
        "seconds": round(report.seconds, 3),
        "requests": report.requests,
        "bytes_read": report.bytes_read,
        "renditions": [asdict(rendition) for rendition in report.renditions],
        "findings": [{**asdict(told.finding), "count": told.count, "places": told.places} for told in report.told],
        "findings_left_out": report.left_out,
    }


def _print(console: Console, report: Report) -> None:
    def say(text: str, style: str = "") -> None:
        console.print(text, markup=False, highlight=False, soft_wrap=True, style=style)

    if report.unreachable is not None:
        say(f"{report.url} cannot be checked: {report.unreachable}")
        return
    table = Table(title=report.url, title_justify="left", box=None, pad_edge=False)
    for column in ("playlist", "for", "read", "segments", "parts", "media"):
        table.add_column(column, overflow="fold")
    for one in report.renditions:
        what = ", ".join(one.containers) or "nothing"
        amount = f"{one.media_bytes / 1e6:.1f} MB {what}"
        table.add_row(one.url, one.role, f"{one.readings} times", str(one.segments), str(one.parts), amount)
    console.print(table, markup=False, highlight=False)
    for told in report.told:
        _print_finding(told, say)
    if report.left_out:
        say(f"{report.left_out} further findings are not shown.")
    faults = sum(told.finding.severity is not Severity.ADVICE for told in report.told)
    words = "Nothing is wrong" if not faults else f"{faults} finding{'s' if faults > 1 else ''}"
    say(f"{words}: {report.requests} requests, {report.seconds:.0f} s.")


def _print_finding(told: Told, say: Callable[[str, str], None]) -> None:
    finding = told.finding
    say(f"{finding.severity:<6} {finding.rule:<4} {finding.message} [{finding.clause}]", _COLOURS[finding.severity])
    seen = f"seen {told.count} times, first: " if told.count > 1 else ""
    if seen or finding.where:
        say(f"            {seen}{finding.where or 'all of it'}", "")
    for place in told.places[:_PLACES_SHOWN]:
        say(f"            {place}", "")
    if len(told.places) > _PLACES_SHOWN:
        say("            and others", "")
