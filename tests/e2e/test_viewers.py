"""Fifty low-latency viewers at once: in short what `scripts/bench/viewers.py` and the soak measure at length."""

from __future__ import annotations

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


def test_nobody_waits_for_a_part_longer_than_others_would_notice(tmp_path: Path) -> None:
    with Relay("test:", tmp_path) as relay:
        relay.wait_until("live")
        order = order_for(relay.port, f"/live/{relay.stream}/index.m3u8", VIEWERS, WATCHED_S)
        probe, players = Players("probe", alone(order)), Players("watch", order)
        seen, heard = players.seen(), probe.seen()
        resident_bytes = psutil.Process(relay.pid).memory_info().rss
        published_bytes = relay.status()["counters"]["bytes_published"]
    assert (seen["problems"], heard["problems"]) == ({}, {})
    waits = waits_of(seen, publications([*heard["parts"], *seen["parts"]]), order)
    assert waits["parts_published"] > 0.9 * 2 * WATCHED_S / order.period_s
    assert waits["parts_missed"] == 0
    assert waits["received_s"]["most"] < WAIT_S
    assert (resident_bytes - published_bytes) / MIB < PARENT_MIB
