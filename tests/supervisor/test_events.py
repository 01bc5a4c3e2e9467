"""What a worker tells of events, and its camera's outages: on their way to the desk, and into every playlist."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from fixtures.crew import Published, a_camera
from fixtures.desk import NotedDesk
from fixtures.keeping import GRID, SETTINGS, Stage
from fixtures.waiting import until
from relay import wire
from relay.check.finding import faults
from relay.check.media_playlist import check_media_playlist
from relay.config import RelaySettings
from relay.events.desk import EventDesk
from relay.events.store import EventStore
from relay.links import Emitted
from relay.model import DateRange, StreamHealth, StreamState
from relay.serve import Hub
from relay.supervisor import Outlets
from relay.supervisor.events import LAST_SEEN_NS, Events
from relay.timeline import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from relay.supervisor import DataFolder

REASON = "the camera sends no pictures"
GONE = StreamHealth(StreamState.STALLED, 5 * NS_PER_S, REASON, "rtsp://user:secret@camera")
OUTAGE = DateRange("outage-5000", 5 * NS_PER_S, "relay.outage", attributes={"X-REASON": REASON}, caption=REASON)


def told(*healths: StreamHealth) -> list[DateRange]:
    desk = NotedDesk()
    events = Events("door", Outlets(Published(), desk))
    for health in healths:
        events.heed(wire.Health(health))
    assert {name for name, _, _ in desk.outages} <= {"door"}
    return [outage for _, outage, _ in desk.outages]


def live(at_s: int) -> StreamHealth:
    return StreamHealth(StreamState.LIVE, at_s * NS_PER_S)


@pytest.mark.parametrize("state", [StreamState.STALLED, StreamState.OFFLINE, StreamState.SLATE])
def test_an_outage_lasts_from_the_last_picture_to_the_next(state: StreamState) -> None:
    gone = replace(GONE, state=state)
    refused = replace(GONE, state=StreamState.OFFLINE, reason="the camera refuses", since_ns=6 * NS_PER_S)
    connecting = StreamHealth(StreamState.CONNECTING, 7 * NS_PER_S)
    over = replace(OUTAGE, end_ns=9 * NS_PER_S)
    assert told(live(1), gone, refused, connecting, live(9), live(10)) == [OUTAGE, over]
    again = replace(OUTAGE, id="outage-20000", start_ns=20 * NS_PER_S)
    assert told(gone, live(9), replace(gone, since_ns=20 * NS_PER_S)) == [OUTAGE, over, again]


def test_none_ends_before_it_began() -> None:
    assert told(GONE, live(1)) == [OUTAGE, replace(OUTAGE, end_ns=OUTAGE.start_ns)]


def test_where_nothing_was_lost_there_is_none() -> None:
    connecting = StreamHealth(StreamState.CONNECTING, 1)
    assert told(connecting, live(1), connecting, live(3)) == []


def test_what_a_worker_tells_is_passed_on_and_nothing_else_is() -> None:
    published, desk = Published(), NotedDesk()
    events = Events("door", Outlets(published, desk))
    motion = Emitted("motion", 5, {"phase": "begin"})
    for message in (wire.Hello(1), wire.Event(OUTAGE), wire.Noticed(motion, b"jpeg"), wire.Stats()):
        events.heed(message)
    assert (published.calls, published.events) == (["publish_event"], [OUTAGE])
    assert desk.noticed == [("door", motion, b"jpeg")]
    assert desk.outages == []


@pytest.mark.parametrize(
    ("ago_ns", "is_handed_on"), [(0, True), (LAST_SEEN_NS, True), (LAST_SEEN_NS + 1, False), (-1, False)]
)
def test_an_outage_has_the_last_picture_that_was_to_be_seen_if_it_is_of_then(
    *, ago_ns: int, is_handed_on: bool
) -> None:
    desk = NotedDesk()
    events = Events("door", Outlets(Published(), desk))
    events.heed(wire.Snapshot(GONE.since_ns - LAST_SEEN_NS, b"older"))
    gone = replace(GONE, since_ns=GONE.since_ns + 2 * LAST_SEEN_NS)
    events.heed(wire.Snapshot(gone.since_ns - ago_ns, b"jpeg"))
    events.heed(wire.Health(gone))
    assert [jpeg for _, _, jpeg in desk.outages] == [b"jpeg" if is_handed_on else b""]


async def test_what_goes_on_is_interrupted_when_a_worker_dies(folder: DataFolder) -> None:
    desk = NotedDesk()
    stage = Stage(folder, desk=desk)
    async with stage.run():
        worker = await stage.crew.next()
        await worker.begin(a_camera())
        assert desk.interrupted == []
        worker.die()
        await (await stage.crew.next()).hear(wire.Configure)
        assert desk.interrupted == ["door"]


@pytest.fixture
def hub_and_desk(tmp_path: Path) -> Iterator[tuple[Hub, EventDesk]]:
    settings = RelaySettings(data=tmp_path, streams={"door": SETTINGS})
    hub = Hub(settings.streams)
    desk = EventDesk(settings, EventStore(tmp_path, days=30, pictures_mb=512), hub.publish_event)
    yield hub, desk
    desk.store.close()


async def test_an_event_and_an_outage_come_from_the_worker_into_every_playlist(
    folder: DataFolder, hub_and_desk: tuple[Hub, EventDesk]
) -> None:
    hub, desk = hub_and_desk
    stage = Stage(folder, publisher=hub, desk=desk)
    counters = hub.streams["door"].counters

    def texts() -> list[str]:
        generation = hub.streams["door"].current
        assert generation is not None
        return [
            bytes(generation.playlist(rendition, skip=False).body).decode()
            for rendition in generation.renditions.values()
        ]

    async with stage.run():
        worker = await stage.crew.next()
        start = await worker.begin(a_camera())
        worker.publish(start, 11)
        start_ns = GRID.start_ns(start.next_slots["video"])
        bell = DateRange("bell-1", start_ns, "org.example.bell", attributes={"X-DOOR": 'the "front"\none'})
        worker.say(wire.Event(bell), wire.Event(replace(bell, id="")))
        worker.say(wire.Noticed(Emitted("motion", start_ns, {"zone": 'the "front"\none', "box": [0, 1]})))
        worker.say(wire.Health(replace(GONE, since_ns=start_ns)))
        await until(lambda: counters["events_published"] == 3, "two events and an outage")
        for text in texts():
            assert faults(check_media_playlist(text)) == []
            assert re.findall(r'DATERANGE:ID="([a-z]+)', text) == ["bell", "motion", "outage"]
            assert "X-DOOR=\"the 'front' one\"\n" in text
            assert "X-ZONE=\"the 'front' one\"\n" in text
            assert 'X-REASON="the camera sends no pictures"\n' in text
            assert len(re.findall(r'CLASS="relay.motion",START-DATE="[^"]+",END-DATE="[^"]+",X-ZONE', text)) == 1
            assert not re.search(r'CLASS="relay.outage",.*END-DATE', text)
            assert "secret" not in text
        worker.say(wire.Health(StreamHealth(StreamState.LIVE, start_ns + NS_PER_S)))
        await until(lambda: counters["events_published"] == 4, "the end of the outage")
        assert [len(re.findall(r'CLASS="relay.outage",.*END-DATE=', text)) for text in texts()] == [1, 1]
        assert counters["events_refused"] == 1
        kept = await desk.store.list("door")
        assert [(event.kind, event.lasted_s) for event in kept] == [("outage", 1), ("motion", 0)]
