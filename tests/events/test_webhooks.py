"""Webhooks, sent to a receiver on loopback: what it gets, and what happens where it does not take it."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import asynccontextmanager
from functools import partial
from http.server import HTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from aiohttp import web

from fixtures.receiver import SECRET, Receiver
from fixtures.waiting import until
from relay.errors import StoreError
from relay.events import webhooks as webhooks_module
from relay.events.model import TimedEvent
from relay.events.settings import WebhookSettings
from relay.events.webhooks import HookFigures, Webhooks

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PAGE = Path(__file__).parents[2] / "docs/events.md"
UNIX_NS = 1_750_000_000_123_456_789
JPEG = b"\xff\xd8 a picture \r\n--with anything in it \xff\xd9"
BEGUN = TimedEvent("motion-1", "door", "motion", UNIX_NS, None, {"zone": "path"}, has_picture=True)
OVER = TimedEvent("motion-1", "door", "motion", UNIX_NS, UNIX_NS + 10**9, {"zone": "path"}, has_picture=True)
OUTAGE = TimedEvent("outage-2", "yard", "outage", UNIX_NS, UNIX_NS)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as receiver:
        yield receiver


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was waited before each new attempt; none of it really is."""
    waited: list[float] = []

    async def pause(self: object, duration_s: float) -> None:
        waited.append(duration_s)

    monkeypatch.setattr(webhooks_module.Hook, "_pause", pause)
    return waited


async def no_picture(stream: str, event_id: str) -> bytes | None:
    return None


@asynccontextmanager
async def sending(*hooks: dict[str, Any], find_picture: Any = no_picture) -> AsyncIterator[Webhooks]:
    settings = [WebhookSettings.model_validate(hook) for hook in hooks]
    webhooks = Webhooks(settings, lambda: UNIX_NS, find_picture, lambda: 1.0)
    webhooks.start()
    try:
        yield webhooks
    finally:
        await webhooks.close()


async def test_an_event_is_posted_with_headers_and_a_signature(receiver: Receiver) -> None:
    hook = {"url": receiver.url, "secret": SECRET, "headers": {"Authorization": "Bearer b3arer"}}
    async with sending(hook) as webhooks:
        webhooks.hear(BEGUN, JPEG)
        webhooks.hear(OVER)
        first, second = await receiver.wait_for(2)
        await until(lambda: webhooks.figures == [HookFigures(sent=2)], "two that were taken")
    assert first.headers["Content-Type"] == "application/json"
    assert (first.headers["Authorization"], first.headers["User-Agent"]) == ("Bearer b3arer", "relay")
    assert first.headers["webhook-timestamp"] == "1750000000"
    assert first.is_signed
    assert second.is_signed
    assert first.headers["webhook-id"] != second.headers["webhook-id"]
    assert (first.told["type"], second.told["type"]) == ("motion.begin", "motion.end")
    assert first.event["data"] == {"zone": "path"}


async def test_without_a_secret_there_is_no_signature(receiver: Receiver) -> None:
    async with sending({"url": receiver.url}) as webhooks:
        webhooks.hear(BEGUN)
        (only,) = await receiver.wait_for(1)
    assert "webhook-signature" not in only.headers
    assert only.headers["webhook-id"].startswith("msg_")


async def test_a_picture_goes_along_in_a_form_that_is_signed_as_a_whole(receiver: Receiver) -> None:
    async with sending({"url": receiver.url, "secret": SECRET, "picture": "jpeg"}) as webhooks:
        webhooks.hear(BEGUN, JPEG)
        (only,) = await receiver.wait_for(1)
    assert only.headers["Content-Type"].startswith("multipart/form-data; boundary=")
    assert only.is_signed
    assert set(only.parts) == {"event", "picture"}
    assert only.parts["picture"] == JPEG
    assert b'filename="motion-1.jpg"' in only.body
    assert b"Content-Type: image/jpeg" in only.body
    assert only.event["id"] == "motion-1"


async def test_the_picture_of_an_end_is_that_of_its_beginning(receiver: Receiver) -> None:
    asked = []

    async def find(stream: str, event_id: str) -> bytes | None:
        asked.append((stream, event_id))
        return JPEG

    async with sending({"url": receiver.url, "picture": "jpeg", "on": ["end"]}, find_picture=find) as webhooks:
        webhooks.hear(BEGUN, JPEG)
        webhooks.hear(OVER)
        webhooks.hear(OUTAGE)
        first, second = await receiver.wait_for(2)
    assert (first.told["type"], first.parts["picture"]) == ("motion.end", JPEG)
    assert (second.told["type"], set(second.parts)) == ("outage.once", {"event"})
    assert asked == [("door", "motion-1")]


