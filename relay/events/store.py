"""The events that are kept: one SQLite file in the data folder, written by one thread (`relay.database`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from relay.events.model import TimedEvent

DATABASE_FILE: Final = "events.sqlite3"
MOST_LISTED: Final = 500


class EventStore:
    """The one writer of the data folder's events, and a way to read them.

    Opening it creates the file (readable by its owner alone) or checks it, and ends what a killed process left open at
    the last time that is known of it. Raises `StoreError` if it is damaged, of a newer relay, or cannot be written.
    """

    def __init__(self, data: Path, *, days: float, pictures_mb: int) -> None:
        raise NotImplementedError

    def put(self, event: TimedEvent, jpeg: bytes = b"") -> None:
        """Have `event`, or its end, written soon; `jpeg` is its picture, if there is one now. Never blocks."""
        raise NotImplementedError

    async def list(
        self,
        stream: str,
        *,
        since_ns: int | None = None,
        until_ns: int | None = None,
        kinds: Collection[str] = (),
        limit: int = 50,
        before: str = "",
    ) -> tuple[TimedEvent, ...]:
        """Up to `limit` events of `stream` (`MOST_LISTED` at the most), the newest by their start first.

        Those that were going on at some moment from `since_ns` on and before `until_ns` (Unix time), and of `kinds`
        alone, if some are given. `before` is the id of the last one of the page before: none, where that is not kept.
        Reads in a thread. Raises `StoreError`.
        """
        raise NotImplementedError

    async def get(self, stream: str, event_id: str) -> TimedEvent | None:
        """One event, if it is kept. Reads in a thread. Raises `StoreError`."""
        raise NotImplementedError

    async def picture(self, stream: str, event_id: str) -> bytes | None:
        """Its JPEG, if that is kept. Reads in a thread. Raises `StoreError`."""
        raise NotImplementedError
