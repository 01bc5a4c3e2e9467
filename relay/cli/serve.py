"""`relay serve`: cameras in, HLS out, until it is told to stop."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import structlog
import typer

from relay import config, logs
from relay.cli.pushing import start_front, where_to_push
from relay.errors import ConfigError
from relay.events.desk import EventDesk
from relay.events.store import EventStore
from relay.events.webhooks import Webhooks
from relay.heap import spare_what_is_loaded
from relay.keyfile import load_or_make
from relay.serve import TOKEN_FILE, AdminKey, HttpServer, Hub, Viewing, make_app
from relay.serve.adminkey import INVITATION_S
from relay.serve.app import move_hours
from relay.serve.hourly import Hourly
from relay.serve.jobs import Jobs
from relay.sessions import SessionRecorder, SessionStore, TokenMint, load_or_make_key
from relay.supervisor import DataFolder, Outlets, Supervisor, TapFolder, usable_cores
from relay.walls import shown_in

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from aiohttp import web

    from relay.config import RelaySettings

log = structlog.get_logger()

SWEEP_EVERY_S: Final = 0.25
CHECK_IMAGES_WITHIN_S: Final = 30.0

_SOURCE_HELP: Final = (
    "rtsp://…, /dev/video0, v4l2:NAME, a file or folder, http(s)://…, screen:, python:module:function, rtmp: (the "
    "relay listens), or test: (a moving picture with sound)."
)
_TRANSFORM_HELP: Final = (
    "What happens to every frame, in this order: a name that `relay transforms` lists, with KEY=VALUE words ('crop x=0 "
    "y=0 width=640 height=360'), filter=GRAPH of FFmpeg's filters, or module:function of your own. Repeatable."
)


def serve(
    *,
    source: Annotated[str | None, typer.Argument(help=_SOURCE_HELP, show_default=config.TEST_PATTERN)] = None,
    name: Annotated[
        str | None, typer.Option(help="The stream's name in its address.", show_default=config.DEFAULT_STREAM)
    ] = None,
    listen: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT",
            help="Where to listen; 0.0.0.0:8888 opens it to the network.",
            show_default=config.DEFAULT_LISTEN,
        ),
    ] = None,
    rtmp_listen: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT",
            help="Where to take what is pushed over RTMP, if a stream's source is rtmp:.",
            show_default=config.DEFAULT_RTMP_LISTEN,
        ),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where sessions, key and formats are kept.", show_default="yours")
    ] = None,
    config_file: Annotated[
        Path | None, typer.Option("--config", metavar="FILE", help="A relay.toml: several streams, and all settings.")
    ] = None,
    transform: Annotated[list[str] | None, typer.Option(help=_TRANSFORM_HELP)] = None,
    loop: Annotated[
        bool, typer.Option("--loop", help="Begin again at the end of a file, or of what ends over HTTP.")
    ] = False,
) -> None:
    """Turn cameras into live streams that any HLS player can watch."""
    settings = config.load(
        config_file,
        source=source,
        name=name,
        listen=listen,
        rtmp_listen=rtmp_listen,
        data=data,
        transforms=transform or (),
        loop=loop,
    )
    logs.configure(settings.log_level)
    check_slate_images(settings)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_serve(settings, usable_cores()))


def check_slate_images(settings: RelaySettings, within_s: float = CHECK_IMAGES_WITHIN_S) -> None:
    """Raises `ConfigError` for one that cannot be shown. They are read by another process: this one has no OpenCV."""
    paths = sorted({str(stream.slate_image) for stream in settings.streams.values() if stream.slate_image})
    if not paths:
        return
    command = [sys.executable, "-m", "relay.slate", *paths]
    try:
        ran = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, timeout=within_s)  # noqa: S603 - our own
    except subprocess.TimeoutExpired:
        raise ConfigError(f"slate_image: not read within {within_s:g} s: {', '.join(paths)}") from None
    if ran.returncode:
        raise ConfigError(f"slate_image: {'; '.join(ran.stdout.splitlines()) or 'cannot be checked'}")


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    if sys.platform == "win32":
        return None
    import uvloop  # noqa: PLC0415 - not to be had on Windows

    return uvloop.new_event_loop


async def _serve(settings: RelaySettings, cores: float) -> None:
    shown = len(shown_in(settings.streams))
    with closing(DataFolder(settings.data)) as folder, closing(TapFolder(settings.data, shown)) as taps:
        mint = TokenMint(load_or_make_key(settings.data))
        key = AdminKey(load_or_make(settings.data / TOKEN_FILE, "admin token"))
        store = SessionStore(settings.data, retention=settings.viewing)
        keeps_requests = settings.viewing.request_days > 0
        recorder = SessionRecorder(store, mint, settings.session_idle_s, keeps_requests=keeps_requests)
        hub = Hub(settings.streams)
        events = EventStore(settings.data, days=settings.event_days, pictures_mb=settings.event_pictures_mb)
        desk = EventDesk(settings, events, hub.publish_event)
        supervisor = Supervisor(settings, Outlets(hub, desk), folder, cores=cores, taps=taps.path)
        webhooks = Webhooks(settings.webhooks, supervisor.unix_ns, events.picture)
        desk.listeners.append(webhooks.hear)
        try:
            webhooks.start()
            told, now, demand = supervisor.statuses, supervisor.unix_ns, supervisor.demand
            viewing = Viewing(recorder, mint, settings.data, key, settings.viewing)
            app = make_app(hub, viewing, told, now, demand, desk, lambda: webhooks.figures)
            move_hours(app, Hourly(Jobs(), settings.data, settings.viewing))
            await _serve_until_told(settings, app, supervisor, key, lambda: _sweep(recorder, desk, supervisor))
        finally:
            if not recorder.close(supervisor.unix_ns()):
                log.error("some viewer sessions could not be written before the end")
            if not desk.close(supervisor.unix_ns()):
                log.error("some events could not be written before the end")
            await webhooks.close()


async def _serve_until_told(
    settings: RelaySettings,
    app: web.Application,
    supervisor: Supervisor,
    key: AdminKey,
    sweep: Callable[[], Coroutine[None, None, None]],
) -> None:
    """Listen and run the streams until SIGINT, SIGTERM, or an only stream that cannot be opened."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    server = await HttpServer.start(app, settings.host, settings.port)
    front = None
    try:
        front = await start_front(settings, settings.data, supervisor.door)
        spare_what_is_loaded()
        lines = [*_where_to_look(settings, server), *where_to_push(settings, front)]
        typer.echo("\n".join([*lines, *_where_to_see_who_watches(settings, server, key)]))
        tasks = [
            asyncio.create_task(supervisor.run(), name="supervisor"),
            asyncio.create_task(sweep(), name="sweep"),
            asyncio.create_task(stop.wait(), name="signal"),
        ]
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        await supervisor.stop()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*set(tasks) - done, return_exceptions=True)
        for task in done:
            task.result()
    finally:
        await asyncio.gather(server.stop(), *([front.stop()] if front is not None else []))


