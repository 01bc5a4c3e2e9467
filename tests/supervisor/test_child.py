"""A process is started without the loop being held up, and its end is known, whoever ends it."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading

import psutil
import pytest

from relay.supervisor.child import Child

WITHIN_S = 20.0


async def test_its_status_is_told_to_all_who_wait() -> None:
    child = Child.start([sys.executable, "-c", "raise SystemExit(7)"])
    assert list(await asyncio.gather(child.end(WITHIN_S), child.end(WITHIN_S))) == [7, 7]
    assert not child.is_running


async def test_who_waits_in_vain_may_wait_again() -> None:
    child = Child.start(["sleep", "60"])
    assert await child.end(0.01) is None
    assert child.is_running
    child.kill()
    assert await child.end(WITHIN_S) == -signal.SIGKILL
    child.kill()  # it is gone, and nobody else is hit
    assert not psutil.pid_exists(child.pid)


def test_a_loop_that_is_over_before_it_is_told_of_nothing() -> None:
    async def main() -> Child:
        return Child.start(["sleep", "60"])

    child = asyncio.run(main())
    (waiting,) = [thread for thread in threading.enumerate() if thread.name == f"end of {child.pid}"]
    child.kill()
    waiting.join(WITHIN_S)
    assert not waiting.is_alive()
    assert not psutil.pid_exists(child.pid)


async def test_no_room_for_it() -> None:
    with pytest.raises(FileNotFoundError):
        Child.start(["/nowhere/to/be/found"])
