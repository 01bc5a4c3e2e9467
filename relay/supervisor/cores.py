"""How many cores the relay may use: those that it is let run on, and no more than its control groups give it time for.

`docker run --cpus 1.5`, Kubernetes' limits and systemd's CPUQuota bound the time and hide no core, so that a count of
cores sees all of the machine's. Linux alone has control groups; elsewhere, and where they cannot be read, none bounds.
"""

from __future__ import annotations

import math
import os
import re
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_GROUPS: Final = Path("/sys/fs/cgroup")
_OWN_GROUPS: Final = Path("/proc/self/cgroup")
_QUOTA: Final = re.compile(r"(\d+) ([1-9]\d*)")


def usable_cores(groups: Path = _GROUPS, own_groups: Path = _OWN_GROUPS) -> float:
    """For this process. Reads files: call it before there is an event loop."""
    bounds = (quota_in(groups / folder) for folder in folders_of(_text(own_groups)))
    return min([_cores_let(), *bounds])


def folders_of(own_groups: str) -> Iterator[PurePosixPath]:
    """Where bounds may stand, under the mount of the control groups, for what /proc/self/cgroup says.

    A line is `0::/path` in version 2, and `4:cpu,cpuacct:/path` in version 1, whose controllers have a folder each. All
    groups above bound as well. In a container the path may be the host's, but its own group is mounted at the root.
    """
    for line in own_groups.splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        own = PurePosixPath(path.lstrip("/"))
        if not controllers:
            yield from (own, *own.parents)
        elif "cpu" in controllers.split(","):
            yield from ("cpu" / folder for folder in (own, *own.parents))


def quota_in(folder: Path) -> float:
    """The cores that one group allows: `cpu.max` in version 2, two files in version 1. Infinity is no bound."""
    first = quota(_text(folder / "cpu.max"))
    second = quota(f"{_text(folder / 'cpu.cfs_quota_us')} {_text(folder / 'cpu.cfs_period_us')}")
    return min(first, second)


def quota(quota_and_period: str) -> float:
    """Both in µs: `150000 100000` is one core and a half. `max 100000`, `-1 100000` or nothing at all is no bound."""
    match = _QUOTA.fullmatch(quota_and_period)
    return int(match[1]) / int(match[2]) if match else math.inf


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def _cores_let() -> float:
    """Those that this process may run on, where the system tells."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
