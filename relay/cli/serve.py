"""`relay serve`: cameras in, HLS out, until it is told to stop."""

from __future__ import annotations

import asyncio
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import structlog
import typer

from relay import config, logs
from relay.serve import Hub, OriginServer, make_app
from relay.sessions import SessionRecorder, SessionStore, TokenMint, load_or_make_key
from relay.supervisor import DataFolder, Supervisor

if TYPE_CHECKING:
    from relay.config import RelaySettings

log = structlog.get_logger()

SWEEP_EVERY_S = 0.25


def serve(
    source: Annotated[
        str | None,
        typer.Argument(
            help="rtsp://…, /dev/video0, a file, http(s)://…, or test: (a moving picture with sound).",
            show_default="test:",
        ),
    ] = None,
    name: Annotated[str | None, typer.Option(help="The stream's name in its address.", show_default="cam")] = None,
    listen: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT",
            help="Where to listen; 0.0.0.0:8888 opens it to the network.",
            show_default=config.DEFAULT_LISTEN,
        ),
    ] = None,
    data: Annotated[Path | None, typer.Option(metavar="DIR", help="Where sessions, key and formats are kept.")] = None,
    config_file: Annotated[
        Path | None, typer.Option("--config", metavar="FILE", help="Several streams, and all settings.")
    ] = None,
    transform: Annotated[
        list[str] | None,
        typer.Option(
            help="What happens to every frame: crop, scale, flip, rotate, timestamp with KEY=VALUE words, or module:function. Repeatable."
        ),
    ] = None,
    loop: Annotated[bool, typer.Option(help="Play a file again when it ends.")] = False,  # noqa: FBT002 - typer's way
) -> None:
    """Turn cameras into live streams that any HLS player can watch."""
    settings = config.load(
        config_file, source=source, name=name, listen=listen, data=data, transforms=transform or (), loop=loop
    )
    logs.configure(settings.log_level)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_serve(settings))


def _loop_factory() -> type[asyncio.AbstractEventLoop] | None:
    if sys.platform == "win32":
        return None
    import uvloop  # noqa: PLC0415 - not to be had on Windows

    return uvloop.new_event_loop


async def _serve(settings: RelaySettings) -> None:
    folder = DataFolder(settings.data)
    try:
        mint = TokenMint(load_or_make_key(settings.data))
        recorder = SessionRecorder(SessionStore(settings.data), mint, settings.session_idle_s)
        hub = Hub()
        supervisor = Supervisor(settings, hub, folder)
        app = make_app(settings, hub, recorder, mint, supervisor.statuses, supervisor.unix_ns)
        await _run_until_signal(settings, app, supervisor, recorder)
    finally:
        folder.close()
