"""Where on the timeline each rendition of a generation goes on, whichever worker sends it: pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from relay.errors import ProtocolError
from relay.model import MediaKind
from relay.timeline import Grid

if TYPE_CHECKING:
    from relay.model import Init, Part, StreamFormat


class Places:
    """The next slot of each rendition, by its name, counted in the stream's rate; each begins a part.

    They lie apart when a worker dies between the parts of two renditions: its heir sends each what it lacks. A rung may
    sleep; it is awake again when it has come to where the largest was when it was woken.
    """

    def __init__(self, stream: StreamFormat, first_slot: int) -> None:
        self.grid = Grid.of(stream)
        self.next_slots: dict[str, int] = {}
        self._kinds = stream.renditions
        self._described: set[str] = set()
        self._asleep: set[str] = set()
        self._awake_at: dict[str, int] = {}
        self.begin(first_slot)

    def begin(self, slot: int) -> None:
        """All renditions go on at `slot`."""
        self.next_slots = dict.fromkeys(self._kinds, slot)

    @property
    def start_slots(self) -> dict[str, int]:
        """The next slots of what is awake."""
        return {name: slot for name, slot in self.next_slots.items() if self.is_awake(name)}

    def is_awake(self, rendition: str) -> bool:
        """Whether it is sent beside the others."""
        return rendition not in self._asleep and rendition not in self._awake_at

    def is_asleep(self, rendition: str) -> bool:
        """Whether it was not woken."""
        return rendition in self._asleep

    def sleep(self, rendition: str) -> None:
        """It is sent no more."""
        self._asleep.add(rendition)
        self._awake_at.pop(rendition, None)

    def wake(self, rendition: str) -> int:
        """It is to be sent again. Returns the slot before which it was published."""
        self._asleep.discard(rendition)
        self._awake_at[rendition] = self.next_slots[MediaKind.VIDEO]
        return self.next_slots[rendition]

    def describe(self, init: Init) -> None:
        """A rendition has its initialization segment. Raises `ProtocolError` for one that the stream does not have."""
        if init.rendition not in self._kinds:
            raise ProtocolError(f"there is no rendition {init.rendition!r}")
        self._described.add(init.rendition)

    def publish(self, part: Part) -> int:
        """Note a part, and return the slot before which it ends. Raises `ProtocolError`."""
        if part.rendition not in self._described:
            raise ProtocolError(f"a part of {part.rendition!r} came before its init segment")
        grid = self.grid
        slot = grid.first_slot(part.msn + 1) if part.is_last else grid.first_slot(part.msn, part.index + 1)
        self.next_slots[part.rendition] = slot
        if slot >= self._awake_at.get(part.rendition, slot + 1):
            del self._awake_at[part.rendition]
        return slot

    def is_video(self, part: Part) -> bool:
        """Whether it holds pictures."""
        return self._kinds[part.rendition] is MediaKind.VIDEO
