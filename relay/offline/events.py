"""What transforms notice in a film, in a file beside it: a line of JSON each, in the order in which it is told.

    {"time_s": 12.48, "kind": "motion", "data": {"phase": "begin", "zone": "door"}}

`time_s` is when the film shows the picture of that event, on its own clock. Lines are written as they come, so that
memory is not a question of how much happens in a film.
"""

from __future__ import annotations

import json
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Final, Self, TextIO

from relay.errors import OutputError
from relay.offline.unfinished import Unfinished
from relay.timeline import NS_PER_S

if TYPE_CHECKING:
    from pathlib import Path

    from relay.links import Emitted

_DIGITS: Final = 6
"""Of seconds: timestamps of files are told in microseconds, or less closely."""


class EventLog:
    """A context. A file at `target`, which has its name once it is kept; without a target events are only counted.

    `began_ns` is the Unix time at which the film begins. Raises `ConfigError` where `target` is there already and may
    not be replaced, `OutputError` where it cannot be written.
    """

    def __init__(self, target: Path | None, *, overwrite: bool) -> None:
        self.began_ns = 0
        self.count = 0
        self._target = target
        self._overwrite = overwrite
        self._made: Unfinished | None = None
        self._file: TextIO | None = None
        self._open = ExitStack()

    def __enter__(self) -> Self:
        if self._target is None:
            return self
        with ExitStack() as stack:
            self._made = stack.enter_context(Unfinished(self._target, overwrite=self._overwrite))
            try:
                self._file = stack.enter_context(self._made.path.open("w", encoding="utf-8"))
            except OSError as error:
                raise self._unwritable(error) from error
            self._open = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):  # a disk that is full has been told of
            self._open.close()

    def note(self, event: Emitted) -> None:
        """Write it down. In the chain's thread; raises `OutputError`, which ends the run."""
        self.count += 1
        if self._file is None:
            return
        time_s = round((event.time_ns - self.began_ns) / NS_PER_S, _DIGITS)
        try:
            self._file.write(json.dumps({"time_s": time_s, "kind": event.kind, "data": event.data}) + "\n")
        except OSError as error:
            raise self._unwritable(error) from error

    def keep(self) -> None:
        """No more will come: give the file its name. Raises `OutputError`."""
        if self._file is None or self._made is None:
            return
        try:
            self._file.close()
        except OSError as error:
            raise self._unwritable(error) from error
        self._made.keep()

    @property
    def words(self) -> str:
        """What is said of them at the end; empty where there were none, and nobody asked."""
        count = f"{self.count} event{'' if self.count == 1 else 's'}"
        if self._target is not None:
            return f"{count} in {self._target}"
        return f"{count}: --events FILE.jsonl writes them down" if self.count else ""

    def _unwritable(self, error: OSError) -> OutputError:
        return OutputError(f"{self._target}: the events cannot be written: {error.strerror or error}")
