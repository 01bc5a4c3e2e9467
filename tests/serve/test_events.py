"""Events over HTTP: lists, pictures, and the live feed as a browser reads it."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp import web
from prometheus_client.parser import text_string_to_metric_families

from fixtures.desk import NotedDesk
from fixtures.noticed import AT_NS, timed
from fixtures.origin import UNIX_NS
from fixtures.waiting import until
from relay.errors import StoreError
from relay.events.feed import Feed
from relay.events.store import EventStore
from relay.events.webhooks import HookFigures
from relay.serve import HttpServer
from relay.serve import events as events_module
from relay.serve.event_metrics import EventCollector
from relay.serve.events import EventRoutes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from fixtures.origin import Client
    from relay.events.model import TimedEvent

EVENTS = "/api/v1/streams/cam/events"
JPEG = b"\xff\xd8 a picture \xff\xd9"
AT_MS = AT_NS // 1_000_000


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EventStore]:
    """Seven of `cam`, three of which are objects, the newest going on; one of `yard`."""
    store = EventStore(tmp_path_factory.mktemp("events"), days=36500, pictures_mb=1)
    for number in range(6):
        kind = "object" if number % 2 else "motion"
        store.put(timed(kind, number * 10, number * 10 + 5, stream="cam", n=number))
    store.put(timed("motion", 60, stream="cam", n=6), JPEG)
    store.put(timed("motion", 0, 1, stream="yard", n=7))
    yield store
    store.close()


@pytest.fixture
def desk(store: EventStore) -> NotedDesk:
    return NotedDesk(store=store)  # type: ignore[arg-type]  # a real one


def tell(desk: NotedDesk, event: TimedEvent) -> None:
    for listener in desk.listeners:
        listener(event, b"")  # type: ignore[operator]  # noted as an object


async def listed(client: Client, query: str = "") -> list[int]:
    answer = await client.get(f"{EVENTS}{query}")
    assert answer.status == 200, answer.text
    return [event["data"]["n"] for event in json.loads(answer.body)["events"]]


async def test_what_is_kept_is_told_the_newest_first(client: Client) -> None:
    answer = await client.get(EVENTS)
    assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-store")
    assert answer.headers["Content-Type"].startswith("application/json")
    told = json.loads(answer.body)
    assert (told["stream"], told["next"]) == ("cam", None)
    assert [event["data"]["n"] for event in told["events"]] == [6, 5, 4, 3, 2, 1, 0]
    newest, *_, oldest = told["events"]
    assert (newest["start_ms"], newest["end_ms"]) == (AT_MS + 60_000, None)
    assert newest["picture"] == f"api/v1/streams/cam/events/{newest['id']}/picture.jpg"
    assert (oldest["end_ms"], oldest["picture"], oldest["stream"]) == (AT_MS + 5000, None, "cam")


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("?kind=object", [5, 3, 1]),
        ("?kind=object&kind=motion&limit=2", [6, 5]),
        (f"?since={AT_MS + 42_000}", [6, 5, 4]),
        (f"?until={AT_MS + 20_000}", [1, 0]),
        ("?since=2026-09-21T00:00:12Z&until=2026-09-21T00:00:31Z", [3, 2, 1]),
        ("?kind=face", []),
    ],
)
async def test_what_is_asked_for_is_told(client: Client, query: str, numbers: list[int]) -> None:
    assert await listed(client, query) == numbers


async def test_a_page_leads_to_the_next(client: Client) -> None:
    seen, query, told = [], "?limit=3", {"next": ""}
    for _ in range(3):
        told = json.loads((await client.get(f"{EVENTS}{query}")).body)
        seen.append([event["data"]["n"] for event in told["events"]])
        query = f"?limit=3&before={told['next']}"
    assert seen == [[6, 5, 4], [3, 2, 1], [0]]
    assert told["next"] is None


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/api/v1/streams/nobody/events", 404, "there is no stream 'nobody'"),
        ("/api/v1/streams/nobody/events/live", 404, "there is no stream 'nobody'"),
        (f"{EVENTS}?limit=0", 400, "limit is a whole number from 1 to 200"),
        (f"{EVENTS}?last=5", 400, "'last' cannot be asked for: there are since, until, kind, limit, before"),
        (f"{EVENTS}?before=motion-1", 400, "before: no event 'motion-1' is kept (any more)"),
        (f"{EVENTS}/motion-1/picture.jpg", 404, "there is no picture of it, or not any more"),
    ],
)
async def test_what_cannot_be_had_is_refused_in_words(client: Client, path: str, status: int, words: str) -> None:
    answer = await client.get(path)
    assert (answer.status, json.loads(answer.body)) == (status, {"error": words})
    assert answer.headers["Cache-Control"] == "no-store"


async def test_a_picture_may_be_kept_by_who_fetched_it(client: Client) -> None:
    path = f"{EVENTS}/motion-{AT_MS + 60_000}/picture.jpg"
    answer = await client.get(path)
    assert (answer.status, answer.body, answer.headers["Content-Type"]) == (200, JPEG, "image/jpeg")
    assert "immutable" in answer.headers["Cache-Control"]
    assert (await client.get(path, If_None_Match=answer.headers["ETag"])).status == 304


async def test_a_store_that_cannot_be_read_is_nobodys_business(
    client: Client, store: EventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise StoreError("/home/somebody/events.sqlite3: cannot be read")

    monkeypatch.setattr(store, "list", fail)
    answer = await client.get(EVENTS)
    assert (answer.status, json.loads(answer.body)) == (503, {"error": "the events cannot be read just now"})


# The live feed.


@asynccontextmanager
async def listening(server: HttpServer, path: str = f"{EVENTS}/live", **headers: str) -> AsyncIterator[Listening]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with aiohttp.ClientSession() as session:
        timeout = aiohttp.ClientTimeout(total=10)
        async with session.get(f"http://127.0.0.1:{server.port}{path}", headers=named, timeout=timeout) as response:
            yield Listening(response)


class Listening:
    """A client of the feed."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response
        self.text = b""

    async def block(self) -> str:
        """The next block, without its empty line."""
        while b"\n\n" not in self.text:
            chunk = await self.response.content.readany()
            assert chunk, "the feed has ended"
            self.text += chunk
        block, _, self.text = self.text.partition(b"\n\n")
        return block.decode()

    async def event(self) -> dict[str, Any]:
        """The next event, with its id and name."""
        while "data: " not in (block := await self.block()):
            pass
        fields: dict[str, Any] = dict(line.split(": ", 1) for line in block.splitlines())
        return {**fields, "data": json.loads(fields["data"])}

    async def is_over(self) -> bool:
        return await self.response.content.readany() == b""


