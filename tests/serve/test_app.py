"""What goes on beside the requests."""

from __future__ import annotations

import asyncio

from aiohttp import web
from structlog.testing import capture_logs

from relay.serve.app import beside_requests


async def test_what_fails_beside_the_requests_is_said_at_once_and_the_rest_goes_on() -> None:
    began, ended = asyncio.Event(), asyncio.Event()
    error = LookupError("no such stream: attic")

    async def fail() -> None:
        raise error

    async def work() -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    app = web.Application()
    app.cleanup_ctx.append(beside_requests({"sweep": fail, "lag": work}))
    runner = web.AppRunner(app)
    with capture_logs() as said:
        await runner.setup()
        await began.wait()
        await asyncio.sleep(0)
        (line,) = said
        assert not ended.is_set()
        await runner.cleanup()
    assert ended.is_set()
    assert (line["log_level"], line["event"]) == ("error", "a task beside the requests failed")
    assert (line["task"], line["reason"], line["exc_info"]) == ("sweep", "no such stream: attic", error)
    assert said == [line], "what is ended with the relay has not failed"
