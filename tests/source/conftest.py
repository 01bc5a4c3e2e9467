from __future__ import annotations

import socket
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

import pytest

from fixtures.http_camera import Files, Guarded, serving
from fixtures.trouble import Trouble, rtsp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

MOST_REQUESTS = 4
"""That FFmpeg makes before it gives up."""


@pytest.fixture
def http(tmp_path: Path) -> Iterator[str]:
    """The base URL of an HTTP server over `tmp_path`."""
    with serving(partial(Files, directory=str(tmp_path))) as url:
        yield url


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[str]:
    """The base URL of an HTTP server over `tmp_path` that wants a password, or a header."""
    with serving(partial(Guarded, directory=str(tmp_path))) as url:
        yield url


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
    """Starts a server that answers RTSP requests with the status line it is given; returns host:port."""
    with ExitStack() as servers:

        def start(status: str) -> str:
            challenge = 'WWW-Authenticate: Basic realm="cam"\r\n' if status.startswith("401") else ""
            server = servers.enter_context(Trouble(*[rtsp(status, challenge)] * MOST_REQUESTS))
            return f"127.0.0.1:{server.port}"

        yield start
