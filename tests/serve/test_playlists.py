"""Playlists over HTTP: what is sent, what is waited for, and what is refused."""

from __future__ import annotations

import asyncio
import gzip
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from fixtures.origin import Camera
from fixtures.published import AUDIO_INIT, FORMAT, MSN
from relay.check.finding import faults
from relay.check.history import check_renditions
from relay.check.media_playlist import check_media_playlist
from relay.check.parsed import parse
from relay.playlist import render_media
from relay.serve import media, rendition
from relay.sessions import ObjectKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fixtures.origin import Client, Clock, Recorder
    from relay.playlist import Report, Window
    from relay.serve import Hub
    from relay.sessions import TokenMint

VIDEO = "/live/cam/video-1/index.m3u8"
OPEN = MSN + 7


async def settled() -> None:
    """Let everything that can run do so, over sockets too."""
    for _ in range(5):
        await asyncio.sleep(0.01)


async def test_the_multivariant_playlist_opens_a_session(
    client: Client, camera: Camera, mint: TokenMint, recorder: Recorder
) -> None:
    one, other = await client.get("/live/cam/index.m3u8"), await client.get("/live/cam/index.m3u8")
    tokens = [re.findall(r"v/([^/]+)/(?:video|audio)-1/index\.m3u8", answer.text) for answer in (one, other)]
    assert len(set(tokens[0])) == 1
    assert tokens[0] != tokens[1]
    mint.verify(tokens[0][0], "cam", 1_750_000_000)
    assert one.headers["Content-Type"] == "application/vnd.apple.mpegurl"
    assert one.headers["Cache-Control"] == "no-store"
    assert "ETag" not in one.headers
    assert [(access.kind, access.viewer) for access in recorder.accesses] == [
        (ObjectKind.MULTIVARIANT, tokens[0][0]),
        (ObjectKind.MULTIVARIANT, tokens[1][0]),
    ]


async def test_a_viewer_with_a_token_keeps_it(client: Client, camera: Camera, recorder: Recorder) -> None:
    answer = await client.get("/live/cam/v/mine/index.m3u8")
    assert "\nvideo-1/index.m3u8\n" in answer.text
    assert 'URI="audio-1/index.m3u8"' in answer.text
    assert [access.viewer for access in recorder.accesses] == ["mine"]


async def test_head_opens_no_session(client: Client, camera: Camera, recorder: Recorder) -> None:
    answer = await client.request("HEAD", "/live/cam/index.m3u8")
    assert (answer.status, answer.body) == (200, b"")
    assert "Content-Length" not in answer.headers
    assert recorder.accesses == []


async def test_media_playlists_obey_the_rules(client: Client, camera: Camera) -> None:
    texts = {name: (await client.get(f"/live/cam/v/x/{name}-1/index.m3u8")).text for name in ("video", "audio")}
    for text in texts.values():
        assert faults(check_media_playlist(text)) == []
    assert faults(check_renditions({name: parse(text) for name, text in texts.items()})) == []
    assert f'URI="../audio-1/index.m3u8",LAST-MSN={OPEN},LAST-PART=2' in texts["video"]


async def test_viewers_get_the_same_bytes(client: Client, camera: Camera) -> None:
    answers = [await client.get(f"/live/cam/{viewer}video-1/index.m3u8") for viewer in ("", "v/a/", "v/b/")]
    assert len({answer.body for answer in answers}) == 1
    assert len({answer.headers["ETag"] for answer in answers}) == 1


async def test_reports_are_as_fresh_as_the_playlist(client: Client, camera: Camera, hub: Hub) -> None:
    before = await client.get(VIDEO)
    stream = hub.streams["cam"]
    camera.publish()
    assert stream.current is not None
    after = await client.get(VIDEO)
    assert f"LAST-MSN={OPEN},LAST-PART=2" in before.text
    assert f"LAST-MSN={OPEN},LAST-PART=3" in after.text


