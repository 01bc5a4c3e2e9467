"""`relay check` against an origin that breaks one thing: it names that, and nothing else."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import pytest

from fixtures import caption_faults, iframe_faults, live_faults, transport_faults
from fixtures.faults import Fault
from fixtures.small_origin import Kind, Origin
from relay.check.finding import Severity
from relay.check.visit.checker import Report, check_url

if TYPE_CHECKING:
    from collections.abc import Sequence

LIVE_S: Final = 4.0
VOD_S: Final = 15.0
LIVE_AT_ONCE: Final = 8
"""They mostly wait."""
LIVE_EVERY_S: Final = LIVE_S / LIVE_AT_ONCE
"""A visit computes most as it begins, so that those which began together would be late by each other."""
VOD_AT_ONCE: Final = 4
AGAIN_AT_ONCE: Final = 3
SOUND: Final = [
    *(Fault(f"nothing_wrong_{kind}", kind, frozenset(), lambda _: None) for kind in Kind),
    iframe_faults.SOUND,
    *caption_faults.SOUND,
]
ALL: Final = [
    *SOUND,
    *live_faults.FAULTS,
    *transport_faults.FAULTS,
    *iframe_faults.FAULTS,
    *caption_faults.FAULTS,
]


async def _visit(fault: Fault) -> Report:
    origin = Origin(fault.kind)
    fault.breaks(origin)
    async with origin.serving() as url:
        return await check_url(url, VOD_S if fault.kind.has_ended else LIVE_S)


async def _visit_all(faults: Sequence[Fault], at_once: int, every_s: float = 0.0) -> dict[str, Report]:
    free, reports = asyncio.Semaphore(at_once), {}

    async def visit(number: int, fault: Fault) -> None:
        await asyncio.sleep(number * every_s)
        async with free:
            reports[fault.name] = await _visit(fault)

    await asyncio.gather(*(visit(number, fault) for number, fault in enumerate(faults)))
    return reports


@pytest.fixture(scope="module")
def reports(request: pytest.FixtureRequest) -> dict[str, Report]:
    """One visit for each test that was chosen, side by side: first those that wait for the clock.

    An origin on cores that others use as well is late itself, and is told so. What is wrong is wrong again: among few,
    and, in the test itself, alone.
    """
    names = {
        item.callspec.id
        for item in request.session.items
        if isinstance(item, pytest.Function) and hasattr(item, "callspec")
    }
    chosen = [fault for fault in ALL if fault.name in names]
    live = [fault for fault in chosen if not fault.kind.has_ended]
    ended = [fault for fault in chosen if fault.kind.has_ended]
    found = asyncio.run(_visit_all(live, LIVE_AT_ONCE, LIVE_EVERY_S)) | asyncio.run(_visit_all(ended, VOD_AT_ONCE))
    doubtful = [fault for fault in chosen if _named(found[fault.name]) != fault.rules]
    return found | asyncio.run(_visit_all(doubtful, AGAIN_AT_ONCE))


def _told(report: Report) -> list[str]:
    return [
        f"{told.count}x {told.finding} {told.places}"
        for told in report.told
        if told.finding.severity is not Severity.ADVICE
    ]


def _named(report: Report) -> set[str]:
    return {told.finding.rule for told in report.told if told.finding.severity is not Severity.ADVICE}


@pytest.mark.timeout(240)
@pytest.mark.parametrize("fault", ALL, ids=lambda fault: fault.name)
def test_a_fault_is_named_and_nothing_else(reports: dict[str, Report], fault: Fault) -> None:
    report = reports[fault.name]
    if _named(report) != fault.rules:
        report = asyncio.run(_visit(fault))
    assert report.unreachable is None
    assert _named(report) == fault.rules, "\n".join(_told(report))


def test_there_are_many_different_ones() -> None:
    faults = ALL[len(SOUND) :]
    assert len({fault.name for fault in faults}) == len(faults) >= 25
    assert len(frozenset.union(*(fault.rules for fault in faults))) >= 25
