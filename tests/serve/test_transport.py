"""MPEG-TS over HTTP: a session like any other, segments that are made once, and what happens at holes and ends."""

from __future__ import annotations

import asyncio
import re
import threading
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest

from fixtures.origin import Camera, status_when_the_server_stops
from fixtures.published import AUDIO_INIT, FORMAT, MSN, SILENT, VIDEO_INIT, make_part
from fixtures.transport import INIT, audio_segment, gop, picture, video_segment
from relay.check.finding import faults
from relay.check.history import check_update
from relay.check.http import Resource, check_response
from relay.check.media_playlist import check_media_playlist
from relay.check.multivariant import check_multivariant
from relay.check.parsed import parse
from relay.check.transport_stream import TransportEnd, check_transport_segment, transport_end
from relay.model import Copied, MediaKind
from relay.serve import transport
from relay.sessions import ObjectKind
from relay.timeline import SAMPLES_PER_AAC_FRAME

if TYPE_CHECKING:
    from fixtures.origin import Answer, Client, Clock, Recorder
    from relay.model import Part
    from relay.serve import Hub
    from relay.sessions import TokenMint

TS = "/live/cam/v/x/ts-1"
PLAYLIST = f"{TS}/index.m3u8"


@dataclass
class RealCamera(Camera):
    """Publishes parts that can be read."""

    def open(self) -> None:
        super().open()
        self.hub.publish_init(self.stream, replace(VIDEO_INIT, data=INIT))

    def part(self, kind: MediaKind, msn: int, index: int) -> Part:
        part = make_part(self.grid, kind, msn, index)
        if kind is MediaKind.AUDIO:
            frames = part.duration_ticks // SAMPLES_PER_AAC_FRAME
            return replace(part, data=audio_segment([b"aac"] * frames, part.start_ticks // SAMPLES_PER_AAC_FRAME))
        pictures = gop(6) if index == 0 else [picture()] * 6
        return replace(part, data=video_segment(pictures, part.start_ticks, self.grid.ticks_per_slot))


@pytest.fixture
def camera(hub: Hub) -> RealCamera:
    camera = RealCamera(hub)
    camera.open()
    camera.publish_segments(7)
    camera.publish(3)
    return camera


def judged(answer: Answer, kind: Resource) -> Answer:
    """`answer`, whose head obeys the rules."""
    assert answer.status == 200, answer.text
    assert check_response(kind, "GET", answer.status, answer.headers, {}) == []
    return answer


async def test_the_multivariant_playlist_opens_a_session(
    client: Client, camera: RealCamera, mint: TokenMint, recorder: Recorder
) -> None:
    answer = judged(await client.get("/live/cam/ts.m3u8"), Resource.MULTIVARIANT)
    (token,) = re.findall(r"^v/([^/]+)/ts-1/index\.m3u8$", answer.text, re.MULTILINE)
    mint.verify(token, "cam", 1_750_000_000)
    assert faults(check_multivariant(answer.text)) == []
    assert "#EXT-X-VERSION:3\n" in answer.text
    assert 'CODECS="avc1.64001f,mp4a.40.2"' in answer.text
    assert [(access.kind, access.viewer) for access in recorder.accesses] == [(ObjectKind.MULTIVARIANT, token)]
    assert "\nts-1/index.m3u8\n" in (await client.get("/live/cam/v/mine/ts.m3u8")).text


async def test_segments_are_noted_as_those_of_any_viewer(
    client: Client, camera: RealCamera, recorder: Recorder
) -> None:
    answer = judged(await client.get(f"{TS}/{MSN}.ts"), Resource.SEGMENT)
    assert answer.headers["Content-Type"] == "video/mp2t"
    (access,) = recorder.accesses
    assert (access.kind, access.viewer, access.rendition, access.msn) == (ObjectKind.SEGMENT, "x", "ts", MSN)
    assert (access.duration_s, access.is_complete, access.media_kind) == (2.0, True, None)
    assert access.media_at_ms == camera.part(MediaKind.VIDEO, MSN, 0).pdt_ns // 1_000_000
    await client.get(f"/live/cam/v/x/video-1/{MSN}.m4s")
    assert (access.bitrate_kbps or 0) > (recorder.accesses[-1].bitrate_kbps or 0) > 0
    part = await client.get(f"{TS}/{MSN}.ts", Range="bytes=0-187")
    assert (part.status, part.body) == (206, answer.body[:188])


async def test_the_playlist_is_a_classic_one_with_the_numbers_and_dates_of_the_others(
    client: Client, camera: RealCamera
) -> None:
    text = judged(await client.get(PLAYLIST), Resource.PLAYLIST).text
    other = parse((await client.get("/live/cam/video-1/index.m3u8")).text)
    playlist = parse(text)
    assert faults(check_media_playlist(text)) == []
    assert (playlist.version, playlist.is_low_latency, playlist.server_control) == (3, False, None)
    assert [(one.msn, one.pdt_ns, one.duration_s) for one in playlist.all_segments] == [
        (one.msn, one.pdt_ns, one.duration_s) for one in other.segments
    ]
    assert {tag.partition(":")[0] for tag in text.split("\n") if tag.startswith("#")} == {
        "#EXTM3U",
        "#EXT-X-VERSION",
        "#EXT-X-INDEPENDENT-SEGMENTS",
        "#EXT-X-TARGETDURATION",
        "#EXT-X-MEDIA-SEQUENCE",
        "#EXT-X-DISCONTINUITY-SEQUENCE",
        "#EXT-X-PROGRAM-DATE-TIME",
        "#EXTINF",
    }


async def test_all_segments_obey_the_rules_and_join(client: Client, camera: RealCamera) -> None:
    end = TransportEnd()
    for segment in parse((await client.get(PLAYLIST)).text).segments:
        data = (await client.get(f"{TS}/{segment.uri}")).body
        findings = check_transport_segment(data, end, must_start_independent=True, duration_s=segment.duration_s)
        assert findings == []
        end = transport_end(data)


async def test_a_segment_is_made_once_for_all_who_ask(
    client: Client, camera: RealCamera, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[bytes] = []

    def make(*media: bytes) -> bytes:
        made.append(media[2])
        return b"TS"

    monkeypatch.setattr(transport, "transport_segment", make)
    answers = await asyncio.gather(*(client.get(f"{TS}/{MSN + 1}.ts") for _ in range(5)))
    assert {answer.body for answer in answers} == {b"TS"}
    assert len(made) == 1


async def test_others_are_answered_while_a_segment_is_made(
    client: Client, camera: RealCamera, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_go_on = threading.Event()

    def make(*media: bytes) -> bytes:
        assert may_go_on.wait(10)
        return b"TS"

    monkeypatch.setattr(transport, "transport_segment", make)
    asked = asyncio.create_task(client.get(f"{TS}/{MSN}.ts"))
    assert (await client.get(PLAYLIST)).status == 200
    assert not asked.done()
    may_go_on.set()
    assert (await asked).body == b"TS"


async def test_a_segment_is_listed_when_picture_and_sound_have_it(client: Client, camera: RealCamera) -> None:
    at = camera.at
    camera.publish(7, [MediaKind.VIDEO])
    assert parse((await client.get(PLAYLIST)).text).last_msn == MSN + 6
    camera.at = at
    camera.publish(7, [MediaKind.AUDIO])
    assert parse((await client.get(PLAYLIST)).text).last_msn == MSN + 7


async def test_a_viewer_who_comes_first_waits_for_the_first_segment(client: Client, hub: Hub) -> None:
    camera = RealCamera(hub)
    camera.open()
    asked = asyncio.create_task(client.get(PLAYLIST))
    await asyncio.sleep(0.05)
    assert not asked.done()
    camera.publish_segments(1)
    assert parse((await asked).text).last_msn == MSN


async def test_nobody_waits_for_a_server_that_stops(client: Client, hub: Hub) -> None:
    RealCamera(hub).open()
    assert await status_when_the_server_stops(client, hub, PLAYLIST) == 503


async def test_what_left_the_window_can_be_fetched_for_a_while(
    client: Client, camera: RealCamera, hub: Hub, clock: Clock
) -> None:
    before = parse((await client.get(PLAYLIST)).text)
    camera.publish(7)
    camera.publish_segments(1)
    after = parse((await client.get(PLAYLIST)).text)
    assert after.media_sequence == MSN + 2
    assert check_update(before, after) == []
    assert (await client.get(f"{TS}/{MSN}.ts")).status == 200
    clock.advance(60)
    hub.sweep()
    assert (await client.get(f"{TS}/{MSN}.ts")).status == 404
    assert (await client.get(f"{TS}/{MSN + 2}.ts")).status == 200


async def test_a_hole_begins_the_window_anew_and_a_new_init_is_a_discontinuity(
    client: Client, camera: RealCamera, hub: Hub
) -> None:
    camera.publish(7)
    hub.publish_init("cam", replace(VIDEO_INIT, data=INIT + b"new"))
    camera.publish_segments(1)
    assert (await client.get(PLAYLIST)).text.count("#EXT-X-DISCONTINUITY\n") == 1
    camera.at = (MSN + 30, 0)
    camera.publish_segments(2)
    playlist = parse((await client.get(PLAYLIST)).text)
    assert [segment.msn for segment in playlist.segments] == [MSN + 30, MSN + 31]
    hub.suspend("cam")
    camera.publish_segments(1)
    assert [segment.msn for segment in parse((await client.get(PLAYLIST)).text).segments] == [MSN + 32]


async def test_a_stream_that_ends_has_all_that_there_was(client: Client, camera: RealCamera, hub: Hub) -> None:
    hub.end_stream("cam")
    playlist = parse((await client.get(PLAYLIST)).text)
    assert (playlist.is_ended, playlist.last_msn) == (True, MSN + 7)
    assert playlist.segments[-1].duration_s == Fraction(3, 5)
    data = (await client.get(f"{TS}/{MSN + 7}.ts")).body
    assert check_transport_segment(data, duration_s=Fraction(3, 5)) == []


async def test_sound_that_left_a_segment_out_holds_nothing_up(client: Client, camera: RealCamera) -> None:
    camera.publish(7)
    at = camera.at
    camera.publish(10, [MediaKind.VIDEO])
    camera.publish_segments(1)
    assert parse((await client.get(PLAYLIST)).text).last_msn == at[0] + 1
    data = (await client.get(f"{TS}/{at[0]}.ts")).body
    assert check_transport_segment(data, must_start_independent=True, duration_s=Fraction(2)) == []
    assert transport_end(data).expected.keys() == {0x100}


async def test_a_stream_without_sound(client: Client, hub: Hub) -> None:
    camera = RealCamera(hub, format=SILENT)
    camera.open()
    camera.publish_segments(2)
    assert 'CODECS="avc1.64001f"' in (await client.get("/live/cam/ts.m3u8")).text
    data = (await client.get(f"{TS}/{MSN}.ts")).body
    assert check_transport_segment(data, must_start_independent=True, duration_s=Fraction(2)) == []


async def test_h265_is_refused_in_plain_words(client: Client, hub: Hub) -> None:
    camera = Camera(hub, format=replace(FORMAT, audio=False, copied=Copied("hevc", 4)))
    camera.open()
    hub.publish_part("cam", replace(make_part(camera.grid, MediaKind.VIDEO, MSN, 0), is_last=True))
    for path in ("/live/cam/ts.m3u8", PLAYLIST, f"{TS}/{MSN}.ts"):
        answer = await client.get(path)
        assert answer.status == 404
        assert "H.265" in answer.text
    hub.suspend("cam")
    hub.end_stream("cam")
    hub.close()


async def test_copied_h264_is_sent_too(client: Client, hub: Hub) -> None:
    camera = Camera(hub, format=replace(FORMAT, copied=Copied("h264", 4)))
    camera.open()
    hub.publish_init("cam", replace(VIDEO_INIT, data=INIT, timescale=90_000))
    hub.publish_init("cam", AUDIO_INIT)
    start = 1_750_000_000 * 90_000
    frame = start // 1920
    video = video_segment([picture(duration=100), *gop(40)], start, 3600, per_part=41)
    part = make_part(camera.grid, MediaKind.VIDEO, MSN, 0)
    hub.publish_part(
        "cam",
        replace(part, is_last=True, timescale=90_000, start_ticks=start, duration_ticks=40 * 3600 + 100, data=video),
    )
    part = make_part(camera.grid, MediaKind.AUDIO, MSN, 0)
    hub.publish_part("cam", replace(part, is_last=True, data=audio_segment([b"aac"] * 75, frame)))
    data = (await client.get(f"{TS}/{MSN}.ts")).body
    assert check_transport_segment(data, duration_s=Fraction(40 * 3600 + 100, 90_000)) == []


@pytest.mark.parametrize(
    "path", [f"{TS}/7.ts", f"{TS}/{MSN}.m4s", "/live/cam/v/x/ts-2/index.m3u8", f"/live/cam/video-1/{MSN}.ts"]
)
async def test_what_is_not_there(client: Client, camera: RealCamera, path: str) -> None:
    assert (await client.get(path)).status == 404
