"""I-frame playlists over HTTP, and the ranges that they list: of the segments that are there, and no time watched."""

from __future__ import annotations

import asyncio
import functools
import io
import re
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

import av
import pytest

from fixtures.media import Clip, encoded_clip
from fixtures.origin import Camera, status_when_the_server_stops
from fixtures.published import FORMAT, MSN, VIDEO_INIT, make_part
from relay.check.boxes import read_init
from relay.check.finding import faults
from relay.check.history import check_update
from relay.check.http import Resource, check_response
from relay.check.iframes import check_beside, check_iframe, check_iframe_playlist, read_iframe
from relay.check.media_playlist import check_media_playlist
from relay.check.multivariant import check_multivariant
from relay.check.parsed import parse
from relay.ladder import only_rung
from relay.model import AccessUnit, Copied, Init, LatencyProfile, MediaKind, Part, Rung
from relay.packager import VideoPackager, make_video_init
from relay.packager.annexb import to_length_prefixed
from relay.packager.boxes import Sample, fragment
from relay.serve import deliver as delivering
from relay.sessions import ObjectKind

if TYPE_CHECKING:
    from fixtures.origin import Answer, Client, Clock, Recorder
    from relay.model import StreamFormat
    from relay.serve import Hub
    from relay.timeline import Grid

SMALL = replace(FORMAT, width=192, height=108)
VIDEO = "/live/cam/v/x/video-1"
IFRAMES = f"{VIDEO}/iframes.m3u8"
OPEN = MSN + 7


@functools.cache
def units() -> tuple[bytes, ...]:
    """Two seconds, one closed group of pictures."""
    clip = Clip(width=192, height=108, rate=SMALL.rate, frames=60, gop=1000)
    return tuple(bytes(packet) for packet in encoded_clip(clip))


def init_of() -> Init:
    unit = AccessUnit("video", 0, 0, is_idr=True, data=units()[0])
    return make_video_init(SMALL, only_rung(SMALL), unit, 3_000_000, 2_000_000)


@dataclass
class RealCamera(Camera):
    """Publishes pictures that can be decoded: the same two seconds again and again."""

    format: StreamFormat = SMALL

    def open(self) -> None:
        super().open()
        self.hub.publish_init(self.stream, init_of())

    def part(self, kind: MediaKind, msn: int, index: int) -> Part:
        part = super().part(kind, msn, index)
        return real(self.grid, part) if kind is MediaKind.VIDEO else part


def real(grid: Grid, part: Part) -> Part:
    """`part` with pictures in it."""
    first = part.index * grid.slots_per_part
    samples = [
        Sample(to_length_prefixed(unit), is_sync=first + n == 0)
        for n, unit in enumerate(units()[first : first + grid.slots_per_part])
    ]
    return replace(part, data=fragment(part.index, part.start_ticks, grid.ticks_per_slot, samples))


@pytest.fixture
def camera(hub: Hub) -> RealCamera:
    camera = RealCamera(hub)
    camera.open()
    camera.publish_segments(7)
    camera.publish(3)
    return camera


def judged(answer: Answer, kind: Resource = Resource.PLAYLIST) -> str:
    """The text of an I-frame playlist that obeys the rules."""
    assert answer.status == 200, answer.text
    assert check_response(kind, "GET", answer.status, answer.headers, {}) == []
    assert faults([*check_media_playlist(answer.text), *check_iframe_playlist(parse(answer.text))]) == []
    return answer.text


async def iframes_in(client: Client, path: str = IFRAMES) -> list[int]:
    return [segment.msn for segment in parse((await client.get(path)).text).segments]


async def test_it_is_offered_beside_the_variant_with_the_viewers_token(
    client: Client, camera: RealCamera, recorder: Recorder
) -> None:
    text = (await client.get("/live/cam/index.m3u8")).text
    (token, uri) = re.findall(r'EXT-X-I-FRAME-STREAM-INF:.*URI="v/([^/]+)/(video-1/iframes\.m3u8)"', text)[0]
    assert f"\nv/{token}/video-1/index.m3u8\n" in text
    assert faults(check_multivariant(text)) == []
    assert re.findall(r"#EXT-X-I-FRAME-STREAM-INF:(.*),URI", text) == [
        f'BANDWIDTH=1000000,CODECS="{init_of().codecs}",RESOLUTION=192x108,VIDEO-RANGE=SDR'
    ]
    judged(await client.get(f"/live/cam/v/{token}/{uri}"))
    access = recorder.accesses[-1]
    assert (access.kind, access.viewer, access.rendition) == (ObjectKind.PLAYLIST, token, "video")


