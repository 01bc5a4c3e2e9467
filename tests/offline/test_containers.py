from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import pytest

from relay.errors import ConfigError
from relay.offline.containers import KINDS, container_of


@pytest.mark.parametrize(
    ("name", "muxer"),
    [("a.mp4", "mp4"), ("b.MKV", "matroska"), ("c.d.mov", "mov"), ("folder.mp4/e.ts", "mpegts")],
)
def test_the_container_follows_from_the_name(name: str, muxer: str) -> None:
    assert container_of(Path(name), "h264").muxer == muxer


@pytest.mark.parametrize(
    ("name", "what"), [("a.avi", "ends in .avi"), ("a", "has no ending"), (".mp4", "has no ending")]
)
def test_another_name_is_told_what_is_possible(name: str, what: str) -> None:
    with pytest.raises(ConfigError, match=rf"this {what}: use \.mp4, \.mkv, \.mov, \.ts"):
        container_of(Path(name), "h264")


@pytest.mark.parametrize("name", ["a.ts", "a.mov"])
def test_a_codec_that_it_does_not_carry_is_told_where_to_go(name: str) -> None:
    with pytest.raises(ConfigError, match=r"carries no av1: use \.mp4, \.mkv, or another --codec"):
        container_of(Path(name), "av1")


@pytest.mark.parametrize("ending", KINDS)
def test_ffmpeg_has_each_of_them_and_takes_what_they_are_said_to_take(ending: str, tmp_path: Path) -> None:
    kind = KINDS[ending]
    with av.open(tmp_path / f"x{ending}", "w", format=kind.muxer) as container:
        for codec in (*kind.video, *kind.audio):
            container.add_mux_stream(codec)  # raises ValueError for one that is not


def test_the_clock_of_a_movie_has_whole_ticks_of_its_pictures() -> None:
    kind = KINDS[".mp4"]
    assert kind.options(Fraction(1, 12_800)) == {"movie_timescale": "12800"}
    assert kind.options(Fraction(1, 25)) == {"movie_timescale": "1000"}
    assert kind.options(Fraction(1001, 30_000)) == {"movie_timescale": "30000"}
    assert KINDS[".mkv"].options(Fraction(1, 25)) == {}


def test_h265_has_the_name_that_quicktime_knows_where_quicktime_may_come() -> None:
    assert {ending for ending, kind in KINDS.items() if kind.wants_hvc1} == {".mp4", ".mov"}


def test_every_container_takes_h264_and_aac() -> None:
    assert all("h264" in kind.video and "aac" in kind.audio for kind in KINDS.values())
