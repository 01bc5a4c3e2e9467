"""What both benchmarks share: processor time and memory of processes, percentiles, a table, the machine in words."""

from __future__ import annotations

import json
import os
import platform
import shutil
import sys
import time
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import psutil

MIB: Final = 1 << 20
_BUSY_LOAD: Final = 0.5
"""Load per core, before the start, from which on figures are said to be those of a busy machine."""


@dataclass(frozen=True, slots=True)
class Usage:
    """A program, with the processes below it, at one moment."""

    at_s: float
    cpu_s: float
    rss_bytes: int

    @classmethod
    def of(cls, process: psutil.Process, *, with_children: bool = False) -> Usage:
        """Processor seconds since its start (user and system) and resident memory of now."""
        family = [process, *(process.children(recursive=True) if with_children else ())]
        times = [member.cpu_times() for member in family]
        cpu_s = sum(spent.user + spent.system for spent in times)
        return cls(time.monotonic(), cpu_s, sum(member.memory_info().rss for member in family))


@dataclass(frozen=True, slots=True)
class Spread:
    """Median, 99th percentile and maximum of what was measured."""

    p50: float
    p99: float
    most: float
    count: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """The nearest-rank percentiles. Raises `ValueError` where nothing was measured."""
        if not values:
            raise ValueError("nothing was measured")
        ranked = sorted(values)
        return cls(_at(ranked, 0.5), _at(ranked, 0.99), ranked[-1], len(ranked))


def _at(ranked: Sequence[float], share: float) -> float:
    return ranked[min(len(ranked) - 1, int(share * len(ranked)))]


def say(words: str) -> None:
    """Progress, beside the results."""
    print(words, file=sys.stderr, flush=True)


def versions(*packages: str) -> dict[str, str]:
    """The versions of distributions that are installed."""
    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "missing"
    return found


def machine() -> dict[str, Any]:
    """Where this is measured, and how busy that was before: cores shared with others make every figure worse."""
    cores = os.cpu_count() or 1
    load = os.getloadavg()[0]
    found = {"cores": cores, "arch": platform.machine(), "python": platform.python_version(), "load_before": load}
    if load > _BUSY_LOAD * cores:
        say(f"this machine is busy already (load {load:.1f} on {cores} cores): the figures will be too high")
    return found


def find_program(name: str, package: str) -> str:
    """A program of the system; also where Debian keeps daemons. Leaves with what to type where it is missing."""
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if path is None:
        sys.exit(f"{name} is missing. Type: sudo apt-get install {package}")
    return path


def show(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table on standard output: first column to the left, figures to the right."""
    table = [list(heads), *map(list, rows)]
    widths = [max(len(row[i]) for row in table) for i in range(len(heads))]
    print(f"\n{title}")
    for row in table:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        print("  " + "  ".join(cells).rstrip())


def write_json(path: Path | None, results: Mapping[str, Any]) -> None:
    """The same figures for a program, where somebody asked for them."""
    if path is not None:
        path.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
