"""An X11 screen as a source, in a server that shows it to nobody else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fixtures.screen import Screen
from relay.config import StreamSettings
from relay.errors import SourceUnreachableError, SourceUnsupportedError
from relay.source import open_source

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from relay.model import SourceInfo

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def display(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with Screen(tmp_path_factory.mktemp("screen")) as screen:
        yield screen.display


def look(source: str, **settings: object) -> SourceInfo:
    """What the screen says of itself, after a picture was seen on it."""
    opened = open_source(StreamSettings.model_validate({"source": source, "input_rate": 10, **settings}), "cam")
    try:
        packet = next(item for item in opened.media() if item is not None)
        (frame,) = packet.decode()  # type: ignore[union-attr]  # a container gives packets alone
        assert (frame.width, frame.height) == (opened.info.width, opened.info.height)
        assert opened.is_live
        return opened.info
    finally:
        opened.close()


def test_all_of_it_and_a_part_of_it(display: str, monkeypatch: pytest.MonkeyPatch) -> None:
    info = look(f"screen:{display}")
    assert (info.width, info.height, info.rate) == (640, 480, 10)
    info = look(f"screen:{display}+100,50", input_size="320x240")
    assert (info.width, info.height) == (320, 240)
    monkeypatch.setenv("DISPLAY", display)
    assert look("screen:").width == 640


def test_what_is_not_on_it(display: str) -> None:
    for source, settings in ((f"screen:{display}+100,50", {}), (f"screen:{display}", {"input_size": "800x600"})):
        with pytest.raises(SourceUnsupportedError, match="set an input_size that fits"):
            look(source, **settings)


def test_a_display_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SourceUnreachableError, match="no such X11 display"):
        look("screen::4711")