async def test_an_event_whose_picture_cannot_be_read_is_sent_without(receiver: Receiver) -> None:
    async def find(stream: str, event_id: str) -> bytes | None:
        raise StoreError("the disk is gone")

    async with sending({"url": receiver.url, "picture": "jpeg"}, find_picture=find) as webhooks:
        webhooks.hear(OVER)
        (only,) = await receiver.wait_for(1)
    assert set(only.parts) == {"event"}


@pytest.mark.parametrize(
    ("asked", "types"),
    [
        ({}, ["motion.begin", "motion.end", "outage.once"]),
        ({"on": ["begin"]}, ["motion.begin", "outage.once"]),
        ({"kinds": ["outage"]}, ["outage.once"]),
        ({"streams": ["door"]}, ["motion.begin", "motion.end"]),
        ({"streams": ["yard"], "kinds": ["motion"]}, []),
    ],
)
async def test_a_hook_is_told_what_it_asks_for(receiver: Receiver, asked: dict[str, Any], types: list[str]) -> None:
    async with sending({"url": receiver.url, **asked}) as webhooks:
        for event in (BEGUN, OVER, OUTAGE):
            webhooks.hear(event)
        received = await receiver.wait_for(len(types))
    assert [one.told["type"] for one in received] == types


async def test_what_is_not_taken_is_sent_again_as_the_same_message(receiver: Receiver, pauses: list[float]) -> None:
    receiver.answers = [web.Response(status=500), web.Response(status=429, headers={"Retry-After": "7"})]
    async with sending({"url": receiver.url}) as webhooks:
        webhooks.hear(BEGUN)
        webhooks.hear(OVER)
        received = await receiver.wait_for(4)
        await until(lambda: webhooks.figures[0].sent == 2, "both taken")
    assert len({one.headers["webhook-id"] for one in received[:3]}) == 1
    assert [one.told["type"] for one in received] == ["motion.begin"] * 3 + ["motion.end"]
    assert pauses == [1.0, 7.0]
    assert webhooks.figures == [HookFigures(sent=2)]


async def test_a_receiver_that_is_not_there_is_tried_again(pauses: list[float]) -> None:
    async with Receiver() as receiver:
        url = receiver.url
    async with sending({"url": url}) as webhooks:
        webhooks.hear(BEGUN)
        await until(lambda: len(pauses) >= 3, "three attempts")
    assert pauses[:3] == [1.0, 2.0, 4.0]
    assert webhooks.figures == [HookFigures(failed=1)] or webhooks.figures == [HookFigures(dropped=1)]


async def test_one_that_does_not_answer_is_not_waited_for_longer_than_it_may(
    receiver: Receiver, pauses: list[float]
) -> None:
    receiver.hold()
    async with sending({"url": receiver.url, "timeout_s": 0.05}) as webhooks:
        webhooks.hear(BEGUN)
        await until(lambda: bool(pauses), "a second attempt")


@pytest.mark.parametrize("status", [301, 307, 400, 404])
async def test_what_is_refused_is_not_tried_again(receiver: Receiver, pauses: list[float], status: int) -> None:
    receiver.answers = [web.Response(status=status, headers={"Location": receiver.url})]
    async with sending({"url": receiver.url}) as webhooks:
        webhooks.hear(BEGUN)
        webhooks.hear(OVER)
        received = await receiver.wait_for(2)
        await until(lambda: webhooks.figures == [HookFigures(sent=1, failed=1)], "one refused, one taken")
    assert [one.told["type"] for one in received] == ["motion.begin", "motion.end"]
    assert pauses == []


async def test_who_is_gone_is_told_nothing_more(receiver: Receiver) -> None:
    receiver.answers = [web.Response(status=410)]
    async with sending({"url": receiver.url}) as webhooks:
        for event in (BEGUN, OVER, OUTAGE):
            webhooks.hear(event)
        await until(lambda: webhooks.figures[0].failed == 1, "an answer")
        webhooks.hear(OUTAGE)
    assert webhooks.figures == [HookFigures(failed=1, dropped=3)]
    assert len(receiver.received) == 1


