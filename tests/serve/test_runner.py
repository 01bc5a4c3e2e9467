"""Listening, and the end of it."""

from __future__ import annotations

import asyncio
import errno
import socket
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from fixtures.published import MSN
from relay.errors import ListenError
from relay.serve import HttpServer, runner

if TYPE_CHECKING:
    from fixtures.origin import Camera, Client, Recorder

pytestmark = pytest.mark.clock


async def test_a_taken_port_is_said_plainly(server: HttpServer) -> None:
    with pytest.raises(ListenError, match=rf"127.0.0.1:{server.port} is taken by another program"):
        await HttpServer.start(web.Application(), "127.0.0.1", server.port)


async def test_localhost_is_every_loopback_address_with_one_port() -> None:
    server = await HttpServer.start(web.Application(), "localhost", 0)
    assert {port for _, port in server.addresses} == {server.port}
    await server.stop()
    await server.stop()


@pytest.mark.parametrize(
    ("host", "words"),
    [("192.0.2.1", "192.0.2.1 is no address of this machine"), ("no.such.host.invalid", "no name of this machine")],
)
async def test_a_foreign_address_is_said_plainly(host: str, words: str) -> None:
    with pytest.raises(ListenError, match=words):
        await HttpServer.start(web.Application(), host, 0)


@pytest.mark.parametrize(("code", "words"), [(errno.EACCES, "from 1024 on"), (errno.EMFILE, "cannot be listened on")])
async def test_other_failures(monkeypatch: pytest.MonkeyPatch, code: int, words: str) -> None:
    def fail(*_: object) -> socket.socket:
        raise OSError(code, "failed")

    monkeypatch.setattr(runner, "_listener", fail)
    with pytest.raises(ListenError, match=words):
        await HttpServer.start(web.Application(), "::1", 80)


async def test_who_waits_is_released_and_the_end_comes_in_two_seconds(
    server: HttpServer, client: Client, camera: Camera, recorder: Recorder
) -> None:
    waiting = [
        asyncio.create_task(client.get(path))
        for path in (
            f"/live/cam/video-1/index.m3u8?_HLS_msn={MSN + 7}",
            f"/live/cam/video-1/{MSN + 7}.3.m4s",
            "/live/yard/index.m3u8",
        )
    ]
    await asyncio.sleep(0.1)
    began = asyncio.get_running_loop().time()
    await server.stop()
    assert asyncio.get_running_loop().time() - began < 2
    assert [(await answer).status for answer in waiting] == [503, 503, 503]


async def test_a_reader_that_does_not_read_does_not_hold_up_the_end(
    server: HttpServer, camera: Camera, recorder: Recorder
) -> None:
    camera.size_bytes = 400_000
    camera.at = (MSN + 20, 0)
    camera.publish_segments(1)
    viewer = socket.socket()
    viewer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)  # so that little is under way
    viewer.setblocking(False)
    await asyncio.get_running_loop().sock_connect(viewer, ("127.0.0.1", server.port))
    reader, writer = await asyncio.open_connection(sock=viewer, limit=1024)
    writer.write(f"GET /live/cam/video-1/{MSN + 20}.m4s HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    await reader.readline()
    await asyncio.sleep(0.1)
    began = asyncio.get_running_loop().time()
    await server.stop()
    assert asyncio.get_running_loop().time() - began < 2
    writer.close()
    assert [access.is_complete for access in recorder.accesses] == [False]


async def test_what_is_no_http_is_answered_without_a_version(server: HttpServer) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"nonsense\r\n\r\n")
    answer = await reader.read()
    writer.close()
    assert answer.startswith(b"HTTP/1.0 400")
    assert b"Server: relay\r\n" in answer
    assert b"aiohttp" not in answer


async def test_headers_without_end_are_refused(server: HttpServer) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 20_000 + b"\r\n\r\n")
    answer = await reader.read()
    writer.close()
    assert answer.startswith(b"HTTP/1.0 400")


async def test_little_is_left_unsent_in_the_kernel() -> None:
    listener = runner._listener(socket.AF_INET, ("127.0.0.1", 0))
    viewer = socket.create_connection(listener.getsockname())
    accepted, _ = listener.accept()
    for one in (listener, accepted):
        assert one.getsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT) == 128 * 1024
    for one in (viewer, accepted, listener):
        one.close()


async def test_a_mistake_of_ours_keeps_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    async def fail(request: web.Request) -> web.Response:
        raise ValueError(f"at {request.path}")

    app = web.Application()
    app.router.add_get("/", fail)
    server = await HttpServer.start(app, "127.0.0.1", 0)
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert (await reader.read()).startswith(b"HTTP/1.1 500 ")
        writer.close()
        await writer.wait_closed()
    finally:
        await server.stop()
    assert "ValueError: at /" in caplog.text
