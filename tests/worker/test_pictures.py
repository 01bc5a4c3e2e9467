"""What leaves the owner's chain is shown, fitted to the stream; what does not is not, and the owner is told why."""

from __future__ import annotations

import sys
import threading
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pytest
from structlog.testing import capture_logs

from fixtures.links import CLOCK
from fixtures.worker import FIRST, GRID, SMALL, Outbox, SteppedClock, flat, flat_picture
from relay import slate, wire
from relay.config import StreamSettings, TransformSettings
from relay.links import Emitted
from relay.model import Picture, StreamState
from relay.timeline import NS_PER_S
from relay.transform import Setup
from relay.worker.board import Board
from relay.worker.handoff import Handoff
from relay.worker.noticing import PATIENCE_NS
from relay.worker.pictures import PictureLine

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from relay.model import Matrix

SECOND = 15
FLAKY = """
def fail_on_odd(frame):
    if frame.slot % 2:
        raise ValueError("odd")
    frame.y[:] = 200
"""
TELLS_MATRIX = "def tell(frame): frame.emit('seen', matrix=frame.matrix)\n"


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

    def attach(self, matrix: Matrix = SMALL.matrix) -> None:
        self.line.attach(replace(SMALL, matrix=matrix), self.ready)

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


def test_transforms_know_the_matrix_of_the_stream(user_module: Callable[[str], str]) -> None:
    stage = Stage(f"{user_module(TELLS_MATRIX)}:tell")
    stage.attach(matrix="smpte170m")
    assert stage.line.open()
    stage.step(flat_picture(FIRST, 80))
    assert [told.event.data for told in stage.outbox.of(wire.Noticed)] == [{"matrix": "smpte170m"}]


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


# Transforms that hold pictures, hide something, stop, are slow, or notice something.


def test_pictures_that_a_transform_holds_come_one_by_one_with_their_slots() -> None:
    stage = Stage("fixtures.links:Holds frames=2")
    stage.attach()
    assert stage.line.open()
    shown = [stage.step(flat_picture(FIRST + n, 80)) for n in range(4)]
    assert [picture.slot if picture else None for picture in shown] == [None, None, FIRST, FIRST + 1]
    assert stage.board.gauges["transform_delay_ms"] == pytest.approx(2000 / SECOND)
    (figures,) = stage.line.figures()
    assert (figures.delay_frames, figures.runs) == (2, 4)


def test_what_is_held_is_let_go_when_nothing_comes_any_more() -> None:
    stage = Stage("fixtures.links:Holds frames=2")
    stage.attach()
    stage.line.idle()
    assert stage.line.open()
    stage.line.idle()
    for n in range(2):
        assert stage.step(flat_picture(FIRST + n, 80)) is None
    for waited_s, slot in ((0.4, None), (0.2, FIRST), (0.0, FIRST + 1), (5.0, None)):
        stage.clock.advance(waited_s)
        stage.line.idle()
        picture = stage.ready.take(0)
        assert (picture.slot if picture else None) == slot
    assert stage.step(flat_picture(FIRST + 100, 80)) is None


def test_what_hides_something_shows_black_and_the_owner_is_told_why() -> None:
    stage = Stage(f"fixtures.links:Hides fails_on={FIRST}", "timestamp timezone=UTC size=8")
    stage.attach()
    assert stage.line.open()
    black = stage.step(flat_picture(FIRST, 80))
    assert black is not None
    assert (black.i420[:64] == 16).all()
    assert stage.board.counters["transform_failures"] == 1
    (figures, _) = stage.line.figures()
    assert figures.is_failing
    assert stage.board.health().state is StreamState.LIVE
    assert stage.step(flat_picture(FIRST + 1, 80)) is not None


def test_what_cannot_be_opened_is_fatal_and_nothing_is_shown() -> None:
    stage = Stage("fixtures.links:Hides opens=not")
    stage.attach()
    assert not stage.line.open()
    (health,) = stage.outbox.of(wire.Health)
    assert health.fatal
    assert health.health.detail == "Hides: there is no model: give model=PATH"
    assert stage.step(flat_picture(FIRST, 80)) is None
    assert stage.outbox.of(wire.Snapshot) == []
    stage.line.close()


def test_a_transform_that_stops_the_stream_stops_it_for_good_and_says_why() -> None:
    stage = Stage(f"fixtures.links:Paints fails_on={FIRST + 1} on_failure=stop")
    stage.attach()
    assert stage.line.open()
    assert stage.step(flat_picture(FIRST, 80)) is not None
    for n in range(1, 3 * SECOND):
        assert stage.step(flat_picture(FIRST + n, 80)) is None
    stage.line.idle()
    health = stage.board.health()
    assert health.state is StreamState.SLATE
    assert health.reason == "the picture cannot be prepared"
    assert f"Paints raised ValueError: not slot {FIRST + 1}" in health.detail
    assert stage.board.counters["transform_failures"] == 1
    assert len(stage.outbox.of(wire.Snapshot)) == 1


def test_what_a_transform_notices_is_sent() -> None:
    stage = Stage("fixtures.links:Looks emits=motion")
    assert stage.line.open()
    picture = flat_picture(FIRST, 80)
    stage.step(picture)
    (noticed,) = stage.outbox.of(wire.Noticed)
    assert noticed.event == Emitted("motion", picture.time_ns, {"slot": FIRST})


