"""Findings as they are told: each once, with how often and where it was seen.

What an origin sent is quoted in them, so what is told is made harmless first: no secret, no control character (which a
terminal would obey), no endless line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from relay.check.finding import Finding, Severity
from relay.errors import redact

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST_TEXT: Final = 300
MOST_FINDINGS: Final = 200
"""Different ones: an origin that breaks more is hostile or no origin."""
MOST_PLACES: Final = 10
_WEIGHTS: Final = list(Severity)


@dataclass
class Told:
    """A finding as it was first seen; how often; and the addresses at which, up to `MOST_PLACES`."""

    finding: Finding
    count: int = 0
    places: list[str] = field(default_factory=list)


def harmless(text: str) -> str:
    """`text` without secrets and control characters, and not too long."""
    shown = "".join(char if char.isprintable() else "�" for char in text[: 4 * LONGEST_TEXT])
    shown = redact(shown)
    return shown if len(shown) <= LONGEST_TEXT else f"{shown[:LONGEST_TEXT]}…"


class Tally:
    """Collects findings. Those that differ only in numbers are the same one, seen again."""

    def __init__(self) -> None:
        self._told: dict[tuple[str, ...], Told] = {}
        self.left_out = 0
        """Findings beyond `MOST_FINDINGS` different ones."""

    def add(self, findings: Iterable[Finding], place: str) -> None:
        """Note what was found at `place`, an address."""
        for finding in findings:
            message = harmless(finding.message)
            key = (finding.rule, finding.severity, finding.clause, re.sub(r"[0-9]+", "0", message))
            told = self._told.get(key)
            if told is None:
                if len(self._told) >= MOST_FINDINGS:
                    self.left_out += 1
                    continue
                told = self._told[key] = Told(replace(finding, message=message, where=harmless(finding.where)))
            told.count += 1
            address = harmless(place)
            if address not in told.places and len(told.places) < MOST_PLACES:
                told.places.append(address)

    def told(self) -> list[Told]:
        """All of them, the worst first."""
        return sorted(self._told.values(), key=lambda told: (_WEIGHTS.index(told.finding.severity), told.finding.rule))

    @property
    def faults(self) -> int:
        """How many different findings are more than advice."""
        return sum(told.finding.severity is not Severity.ADVICE for told in self._told.values())
