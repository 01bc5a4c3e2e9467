"""Fifty low-latency viewers at once: in short what `scripts/bench/viewers.py` and the soak measure at length."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import psutil
import pytest

from fixtures.processes import Relay
from scripts.bench.audience import Players, alone, order_for, publications, waits_of
from scripts.bench.measuring import MIB

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.e2e, pytest.mark.all, pytest.mark.timeout(120)]

VIEWERS: Final = 50
WATCHED_S: Final = 20.0
WAIT_S: Final = 0.3
PARENT_MIB: Final = 120
"""Beside what the window holds, all that was published within this test at the most."""
JOINED_S: Final = 2.0
"""Behind the moment from which on all are there: what a connection needs was taken."""
GROWING_S: Final = 10.0
GROWN_MIB: Final = 4
"""Meanwhile; measured are 0.1 to 0.3 (docs/performance.md)."""


def test_nobody_waits_for_a_part_longer_than_others_would_notice(tmp_path: Path) -> None:
    with Relay("test:", tmp_path) as relay:
        relay.wait_until("live")
        order = order_for(relay.port, f"/live/{relay.stream}/index.m3u8", VIEWERS, WATCHED_S)
        probe, players = Players("probe", alone(order)), Players("watch", order)
        time.sleep((order.begin_ns - time.monotonic_ns()) / 1e9 + JOINED_S)
        joined_mib = parent_mib(relay)
        time.sleep(GROWING_S)
        grown_mib = parent_mib(relay) - joined_mib
        seen, heard = players.seen(), probe.seen()
        left_mib = parent_mib(relay)
    assert (seen["problems"], heard["problems"]) == ({}, {})
    waits = waits_of(seen, publications([*heard["parts"], *seen["parts"]]), order)
    assert waits["parts_published"] > 0.9 * 2 * WATCHED_S / order.period_s
    assert waits["parts_missed"] == 0
    assert waits["received_s"]["most"] < WAIT_S
    assert left_mib < PARENT_MIB
    assert grown_mib < GROWN_MIB


def parent_mib(relay: Relay) -> float:
    """What the parent takes beside what was published, all of which its window holds in the first half minute."""
    return (psutil.Process(relay.pid).memory_info().rss - relay.status()["counters"]["bytes_published"]) / MIB
