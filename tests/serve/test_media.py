"""Media over HTTP: ranges, validators, hinted parts, and what is told of requests that were broken off."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

import pytest

from fixtures.origin import Camera
from fixtures.published import MSN, VIDEO_INIT, make_part
from relay.model import MediaKind
from relay.serve import deliver as delivering
from relay.sessions import ObjectKind

if TYPE_CHECKING:
    from fixtures.origin import Client, Clock, Recorder
    from relay.serve import HttpServer, Hub

OPEN = MSN + 7
VIDEO = "/live/cam/v/x/video-1"


async def test_segments_parts_and_inits(client: Client, camera: Camera, recorder: Recorder) -> None:
    part = await client.get(f"{VIDEO}/{OPEN}.2.m4s")
    assert part.body == make_part(camera.grid, MediaKind.VIDEO, OPEN, 2).data
    assert part.headers["Content-Type"] == "video/mp4"
    assert part.headers["Cache-Control"] == "public, max-age=30, immutable"
    assert part.headers["Accept-Ranges"] == "bytes"
    assert "Vary" not in part.headers
    segment = await client.get(f"{VIDEO}/{MSN}.m4s", Accept_Encoding="gzip")
    parts = [(await client.get(f"{VIDEO}/{MSN}.{index}.m4s")).body for index in range(10)]
    assert segment.body == b"".join(parts)
    assert "Content-Encoding" not in segment.headers
    playlist = (await client.get(f"{VIDEO}/index.m3u8")).text
    init_uri = playlist.split('#EXT-X-MAP:URI="')[1].split('"')[0]
    assert (await client.get(f"{VIDEO}/{init_uri}")).body == VIDEO_INIT.data
    audio = await client.get(f"/live/cam/audio-1/{MSN}.m4s")
    assert audio.headers["Content-Type"] == "audio/mp4"
    first, second = recorder.accesses[:2]
    assert (first.kind, first.msn, first.part_index, first.duration_s) == (ObjectKind.PART, OPEN, 2, 0.2)
    assert (first.viewer, first.rendition, first.media_kind) == ("x", "video", MediaKind.VIDEO)
    assert (first.bytes_sent, first.is_complete, first.status) == (len(part.body), True, 200)
    assert (second.kind, second.msn, second.part_index, second.duration_s) == (ObjectKind.SEGMENT, MSN, None, 2.0)
    assert (first.client.network, recorder.accesses[-1].viewer) == ("127.0.0.0/24", None)


@pytest.mark.parametrize(
    ("wanted", "status", "content_range", "span"),
    [
        ("bytes=0-1", 206, "bytes 0-1/{size}", slice(0, 2)),
        ("bytes=5-", 206, "bytes 5-{last}/{size}", slice(5, None)),
        ("bytes=-3", 206, "bytes {tail}-{last}/{size}", slice(-3, None)),
        ("bytes=3-9007199254740991", 206, "bytes 3-{last}/{size}", slice(3, None)),
        ("bytes=9000-", 416, "bytes */{size}", slice(0, 0)),
        ("bytes=0-1,3-4", 200, None, slice(None)),
    ],
)
async def test_ranges(
    client: Client, camera: Camera, wanted: str, status: int, content_range: str | None, span: slice
) -> None:
    body = (await client.get(f"{VIDEO}/{MSN}.m4s")).body
    answer = await client.get(f"{VIDEO}/{MSN}.m4s", Range=wanted)
    sizes = {"size": len(body), "last": len(body) - 1, "tail": len(body) - 3}
    assert answer.status == status
    assert answer.headers.get("Content-Range") == (content_range.format(**sizes) if content_range else None)
    assert answer.body == body[span]
    assert answer.headers["Content-Length"] == str(len(answer.body))
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


async def test_a_probe_is_not_a_whole_object(client: Client, camera: Camera, recorder: Recorder) -> None:
    size = len((await client.get(f"{VIDEO}/{MSN}.m4s")).body)
    for wanted in ("bytes=0-1", "bytes=0-", f"bytes={size - 1}-", "bytes=9999-"):
        await client.get(f"{VIDEO}/{MSN}.m4s", Range=wanted)
    told = [(access.status, access.bytes_sent, access.is_complete) for access in recorder.accesses]
    assert told == [(200, size, True), (206, 2, False), (206, size, True), (206, 1, True), (416, 0, False)]


async def test_if_range(client: Client, camera: Camera) -> None:
    first = await client.get(f"{VIDEO}/{MSN}.m4s")
    for etag, status in [(first.headers["ETag"], 206), ('"other"', 200)]:
        answer = await client.get(f"{VIDEO}/{MSN}.m4s", Range="bytes=0-1", If_Range=etag)
        assert answer.status == status


async def test_media_that_is_known_is_not_sent_again(client: Client, camera: Camera, recorder: Recorder) -> None:
    first = await client.get(f"{VIDEO}/{MSN}.m4s")
    again = await client.get(f"{VIDEO}/{MSN}.m4s", If_None_Match=first.headers["ETag"])
    assert (again.status, again.body) == (304, b"")
    assert "Content-Length" not in again.headers
    assert again.headers["Cache-Control"] == first.headers["Cache-Control"]
    assert [(access.status, access.bytes_sent) for access in recorder.accesses] == [(200, len(first.body)), (304, 0)]


async def test_head_is_get_without_a_body_and_no_access(client: Client, camera: Camera, recorder: Recorder) -> None:
    head = await client.request("HEAD", f"{VIDEO}/{MSN}.m4s", Range="bytes=0-1")
    got = await client.get(f"{VIDEO}/{MSN}.m4s")
    assert (head.status, head.body, head.headers["Content-Length"]) == (200, b"", str(len(got.body)))
    assert len(recorder.accesses) == 1


async def test_a_hinted_part_is_waited_for_and_then_whole(client: Client, camera: Camera) -> None:
    waiting = asyncio.create_task(client.get(f"{VIDEO}/{OPEN}.3.m4s", Range="bytes=0-9007199254740991"))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    camera.publish()
    answer = await waiting
    assert (answer.status, answer.body) == (206, make_part(camera.grid, MediaKind.VIDEO, OPEN, 3).data)


async def test_what_is_neither_there_nor_hinted_is_not_found(client: Client, camera: Camera) -> None:
    for name in (f"{OPEN}.4.m4s", f"{OPEN}.m4s", f"{MSN - 1}.m4s", f"{MSN}.10.m4s", "init-00000000.mp4"):
        answer = await client.get(f"{VIDEO}/{name}")
        assert (answer.status, answer.headers["Cache-Control"]) == (404, "no-store")
        assert answer.headers["Access-Control-Allow-Origin"] == "*"


async def test_a_hinted_part_that_is_abandoned_is_not_found(client: Client, camera: Camera) -> None:
    waiting = asyncio.create_task(client.get(f"{VIDEO}/{OPEN}.3.m4s"))
    await asyncio.sleep(0.05)
    camera.at = (OPEN + 9, 0)
    camera.publish()
    assert (await waiting).status == 404


@pytest.mark.parametrize(
    "path",
    [
        "/live/nowhere/index.m3u8",
        "/live/cam/video-2/index.m3u8",
        "/live/cam/other-1/index.m3u8",
        "/live/cam/%00",
        "/live/cam/video-1/%2e%2e/%2e%2e/index.m3u8",
        "/live/cam/video-1/1.m4s%0a",
        "/live/",
        "/live/yard/snapshot.jpg",
        "/live/nowhere/",
        "/live/nowhere",
        "/nothing",
        "/web/../app.py",
        "/web/%2e%2e/app.py",
    ],
)
async def test_garbage_is_not_found(client: Client, camera: Camera, path: str) -> None:
    answer = await client.get(path)
    assert answer.status == 404
    assert answer.headers["Server"] == "relay"
    assert answer.headers.get("Access-Control-Allow-Origin", "*") == "*"


async def test_a_bad_token_is_served_all_the_same(client: Client, camera: Camera) -> None:
    assert (await client.get(f"/live/cam/v/forged~.-_/video-1/{MSN}.m4s")).status == 200


async def test_preflight_and_other_methods(client: Client, camera: Camera) -> None:
    for path in (f"{VIDEO}/{MSN}.m4s", "/live/cam/index.m3u8", "/live/nowhere/x"):
        answer = await client.request("OPTIONS", path, Origin="http://a", Access_Control_Request_Method="GET")
        assert answer.status == 204
        assert "Range" in answer.headers["Access-Control-Allow-Headers"]
        assert answer.headers["Access-Control-Allow-Methods"] == "GET, HEAD, OPTIONS"
        assert answer.headers["Access-Control-Max-Age"] == "86400"
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
    answer = await client.request("POST", "/live/cam/index.m3u8")
    assert (answer.status, answer.headers["Allow"]) == (405, "GET,HEAD,OPTIONS")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


async def test_the_snapshot(client: Client, camera: Camera, hub: Hub, recorder: Recorder) -> None:
    hub.publish_snapshot("cam", 1, b"jpeg")
    answer = await client.get("/live/cam/snapshot.jpg?t=1")
    assert (answer.status, answer.body, answer.headers["Content-Type"]) == (200, b"jpeg", "image/jpeg")
    assert answer.headers["Cache-Control"] == "no-cache"
    assert (await client.get("/live/cam/snapshot.jpg", If_None_Match=answer.headers["ETag"])).status == 304
    assert recorder.accesses == []


async def test_media_goes_when_its_time_is_over(client: Client, camera: Camera, hub: Hub, clock: Clock) -> None:
    camera.publish_segments(1)
    assert (await client.get(f"{VIDEO}/{MSN}.m4s")).status == 200
    clock.advance(60)
    hub.sweep()
    assert (await client.get(f"{VIDEO}/{MSN}.m4s")).status == 404
    assert (await client.get(f"{VIDEO}/{MSN}.0.m4s")).status == 404
    assert (await client.get(f"{VIDEO}/{MSN + 1}.m4s")).status == 200


# Viewers who hang up, or read slowly: with small socket buffers of their own, so that little is under way.


def raw_viewer(port: int, path: str) -> socket.socket:
    viewer = socket.socket()
    viewer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    viewer.setblocking(True)
    viewer.connect(("127.0.0.1", port))
    viewer.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    return viewer


@pytest.fixture
def big(hub: Hub) -> Camera:
    """Segments of 4 MB: more than the buffers between the server and a `raw_viewer` take."""
    camera = Camera(hub, size_bytes=400_000)
    camera.open()
    camera.publish_segments(1)
    return camera


async def test_of_a_broken_off_body_only_what_was_written_counts(
    server: HttpServer, big: Camera, recorder: Recorder
) -> None:
    viewer = await asyncio.to_thread(raw_viewer, server.port, f"{VIDEO}/{MSN}.m4s")
    received = await asyncio.to_thread(viewer.recv, 4096)
    assert received.startswith(b"HTTP/1.1 200")
    await asyncio.sleep(0.1)
    viewer.close()
    async with asyncio.timeout(5):
        await recorder.has_noted.wait()
    (access,) = recorder.accesses
    assert not access.is_complete
    assert access.bytes_sent < 2_000_000


async def test_a_reader_that_is_too_slow_is_cut_off(
    server: HttpServer, big: Camera, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivering, "WRITE_DEADLINE_S", 0.2)
    viewer = await asyncio.to_thread(raw_viewer, server.port, f"{VIDEO}/{MSN}.m4s")
    async with asyncio.timeout(5):
        await recorder.has_noted.wait()
    assert not recorder.accesses[0].is_complete
    viewer.close()


async def test_a_large_body_arrives_whole(client: Client, big: Camera, recorder: Recorder) -> None:
    answer = await client.get(f"{VIDEO}/{MSN}.m4s")
    assert len(answer.body) == 4_000_000
    assert recorder.accesses[0].is_complete
    assert recorder.accesses[0].bytes_sent == 4_000_000


@pytest.mark.clock
async def test_a_viewer_who_left_while_waiting_got_nothing(
    server: HttpServer, camera: Camera, recorder: Recorder
) -> None:
    viewer = await asyncio.to_thread(raw_viewer, server.port, f"{VIDEO}/{OPEN}.3.m4s")
    await asyncio.sleep(0.05)
    viewer.close()
    await asyncio.sleep(0.05)
    camera.publish()
    async with asyncio.timeout(5):
        await recorder.has_noted.wait()
    (access,) = recorder.accesses
    assert (access.bytes_sent, access.is_complete) == (0, False)