async def test_each_range_is_one_picture_the_segments_first(client: Client, camera: RealCamera) -> None:
    playlist = parse(judged(await client.get(IFRAMES)))
    media = parse((await client.get(f"{VIDEO}/index.m3u8")).text)
    assert check_beside(playlist, [media]) == []
    assert [(one.uri, one.duration_s, one.pdt_ns, one.map_uri) for one in playlist.segments] == [
        (one.uri, one.duration_s, one.pdt_ns, one.map_uri) for one in media.segments
    ]
    init = (await client.get(f"{VIDEO}/{playlist.segments[0].map_uri}")).body
    for segment in playlist.segments:
        size = int((segment.byterange or "").removesuffix("@0"))
        data = (await client.get(f"{VIDEO}/{segment.uri}", Range=f"bytes=0-{size - 1}")).body
        iframe = read_iframe(data, read_init(init))
        assert check_iframe(len(data), iframe) == []
        assert iframe is not None
        assert iframe.shown_s == Fraction(segment.pdt_ns or 0, 10**9)
        with av.open(io.BytesIO(init + data)) as container:
            (picture,) = container.decode(video=0)
        assert (picture.width, picture.height, picture.key_frame) == (192, 108, True)


async def test_a_range_is_sent_from_the_segments_memory(
    client: Client, camera: RealCamera, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[object] = []
    write = delivering._Writing.write

    async def spy(self: delivering._Writing, body: bytes | memoryview) -> None:
        written.append(body.obj if isinstance(body, memoryview) else body)
        await write(self, body)

    monkeypatch.setattr(delivering._Writing, "write", spy)
    whole = await client.get(f"{VIDEO}/{MSN}.m4s")
    segment = parse((await client.get(IFRAMES)).text).segments[0]
    size = int((segment.byterange or "").removesuffix("@0"))
    answer = await client.get(f"{VIDEO}/{MSN}.m4s", Range=f"bytes=0-{size - 1}", Accept_Encoding="gzip")
    assert (answer.status, answer.body) == (206, whole.body[:size])
    asked = {"range": f"bytes=0-{size - 1}"}
    assert check_response(Resource.SEGMENT, "GET", answer.status, answer.headers, asked) == []
    assert answer.headers["Content-Range"] == f"bytes 0-{size - 1}/{len(whole.body)}"
    for name in ("Content-Type", "Cache-Control", "ETag", "Accept-Ranges", "Access-Control-Allow-Origin"):
        assert answer.headers[name] == whole.headers[name]
    current = hub.streams["cam"].current
    assert current is not None
    assert written[-1] is current.renditions["video"].files[f"{MSN}.m4s"].body


async def test_scrubbing_is_noted_as_no_whole_segment(client: Client, camera: RealCamera, recorder: Recorder) -> None:
    for segment in parse((await client.get(IFRAMES)).text).segments:
        size = int((segment.byterange or "").removesuffix("@0"))
        await client.get(f"{VIDEO}/{segment.uri}", Range=f"bytes=0-{size - 1}")
    assert len(recorder.accesses) == 8
    assert all((one.is_glimpse, one.is_complete, one.is_media) == (True, False, True) for one in recorder.accesses[1:])


async def test_a_reload_is_held_for_a_whole_segment(client: Client, camera: RealCamera) -> None:
    waiting = asyncio.create_task(client.get(f"{IFRAMES}?_HLS_msn={OPEN}"))
    with_part = asyncio.create_task(client.get(f"{IFRAMES}?_HLS_msn={OPEN}&_HLS_part=0"))
    await asyncio.sleep(0.05)
    camera.publish(6)
    await asyncio.sleep(0.05)
    assert not waiting.done()
    assert not with_part.done()
    camera.publish()
    answer = await waiting
    assert parse(judged(answer, Resource.BLOCKING_PLAYLIST)).last_msn == OPEN
    assert (await with_part).body == answer.body
    assert answer.headers["Cache-Control"] == "max-age=0, s-maxage=12"


@pytest.mark.parametrize("query", [f"_HLS_msn={OPEN + 2}", "_HLS_part=1", "_HLS_msn=x"])
async def test_what_is_malformed_or_too_far_ahead_is_refused(client: Client, camera: RealCamera, query: str) -> None:
    assert (await client.get(f"{IFRAMES}?{query}")).status == 400


async def test_it_is_rendered_once_a_segment(client: Client, camera: RealCamera) -> None:
    first = await client.get(IFRAMES)
    camera.publish(6)
    again = await client.get(IFRAMES, If_None_Match=first.headers["ETag"])
    assert (again.status, again.body) == (304, b"")
    camera.publish()
    later = await client.get(IFRAMES, If_None_Match=first.headers["ETag"])
    assert later.status == 200
    assert check_update(parse(first.text), parse(later.text)) == []
    delta = await client.get(f"{IFRAMES}?_HLS_skip=YES")
    assert "#EXT-X-SKIP:SKIPPED-SEGMENTS=1\n" in judged(delta)
    assert await iframes_in(client) == list(range(MSN + 1, MSN + 8))


@pytest.mark.parametrize(
    "path", ["/live/cam/audio-1/iframes.m3u8", "/live/cam/ts-1/iframes.m3u8", "/live/cam/video-2/iframes.m3u8"]
)
async def test_where_there_are_none(client: Client, camera: RealCamera, path: str) -> None:
    assert (await client.get(path)).status == 404


async def test_a_hole_an_empty_window_and_the_end(client: Client, camera: RealCamera, hub: Hub) -> None:
    camera.at = (MSN + 30, 0)
    camera.publish_segments(2)
    assert await iframes_in(client) == [MSN + 30, MSN + 31]
    hub.suspend("cam")
    waiting = asyncio.create_task(client.get(IFRAMES))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    camera.publish_segments(1)
    assert parse((await waiting).text).media_sequence == MSN + 32
    hub.end_stream("cam")
    assert judged(await client.get(IFRAMES)).endswith(f"{MSN + 32}.m4s\n#EXT-X-ENDLIST\n")


async def test_it_ends_with_its_generation_and_goes_with_it(
    client: Client, camera: RealCamera, hub: Hub, clock: Clock
) -> None:
    camera.format, camera.generation, camera.at = replace(SMALL, matrix="smpte170m"), 2, (MSN + 20, 0)
    camera.open()
    assert (await client.get(IFRAMES)).text.endswith("#EXT-X-ENDLIST\n")
    camera.publish_segments(1)
    assert "video-2/iframes.m3u8" in (await client.get("/live/cam/v/x/index.m3u8")).text
    clock.advance(60)
    hub.sweep()
    assert (await client.get(IFRAMES)).status == 404


async def test_nobody_waits_for_ever(client: Client, hub: Hub) -> None:
    RealCamera(hub).open()
    assert await status_when_the_server_stops(client, hub, IFRAMES) == 503


async def test_every_rung_has_one_and_sound_none(client: Client, hub: Hub) -> None:
    rungs = (Rung("video", 192, 108, Fraction(30), 2500), Rung("video-54p", 96, 54, Fraction(30), 300))
    stream = replace(SMALL, ladder=rungs)
    camera = RealCamera(hub, format=stream)
    camera.open()
    hub.publish_init("cam", replace(init_of(), rendition="video-54p", bandwidth=360_000, average_bandwidth=300_000))
    camera.publish_segments(1)
    for index in range(camera.grid.parts_per_segment):
        part = real(camera.grid, make_part(camera.grid, MediaKind.VIDEO, MSN, index))
        hub.publish_part("cam", replace(part, rendition="video-54p"))
    text = (await client.get("/live/cam/v/x/index.m3u8")).text
    assert faults(check_multivariant(text)) == []
    assert re.findall(r'I-FRAME-STREAM-INF:BANDWIDTH=(\d+),.*URI="([^"]+)"', text) == [
        ("1000000", "video-1/iframes.m3u8"),
        ("60000", "video-54p-1/iframes.m3u8"),
    ]


# BANDWIDTH


def bandwidth(hub: Hub, init: Init) -> int:
    current = hub.streams["cam"].current
    assert current is not None
    iframes = current.renditions["video"].iframes
    assert iframes is not None
    return iframes.bandwidth_bps(init)


def with_keyframe_of(grid: Grid, msn: int, size: int, duration_ticks: int) -> Part:
    data = fragment(1, 0, duration_ticks, [Sample(bytes(size), is_sync=True), Sample(b"P", is_sync=False)])
    part = replace(make_part(grid, MediaKind.VIDEO, msn, 0), is_last=True, data=data)
    # Where a copied stream's segments begin follows from how long they are.
    return replace(part, duration_ticks=duration_ticks, start_ticks=msn * duration_ticks)


def test_no_keyframe_is_larger_than_the_bandwidth_that_is_told(hub: Hub) -> None:
    camera = Camera(hub, format=replace(FORMAT, audio=False, latency_profile=LatencyProfile.QUALITY))
    init = replace(VIDEO_INIT, bandwidth=3_000_000, average_bandwidth=3_000_000)
    camera.open()
    assert bandwidth(hub, init) == 3_000_000  # nothing is known
    ticks = 2 * camera.grid.timescale
    hub.publish_part("cam", with_keyframe_of(camera.grid, MSN, 100_000, ticks))
    one = bandwidth(hub, init)
    assert 1.25 * 400_000 < one < 1.25 * 401_000
    hub.publish_part("cam", with_keyframe_of(camera.grid, MSN + 1, 200_000, ticks))
    assert 1.99 * one < bandwidth(hub, init) < 2 * one
    hub.publish_part("cam", with_keyframe_of(camera.grid, MSN + 2, 10, ticks))
    assert 1.99 * one < bandwidth(hub, init) < 2 * one
    assert bandwidth(hub, replace(init, bandwidth=500_000)) == 500_000
    assert bandwidth(hub, replace(init, average_bandwidth=1_000_000)) == 2_000_000


def test_a_segment_that_was_cut_short_says_nothing_of_those_to_come(hub: Hub) -> None:
    camera = Camera(hub, format=replace(FORMAT, audio=False, latency_profile=LatencyProfile.QUALITY))
    init = replace(VIDEO_INIT, bandwidth=3_000_000, average_bandwidth=3_000_000)
    camera.open()
    hub.publish_part("cam", with_keyframe_of(camera.grid, MSN, 1000, camera.grid.timescale // 4))
    assert bandwidth(hub, init) == 3_000_000


def test_of_copied_pictures_all_of_the_bandwidth_may_be_keyframes(hub: Hub) -> None:
    """At a seam their segments are short ones, and little else than the keyframe that the camera began with."""
    camera = Camera(hub, format=replace(FORMAT, audio=False, copied=Copied("h264", 2)))
    init = replace(VIDEO_INIT, bandwidth=30_000_000, average_bandwidth=20_000_000)
    camera.open()
    hub.publish_part("cam", with_keyframe_of(camera.grid, MSN, 100_000, 2 * camera.grid.timescale))
    assert bandwidth(hub, init) == 30_000_000


async def test_a_copied_stream_has_them_where_its_segments_begin_with_keyframes(client: Client, hub: Hub) -> None:
    camera = Camera(hub, format=replace(FORMAT, audio=False, copied=Copied("h264", 4)))
    camera.open()
    ticks = 2 * camera.grid.timescale
    for n in range(3):
        hub.publish_part("cam", with_keyframe_of(camera.grid, MSN + n, 100, ticks))
    assert await iframes_in(client) == [MSN, MSN + 1, MSN + 2]
    waiting = asyncio.create_task(client.get(f"{IFRAMES}?_HLS_msn={MSN + 3}"))
    assert (await waiting).status == 200  # no reload of its media playlist is held either
    late = with_keyframe_of(camera.grid, MSN + 3, 100, ticks)
    hub.publish_part("cam", replace(late, data=fragment(1, 0, ticks, [Sample(b"P", is_sync=False)])))
    assert "iframes" not in (await client.get("/live/cam/index.m3u8")).text
    hub.publish_part("cam", with_keyframe_of(camera.grid, MSN + 4, 100, ticks))
    assert await iframes_in(client) == [MSN + 4]


async def test_none_where_segments_do_not_begin_with_keyframes(client: Client, hub: Hub) -> None:
    camera = Camera(hub, format=replace(FORMAT, audio=False, copied=Copied("h264", 12, is_independent=False)))
    camera.open()
    hub.publish_part("cam", with_keyframe_of(camera.grid, MSN, 100, 2 * camera.grid.timescale))
    assert "iframes" not in (await client.get("/live/cam/index.m3u8")).text
    assert (await client.get(IFRAMES)).status == 404


async def test_whole_segments_have_them_too(client: Client, hub: Hub) -> None:
    """In `quality` pictures are moved, and the IDR picture is decoded first all the same."""
    stream = replace(SMALL, audio=False, latency_profile=LatencyProfile.QUALITY)
    camera = RealCamera(hub, format=stream)
    camera.open()
    packager = VideoPackager(camera.grid)
    first = camera.grid.first_slot(MSN)
    for n, unit in enumerate(units()):
        part = packager.add(AccessUnit("video", first + n, first + n - 2, is_idr=n == 0, data=unit))
        if part is not None:
            hub.publish_part("cam", part)
    assert judged(await client.get(IFRAMES)).count("#EXT-X-BYTERANGE") == 1
