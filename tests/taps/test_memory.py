"""A reader is given whole pictures and new ones, whatever the writer does, and nothing that a file merely claims."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from fixtures.processes import wait_for
from fixtures.taps import FRESH_NS, RED, Looker, Stream, Ticker
from relay.model import Picture
from relay.taps import Sight, TapReader, memory
from relay.timeline import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Callable

    from relay.pixels import I420


@pytest.fixture
def stream(tmp_path: Path, ticker: Ticker) -> Stream:
    return Stream(tmp_path, "door", ticker)


@pytest.fixture
def looker(tmp_path: Path, ticker: Ticker) -> Looker:
    return Looker(tmp_path, "door", ticker)


def grey(luma: int) -> tuple[int, int, int]:
    return (luma, 128, 128)


def half_write(stream: Stream, luma: int) -> Callable[[], None]:
    """Stop the writer between its two words: the upper half of a picture is there. What comes back ends it."""
    file = stream.writer._file
    assert file is not None
    index = stream.writer._begin(file)
    file.pictures[index][:18] = luma
    picture = Picture(stream.slot + 1, 0, file.pictures[index])
    return lambda: stream.writer._finish(file, index, picture)


def test_a_picture_is_given_once_with_all_that_is_known_of_it(stream: Stream, looker: Looker, ticker: Ticker) -> None:
    assert looker.look() is Sight.AWAY
    picture = stream.show(RED, matrix="smpte170m")
    ticker.advance(0.3)
    assert looker.look() is Sight.NEW
    (seen,) = looker.given
    assert (seen.slot, seen.time_ns, seen.matrix) == (picture.slot, picture.time_ns, "smpte170m")
    np.testing.assert_array_equal(seen.i420, picture.i420)
    assert looker.look() is Sight.SAME
    stream.show(grey(50), matrix="smpte170m")
    assert looker.look() is Sight.NEW
    assert looker.lumas == [{63}, {50}]


def test_what_is_old_is_shown_no_more(stream: Stream, looker: Looker, ticker: Ticker, tmp_path: Path) -> None:
    stream.show(RED)
    looker.look()
    ticker.advance(FRESH_NS / NS_PER_S)
    assert looker.look() is Sight.SAME
    ticker.advance(0.001)
    assert looker.look() is Sight.AWAY
    late = Looker(tmp_path, "door", ticker)
    assert (late.look(), late.given) == (Sight.AWAY, []), "who looks for the first time is not given it either"
    stream.show(RED)
    assert looker.look() is Sight.NEW


def test_a_picture_of_the_future_is_not_believed(stream: Stream, looker: Looker, ticker: Ticker) -> None:
    ticker.advance(3600)
    stream.show(RED)
    ticker.advance(-3600)
    assert (looker.look(), looker.given) == (Sight.AWAY, [])


def test_who_looks_while_a_picture_is_written_sees_the_one_before(stream: Stream, looker: Looker) -> None:
    for luma in (60, 80):
        stream.show(grey(luma))
    finish = half_write(stream, 200)
    assert looker.look() is Sight.NEW
    assert looker.lumas == [{80}]
    assert looker.look() is Sight.SAME
    finish()
    assert looker.look() is Sight.NEW
    assert looker.given[-1].slot == stream.slot + 1


def test_one_that_is_overtaken_takes_the_next_and_never_half_of_one(stream: Stream, looker: Looker) -> None:
    for luma in (60, 80):
        stream.show(grey(luma))

    def overtake() -> None:
        if len(looker.given) == 1:
            stream.show(grey(100))
            half_write(stream, 7)

    looker.then = overtake
    assert looker.look() is Sight.NEW
    assert looker.lumas == [{7, 80}, {100}], "what was torn was looked at, and does not count"


def test_one_that_is_overtaken_each_time_keeps_what_it_has(stream: Stream, looker: Looker, ticker: Ticker) -> None:
    stream.show(grey(60))
    looker.look()

    def overtake() -> None:
        stream.show(grey(100))
        stream.show(grey(120))

    looker.then = overtake
    stream.show(grey(80))
    assert looker.look() is Sight.SAME
    assert len(looker.given) == 1 + memory.ATTEMPTS
    looker.then = lambda: None
    assert looker.look() is Sight.NEW
    assert looker.lumas[-1] == {120}


def test_a_writer_that_died_over_a_picture_leaves_the_one_before_until_it_is_old(
    stream: Stream, looker: Looker, ticker: Ticker, tmp_path: Path
) -> None:
    stream.show(grey(60))
    stream.show(grey(80))
    half_write(stream, 200)
    assert (looker.look(), looker.lumas) == (Sight.NEW, [{80}])
    ticker.advance(2.1)
    assert looker.look() is Sight.AWAY
    heir = Stream(tmp_path, "door", ticker)
    heir.show(grey(90))
    ticker.advance(0.3)
    assert looker.look() is Sight.NEW
    assert looker.lumas == [{80}, {90}]


def test_another_size_is_another_file_which_readers_find(stream: Stream, looker: Looker, ticker: Ticker) -> None:
    stream.show(grey(60))
    looker.look()
    assert looker.reader.size == (64, 36)
    stream.show(grey(80), width=128, height=72)
    assert looker.look() is Sight.SAME
    ticker.advance(0.3)
    assert looker.look() is Sight.NEW
    assert looker.reader.size == (128, 72)
    assert looker.given[-1].i420.shape == (108, 128)
    stream.show(grey(90), width=2, height=2)
    ticker.advance(0.3)
    assert (looker.look(), looker.lumas[-1]) == (Sight.NEW, {90})


def test_what_was_taken_can_be_asked_for_again(stream: Stream, looker: Looker) -> None:
    stream.show(RED)
    looker.look()
    looker.reader.forget()
    assert looker.look() is Sight.NEW


def test_a_writer_that_ends_leaves_nothing_but_for_who_has_it(
    stream: Stream, looker: Looker, ticker: Ticker, tmp_path: Path
) -> None:
    stream.show(RED)
    looker.look()
    stream.writer.close()
    stream.writer.close()
    assert list(tmp_path.iterdir()) == []
    ticker.advance(0.3)
    assert looker.look() is Sight.SAME
    ticker.advance(2)
    assert looker.look() is Sight.AWAY
    assert looker.reader.size is None


def test_a_writer_that_outlives_its_heir_neither_shows_nor_removes_anything(
    stream: Stream, looker: Looker, ticker: Ticker, tmp_path: Path
) -> None:
    stream.show(grey(60))
    heir = Stream(tmp_path, "door", ticker)
    heir.show(grey(90))
    stream.show(grey(200))
    stream.writer.close()
    assert (looker.look(), looker.lumas) == (Sight.NEW, [{90}])
    assert [path.name for path in tmp_path.iterdir()] == ["door.tap"]


def test_files_are_for_nobody_else(stream: Stream, tmp_path: Path) -> None:
    stream.show(RED)
    assert (tmp_path / "door.tap").stat().st_mode & 0o777 == 0o600


def test_without_room_nothing_is_left_and_it_is_said(
    stream: Stream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int, __: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(memory, "_reserve", full)
    with pytest.raises(OSError, match="No space left"):
        stream.show(RED)
    assert list(tmp_path.iterdir()) == []
    stream.writer.close()


def test_all_of_a_files_memory_is_reserved_before_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with path.open("w+b") as file:
        memory._reserve(file.fileno(), 3_000_000)
    found = path.stat()
    assert found.st_size == 3_000_000
    assert found.st_blocks * 512 >= 3_000_000


# What stands in a file is believed only as far as it can be true.


@pytest.mark.parametrize(
    ("word", "value"),
    [
        (0, 7),
        (1, 2),
        (2, 65),
        (2, 0),
        (2, -64),
        (2, 128),
        (2, 1 << 40),
        (3, 37),
        (3, 1 << 62),
        (4, 2),
        (4, -1),
        (5, 0),
        (5, 1 << 60),
        (6, 2),
        (6, -9),
    ],
)
def test_a_header_that_cannot_be_true_is_no_picture(
    stream: Stream, looker: Looker, tmp_path: Path, word: int, value: int
) -> None:
    stream.show(RED)
    path = tmp_path / "door.tap"
    words = np.fromfile(path, np.int64)
    words[word] = value
    words.tofile(path)
    assert (looker.look(), looker.given) == (Sight.AWAY, [])


def be_a_folder(path: Path) -> None:
    path.mkdir()


def be_a_pipe(path: Path) -> None:
    os.mkfifo(path)


def be_a_link(path: Path) -> None:
    other = path.with_name("other.tap")
    path.rename(other)
    path.symlink_to(other)


def be_cut_off(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:-1])


def be_short(path: Path) -> None:
    path.write_bytes(b"relaytap")


@pytest.mark.parametrize("change", [be_a_folder, be_a_pipe, be_a_link, be_cut_off, be_short])
def test_what_no_writer_makes_is_no_picture(
    stream: Stream, looker: Looker, tmp_path: Path, change: Callable[[Path], None]
) -> None:
    if change not in (be_a_folder, be_a_pipe):
        stream.show(RED)
    change(tmp_path / "door.tap")
    assert (looker.look(), looker.given) == (Sight.AWAY, [])


WRITER = """
import sys
from pathlib import Path
from fixtures.taps import Stream
import time
stream = Stream(Path(sys.argv[1]), "door", time.monotonic_ns, 500_000_000)
luma = 16
while True:
    luma = luma + 1 if luma < 235 else 16
    stream.show((luma, 128, 128), 640, 360)
"""


def test_another_process_that_never_rests_and_is_killed(tmp_path: Path) -> None:
    reader = TapReader(tmp_path, "door")
    copies: list[I420] = []
    lumas: list[set[int]] = []

    def look() -> bool:
        copies.clear()
        if reader.look(lambda seen: copies.append(seen.i420.copy())) is Sight.NEW:
            lumas.append(set(np.unique(copies[-1][:360]).tolist()))
        return len(lumas) >= 50

    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], cwd=Path(__file__).parents[2])
    try:
        wait_for(look, 20, "fifty pictures", every_s=0.0)
    finally:
        writer.send_signal(signal.SIGKILL)
        writer.wait()
    assert [found for found in lumas if len(found) != 1] == [], "each is of one grey"
    wait_for(lambda: reader.look(lambda _: None) is Sight.AWAY, 5, "the end of what it left")
