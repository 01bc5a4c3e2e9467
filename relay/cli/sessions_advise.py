"""`relay sessions advise`: what the viewing data says about the stream's own settings."""

from __future__ import annotations

import typer

from relay.cli.sessions_options import (
    DataOption,
    SinceOption,
    StreamOption,
    UntilOption,
    opened,
    quiet_on_a_closed_pipe,
    say_none,
)
from relay.cli.sessions_report import WEEK_MS, now_ms


def advise(
    data: DataOption = None,
    stream: StreamOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
) -> None:
    """Propose a ladder, a latency and a cache size from what viewers had in the last week, with the expected effect."""
    from relay.analytics.advising import lines, make_advice  # noqa: PLC0415 - not needed by `relay serve`

    with quiet_on_a_closed_pipe(), opened(data) as reader:
        until_ms = now_ms() if until is None else until
        since_ms = until_ms - WEEK_MS if since is None else since
        found = list(make_advice(reader, stream, since_ms, until_ms))
        if not found:
            say_none(reader)
        for advice in found:
            for line in lines(advice):
                typer.echo(line)
