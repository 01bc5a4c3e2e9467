"""The queue of a visit that lasts long: what it knows, waits for and has before it stays within bounds."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, cast

import pytest

from fixtures.playlists import EPOCH_MSN, LowLatency, edit
from relay.check.http import Resource
from relay.check.parsed import parse
from relay.check.visit import media_queue
from relay.check.visit.fetcher import Answer
from relay.check.visit.media_queue import MOST_LEFT, MediaQueue
from relay.check.visit.state import Visit

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from relay.check.finding import Finding
    from relay.check.listing import MediaPlaylist

URL: Final = "http://origin.invalid/video/index.m3u8"
MSNS: Final = 5
HINTS: Final = 8
READINGS: Final = 30


class Origin:
    """In the place of a `Fetcher`. The last part of each segment is missing; of "never" nothing ever comes."""

    def __init__(self) -> None:
        self.held = 0

    async def get(self, url: str, *_: Any, **__: Any) -> Answer:
        if "never" in url:
            self.held += 1
            try:
                await asyncio.Event().wait()
            finally:
                self.held -= 1
        now_s = time.monotonic()
        return Answer(url, 404 if url.endswith(".3.m4s") else 200, {}, {}, b"", now_s, now_s, now_s)


class Reading:
    """In the place of a `MediaReading`: finds nothing."""

    def take_init(self, *_: Any) -> list[Finding]:
        return []

    take_part = take_segment = lose_part = take_init


@pytest.fixture(autouse=True)
def _small_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media_queue, "REMEMBERED_MSNS", MSNS)
    monkeypatch.setattr(media_queue, "REMEMBERED_HINTS", HINTS)


def a_queue(origin: Origin) -> MediaQueue:
    return MediaQueue(Visit(cast("Any", origin), time.monotonic() + 60), URL, cast("Any", Reading()))


@asynccontextmanager
async def running(queue: MediaQueue) -> AsyncIterator[None]:
    task = asyncio.create_task(queue.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


def reading(number: int, hint: str = "") -> MediaPlaylist:
    """The playlist after `number` segments more."""
    hinted = f"{EPOCH_MSN + number + 7}.2.m4s"
    text = LowLatency(first_msn=EPOCH_MSN + number).text
    return parse(edit(text, f'HINT:TYPE=PART,URI="{hinted}"', f'HINT:TYPE=PART,URI="{hint or hinted}"'))


async def test_what_is_known_of_segments_long_gone_is_let_go() -> None:
    queue = a_queue(Origin())
    async with running(queue):
        for number in range(READINGS):
            queue.feed(URL, reading(number))
            await queue.drain()
            for known in (queue._seen, queue._missing):
                msns = [key.msn for key in known if key.msn is not None]
                assert min(msns) >= EPOCH_MSN + number - MSNS
    assert {key.kind for key in queue._missing} == {Resource.PART}
    assert "X1" not in {told.finding.rule for told in queue._visit.tally.told()}
    assert len(queue._hinted_before) == HINTS
    assert set(queue._hints) <= set(queue._hinted_before)
    assert len(queue._left) <= 2 * (MOST_LEFT + 1)
    assert (len(queue._waiting), len(queue._gone), queue.too_slow) == (0, 0, 0)


async def test_hints_that_never_come_are_not_waited_for_for_ever() -> None:
    origin = Origin()
    queue = a_queue(origin)
    async with running(queue):
        for number in range(READINGS):
            queue.feed(URL, reading(number, f"never-{number}.m4s"))
            await queue.drain()
        assert origin.held == len(queue._hints) == HINTS
    await asyncio.sleep(0)
    assert origin.held == 0


async def test_what_comes_more_slowly_than_it_is_played_is_left_out_and_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(media_queue, "MOST_WAITING", 20)
    queue = a_queue(Origin())
    for number in range(READINGS):
        queue.feed(URL, reading(number))
    assert queue._queue.qsize() == len(queue._waiting) == 20
    assert queue.too_slow > READINGS
    for task in queue._hints.values():
        task.cancel()
