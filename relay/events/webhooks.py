"""Sends webhooks: each event that one asks for, by a POST, in order, until it was taken or there is no use in trying.

    hear ──> Hook: Outbox (bounded) ──one task a hook──> POST, signed ──> sent | tried again | failed

Nothing here waits for a receiver but the hook's own task. What is sent is at most once at a time, so that a receiver
sees events in their order; one that is away holds up its own hook alone. Neither addresses nor headers nor secrets are
told to anybody: a hook is named by its place in the settings and by its host.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import aiohttp
import structlog

from relay.errors import StoreError
from relay.events.delivery import (
    GIVE_UP_AFTER_S,
    Delivery,
    Outbox,
    Verdict,
    pause_s,
    payload_of,
    retry_after_s,
    signature,
    verdict_of,
)
from relay.events.settings import webhook_key
from relay.events.telling import Phases
from relay.logs import Throttle
from relay.timeline import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from relay.events.model import TimedEvent
    from relay.events.settings import WebhookSettings
    from relay.events.telling import Phase

    FindPicture = Callable[[str, str], Awaitable[bytes | None]]

log = structlog.get_logger()

USER_AGENT: Final = "relay"
_JSON: Final = "application/json"
_LOG_EVERY_S: Final = 60.0


@dataclass(slots=True)
class HookFigures:
    """What became of the messages of one hook: `failed` ones were refused, or given up; `dropped` ones never sent."""

    sent: int = 0
    failed: int = 0
    dropped: int = 0


class Webhooks:
    """All webhooks of a relay.

    `find_picture` has the JPEG of an event, by stream and id, that comes without one: that of its end, which was handed
    out when it began.
    """

    def __init__(
        self,
        settings: Sequence[WebhookSettings],
        unix_ns: Callable[[], int],
        find_picture: FindPicture,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._hooks = [Hook(place, one, unix_ns, find_picture, chance) for place, one in enumerate(settings)]
        self._phases = Phases()
        self._tasks: list[asyncio.Task[None]] = []
        self._session: aiohttp.ClientSession | None = None

    @property
    def figures(self) -> list[HookFigures]:
        """Of each hook, in the order of the settings."""
        return [hook.figures for hook in self._hooks]

    def hear(self, event: TimedEvent, jpeg: bytes = b"") -> None:
        """Have every hook that asks for it told of `event`."""
        if not self._hooks:
            return
        phase = self._phases.of(event)
        for hook in self._hooks:
            hook.hear(event, phase, jpeg)

    def start(self) -> None:
        """Begin to send; to be called on the event loop."""
        if not self._hooks:
            return
        self._session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), headers={"User-Agent": USER_AGENT})
        for hook in self._hooks:
            task = asyncio.create_task(hook.run(self._session), name=f"webhook {hook.place}")
            task.add_done_callback(_say_if_it_failed)
            self._tasks.append(task)

    async def close(self, within_s: float = 1.0) -> None:
        """Send what waits, without trying anything again, for `within_s` at most. The rest is dropped and counted."""
        for hook in self._hooks:
            hook.close()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=within_s)
            for task in self._tasks:
                task.cancel()
            await asyncio.wait(self._tasks)
            self._tasks.clear()
        for hook in self._hooks:
            hook.abandon()
        if self._session is not None:
            await self._session.close()
            self._session = None


class Hook:
    """One of them."""

    def __init__(
        self,
        place: int,
        settings: WebhookSettings,
        unix_ns: Callable[[], int],
        find_picture: FindPicture,
        chance: Callable[[], float],
    ) -> None:
        self.place = place
        self.figures = HookFigures()
        self._settings = settings
        self._url = settings.url.get_secret_value().strip()
        self._key = webhook_key(settings.secret.get_secret_value()) if settings.secret else None
        self._unix_ns = unix_ns
        self._find_picture = find_picture
        self._chance = chance
        self._outbox = Outbox()
        self._in_hand: Delivery | None = None
        self._news = asyncio.Event()
        self._closing = asyncio.Event()
        self._is_gone = False
        self._throttle = Throttle(_LOG_EVERY_S)
        self._log = log.bind(webhook=place, host=urlsplit(self._url).hostname)

    def hear(self, event: TimedEvent, phase: Phase, jpeg: bytes) -> None:
        """Have `event` sent, if this hook asks for it."""
        if not self._wants(event, phase):
            return
        if self._is_gone or self._closing.is_set():
            self.figures.dropped += 1
            return
        kept = jpeg if self._settings.picture == "jpeg" else b""
        delivery = Delivery(f"msg_{uuid.uuid4().hex}", event, payload_of(event, phase), kept)
        if dropped := self._outbox.put(delivery):
            self.figures.dropped += dropped
            self._complain("messages wait for it longer than they can be kept", dropped=self.figures.dropped)
        self._news.set()

    async def run(self, session: aiohttp.ClientSession) -> None:
        """Send what comes until the hook is closed, and what waits then once more."""
        while True:
            self._in_hand = self._outbox.take()
            if self._in_hand is None:
                if self._closing.is_set():
                    return
                self._news.clear()
                await self._news.wait()
                continue
            await self._deliver(session, self._in_hand)
            self._in_hand = None

    def close(self) -> None:
        """Take nothing more, and wait for nothing."""
        self._closing.set()
        self._news.set()

    def abandon(self) -> None:
        """Nothing is sent any more: count what waits."""
        lost = self._outbox.clear() + (self._in_hand is not None)
        self._in_hand = None
        if lost:
            self.figures.dropped += lost
            self._log.warning("a webhook's messages could not be sent before the end", messages=lost)

    def _wants(self, event: TimedEvent, phase: Phase) -> bool:
        asked = self._settings
        is_asked = event.stream in (asked.streams or (event.stream,)) and event.kind in (asked.kinds or (event.kind,))
        return is_asked and (phase == "once" or phase in asked.on)

    async def _deliver(self, session: aiohttp.ClientSession, delivery: Delivery) -> None:
        body, content_type = await self._body(delivery)
        began_s = time.monotonic()
        for attempt in itertools.count():
            verdict, wait_s = await self._post(session, delivery.id, body, content_type)
            if verdict is Verdict.SENT:
                self.figures.sent += 1
                return
            is_late = time.monotonic() - began_s >= GIVE_UP_AFTER_S or self._closing.is_set()
            if verdict is not Verdict.AGAIN or is_late:
                self.figures.failed += 1
                if verdict is Verdict.GONE:
                    self._leave()
                return
            await self._pause(max(wait_s, pause_s(attempt, self._chance())))

    async def _body(self, delivery: Delivery) -> tuple[bytes, str]:
        """The bytes that are sent and signed, and their type: JSON, or a form with JSON and picture."""
        jpeg = delivery.jpeg
        if not jpeg and self._settings.picture == "jpeg" and delivery.event.has_picture:
            jpeg = await self._look_up(delivery.event)
        if not jpeg:
            return delivery.text.encode(), _JSON
        form = aiohttp.FormData(default_to_multipart=True)
        form.add_field("event", delivery.text, content_type=_JSON)
        form.add_field("picture", jpeg, filename=f"{delivery.event.id}.jpg", content_type="image/jpeg")
        made = form()
        return await made.as_bytes(), str(made.content_type)

    async def _look_up(self, event: TimedEvent) -> bytes:
        try:
            return await self._find_picture(event.stream, event.id) or b""
        except StoreError as error:
            self._complain("an event's picture cannot be read", reason=str(error))
            return b""

    async def _post(
        self, session: aiohttp.ClientSession, message_id: str, body: bytes, content_type: str
    ) -> tuple[Verdict, float]:
        """One attempt: what it means, and for how long the receiver asks to be left alone."""
        timestamp_s = self._unix_ns() // NS_PER_S
        headers = {
            **self._settings.headers,
            "Content-Type": content_type,
            "webhook-id": message_id,
            "webhook-timestamp": str(timestamp_s),
        }
        if self._key is not None:
            headers["webhook-signature"] = signature(self._key, message_id, timestamp_s, body)
        timeout = aiohttp.ClientTimeout(total=self._settings.timeout_s)
        try:
            async with session.post(
                self._url, data=body, headers=headers, timeout=timeout, allow_redirects=False
            ) as response:
                verdict = verdict_of(response.status)
                wait_s = retry_after_s(response.headers.get("Retry-After", ""), timestamp_s)
                reason = f"it answers {response.status}"
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            verdict, wait_s = (Verdict.REFUSED if isinstance(error, ValueError) else Verdict.AGAIN), 0.0
            reason = _reason(error, self._settings.timeout_s)
        if verdict is not Verdict.SENT:
            self._complain("a webhook was not taken", reason=reason, tries_again=verdict is Verdict.AGAIN)
        return verdict, wait_s

    def _leave(self) -> None:
        """The receiver says that it is gone for good ("410 Gone": the sender should stop)."""
        self._is_gone = True
        self.figures.dropped += self._outbox.clear()
        self._log.error("a webhook answers 410 Gone and is told nothing more until the relay is started anew")

    async def _pause(self, duration_s: float) -> None:
        try:
            async with asyncio.timeout(duration_s):
                await self._closing.wait()
        except TimeoutError:
            pass

    def _complain(self, what: str, **told: object) -> None:
        if times := self._throttle.count(time.monotonic()):
            self._log.warning(what, times=times, **told)


def _reason(error: Exception, timeout_s: float) -> str:
    """Why an attempt failed, in words without the address: errors of aiohttp's quote that."""
    match error:
        case TimeoutError():
            return f"no answer within {timeout_s:g} s"
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientSSLError():
            return "its certificate cannot be trusted"
        case aiohttp.ClientConnectorError():
            return f"no connection: {error.os_error.strerror or 'its name is not known'}"
        case aiohttp.ClientConnectionError():
            return "the connection was cut"
        case _:
            return type(error).__name__


def _say_if_it_failed(task: asyncio.Task[None]) -> None:
    """At once, since nobody waits for the task."""
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("a webhook's task failed", task=task.get_name(), reason=type(error).__name__)
