"""A ladder over HTTP: variants, media playlists, their reports on each other, and what is counted as watched."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest

from fixtures.published import AUDIO_INIT, FORMAT, MSN, VIDEO_INIT, make_part
from relay.check.finding import faults
from relay.check.history import check_renditions
from relay.check.media_playlist import check_media_playlist
from relay.check.multivariant import check_independence, check_multivariant
from relay.check.parsed import parse
from relay.model import MediaKind, Rung
from relay.timeline import Grid

if TYPE_CHECKING:
    from fixtures.origin import Client, Recorder
    from relay.serve import Hub

LADDER = replace(
    FORMAT,
    ladder=(
        Rung("video", 1280, 720, Fraction(30), 2500),
        Rung("video-480p", 854, 480, Fraction(30), 1350),
        Rung("video-240p15", 426, 240, Fraction(15), 300),
    ),
)
GRID = Grid.of(LADDER)
NAMES = list(LADDER.renditions)


@pytest.fixture(autouse=True)
def ladder(hub: Hub) -> None:
    """Seven segments of each rendition, and three parts of the next."""
    hub.open_generation("cam", 1, LADDER)
    for rung in LADDER.ladder:
        bps = rung.bitrate_kbps * 1000
        init = replace(VIDEO_INIT, rendition=rung.name, width=rung.width, height=rung.height, rate=rung.rate)
        hub.publish_init("cam", replace(init, data=rung.name.encode(), bandwidth=bps * 2, average_bandwidth=bps))
    hub.publish_init("cam", AUDIO_INIT)
    for n in range(7 * GRID.parts_per_segment + 3):
        for name, kind in LADDER.renditions.items():
            rates = {rung.name: rung.rate for rung in LADDER.ladder}
            grid = GRID.at(rates.get(name, GRID.rate))
            part = make_part(grid, kind, MSN + n // GRID.parts_per_segment, n % GRID.parts_per_segment)
            hub.publish_part("cam", replace(part, rendition=name))


async def test_each_rung_is_a_variant_and_so_is_sound_alone(client: Client) -> None:
    text = (await client.get("/live/cam/v/mine/index.m3u8")).text
    assert faults(check_multivariant(text)) == []
    assert re.findall(r"^(?!#)(\S+)$", text, re.MULTILINE) == [
        "video-1/index.m3u8",
        "video-480p-1/index.m3u8",
        "video-240p15-1/index.m3u8",
        "audio-1/index.m3u8",
    ]
    assert "RESOLUTION=426x240,FRAME-RATE=15.000" in text


async def test_all_playlists_obey_the_rules_and_report_on_all_others(client: Client) -> None:
    multivariant = (await client.get("/live/cam/index.m3u8")).text
    texts = {name: (await client.get(f"/live/cam/v/x/{name}-1/index.m3u8")).text for name in NAMES}
    for name, text in texts.items():
        assert faults(check_media_playlist(text)) == []
        reported = re.findall(r'EXT-X-RENDITION-REPORT:URI="../([^"]+)-1/index.m3u8",LAST-MSN=(\d+),LAST-PART=2', text)
        assert reported == [(other, str(MSN + 7)) for other in NAMES if other != name]
    assert faults(check_renditions({name: parse(text) for name, text in texts.items()})) == []
    assert faults(check_independence(multivariant, texts)) == []


async def test_playlists_of_all_rungs_differ_in_nothing_but_names(client: Client) -> None:
    texts = [(await client.get(f"/live/cam/{name}-1/index.m3u8")).text for name in NAMES[:3]]
    bare = [re.sub(r"init-\w+\.mp4|#EXT-X-RENDITION-REPORT.*\n", "", text) for text in texts]
    assert bare[0] == bare[1] == bare[2]
    assert len({re.findall(r"init-\w+\.mp4", text)[0] for text in texts}) == 3


async def test_what_is_watched_of_a_rung_is_watched_as_pictures(client: Client, recorder: Recorder) -> None:
    assert (await client.get(f"/live/cam/v/x/video-240p15-1/{MSN + 3}.m4s")).status == 200
    assert (await client.get(f"/live/cam/v/x/video-240p-1/{MSN + 3}.m4s")).status == 404
    access = recorder.accesses[0]
    assert (access.rendition, access.media_kind, access.msn) == ("video-240p15", MediaKind.VIDEO, MSN + 3)


async def test_another_init_in_one_rung_is_a_discontinuity_in_all(client: Client, hub: Hub) -> None:
    hub.publish_init("cam", replace(VIDEO_INIT, rendition="video-480p", data=b"another"))
    for n in range(3, 2 * GRID.parts_per_segment):
        for name, kind in LADDER.renditions.items():
            part = make_part(GRID, kind, MSN + 7 + n // GRID.parts_per_segment, n % GRID.parts_per_segment)
            hub.publish_part("cam", replace(part, rendition=name))
    texts = {name: (await client.get(f"/live/cam/{name}-1/index.m3u8")).text for name in NAMES}
    assert [text.count("#EXT-X-DISCONTINUITY\n") for text in texts.values()] == [1, 1, 1, 1]
    assert faults(check_renditions({name: parse(text) for name, text in texts.items()})) == []
