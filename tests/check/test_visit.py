"""Origins that are hostile, broken or not there: each is told in words, in bounded time, and none ends the program."""

from __future__ import annotations

import asyncio
import base64
import gzip
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import pytest

from fixtures.small_origin import Kind, Origin
from relay.check.finding import Severity
from relay.check.visit import checker, fetcher, follower
from relay.check.visit.checker import Progress, Report, check_url

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from relay.check.containers import Container
    from relay.check.finding import Finding

pytestmark = pytest.mark.clock

SHORT: Final = fetcher.Limits(1.0, 100_000)
"""So that nothing here takes long."""
LINES: Final = "#EXTM3U\n#EXT-X-VERSION:6\n"


@pytest.fixture(autouse=True)
def _small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (checker, fetcher):
        monkeypatch.setattr(module, "PLAYLIST", SHORT)
    monkeypatch.setattr("relay.check.visit.state.PLAYLIST", SHORT)
    monkeypatch.setattr("relay.check.visit.state.MEDIA", SHORT)
    monkeypatch.setattr(follower, "RETRY_S", 0.05)


@asynccontextmanager
async def answering(*answers: bytes, ends: bool = True) -> AsyncIterator[str]:
    """A server that says `answers` whatever it is asked, the last one again and again unless it `ends`."""
    is_over = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            for answer in answers:
                writer.write(answer)
            while not (ends or is_over.is_set()):  # from Python 3.13 on, a server's end waits for it
                writer.write(answers[-1])
                await writer.drain()
                await asyncio.sleep(0)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        try:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/index.m3u8"
        finally:
            is_over.set()


def answer(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def rules(report: Report) -> set[str]:
    return {told.finding.rule for told in report.told if told.finding.severity is not Severity.ADVICE}


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (answer(b"", "404 Not Found"), "it was answered 404"),
        (answer(b"", "302 Found", "Location: /index.m3u8"), "redirected more than 5 times"),
        (answer(b"", "302 Found", "Location: file:///etc/passwd"), "neither http nor https"),
        (answer(b"", "302 Found", "Location: http://[half"), "broken"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "broken"),
        (b"", "broken"),
        (answer(b"text", "200 OK", "Content-Encoding: gzip"), "not gzip"),
        (answer(gzip.compress(bytes(1 << 20), mtime=0), "200 OK", "Content-Encoding: gzip"), "over 100000 bytes once"),
        (answer(b"text", "200 OK", "Content-Encoding: br"), "'br' was not asked for"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n", "broken"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf", "broken"),
    ],
)
async def test_an_entry_that_cannot_be_read(said: bytes, words: str) -> None:
    async with answering(said) as url:
        report = await check_url(url, 2)
    assert report.unreachable is not None
    assert words in report.unreachable
    assert "\n" not in report.unreachable


async def test_an_entry_without_an_end() -> None:
    async with answering(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 10_000, ends=False) as url:
        report = await check_url(url, 2)
    assert report.unreachable == "too large: the answer is over 100000 bytes"


async def test_an_entry_that_takes_for_ever() -> None:
    async with answering(b"HTTP/1.1 200 OK\r\n", b"", ends=False) as url:
        report = await check_url(url, 2)
    assert report.unreachable == "timeout: no whole answer within 1 s"


async def test_nobody_there_and_no_tls() -> None:
    async with answering(answer(b"")) as url:
        pass
    assert ((await check_url(url, 2)).unreachable or "").startswith("unreachable")
    async with answering(answer(b"")) as url:
        report = await check_url(url.replace("http:", "https:"), 2)
    assert report.unreachable is not None


@pytest.mark.parametrize("url", ["http://", "http://host:port/", "http://a b/", "ftp://a/"])
async def test_addresses_that_are_none(url: str) -> None:
    assert (await check_url(url, 2)).unreachable is not None


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b"\xff\xfe\x00",
        b"#EXTM3U\n#" + b"x" * 50_000,
        b"",
        b"#EXTM3U\n" + b"#EXT-X-PRELOAD-HINT:TYPE=PART\n" * 1000,
    ],
)
async def test_an_entry_that_is_no_playlist(body: bytes) -> None:
    async with answering(answer(body)) as url:
        report = await check_url(url, 2)
    assert rules(report) == {"P1"}


@pytest.mark.parametrize(
    "text",
    [
        f'{LINES}#EXT-X-STREAM-INF:BANDWIDTH=1,CODECS="mp4a.40.2"\nftp://host/a\n',
        f'{LINES}#EXT-X-STREAM-INF:BANDWIDTH=1,CODECS="mp4a.40.2"\nhttp://[half\n',
        f"{LINES}#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n\x00\x1b[31m\n#EXT-X-ENDLIST\n",
        f"{LINES}#EXT-X-TARGETDURATION:99999999999999999999\n#EXTINF:99999999999999999999,\na\n#EXT-X-ENDLIST\n",
        f"{LINES}#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n#EXT-X-BYTERANGE:99999999999999999999@1\na\n#EXT-X-ENDLIST\n",
        f'{LINES}#EXT-X-MAP:URI="http://[half"\n#EXTINF:1,\na\n#EXT-X-ENDLIST\n',
    ],
)
async def test_a_playlist_of_nonsense_is_told_and_ends(text: str) -> None:
    async with answering(answer(text.encode())) as url:
        report = await check_url(url, 0.5)
    assert report.unreachable is None
    assert "X1" not in rules(report), [str(told.finding) for told in report.told]
    assert rules(report)
    assert all(told.finding.message.isprintable() for told in report.told)


async def test_what_no_rule_had_thought_of_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Container, __: bytes, ___: str) -> list[Finding]:
        raise RecursionError("too deep")

    monkeypatch.setattr(follower, "check_first_frame", fail)
    monkeypatch.setattr(follower, "check_update", lambda *_: 1 // 0)
    for kind in (Kind.VOD, Kind.CLASSIC):
        async with Origin(kind).serving() as url:
            report = await check_url(url, 2.5)
        assert "X1" in rules(report)
    assert "ZeroDivisionError" in "".join(told.finding.message for told in report.told)


async def test_credentials_are_used_and_never_told() -> None:
    heard: list[str] = []

    async def listen(asked: object) -> None:
        heard.append(str(asked))

    origin = Origin(Kind.VOD)
    origin.delay = listen
    origin.edit_status = lambda status, asked: 500 if asked.what == "segment" else status
    async with origin.serving() as url:
        report = await check_url(url.replace("://", "://viewer:hunter2@") + "?token=t0ken", 5)
    assert rules(report) >= {"P20"}
    assert "('token', 't0ken')" in heard[0]
    assert "hunter2" not in repr(report)
    assert "t0ken" not in repr(report)


async def test_userinfo_is_sent_as_basic_authentication() -> None:
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer(b"", "401 Unauthorized"))
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        report = await check_url(f"http://viewer:hunter2@127.0.0.1:{port}/a.m3u8", 2)
    assert base64.b64encode(b"viewer:hunter2") in heard[0]
    assert report.unreachable == "it was answered 401"


async def test_progress_is_told_while_it_runs() -> None:
    told: list[Progress] = []
    async with Origin(Kind.CLASSIC).serving() as url:
        report = await check_url(url.replace("index.m3u8", "hi/index.m3u8"), 1.5, told.append)
    assert [one.elapsed_s for one in told] == sorted(one.elapsed_s for one in told)
    assert told[-1].segments > 0
    assert rules(report) == set()
    assert [(one.role, one.is_live, one.containers) for one in report.renditions] == [("variant", True, ("fMP4",))]
