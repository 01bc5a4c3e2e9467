"""Pulling over HTTP(S): who may, with which words, which of several streams, and whose certificate is believed."""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from fractions import Fraction
from functools import partial
from itertools import islice, pairwise
from typing import TYPE_CHECKING, cast

import av
import pytest

from fixtures.clock import NOW, Clock, S
from fixtures.http_camera import Files, serving
from fixtures.media import Clip, write_clip
from fixtures.processes import wait_for
from fixtures.tools import write_certificate
from fixtures.trouble import Trouble
from fixtures.trouble import http as answer
from relay.config import StreamSettings
from relay.errors import SourceAuthError, SourceEndedError, SourceError, SourceUnsupportedError
from relay.source import open_source

if TYPE_CHECKING:
    from pathlib import Path

    from relay.source.container import ContainerSource

VOD = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:0.4,\n{}\n#EXT-X-ENDLIST\n"


def opened(url: str, **settings: object) -> ContainerSource:
    """An open source, whose pace passes at once."""
    stream = StreamSettings.model_validate({"source": url, "read_timeout_s": 2, **settings})
    source = cast("ContainerSource", open_source(stream, "cam"))
    clock = Clock()
    source._monotonic_ns, source._sleep = clock.monotonic_ns, clock.sleep
    return source


def count(source: ContainerSource) -> int:
    packets = 0
    with suppress(SourceEndedError):
        for item in source.media():
            packets += item is not None and bool(item.size)
    source.close()
    return packets


@pytest.mark.parametrize("name", ["cam.ts", "cam.m3u8"])
def test_a_password_or_a_header_opens_it_and_all_that_belongs_to_it(guarded: str, tmp_path: Path, name: str) -> None:
    write_clip(tmp_path / "cam.ts", Clip(frames=10))
    (tmp_path / "cam.m3u8").write_text(VOD.format("cam.ts"))
    assert count(opened(f"{guarded.replace('//', '//me:geheim@')}/{name}")) == 10
    assert count(opened(f"{guarded}/{name}", headers={"X-Key": "geheim"})) == 10
    with pytest.raises(SourceAuthError, match=r"wants a user and a password \(401\)"):
        opened(f"{guarded}/{name}")
    with pytest.raises(SourceAuthError, match=r"are not right \(401\)") as caught:
        opened(f"{guarded.replace('//', '//me:falsch@')}/{name}")
    assert "falsch" not in str(caught.value)


def test_segments_may_be_called_anything(http: str, tmp_path: Path) -> None:
    write_clip(tmp_path / "1.jpg", Clip(frames=10), container_format="mpegts")
    (tmp_path / "cam.m3u8").write_text(VOD.format("1.jpg"))
    assert count(opened(f"{http}/cam.m3u8")) == 10


def test_a_playlist_from_the_network_cannot_have_this_machines_files(http: str, tmp_path: Path) -> None:
    path = write_clip(tmp_path / "cam.ts", Clip(frames=10))
    for segment in (f"file://{path}", str(path), f"concat:{path}", f"subfile,,start,0,end,0,,:{path}"):
        (tmp_path / "cam.m3u8").write_text(VOD.format(segment))
        with pytest.raises(SourceError):
            opened(f"{http}/cam.m3u8")


def test_of_several_renditions_the_best_is_fetched_or_the_one_with_that_number(http: str, tmp_path: Path) -> None:
    lines = ["#EXTM3U"]
    for name, width, height in (("low", 160, 90), ("high", 320, 180)):
        write_clip(tmp_path / f"{name}.ts", Clip(frames=10, width=width, height=height, audio_codec="aac"))
        (tmp_path / f"{name}.m3u8").write_text(VOD.format(f"{name}.ts"))
        lines += [f"#EXT-X-STREAM-INF:BANDWIDTH={width}000", f"{name}.m3u8"]
    (tmp_path / "all.m3u8").write_text("\n".join(lines))
    source = opened(f"{http}/all.m3u8")
    assert (source.info.width, source.info.audio_codec) == (320, "aac")
    assert count(source) > 10
    source = opened(f"{http}/all.m3u8", video_stream=0, audio_stream=0)
    assert source.info.width == 160
    source.close()
    with pytest.raises(SourceUnsupportedError, match=r"no video stream 2 .*\(found: 0 h264 160x90, 1 h264 320x180\)"):
        opened(f"{http}/all.m3u8", video_stream=2)
    with pytest.raises(SourceUnsupportedError, match=r"no audio stream 7 .*\(found: 0 aac, 1 aac\)"):
        opened(f"{http}/all.m3u8", audio_stream=7)


