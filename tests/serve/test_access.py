"""What the session recorder is told of a request, and that what a player says of itself changes no answer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from fixtures.published import MSN
from relay.sessions.said import Cmcd

if TYPE_CHECKING:
    from fixtures.origin import Camera, Client, Recorder

VIDEO = "/live/cam/v/x/video-1"
SEGMENT = f"{VIDEO}/{MSN}.m4s"
TOLD = quote('bl=100,br=(500;v),sid="abc",v=2')


async def test_media_is_noted_with_when_it_was_captured_and_what_its_rendition_declares(
    client: Client, camera: Camera, recorder: Recorder
) -> None:
    for path in (SEGMENT, f"{VIDEO}/{MSN}.1.m4s", f"{VIDEO}/index.m3u8"):
        assert (await client.get(path)).status == 200
    segment, part, playlist = recorder.accesses
    assert segment.media_at_ms == camera.part(camera.kinds[0], MSN, 0).pdt_ns // 1_000_000
    assert part.media_at_ms == camera.part(camera.kinds[0], MSN, 1).pdt_ns // 1_000_000
    assert segment.bitrate_kbps
    assert part.bitrate_kbps
    assert (playlist.media_at_ms, playlist.bitrate_kbps) == (None, None)


async def test_waiting_for_what_is_hinted_is_told_apart_from_sending_it(
    client: Client, camera: Camera, recorder: Recorder
) -> None:
    waiting = asyncio.create_task(client.get(f"{VIDEO}/{MSN + 7}.3.m4s"))
    await asyncio.sleep(0.06)
    camera.publish()
    await waiting
    await client.get(SEGMENT)
    held, at_once = recorder.accesses
    assert 30 <= held.hold_ms <= held.took_ms
    assert at_once.hold_ms < 30


async def test_of_the_page_only_the_host_is_noted_and_who_opts_out_is_marked(
    client: Client, camera: Camera, recorder: Recorder
) -> None:
    await client.get(SEGMENT, Referer="https://Example.org:8443/who?name=x", DNT="1", X_Playback_Session_Id="id-1")
    await client.get(SEGMENT, Origin="https://other.example", Sec_GPC="1", X_Playback_Session_Id="x" * 65)
    await client.get(SEGMENT)
    told = [(one.client.referrer_host, one.client.has_opted_out, one.playback_session_id) for one in recorder.accesses]
    assert told == [("example.org", True, "id-1"), ("other.example", True, None), ("", False, None)]


async def test_cmcd_is_noted_and_where_it_is_in_headers_the_query_is_ignored(
    client: Client, camera: Camera, recorder: Recorder
) -> None:
    await client.get(f"{SEGMENT}?CMCD={TOLD}")
    await client.get(f"{SEGMENT}?CMCD={TOLD}", CMCD_Request="bl=7", CMCD_Status="bs")
    await client.get(f"{SEGMENT}?CMCD={TOLD}", CMCD_Session="v=3")
    await client.get(f"{SEGMENT}?other=1")
    told = [access.cmcd for access in recorder.accesses]
    assert told == [Cmcd(2, "abc", br_kbps=500, bl_ms=100), Cmcd(bl_ms=7, has_starved=True), None, None]
    metrics = (await client.get("/metrics")).text
    assert 'relay_cmcd_total{outcome="request"} 2.0' in metrics
    assert 'relay_cmcd_total{outcome="ignored"} 1.0' in metrics


@pytest.mark.parametrize("path", [SEGMENT, f"{VIDEO}/index.m3u8", f"{VIDEO}/index.m3u8?_HLS_msn={MSN}&_HLS_part=0"])
async def test_cmcd_changes_no_answer_and_is_never_told_again(client: Client, camera: Camera, path: str) -> None:
    plain = await client.get(path)
    asked = await client.get(f"{path}{'&' if '?' in path else '?'}CMCD={TOLD}", CMCD_Session='sid="abc"')
    assert (asked.status, asked.body) == (plain.status, plain.body)
    unlike = {name for name in asked.headers if asked.headers[name] != plain.headers.get(name)}
    assert unlike <= {"Date"}
    assert "CMCD" not in asked.headers.get("Vary", "")
    known = await client.get(f"{path}{'&' if '?' in path else '?'}CMCD=su", If_None_Match=plain.headers["ETag"])
    assert known.status == 304


async def test_the_playlist_that_is_a_viewers_own_does_not_repeat_what_the_viewer_said(
    client: Client, camera: Camera
) -> None:
    assert "CMCD" not in (await client.get(f"/live/cam/index.m3u8?CMCD={TOLD}")).text
