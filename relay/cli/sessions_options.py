"""What the commands of `relay sessions` have in common: their options, and how they speak of nothing."""

from __future__ import annotations

import os
import re
import sys
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from relay.analytics import SessionReader
from relay.config import default_data_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

EXIT_BROKEN_PIPE: Final = 128 + 13  # as a program that SIGPIPE ended
MS_PER_S: Final = 1000
_AGE: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw])")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def parse_since(text: str) -> int:
    """Unix time in ms of `30m`, `24h`, `7d` ago, or of an ISO 8601 date or time (UTC where it names no zone)."""
    if match := _AGE.fullmatch(text.strip().lower()):
        moment = datetime.now(UTC) - timedelta(**{_UNITS[match[2]]: float(match[1])})
    else:
        try:
            moment = datetime.fromisoformat(text.strip())
        except ValueError:
            raise typer.BadParameter(f"{text!r} is neither an age (30m, 24h, 7d) nor a date (2031-05-17)") from None
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return int(moment.timestamp() * MS_PER_S)


DataOption = Annotated[
    Path | None,
    typer.Option("--data", metavar="DIR", help="The relay's data folder; else RELAY_DATA or the platform's usual one."),
]
StreamOption = Annotated[str | None, typer.Option("--stream", help="Only this stream.")]
SinceOption = Annotated[
    int | None,
    typer.Option(
        "--since",
        metavar="AGE|DATE",
        parser=parse_since,
        help="Only sessions that went on after: 30m, 24h, 7d, 2031-05-17.",
    ),
]
UntilOption = Annotated[
    int | None,
    typer.Option(
        "--until", metavar="AGE|DATE", parser=parse_since, help="Only what began before: 30m, 24h, 7d, 2031-05-17."
    ),
]


def say_none(reader: SessionReader) -> None:
    """Say that there is nothing, and why."""
    if reader.exists:
        say("no sessions there")
    else:
        say(f"no sessions yet: {reader.path.parent} holds no viewing record. `relay serve` begins one")


def say(text: str) -> None:
    """To whoever types, beside what is written for other programs."""
    typer.echo(text, err=True)


@contextmanager
def quiet_on_a_closed_pipe() -> Iterator[None]:
    """Whoever reads us has seen enough (`| head`): end, as other tools do, without a word."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        # The interpreter flushes standard output once more when it ends, and would complain then.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(EXIT_BROKEN_PIPE) from None


@contextmanager
def opened(data: Path | None) -> Iterator[SessionReader]:
    """The viewing data of a folder; says on standard error what of it cannot be read."""
    with SessionReader(data or default_data_folder()) as reader:
        if reader.missing:
            say(reader.missing)
        yield reader
