"""Every kind of answer, judged by the rules of `relay.check`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fixtures.published import MSN
from relay.check.finding import faults
from relay.check.http import Resource, check_response
from relay.check.multivariant import check_independence, check_multivariant

if TYPE_CHECKING:
    from fixtures.origin import Camera, Client

OPEN = MSN + 7
ADDRESSES = {
    "index.m3u8": Resource.MULTIVARIANT,
    "v/x/index.m3u8": Resource.MULTIVARIANT,
    "video-1/index.m3u8": Resource.PLAYLIST,
    "audio-1/index.m3u8?_HLS_skip=YES": Resource.PLAYLIST,
    f"video-1/index.m3u8?_HLS_msn={OPEN}&_HLS_part=2": Resource.BLOCKING_PLAYLIST,
    f"video-1/index.m3u8?_HLS_msn={OPEN + 50}": Resource.BLOCKING_PLAYLIST,
    "video-1/index.m3u8?_HLS_part=2": Resource.PLAYLIST,
    "video-9/index.m3u8": Resource.PLAYLIST,
    f"video-1/{MSN}.m4s": Resource.SEGMENT,
    f"audio-1/{OPEN}.2.m4s": Resource.PART,
    f"audio-1/{OPEN}.9.m4s": Resource.PART,
    "video-1/init-00000000.mp4": Resource.INIT,
}
REQUESTS: list[tuple[str, dict[str, str]]] = [
    ("GET", {}),
    ("GET", {"Accept-Encoding": "gzip"}),
    ("GET", {"Range": "bytes=2-5"}),
    ("GET", {"Range": "bytes=99999-"}),
    ("HEAD", {}),
    ("OPTIONS", {"Origin": "http://a.example", "Access-Control-Request-Method": "GET"}),
]


@pytest.mark.parametrize(("method", "headers"), REQUESTS)
@pytest.mark.parametrize("address", ADDRESSES)
async def test_answers_obey_the_rules(
    client: Client, camera: Camera, address: str, method: str, headers: dict[str, str]
) -> None:
    answer = await client.request(method, f"/live/cam/{address}", **headers)
    findings = check_response(ADDRESSES[address], method, answer.status, answer.headers, headers, target_duration_s=2)
    assert faults(findings) == []


async def test_the_multivariant_playlist_obeys_the_rules(client: Client, camera: Camera) -> None:
    multivariant = (await client.get("/live/cam/v/x/index.m3u8")).text
    assert faults(check_multivariant(multivariant)) == []
    media = {
        f"{name}-1/index.m3u8": (await client.get(f"/live/cam/{name}-1/index.m3u8")).text for name in ("video", "audio")
    }
    assert faults(check_independence(multivariant, media)) == []
