"""Which rungs of a stream's ladder are encoded: what its worker is told when somebody comes for one, or nobody does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from relay import wire

if TYPE_CHECKING:
    from collections.abc import Callable

    from relay.model import StreamFormat
    from relay.supervisor.demand import Demand
    from relay.supervisor.places import Places
    from relay.supervisor.supervisor import Publisher


class Rungs:
    """The rungs of one stream that may sleep: all but the largest, where `may_sleep` is set.

    It outlives the workers. What nobody wants any more is noticed when a worker speaks, who comes at once.
    """

    def __init__(self, stream: str, demand: Demand, publisher: Publisher, *, may_sleep: bool) -> None:
        self._stream = stream
        self._demand = demand
        self._publisher = publisher
        self._may_sleep = may_sleep
        self._names: tuple[str, ...] = ()
        self._places: Places | None = None
        self._send: Callable[[wire.Message], None] | None = None
        self._dozing: set[str] = set()  # told to sleep, and not asleep yet
        demand.on_rendition = self.look

    def open(self, stream: StreamFormat, places: Places) -> None:
        """A generation begins: they sleep."""
        self._places = places
        self._names = tuple(rung.name for rung in stream.ladder[1:]) if self._may_sleep else ()
        self._demand.renditions.offer(self._names)
        for name in self._names:
            self._lay_down(name, places)

    def settle(self, places: Places) -> dict[str, int]:
        """From where on a worker that begins sends what is awake.

        What was being made again is not: the worker would fill seconds with repeats. It is woken anew.
        """
        wanted = self._demand.wanted_renditions()
        for name in self._names:
            if name not in wanted or not places.is_awake(name):
                self._lay_down(name, places)
        self._dozing.clear()
        return places.start_slots

    def employ(self, send: Callable[[wire.Message], None]) -> None:
        """A worker has begun, and hears what is said with `send`."""
        self._send = send
        self.look()

    def dismiss(self) -> None:
        """It is gone."""
        self._send = None

    def heed(self, message: wire.Message) -> None:
        """The worker said something, as it does twice a second at the least."""
        if isinstance(message, wire.Asleep):
            self._note_asleep(message.rendition)
        self.look()

    def look(self) -> None:
        """Wake who is wanted, and let sleep who is wanted no more."""
        send, places = self._send, self._places
        if send is None or places is None or not self._names:
            return
        wanted = self._demand.wanted_renditions()
        for name in self._names:
            is_leaving = places.is_asleep(name) or name in self._dozing
            if name in wanted and is_leaving:
                self._dozing.discard(name)
                send(wire.Wake(name, places.wake(name)))
                self._publisher.wake(self._stream, name)
            elif name not in wanted and not is_leaving:
                self._dozing.add(name)
                send(wire.Sleep(name))

    def _note_asleep(self, name: str) -> None:
        """The worker encodes `name` no more. It may have been woken again meanwhile: then nothing has changed."""
        if name in self._dozing and self._places is not None:
            self._dozing.discard(name)
            self._lay_down(name, self._places)

    def _lay_down(self, name: str, places: Places) -> None:
        places.sleep(name)
        self._publisher.sleep(self._stream, name)
