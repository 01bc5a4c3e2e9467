"""Sources that are pushed: the relay listens, and whoever sends is the camera.

    rtmp:                          the front (`relay.ingest`) lets pushers in and connects to this worker's `Entrance`
    tcp://HOST:PORT?listen         MPEG-TS over TCP; no password, one sender at a time
    udp://HOST:PORT                MPEG-TS over UDP, unicast and multicast; no password

FFmpeg reads all of them. From a socket that was accepted here it reads through `Inlet`, which keeps deadlines that
FFmpeg's own listeners do not have.
"""

from __future__ import annotations

import contextlib
import hmac
import re
import secrets
import socket
import time
from typing import TYPE_CHECKING, Any, Final

import av

from relay.errors import (
    SourceAwaitedError,
    SourceEndedError,
    SourceError,
    SourceNotFoundError,
    SourceStalledError,
    SourceUnreachableError,
    SourceUnsupportedError,
)
from relay.model import LOOPBACK, PUSH_WELCOME, PushDoor
from relay.source.address import Address, SourceKind
from relay.source.container import ContainerSource
from relay.source.retry import Backoff

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from av.container import InputContainer
    from av.packet import Packet

    from relay.config import StreamSettings

TOKEN_BYTES: Final = 16
AWAIT_S: Final = 0.5
"""How long one attempt waits for a sender: as long as it takes to notice that the worker is to end."""

INTRODUCE_WITHIN_S: Final = 1.0
AGAIN_AFTER_S: Final = 0.2
UDP_WITHIN_S: Final = 3.0
_LIVE_PROBE: Final = {"analyzeduration": "1000000", "probesize": "1000000"}
_FLV: Final = {**_LIVE_PROBE, "fpsprobesize": "0"}
"""The metadata says the frame rate; to measure it would cost a second before the first picture."""

_UDP: Final = {**_LIVE_PROBE, "overrun_nonfatal": "1", "buffer_size": "1048576"}
"""A second at 8 Mbit/s in the kernel, where it may be so large, and FFmpeg's own queue behind it."""

_MPEGTS: Final = re.compile(
    r"(?P<scheme>udp|tcp)://@?(?P<host>\[[0-9a-f:.]+\]|[\w.-]*):(?P<port>\d{1,5})/?(?:\?(?P<query>\S*))?", re.IGNORECASE
)
_WAYS: Final = "udp://HOST:PORT or tcp://HOST:PORT?listen, HOST one of this machine's addresses or a multicast group"


class Entrance:
    """A listening socket of the worker's. With `on_open` it is for the front alone: loopback, any port, and a token.

    Made by any thread, used by the one that reads the source.
    """

    def __init__(self, on_open: Callable[[PushDoor], None] | None = None) -> None:
        self._on_open = on_open
        self._token = secrets.token_hex(TOKEN_BYTES) if on_open else ""
        self._listener: socket.socket | None = None

    def accept(self, host: str = LOOPBACK, port: int = 0) -> socket.socket | None:
        """Whoever connects within `AWAIT_S`. Raises a leaf of `SourceError` where `host` or `port` cannot be had."""
        listener = self._listener
        if listener is None:
            listener = self._listener = _listen(host, port)
            if self._on_open is not None:
                self._on_open(PushDoor(listener.getsockname()[1], self._token))
        try:
            connection, _ = listener.accept()
        except OSError:  # nobody came, or whoever came is gone again
            return None
        if self._on_open is None:
            # So that a second sender is refused by the system, and not left to wait for its turn.
            self.close()
        elif not self._is_introduced(connection):
            connection.close()
            return None
        return connection

    def close(self) -> None:
        """Listen no more, until the next `accept`."""
        if self._listener is not None:
            self._listener.close()
        self._listener = None

    def _is_introduced(self, connection: socket.socket) -> bool:
        """Whether it is the front that connected: every user of this machine can reach a port on loopback."""
        connection.settimeout(INTRODUCE_WITHIN_S)
        given = b""
        with contextlib.suppress(OSError):
            while len(given) < len(self._token) and (more := connection.recv(len(self._token) - len(given))):
                given += more
            if hmac.compare_digest(given, self._token.encode()):
                connection.sendall(PUSH_WELCOME)
                return True
        return False


class Inlet:
    """A socket as the file that FFmpeg reads. It ends where the socket does, or where its deadline has passed.

    `fault` says which of the two it was: an exception in `read` would be printed and lost.
    """

    def __init__(self, connection: socket.socket, label: str, within_s: float) -> None:
        self.fault: SourceStalledError | None = None
        self._connection = connection
        self._label = label
        self.extend(within_s)

    def extend(self, within_s: float) -> None:
        """Something came of what was read: as long again for the next."""
        self._within_s = within_s
        self._deadline_s = time.monotonic() + within_s

    def read(self, count: int) -> bytes:
        """At most `count` bytes, as soon as there are any; nothing at the end."""
        left_s = self._deadline_s - time.monotonic()
        try:
            if left_s > 0:
                self._connection.settimeout(left_s)
                return self._connection.recv(count)
        except TimeoutError:
            pass
        except OSError:  # the sender is gone: it died, or its network did
            return b""
        self.fault = SourceStalledError(f"{self._label}: nothing came for {self._within_s:g} s")
        return b""

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


