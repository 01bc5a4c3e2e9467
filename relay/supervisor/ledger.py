"""What the workers of one stream count, one worker after the other. Pure.

Counters only ever grow: those of a worker that is gone are added to those of its heir. Gauges are of the worker of now.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from relay import wire

if TYPE_CHECKING:
    from relay.links import TransformFigures


class Ledger:
    """The books of one stream, whichever worker it has."""

    def __init__(self) -> None:
        self._past: Counter[str] = Counter({"worker_restarts": 0})
        self._past_transforms: tuple[TransformFigures, ...] = ()
        self._now = wire.Stats()

    def heed(self, message: wire.Message) -> None:
        """Take down what a worker's message has to tell."""
        if isinstance(message, wire.Stats):
            self._now = message

    def end_worker(self) -> None:
        """There will be another worker, which counts from 0 and is at nothing yet."""
        self._past_transforms = tuple(_at_rest(figures) for figures in self.transforms)
        self._past.update(self._now.counters)
        self._now = wire.Stats()

    def count_restart(self) -> None:
        """The worker has ended by itself."""
        self._past["worker_restarts"] += 1

    @property
    def counters(self) -> dict[str, int]:
        """Of all workers so far."""
        counters = self._past.copy()
        counters.update(self._now.counters)
        return dict(counters)

    @property
    def gauges(self) -> dict[str, float]:
        """Of the worker of now."""
        return dict(self._now.gauges)

    @property
    def transforms(self) -> tuple[TransformFigures, ...]:
        """How each transform does, in the order of the chain: its counts are those of all workers so far."""
        now, past = self._now.transforms, self._past_transforms
        if len(now) != len(past):  # there is no chain yet, or none was there before
            return now or past
        return tuple(figures.counted_on(before) for figures, before in zip(now, past, strict=True))


def _at_rest(figures: TransformFigures) -> TransformFigures:
    """What was counted, of a transform that is not at work."""
    return replace(figures, mean_ms=0.0, every=1, delay_frames=0, is_failing=False)
