"""A rung that sleeps, over HTTP: it is offered, who asks for its playlist waits, and finds it where the largest was."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest

from fixtures.published import AUDIO_INIT, FORMAT, MSN, VIDEO_INIT, make_part
from fixtures.waiting import until
from relay.check.finding import faults
from relay.check.media_playlist import check_media_playlist
from relay.check.multivariant import check_multivariant
from relay.model import Rung
from relay.serve import media
from relay.timeline import Grid

if TYPE_CHECKING:
    from fixtures.origin import Client, Clock
    from relay.serve import Hub
    from relay.serve.rendition import Rendition
    from relay.supervisor.demand import Demand

LADDER = replace(
    FORMAT,
    ladder=(Rung("video", 1280, 720, Fraction(30), 2500), Rung("video-360p", 640, 360, Fraction(30), 900)),
)
GRID = Grid.of(LADDER)
LOW = "video-360p"
PLAYLIST = f"/live/cam/{LOW}-1/index.m3u8"


class Ladder:
    """Publishes a ladder, of which the lower rung sleeps."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        hub.open_generation("cam", 1, LADDER)
        hub.sleep("cam", LOW)
        for rung in LADDER.ladder:
            hub.publish_init("cam", replace(VIDEO_INIT, rendition=rung.name, data=rung.name.encode()))
        hub.publish_init("cam", AUDIO_INIT)
        self.at = {name: GRID.first_slot(MSN) for name in LADDER.renditions}

    def publish(self, name: str, parts: int) -> None:
        for _ in range(parts):
            slot, kind = self.at[name], LADDER.renditions[name]
            part = make_part(GRID, kind, GRID.msn(slot), GRID.part_index(slot))
            self.hub.publish_part("cam", replace(part, rendition=name))
            self.at[name] += GRID.slots_per_part

    def publish_awake(self, parts: int) -> None:
        for _ in range(parts):
            self.publish("video", 1)
            self.publish("audio", 1)

    @property
    def low(self) -> Rendition:
        current = self.hub.streams["cam"].current
        assert current is not None
        return current.renditions[LOW]


@pytest.fixture
def ladder(hub: Hub) -> Ladder:
    """Seven segments and three parts of what is awake."""
    ladder = Ladder(hub)
    ladder.publish_awake(7 * GRID.parts_per_segment + 3)
    return ladder


@pytest.fixture(autouse=True)
def offered(demands: dict[str, Demand]) -> None:
    demands["cam"].renditions.offer([LOW])


async def test_it_is_offered_all_the_while(client: Client, hub: Hub) -> None:
    ladder = Ladder(hub)
    asking = asyncio.create_task(client.get("/live/cam/index.m3u8"))
    ladder.publish_awake(GRID.parts_per_segment)
    text = (await asking).text
    assert faults(check_multivariant(text)) == []
    assert re.findall(rf"v/[^/]+/({LOW}-1/index\.m3u8)", text) == [f"{LOW}-1/index.m3u8"]
    assert (await client.get("/readyz")).status == 503, "for the other stream alone"
    assert json.loads((await client.get("/readyz")).body)["waiting_for"] == ["yard"]


async def test_reports_name_it_where_the_largest_is(client: Client, ladder: Ladder) -> None:
    text = (await client.get("/live/cam/video-1/index.m3u8")).text
    assert f'URI="../{LOW}-1/index.m3u8",LAST-MSN={MSN + 7},LAST-PART=2' in text
    ladder.hub.wake("cam", LOW)
    ladder.at[LOW] = GRID.first_slot(MSN + 3)
    ladder.publish(LOW, 1)
    text = (await client.get("/live/cam/video-1/index.m3u8")).text
    assert f'URI="../{LOW}-1/index.m3u8",LAST-MSN={MSN + 7},LAST-PART=2' in text
    ladder.publish(LOW, 4 * GRID.parts_per_segment + 2)
    ladder.publish("video", 1)
    text = (await client.get("/live/cam/video-1/index.m3u8")).text
    assert f'URI="../{LOW}-1/index.m3u8",LAST-MSN={MSN + 7},LAST-PART=2' in text, "that is how far it is itself"


@pytest.mark.parametrize("query", ["", f"?_HLS_msn={MSN + 7}&_HLS_part=2", f"?_HLS_msn={MSN + 7}"])
async def test_who_asks_waits_until_it_is_where_the_largest_was(
    client: Client, ladder: Ladder, demands: dict[str, Demand], query: str
) -> None:
    told = []
    demands["cam"].on_rendition = lambda: told.append("awake") or ladder.hub.wake("cam", LOW)
    asking = asyncio.create_task(client.get(f"{PLAYLIST}{query}"))
    await until(lambda: bool(told), "a wish for the rung")
    assert demands["cam"].wanted_renditions() == {LOW}
    ladder.at[LOW] = GRID.first_slot(MSN + 3)
    ladder.publish(LOW, 4 * GRID.parts_per_segment + 2)
    ladder.publish_awake(4)
    await asyncio.sleep(0.05)
    assert not asking.done(), "one part is missing"
    ladder.publish(LOW, 1)
    if query == f"?_HLS_msn={MSN + 7}":
        await asyncio.sleep(0.05)
        assert not asking.done(), "that segment is not whole: the ordinary rule"
        ladder.publish(LOW, GRID.parts_per_segment - 3)
    answer = await asking
    assert answer.status == 200
    assert faults(check_media_playlist(answer.text)) == []
    assert f"#EXT-X-MEDIA-SEQUENCE:{MSN + 3}\n" in answer.text
    assert "DISCONTINUITY\n" not in answer.text
    assert told == ["awake"]


