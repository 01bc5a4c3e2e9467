"""What opens an on-demand camera over HTTP, and what its first viewer is answered."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from fixtures.published import MSN
from fixtures.waiting import until

if TYPE_CHECKING:
    from fixtures.origin import Camera, Client
    from relay.serve import Hub
    from relay.supervisor.demand import Demand


@pytest.mark.parametrize(
    "path",
    [
        "index.m3u8",
        "v/x/index.m3u8",
        "video-1/index.m3u8",
        f"video-1/{MSN}.m4s",
        f"v/x/audio-1/{MSN}.0.m4s",
    ],
)
async def test_playlists_and_media_want_the_stream(
    client: Client, camera: Camera, demands: dict[str, Demand], path: str
) -> None:
    assert not demands["cam"].is_wanted
    assert (await client.get(f"/live/cam/{path}")).status == 200
    assert demands["cam"].is_wanted
    assert not demands["yard"].is_wanted


@pytest.mark.parametrize(
    "path", ["/", "/live/cam/", "/live/cam/snapshot.jpg", "/api/v1/streams", "/metrics", "/readyz"]
)
async def test_looking_at_pages_and_figures_does_not(
    client: Client, camera: Camera, demands: dict[str, Demand], path: str
) -> None:
    await client.get(path)
    assert not demands["cam"].is_wanted


@pytest.mark.parametrize("path", ["index.m3u8", "video-1/index.m3u8", f"video-1/index.m3u8?_HLS_msn={MSN + 7}"])
async def test_who_comes_to_a_stream_that_sleeps_waits_for_what_is_new(
    client: Client, hub: Hub, camera: Camera, demands: dict[str, Demand], path: str
) -> None:
    hub.suspend("cam")
    hub.suspend("yard")  # of which nothing was ever published
    asking = asyncio.create_task(client.get(f"/live/cam/{path}"))
    await until(lambda: demands["cam"].is_wanted, "a wish for the camera")
    assert not asking.done()
    camera.at = (MSN + 1000, 0)
    camera.publish_segments(1)
    answer = await asking
    assert answer.status == 200
    assert f"{MSN}.m4s" not in answer.text
    playlist = (await client.get("/live/cam/video-1/index.m3u8")).text
    assert f"#EXT-X-MEDIA-SEQUENCE:{MSN + 1000}\n" in playlist
    assert "DISCONTINUITY\n" not in playlist
