"""What other streams show of one is what has left its chain, as it was sent; and nothing where nothing left it."""

from __future__ import annotations

import errno
import time
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pytest
from structlog.testing import capture_logs

from fixtures.links import CLOCK
from fixtures.taps import Looker, Ticker
from fixtures.worker import FIRST, SMALL, Outbox, SteppedClock, flat_picture
from relay.config import StreamSettings, TransformSettings
from relay.pixels import split
from relay.taps import Sight, Tile, memory
from relay.timeline import NS_PER_S
from relay.transform import Setup
from relay.walls import Taps
from relay.worker.board import Board
from relay.worker.handoff import Handoff
from relay.worker.pictures import PictureLine
from relay.worker.tapping import Tapping

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from relay.model import Picture


class Stage:
    """A picture line whose stream others show."""

    def __init__(self, folder: Path, *transforms: str, is_shown: bool = True) -> None:
        self.clock = SteppedClock()
        self.board = Board(self.clock, 2 * NS_PER_S)
        settings = StreamSettings(transforms=tuple(TransformSettings.model_validate(text) for text in transforms))
        from_camera: Handoff[Picture] = Handoff(1 / 15)
        self.ready: Handoff[Picture] = Handoff(1 / 15)
        self.line = PictureLine(
            settings,
            0.0,
            self.clock,
            self.board,
            Outbox().as_link(),
            from_camera,
            on_first=lambda *_: None,
            taps=Taps(str(folder), "door", is_shown),
        )
        self.looker = Looker(folder, "door", time.monotonic_ns)

    def step(self, slot: int, luma: int) -> None:
        picture = flat_picture(slot, luma)
        self.clock.go_to(picture.time_ns)
        self.line.step(picture)


def test_what_is_sent_is_what_others_show(tmp_path: Path) -> None:
    stage = Stage(tmp_path, "crop width=48 height=64", "brightness brightness=0.2")
    stage.line.attach(SMALL, stage.ready)
    assert stage.line.open()
    stage.step(FIRST, 80)
    sent = stage.ready.take(0)
    assert sent is not None
    assert stage.looker.look() is Sight.NEW
    (seen,) = stage.looker.given
    np.testing.assert_array_equal(seen.i420, sent.i420)
    assert (seen.slot, seen.time_ns, seen.matrix) == (sent.slot, sent.time_ns, SMALL.matrix)
    stage.line.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("transform", "shown"),
    [
        ("fixtures.links:Hides fails=true", {16}),
        ("fixtures.links:Hides takes_s=1", {16}),
        ("fixtures.links:Hides luma=70", {70}),
        ("fixtures.links:Paints fails=true", None),
        ("fixtures.links:Paints fails=true on_failure=stop", None),
        ("fixtures.links:Paints fails=true on_failure=blank", {16}),
    ],
)
def test_nothing_is_shown_elsewhere_that_the_own_viewers_do_not_see(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, transform: str, shown: set[int] | None
) -> None:
    monkeypatch.setattr("relay.worker.pictures.Setup", partial(Setup, clock=CLOCK))
    stage = Stage(tmp_path, transform)
    stage.line.attach(SMALL, stage.ready)
    assert stage.line.open()
    for number in range(3):
        stage.step(FIRST + number, 200)
    if shown is None:
        assert (stage.looker.look(), list(tmp_path.iterdir())) == (Sight.AWAY, [])
        return
    assert stage.looker.look() is Sight.NEW
    assert stage.looker.lumas == [shown]
    tile = Tile(str(tmp_path), "door", is_named=False)
    tile.look(96, 64, "bt709")
    assert set(np.unique(split(tile.i420).y).tolist()) == shown


def test_before_its_format_is_known_nothing_is_left(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    assert stage.line.open()
    stage.step(FIRST, 80)
    assert list(tmp_path.iterdir()) == []
    stage.line.close()


def test_a_stream_that_nobody_shows_leaves_nothing(tmp_path: Path) -> None:
    stage = Stage(tmp_path, is_shown=False)
    stage.line.attach(SMALL, stage.ready)
    assert stage.line.open()
    stage.step(FIRST, 80)
    assert stage.ready.take(0) is not None
    assert list(tmp_path.iterdir()) == []
    stage.line.close()


def test_a_link_that_shows_others_is_told_where_they_are(tmp_path: Path) -> None:
    stage = Stage(tmp_path, "mosaic streams=yard names=false", is_shown=False)
    stage.line.attach(SMALL, stage.ready)
    assert stage.line.open()
    stage.step(FIRST, 80)
    sent = stage.ready.take(0)
    assert sent is not None
    luma = split(sent.i420).y
    assert (luma[32, 24], luma[2, 50]) == (80, 34)


def test_where_there_is_no_room_it_is_told_and_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    is_full = [True]

    def reserve(original: Callable[[int, int], None], descriptor: int, size: int) -> None:
        if is_full[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        original(descriptor, size)

    monkeypatch.setattr(memory, "_reserve", partial(reserve, memory._reserve))
    ticker, board = Ticker(), Board(SteppedClock(), NS_PER_S)
    tapping = Tapping(Taps(str(tmp_path), "door", is_shown=True), 2.0, board, ticker)
    looker = Looker(tmp_path, "door", ticker)
    with capture_logs() as logs:
        for number in range(30):
            tapping.leave(flat_picture(FIRST + number, 80), "bt709")
    assert [line["error"] for line in logs] == ["[Errno 28] No space left on device"]
    assert board.counters["tap_failures"] == 1
    is_full[0] = False
    tapping.leave(flat_picture(FIRST, 80), "bt709")
    assert looker.look() is Sight.AWAY, "it is too soon"
    ticker.advance(5)
    tapping.leave(flat_picture(FIRST, 80), "bt709")
    assert looker.look() is Sight.NEW
    tapping.close()
