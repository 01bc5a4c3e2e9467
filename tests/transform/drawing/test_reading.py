"""The last good reading stays, a failure is told once, and the thread ends when it should."""

from __future__ import annotations

import threading

import structlog.testing

from relay.errors import TransformError
from relay.transform.drawing.reading import Reader, Reading


class Source:
    """Says what it is told to say, or fails with it."""

    def __init__(self) -> None:
        self.says: str | TransformError = "first"
        self.now_s = 100.0

    def read(self) -> str:
        if isinstance(self.says, TransformError):
            raise self.says
        return self.says

    def clock(self) -> float:
        return self.now_s


def test_the_last_good_reading_stays_with_its_time() -> None:
    source = Source()
    reader = Reader("it", source.read, 1.0, source.clock)
    before = reader.newest
    assert before is None
    reader.step()
    assert reader.newest == Reading("first", 100.0)
    source.says, source.now_s = TransformError("gone"), 150.0
    reader.step()
    assert reader.newest == Reading("first", 100.0)
    source.says = "second"
    reader.step()
    assert reader.newest == Reading("second", 150.0)


def test_a_failure_is_told_once_and_its_end_too() -> None:
    source = Source()
    reader = Reader("it", source.read, 1.0, source.clock)
    with structlog.testing.capture_logs() as told:
        for says in ("a", TransformError("gone"), TransformError("gone"), TransformError("late"), "b", "c"):
            source.says = says
            reader.step()
    assert [(line["event"], line.get("reason")) for line in told] == [
        ("data cannot be read", "gone"),
        ("data cannot be read", "late"),
        ("data can be read again", None),
    ]
    assert {line["source"] for line in told} == {"it"}


def test_the_thread_reads_again_and_again_until_it_is_stopped() -> None:
    third = threading.Event()
    count = 0

    def read() -> str:
        nonlocal count
        count += 1
        if count == 3:
            third.set()
        return str(count)

    reader = Reader("it", read, 0.001)
    reader.start()
    assert third.wait(20)
    reader.stop()
    assert not reader._thread.is_alive()
    assert reader.newest is not None


def test_a_read_that_hangs_holds_nobody_up() -> None:
    begun, let_go = threading.Event(), threading.Event()

    def read() -> str:
        begun.set()
        let_go.wait(20)
        return "late"

    reader = Reader("it", read, 1.0)
    reader.start()
    assert begun.wait(20)
    assert reader.newest is None
    reader.stop()
    let_go.set()
    reader._thread.join(20)
    assert not reader._thread.is_alive()


def test_a_reader_that_was_never_started_can_be_stopped() -> None:
    Reader("it", lambda: "", 1.0).stop()
