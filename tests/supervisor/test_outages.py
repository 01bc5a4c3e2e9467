"""A stream's outages as date ranges, and the way of an event from a worker into the playlists."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from fixtures.crew import a_camera
from fixtures.keeping import GRID, SETTINGS
from fixtures.waiting import until
from relay import wire
from relay.check.finding import faults
from relay.check.media_playlist import check_media_playlist
from relay.model import DateRange, StreamHealth, StreamState
from relay.serve import Hub
from relay.supervisor.outages import Outages
from relay.timeline import NS_PER_S

if TYPE_CHECKING:
    from fixtures.keeping import Stage

GONE = StreamHealth(StreamState.STALLED, 5 * NS_PER_S, "the camera sends no pictures", "rtsp://user:secret@camera")
OUTAGE = DateRange(
    "outage-5000", 5 * NS_PER_S, "relay.outage", attributes={"X-REASON": "the camera sends no pictures"}
)


@pytest.mark.parametrize("state", [StreamState.STALLED, StreamState.OFFLINE, StreamState.SLATE])
def test_an_outage_lasts_from_the_last_picture_to_the_next(state: StreamState) -> None:
    outages = Outages()
    assert outages.note(StreamHealth(StreamState.LIVE, 1)) is None
    assert outages.note(replace(GONE, state=state)) == OUTAGE
    assert outages.note(replace(GONE, state=StreamState.OFFLINE, reason="the camera refuses")) is None
    assert outages.note(StreamHealth(StreamState.CONNECTING, 6 * NS_PER_S)) is None
    assert outages.note(StreamHealth(StreamState.LIVE, 9 * NS_PER_S)) == replace(OUTAGE, end_ns=9 * NS_PER_S)
    assert outages.note(StreamHealth(StreamState.LIVE, 10 * NS_PER_S)) is None


def test_one_that_nobody_watches_any_more_is_over_and_none_ends_before_it_began() -> None:
    outages = Outages()
    assert outages.note(GONE) == OUTAGE
    assert outages.note(StreamHealth(StreamState.STOPPED, 1)) == replace(OUTAGE, end_ns=OUTAGE.start_ns)


def test_where_nothing_was_lost_there_is_none() -> None:
    outages = Outages()
    for state in (StreamState.CONNECTING, StreamState.STOPPED, StreamState.CONNECTING, StreamState.LIVE):
        assert outages.note(StreamHealth(state, 1)) is None


async def test_an_event_and_an_outage_come_from_the_worker_into_every_playlist(stage: Stage) -> None:
    hub = Hub({"door": SETTINGS})
    stage.keeper._publisher = hub
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