class TestThePictureOfAnEvent:
    """It is of a frame that left the chain, whatever the link saw that noticed something."""

    NOTICES = "fixtures.links:Looks emits=motion"

    def noticed(self, *links: str, slots: int) -> list[tuple[int, int | None]]:
        """By slot, the luma of the picture of what was noticed in it, of frames whose luma is 80."""
        stage = Stage(self.NOTICES, *links)
        stage.attach()
        assert stage.line.open()
        for n in range(slots):
            stage.step(flat_picture(FIRST + n * SECOND, 80))
        return [(one.event.data["slot"] - FIRST, luma_of(one.data)) for one in stage.outbox.of(wire.Noticed)]

    def test_what_is_hidden_behind_the_link_is_hidden_in_it(self) -> None:
        assert self.noticed("fixtures.links:Hides luma=200", slots=2) == [(0, 200), (SECOND, 200)]

    def test_where_hiding_fails_it_is_black(self) -> None:
        assert self.noticed("fixtures.links:Hides fails=true", slots=1) == [(0, 16)]

    def test_it_waits_for_links_that_hold_the_frame(self) -> None:
        stage = Stage(self.NOTICES, "fixtures.links:HidesLater frames=2 luma=200")
        stage.attach()
        assert stage.line.open()
        for n in range(2):
            stage.step(flat_picture(FIRST + n, 80))
        assert stage.outbox.of(wire.Noticed) == []
        stage.step(flat_picture(FIRST + 2, 80))
        assert [luma_of(one.data) for one in stage.outbox.of(wire.Noticed)] == [200, None, None]

    def test_of_frames_that_do_not_leave_the_chain_there_is_none(self) -> None:
        told = self.noticed("fixtures.links:Paints fails=true on_failure=freeze", slots=4)
        assert told == [(0, None), (SECOND, None)], "after a while, and the others then"

    def test_what_still_waits_is_told_when_the_line_ends_and_when_nothing_comes(self) -> None:
        stage = Stage(self.NOTICES, "fixtures.links:Paints fails=true on_failure=freeze")
        stage.attach()
        assert stage.line.open()
        stage.step(flat_picture(FIRST, 80))
        stage.clock.advance(PATIENCE_NS / NS_PER_S)
        stage.line.idle()
        assert len(stage.outbox.of(wire.Noticed)) == 1
        stage.step(flat_picture(FIRST + 3 * SECOND, 80))
        stage.line.close()
        assert [one.data for one in stage.outbox.of(wire.Noticed)] == [b"", b""]


def luma_of(jpeg: bytes) -> int | None:
    return round(float(slate.from_jpeg(jpeg, 96, 64)[:64].mean())) if jpeg else None


def test_a_chain_that_is_too_slow_says_so_and_that_it_keeps_up_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relay.worker.pictures.Setup", partial(Setup, clock=CLOCK))
    stage = Stage("fixtures.links:Looks takes_s=0.1")
    stage.attach()
    assert stage.line.open()
    with capture_logs() as logs:
        for n in range(3 * SECOND):
            stage.step(flat_picture(FIRST + n, 80))
    assert stage.board.gauges["transform_load"] == pytest.approx(0.75)
    (figures,) = stage.line.figures()
    assert (figures.every, figures.rested > 0) == (2, True)
    assert logs == [
        {
            "event": "the transforms are slower than the frames",
            "log_level": "warning",
            "load": 0.75,
            "resting": "Looks",
            "every": 2,
        }
    ]
    monkeypatch.setattr("fixtures.links.Looks.apply", lambda *_: None)
    with capture_logs() as logs:
        for n in range(3 * SECOND, 30 * SECOND):
            stage.step(flat_picture(FIRST + n, 80))
    assert stage.line.figures()[0].every == 1
    assert [line["event"] for line in logs] == ["the transforms keep up with the frames again"]


def test_a_transform_that_does_not_come_back_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage("fixtures.links:Paints")
    stage.attach()
    assert stage.line.figures() == ()
    assert stage.line.open()
    stage.step(flat_picture(FIRST, 80))
    told = []

    def stuck(*_: object) -> None:
        stage.clock.advance(5)
        for since_s in (1.0, 3.0):
            monkeypatch.setattr("relay.transform.chain.Chain.at_work", lambda _, s=since_s: ("Paints", s))
            stage.line.figures()
            told.append(stage.board.health().detail)

    monkeypatch.setattr("fixtures.links.Paints.apply", stuck)
    stage.step(flat_picture(FIRST + 1, 80))
    assert told == ["", "Paints does not come to an end with a picture"]


def test_the_thread_closes_the_transforms_that_it_has_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[str] = []
    monkeypatch.setattr("fixtures.links.Paints.close", lambda _: closed.append(threading.current_thread().name))
    stage = Stage("fixtures.links:Paints")
    stage.attach()
    thread = threading.Thread(target=stage.line.run, name="transform")
    thread.start()
    stage.decoded.put(flat_picture(FIRST, 80))
    assert stage.ready.take(5) is not None
    stage.line.stop()
    thread.join(timeout=5)
    assert closed == ["transform"]