async def test_it_is_given_up_after_an_hour(
    receiver: Receiver, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks_module, "GIVE_UP_AFTER_S", 0.0)
    receiver.answers = [web.Response(status=500)]
    async with sending({"url": receiver.url}) as webhooks:
        webhooks.hear(BEGUN)
        webhooks.hear(OVER)
        await until(lambda: webhooks.figures == [HookFigures(sent=1, failed=1)], "one given up")


async def test_one_hook_does_not_wait_for_another(receiver: Receiver) -> None:
    async with Receiver() as stuck:
        stuck.hold()
        async with sending({"url": stuck.url}, {"url": receiver.url}) as webhooks:
            began_s = time.monotonic()
            for _ in range(300):
                webhooks.hear(OUTAGE)
            assert time.monotonic() - began_s < 1
            await receiver.wait_for(256)
            await until(lambda: webhooks.figures[0].dropped > 0, "some dropped")
            stuck.goes_on.set()


async def test_it_ends_in_time_and_counts_what_it_did_not_send(receiver: Receiver) -> None:
    receiver.hold()
    settings = WebhookSettings.model_validate({"url": receiver.url})
    webhooks = Webhooks([settings], lambda: UNIX_NS, no_picture)
    webhooks.start()
    for event in (BEGUN, OVER, OUTAGE):
        webhooks.hear(event)
    await receiver.wait_for(1)
    began_s = time.monotonic()
    await webhooks.close(within_s=0.1)
    assert time.monotonic() - began_s < 1
    assert webhooks.figures == [HookFigures(dropped=3)]
    webhooks.hear(BEGUN)
    assert webhooks.figures == [HookFigures(dropped=4)]


async def test_what_waits_is_sent_at_the_end_and_nothing_is_tried_again(receiver: Receiver) -> None:
    receiver.answers = [web.Response(status=503)]
    async with sending({"url": receiver.url}) as webhooks:
        webhooks.hear(BEGUN)
        webhooks.hear(OVER)
        await receiver.wait_for(1)
        began_s = time.monotonic()
    assert time.monotonic() - began_s < 1.5
    figures = webhooks.figures[0]
    assert (figures.sent + figures.failed, figures.dropped) == (2, 0)


async def test_nobody_is_told_addresses_headers_or_secrets(pauses: list[float]) -> None:
    async with Receiver() as receiver:
        url = receiver.url.replace("http://", "http://user:hunter2@").replace("/hook", "/t0ken")
    secrets = {"url": url, "secret": SECRET, "headers": {"X-Key": "geheim"}}
    with structlog.testing.capture_logs() as logged:
        async with sending(secrets) as webhooks:
            webhooks.hear(BEGUN)
            await until(lambda: bool(pauses), "a failure")
    told = json.dumps([*logged, repr(WebhookSettings.model_validate(secrets))], default=repr)
    assert "127.0.0.1" in told
    for secret in ("hunter2", "t0ken", "geheim", SECRET.removeprefix("whsec_")):
        assert secret not in told


async def test_without_hooks_nothing_is_done() -> None:
    before = asyncio.all_tasks()
    async with sending() as webhooks:
        webhooks.hear(BEGUN)
        assert asyncio.all_tasks() == before
        assert webhooks.figures == []


async def test_the_receiver_of_the_page_believes_what_is_signed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """All of it but its last line, which serves for ever."""
    (written,) = [block for block in PAGE.read_text().split("```python\n")[1:] if "webhook-signature" in block]
    code, _, _ = written.partition("\nHTTPServer(")
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    names: dict[str, Any] = {}
    exec(compile(code, PAGE.name, "exec"), names)  # ours
    server = HTTPServer(("127.0.0.1", 0), names["Hook"])
    monkeypatch.setattr(names["Hook"], "log_request", lambda *_: None)
    serving = Thread(target=partial(server.serve_forever, poll_interval=0.01))
    serving.start()
    url = f"http://127.0.0.1:{server.server_port}/"
    try:
        good = {"url": url, "secret": SECRET, "picture": "jpeg"}
        settings = [WebhookSettings.model_validate(one) for one in (good, {"url": url})]
        webhooks = Webhooks(settings, time.time_ns, no_picture)
        webhooks.start()
        webhooks.hear(BEGUN, JPEG)
        await until(lambda: webhooks.figures == [HookFigures(sent=1), HookFigures(failed=1)], "one believed, one not")
        await webhooks.close()
    finally:
        server.shutdown()
        serving.join(5)
        server.server_close()
    assert capsys.readouterr().out.startswith(f"motion.begin door {{'zone': 'path'}} {len(JPEG)}\n")
