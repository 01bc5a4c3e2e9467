"""Every geometry transform moves known colours to where it says, in all three planes, and in BGR alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pytest

from fixtures.pictures import only
from fixtures.transforms import applied
from relay.config import TransformSettings
from relay.errors import TransformError
from relay.model import Picture
from relay.pixels import split
from relay.transform.geometry.crop import Crop
from relay.transform.registry import make_link

if TYPE_CHECKING:
    from fixtures.pictures import FindCorners, MakeChain, MakePicture, WriteModule


Run: TypeAlias = Callable[[str, Picture], Picture]
TL, TR, BL, BR = "top-left", "top-right", "bottom-left", "bottom-right"
STAYED = {TL: TL, TR: TR, BL: BL, BR: BR}
TO_BGR = "def f(frame):\n    assert frame.bgr.shape == (*frame.size[::-1], 3)\n"


@pytest.fixture(params=["planes", "bgr"])
def run(request: pytest.FixtureRequest, make_chain: MakeChain, user_module: WriteModule) -> Run:
    """Runs one transform on a picture that is planes, or that a user's function has made BGR before."""

    def go(link: str, picture: Picture) -> Picture:
        before = [f"{user_module(TO_BGR)}:f"] if request.param == "bgr" else []
        return only(make_chain(*before, link).process(picture))

    return go


@pytest.mark.parametrize(
    ("link", "size", "expected"),
    [
        ("flip", (64, 48), {TL: TR, TR: TL, BL: BR, BR: BL}),
        ("flip direction=horizontal", (64, 48), {TL: TR, TR: TL, BL: BR, BR: BL}),
        ("flip direction=vertical", (64, 48), {TL: BL, TR: BR, BL: TL, BR: TR}),
        ("rotate degrees=90", (48, 64), {TL: BL, TR: TL, BL: BR, BR: TR}),
        ("rotate degrees=180", (64, 48), {TL: BR, TR: BL, BL: TR, BR: TL}),
        ("rotate degrees=270", (48, 64), {TL: TR, TR: BR, BL: TL, BR: BL}),
        ("scale width=32 height=32", (32, 32), STAYED),
        ("scale width=128", (128, 96), STAYED),
        ("scale height=24 interpolation=area", (32, 24), STAYED),
        ("scale width=100 height=70 interpolation=nearest", (100, 70), STAYED),
        ("scale width=100 height=70 interpolation=bicubic", (100, 70), STAYED),
        ("scale width=100 height=70 interpolation=lanczos", (100, 70), STAYED),
        ("scale width=64", (64, 48), STAYED),
        ("crop width=64 height=48", (64, 48), STAYED),
        ("crop x=16 y=12 width=32 height=24", (32, 24), STAYED),
        ("crop x=32 y=24 width=32 height=24", (32, 24), dict.fromkeys(STAYED, BR)),
    ],
)
def test_colours_move_to_where_they_belong(
    run: Run, picture: Picture, find_corners: FindCorners, link: str, size: tuple[int, int], expected: dict[str, str]
) -> None:
    out = run(link, picture)
    assert (out.width, out.height) == size
    assert find_corners(out) == expected
    assert (out.slot, out.time_ns) == (picture.slot, picture.time_ns)
    assert out.i420.flags.c_contiguous


def test_crop_keeps_every_sample_of_its_rectangle(make_chain: MakeChain, picture: Picture) -> None:
    rng = np.random.default_rng(5)
    picture.i420[:] = rng.integers(16, 236, picture.i420.shape, np.uint8)
    y, u, v = (plane.copy() for plane in split(picture.i420))
    out = split(only(make_chain("crop x=10 y=6 width=40 height=30").process(picture)).i420)
    np.testing.assert_array_equal(out.y, y[6:36, 10:50])
    np.testing.assert_array_equal(out.u, u[3:18, 5:25])
    np.testing.assert_array_equal(out.v, v[3:18, 5:25])


def test_a_chain_of_geometry_composes(make_chain: MakeChain, picture: Picture, find_corners: FindCorners) -> None:
    chain = make_chain("rotate degrees=90", "flip", "crop x=2 y=2 width=44 height=60", "scale width=22")
    out = only(chain.process(picture))
    assert (out.width, out.height) == (22, 30)
    assert find_corners(out) == {TL: TL, TR: BL, BL: TR, BR: BR}


@pytest.mark.parametrize("link", ["crop x=50 width=32 height=24", "crop y=40 width=32 height=24"])
@pytest.mark.parametrize("is_bgr", [False, True])
def test_a_crop_that_reaches_out_of_the_picture_is_refused(picture: Picture, link: str, is_bgr: bool) -> None:
    crop = make_link(TransformSettings.model_validate(link))
    assert isinstance(crop, Crop)
    with pytest.raises(TransformError, match=r"^32x24 at .* reaches out of a picture of 64x48"):
        applied(crop, picture, is_bgr=is_bgr)


def test_a_height_not_divisible_by_four_is_no_trouble(
    run: Run, make_picture: MakePicture, find_corners: FindCorners
) -> None:
    out = run("rotate degrees=180", make_picture(66, 50))
    assert find_corners(out)[TL] == BR
