from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from relay.errors import ConfigError, OutputError
from relay.offline.unfinished import Unfinished

if TYPE_CHECKING:
    from pathlib import Path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_it_has_its_name_when_it_is_whole_and_not_before(tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    with Unfinished(target, overwrite=False) as unfinished:
        unfinished.path.write_text("half")
        assert not target.exists()
        assert unfinished.path.parent == tmp_path
        unfinished.path.write_text("whole")
        unfinished.keep()
    assert names(tmp_path) == ["out.mp4"]
    assert target.read_text() == "whole"


def test_what_is_not_kept_is_gone(tmp_path: Path) -> None:
    with Unfinished(tmp_path / "out.mp4", overwrite=False) as unfinished:
        unfinished.path.write_text("half")
    assert names(tmp_path) == []


def test_it_is_gone_after_an_error_also_where_somebody_took_it_away(tmp_path: Path) -> None:
    for is_taken in (False, True):
        with pytest.raises(RuntimeError), Unfinished(tmp_path / "out.mp4", overwrite=True) as unfinished:
            if is_taken:
                unfinished.path.unlink()
            raise RuntimeError
    assert names(tmp_path) == []


def test_what_is_there_is_not_touched_unless_that_is_asked_for(tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    target.write_text("old")
    with pytest.raises(ConfigError, match="is there already: give another name, or --overwrite"):
        Unfinished(target, overwrite=False)
    assert names(tmp_path) == ["out.mp4"]
    with Unfinished(target, overwrite=True) as unfinished:
        unfinished.path.write_text("new")
        assert target.read_text() == "old"
        unfinished.keep()
    assert target.read_text() == "new"


def test_a_link_that_leads_nowhere_is_there_too(tmp_path: Path) -> None:
    (tmp_path / "out.mp4").symlink_to(tmp_path / "gone.mp4")
    with pytest.raises(ConfigError, match="is there already"):
        Unfinished(tmp_path / "out.mp4", overwrite=False)


def test_what_came_into_being_meanwhile_is_not_replaced_and_nothing_is_lost(tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    with pytest.raises(OutputError, match="has come into being meanwhile"), Unfinished(target, overwrite=False) as made:
        made.path.write_text("new")
        target.write_text("theirs")
        made.keep()
    assert target.read_text() == "theirs"
    assert made.path.read_text() == "new"


def test_a_name_that_cannot_be_had_at_the_end_loses_nothing(tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    with pytest.raises(OutputError, match="what was made is"), Unfinished(target, overwrite=True) as made:
        made.path.write_text("new")
        target.mkdir()
        made.keep()
    assert made.path.read_text() == "new"


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "out.mp4").mkdir()
    with pytest.raises(ConfigError, match="is a folder"):
        Unfinished(tmp_path / "out.mp4", overwrite=True)


@pytest.mark.parametrize("place", ["gone/out.mp4", "file/out.mp4", "x" * 300 + "/out.mp4"])
def test_where_nothing_can_be_written_that_is_said_at_once(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="nothing can be written there"):
        Unfinished(tmp_path / place, overwrite=False)
