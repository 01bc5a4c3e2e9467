"""Other streams stand where they belong, beside or on the own picture; and without any nothing is shown of it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from fixtures.chains import is_black
from fixtures.pictures import only
from fixtures.taps import GREEN, RED, Stream
from fixtures.transforms import allocated, moment, plain, planes_of, scene
from relay.config import TransformSettings
from relay.errors import TransformError
from relay.pixels import split
from relay.transform.base import Showing
from relay.transform.registry import make_link
from relay.walls import Taps

if TYPE_CHECKING:
    from fixtures.pictures import MakeChain, WriteModule
    from relay.pixels import I420

GREY = (100, 128, 128)
OFFLINE = (34, 128, 128)
TO_BGR = "def f(frame):\n    assert frame.bgr.size\n"


@pytest.fixture
def taps(tmp_path: Path) -> Taps:
    return Taps(str(tmp_path), "own")


def link_of(text: str, taps: Taps) -> Showing:
    link = make_link(TransformSettings.model_validate(text))
    assert isinstance(link, Showing)
    link.meet(taps)
    return link


def stream(taps: Taps, name: str) -> Stream:
    """One whose pictures are of now, since transforms look at the machine's clock."""
    return Stream(Path(taps.folder), name, time.monotonic_ns)


def levels(i420: I420, x: int, y: int) -> tuple[int, ...]:
    return tuple(int(plane[y // part, x // part]) for plane, part in zip(split(i420), (1, 2, 2), strict=True))


@pytest.mark.parametrize("before", [[], ["bgr"]])
def test_the_other_picture_stands_in_its_border_on_the_own(
    make_chain: MakeChain, user_module: WriteModule, taps: Taps, before: list[str]
) -> None:
    stream(taps, "door").show(RED, 64, 48)
    links = [f"{user_module(TO_BGR)}:f" for _ in before]
    chain = make_chain(*links, "picture-in-picture stream=door x=0.5 y=0.1 width=0.25 border=0.02", taps=taps)
    own = moment(plain(320, 180, GREY))
    # The first look says how the other one is shaped: until then it has the own shape.
    chain.process(moment(plain(320, 180, GREY)))
    shown = only(chain.process(own)).i420
    assert shown.shape == (270, 320)
    left, top, right, bottom = 160, 18, 240, 78
    for x, y in ((left + 1, top + 1), (right - 2, bottom - 2)):
        assert levels(shown, x, y) == RED
    for x, y in ((left - 2, top + 9), (right + 1, top + 9), (left + 9, top - 2), (left + 9, bottom + 1)):
        assert levels(shown, x, y) == (235, 128, 128)
    for x, y in ((left - 8, top + 9), (right + 8, top + 9), (left + 9, bottom + 8)):
        assert levels(shown, x, y) == GREY


@pytest.mark.parametrize(
    ("text", "box"),
    [
        ("x=0 y=0 width=0.5", (0, 0, 160, 90)),
        ("x=1 y=1 width=0.5", (160, 90, 320, 180)),
        ("x=0.9 y=0.9 width=1", (0, 0, 320, 180)),
        ("", (230, 126, 310, 170)),
    ],
)
def test_what_would_reach_out_of_the_picture_is_moved_inside(taps: Taps, text: str, box: tuple[int, ...]) -> None:
    stream(taps, "door").show(RED, 320, 180)
    link = link_of(f"picture-in-picture stream=door border=0 {text}", taps)
    y, _, _ = planes_of(link, plain(320, 180, GREY))
    rows, columns = np.flatnonzero((y == 63).any(axis=1)), np.flatnonzero((y == 63).any(axis=0))
    assert (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1) == box


def test_a_tall_picture_has_room_in_a_wide_one(taps: Taps, make_chain: MakeChain) -> None:
    stream(taps, "door").show(RED, 36, 640)
    chain = make_chain("picture-in-picture stream=door width=1 x=0 y=0 border=0", taps=taps)
    chain.process(moment(plain(320, 180, GREY)))
    shown = only(chain.process(moment(plain(320, 180, GREY)))).i420
    assert levels(shown, 4, 90) == RED
    assert levels(shown, 14, 90) == GREY


@pytest.mark.parametrize("before", [[], ["bgr"]])
def test_a_mosaic_begins_with_the_own_picture_and_keeps_its_size(
    make_chain: MakeChain, user_module: WriteModule, taps: Taps, before: list[str]
) -> None:
    for name, colour in (("front", RED), ("door", GREEN)):
        stream(taps, name).show(colour)
    links = [f"{user_module(TO_BGR)}:f" for _ in before]
    chain = make_chain(*links, "mosaic streams=front,door,attic names=false", taps=taps)
    shown = only(chain.process(moment(plain(640, 360, GREY)))).i420
    assert shown.shape == (540, 640)
    assert levels(shown, 160, 90) == GREY
    assert levels(shown, 480, 90) == RED
    assert levels(shown, 160, 270) == GREEN
    assert levels(shown, 330, 190) == OFFLINE, "nothing has come of it"


def test_a_mosaic_has_as_many_columns_as_it_is_told(make_chain: MakeChain, taps: Taps) -> None:
    stream(taps, "front").show(RED, 320, 90)
    chain = make_chain({"name": "mosaic", "streams": ["front"], "columns": 1}, taps=taps)
    shown = only(chain.process(moment(plain(320, 180, GREY)))).i420
    assert levels(shown, 20, 40) == (16, 128, 128), "beside the own picture, which keeps its shape"
    assert levels(shown, 160, 40) == GREY
    assert levels(shown, 160, 135) == RED


def test_what_others_show_is_not_seen_where_the_own_picture_is_hidden(make_chain: MakeChain, taps: Taps) -> None:
    stream(taps, "front").show(RED)
    hides = "fixtures.links:Hides fails=true"
    for link in ("mosaic streams=front", "picture-in-picture stream=front"):
        told: list[object] = []
        chain = make_chain(hides, link, taps=taps, on_failure=told.append)
        assert is_black(only(chain.process(moment(plain(64, 36, GREY)))))
        assert len(told) == 1


@pytest.mark.parametrize("link", ["mosaic streams=front", "picture-in-picture stream=front"])
def test_without_other_streams_it_says_that_there_are_none(make_chain: MakeChain, link: str) -> None:
    with pytest.raises(TransformError, match=r"^(mosaic|picture-in-picture): there are no other streams here"):
        make_chain(link)


@pytest.mark.parametrize(
    ("link", "words"),
    [
        ("mosaic", "streams is missing"),
        ("mosaic streams=a,a", "'a' is named twice"),
        (f"mosaic streams={','.join(f's{n}' for n in range(17))}", "at most 16"),
        ("mosaic streams=", "at least 1"),
        ("picture-in-picture stream=../door", "a stream's name is 1 to 63"),
        ("picture-in-picture stream=door width=0", "greater than or equal to 0.02"),
    ],
)
def test_what_cannot_be_is_refused(link: str, words: str) -> None:
    with pytest.raises(TransformError, match=words):
        make_link(TransformSettings.model_validate(link))


@pytest.mark.parametrize("text", ["mosaic streams=front,door", "picture-in-picture stream=door names=true"])
def test_nothing_is_allocated_once_warm(taps: Taps, text: str) -> None:
    others = [stream(taps, name) for name in ("front", "door")]
    link = link_of(text, taps)
    pictures = [scene(160, 180, seed=seed) for seed in (1, 2)]
    for other in others:
        other.leave(pictures[0])
    assert allocated(link, pictures) < 4096
