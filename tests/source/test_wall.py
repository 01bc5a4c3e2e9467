"""A wall's pictures are those of other streams, where they belong, when it is time; and words where there is none."""

from __future__ import annotations

from fractions import Fraction
from itertools import islice, pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest

from fixtures.clock import MS, NOW, Clock, S
from fixtures.taps import BLUE, GREEN, RED, Stream
from relay.config import StreamSettings
from relay.errors import SourceUnsupportedError
from relay.source import open_source
from relay.source.wall import WallSource
from relay.walls import parse_wall

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import av


class Stage:
    """A wall on a clock that moves while it waits, and the streams that it shows."""

    def __init__(self, folder: Path, text: str) -> None:
        self.clock = Clock(NOW + 20 * MS)
        wall = parse_wall(text)
        self.streams = {name: Stream(folder, name, self.clock.monotonic_ns) for name in wall.streams}
        self.source = WallSource(wall, str(folder), self.clock.unix_ns, self.clock.sleep, self.clock.monotonic_ns)
        self._media = self.source.media()

    def next(self) -> av.VideoFrame:
        return next(item for item in self._media if item is not None)


def levels(frame: av.VideoFrame, x: int, y: int) -> tuple[int, ...]:
    """Y, Cb and Cr of a pixel."""
    planes = (np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size) for plane in frame.planes)
    return tuple(int(plane[y // part, x // part]) for plane, part in zip(planes, (1, 2, 2), strict=True))


def test_three_streams_stand_where_they_belong(tmp_path: Path) -> None:
    stage = Stage(tmp_path, "front,garden,door?size=640x360&names=0")
    for name, colour in (("front", RED), ("garden", GREEN), ("door", BLUE)):
        stage.streams[name].show(colour)
    frame = stage.next()
    corners = {(2, 2): RED, (318, 178): RED, (322, 2): GREEN, (638, 178): GREEN, (2, 182): BLUE, (318, 358): BLUE}
    assert {place: levels(frame, *place) for place in corners} == corners
    assert levels(frame, 480, 270) == (16, 128, 128), "the fourth place is dark"
    assert (frame.width, frame.height, frame.colorspace, frame.color_range) == (640, 360, 1, 1)


def test_each_keeps_its_shape(tmp_path: Path) -> None:
    stage = Stage(tmp_path, "front,garden?columns=1&size=320x360&names=0")
    stage.streams["front"].show(RED, 48, 36)
    stage.streams["garden"].show(GREEN, 64, 36)
    frame = stage.next()
    assert [levels(frame, x, 90) for x in (38, 42, 278, 282)] == [(16, 128, 128), RED, RED, (16, 128, 128)]
    assert [levels(frame, x, 270) for x in (2, 318)] == [GREEN, GREEN]


def test_it_shows_what_is_new_and_says_what_is_gone(tmp_path: Path) -> None:
    stage = Stage(tmp_path, "front,garden?size=640x360&rate=10")
    stage.streams["front"].show(RED)
    first = stage.next()
    assert levels(first, 160, 180) == RED
    assert levels(first, 160, 80) == (16, 128, 128)
    assert levels(first, 330, 350) == (34, 128, 128), "no picture has come from there"
    for number in range(30):
        stage.streams["front"].show(BLUE if number % 2 else GREEN)
        assert levels(stage.next(), 160, 180) == (BLUE if number % 2 else GREEN)
    for _ in range(18):
        assert levels(stage.next(), 160, 180) == BLUE, "two seconds have not passed yet"
    *_, last = [stage.next() for _ in range(3)]
    assert levels(last, 10, 95) == (34, 128, 128)
    assert levels(first, 160, 180) == RED, "a frame that somebody has is not drawn into again"


def test_frames_come_at_its_rate_and_carry_their_slots_time(tmp_path: Path) -> None:
    stage = Stage(tmp_path, "front?size=64x64&rate=25")
    frames = [stage.next() for _ in range(6)]
    times_ns = [int((frame.pts or 0) * Fraction(frame.time_base or 1) * S) for frame in frames]
    assert [after - before for before, after in pairwise(times_ns)] == [40 * MS] * 5
    assert times_ns[0] == NOW + 40 * MS
    assert stage.clock.now_ns - times_ns[-1] < MS


def test_it_breathes_while_it_waits(tmp_path: Path) -> None:
    stage = Stage(tmp_path, "front?size=64x64&rate=1")
    items: Iterator[av.VideoFrame | None] = stage.source.media()
    assert list(islice(items, 30)).count(None) > 20


def test_what_it_is_is_what_was_asked_for(tmp_path: Path) -> None:
    source = open_source(StreamSettings(source="wall:front,door?size=640x480&rate=12.5"), "wall", taps=str(tmp_path))
    info = source.info
    assert (info.width, info.height, info.rate, info.matrix, info.audio_codec) == (
        640,
        480,
        Fraction(25, 2),
        "bt709",
        None,
    )
    info = open_source(StreamSettings(source="wall:front"), "wall", taps=str(tmp_path)).info
    assert (info.width, info.height, info.rate) == (1280, 720, Fraction(30))
    source.close()


def test_where_no_streams_run_it_says_so() -> None:
    with pytest.raises(SourceUnsupportedError, match=r"^wall:front,door: a wall shows streams of `relay serve`"):
        open_source(StreamSettings(source="wall:front,door"), "wall")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("front?colour=red", "colour: "),
        ("front?columns", "its options cannot be read"),
        ("", "streams: "),
        ("front,front", "'front' is named twice"),
        ("Front", "a stream's name is"),
        ("front?size=100x33", "size: a size is"),
    ],
)
def test_what_it_does_not_have_is_refused_with_what_it_has(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(SourceUnsupportedError) as caught:
        open_source(StreamSettings(source=f"wall:{text}"), "wall", taps=str(tmp_path))
    assert words in str(caught.value)
    assert "a wall is wall:NAME,NAME and takes columns=N" in str(caught.value)
