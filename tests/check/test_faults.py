"""`relay check` against an origin that breaks one thing: it names that, and nothing else.

Time stands still while anybody computes (`fixtures.still_time`): an origin that is late is so on purpose.
"""

from __future__ import annotations

import functools
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

import aiohttp
import pytest

from fixtures import caption_faults, iframe_faults, live_faults, transport_faults
from fixtures.faults import Fault
from fixtures.small_origin import Kind, Origin
from fixtures.still_time import run_in_still_time
from relay.check.finding import Severity
from relay.check.visit.checker import Report, check_url

if TYPE_CHECKING:
    from collections.abc import Iterator

LIVE_S: Final = 4.0
VOD_S: Final = 15.0
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


@pytest.fixture
def socket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A socket of the file system, to which `relay check` connects whatever the address; its path has to be short."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "origin"
        monkeypatch.setattr(aiohttp, "TCPConnector", functools.partial(aiohttp.UnixConnector, str(path)))
        yield path


async def _visit(fault: Fault, socket: Path) -> Report:
    origin = Origin(fault.kind)
    fault.breaks(origin)
    async with origin.serving(socket) as url:
        return await check_url(url, VOD_S if fault.kind.has_ended else LIVE_S)


@pytest.mark.parametrize("fault", ALL, ids=lambda fault: fault.name)
def test_a_fault_is_named_and_nothing_else(socket: Path, fault: Fault) -> None:
    report = run_in_still_time(_visit(fault, socket))
    assert report.unreachable is None
    told = [told for told in report.told if told.finding.severity is not Severity.ADVICE]
    words = [f"{one.count}x {one.finding} {one.places}" for one in told]
    assert {one.finding.rule for one in told} == fault.rules, "\n".join(words)


def test_there_are_many_different_ones() -> None:
    faults = ALL[len(SOUND) :]
    assert len({fault.name for fault in faults}) == len(faults) >= 25
    assert len(frozenset.union(*(fault.rules for fault in faults))) >= 25