async def test_what_happens_is_told_as_it_happens(server: HttpServer, desk: NotedDesk) -> None:
    async with listening(server) as feed:
        assert feed.response.headers["Content-Type"] == "text/event-stream"
        assert feed.response.headers["Cache-Control"] == "no-store"
        assert feed.response.headers["X-Accel-Buffering"] == "no"
        assert "Content-Encoding" not in feed.response.headers
        assert await feed.block() == f"retry: 2000\nid: {UNIX_NS // 1_000_000}-0"
        tell(desk, timed("motion", 0, stream="yard"))
        tell(desk, timed("motion", 0, stream="cam"))
        tell(desk, timed("motion", 0, 3, stream="cam"))
        begin, end = await feed.event(), await feed.event()
    assert (begin["event"], end["event"]) == ("begin", "end")
    assert begin["data"]["id"] == end["data"]["id"]
    assert (begin["data"]["end_ms"], end["data"]["end_ms"]) == (None, AT_MS + 3000)


async def test_all_streams_are_told_of_in_one(server: HttpServer, desk: NotedDesk) -> None:
    async with listening(server, "/api/v1/events/live") as feed:
        await feed.block()
        for stream in ("yard", "cam"):
            tell(desk, timed("motion", 0, 1, stream=stream))
        assert [(await feed.event())["data"]["stream"] for _ in range(2)] == ["yard", "cam"]


