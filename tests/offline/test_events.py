"""What is noticed in a film is in a file of its own: each event once, at the film's time; all of them, or no file."""

from __future__ import annotations

import json
import tracemalloc
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fixtures.films import job_for, numbered, write_film
from relay.errors import ConfigError, OutputError, TransformError
from relay.links import Emitted
from relay.offline import Halt, process
from relay.offline.events import EventLog

if TYPE_CHECKING:
    from fixtures.pictures import WriteModule

NS = 10**9
TELLS = """
def tell(frame):
    if frame.slot % 5 == 2:
        frame.emit("seen", slot=frame.slot, name="Tor ä")

def fail(frame):
    frame.emit("seen")
    raise ValueError("no more")
"""


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """Twelve pictures that begin at 2 s, and lie ever further apart."""
    stamps = [2000 + 10 * index * index for index in range(12)]
    tags = {"creation_time": "2026-11-22T17:43:22.000000Z"}
    return write_film(tmp_path / "in.mkv", stamps, size=(64, 48), tags=tags, paint=numbered)


def test_each_event_is_a_line_with_its_time_in_the_film(film: Path, tmp_path: Path, user_module: WriteModule) -> None:
    made = tmp_path / "seen.jsonl"
    summary = process(job_for(film, tmp_path / "out.mp4", f"{user_module(TELLS)}:tell", events=made))
    assert summary is not None
    assert lines(made) == [
        {"time_s": 2.04, "kind": "seen", "data": {"slot": 2, "name": "Tor ä"}},
        {"time_s": 2.49, "kind": "seen", "data": {"slot": 7, "name": "Tor ä"}},
    ]
    assert summary.events == f"2 events in {made}"


def test_without_a_file_they_are_counted(film: Path, tmp_path: Path, user_module: WriteModule) -> None:
    summary = process(job_for(film, tmp_path / "out.mp4", f"{user_module(TELLS)}:tell"))
    assert summary is not None
    assert summary.events == "2 events: --events FILE.jsonl writes them down"
    assert not list(tmp_path.glob("*.jsonl*"))


def test_what_a_transform_noticed_that_failed_is_no_event(film: Path, tmp_path: Path, user_module: WriteModule) -> None:
    made = tmp_path / "seen.jsonl"
    job = job_for(film, tmp_path / "out.mp4", f"{user_module(TELLS)}:fail on_failure=skip", events=made)
    summary = process(job)
    assert summary is not None
    assert (lines(made), summary.events) == ([], f"0 events in {made}")
    assert summary.failures


@pytest.mark.parametrize("is_halted", [True, False])
def test_a_run_that_ends_early_leaves_neither_file(
    film: Path, tmp_path: Path, user_module: WriteModule, is_halted: bool
) -> None:
    halt = Halt()
    job = job_for(
        film, tmp_path / "out.mp4", f"{user_module(TELLS)}:fail on_failure=stop", events=tmp_path / "seen.jsonl"
    )
    if is_halted:
        halt.call()
        assert process(job, halt) is None
    else:
        with pytest.raises(TransformError, match="no more"):
            process(job, halt)
    assert not list(tmp_path.glob("*out*")) + list(tmp_path.glob("*seen*")) + list(tmp_path.glob(".relay*"))


def test_what_is_there_is_replaced_only_where_that_is_asked_for(film: Path, tmp_path: Path) -> None:
    made, target = tmp_path / "seen.jsonl", tmp_path / "out.mp4"
    made.write_text("old")
    with pytest.raises(ConfigError, match=r"seen\.jsonl: is there already"):
        process(job_for(film, target, events=made))
    assert (made.read_text(), names(tmp_path)) == ("old", ["in.mkv", "seen.jsonl"])
    assert process(job_for(film, target, events=made, overwrite=True)) is not None
    assert made.read_text() == ""


@pytest.mark.parametrize("name", ["in.mkv", "out.mp4"])
def test_events_do_not_take_the_place_of_a_film(film: Path, tmp_path: Path, name: str) -> None:
    before = film.read_bytes()
    with pytest.raises(ConfigError, match="is the film itself: name another file"):
        process(job_for(film, tmp_path / "out.mp4", events=tmp_path / name, overwrite=True))
    assert (film.read_bytes(), names(tmp_path)) == (before, ["in.mkv"])


def test_a_folder_that_is_not_there_is_said_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="nothing can be written there"):
        process(job_for(tmp_path / "none.mp4", tmp_path / "out.mp4", events=tmp_path / "gone" / "seen.jsonl"))
    assert names(tmp_path) == []


@pytest.mark.parametrize("is_large", [True, False])
def test_a_disk_that_is_full_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_large: bool) -> None:
    with EventLog(tmp_path / "seen.jsonl", overwrite=False) as log:
        full = Path("/dev/full").open("w", encoding="utf-8")  # noqa: SIM115 - closing it fails as well
        monkeypatch.setattr(log, "_file", full)
        event = Emitted("seen", 0, {"words": "x" * 100_000 * is_large})
        if not is_large:
            log.note(event)  # there is room in the buffer
        with pytest.raises(OutputError, match=r"seen\.jsonl: the events cannot be written: No space left on device"):
            log.note(event) if is_large else log.keep()
        with suppress(OSError):
            full.close()
    assert names(tmp_path) == []


def test_memory_does_not_grow_with_the_events(tmp_path: Path) -> None:
    with EventLog(tmp_path / "seen.jsonl", overwrite=False) as log:
        log.note(Emitted("seen", 0))
        tracemalloc.start()
        try:
            for number in range(5000):
                log.note(Emitted("seen", number * NS, {"number": number}))
            most_bytes = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        log.keep()
    assert most_bytes < 64 << 10
    assert len(lines(tmp_path / "seen.jsonl")) == log.count == 5001


def test_without_a_file_nothing_is_written_and_one_event_is_one() -> None:
    with EventLog(None, overwrite=False) as log:
        assert log.words == ""
        log.note(Emitted("seen", 0))
        log.keep()
    assert log.words == "1 event: --events FILE.jsonl writes them down"
