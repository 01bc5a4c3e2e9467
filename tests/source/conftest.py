from __future__ import annotations

import socket
import ssl
import threading
from base64 import b64encode
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from fixtures.media import jpegs
from relay.source.container import BREATH_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PICTURES = jpegs(4)
S = 1_000_000_000


class Clock:
    """Time passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now_ns = 7 * S

    def monotonic_ns(self) -> int:
        return self.now_ns

    def sleep(self, seconds: float) -> None:
        assert seconds <= BREATH_S
        self.now_ns += round(seconds * S)


class Files(SimpleHTTPRequestHandler):
    """The files of a folder, and answers that cameras give: /401, /403, /404, /503, /page, /mjpeg."""

    def do_GET(self) -> None:
        name = self.path.strip("/")
        if name in {"401", "403", "404", "503"}:
            self.send_error(int(name))
        elif name == "page":
            self._answer("text/html", b"<html><body>Camera login</body></html>" * 50)
        elif name == "mjpeg":
            self._send_mjpeg()
        else:
            super().do_GET()

    def log_message(self, *args: object) -> None:
        """Quiet."""

    def _answer(self, content_type: str, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _send_mjpeg(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        for _ in range(10):
            for picture in PICTURES:
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n"
                self.wfile.write(head.encode() + picture + b"\r\n")


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up early is none."""


@pytest.fixture
def http(tmp_path: Path) -> Iterator[str]:
    """The base URL of an HTTP server over `tmp_path`."""
    with serving(partial(Files, directory=str(tmp_path))) as url:
        yield url


class Guarded(Files):
    """Files for those who say who they are: user `me` with the password `geheim`, or the header `X-Key: geheim`."""

    def do_GET(self) -> None:
        password = "Basic " + b64encode(b"me:geheim").decode()
        if self.headers.get("X-Key") == "geheim" or self.headers.get("Authorization") == password:
            super().do_GET()
            return
        self.send_response(401)
        self.send_header("WWW-Authenticate", 'Basic realm="cam"')
        self.send_header("Content-Length", "0")
        self.end_headers()


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[str]:
    """The base URL of an HTTP server over `tmp_path` that wants a password, or a header."""
    with serving(partial(Guarded, directory=str(tmp_path))) as url:
        yield url


@contextmanager
def serving(handler: Callable[..., BaseHTTPRequestHandler], certificate: Path | None = None) -> Iterator[str]:
    server = _Server(("127.0.0.1", 0), handler)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        # The handshake is each connection's own thread's: one that breaks it off holds up nobody.
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=partial(server.serve_forever, poll_interval=0.01))
    thread.start()
    yield f"{'https' if certificate else 'http'}://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join(5)
    server.server_close()


@pytest.fixture
def refused() -> str:
    """host:port where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


@pytest.fixture
def mute() -> Iterator[str]:
    """host:port of a listener that accepts and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def rtsp_answering() -> Iterator[Callable[[str], str]]:
    """Starts a server that answers the first RTSP request with the status line it is given; returns host:port."""
    listeners: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def start(status: str) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        listener.settimeout(5)
        listeners.append(listener)
        threads.append(threading.Thread(target=_answer_each, args=(listener, status)))
        threads[-1].start()
        return f"127.0.0.1:{listener.getsockname()[1]}"

    yield start
    for listener in listeners:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
    for thread in threads:
        thread.join(5)


def _answer_each(listener: socket.socket, status: str) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection:
            connection.settimeout(5)
            try:
                while request := connection.recv(4096):
                    sequence = request.partition(b"CSeq: ")[2].partition(b"\r\n")[0]
                    challenge = b'WWW-Authenticate: Basic realm="cam"\r\n' if status.startswith("401") else b""
                    connection.sendall(
                        b"RTSP/1.0 " + status.encode() + b"\r\nCSeq: " + sequence + b"\r\n" + challenge + b"\r\n"
                    )
            except OSError:
                continue
