"""What was read last is in the picture, it is marked when it is old, and pictures never wait for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from pydantic import ValidationError

from fixtures.transforms import applied, moment, plain
from relay.transform import Frame
from relay.transform.drawing.data import Data
from relay.transform.drawing.reading import Reader
from relay.transform.drawing.text import Text

if TYPE_CHECKING:
    from pathlib import Path

    from relay.pixels import I420


class Clock:
    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def reading(source: Path, clock: Clock, **parameters: Any) -> Data:
    """The transform with a reader that is stepped by hand, and not by its thread."""
    link = Data.model_validate({"source": str(source), **parameters})
    link._reader = Reader(str(source), link._read, link.interval_s, clock)
    return link


def step(link: Data) -> None:
    assert link._reader is not None
    link._reader.step()


def shown(link: Data) -> I420:
    frame = Frame(moment(plain(320, 180)))
    link.apply(frame)
    return frame.picture().i420


def text(words: str) -> I420:
    return applied(Text(text=words), moment(plain(320, 180)))[0].i420


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return tmp_path / "weather.json"


def test_what_was_read_is_written(source: Path) -> None:
    source.write_text("  21 degrees\n")
    link = reading(source, Clock())
    np.testing.assert_array_equal(shown(link), plain(320, 180))
    step(link)
    np.testing.assert_array_equal(shown(link), text("21 degrees"))
    source.write_text("22 degrees")
    step(link)
    np.testing.assert_array_equal(shown(link), text("22 degrees"))


def test_a_template_takes_what_it_names(source: Path) -> None:
    source.write_text('{"t": 21.46, "wind": {"speed": 3}}')
    link = reading(source, Clock(), template="{t:1} C\\n{wind.speed} m/s")
    step(link)
    np.testing.assert_array_equal(shown(link), text("21.5 C\\n3 m/s"))


def test_what_is_old_is_marked_and_stays(source: Path) -> None:
    clock = Clock()
    source.write_text("21")
    link = reading(source, clock, stale_after_s=30, stale_mark="(since noon)")
    step(link)
    source.unlink()
    clock.now_s += 30
    step(link)
    np.testing.assert_array_equal(shown(link), text("21"))
    clock.now_s += 1
    np.testing.assert_array_equal(shown(link), text("21 (since noon)"))
    source.write_text("22")
    step(link)
    np.testing.assert_array_equal(shown(link), text("22"))


def test_where_nothing_ever_came_it_is_said(source: Path) -> None:
    clock = Clock()
    link = reading(source, clock, stale_after_s=30)
    step(link)
    np.testing.assert_array_equal(shown(link), plain(320, 180))
    clock.now_s += 31
    np.testing.assert_array_equal(shown(link), text("no data"))


def test_it_reads_in_a_thread_from_open_to_close(source: Path) -> None:
    source.write_text("21")
    link = Data(source=str(source), interval_s=0.2)
    link.open()
    reader = link._reader
    assert reader is not None
    step(link)
    np.testing.assert_array_equal(shown(link), text("21"))
    link.close()
    assert not reader._thread.is_alive()
    np.testing.assert_array_equal(shown(link), plain(320, 180))
    link.close()


def test_bytes_that_are_no_text_are_shown_as_far_as_they_go(source: Path) -> None:
    source.write_bytes(b"\xef\xbb\xbf21\xff\x00 C")
    link = reading(source, Clock())
    step(link)
    assert link._reader is not None
    assert link._reader.newest is not None
    assert link._reader.newest.text == "21\ufffd  C"


@pytest.mark.parametrize("source", ["", "ftp://host/x", "http:///x"])
def test_what_cannot_be_read_is_refused(source: str) -> None:
    with pytest.raises(ValidationError):
        Data(source=source)


def test_its_address_is_not_in_its_repr() -> None:
    assert "hunter2" not in repr(Data(source="http://me:hunter2@host/x"))