async def test_who_asks_waits_longer_where_it_is_made_too_slowly(client: Client, ladder: Ladder) -> None:
    """It is shown in the segment where the largest is: what was reported of it is not too far ahead then."""
    ladder.hub.wake("cam", LOW)
    ladder.publish_awake(3 * GRID.parts_per_segment)
    report = f"?_HLS_msn={MSN + 10}&_HLS_part=2"
    asking = asyncio.create_task(client.get(f"{PLAYLIST}{report}"))
    ladder.at[LOW] = GRID.first_slot(MSN + 3)
    ladder.publish(LOW, 7 * GRID.parts_per_segment)
    await asyncio.sleep(0.05)
    assert not asking.done()
    ladder.publish(LOW, 1)
    await asyncio.sleep(0.05)
    assert not asking.done(), "the ordinary rule: what is asked for comes next but one"
    ladder.publish(LOW, 2)
    assert (await asking).status == 200


async def test_what_is_asked_too_far_in_the_future_is_refused_when_it_is_awake(client: Client, ladder: Ladder) -> None:
    ladder.hub.wake("cam", LOW)
    ladder.at[LOW] = GRID.first_slot(MSN + 6)
    ladder.publish(LOW, GRID.parts_per_segment + 3)
    assert (await client.get(f"{PLAYLIST}?_HLS_msn={MSN + 10}")).status == 400


async def test_nobody_waits_for_ever(client: Client, ladder: Ladder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media, "longest_wait_s", lambda _: 0.05)
    answer = await client.get(PLAYLIST)
    assert (answer.status, answer.headers["Retry-After"]) == (503, "1")


async def test_one_that_lies_down_again_keeps_its_media_for_a_while(client: Client, ladder: Ladder) -> None:
    ladder.hub.wake("cam", LOW)
    ladder.at[LOW] = GRID.first_slot(MSN + 3)
    ladder.publish(LOW, 5 * GRID.parts_per_segment)
    assert (await client.get(PLAYLIST)).status == 200
    ladder.hub.sleep("cam", LOW)
    assert (await client.get(f"/live/cam/{LOW}-1/{MSN + 7}.m4s")).status == 200
    asking = asyncio.create_task(client.get(PLAYLIST))
    await asyncio.sleep(0.05)
    assert not asking.done()
    ladder.hub.wake("cam", LOW)
    ladder.at[LOW] = GRID.first_slot(MSN + 10)
    ladder.publish(LOW, GRID.parts_per_segment)
    text = (await asking).text
    assert f"#EXT-X-MEDIA-SEQUENCE:{MSN + 10}\n" in text
    assert f"{MSN + 7}.m4s" not in text


@pytest.mark.parametrize(("slept_s", "first"), [(5, MSN + 3), (7, MSN + 8)])
async def test_one_that_slept_shortly_goes_on_and_otherwise_begins_again(
    client: Client, ladder: Ladder, clock: Clock, slept_s: int, first: int
) -> None:
    ladder.hub.wake("cam", LOW)
    ladder.at[LOW] = GRID.first_slot(MSN + 3)
    ladder.publish(LOW, 5 * GRID.parts_per_segment)
    ladder.hub.sleep("cam", LOW)
    clock.advance(slept_s)
    ladder.hub.sleep("cam", LOW)
    ladder.hub.sweep()
    ladder.publish_awake(2 * GRID.parts_per_segment)
    ladder.hub.wake("cam", LOW)
    ladder.publish(LOW, 2 * GRID.parts_per_segment)
    text = (await client.get(PLAYLIST)).text
    assert f"#EXT-X-MEDIA-SEQUENCE:{first}\n" in text
    assert faults(check_media_playlist(text)) == []


async def test_what_it_is_said_of_it_in_figures(client: Client, ladder: Ladder) -> None:
    renditions = json.loads((await client.get("/api/v1/streams")).body)["streams"][0]["window"]["renditions"]
    assert {name: one["is_asleep"] for name, one in renditions.items()} == {"video": False, LOW: True, "audio": False}


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        (f"{LOW}-1/{MSN}.m4s", True),
        (f"v/x/{LOW}-1/{MSN}.0.m4s", True),
        (f"{LOW}-2/{MSN}.m4s", False),
        (f"video-1/{MSN + 3}.m4s", False),
        ("index.m3u8", False),
        ("ts-1/index.m3u8", False),
        ("snapshot.jpg", False),
    ],
)
async def test_what_wants_it(
    client: Client, ladder: Ladder, demands: dict[str, Demand], path: str, wanted: bool
) -> None:
    await client.get(f"/live/cam/{path}")
    assert bool(demands["cam"].wanted_renditions()) is wanted


async def test_who_gets_two_segments_watches(client: Client, ladder: Ladder, demands: dict[str, Demand]) -> None:
    ladder.hub.wake("cam", LOW)
    ladder.at[LOW] = GRID.first_slot(MSN + 3)
    ladder.publish(LOW, 5 * GRID.parts_per_segment)
    interests = demands["cam"].renditions._interests
    for msn, seen in ((MSN + 3, 1), (MSN + 3, 1), (MSN + 99, 1), (MSN + 4, 2)):
        await client.get(f"/live/cam/{LOW}-1/{msn}.0.m4s")
        assert len(interests[LOW].segments) == seen


async def test_when_the_stream_has_ended_there_is_nothing_of_what_nobody_watched(
    client: Client, ladder: Ladder
) -> None:
    ladder.hub.end_stream("cam")
    assert (await client.get(PLAYLIST)).status == 404
    assert "#EXT-X-ENDLIST" in (await client.get("/live/cam/video-1/index.m3u8")).text


def test_a_stream_that_is_not_there_yet_has_nothing_to_lay_down(hub: Hub) -> None:
    hub.sleep("yard", LOW)
    hub.wake("yard", LOW)
    assert hub.streams["yard"].current is None