async def _sweep(recorder: SessionRecorder, desk: EventDesk, supervisor: Supervisor) -> None:
    while True:
        await asyncio.sleep(SWEEP_EVERY_S)
        now_ns = supervisor.unix_ns()
        recorder.sweep(now_ns)
        desk.tick(now_ns)


def _where_to_look(settings: RelaySettings, server: HttpServer) -> list[str]:
    """What a newcomer reads first: where to look, and who else can."""
    origin = _origin(settings, server)
    lines = [f"relay: open {origin}/"]
    lines.extend(f"       {name}: {origin}/live/{name}/index.m3u8" for name in settings.streams)
    if settings.is_loopback:
        lines.append(
            f"       Only this machine can watch. --listen 0.0.0.0:{server.port} opens it to the network: then\n"
            "       everybody who can reach this machine can watch, without a password."
        )
    else:
        lines.append("       Everybody who can reach this address can watch, without a password.")
    return lines


def _where_to_see_who_watches(settings: RelaySettings, server: HttpServer, key: AdminKey) -> list[str]:
    """An invitation, which is nothing to who finds it in a log: it is good once, for a quarter of an hour."""
    link = f"{_origin(settings, server)}/viewing#admin={key.invite(time.time())}"
    return [f"       Who watches: {link}  (this link signs one browser in, within {INVITATION_S / 60:g} minutes)"]


def _origin(settings: RelaySettings, server: HttpServer) -> str:
    host = "localhost" if settings.is_loopback or settings.host in {"0.0.0.0", "::"} else settings.host  # noqa: S104
    return f"http://{f'[{host}]' if ':' in host else host}:{server.port}"
