"""The whole chain: nothing unprocessed gets out, buffers are used again, and nobody's picture is overwritten."""

from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest

from fixtures.pictures import only
from relay.transform import Chain, Frame, Pool, fit
from relay.transform import frame as frame_module

if TYPE_CHECKING:
    from fixtures.pictures import MakeChain, MakePicture, WriteModule
    from relay.errors import TransformError
    from relay.model import Picture
    from relay.pixels import I420


LINKS = ("crop x=4 y=4 width=600 height=300", "scale width=320 height=180", "timestamp timezone=UTC format=%S.%3f")


def test_an_empty_chain_passes_the_picture_itself(picture: Picture) -> None:
    chain = Chain([])
    assert len(chain) == 0
    assert only(chain.process(picture)) is picture
    assert (chain.flush(), chain.figures(), chain.delay_frames) == ([], (), 0)


def test_a_failure_in_the_middle_lets_nothing_out_and_the_next_picture_passes(
    make_chain: MakeChain, user_module: WriteModule, make_picture: MakePicture
) -> None:
    name = user_module("def odd_fails(frame):\n    if frame.slot % 2: raise RuntimeError('odd')\n    frame.y[:] = 20\n")
    failures: list[TransformError] = []
    chain = make_chain("flip", f"{name}:odd_fails", "flip", on_failure=failures.append)
    assert len(chain) == 3
    for slot in range(6):
        pictures = chain.process(make_picture(slot=slot))
        if slot % 2:
            assert pictures == []
        else:
            assert (only(pictures).i420[:48] == 20).all()
    assert len(failures) == 3
    assert "odd_fails raised RuntimeError: odd" in str(failures[0])


@pytest.fixture
def conversions(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """OpenCV's names for those that were made, in their order."""
    made: list[int] = []
    real = cv2.cvtColor

    def noting(*arguments: Any, **keywords: Any) -> Any:
        made.append(arguments[1])
        return real(*arguments, **keywords)

    monkeypatch.setattr(frame_module.cv2, "cvtColor", noting)
    return made


def test_bgr_is_written_back_once_for_a_whole_chain(
    make_chain: MakeChain, user_module: WriteModule, make_picture: MakePicture, conversions: list[int]
) -> None:
    name = user_module("def f(frame): frame.bgr[0, 0] = 255\n")
    chain = make_chain(f"{name}:f", "flip", "timestamp timezone=UTC size=8", "rotate degrees=90",
                       "crop width=40 height=40", "scale width=20", f"{name}:f")  # fmt: skip
    chain.process(make_picture())
    assert [code for code in conversions if code != cv2.COLOR_GRAY2BGR] == [
        cv2.COLOR_YUV2BGR_I420,
        cv2.COLOR_BGR2YUV_I420,
    ]


def test_pictures_that_somebody_holds_are_never_overwritten(make_chain: MakeChain, make_picture: MakePicture) -> None:
    chain = make_chain("scale width=32 height=32")
    held = []
    for n in range(3 * Pool.MAX_PER_SHAPE):
        picture = make_picture()
        picture.i420[:] = n
        held += chain.process(picture)
    assert [int(picture.i420[0, 0]) for picture in held] == list(range(3 * Pool.MAX_PER_SHAPE))
    assert all((picture.i420 == picture.i420[0, 0]).all() for picture in held)


def test_a_view_alone_keeps_a_buffer(make_chain: MakeChain, make_picture: MakePicture) -> None:
    chain = make_chain("scale width=32 height=32")
    chroma = Frame(only(chain.process(make_picture()))).u
    before = chroma.copy()
    for _ in range(3):
        picture = make_picture()
        picture.i420[:] = 1
        chain.process(picture)
    np.testing.assert_array_equal(chroma, before)


WARM: dict[str, list[str]] = {
    "planes": [],
    "bgr": ["{name}:f", "flip", "timestamp timezone=UTC"],
    "planes that could be put back": ["fixtures.links:Paints on_failure=skip"],
    "bgr that could be put back": ["{name}:f", "fixtures.links:Paints touches=bgr on_failure=skip"],
    "held": ["fixtures.links:Holds frames=3"],
    "black": ["fixtures.links:Hides fails_on=7", "timestamp timezone=UTC"],
}


@pytest.mark.parametrize("kind", WARM)
def test_no_buffers_are_allocated_once_warm(
    make_chain: MakeChain, user_module: WriteModule, make_picture: MakePicture, kind: str
) -> None:
    name = user_module("def f(frame): frame.bgr[10:20, 10:20] = 255\n")
    chain = make_chain(*LINKS, *(link.format(name=name) for link in WARM[kind]))
    picture = make_picture(640, 360)
    out = Pool()

    def one() -> I420:
        (small,) = chain.process(picture)
        return fit(small, 640, 360, out.i420(640, 360))

    for _ in range(3 if kind == "held" else 0):
        assert chain.process(picture) == []
    for _ in range(5):
        one()
    tracemalloc.start()
    try:
        peaks = []
        for _ in range(20):
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            one()
            peaks.append(tracemalloc.get_traced_memory()[1] - before)
    finally:
        tracemalloc.stop()
    # All that lives at once in a frame: views, strings, small objects, and the words of what failed. The smallest plane
    # here has 14400 samples.
    assert sorted(peaks)[10] < 8192


def test_the_pool_forgets_shapes_that_nobody_asks_for() -> None:
    pool = Pool()
    first = pool.take(2, 2)
    for rows in range(3, 3 + Pool.MAX_SHAPES):
        pool.take(rows, 2)
    assert pool.take(2, 2) is not first
    assert len(pool._buffers) == Pool.MAX_SHAPES


def test_the_pool_gives_a_free_buffer_again_and_a_held_one_never() -> None:
    pool = Pool()
    address = pool.take(4, 4).ctypes.data
    assert pool.take(4, 4).ctypes.data == address
    view = pool.take(4, 4)[1:2]
    assert pool.take(4, 4).ctypes.data != address
    del view
    assert pool.take(4, 4).ctypes.data == address


def test_work_on_planes_is_done_in_the_picture_itself(
    make_chain: MakeChain, make_picture: MakePicture, conversions: list[int]
) -> None:
    """It takes a tenth of a millisecond: a copy or a conversion that crept in would take many times that."""
    chain = make_chain("timestamp timezone=UTC format=%H:%M:%S.%6f")
    picture = make_picture(1280, 720)
    before = picture.i420.copy()
    written = only(chain.process(picture))
    assert conversions == []
    assert written.i420 is picture.i420
    assert (written.i420 != before).any()
