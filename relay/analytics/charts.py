"""Charts as SVG in a page: only shapes are drawn in it, stretched to the width there is, and all words are HTML.

Coordinates are percent, from the top left. Every chart has a label that says in words what it shows, for those who do
not see it; what it was drawn from stands in a table beside it.
"""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_NICE: Final = (1, 2, 2.5, 5, 10)
_RULES: Final = 4
_BAR_GAP: Final = 0.12


class Label(NamedTuple):
    """A word at `at` percent along or down a chart. A `is_minor` one is left out where there is little room."""

    at: float
    text: str
    is_minor: bool = False


def ceiling(most: float) -> float:
    """A round number that is at least `most`, to end an axis with, and that four steps divide well."""
    if most <= 0:
        return 1.0
    if most <= _RULES:
        return float(_RULES) if most > 1 else 1.0
    step = most / _RULES
    power = 10.0 ** math.floor(math.log10(step))
    return _RULES * power * next(nice for nice in _NICE if nice * power >= step * (1 - 1e-9))


def curve(points: Sequence[tuple[float, float]], kind: str = "line") -> str:
    """A line through points in percent."""
    if not points:
        return ""
    place = " ".join(f"{_short(x)},{_short(y)}" for x, y in points)
    return f'<polyline class="{kind}" points="{place}"/>'


def area(points: Sequence[tuple[float, float]]) -> str:
    """What is below a line through points in percent."""
    if not points:
        return ""
    place = " ".join(f"{_short(x)},{_short(y)}" for x, y in points)
    return f'<polygon class="area" points="{_short(points[0][0])},100 {place} {_short(points[-1][0])},100"/>'


def box(x: float, y: float, width: float, height: float, kind: str, words: str) -> str:
    """A rectangle in percent, which says `words` when it is pointed at."""
    return (
        f'<rect class="{kind}" x="{_short(x)}" y="{_short(y)}" width="{_short(width)}" height="{_short(height)}">'
        f"<title>{escape(words)}</title></rect>"
    )


def bars(values: Sequence[float], words: Sequence[str], most: float) -> str:
    """One beside the other, each with its words."""
    width = 100 / max(1, len(values))
    return "".join(
        box(
            width * (place + _BAR_GAP / 2),
            100 - 100 * value / most,
            width * (1 - _BAR_GAP),
            100 * value / most,
            "bar",
            said,
        )
        for place, (value, said) in enumerate(zip(values, words, strict=True))
    )


def plot(shapes: str, words: str, up: Iterable[Label] = (), along: Sequence[Label] = (), kind: str = "") -> str:
    """A chart of `shapes`, with a rule at each label of the axis that goes up."""
    up = list(up)
    rules = "".join(
        f'<line class="rule" x1="0" x2="100" y1="{_short(label.at)}" y2="{_short(label.at)}"/>' for label in up
    )
    names = "".join(f'<span class="up" style="top:{_short(label.at)}%">{escape(label.text)}</span>' for label in up)
    names += "".join(
        f'<span class="along{_edge(label)}" style="left:{_short(label.at)}%">{escape(label.text)}</span>'
        for label in along
    )
    return (
        f'<div class="plot {kind}"><svg role="img" aria-label="{escape(words)}" viewBox="0 0 100 100" '
        f'preserveAspectRatio="none">{rules}{shapes}</svg><div aria-hidden="true">{names}</div></div>'
    )


def upward(most: float, unit: str = "") -> list[Label]:
    """Labels from 0 to `most`, which is a `ceiling`."""
    count = _RULES if most > 1 or unit else 1
    return [Label(100 - 100 * step / count, f"{most * step / count:g}{unit}") for step in range(count + 1)]


def _edge(label: Label) -> str:
    place = " first" if label.at <= 1 else " last" if label.at >= 99 else ""
    return place + (" minor" if label.is_minor else "")


def _short(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
