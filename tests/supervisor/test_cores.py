"""How many cores there are: in a container, no more than its control groups give time for."""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING

import pytest

from relay.supervisor.cores import folders_of, quota, quota_in, usable_cores

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _eight_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "cores"),
    [
        ("100000 100000", 1.0),
        ("150000 100000", 1.5),
        ("50000 100000", 0.5),
        ("max 100000", math.inf),
        ("-1 100000", math.inf),
        ("100000 0", math.inf),
        ("100000", math.inf),
        (" ", math.inf),
        ("", math.inf),
    ],
)
def test_a_quota_is_so_much_time_in_a_period(text: str, cores: float) -> None:
    assert quota(text) == cores


@pytest.mark.parametrize(
    ("own_groups", "folders"),
    [
        ("0::/\n", ["."]),
        ("0::/system.slice/relay.service\n", ["system.slice/relay.service", "system.slice", "."]),
        ("5:memory:/docker/1f\n4:cpu,cpuacct:/docker/1f\n", ["cpu/docker/1f", "cpu/docker", "cpu"]),
        ("3:cpuset:/\n2:cpu:/\n0::/\n", ["cpu", "."]),
        ("", []),
        ("what nobody wrote", ["."]),
    ],
)
def test_a_group_and_all_above_it_are_looked_into(own_groups: str, folders: list[str]) -> None:
    assert list(map(str, folders_of(own_groups))) == folders


def test_either_version_of_control_groups_bounds(tmp_path: Path) -> None:
    assert quota_in(tmp_path) == math.inf
    write(tmp_path / "new" / "cpu.max", "200000 100000\n")
    assert quota_in(tmp_path / "new") == 2
    write(tmp_path / "old" / "cpu.cfs_quota_us", "50000\n")
    assert quota_in(tmp_path / "old") == math.inf
    write(tmp_path / "old" / "cpu.cfs_period_us", "100000\n")
    assert quota_in(tmp_path / "old") == 0.5


def test_the_least_of_all_bounds_holds(tmp_path: Path) -> None:
    own_groups = tmp_path / "self"
    assert usable_cores(tmp_path, own_groups) == 8, "there are no control groups"
    write(own_groups, "0::/relay.slice/relay.service\n")
    assert usable_cores(tmp_path, own_groups) == 8
    write(tmp_path / "relay.slice" / "relay.service" / "cpu.max", "300000 100000\n")
    assert usable_cores(tmp_path, own_groups) == 3
    write(tmp_path / "relay.slice" / "cpu.max", "150000 100000\n")
    assert usable_cores(tmp_path, own_groups) == 1.5
    write(tmp_path / "relay.slice" / "cpu.max", "max 100000\n")
    write(tmp_path / "relay.slice" / "relay.service" / "cpu.max", "1600000 100000\n")
    assert usable_cores(tmp_path, own_groups) == 8, "more time than cores"


def test_in_a_container_that_is_told_the_hosts_path_its_own_group_is_at_the_root(tmp_path: Path) -> None:
    write(tmp_path / "self", "4:cpu,cpuacct:/docker/1f\n")
    write(tmp_path / "cpu" / "cpu.cfs_quota_us", "100000\n")
    write(tmp_path / "cpu" / "cpu.cfs_period_us", "100000\n")
    assert usable_cores(tmp_path, tmp_path / "self") == 1


@pytest.mark.parametrize(("counted", "cores"), [(4, 4), (None, 1)])
def test_where_the_system_does_not_tell_all_cores_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, counted: int | None, cores: int
) -> None:
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: counted)
    assert usable_cores(tmp_path, tmp_path / "self") == cores
