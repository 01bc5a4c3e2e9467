"""Whether anybody wants a stream's pictures now: what opens and closes the camera of an on-demand stream.

And which of its renditions, where those that nobody watches are not encoded.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from relay.supervisor.rendition_demand import RenditionDemand

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


@dataclass(slots=True)
class Visit:
    """One request for something of a rendition, and, once that is known, the segment of which something was sent."""

    msn: int | None = None


class Demand:
    """Entered (`with demand:`) by everyone who fetches a playlist or media of the stream, for as long as that takes.

    A stream that is not on demand is always wanted. An on-demand one is wanted while somebody fetches and until
    `idle_close_s` after the last of them. `on_rendition` is called when somebody comes for a rendition that nobody
    wanted. `shows` are the demands of the streams that this one shows. Not for several threads.
    """

    def __init__(
        self, *, is_on_demand: bool, idle_close_s: float, monotonic_s: Callable[[], float] = time.monotonic
    ) -> None:
        self.is_on_demand = is_on_demand
        self.renditions = RenditionDemand(idle_close_s)
        self.on_rendition: Callable[[], None] = _nobody_listens
        self.shows: Sequence[Demand] = ()
        self._idle_close_s = idle_close_s
        self._monotonic_s = monotonic_s
        self._fetching = 0
        self._last_s: float | None = None
        self._asked = asyncio.Event()

    def __enter__(self) -> None:
        self._fetching += 1
        self._asked.set()

    def __exit__(self, *_: object) -> None:
        self._fetching -= 1
        self._last_s = self._monotonic_s()

    @contextmanager
    def of(self, rendition: str) -> Iterator[Visit]:
        """To be entered, beside the stream, by whoever fetches something of one of its renditions."""
        visit = Visit()
        if self.renditions.enter(rendition):
            self.on_rendition()
        try:
            yield visit
        finally:
            self.renditions.leave(rendition, self._monotonic_s(), visit.msn)

    @contextmanager
    def of_shown(self) -> Iterator[None]:
        """To be entered while the stream has a worker: then the streams that it shows are wanted too."""
        with ExitStack() as stack:
            for demand in self.shows:
                stack.enter_context(demand)
            yield

    @property
    def is_wanted(self) -> bool:
        """Whether the camera is to be open now."""
        if not self.is_on_demand or self._fetching:
            return True
        return self._last_s is not None and self._monotonic_s() - self._last_s < self._idle_close_s

    def wanted_renditions(self) -> frozenset[str]:
        """Those of the renditions which may sleep that are to be encoded now."""
        return self.renditions.wanted(self._monotonic_s())

    async def wait(self, within_s: float | None = None) -> bool:
        """Whether somebody has asked within `within_s` (`None`: for ever), or `wake` was called."""
        if not self.is_wanted:
            self._asked.clear()
        try:
            async with asyncio.timeout(within_s):
                return await self._asked.wait()
        except TimeoutError:
            return False

    def wake(self) -> None:
        """End a `wait`: the stream is to be stopped for good."""
        self._asked.set()


def _nobody_listens() -> None:
    """Until a keeper does."""
