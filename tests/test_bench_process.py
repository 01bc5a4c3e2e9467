"""What the comparison of `relay process` with ffmpeg makes of the times that it takes."""

from __future__ import annotations

import subprocess
import sys

import pytest

from scripts.bench.process import Took, contestants, is_quiet, is_same_work, ratios


def test_each_run_is_judged_by_those_beside_it() -> None:
    assert ratios([1.0, 1.0, 1.0], [1.0, 2.0]) == [1.0, 0.5]
    # On a machine that gets slower by the same from run to run nobody wins by it.
    assert ratios([1.0, 1.2, 1.4], [1.1, 1.3]) == pytest.approx([1.0, 1.0])
    with pytest.raises(ValueError, match="zip"):
        ratios([1.0, 1.0], [1.0, 1.0])


def test_a_start_is_taken_off_and_one_run_that_was_disturbed_is_not_typical() -> None:
    runs = [Took(11.0, 12.0, 0.01), Took(11.5, 12.1, 0.0), Took(30.0, 12.2, 0.4)]
    usual = Took.typical(runs)
    assert usual == Took(11.5, 12.1, 0.01)
    beyond = usual.beyond(Took(1.5, 2.1), 10.0)
    assert (beyond.wall_s, beyond.cpu_s) == pytest.approx((1.0, 1.0))


def test_a_run_is_measured_with_all_that_it_took() -> None:
    took = Took.by([sys.executable, "-c", "sum(range(10**6))"])
    assert took.cpu_s > 0
    assert 0 < took.wall_s < 60
    assert 0 <= took.others <= 1
    with pytest.raises(SystemExit, match="ended with 3:\ngone"):
        Took.by([sys.executable, "-c", "import sys; print('gone'); sys.exit(3)"])


def test_both_are_told_the_same() -> None:
    peer, ours = contestants("fast")
    for told in ([*peer.before, *peer.between], ours.before):
        assert told[told.index("-preset" if "-preset" in told else "--preset") + 1] == "fast"
        assert told[told.index("-crf" if "-crf" in told else "--crf") + 1] == "23"
    assert subprocess.run([peer.before[0], "-version"], capture_output=True, check=True).stdout.startswith(b"ffmpeg")


def test_what_was_not_the_same_work_or_was_disturbed_is_known() -> None:
    one = {"pictures": 900, "size": "640x360", "bytes": 1000, "others": 0.01}
    assert is_same_work({"relay": one, "ffmpeg": {**one, "bytes": 1050}})
    assert not is_same_work({"relay": one, "ffmpeg": {**one, "bytes": 1200}})
    assert not is_same_work({"relay": one, "ffmpeg": {**one, "pictures": 899}})
    assert is_quiet({"relay": one, "ffmpeg": one})
    assert not is_quiet({"relay": one, "ffmpeg": {**one, "others": 0.2}})
