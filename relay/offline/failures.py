"""What transforms failed on in a film, in words: pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from relay.errors import TransformError

MOST_WORDS: Final = 5
"""Different failures that are told: one that has a number in its words would fill the screen."""


class Failures:
    """Each failure once, with how often it came: one that comes with every picture of a film is no longer story."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._others = 0

    def note(self, failure: TransformError) -> None:
        """A transform has failed, and the run goes on."""
        words = str(failure)
        if words in self._counts or len(self._counts) < MOST_WORDS:
            self._counts[words] = self._counts.get(words, 0) + 1
        else:
            self._others += 1

    @property
    def words(self) -> list[str]:
        """One line for each, in the order in which they came."""
        lines = [f"{words} ({_times(count)})" for words, count in self._counts.items()]
        return [*lines, f"others ({_times(self._others)})"] if self._others else lines


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
