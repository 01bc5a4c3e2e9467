"""`relay process` as it is typed: what it says where, and with which exit status it ends."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from fixtures.films import found_in, numbered, write_film
from fixtures.media import Clip, write_clip
from relay import cli
from relay.cli.process import process, summary_lines
from relay.errors import ConfigError, RelayError, SourceNotFoundError
from relay.offline import Halt, Job, Progress, Summary

if TYPE_CHECKING:
    from typer.testing import Result

    from fixtures.pictures import WriteModule

ROOT = Path(__file__).parents[2]
CLIP = Clip(160, 96, frames=20, audio_codec="aac")
SUMMARY = Summary("in.mkv", 75, 160, 96, 3.0, 0.5, "sound: aac, copied as it is", [], [], [])

app = typer.Typer()
app.command()(process)

Fake = Callable[[Job, Halt, Callable[[Progress], None]], Summary | None]
"""What stands in the place of a run."""


def run(*arguments: str | Path, **environment: str) -> Result:
    return CliRunner().invoke(
        app, [*map(str, arguments)], catch_exceptions=False, env={"COLUMNS": "120", **environment}
    )


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Callable[[Fake], None]:
    """Puts something in the place of the run itself."""
    return lambda body: monkeypatch.setattr("relay.offline.process", body)


def test_a_film_is_made_and_told(tmp_path: Path) -> None:
    source, target = write_clip(tmp_path / "in.mp4", CLIP, paint=numbered), tmp_path / "out.mkv"
    ran = run(source, target, "--transform", "scale width=80", "--transform", "flip", "--preset", "ultrafast")
    assert ran.exit_code == 0
    first, second = ran.stdout.splitlines()
    assert first.startswith(f"{target}: 20 pictures of 80x48 in h264, 0.8 s, in ")
    assert second == "  sound: aac, copied as it is"
    assert ran.stderr == ""
    assert [picture.number for picture in found_in(target)] == list(range(20))


def test_what_is_asked_for_reaches_the_run(fake: Callable[[Fake], None], tmp_path: Path) -> None:
    jobs: list[Job] = []

    def take(job: Job, halt: Halt, show: Callable[[Progress], None]) -> Summary:
        jobs.append(job)
        return SUMMARY

    fake(take)
    run("in.mkv", "out.mp4", "--codec", "hevc", "--crf", "20", "--preset", "slow", "--overwrite")
    run("in.mkv", "out.mp4", "--bitrate", "800", "--events", "seen.jsonl")
    first, second = jobs
    assert (first.settings.source, first.target, first.overwrite) == ("in.mkv", Path("out.mp4"), True)
    assert (first.encoding.codec, first.encoding.crf, first.encoding.preset) == ("hevc", 20, "slow")
    assert (second.encoding.codec, second.encoding.bitrate_kbps, second.encoding.preset) == ("h264", 800, "veryfast")
    assert not second.overwrite
    assert (first.events, second.events) == (None, Path("seen.jsonl"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("in.mp4", "out.avi"), r"use \.mp4, \.mkv, \.mov, \.ts"),
        (("in.mp4", "out.ts", "--codec", "av1"), "carries no av1"),
        (("in.mp4", "out.mp4", "--crf", "20", "--bitrate", "800"), "give one of them"),
        (("in.mp4", "out.mp4", "--crf", "99"), "between 0"),
        (
            ("in.mp4", "out.mp4", "--transform", "scale width"),
            "the command line: --transform: behind its name, .* KEY=VALUE",
        ),
        (("in.mp4", "./in.mp4"), "in.mp4: is IN itself: give another name, or --overwrite"),
        (("${NOWHERE_TO_BE_FOUND}", "out.mp4"), "no variable 'NOWHERE_TO_BE_FOUND'"),
    ],
)
def test_a_wrong_wish_is_one_clear_error(
    arguments: tuple[str, ...], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=words):
        run(*arguments)
    assert list(tmp_path.iterdir()) == []


def test_what_typer_knows_to_be_wrong_is_exit_status_2() -> None:
    assert run("in.mp4").exit_code == 2
    assert run("in.mp4", "out.mp4", "--codec", "vp9").exit_code == 2


def test_a_file_that_is_not_there_is_one_line_and_exit_status_1(tmp_path: Path) -> None:
    with pytest.raises(SourceNotFoundError, match="there is no such file"):
        run(tmp_path / "none.mp4", tmp_path / "out.mp4")
    ran = subprocess.run(
        [sys.executable, "-m", "relay", "process", str(tmp_path / "none.mp4"), str(tmp_path / "out.mp4")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr == f"relay: {tmp_path}/none.mp4: there is no such file\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ("http://me:geheim@127.0.0.1:1/film.mp4?token=geheim", "out.mp4"),
        ("rtsp://me:geheim@127.0.0.1/live", "out.mp4"),
        ("in.mp4", "out.mp4", "--transform", "nowhere:draw password=geheim url=http://me:geheim@camera/"),
    ],
)
def test_no_error_shows_a_password(arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_clip(tmp_path / "in.mp4", Clip(160, 96, frames=3))
    with pytest.raises(RelayError) as caught:
        run(*arguments)
    assert "geheim" not in str(caught.value)


def test_a_damaged_film_is_told_with_an_exit_status_of_its_own(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mkv", Clip(160, 96, frames=200, gop=25))
    source.write_bytes(source.read_bytes()[: source.stat().st_size // 2])
    ran = run(source, tmp_path / "out.mp4", "--preset", "ultrafast")
    assert ran.exit_code == 3
    assert f"relay: {source} is damaged: " in ran.stderr
    assert found_in(tmp_path / "out.mp4")


def test_a_transform_that_fails_is_told_and_what_is_shown_in_its_place_is_its_policy(
    tmp_path: Path, user_module: WriteModule
) -> None:
    module = user_module("def fail(frame):\n    if frame.slot > 16:\n        raise ValueError('no more')\n")
    source, target = write_clip(tmp_path / "in.mp4", CLIP, paint=numbered), tmp_path / "out.mp4"
    ran = run(source, target, "--transform", f"{module}:fail", "--preset", "ultrafast")
    assert ran.exit_code == 3
    line, remark = ran.stderr.strip(), ran.stdout.splitlines()[-1]
    assert line.startswith(f"relay: a transform failed: {module}:fail raised ValueError: no more (line 3 of ")
    assert line.endswith(" (3 times)")
    assert remark == "  pictures that did not leave the chain, so that the one before is shown again: 3"
    assert [picture.number for picture in found_in(target)] == [*range(17), 16, 16, 16]


def test_a_disk_that_is_full_is_told_and_nothing_is_left(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (288, 320), np.uint8)
    source = write_film(tmp_path / "in.mkv", range(0, 1000, 40), size=(320, 192), paint=lambda *_: noise)
    made = tmp_path / "made"
    made.mkdir()
    # No file may grow beyond 32 KiB, which is what a full disk is to whoever writes one.
    limited = ["/bin/sh", "-c", 'ulimit -f 32 && exec "$@"', "sh"]
    ran = subprocess.run(
        [*limited, sys.executable, "-B", "-m", "relay", "process", str(source), str(made / "out.mp4")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 1
    assert ran.stderr.startswith(f"relay: {made}/out.mp4: cannot be written: ")
    assert list(made.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_run_and_its_number_is_the_exit_status(
    fake: Callable[[Fake], None], number: signal.Signals
) -> None:
    before = signal.getsignal(number)

    def take(job: Job, halt: Halt, show: Callable[[Progress], None]) -> None:
        assert not halt.is_called
        signal.raise_signal(number)
        assert halt.is_called

    fake(take)
    ran = run("in.mkv", "out.mp4")
    assert ran.exit_code == 128 + number
    assert ran.stderr == "relay: stopped: of out.mp4 nothing was made\n"
    assert ran.stdout == ""
    assert signal.getsignal(number) is before


def test_a_second_signal_does_not_wait(fake: Callable[[Fake], None]) -> None:
    before = signal.getsignal(signal.SIGINT)

    def hang(job: Job, halt: Halt, show: Callable[[Progress], None]) -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    fake(hang)
    with pytest.raises(KeyboardInterrupt):
        process("in.mkv", Path("out.mp4"))
    assert signal.getsignal(signal.SIGINT) is before


def tell(*moments: float) -> Fake:
    """A run that tells of itself at these seconds, at twice the speed of a film of two minutes."""

    def told(job: Job, halt: Halt, show: Callable[[Progress], None]) -> Summary:
        for elapsed_s in moments:
            show(Progress(2 * elapsed_s, 120.0, elapsed_s))
        return SUMMARY

    return told


def test_without_a_terminal_progress_is_a_line_now_and_then(fake: Callable[[Fake], None]) -> None:
    fake(tell(0.2, 5, 9.9, 10.1, 10.3, 15, 20.5, 21))
    ran = run("in.mkv", "out.mp4")
    assert ran.stderr.splitlines() == ["16 %, 2.0x, 0:50 left", "34 %, 2.0x, 0:40 left"]
    assert ran.stdout.startswith("out.mp4: 75 pictures")


def test_on_a_terminal_progress_is_a_bar_and_does_not_meet_the_result(fake: Callable[[Fake], None]) -> None:
    fake(tell(0.2, 30))
    ran = run("in.mkv", "out.mp4", FORCE_COLOR="1", TERM="xterm")
    assert "50 %, 2.0x, 0:30 left" in ran.stderr
    assert "━" in ran.stderr
    assert "left" not in ran.stdout


def test_the_result_in_words() -> None:
    assert summary_lines(Path("out.mp4"), "av1", SUMMARY) == [
        "out.mp4: 75 pictures of 160x96 in av1, 3.0 s, in 0.5 s (6.0x)",
        "  sound: aac, copied as it is",
    ]
    odd = replace(SUMMARY, pictures=1, took_s=0.0, sound="no sound", remarks=["streams that were left out: 1 data"])
    assert summary_lines(Path("out.mp4"), "h264", odd)[1:] == ["  no sound", "  streams that were left out: 1 data"]
    assert summary_lines(Path("out.mp4"), "h264", odd)[0].startswith("out.mp4: 1 picture of 160x96 in h264")
    told = replace(SUMMARY, events="2 events in seen.jsonl")
    assert summary_lines(Path("out.mp4"), "h264", told)[2:] == ["  2 events in seen.jsonl"]


def test_it_is_a_command_of_relays() -> None:
    ran = CliRunner().invoke(cli.app, ["process", "--help"], env={"COLUMNS": "200"})
    assert ran.exit_code == 0
    words = " ".join(ran.stdout.split())
    assert "Exit 0: done; 1: nothing made; 3: see below." in words
    assert "Exit status 3: it was made, but IN is damaged, or a transform failed on pictures of it" in words
