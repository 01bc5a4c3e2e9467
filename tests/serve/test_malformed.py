"""What is no HTTP, over a raw socket: one line in the log without a word of it, and counted by what is wrong."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import pytest
from aiohttp.http_exceptions import BadHttpMethod

from relay.serve import malformed
from relay.serve.malformed import WORDS, MalformedRequests

if TYPE_CHECKING:
    from fixtures.origin import Client
    from relay.serve import HttpServer

GET = b"GET / HTTP/1.1\r\nHost: a\r\n"
REQUESTS = {
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hunter2",
    "method": b"hunter2\r\n\r\n",
    "request_line": b"GET / HTTP/hunter2\r\n\r\n",
    "address": b"GET http://[::hunter2 HTTP/1.1\r\nHost: a\r\n\r\n",
    "too_long": b"GET /hunter2" + b"a" * 20_000 + b" HTTP/1.1\r\n\r\n",
    "other": GET + b"Content-Length: hunter2\r\n\r\n",
}


@pytest.fixture
def _every_line(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """None is left out because of its level, or because there was one just now."""
    caplog.set_level("INFO", "relay.http")
    monkeypatch.setattr(malformed, "_TOLD_EVERY_S", 0.0)


async def say(server: HttpServer, data: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(data)
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


def lines(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    records = [record for record in caplog.records if record.name.startswith("relay.http")]
    assert all(record.exc_info is None and record.exc_text is None for record in records)
    return [(record.levelname, record.getMessage()) for record in records]


@pytest.mark.usefixtures("_every_line")
@pytest.mark.parametrize("kind", REQUESTS)
async def test_it_is_one_line_and_counted(
    server: HttpServer, client: Client, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    answer = await say(server, REQUESTS[kind])
    assert b" 400 " in answer.splitlines()[0]
    ((level, text),) = lines(caplog)
    assert level == "INFO"
    assert text.startswith(f"a request from 127.0.0.0/24 was malformed: {WORDS[kind]}")
    assert "hunter2" not in caplog.text
    metrics = (await client.get("/metrics")).text
    assert {f'relay_malformed_requests_total{{reason="{one}"}} {float(one == kind)}' for one in WORDS} <= {
        *metrics.splitlines()
    }


@pytest.mark.usefixtures("_every_line")
async def test_what_the_parser_found_is_said_but_not_what_it_quotes(
    server: HttpServer, caplog: pytest.LogCaptureFixture
) -> None:
    await say(server, GET + b"hunter2\r\n\r\n")
    await say(server, GET + b"Host: hunter2\r\n\r\n")
    (_, token), (_, host) = lines(caplog)
    assert token.endswith("it breaks the rules of HTTP (Invalid header token)")
    assert host.endswith("it breaks the rules of HTTP")


def test_many_are_one_line_a_second_which_says_how_many(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "relay.http")
    requests = MalformedRequests()
    told = []
    for tenth in range(25):
        error = BadHttpMethod("hunter2")
        record = logging.LogRecord(
            "relay.http", logging.ERROR, "", 0, "at %s", ("2001:db8::1",), (BadHttpMethod, error, None)
        )
        record.created = 1_790_000_000 + tenth / 10
        if requests.filter(record):
            told.append(record.getMessage())
    line = f"a request from 2001:db8::/48 was malformed: {WORDS['method']}"
    assert told == [
        line,
        f"{line}, and 9 more since the last such line",
        f"{line}, and 9 more since the last such line",
    ]
    assert requests.counts == {"method": 25}


async def test_where_only_warnings_are_wanted_it_is_not_told_but_counted(
    server: HttpServer, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("WARNING", "relay.http")
    await say(server, REQUESTS["tls"])
    await say(server, REQUESTS["other"])
    assert lines(caplog) == []
    assert 'relay_malformed_requests_total{reason="other"} 1.0' in (await client.get("/metrics")).text
