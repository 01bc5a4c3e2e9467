"""Listening: sockets that are bound here, with errors in plain words, and an end within two seconds."""

from __future__ import annotations

import asyncio
import errno
import socket
from typing import TYPE_CHECKING, Final

from aiohttp import web, web_response

from relay.errors import ListenError
from relay.serve.app import SERVER
from relay.serve.malformed import MALFORMED, MalformedRequests

if TYPE_CHECKING:
    from collections.abc import Sequence

_STOP_WITHIN_S: Final = 0.6
"""aiohttp waits for this twice, first for handlers to end and then for their cancellation."""

_BACKLOG: Final = 1024
_UNSENT_BYTES: Final = 128 * 1024
"""Bytes that the kernel may take and not have sent: what a viewer who hangs up is counted for and never got."""


class HttpServer:
    """A web application on its sockets. Made by `start`."""

    def __init__(self, runner: web.AppRunner, sockets: Sequence[socket.socket]) -> None:
        self._runner = runner
        self.addresses: list[tuple[str, int]] = [listener.getsockname()[:2] for listener in sockets]

    @classmethod
    async def start(cls, app: web.Application, host: str, port: int) -> HttpServer:
        """Listen on every address of `host`. Port 0 takes any that is free. Raises `ListenError`."""
        sockets = await _bind(host, port)
        # aiohttp answers what is no HTTP by itself, before any of our code, and would name its version.
        setattr(web_response, "SERVER_SOFTWARE", SERVER)  # noqa: B010 - the name is not exported, so mypy refuses an assignment
        log = (app.get(MALFORMED) or MalformedRequests()).logger(sockets[0].getsockname()[1])
        runner = web.AppRunner(app, shutdown_timeout=_STOP_WITHIN_S, logger=log)
        await runner.setup()
        for listener in sockets:
            await web.SockSite(runner, listener, backlog=_BACKLOG).start()
        return cls(runner, sockets)

    @property
    def port(self) -> int:
        """The port that was taken."""
        return self.addresses[0][1]

    async def stop(self) -> None:
        """Take no more connections, wake who waits, and close the rest in two seconds at most. May be called twice."""
        server = self._runner.server
        transports = [handler.transport for handler in server.connections] if server else []
        await self._runner.cleanup()
        for transport in transports:
            if transport is not None:
                transport.abort()  # one whose reader does not read would stay open until it has been written


async def _bind(host: str, port: int) -> list[socket.socket]:
    found = await _addresses(host, port)
    sockets: list[socket.socket] = []
    failure: OSError | None = None
    for family, address in found:
        # `localhost` with port 0: the second address gets the port that the first one took.
        own_port = sockets[0].getsockname()[1] if sockets and port == 0 else port
        try:
            sockets.append(_listener(family, (address, own_port)))
        except OSError as error:
            failure = error
            if error.errno != errno.EADDRNOTAVAIL:
                break
    if failure is not None and (failure.errno != errno.EADDRNOTAVAIL or not sockets):
        for listener in sockets:
            listener.close()
        raise ListenError(_explain(failure, host, port)) from failure
    return sockets


async def _addresses(host: str, port: int) -> list[tuple[socket.AddressFamily, str]]:
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise ListenError(f"{host!r} is no address and no name of this machine: {error.strerror}") from error
    return list(dict.fromkeys((family, str(address[0])) for family, _, _, _, address in found))


def _listener(family: socket.AddressFamily, address: tuple[str, int]) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if hasattr(socket, "TCP_NOTSENT_LOWAT"):
            # Connections inherit it. Full speed stays possible, since it does not limit what is in flight.
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT_BYTES)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def _explain(error: OSError, host: str, port: int) -> str:
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    match error.errno:
        case errno.EADDRINUSE:
            return f"{where} is taken by another program: stop it, or choose another port with --listen {host}:PORT"
        case errno.EACCES | errno.EPERM:
            return f"{where} needs rights that this user does not have: choose a port from 1024 on"
        case errno.EADDRNOTAVAIL:
            return (
                f"{host} is no address of this machine: use 127.0.0.1 for this machine alone, 0.0.0.0 for all networks"
            )
        case _:
            return f"{where} cannot be listened on: {error.strerror}"
