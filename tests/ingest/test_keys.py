"""Push keys that nobody wrote down: made once, for their owner's eyes only."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from relay.config import StreamSettings
from relay.errors import DataFolderError
from relay.ingest import load_or_make_push_key, push_key_path

if TYPE_CHECKING:
    from pathlib import Path


def test_a_key_is_made_once_and_each_stream_has_its_own(tmp_path: Path) -> None:
    key = load_or_make_push_key(tmp_path, "cam")
    assert load_or_make_push_key(tmp_path, "cam") == key
    assert load_or_make_push_key(tmp_path, "door") != key
    assert push_key_path(tmp_path, "cam").stat().st_mode & 0o777 == 0o600
    StreamSettings(source="rtmp:", push_key=key)  # which settings would take too


def test_the_owner_may_change_it(tmp_path: Path) -> None:
    load_or_make_push_key(tmp_path, "cam")
    push_key_path(tmp_path, "cam").write_text("my-own-key-my-own-key\n")
    assert load_or_make_push_key(tmp_path, "cam") == "my-own-key-my-own-key"


def test_an_empty_file_is_no_key(tmp_path: Path) -> None:
    push_key_path(tmp_path, "cam").parent.mkdir()
    push_key_path(tmp_path, "cam").write_text("\n")
    assert len(load_or_make_push_key(tmp_path, "cam")) >= 24


def test_a_folder_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "streams").write_text("no folder")
    with pytest.raises(DataFolderError, match="push-key"):
        load_or_make_push_key(tmp_path, "cam")


def test_a_key_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "streams").symlink_to(tmp_path / "nowhere")
    with pytest.raises(DataFolderError, match=r"cam\.push-key cannot be written"):
        load_or_make_push_key(tmp_path, "cam")
