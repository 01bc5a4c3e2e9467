"""`relay serve | probe | check | devices | process | sessions | transforms`: each a file that loads what it needs."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from relay import __version__, logs
from relay.cli.check import check
from relay.cli.devices import devices
from relay.cli.probe import probe
from relay.cli.process import process
from relay.cli.serve import serve
from relay.cli.sessions import sessions
from relay.cli.transforms import transforms
from relay.errors import RelayError

app = typer.Typer(
    name="relay",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command()(serve)
app.command()(probe)
app.command()(check)
app.command()(devices)
app.command()(process)
app.add_typer(sessions, name="sessions")
app.add_typer(transforms, name="transforms")


def _print_version(value: bool) -> None:  # noqa: FBT001 - typer's callback protocol
    if value:
        typer.echo(f"relay {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Say which version this is.")
    ] = False,
) -> None:
    """Any camera in, HLS out: every frame open to Python, and a truthful record of who watched."""


def main() -> None:
    """Run the command line: a mistake of the user's is one clear line and exit code 1, never a traceback."""
    logs.redact_tracebacks()
    logs.configure("warning")  # to standard error, redacted; `serve` asks for more
    try:
        app()
    except RelayError as error:
        typer.echo(f"relay: {error}", err=True)
        sys.exit(1)
