"""`data`: what a file or an address says, in the picture: a temperature, a score, the name of who is speaking."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import AfterValidator, Field, PrivateAttr

from relay.transform.drawing.fetch import is_url, label_of, read_source
from relay.transform.drawing.lettered import Lettered, tidy
from relay.transform.drawing.reading import Reader
from relay.transform.drawing.template import fill

if TYPE_CHECKING:
    from relay.transform.frame import Frame


def _check_source(source: str) -> str:
    is_url(source)
    return source


class Data(Lettered):
    """Writes what a file or an http(s) address says, read again and again beside the pictures."""

    name: ClassVar = "data"

    source: Annotated[str, AfterValidator(_check_source)] = Field(
        min_length=1, repr=False, description="a path, or an address that begins with http:// or https://"
    )
    template: str | None = Field(
        default=None,
        max_length=2000,
        description='of a JSON document: a text with its keys, such as "{temperature:1} °C, {wind.speed} m/s"; '
        "without it the whole of what was read is written",
    )
    interval_s: float = Field(default=10.0, ge=0.2, le=86_400, description="seconds from one read to the next")
    timeout_s: float = Field(default=5.0, ge=0.1, le=60, description="seconds that a read may take")
    max_bytes: int = Field(default=65_536, ge=1, le=1_048_576, description="the most that is read")
    stale_after_s: float = Field(
        default=60.0, ge=1, le=604_800, description="seconds after which what was read last is marked as old"
    )
    stale_mark: str = Field(default="(old)", max_length=40, description="what is written behind something old")
    missing: str = Field(default="no data", max_length=200, description="what is written where nothing was ever read")
    _reader: Reader | None = PrivateAttr(default=None)

    def open(self) -> None:
        """Begin to read, in a thread. A source that cannot be read yet is no failure: it may come."""
        self._reader = Reader(label_of(self.source), self._read, self.interval_s)
        self._reader.start()

    def apply(self, frame: Frame) -> None:
        """Write the newest that was read; nothing waits for it."""
        if self._reader is not None:
            self.write(frame, self._text_of(self._reader))

    def close(self) -> None:
        """End the thread."""
        if self._reader is not None:
            self._reader.stop()
            self._reader = None

    def _read(self) -> str:
        text = read_source(self.source, self.timeout_s, self.max_bytes).decode("utf-8-sig", "replace")
        return tidy(text if self.template is None else fill(self.template.replace("\\n", "\n"), text))

    def _text_of(self, reader: Reader) -> str:
        newest, now_s = reader.newest, reader.clock()
        if newest is None:
            return self.missing if now_s - reader.started_s > self.stale_after_s else ""
        if now_s - newest.at_s <= self.stale_after_s:
            return newest.text
        return f"{newest.text} {self.stale_mark}".strip()
