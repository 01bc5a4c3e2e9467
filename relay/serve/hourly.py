"""Once an hour, closed hours of viewing data are moved into Parquet, by a process of its own.

The relay itself never loads pyarrow. Where the extra is not installed that is said once: hours then stay in SQLite for
as long as `[viewing]` says, and nothing else is different.
"""

from __future__ import annotations

import asyncio
import json
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

import structlog
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from relay.errors import RelayError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

    from prometheus_client.metrics_core import Metric

    from relay.retention import Retention
    from relay.serve.jobs import Jobs

log = structlog.get_logger()

MODULE: Final = "relay.analytics.compaction"
INSTALL: Final = "pip install 'relay-hls[analytics]'"
FIRST_AFTER_S: Final = 120.0
"""A start has other things to do, and its cameras and viewers come first."""
EVERY_S: Final = 3600.0
MORE_AFTER_S: Final = 30.0
"""Where a run left something, as after months without the extra."""
RETRY_S: Final = (60.0, 300.0, 900.0, EVERY_S)
"""After the first failure, the second, and so on; all further ones wait as long as the last."""


class Hourly(Collector):
    """The schedule, and its figures for Prometheus. One run at a time; what fails is tried again, ever more slowly."""

    def __init__(
        self,
        jobs: Jobs,
        data: Path,
        kept: Retention,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._jobs = jobs
        self._question = json.dumps({"data": str(data), "viewing": kept.model_dump(mode="json")})
        self._sleep = sleep
        self._failures_in_a_row = 0
        self.counters = {"runs": 0, "failures": 0, "rows_moved": 0, "files_written": 0, "hours_removed": 0}

    async def run(self) -> None:
        """Until it is cancelled; the child then ends too."""
        if find_spec("pyarrow") is None:
            log.info("viewing data stays in SQLite: Parquet is smaller, and needs pyarrow", install=INSTALL)
            return
        await self._sleep(FIRST_AFTER_S)
        while True:
            await self._sleep(await self._once())

    def collect(self) -> Iterator[Metric]:
        """What was done since the start."""
        family = CounterMetricFamily(
            "relay_viewing_hours", "Hours of viewing data being moved to Parquet, by what is counted.", labels=["what"]
        )
        for what, count in self.counters.items():
            family.add_metric([what], count)
        yield family

    async def _once(self) -> float:
        """One run. Returns for how long to wait before the next."""
        try:
            done = json.loads(await self._jobs.run(MODULE, self._question))
        except RelayError as error:
            wait_s = RETRY_S[min(self._failures_in_a_row, len(RETRY_S) - 1)]
            self._failures_in_a_row += 1
            self.counters["failures"] += 1
            log.warning("hours of viewing data were not moved to Parquet", reason=str(error), again_in_s=wait_s)
            return wait_s
        self._failures_in_a_row = 0
        self.counters["runs"] += 1
        for what in ("rows_moved", "files_written", "hours_removed"):
            self.counters[what] += done[what]
        return EVERY_S if done["is_all"] else MORE_AFTER_S
