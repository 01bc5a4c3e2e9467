"""`relay check` on the command line: words, JSON, exit codes. What it finds is tests/check/test_faults.py's."""

from __future__ import annotations

import asyncio
import json
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
import typer
from typer.testing import CliRunner, Result

from fixtures.small_origin import Kind, Origin
from relay.cli.check import check
from relay.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

app = typer.Typer()
app.command()(check)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), catch_exceptions=False, env={"COLUMNS": "200"})


@contextmanager
def serving(origin: Origin) -> Iterator[str]:
    """The origin in a thread of its own, since the command has an event loop of its own."""
    ready, done = threading.Event(), asyncio.Event()
    urls: list[str] = []
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        async with origin.serving() as url:
            urls.append(url)
            ready.set()
            await done.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), name="origin")
    thread.start()
    try:
        assert ready.wait(20)
        yield urls[0]
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join(10)
        loop.close()


def test_a_clean_stream_in_words() -> None:
    with serving(Origin(Kind.VOD)) as url:
        result = run(url)
    assert result.exit_code == 0, result.output
    assert f"{url.removesuffix('index.m3u8')}hi/index.m3u8" in result.output
    assert "advice V9" in result.output
    assert "Nothing is wrong: " in result.output


def test_findings_in_words() -> None:
    origin = Origin(Kind.VOD)
    origin.edit_playlist = lambda text, _: text.replace("TARGETDURATION:1", "TARGETDURATION:0")
    with serving(origin) as url:
        result = run(url)
    assert result.exit_code == 1
    assert "must   P2   EXT-X-TARGETDURATION is 0 [RFC 8216bis §4.4.3.1]" in result.output
    assert "seen " in result.output
    assert "1 finding: " in result.output


def test_findings_as_one_document() -> None:
    origin = Origin(Kind.VOD)
    origin.edit_media = lambda data, asked: bytes(50) if asked.what == "segment" and asked.rendition == "hi" else data
    with serving(origin) as url:
        result = run(url, "--json")
    told = json.loads(result.stdout)
    assert result.exit_code == 1
    assert (told["url"], told["unreachable"], told["findings_left_out"]) == (url, None, 0)
    assert [one["segments"] for one in told["renditions"]] == [5, 5, 5]
    (finding,) = [one for one in told["findings"] if one["severity"] != "advice"]
    assert (finding["rule"], finding["count"]) == ("M0", 5)
    assert finding["places"] == [url.replace("index", "hi/index")]


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_nobody_there(options: tuple[str, ...]) -> None:
    result = run("http://viewer:hunter2@127.0.0.1:9/a.m3u8?token=t0ken", *options)
    assert result.exit_code == 2
    assert "127.0.0.1:9/a.m3u8" in result.output
    assert "unreachable: " in result.output or '"unreachable": "unreachable: ' in result.output
    assert not [secret for secret in ("hunter2", "t0ken") if secret in result.output]


@pytest.mark.parametrize("url", ["rtsp://camera/", "index.m3u8", "http://", "http://[half", "http://host:port/"])
def test_an_address_that_cannot_be_checked(url: str) -> None:
    with pytest.raises(ConfigError, match="is no address that can be checked"):
        run(url)