class PushedSource(ContainerSource):
    """What a connection that was accepted here sends."""

    def __init__(self, address: Address, settings: StreamSettings, container: InputContainer, inlet: Inlet) -> None:
        super().__init__(address, settings, container)
        self._inlet = inlet

    def media(self) -> Iterator[Packet[Any] | None]:
        """As `ContainerSource.media`."""
        within_s = self._settings.read_timeout_s
        self._inlet.extend(within_s)
        try:
            for item in super().media():
                if item is not None and item.size:
                    self._inlet.extend(within_s)
                yield item
        except SourceEndedError:
            if self._inlet.fault is not None:
                raise self._inlet.fault from None
            raise SourceEndedError(f"{self._address.label}: the sender hung up") from None

    def close(self) -> None:
        """As `ContainerSource.close`, and hang up."""
        super().close()
        self._inlet.close()


class PushBackoff:
    """When a pushed source is listened for again: at once, unless what was sent could not be used."""

    def __init__(self) -> None:
        self._backoff = Backoff()

    def delay_s(self, error: SourceError, healthy_s: float) -> float:
        """As `Backoff.delay_s`. Nobody is hammered by listening."""
        if isinstance(error, SourceAwaitedError):
            return 0.0
        if isinstance(error, SourceEndedError | SourceStalledError):
            return AGAIN_AFTER_S
        return self._backoff.delay_s(error, healthy_s)


def open_push(settings: StreamSettings, entrance: Entrance | None) -> ContainerSource:
    """Wait for a sender, and open what it sends. Raises `SourceAwaitedError` while there is none."""
    if entrance is None:
        raise SourceUnsupportedError(
            f"{settings.source}: what is pushed comes when it comes: `relay serve` listens for it, nothing else does"
        )
    if settings.is_rtmp_push:
        address = Address(SourceKind.PUSH, "", "the RTMP push")
        return _open_accepted(address, settings, "flv", entrance.accept())
    match = _MPEGTS.fullmatch(settings.source.strip())
    if match is None or int(match["port"]) > 65535:
        raise SourceUnsupportedError(f"{settings.source}: to be pushed to, write {_WAYS}")
    host, port = match["host"].strip("[]") or "0.0.0.0", int(match["port"])  # noqa: S104 - FFmpeg's own meaning of udp://:5004
    if match["scheme"].lower() == "udp":
        return _open_udp(Address(SourceKind.PUSH, settings.source.strip(), settings.source), settings)
    address = Address(SourceKind.PUSH, "", settings.source)
    return _open_accepted(address, settings, "mpegts", entrance.accept(host, port))


def _open_accepted(
    address: Address, settings: StreamSettings, container_format: str, connection: socket.socket | None
) -> ContainerSource:
    if connection is None:
        raise SourceAwaitedError(f"{address.label}: nobody sends")
    inlet = Inlet(connection, address.label, settings.open_timeout_s)
    options = _FLV if container_format == "flv" else _LIVE_PROBE
    try:
        container = av.open(inlet, "r", format=container_format, options=options)
        try:
            return PushedSource(address, settings, container, inlet)
        except BaseException:
            container.close()
            raise
    except av.FFmpegError:
        inlet.close()
        if inlet.fault is not None:
            raise inlet.fault from None
        raise SourceEndedError(
            f"{address.label}: the sender hung up, or what it sends is no {container_format}"
        ) from None
    except BaseException:
        inlet.close()
        raise


def _open_udp(address: Address, settings: StreamSettings) -> ContainerSource:
    # PyAV's timeout is the one that is meant: FFmpeg's own is an I/O error like any other when it passes.
    options = {**_UDP, "timeout": str(round(2 * settings.read_timeout_s * 1_000_000))}
    timeouts_s = (min(UDP_WITHIN_S, settings.open_timeout_s), settings.read_timeout_s)
    began_s = time.monotonic()
    try:
        container = av.open(address.url, "r", format="mpegts", options=options, timeout=timeouts_s)
    except av.FFmpegError as error:
        if time.monotonic() - began_s >= timeouts_s[0]:
            raise SourceAwaitedError(f"{address.label}: nobody sends") from None
        raise _explain_listening(error, address.label) from None
    try:
        return ContainerSource(address, settings, container)
    except BaseException:
        container.close()
        raise


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(1)
    except OSError as error:
        listener.close()
        raise _explain_listening(error, f"{host}:{port}") from None
    listener.settimeout(AWAIT_S)
    return listener


def _explain_listening(error: OSError | av.FFmpegError, label: str) -> SourceError:
    if isinstance(error, socket.gaierror):
        return SourceNotFoundError(f"{label}: is no address of this machine: write {_WAYS}")
    reason = error.strerror or "no reason given"
    return SourceUnreachableError(f"{label}: cannot be listened on ({reason}): is the port taken, the address ours?")
