"""What a chain hides is in nothing that is made of its pictures: repeats, the slate, snapshots, what an heir is given.

Two cameras go through the same chain. They differ only in what it paints over, or in pictures that it does not let
pass. So all that is published of both has to be the same, byte for byte, whatever is made of it.
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pytest

from fixtures.links import CLOCK
from fixtures.worker import FIRST, GRID, SMALL, Outbox, SteppedClock, decoded
from relay import slate, wire
from relay.config import StreamSettings, TransformSettings
from relay.model import MediaKind, Picture
from relay.pixels import split
from relay.timeline import NS_PER_S
from relay.transform import Setup
from relay.worker.board import Board
from relay.worker.handoff import Handoff
from relay.worker.pictures import PictureLine
from relay.worker.video import VideoLine

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from fixtures.pictures import WriteModule

LATE_NS = 20_000_000
SECOND = 15
SLATE_AFTER = 2 * SECOND
BLACK, NEUTRAL = 16, 128
WINDOW = SMALL.width // 2
"""The columns that are the neighbour's window; they are even, as its chroma needs."""

COVER = """
def cover(frame):
    frame.y[:, :{window}] = {black}
    for plane in (frame.u, frame.v):
        plane[:, :{window} // 2] = {neutral}

def cover_at_first(frame):
    cover(frame)
    if frame.slot >= {first_broken}:
        raise ValueError("no more")
"""


class Stage:
    """A chain and the slot line behind it, on a scripted clock, from the camera's pictures to what is published."""

    def __init__(self, *transforms: str, opens: bool = True) -> None:
        self.clock = SteppedClock()
        self.board = Board(self.clock, 2 * NS_PER_S)
        self.outbox = Outbox()
        chain = tuple(TransformSettings.model_validate(text) for text in transforms)
        settings = StreamSettings(stall_after_s=2.0, transforms=chain)
        link = self.outbox.as_link()
        self.ready: Handoff[Picture] = Handoff(math.inf)
        from_camera: Handoff[Picture] = Handoff(math.inf)
        self.pictures = PictureLine(settings, 0.0, self.clock, self.board, link, from_camera, on_first=lambda *_: None)
        self.pictures.attach(SMALL, self.ready)
        assert self.pictures.open() is opens
        start = wire.Start(SMALL, {"video": FIRST, "audio": FIRST})
        self.video = VideoLine("cam", settings, start, self.clock, self.board, link, self.ready)
        self.video.open()

    def show(self, slot: int, i420: NDArray[np.uint8]) -> None:
        """The camera's picture for `slot`."""
        self.clock.go_to(GRID.start_ns(slot) + LATE_NS)
        self.pictures.step(Picture(slot, GRID.start_ns(slot), i420))
        self.video.step(self.ready.take(0))

    def wait_until(self, slot: int) -> None:
        """Nothing comes any more until `slot` is due."""
        while self.video.slots.next_slot <= slot:
            self.clock.advance(self.video.wait_s())
            self.video.step(None)

    def published(self) -> tuple[list[bytes], list[bytes]]:
        """Every part of the pictures, and every snapshot, which is what an heir begins with."""
        parts = [part.data for part in self.outbox.parts(MediaKind.VIDEO)]
        return parts, [message.data for message in self.outbox.of(wire.Snapshot)]

    def last(self) -> NDArray[np.uint8]:
        """The luma of the last picture that was published."""
        *_, luma = decoded(self.outbox.init(MediaKind.VIDEO), self.outbox.parts(MediaKind.VIDEO)).values()
        return luma


