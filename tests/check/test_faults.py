"""`relay check` against an origin that breaks one thing: it names that, and nothing else."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import pytest

from fixtures.faults import FAULTS, Fault
from fixtures.small_origin import Kind, Origin
from relay.check.finding import Severity
from relay.check.visit.checker import Report, check_url

if TYPE_CHECKING:
    from collections.abc import Iterable

LIVE_S: Final = 4.0
VOD_S: Final = 15.0
AT_ONCE: Final = 8
"""Origins and visits that run beside each other: they mostly wait."""
SOUND: Final = [Fault(f"nothing wrong, {kind}", kind, frozenset(), lambda _: None) for kind in Kind]


async def _visit(fault: Fault, free: asyncio.Semaphore) -> Report:
    async with free:
        origin = Origin(fault.kind)
        fault.breaks(origin)
        async with origin.serving() as url:
            return await check_url(url, VOD_S if fault.kind is Kind.VOD else LIVE_S)


async def _visit_all(faults: Iterable[Fault]) -> dict[str, Report]:
    free = asyncio.Semaphore(AT_ONCE)
    named = list(faults)
    reports = await asyncio.gather(*(_visit(fault, free) for fault in named))
    return dict(zip((fault.name for fault in named), reports, strict=True))


@pytest.fixture(scope="module")
def reports(request: pytest.FixtureRequest) -> dict[str, Report]:
    """One visit for each test that was chosen, all side by side."""
    chosen = {
        item.callspec.params["fault"].name
        for item in request.session.items
        if hasattr(item, "callspec") and "fault" in item.callspec.params
    }
    return asyncio.run(_visit_all(fault for fault in [*SOUND, *FAULTS] if fault.name in chosen))


def _told(report: Report) -> list[str]:
    return [
        f"{told.count}x {told.finding} {told.places}"
        for told in report.told
        if told.finding.severity is not Severity.ADVICE
    ]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("fault", [*SOUND, *FAULTS], ids=lambda fault: fault.name)
def test_a_fault_is_named_and_nothing_else(reports: dict[str, Report], fault: Fault) -> None:
    report = reports[fault.name]
    assert report.unreachable is None
    named = {told.finding.rule for told in report.told if told.finding.severity is not Severity.ADVICE}
    assert named == fault.rules, "\n".join(_told(report))


def test_there_are_many_different_ones() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS) >= 25
    assert len(frozenset.union(*(fault.rules for fault in FAULTS))) >= 25
