"""Captions over HTTP: beside every segment of the pictures, of what was told until it was complete; no time watched."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from fixtures.origin import Camera, status_when_the_server_stops
from fixtures.published import FORMAT, MSN, SILENT, VIDEO_INIT
from relay.check.finding import faults
from relay.check.history import check_delta, check_update
from relay.check.http import Resource, check_response
from relay.check.media_playlist import check_media_playlist
from relay.check.multivariant import check_multivariant
from relay.check.parsed import parse
from relay.check.webvtt import check_captions_beside, check_type, read_webvtt
from relay.config import StreamSettings
from relay.model import Copied, DateRange, Part
from relay.serve import Hub
from relay.sessions import ObjectKind
from relay.timeline import NS_PER_S

if TYPE_CHECKING:
    from fixtures.origin import Answer, Client, Clock, Recorder

CAPTIONS = "/live/cam/v/x/captions-1"
PLAYLIST = f"{CAPTIONS}/index.m3u8"
OPEN = MSN + 7
START_NS = MSN * 2 * NS_PER_S
AWAY = DateRange("outage-1", START_NS + 14 * NS_PER_S, caption="the camera is away")
"""In the segment that is open."""


@pytest.fixture
def hub(clock: Clock) -> Hub:
    return Hub({"cam": StreamSettings(captions=True), "yard": StreamSettings()}, clock)


def judged(answer: Answer, kind: Resource = Resource.PLAYLIST) -> str:
    """The text of an answer that obeys the rules."""
    assert answer.status == 200, answer.text
    assert check_response(kind, "GET", answer.status, answer.headers, {}) == []
    if kind is not Resource.SEGMENT:
        assert faults(check_media_playlist(answer.text)) == []
    return answer.text


async def read(client: Client, msn: int, generation: int = 1) -> list[str]:
    """What is read in a segment."""
    answer = await client.get(f"/live/cam/v/x/captions-{generation}/{msn}.vtt")
    text = judged(answer, Resource.SEGMENT)
    assert check_type(answer.headers["Content-Type"], answer.body) == []
    cues, findings = read_webvtt(answer.body)
    assert findings == []
    said = re.findall(r"-->.*\n(.*)\n", text)
    assert len(said) == len(cues)
    return said


async def listed(client: Client, path: str = PLAYLIST) -> list[int]:
    return [segment.msn for segment in parse(judged(await client.get(path))).segments]


async def test_they_are_offered_with_the_viewers_token(client: Client, camera: Camera, recorder: Recorder) -> None:
    text = (await client.get("/live/cam/index.m3u8")).text
    assert faults(check_multivariant(text)) == []
    (token,) = re.findall(r'TYPE=SUBTITLES,.*URI="v/([^/]+)/captions-1/index\.m3u8"', text)
    assert f"\nv/{token}/video-1/index.m3u8\n" in text
    judged(await client.get(f"/live/cam/v/{token}/captions-1/index.m3u8"))
    access = recorder.accesses[-1]
    assert (access.kind, access.viewer, access.rendition) == (ObjectKind.PLAYLIST, token, "captions")


async def test_who_has_not_asked_for_them_sees_nothing_of_them(client: Client, hub: Hub) -> None:
    camera = Camera(hub, stream="yard")
    camera.open()
    camera.publish_segments(7)
    assert "SUBTITLES" not in (await client.get("/live/yard/index.m3u8")).text
    for name in ("index.m3u8", f"{MSN}.vtt"):
        answer = await client.get(f"/live/yard/captions-1/{name}")
        assert (answer.status, answer.text) == (404, "this stream has no captions\n")


async def test_the_playlist_is_cut_as_the_pictures_are(client: Client, camera: Camera) -> None:
    playlist = parse(judged(await client.get(PLAYLIST)))
    pictures = parse((await client.get("/live/cam/video-1/index.m3u8")).text)
    assert check_captions_beside(playlist, [pictures]) == []
    assert [(one.msn, one.uri, one.duration_s, one.pdt_ns, one.map_uri) for one in playlist.all_segments] == [
        (one.msn, f"{one.msn}.vtt", one.duration_s, one.pdt_ns, None) for one in pictures.segments
    ]
    assert (playlist.version, playlist.part_target_s, playlist.preload_hints, playlist.rendition_reports) == (
        3,
        None,
        (),
        (),
    )


async def test_an_event_is_read_from_the_segment_on_that_was_not_complete(
    client: Client, camera: Camera, hub: Hub
) -> None:
    before = [(await client.get(f"{CAPTIONS}/{MSN + n}.vtt")).body for n in range(7)]
    away = replace(AWAY, start_ns=START_NS + 9 * NS_PER_S)
    hub.publish_event("cam", away)
    hub.publish_event("cam", replace(away, id="told", caption=""))
    camera.publish(7)
    assert [(await client.get(f"{CAPTIONS}/{MSN + n}.vtt")).body for n in range(7)] == before
    assert [await read(client, MSN + n) for n in range(8)] == [[]] * 7 + [["the camera is away"]]
    hub.publish_event("cam", replace(away, end_ns=START_NS + 16 * NS_PER_S))
    camera.publish_segments(2)
    assert [await read(client, OPEN + n) for n in (1, 2)] == [["the camera is away"], []]


async def test_a_reload_is_held_for_a_whole_segment_of_the_pictures(client: Client, camera: Camera) -> None:
    waiting = asyncio.create_task(client.get(f"{PLAYLIST}?_HLS_msn={OPEN}"))
    with_part = asyncio.create_task(client.get(f"{PLAYLIST}?_HLS_msn={OPEN}&_HLS_part=0"))
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


@pytest.mark.parametrize("query", [f"_HLS_msn={OPEN + 2}", "_HLS_part=1", "_HLS_msn=x", "_HLS_skip=1"])
async def test_what_is_malformed_or_too_far_ahead_is_refused(client: Client, camera: Camera, query: str) -> None:
    assert (await client.get(f"{PLAYLIST}?{query}")).status == 400


async def test_it_is_rendered_once_a_segment_and_as_a_delta(client: Client, camera: Camera) -> None:
    first = await client.get(PLAYLIST)
    camera.publish(6)
    assert (await client.get(PLAYLIST, If_None_Match=first.headers["ETag"])).status == 304
    camera.publish()
    later = await client.get(PLAYLIST, If_None_Match=first.headers["ETag"])
    assert check_update(parse(first.text), parse(judged(later))) == []
    delta = judged(await client.get(f"{PLAYLIST}?_HLS_skip=YES"))
    assert "#EXT-X-SKIP:SKIPPED-SEGMENTS=1\n" in delta
    assert check_delta(parse(later.text), parse(delta)) == []


async def test_who_reads_them_watches_no_longer_for_it(client: Client, camera: Camera, recorder: Recorder) -> None:
    await client.get(f"{CAPTIONS}/{MSN}.vtt")
    (access,) = recorder.accesses
    assert (access.kind, access.viewer, access.msn, access.media_kind) == (ObjectKind.CAPTIONS, "x", MSN, None)
    assert (access.is_media, access.is_complete, access.duration_s) == (False, True, 0.0)
    part = await client.get(f"{CAPTIONS}/{MSN}.vtt", Range="bytes=0-5")
    assert (part.status, part.body) == (206, b"WEBVTT")


@pytest.mark.parametrize(
    "path",
    [
        f"{CAPTIONS}/{OPEN}.vtt",
        f"{CAPTIONS}/{MSN}.m4s",
        f"{CAPTIONS}/iframes.m3u8",
        f"/live/cam/video-1/{MSN}.vtt",
        "/live/cam/captions-2/index.m3u8",
    ],
)
async def test_what_is_not_there(client: Client, camera: Camera, path: str) -> None:
    assert (await client.get(path)).status == 404


async def test_what_left_the_window_can_be_fetched_for_a_while(
    client: Client, camera: Camera, hub: Hub, clock: Clock
) -> None:
    camera.publish(7)
    camera.publish_segments(1)
    assert await listed(client) == list(range(MSN + 2, MSN + 9))
    assert await read(client, MSN) == []
    clock.advance(60)
    hub.sweep()
    assert (await client.get(f"{CAPTIONS}/{MSN}.vtt")).status == 404
    assert await read(client, MSN + 2) == []


async def test_a_hole_an_empty_window_and_the_end(client: Client, camera: Camera, hub: Hub) -> None:
    hub.publish_event("cam", AWAY)
    camera.at = (MSN + 30, 0)
    camera.publish_segments(2)
    assert await listed(client) == [MSN + 30, MSN + 31]
    assert await read(client, MSN + 30) == ["the camera is away"]
    hub.suspend("cam")
    waiting = asyncio.create_task(client.get(PLAYLIST))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    camera.publish_segments(1)
    assert parse(judged(await waiting)).media_sequence == MSN + 32
    camera.publish(3)
    hub.end_stream("cam")
    assert judged(await client.get(PLAYLIST)).endswith(f"{MSN + 33}.vtt\n#EXT-X-ENDLIST\n")
    assert await read(client, MSN + 33) == ["the camera is away"] * 2


async def test_they_end_with_their_generation_and_go_with_it(
    client: Client, camera: Camera, hub: Hub, clock: Clock
) -> None:
    hub.publish_event("cam", AWAY)
    camera.format, camera.generation, camera.at = SILENT, 2, (MSN + 20, 0)
    camera.open()
    assert judged(await client.get(PLAYLIST)).endswith("#EXT-X-ENDLIST\n")
    camera.publish_segments(1)
    assert 'URI="captions-2/index.m3u8"' in (await client.get("/live/cam/v/x/index.m3u8")).text
    assert await listed(client, "/live/cam/captions-2/index.m3u8") == [MSN + 20]
    assert await read(client, MSN + 20, generation=2) == ["the camera is away"]
    clock.advance(60)
    hub.sweep()
    assert (await client.get(PLAYLIST)).status == 404


async def test_nobody_waits_for_a_server_that_stops(client: Client, hub: Hub) -> None:
    Camera(hub).open()
    assert await status_when_the_server_stops(client, hub, PLAYLIST) == 503


async def test_mpeg_ts_has_none(client: Client, camera: Camera) -> None:
    assert "SUBTITLES" not in (await client.get("/live/cam/ts.m3u8")).text


async def test_copied_pictures_have_them_without_a_lead(client: Client, hub: Hub) -> None:
    hub.open_generation("cam", 1, replace(FORMAT, audio=False, copied=Copied("h264", 4)))
    hub.publish_init("cam", VIDEO_INIT)
    hub.publish_event("cam", replace(AWAY, start_ns=START_NS + NS_PER_S))
    for n in range(3):
        start_s = START_NS // NS_PER_S + 4 * n
        part = Part(
            "video", MSN + n, 0, start_s * 90_000, 4 * 90_000, 90_000, start_s * NS_PER_S, True, True, b"x", n == 1
        )
        hub.publish_part("cam", part)
    playlist = parse(judged(await client.get(PLAYLIST)))
    assert [segment.is_discontinuity for segment in playlist.segments] == [False, True, False]
    texts = [(await client.get(f"{CAPTIONS}/{MSN + n}.vtt")).text for n in range(3)]
    assert [re.findall(r"(\S+ --> \S+)", text) for text in texts] == [
        ["00:00:01.000 --> 00:00:04.000"],
        ["00:00:00.000 --> 00:00:04.000"],
        ["00:00:00.000 --> 00:00:04.000"],
    ]
