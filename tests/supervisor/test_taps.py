"""The folder for pictures of other streams: for nobody else, found again by a relay that follows a killed one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from relay.errors import DataFolderError
from relay.supervisor import TapFolder, taps


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "data"
    path.mkdir()
    return path


@pytest.fixture
def place(tmp_path: Path) -> Path:
    path = tmp_path / "shared"
    path.mkdir()
    return path


def test_it_is_there_for_its_owner_alone_and_gone_at_the_end(data: Path, place: Path) -> None:
    folder = TapFolder(data, 2, [place])
    path = Path(folder.path)
    assert path.parent == place
    assert path.stat().st_mode & 0o777 == 0o700
    (path / "door.tap").write_bytes(b"picture")
    folder.close()
    assert list(place.iterdir()) == []
    folder.close()


def test_what_a_killed_relay_left_is_removed_at_the_next_start(data: Path, place: Path, tmp_path: Path) -> None:
    left = Path(TapFolder(data, 1, [place]).path)
    (left / "door.tap").write_bytes(b"picture")
    again = TapFolder(data, 1, [place])
    assert again.path == str(left)
    assert list(left.iterdir()) == []
    (left / "door.tap").write_bytes(b"picture")
    without = TapFolder(data, 0, [place])
    assert (without.path, list(place.iterdir())) == ("", [])
    without.close()


def test_each_data_folder_has_its_own(data: Path, place: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    one, other = TapFolder(data, 1, [place]), TapFolder(tmp_path / "other", 1, [place])
    assert one.path != other.path
    other.close()
    assert Path(one.path).is_dir()


def test_where_there_is_no_room_or_no_right_the_next_place_is_taken(
    data: Path, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Path(TapFolder(data, 1, [tmp_path / "none", place]).path).parent == place
    other = tmp_path / "small"
    other.mkdir()
    monkeypatch.setattr(taps, "_has_room", lambda path, room_bytes: path == other and room_bytes == 3 * taps.ROOM_BYTES)
    assert Path(TapFolder(data, 3, [place, other]).path).parent == other
    monkeypatch.setattr(taps, "_has_room", lambda *_: False)
    assert Path(TapFolder(data, 1, [place, other]).path).parent == place


def test_leftovers_are_removed_wherever_they_are(data: Path, place: Path, tmp_path: Path) -> None:
    other = tmp_path / "other place"
    other.mkdir()
    left = Path(TapFolder(data, 1, [other]).path)
    TapFolder(data, 1, [place, other])
    assert not left.exists()


def test_what_is_somebody_elses_is_neither_used_nor_removed(
    data: Path, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = TapFolder(data, 1, [place])
    first.close()
    trap = tmp_path / "trap"
    trap.mkdir()
    (trap / "precious").write_text("here")
    Path(first.path).symlink_to(trap)
    other = tmp_path / "other place"
    other.mkdir()
    assert Path(TapFolder(data, 1, [place, other]).path).parent == other
    assert (trap / "precious").exists()
    Path(first.path).unlink()
    Path(first.path).mkdir()
    uid = os.getuid()
    name = Path(first.path).name
    monkeypatch.setattr(os, "getuid", lambda: uid + 1)
    renamed = place / name.replace(f"-{uid}-", f"-{uid + 1}-")
    renamed.mkdir()
    with pytest.raises(DataFolderError, match=r"no folder for their pictures can be made in .*File exists; set TMPDIR"):
        TapFolder(data, 1, [place])
    assert renamed.is_dir()


def test_a_relay_whose_streams_do_not_show_each_other_needs_no_place(data: Path, tmp_path: Path) -> None:
    assert TapFolder(data, 0, [tmp_path / "none"]).path == ""
    with pytest.raises(DataFolderError, match="No such file"):
        TapFolder(data, 1, [tmp_path / "none"])
    with pytest.raises(DataFolderError, match="there is no place for it"):
        TapFolder(data, 1, [])


def test_the_usual_places_end_with_the_one_for_temporary_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("relay.supervisor.taps.tempfile.gettempdir", lambda: str(tmp_path))
    assert taps.usual_places()[-1] == tmp_path
    monkeypatch.setattr("relay.supervisor.taps.sys.platform", "darwin")
    assert taps.usual_places() == [tmp_path]
