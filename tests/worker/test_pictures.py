"""What leaves the owner's chain is shown, fitted to the stream; what does not is not, and the owner is told why."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING

import numpy as np
import pytest

from fixtures.worker import FIRST, GRID, SMALL, Outbox, SteppedClock, flat, flat_picture
from relay import slate, wire
from relay.config import StreamSettings, TransformSettings
from relay.model import Picture, StreamState
from relay.timeline import NS_PER_S
from relay.worker.board import Board
from relay.worker.handoff import Handoff
from relay.worker.pictures import PictureLine

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SECOND = 15
FLAKY = """
def fail_on_odd(frame):
    if frame.slot % 2:
        raise ValueError("odd")
    frame.y[:] = 200
"""


class Stage:
    """A picture line with a scripted clock, stepped picture by picture."""

    def __init__(self, *transforms: str, hold_s: float = 0.0) -> None:
        self.clock = SteppedClock()
        self.board = Board(self.clock, 2 * NS_PER_S)
        self.outbox = Outbox()
        self.decoded: Handoff[Picture] = Handoff(1 / 15)
        self.ready: Handoff[Picture] = Handoff(1 / 15)
        self.announced: list[tuple[int, int]] = []
        self.line = PictureLine(
            StreamSettings(transforms=tuple(TransformSettings.model_validate(text) for text in transforms)),
            hold_s,
            self.clock,
            self.board,
            self.outbox.as_link(),
            self.decoded,
            on_first=lambda width, height: self.announced.append((width, height)),
        )

    def attach(self) -> None:
        self.line.attach(SMALL, self.ready)

    def step(self, picture: Picture) -> Picture | None:
        """`picture` comes when its slot begins. What leaves for the encoder."""
        self.clock.go_to(picture.time_ns)
        self.line.step(picture)
        return self.ready.take(0)


@pytest.fixture
def user_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Write a module where Python finds it; its name."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(source: str) -> str:
        name = f"owner_{tmp_path.name.replace('-', '_')}"
        (tmp_path / f"{name}.py").write_text(source)
        return name

    return write


def test_the_first_picture_that_leaves_the_chain_says_its_size() -> None:
    stage = Stage("crop x=0 y=0 width=64 height=48")
    assert stage.line.open()
    assert stage.step(flat_picture(FIRST, 80)) is None
    stage.attach()
    assert stage.step(flat_picture(FIRST + 1, 80)) is not None
    assert stage.announced == [(64, 48)]


def test_pictures_are_fitted_to_the_stream_with_their_aspect() -> None:
    stage = Stage()
    stage.attach()
    assert stage.line.open()
    tall = Picture(FIRST, GRID.start_ns(FIRST), flat(160, width=64, height=128))
    fitted = stage.step(tall)
    assert fitted is not None
    assert (fitted.slot, fitted.time_ns, fitted.width, fitted.height) == (FIRST, tall.time_ns, 96, 64)
    luma = fitted.i420[:64]
    assert (luma[:, 36:60] == 160).all()
    assert (luma[:, :30] == 16).all()
    same = flat_picture(FIRST + 1, 80)
    assert stage.step(same) is same


def test_what_fails_is_not_shown_and_the_owner_is_told_why(user_module: Callable[[str], str]) -> None:
    stage = Stage(f"{user_module(FLAKY)}:fail_on_odd")
    stage.attach()
    assert stage.line.open()
    odd = FIRST + 1 - FIRST % 2
    assert stage.step(flat_picture(odd, 80)) is None
    assert stage.board.counters["transform_failures"] == 1
    health = stage.board.health()
    assert health.state is StreamState.SLATE
    assert "fail_on_odd" in health.detail
    assert "odd" in health.detail
    assert stage.announced == []
    even = stage.step(flat_picture(odd + 1, 80))
    assert even is not None
    assert (even.i420[:64] == 200).all()
    assert stage.board.health().state is StreamState.LIVE


def test_a_chain_that_cannot_be_built_is_fatal() -> None:
    stage = Stage("blurr")
    stage.board.source_error = OSError("refused")
    assert not stage.line.open()
    (health,) = stage.outbox.of(wire.Health)
    assert health.fatal
    assert health.health.state is StreamState.SLATE
    assert "blurr" in health.health.detail


def test_the_owners_code_is_not_imported_while_the_source_is_held(user_module: Callable[[str], str]) -> None:
    name = user_module(FLAKY)
    stage = Stage(f"{name}:fail_on_odd", hold_s=30)
    thread = threading.Thread(target=stage.line.run)
    thread.start()
    stage.line.stop()
    thread.join(timeout=5)
    assert not thread.is_alive()
    assert name not in sys.modules


def test_the_owners_code_is_imported_in_its_own_thread(user_module: Callable[[str], str]) -> None:
    name = user_module("import threading\nwhere = threading.current_thread().name\ndef f(frame):\n    pass\n")
    stage = Stage(f"{name}:f")
    stage.attach()
    thread = threading.Thread(target=stage.line.run, name="transform")
    thread.start()
    stage.decoded.put(flat_picture(FIRST, 80))
    assert stage.ready.take(5) is not None
    stage.line.stop()
    thread.join(timeout=5)
    assert sys.modules[name].where == "transform"


def test_a_thread_whose_chain_cannot_be_built_stays_until_it_is_stopped() -> None:
    stage = Stage("blurr")
    thread = threading.Thread(target=stage.line.run)
    thread.start()
    stage.decoded.put(flat_picture(FIRST, 80))
    assert stage.ready.take(0.05) is None
    stage.line.stop()
    thread.join(timeout=5)
    assert not thread.is_alive()


def test_a_snapshot_once_a_second() -> None:
    stage = Stage()
    stage.attach()
    assert stage.line.open()
    for n in range(2 * SECOND + 1):
        stage.step(flat_picture(FIRST + n, 40 + n))
    snapshots = stage.outbox.of(wire.Snapshot)
    assert [snapshot.time_ns for snapshot in snapshots] == [GRID.start_ns(FIRST + n * SECOND) for n in range(3)]
    assert np.abs(slate.from_jpeg(snapshots[1].data, 96, 64)[:64].astype(int) - 40 - SECOND).mean() < 2
