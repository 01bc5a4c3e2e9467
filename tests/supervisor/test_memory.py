"""The data folder: what is remembered comes back, one relay at a time, and damage is survived."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest

from relay.errors import DataFolderError
from relay.model import Copied, Latency, LatencyProfile, Rung, StreamFormat
from relay.supervisor.formats import Remembered
from relay.supervisor.memory import DataFolder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

REMEMBERED = Remembered(
    StreamFormat(640, 360, Fraction(30000, 1001), False, Latency.INTERNET), 4, seen=True, key="k", last_msn=895_000_000
)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[DataFolder]:
    folder = DataFolder(tmp_path / "data")
    yield folder
    folder.close()


def test_what_is_remembered_comes_back(folder: DataFolder) -> None:
    assert folder.recall("door") is None
    folder.remember("door", REMEMBERED)
    assert folder.recall("door") == REMEMBERED
    assert folder.recall("yard") is None


def test_what_was_stored_before_there_were_ladders_and_profiles_still_is_understood(folder: DataFolder) -> None:
    path = folder.path / "streams" / "door.json"
    folder.remember("door", REMEMBERED)
    document = json.loads(path.read_text(encoding="utf-8"))
    del document["format"]["ladder"], document["format"]["latency_profile"]
    path.write_text(json.dumps(document), encoding="utf-8")
    assert folder.recall("door") == REMEMBERED
    rungs = (
        Rung("video", 640, 360, Fraction(15), 600, "fast", "main"),
        Rung("video-180p", 320, 180, Fraction(15), 200),
    )
    profile = LatencyProfile.BALANCED
    with_ladder = replace(REMEMBERED, format=replace(REMEMBERED.format, ladder=rungs, latency_profile=profile))
    folder.remember("door", with_ladder)
    assert folder.recall("door") == with_ladder


def test_what_was_stored_before_there_were_codecs_and_encoders_still_is_understood(folder: DataFolder) -> None:
    path = folder.path / "streams" / "door.json"
    rungs = (Rung("video", 640, 360, Fraction(15), 600), Rung("video-180p", 320, 180, Fraction(15), 200))
    remembered = replace(REMEMBERED, format=replace(REMEMBERED.format, ladder=rungs))
    folder.remember("door", remembered)
    document = json.loads(path.read_text(encoding="utf-8"))
    del document["format"]["encoder"]
    for rung in document["format"]["ladder"]:
        del rung["codec"]
    path.write_text(json.dumps(document), encoding="utf-8")
    assert folder.recall("door") == remembered
    hevc = replace(rungs[1], name="video-180p-hevc", codec="hevc")
    newer = replace(remembered, format=replace(remembered.format, ladder=(rungs[0], hevc), encoder="auto"))
    folder.remember("door", newer)
    assert folder.recall("door") == newer


def test_a_damaged_file_is_as_good_as_none(folder: DataFolder) -> None:
    folder.remember("door", REMEMBERED)
    (folder.path / "streams" / "door.json").write_text("{", encoding="utf-8")
    assert folder.recall("door") is None


def test_one_relay_at_a_time(folder: DataFolder) -> None:
    with pytest.raises(DataFolderError, match="another relay uses"):
        DataFolder(folder.path)
    folder.close()
    DataFolder(folder.path).close()


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(DataFolderError, match="cannot be used"):
        DataFolder(tmp_path / "file" / "data")


def test_a_folder_that_went_away(folder: DataFolder) -> None:
    (folder.path / "streams").rmdir()
    with pytest.raises(DataFolderError, match="cannot be written"):
        folder.remember("door", REMEMBERED)


def test_what_was_copied_before_its_name_was_kept_still_is_understood(folder: DataFolder) -> None:
    path = folder.path / "streams" / "door.json"
    cut = Copied("h264", 4, codecs="avc1.4d401f", video_range="PQ")
    copied = replace(REMEMBERED, format=replace(REMEMBERED.format, copied=cut))
    folder.remember("door", copied)
    document = json.loads(path.read_text(encoding="utf-8"))
    assert document["format"]["copied"].pop("codecs") == "avc1.4d401f"
    assert document["format"]["copied"].pop("video_range") == "PQ"
    path.write_text(json.dumps(document), encoding="utf-8")
    recalled = folder.recall("door")
    assert recalled == copied
    assert recalled.format.copied is not None
    assert (recalled.format.copied.codecs, recalled.format.copied.video_range) == ("", "SDR")