async def test_a_playlist_is_rendered_once_per_change(
    client: Client, camera: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    rendered: list[bool] = []

    def render(window: Window, reports: Sequence[Report], *, skip: bool, dateranges: str) -> str:
        rendered.append(skip)
        return render_media(window, reports, skip=skip, dateranges=dateranges)

    monkeypatch.setattr(rendition, "render_media", render)
    asked = [client.get(f"{VIDEO}?_HLS_msn={OPEN}&_HLS_part=3&viewer={n}") for n in range(20)]
    waiting = asyncio.gather(*asked)
    await settled()
    camera.publish()
    assert {answer.status for answer in await waiting} == {200}
    assert rendered == [False]


async def test_a_blocked_request_is_answered_when_the_part_is_there(client: Client, camera: Camera) -> None:
    waiting = asyncio.create_task(client.get(f"{VIDEO}?_HLS_msn={OPEN}&_HLS_part=3"))
    await settled()
    assert not waiting.done()
    camera.publish()
    answer = await waiting
    assert answer.status == 200
    assert answer.headers["Cache-Control"] == "max-age=0, s-maxage=12"
    assert f"{OPEN}.3.m4s" in answer.text


async def test_beyond_a_finished_segment_lies_the_next_one(client: Client, camera: Camera) -> None:
    answer = await client.get(f"{VIDEO}?_HLS_msn={OPEN - 1}&_HLS_part=10")
    assert f"{OPEN}.0.m4s" in answer.text


async def test_a_request_for_a_segment_waits_for_all_of_it(client: Client, camera: Camera) -> None:
    waiting = asyncio.create_task(client.get(f"{VIDEO}?_HLS_msn={OPEN}"))
    camera.publish(6)
    await settled()
    assert not waiting.done()
    camera.publish()
    assert f"\n{OPEN}.m4s\n" in (await waiting).text


@pytest.mark.clock
async def test_hundreds_are_answered_in_one_sweep(client: Client, camera: Camera) -> None:
    waiting = asyncio.gather(*[client.get(f"{VIDEO}?_HLS_msn={OPEN}&_HLS_part=3") for _ in range(90)])
    await asyncio.sleep(0.3)
    camera.publish()
    began = asyncio.get_running_loop().time()
    answers = await waiting
    assert asyncio.get_running_loop().time() - began < 1
    assert len({answer.body for answer in answers}) == 1


@pytest.mark.parametrize(
    "query",
    [
        f"_HLS_msn={OPEN + 2}",
        f"_HLS_msn={OPEN}&_HLS_part=99",
        "_HLS_part=1",
        "_HLS_msn=x",
        "_HLS_msn=-1",
        "_HLS_msn=%00",
        "_HLS_msn=%ff",
        "_HLS_msn=1&_HLS_msn=2",
        "_HLS_skip=maybe",
    ],
)
async def test_what_is_malformed_or_too_far_ahead_is_refused_at_once(
    client: Client, camera: Camera, query: str
) -> None:
    answer = await client.get(f"{VIDEO}?{query}")
    assert answer.status == 400
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize(
    "query", [f"_HLS_msn={MSN - 50}", "_HLS_msn=1&_HLS_part=7", "foo=bar&_HLS_other=1", "%zz&&=&a=%"]
)
async def test_what_is_too_old_or_unknown_is_answered_at_once(client: Client, camera: Camera, query: str) -> None:
    assert (await client.get(f"{VIDEO}?{query}")).status == 200


async def test_nobody_waits_for_ever(client: Client, camera: Camera, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media, "longest_wait_s", lambda window: 0.05)
    for path in (f"{VIDEO}?_HLS_msn={OPEN}", f"/live/cam/video-1/{OPEN}.3.m4s"):
        answer = await client.get(path)
        assert answer.status == 503
        assert answer.headers["Retry-After"] == "1"
        assert answer.headers["Cache-Control"] == "no-store"


async def test_a_starting_stream_is_waited_for(client: Client, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = asyncio.create_task(client.get("/live/cam/index.m3u8"))
    await settled()
    camera = Camera(hub)
    camera.open()
    camera.publish(5)
    media_playlist = asyncio.create_task(client.get(VIDEO))
    await settled()
    assert not waiting.done()
    camera.publish(5)
    assert (await waiting).status == 200
    assert (await media_playlist).status == 200
    monkeypatch.setattr(media, "LONGEST_WAIT_S", 0.05)
    assert (await client.get("/live/yard/index.m3u8")).status == 503


async def test_a_delta_update(client: Client, camera: Camera) -> None:
    delta = await client.get(f"{VIDEO}?_HLS_skip=YES")
    assert "#EXT-X-SKIP:SKIPPED-SEGMENTS=1\n" in delta.text
    full = await client.get(VIDEO)
    assert "SKIP:" not in full.text
    assert delta.headers["ETag"] != full.headers["ETag"]
    assert faults(check_media_playlist(delta.text)) == []


async def test_gzip(client: Client, camera: Camera) -> None:
    plain, packed = await client.get(VIDEO), await client.get(VIDEO, Accept_Encoding="gzip, deflate")
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    assert plain.headers["Vary"] == packed.headers["Vary"] == "Accept-Encoding"
    assert plain.headers["ETag"] != packed.headers["ETag"]
    ranged = await client.get(VIDEO, Accept_Encoding="gzip", Range="bytes=0-")
    assert (ranged.status, ranged.body) == (200, plain.body)
    multivariant = await client.get("/live/cam/v/x/index.m3u8", Accept_Encoding="gzip")
    assert gzip.decompress(multivariant.body).startswith(b"#EXTM3U")


async def test_a_playlist_that_is_known_is_not_sent_again(client: Client, camera: Camera) -> None:
    first = await client.get(VIDEO)
    again = await client.get(VIDEO, If_None_Match=first.headers["ETag"])
    assert (again.status, again.body, again.headers["ETag"]) == (304, b"", first.headers["ETag"])
    assert again.headers["Access-Control-Allow-Origin"] == "*"
    camera.publish()
    assert (await client.get(VIDEO, If_None_Match=first.headers["ETag"])).status == 200


async def test_head_and_caching_of_a_playlist(client: Client, camera: Camera) -> None:
    got, head = await client.get(VIDEO), await client.request("HEAD", VIDEO)
    assert (head.status, head.body) == (200, b"")
    assert head.headers["Content-Length"] == str(len(got.body))
    assert got.headers["Cache-Control"] == "max-age=0, s-maxage=1"


async def test_the_end_of_a_stream(client: Client, camera: Camera, hub: Hub) -> None:
    waiting = asyncio.create_task(client.get(f"{VIDEO}?_HLS_msn={OPEN + 1}"))
    hinted = asyncio.create_task(client.get(f"/live/cam/video-1/{OPEN}.3.m4s"))
    await settled()
    hub.end_stream("cam")
    answer = await waiting
    assert answer.text.endswith(f"#EXTINF:0.6,\n{OPEN}.m4s\n#EXT-X-ENDLIST\n")
    assert (await hinted).status == 404
    assert (await client.get(f"{VIDEO}?_HLS_msn=999999999999")).status == 200
    assert (await client.get("/live/cam/index.m3u8")).status == 200


async def test_another_generation_ends_the_one_before(client: Client, camera: Camera, hub: Hub, clock: Clock) -> None:
    camera.format, camera.generation, camera.at = replace(FORMAT, width=640, height=360), 2, (MSN + 20, 0)
    camera.open()
    old = await client.get(VIDEO)
    assert old.text.endswith("#EXT-X-ENDLIST\n")
    waiting = asyncio.create_task(client.get("/live/cam/index.m3u8"))
    camera.publish_segments(1)
    assert "/video-2/index.m3u8" in (await waiting).text
    assert (await client.get(f"/live/cam/video-1/{MSN}.m4s")).status == 200
    clock.advance(60)
    hub.sweep()
    assert (await client.get(VIDEO)).status == 404
    assert (await client.get(f"/live/cam/video-1/{MSN}.m4s")).status == 404
    assert (await client.get("/live/cam/video-2/index.m3u8")).status == 200


async def test_a_new_worker_goes_on_in_the_same_generation(client: Client, camera: Camera, hub: Hub) -> None:
    camera.open()
    camera.publish()
    text = (await client.get(VIDEO)).text
    assert f"{OPEN}.3.m4s" in text
    assert "DISCONTINUITY\n" not in text


async def test_another_init_is_a_discontinuity_in_all_renditions(client: Client, camera: Camera, hub: Hub) -> None:
    hub.publish_init("cam", replace(AUDIO_INIT, data=b"another"))
    camera.at = (OPEN + 1, 0)
    camera.publish_segments(1)
    texts = {name: (await client.get(f"/live/cam/{name}-1/index.m3u8")).text for name in ("video", "audio")}
    for text in texts.values():
        assert text.count("#EXT-X-DISCONTINUITY\n") == 1
        assert faults(check_media_playlist(text)) == []
    assert faults(check_renditions({name: parse(text) for name, text in texts.items()})) == []
    assert texts["audio"].count("#EXT-X-MAP") == 2
    assert texts["video"].count("#EXT-X-MAP") == 1