@pytest.mark.parametrize("name", ["cam.m3u8", "cam.mp4"])
def test_what_has_an_end_can_be_played_again(http: str, tmp_path: Path, name: str) -> None:
    write_clip(tmp_path / "cam.ts", Clip(frames=10))
    write_clip(tmp_path / "cam.mp4", Clip(frames=10))
    (tmp_path / "cam.m3u8").write_text(VOD.format("cam.ts"))
    source = opened(f"{http}/{name}", loop=True)
    packets = (item for item in islice(source.media(), 60) if item is not None)
    times = [frame.pts * frame.time_base for packet in packets for frame in packet.decode()]
    assert len(times) > 15
    assert all(0 < after - before < Fraction(1, 12) for before, after in pairwise(times))
    source.close()


@pytest.mark.parametrize("b_frames", [0, 2])
def test_hls_that_has_an_end_begins_again_with_its_sound_and_loses_nothing(
    http: str, tmp_path: Path, b_frames: int
) -> None:
    """In MPEG-TS some sound of before the first picture comes behind it, and HLS refuses to be sought to there."""
    write_clip(tmp_path / "cam.ts", Clip(b_frames=b_frames, audio_codec="aac"))
    (tmp_path / "cam.m3u8").write_text(VOD.format("cam.ts").replace("0.4", "1.0"))
    source = opened(f"{http}/cam.m3u8", loop=True)
    pictures, sounds = list[Fraction](), list[Fraction]()
    for packet in islice((item for item in source.media() if item is not None), 220):
        for frame in packet.decode():
            (pictures if isinstance(frame, av.VideoFrame) else sounds).append(frame.pts * frame.time_base)
    source.close()
    assert len(pictures) > 2.5 * 25
    assert len(sounds) > 2.5 * 46
    seam_s = Fraction(1, 10)
    for times_s, step_s in ((pictures, Fraction(1, 25)), (sounds, Fraction(1024, 48_000))):
        assert all(0 < after - before < step_s + seam_s for before, after in pairwise(times_s))
        assert sum(after - before > step_s * 3 / 2 for before, after in pairwise(times_s)) <= 3, "but at the seams"


def test_a_live_playlist_is_opened_with_what_is_there_and_read_before_it_plays(http: str, tmp_path: Path) -> None:
    lines = ["#EXTM3U", "#EXT-X-TARGETDURATION:1", "#EXT-X-MEDIA-SEQUENCE:7"]
    for number in range(3):
        write_clip(tmp_path / f"{number}.ts", Clip(first_pts=25 * number, audio_codec="aac"))
        lines += ["#EXTINF:1,", f"{number}.ts"]
    (tmp_path / "cam.m3u8").write_text("\n".join(lines))
    source = opened(f"{http}/cam.m3u8", open_timeout_s=3)
    assert source.is_live
    assert next(item for item in source.media() if item is not None).size
    ahead = source._ahead
    assert ahead is not None
    wait_for(
        lambda: ahead._reservoir._newest_media_ns > 2.8 * S, 10, "the last of three seconds, and no time has passed"
    )
    assert source._monotonic_ns() == NOW
    source.close()


def test_a_certificate_has_to_be_trusted_or_the_owner_has_to_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_clip(tmp_path / "cam.ts", Clip(frames=10))
    (tmp_path / "cam.m3u8").write_text(VOD.format("cam.ts"))
    certificate = write_certificate(tmp_path)
    with serving(partial(Files, directory=str(tmp_path)), certificate) as url:
        with pytest.raises(
            SourceUnsupportedError, match=r"not trusted \(self.signed certificate\).* tls_verify = false"
        ):
            opened(f"{url}/cam.ts")
        assert count(opened(f"{url}/cam.m3u8", tls_verify=False)) == 10
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert count(opened(f"{url}/cam.ts")) == 10


def test_tls_where_nobody_speaks_it(http: str) -> None:
    with pytest.raises(SourceUnsupportedError, match=r"port \d+ does not speak TLS: write http://"):
        opened(http.replace("http", "https"))


def test_a_live_stream_that_ends_with_its_connection(tmp_path: Path) -> None:
    media = write_clip(tmp_path / "a.ts", Clip(frames=50)).read_bytes()
    with Trouble(answer(), media) as server:
        source = opened(f"http://127.0.0.1:{server.port}/live.ts")
        with pytest.raises(SourceEndedError, match="the camera closed the connection"):
            deque(source.media(), maxlen=0)
        source.close()
