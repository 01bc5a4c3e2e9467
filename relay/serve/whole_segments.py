"""A playlist of whole segments beside a media playlist with parts, of the same window: rendered once per segment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from relay.serve import prepared

if TYPE_CHECKING:
    from relay.playlist import Window
    from relay.serve.prepared import Prepared


class Render(Protocol):
    """What makes the text of such a playlist."""

    def __call__(self, window: Window, *, skip: bool = False) -> str:
        """With `skip`, as a delta update where there is something to leave out."""


class WholeSegments:
    """See the module."""

    def __init__(self, window: Window, render: Render, cache_control: str) -> None:
        self._window = window
        self._render = render
        self._cache_control = cache_control
        self._made: dict[bool, tuple[tuple[int, int, int, bool], Prepared]] = {}

    def playlist(self, *, skip: bool) -> Prepared:
        """The playlist; with `skip`, as a delta update where there is something to leave out."""
        window = self._window
        last_msn = window.listed[-1].msn if window.listed else -1
        state = (window.discontinuity_sequence, window.media_sequence, last_msn, window.is_ended)
        known = self._made.get(skip)
        if known and known[0] == state:
            return known[1]
        made = prepared.playlist(self._render(window, skip=skip), self._cache_control)
        self._made[skip] = (state, made)
        return made