async def test_who_comes_again_misses_nothing(server: HttpServer, desk: NotedDesk) -> None:
    async with listening(server) as feed:
        await feed.block()
        tell(desk, timed("motion", 0, 1, stream="cam"))
        seen = (await feed.event())["id"]
    tell(desk, timed("motion", 5, 6, stream="cam"))
    async with listening(server, Last_Event_ID=seen) as feed:
        assert (await feed.event())["data"]["start_ms"] == AT_MS + 5000
    async with listening(server, Last_Event_ID="1-1") as feed:
        assert (await feed.event())["event"] == "gap"


async def test_it_ends_when_the_server_stops(server: HttpServer, desk: NotedDesk) -> None:
    async with listening(server) as feed:
        await feed.block()
        tell(desk, timed("motion", 0, 1, stream="cam"))
        stopping = asyncio.create_task(server.stop())
        await feed.event()
        assert await feed.is_over()
        await stopping


async def test_head_is_no_way_to_listen(client: Client) -> None:
    assert (await client.request("HEAD", f"{EVENTS}/live")).status == 405


@asynccontextmanager
async def small(feed: Feed, heartbeat_s: float = 15.0) -> AsyncIterator[HttpServer]:
    """The feed alone, behind its routes."""
    app = web.Application()
    app.add_routes(EventRoutes(None, feed, {"cam"}, heartbeat_s).routes())  # type: ignore[arg-type]  # it reads nothing
    server = await HttpServer.start(app, "127.0.0.1", 0)
    try:
        yield server
    finally:
        feed.end()
        await server.stop()


async def test_a_comment_keeps_the_connection_where_nothing_happens() -> None:
    async with small(Feed(1), heartbeat_s=0.02) as server, listening(server) as feed:
        await feed.block()
        assert [await feed.block() for _ in range(3)] == [":", ":", ":"]


async def test_too_many_are_asked_to_come_later_and_who_hung_up_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events_module, "_LOOK_EVERY_S", 0.02)
    feed = Feed(1, most_listeners=1)
    async with small(feed) as server:
        async with listening(server) as first:
            await first.block()
            async with listening(server) as second:
                assert (second.response.status, second.response.headers["Retry-After"]) == (503, "5")
                assert json.loads(await second.response.read()) == {"error": "too many listen already"}
        await until(lambda: feed.listeners == 0, "room")
        async with listening(server) as third:
            assert third.response.status == 200


async def test_who_does_not_read_is_left_at_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events_module, "WRITE_DEADLINE_S", 0.05)
    feed = Feed(1)
    async with small(feed) as server, listening(server) as deaf:
        await deaf.block()

        def is_left() -> bool:
            for number in range(100):
                feed.hear(timed("motion", number, number, stream="cam", pad="x" * 4000))
            return feed.listeners == 0

        await until(is_left, "a listener who is let go")
    assert feed.counters["dropped"] > 0


async def test_who_is_told_is_counted(client: Client, desk: NotedDesk) -> None:
    tell(desk, timed("motion", 0, 1, stream="cam"))
    values = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families((await client.get("/metrics")).text)
        for sample in family.samples
    }
    assert values[("relay_event_listeners",)] == 0
    assert values["relay_event_messages_total", "told"] == 1
    assert values["relay_event_messages_total", "dropped"] == 0


def test_webhooks_are_counted_by_their_place() -> None:
    figures = [HookFigures(sent=3), HookFigures(failed=1, dropped=2)]
    families = EventCollector(Feed(1), lambda: figures).collect()
    values = {
        (*sample.labels.values(),): sample.value
        for family in families
        if family.name == "relay_webhook_messages"
        for sample in family.samples
    }
    assert values["0", "sent"] == 3
    assert (values["1", "failed"], values["1", "dropped"], values["1", "sent"]) == (1, 2, 0)
