"""The second stage: every picture through the owner's chain, and nothing that has not left it goes on."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

from relay.offline.filling import Filler
from relay.offline.film import Sound
from relay.transform import Chain, Setup

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from relay.config import TransformSettings
    from relay.errors import TransformError
    from relay.links import Emitted
    from relay.model import Matrix, Picture
    from relay.offline.film import Incoming, Outgoing, Shown
    from relay.offline.pipe import Pipe


class PictureChain(Protocol):
    """What a film needs of a chain. Pictures come out in the order of their slots; some later, some never."""

    def open(self) -> None:
        """Load what its links need. Raises `TransformError`."""

    def process(self, picture: Picture) -> list[Picture]:
        """Those that may go on now that `picture` came. Raises `TransformError` where a link ends the run."""

    def flush(self) -> list[Picture]:
        """Those that were held back; no more will come."""

    def close(self) -> None:
        """Give back what it loaded."""


def chain_of(
    transforms: Sequence[TransformSettings],
    on_failure: Callable[[TransformError], None],
    on_event: Callable[[Emitted], None],
    matrix: Matrix,
) -> PictureChain:
    """The chain of `transforms`. A file is not live: nothing rests because others take long, and nothing is late."""
    return Chain(transforms, Setup(period_s=math.inf, on_event=on_event, on_failure=on_failure, matrix=matrix))


class ChainLine:
    """The body of the stage's thread: takes from `inbox`, gives to `outbox`. Sound goes past the chain.

    The chain is made, used and closed in that thread.
    """

    def __init__(self, make_chain: Callable[[], PictureChain], inbox: Pipe[Incoming], outbox: Pipe[Outgoing]) -> None:
        self._make_chain = make_chain
        self._inbox = inbox
        self._outbox = outbox
        self._filler = Filler()

    @property
    def repeated(self) -> int:
        """Moments at which another picture than their own is shown, because that never left the chain."""
        return self._filler.repeated

    def run(self) -> None:
        """Until the film's end. Raises `TransformError` where a link ends the run, and `HaltError`."""
        chain = self._make_chain()
        try:
            chain.open()
            self._work(chain)
        finally:
            chain.close()
        self._outbox.end()

    def _work(self, chain: PictureChain) -> None:
        width = height = 0
        while (item := self._inbox.take()) is not None:
            if isinstance(item, Sound):
                self._outbox.put(item, item.size_bytes)
                continue
            width, height = item.picture.width, item.picture.height
            self._filler.expect(item.picture.slot, item.moment)
            self._show(chain.process(item.picture))
        self._show(chain.flush())
        self._give(self._filler.finish(width, height))

    def _show(self, pictures: Iterable[Picture]) -> None:
        for picture in pictures:
            self._give(self._filler.show(picture))

    def _give(self, shown: Iterable[Shown]) -> None:
        for one in shown:
            self._outbox.put(one, one.size_bytes)
