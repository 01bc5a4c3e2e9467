"""The hub without HTTP."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from fixtures.origin import Camera
from fixtures.published import AUDIO_INIT, FORMAT, MSN, SILENT, VIDEO_INIT, make_part
from relay.check.finding import faults
from relay.check.media_playlist import check_media_playlist
from relay.model import Copied, DateRange, MediaKind, Part
from relay.serve.bell import Bell
from relay.timeline import NS_PER_S

if TYPE_CHECKING:
    from fixtures.origin import Clock
    from relay.serve import Hub


def test_what_cannot_be_published_is_counted(hub: Hub) -> None:
    camera = Camera(hub, format=SILENT)
    part = make_part(camera.grid, MediaKind.VIDEO, MSN, 0)
    hub.publish_init("cam", VIDEO_INIT)
    hub.publish_part("cam", part)  # no generation
    hub.open_generation("cam", 1, SILENT)
    hub.publish_part("cam", part)  # no init
    hub.publish_init("cam", VIDEO_INIT)
    hub.publish_part("cam", make_part(camera.grid, MediaKind.AUDIO, MSN, 0))  # no such rendition
    hub.publish_part("cam", part)
    hub.publish_part("cam", part)  # published before
    assert hub.streams["cam"].counters == {
        "parts_published": 1,
        "parts_refused": 4,
        "bytes_published": len(part.data),
        "events_published": 0,
        "events_refused": 0,
    }


def test_a_stream_is_ready_when_all_its_renditions_are(hub: Hub) -> None:
    camera = Camera(hub)
    stream = hub.streams["cam"]
    assert not stream.is_ready
    camera.open()
    for kind in MediaKind:
        assert not stream.is_ready
        for index in range(10):
            hub.publish_part("cam", make_part(camera.grid, kind, MSN, index))
    assert stream.is_ready


def test_no_segment_is_larger_than_the_bandwidth_that_is_told(hub: Hub) -> None:
    """As when two workers share one, each of which kept to its part."""
    camera = Camera(hub, format=SILENT)
    camera.open()
    assert bandwidth(hub) == VIDEO_INIT.bandwidth
    camera.size_bytes = 80_001
    camera.publish_segments(1)
    assert bandwidth(hub) == 80_001 * 10 * 8 / 2
    camera.size_bytes = 10
    camera.publish_segments(1)
    hub.publish_init("cam", VIDEO_INIT)  # of the next worker
    assert bandwidth(hub) == 80_001 * 10 * 8 / 2


def test_a_segment_that_is_cut_short_says_nothing_of_the_bandwidth(hub: Hub) -> None:
    camera = Camera(hub, format=SILENT)
    camera.open()
    hub.publish_part("cam", make_part(camera.grid, MediaKind.VIDEO, MSN, 0, 200_000))
    hub.end_stream("cam")
    assert bandwidth(hub) == VIDEO_INIT.bandwidth


def bandwidth(hub: Hub) -> int:
    current = hub.streams["cam"].current
    assert current is not None
    init = current.renditions["video"].init
    assert init is not None
    return init.bandwidth


def files(hub: Hub) -> int:
    current = hub.streams["cam"].current
    return sum(len(rendition.files) for rendition in current.renditions.values()) if current else 0


def test_memory_is_bounded_however_long_it_runs(hub: Hub, clock: Clock) -> None:
    camera = Camera(hub)
    camera.open()
    counts = []
    for n in range(60):
        # Each worker that replaces another comes with an init of its own, in the worst case.
        hub.publish_init("cam", replace(VIDEO_INIT, data=b"init %d" % (n // 10)))
        camera.publish_segments(1)
        clock.advance(2)
        counts.append(files(hub))
    per_segment = 2 * (camera.grid.parts_per_segment + 1)
    # Seven are listed, and nine or ten more are kept for those who heard of them.
    assert max(counts[30:]) <= 17 * per_segment + 5
    hub.end_stream("cam")
    clock.advance(60)
    hub.sweep()
    assert files(hub) <= 7 * per_segment + 3


def test_a_stream_that_has_ended_may_begin_anew(hub: Hub) -> None:
    camera = Camera(hub)
    camera.open()
    camera.publish_segments(1)
    hub.end_stream("cam")
    hub.end_stream("yard")
    camera.publish()
    assert hub.streams["cam"].counters["parts_refused"] == 2
    camera.at = (MSN + 5, 0)
    camera.open()
    camera.publish()
    current = hub.streams["cam"].current
    assert current is not None
    assert current.renditions["video"].window.media_sequence == MSN + 5
    assert current.format == FORMAT


async def test_a_bell_wakes_all_who_wait_and_nobody_for_ever() -> None:
    bell = Bell()
    loop = asyncio.get_running_loop()
    patient = [asyncio.create_task(bell.wait(loop.time() + 60)) for _ in range(3)]
    assert not await bell.wait(loop.time() + 0.01)
    gone = asyncio.create_task(bell.wait(loop.time() + 60))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.sleep(0)
    assert not bell.is_silent
    bell.ring()
    assert await asyncio.gather(*patient) == [True, True, True]


async def test_a_ring_and_a_deadline_at_once_do_no_harm() -> None:
    bell = Bell()
    waiting = asyncio.create_task(bell.wait(asyncio.get_running_loop().time()))
    await asyncio.sleep(0)
    bell.ring()
    assert await waiting
    again = asyncio.create_task(bell.wait(asyncio.get_running_loop().time() + 60))
    await asyncio.sleep(0)
    again.cancel()
    bell.ring()
    await asyncio.sleep(0)
    assert again.cancelled()


def test_a_copied_stream_has_whole_segments_and_its_parts_say_where_a_seam_is(hub: Hub) -> None:
    copied = replace(FORMAT, copied=Copied("h264", 4))
    hub.open_generation("cam", 1, copied)
    current = hub.streams["cam"].current
    assert current is not None

    def segment(name: str, msn: int, *, is_discontinuous: bool = False) -> None:
        part = Part(name, msn, 0, msn * 180_000, 180_000, 90_000, 0, True, True, b"segment", is_discontinuous)
        hub.publish_part("cam", part)

    hub.publish_init("cam", VIDEO_INIT)
    hub.publish_init("cam", AUDIO_INIT)
    segment("video", MSN)
    segment("video", MSN + 1)
    hub.publish_init("cam", replace(VIDEO_INIT, data=b"the slate's"))
    segment("video", MSN + 2, is_discontinuous=True)
    # Sound comes later: its segments are those of before.
    segment("audio", MSN)
    segment("audio", MSN + 1)
    segment("audio", MSN + 2, is_discontinuous=True)
    for rendition in current.renditions.values():
        assert [one.is_discontinuous for one in rendition.window.listed] == [False, False, True]
        assert rendition.hinted_uri is None
        assert not any(".0.m4s" in name for name in rendition.files)
    assert f"{MSN + 2}.m4s" in current.renditions["video"].files
    hub.publish_init("cam", VIDEO_INIT)
    for n in range(3, 40):
        segment("video", MSN + n)
    hub.streams["cam"].sweep(10**15)
    assert len(current.renditions["video"].files) == 8, "seven segments and an init"


def told(hub: Hub, name: str = "video") -> str:
    current = hub.streams["cam"].current
    assert current is not None
    text = bytes(current.playlist(current.renditions[name], skip=False).body).decode()
    assert faults(check_media_playlist(text)) == []
    return ",".join(re.findall(r'#EXT-X-DATERANGE:ID="(\w+)"', text))


def test_events_are_told_while_any_playlist_lists_their_time(hub: Hub) -> None:
    camera = Camera(hub)
    start_ns = camera.grid.start_ns(camera.grid.first_slot(MSN))
    hub.publish_event("cam", DateRange("before", start_ns - 60 * NS_PER_S, end_ns=start_ns - NS_PER_S))
    camera.open()
    hub.publish_event("cam", DateRange("moment", start_ns, end_ns=start_ns))
    camera.publish_segments(2)
    hub.publish_event("cam", DateRange("open", start_ns))
    hub.publish_event("cam", DateRange("", start_ns))
    assert told(hub) == told(hub, "audio") == "moment,open"
    camera.publish_segments(6)
    assert told(hub) == told(hub, "audio") == "open"
    assert (hub.streams["cam"].counters["events_published"], hub.streams["cam"].counters["events_refused"]) == (3, 1)


def test_a_generation_that_has_ended_tells_nothing_new(hub: Hub) -> None:
    camera = Camera(hub)
    camera.open()
    camera.publish_segments(1)
    start_ns = camera.grid.start_ns(camera.grid.first_slot(MSN))
    hub.publish_event("cam", DateRange("open", start_ns))
    hub.end_stream("cam")
    hub.publish_event("cam", DateRange("later", start_ns))
    assert told(hub) == "open"
    camera.generation, camera.format, camera.at = 2, SILENT, (MSN + 1, 0)
    camera.open()
    camera.publish_segments(1)
    assert told(hub) == "open,later"
