"""Which words stand where on a slate: sized with the picture, and fewer where they would be too small to read."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from relay.pixels import lettering
from relay.timeline import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Callable

MIN_SIZE_PX: Final = 9
"""Below this no font can be read, so words are left out instead."""
_MARGIN: Final = 0.08
_UNITS_ACROSS, _UNITS_DOWN = 16, 12
"""The name is one unit high: a twelfth of a wide picture's height, a sixteenth of a tall one's width."""


@dataclass(frozen=True, slots=True)
class Style:
    """A kind of line: size and the space above, in units; brightness (luma); into how many rows it may break."""

    size: float
    above: float
    luma: int
    max_lines: int = 1
    bold: bool = False


NAME: Final = Style(1.0, 0.0, 235, max_lines=2, bold=True)
SINCE: Final = Style(0.52, 0.42, 215)
DATE: Final = Style(0.36, 0.1, 165)
REASON: Final = Style(0.4, 0.55, 190, max_lines=3)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of text and where its top stands; it is centred across."""

    text: str
    style: Style
    size_px: int
    top: int


@dataclass(frozen=True, slots=True)
class Words:
    """All that a slate says."""

    name: str
    since: str
    date: str
    reason: str

    @classmethod
    def of(
        cls, name: str, since_ns: int, reason: str, timezone: dt.tzinfo | None = None, *, state: str = "Offline"
    ) -> Words:
        """The words for a stream that is `state` (one word) since `since_ns`.

        That is shown in `timezone`, this machine's own where none is given, with its offset.
        """
        since = dt.datetime.fromtimestamp(since_ns // NS_PER_S, dt.UTC).astimezone(timezone)
        offset = f"{since:%z}"
        zone = "UTC" if int(offset[:5]) == 0 else f"UTC{offset[:3]}:{offset[3:5]}"
        return cls(_tidy(name), f"{state} since {since:%H:%M:%S}", f"{since:%Y-%m-%d} {zone}", _tidy(reason))


def arrange(words: Words, width: int, height: int) -> list[Line]:
    """The lines of a slate of `width` x `height`, centred as a block; the name always, the rest as far as it fits."""
    room_x = max(1, round(width * (1 - 2 * _MARGIN)))
    room_y = max(1, round(height * (1 - 2 * _MARGIN)))
    unit = max(MIN_SIZE_PX, min(width / _UNITS_ACROSS, height / _UNITS_DOWN))
    state, short = words.since.partition(" ")[0], words.since.rpartition(" ")[2]
    attempts: list[list[tuple[str, Style]]] = [
        [(words.name, NAME), (words.since, SINCE), (words.date, DATE), (words.reason, REASON)],
        [(words.name, NAME), (words.since, SINCE), (words.reason, REASON)],
        [(words.name, NAME), (words.since, SINCE)],
        [(words.name, NAME), (state, SINCE), (short, SINCE)],
        [(words.name, NAME)],
    ]
    for content in attempts:
        lines = _stack(content, unit, room_x)
        if lines is not None and _bottom(lines) <= room_y:
            return _centred(lines, height)
    return []


def _stack(content: list[tuple[str, Style]], unit: float, room_x: int) -> list[Line] | None:
    """The lines from the top, or `None` where one that may not be shortened is too wide."""
    lines: list[Line] = []
    top = 0
    for text, style in content:
        if not text:
            continue
        size_px = max(MIN_SIZE_PX, round(unit * style.size))
        rows = _balanced(text, style, size_px, room_x)
        if style.max_lines == 1 and rows != [text]:
            return None
        top += round(unit * style.above) if lines else 0
        for row in rows:
            lines.append(Line(row, style, size_px, top))
            top += lettering.line_height(size_px)
    return lines


def _balanced(text: str, style: Style, size_px: int, room_x: int) -> list[str]:
    """`text` in as few lines as it needs, and those about equally long."""
    rows = wrap(text, size_px, room_x, style.max_lines, bold=style.bold)
    if len(rows) > 1:
        for share in (0.6, 0.7, 0.8, 0.9):
            narrower = wrap(text, size_px, round(room_x * share), style.max_lines, bold=style.bold)
            if len(narrower) == len(rows) and not narrower[-1].endswith("…"):
                return narrower
    return rows


def _bottom(lines: list[Line]) -> int:
    return lines[-1].top + lettering.line_height(lines[-1].size_px) if lines else 0


def _centred(lines: list[Line], height: int) -> list[Line]:
    down = max(0, (height - _bottom(lines)) // 2)
    return [Line(line.text, line.style, line.size_px, line.top + down) for line in lines]


def wrap(text: str, size_px: int, room_x: int, max_lines: int, *, bold: bool = False) -> list[str]:
    """`text` in at most `max_lines` lines of at most `room_x` pixels, broken where it can be.

    What does not fit ends in an ellipsis.
    """

    def fits(line: str) -> bool:
        return lettering.width_of(line, size_px, bold=bold) <= room_x

    rows: list[str] = []
    rest = text
    while rest and len(rows) < max_lines:
        if fits(rest):
            return [*rows, rest]
        count = _longest(rest, fits)
        if len(rows) == max_lines - 1:
            count = _longest(rest, lambda line: fits(f"{line.rstrip()}…"))
            return [*rows, f"{rest[:count].rstrip()}…"]
        count = _break(rest, max(1, count))
        rows.append(rest[:count].rstrip())
        rest = rest[count:].lstrip()
    return rows


def _break(text: str, count: int) -> int:
    """Where to break a line that holds `count` characters: at a space, else behind a hyphen or the like, else there."""
    space = text.rfind(" ", 0, count + 1)
    if space > 0:
        return space
    behind = max(text.rfind(mark, 0, count) for mark in "-_/.:") + 1
    return behind or count


def _longest(text: str, fits: Callable[[str], bool]) -> int:
    """How many characters from the start still fit, found by halving."""
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if fits(text[:middle]):
            low = middle
        else:
            high = middle - 1
    return low


def _tidy(text: str) -> str:
    """One line without control characters: a reason may be an exception's text."""
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())[:400]
