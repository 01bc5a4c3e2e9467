from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from relay.errors import ConfigError, OutputError
from relay.offline.unfinished import Unfinished

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def make(target: Path, meanwhile: Callable[[Path], object], *, overwrite: bool = False) -> None:
    """Make a file, in which stands "new", and do something with its path before it is kept."""
    with Unfinished(target, overwrite=overwrite) as made:
        made.path.write_text("new")
        meanwhile(made.path)
        made.keep()


def fail(_: Path) -> None:
    raise RuntimeError


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def left_over(folder: Path) -> str:
    """What stands in the file that has no name yet."""
    (path,) = folder.glob(".relay-*.part")
    return path.read_text()


def test_it_has_its_name_when_it_is_whole_and_not_before(tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    seen: list[list[str]] = []
    make(target, lambda path: seen.append(names(path.parent)))
    (before,) = seen
    assert len(before) == 1
    assert before[0] != "out.mp4"
    assert names(tmp_path) == ["out.mp4"]
    assert target.read_text() == "new"


def test_what_is_not_kept_is_gone(tmp_path: Path) -> None:
    with Unfinished(tmp_path / "out.mp4", overwrite=False) as unfinished:
        unfinished.path.write_text("half")
    assert names(tmp_path) == []


def test_it_is_gone_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError):
        make(tmp_path / "out.mp4", fail)
    assert names(tmp_path) == []


def test_it_is_gone_also_where_somebody_took_it_away(tmp_path: Path) -> None:
    with Unfinished(tmp_path / "out.mp4", overwrite=False) as unfinished:
        unfinished.path.unlink()
    assert names(tmp_path) == []


def test_what_is_there_is_not_touched(tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    target.write_text("old")
    with pytest.raises(ConfigError, match="is there already: give another name, or --overwrite"):
        Unfinished(target, overwrite=False)
    assert names(tmp_path) == ["out.mp4"]
    assert target.read_text() == "old"


def test_what_may_be_replaced_is_there_until_the_new_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    target.write_text("old")
    seen: list[str] = []
    make(target, lambda _: seen.append(target.read_text()), overwrite=True)
    assert (seen, target.read_text()) == (["old"], "new")
    with pytest.raises(RuntimeError):
        make(target, fail, overwrite=True)
    assert target.read_text() == "new"


def test_a_link_that_leads_nowhere_is_there_too(tmp_path: Path) -> None:
    (tmp_path / "out.mp4").symlink_to(tmp_path / "gone.mp4")
    with pytest.raises(ConfigError, match="is there already"):
        Unfinished(tmp_path / "out.mp4", overwrite=False)


def test_what_came_into_being_meanwhile_is_not_replaced_and_nothing_is_lost(tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    with pytest.raises(OutputError, match="has come into being meanwhile"):
        make(target, lambda _: target.write_text("theirs"))
    assert target.read_text() == "theirs"
    assert left_over(tmp_path) == "new"


def test_a_name_that_cannot_be_had_at_the_end_loses_nothing(tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    with pytest.raises(OutputError, match="what was made is"):
        make(target, lambda _: target.mkdir(), overwrite=True)
    assert left_over(tmp_path) == "new"


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "out.mp4").mkdir()
    with pytest.raises(ConfigError, match="is a folder"):
        Unfinished(tmp_path / "out.mp4", overwrite=True)


@pytest.mark.parametrize(
    "place", ["gone/out.mp4", "file/out.mp4", "x" * 300 + "/out.mp4"], ids=["gone", "file", "long"]
)
def test_where_nothing_can_be_written_that_is_said_at_once(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="nothing can be written there"):
        Unfinished(tmp_path / place, overwrite=False)
