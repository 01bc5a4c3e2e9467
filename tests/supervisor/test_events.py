"""What playlists are told of a stream: its outages, and the way of an event from a worker into their text."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from fixtures.crew import Published, a_camera
from fixtures.keeping import GRID, SETTINGS, Stage
from fixtures.waiting import until
from relay import wire
from relay.check.finding import faults
from relay.check.media_playlist import check_media_playlist
from relay.model import DateRange, StreamHealth, StreamState
from relay.serve import Hub
from relay.supervisor.events import Events
from relay.timeline import NS_PER_S

if TYPE_CHECKING:
    from relay.supervisor import DataFolder

REASON = "the camera sends no pictures"
GONE = StreamHealth(StreamState.STALLED, 5 * NS_PER_S, REASON, "rtsp://user:secret@camera")
OUTAGE = DateRange("outage-5000", 5 * NS_PER_S, "relay.outage", attributes={"X-REASON": REASON}, caption=REASON)


def told(*healths: StreamHealth) -> list[DateRange]:
    published = Published()
    events = Events("door", published)
    for health in healths:
        events.heed(wire.Health(health))
    return published.events


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
    published = Published()
    events = Events("door", published)
    for message in (wire.Hello(1), wire.Event(OUTAGE), wire.Stats()):
        events.heed(message)
    assert (published.calls, published.events) == (["publish_event"], [OUTAGE])


async def test_an_event_and_an_outage_come_from_the_worker_into_every_playlist(folder: DataFolder) -> None:
    hub = Hub({"door": SETTINGS})
    stage = Stage(folder, publisher=hub)
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
        worker.say(wire.Health(replace(GONE, since_ns=start_ns)))
        await until(lambda: counters["events_published"] == 2, "an event and an outage")
        for text in texts():
            assert faults(check_media_playlist(text)) == []
            assert re.findall(r'DATERANGE:ID="([a-z]+)', text) == ["bell", "outage"]
            assert "X-DOOR=\"the 'front' one\"\n" in text
            assert 'X-REASON="the camera sends no pictures"\n' in text
            assert "END-DATE" not in text
            assert "secret" not in text
        worker.say(wire.Health(StreamHealth(StreamState.LIVE, start_ns + NS_PER_S)))
        await until(lambda: counters["events_published"] == 3, "the end of the outage")
        assert [len(re.findall(r'CLASS="relay.outage",.*END-DATE=', text)) for text in texts()] == [1, 1]
        assert counters["events_refused"] == 1
