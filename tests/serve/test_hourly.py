from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from fixtures.viewed import A_REQUEST, keep
from relay.errors import JobError
from relay.retention import Retention
from relay.serve import hourly
from relay.serve.app import move_hours
from relay.serve.hourly import EVERY_S, FIRST_AFTER_S, MODULE, MORE_AFTER_S, Hourly
from relay.serve.jobs import Jobs

if TYPE_CHECKING:
    from pathlib import Path

    from aiohttp import web

DONE = {"rows_moved": 7, "files_written": 2, "files_merged": 0, "hours_removed": 1, "is_all": True}


class Runs:
    """What the children answer, one after another; then it is cancelled."""

    def __init__(self, *answers: dict[str, Any] | JobError) -> None:
        self._answers = list(answers)
        self.questions: list[tuple[str, ...]] = []
        self.waits: list[float] = []

    async def run(self, module: str, *arguments: str) -> bytes:
        self.questions.append((module, *arguments))
        answer = self._answers.pop(0)
        if isinstance(answer, JobError):
            raise answer
        return json.dumps(answer).encode()

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        if not self._answers:
            raise asyncio.CancelledError


async def ran(runs: Runs, data: Path) -> Hourly:
    made = Hourly(runs, data, Retention(request_days=3), runs.sleep)  # type: ignore[arg-type]  # a stand-in
    with pytest.raises(asyncio.CancelledError):
        await made.run()
    return made


async def test_it_begins_after_a_while_and_goes_on_each_hour(tmp_path: Path) -> None:
    runs = Runs(DONE, DONE)
    made = await ran(runs, tmp_path)
    assert runs.waits == [FIRST_AFTER_S, EVERY_S, EVERY_S]
    ((module, question), _) = runs.questions
    assert module == MODULE
    assert json.loads(question)["data"] == str(tmp_path)
    assert json.loads(question)["viewing"]["request_days"] == 3
    assert made.counters == {"runs": 2, "failures": 0, "rows_moved": 14, "files_written": 4, "hours_removed": 2}


async def test_what_is_left_is_moved_soon(tmp_path: Path) -> None:
    runs = Runs(DONE | {"is_all": False}, DONE)
    await ran(runs, tmp_path)
    assert runs.waits == [FIRST_AFTER_S, MORE_AFTER_S, EVERY_S]


async def test_a_failure_is_counted_and_tried_again_ever_more_slowly(tmp_path: Path) -> None:
    runs = Runs(*[JobError("no room")] * 5, DONE, JobError("no room"))
    made = await ran(runs, tmp_path)
    assert runs.waits == [FIRST_AFTER_S, 60, 300, 900, 3600, 3600, EVERY_S, 60]
    assert made.counters["failures"] == 6
    (family,) = made.collect()
    assert {sample.labels["what"]: sample.value for sample in family.samples}["failures"] == 6


async def test_without_the_extra_nothing_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hourly, "find_spec", lambda name: None)
    runs = Runs(DONE)
    await Hourly(runs, tmp_path, Retention(), runs.sleep).run()  # type: ignore[arg-type]  # a stand-in
    assert runs.questions == []


async def test_its_figures_are_among_the_relays(app: web.Application, tmp_path: Path) -> None:
    runs = Runs(DONE)
    move_hours(app, Hourly(runs, tmp_path, Retention(), runs.sleep))  # type: ignore[arg-type]  # a stand-in
    async with TestClient(TestServer(app)) as client:
        text = await (await client.get("/metrics")).text()
    assert 'relay_viewing_hours_total{what="rows_moved"} 7.0' in text


async def _once(data: Path) -> Hourly:
    made = Hourly(Jobs(), data, Retention(request_days=3650), asyncio.sleep)
    assert await made._once() == EVERY_S
    return made


def test_a_real_child_moves_a_closed_hour(tmp_path: Path) -> None:
    keep(tmp_path, [A_REQUEST._replace(at_us=1_700_000_000_000_000)])
    assert asyncio.run(_once(tmp_path)).counters["rows_moved"] == 1
    assert len(list(tmp_path.glob("viewing/requests/date=2023-11-14/hour=22/*.parquet"))) == 1
