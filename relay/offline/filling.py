"""A picture for every moment of a film, whatever a chain lets out: pure.

A chain may hold pictures back until it has seen later ones, and lets some never out: `freeze` says that the last one
stays. They come out in their order; so a moment that is passed over is one whose picture never comes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from relay.offline.film import Shown
from relay.pixels import new_i420
from relay.pixels.planes import BLACK, NEUTRAL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from relay.model import Picture
    from relay.offline.film import Moment
    from relay.pixels import I420


class Filler:
    """Moments in, by the slots of their pictures; moments out, in the same order, each with what is shown at it.

    Where there is nothing yet that may be shown, that is black: a picture that did not leave the chain never is.
    `repeated` counts the moments at which another picture than their own is shown.
    """

    def __init__(self) -> None:
        self.repeated = 0
        self._waiting: dict[int, Moment] = {}
        self._shown: I420 | None = None

    def expect(self, slot: int, moment: Moment) -> None:
        """The picture of `slot` goes into the chain now. Slots rise."""
        self._waiting[slot] = moment

    def show(self, picture: Picture) -> Iterator[Shown]:
        """`picture` left the chain: what is shown at all moments up to its own. One that nobody expects is not."""
        if picture.slot not in self._waiting:
            return
        while (slot := next(iter(self._waiting))) != picture.slot:
            yield self._repeat(slot, picture.width, picture.height)
        self._shown = picture.i420
        yield Shown(self._waiting.pop(slot), picture.i420)

    def finish(self, width: int, height: int) -> Iterator[Shown]:
        """The chain is empty: what is shown at the moments that are left; of that size, if nothing ever was."""
        for slot in list(self._waiting):
            yield self._repeat(slot, width, height)

    def _repeat(self, slot: int, width: int, height: int) -> Shown:
        self.repeated += 1
        if self._shown is None:
            self._shown = _black(width, height)
        return Shown(self._waiting.pop(slot), self._shown)


def _black(width: int, height: int) -> I420:
    picture = new_i420(width, height)
    picture[:height], picture[height:] = BLACK, NEUTRAL
    return picture