def view(window_luma: int, window_chroma: int) -> NDArray[np.uint8]:
    """What a camera sees: grey, and a window of these levels."""
    i420 = np.full((SMALL.height * 3 // 2, SMALL.width), NEUTRAL, np.uint8)
    y, u, v = split(i420)
    y[:] = 80
    y[:, :WINDOW] = window_luma
    for plane in (u, v):
        plane[:, : WINDOW // 2] = window_chroma
    return i420


def somebody() -> NDArray[np.uint8]:
    return view(235, 200)


def nobody() -> NDArray[np.uint8]:
    return view(BLACK, NEUTRAL)


@pytest.fixture
def module(user_module: WriteModule) -> str:
    return user_module(COVER.format(window=WINDOW, black=BLACK, neutral=NEUTRAL, first_broken=FIRST + SECOND))


def outage(see: Callable[[], NDArray[np.uint8]], *transforms: str, seconds: int = 2) -> Stage:
    """A camera that sees something for a while, and then is gone until the slate has stood for a second."""
    stage = Stage(*transforms)
    for n in range(seconds * SECOND):
        stage.show(FIRST + n, see())
    stage.wait_until(FIRST + seconds * SECOND + SLATE_AFTER + SECOND)
    stage.video.close()
    assert stage.board.counters["slate_slots"] >= SECOND
    return stage


def test_the_slate_is_of_the_picture_that_left_the_chain(module: str) -> None:
    covered = outage(somebody, f"{module}:cover")
    assert covered.published() == outage(nobody).published()
    bare = outage(somebody)
    assert bare.published() != covered.published(), "the chain has something to hide"
    columns = slice(0, WINDOW // 4)  # far from the right half, which is blurred into it; words stand in the middle
    assert bare.last()[:4, columns].mean() > covered.last()[:4, columns].mean() + 20


def test_a_picture_that_did_not_pass_the_chain_is_not_in_the_slate_either(module: str) -> None:
    transform = f"{module}:cover_at_first"
    broken = outage(somebody, transform, seconds=4)
    assert broken.board.counters["transform_failures"] == 3 * SECOND
    assert broken.published() == outage(nobody, transform, seconds=4).published()


def test_what_an_heir_begins_with_shows_what_left_the_chain(module: str) -> None:
    *_, snapshot = outage(somebody, f"{module}:cover").published()[1]
    luma = slate.from_jpeg(snapshot, SMALL.width, SMALL.height)[: SMALL.height]
    assert luma[:, : WINDOW - 8].max() < BLACK + 16
    assert abs(float(luma[:, WINDOW + 8 :].mean()) - 80) < 8


# Of what is declared to hide something nothing gets out however it fails: the pictures are black.


@pytest.mark.parametrize("link", ["Hides touches=nothing", "HidesLater touches=nothing frames=3"])
@pytest.mark.parametrize("trouble", ["fails=true", "takes_s=1"])
def test_what_hides_something_and_cannot_is_black_in_all_that_is_made_of_it(
    monkeypatch: pytest.MonkeyPatch, link: str, trouble: str
) -> None:
    monkeypatch.setattr("relay.worker.pictures.Setup", partial(Setup, clock=CLOCK))
    chain = (f"fixtures.links:{link} {trouble}", "timestamp timezone=UTC")
    seen = outage(somebody, *chain)
    assert seen.board.counters["transform_failures"] == 2 * SECOND
    assert seen.published() == outage(nobody, *chain).published()
    shown = decoded(seen.outbox.init(MediaKind.VIDEO), seen.outbox.parts(MediaKind.VIDEO))
    assert max(int(shown[slot].max()) for slot in range(FIRST + 4, FIRST + 2 * SECOND - 4)) < BLACK + 4


def test_without_its_model_nothing_of_it_is_shown() -> None:
    stage = Stage("fixtures.links:Hides opens=not", opens=False)
    for n in range(2 * SECOND):
        stage.show(FIRST + n, somebody())
    stage.wait_until(FIRST + 2 * SECOND + SLATE_AFTER)
    stage.video.close()
    assert stage.outbox.of(wire.Snapshot) == []
    assert stage.board.counters["slate_slots"] == stage.board.counters["slots"] > 0


def test_after_it_has_stopped_the_stream_nothing_of_it_is_shown(module: str) -> None:
    link = f"{module}:cover_at_first on_failure=stop"
    stopped = outage(somebody, link, seconds=4)
    assert stopped.board.counters["transform_failures"] == 1
    assert stopped.published() == outage(nobody, link, seconds=4).published()
