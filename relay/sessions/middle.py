"""The median of a stream of numbers in bounded memory, the same for the same input."""

from __future__ import annotations

from typing import Final

MAX_VALUES: Final = 64
"""Exact up to here; beyond, of a regular sample at least half as large, whose rank is a few percent off."""


class Middle:
    """Takes numbers and tells the one in the middle. When it is full, it goes on with every second one."""

    __slots__ = ("_skip", "_stride", "_values")

    def __init__(self) -> None:
        self._values: list[int] = []
        self._stride = 1
        self._skip = 0

    def add(self, value: int) -> None:
        """Take `value` into account."""
        if self._skip:
            self._skip -= 1
            return
        values = self._values
        values.append(value)
        if len(values) >= MAX_VALUES:
            del values[1::2]
            self._stride *= 2
        self._skip = self._stride - 1

    @property
    def value(self) -> int | None:
        """The lower median; None of nothing."""
        return sorted(self._values)[(len(self._values) - 1) // 2] if self._values else None
