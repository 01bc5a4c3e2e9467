"""Interlaced pictures made whole: of two half pictures, a fiftieth of a second apart, whatever moves is a comb."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Final, NamedTuple, cast

import av
from av.filter import Graph

from relay.timeline import NS_PER_S, timestamp_ns

if TYPE_CHECKING:
    from collections.abc import Iterator

_TIME_BASE: Final = Fraction(1, NS_PER_S)
_FILTER: Final = "mode=send_frame:deint=interlaced"
"""One picture for each frame, as many as the source says it has; what is not marked as interlaced passes as it is."""


class _Format(NamedTuple):
    width: int
    height: int
    pixel_format: str


class Deinterlacer:
    """Pictures of one connection, in the order of their times. Made, used and dropped in one thread.

    Until the first interlaced one nothing is touched. From then on all pass through the filter, which holds one back
    because it looks at the next; a change of size or format begins anew.
    """

    def __init__(self) -> None:
        self._format: _Format | None = None
        self._graph: Graph | None = None

    def pass_on(self, frame: av.VideoFrame, time_ns: int) -> Iterator[tuple[int, av.VideoFrame]]:
        """The pictures that are ready now that `frame`, captured at `time_ns`, came; each with its own time.

        Raises `av.FFmpegError` for a pixel format that cannot be filtered; then the next frame begins anew.
        """
        if self._graph is None and not frame.interlaced_frame:
            yield time_ns, frame
            return
        shape = _Format(frame.width, frame.height, frame.format.name)
        try:
            if self._graph is None or shape != self._format:
                yield from self._convert(None)
                self._start(shape, is_needed=frame.interlaced_frame)
            if self._graph is None:
                yield time_ns, frame
                return
            frame.pts, frame.time_base = time_ns, _TIME_BASE
            yield from self._convert(frame)
        except (av.FFmpegError, ValueError):
            self._graph = None
            raise

    def flush(self) -> Iterator[tuple[int, av.VideoFrame]]:
        """What the filter still holds: the last picture, which no other follows. Then it begins anew."""
        yield from self._convert(None)
        self._graph = None

    def _start(self, shape: _Format, *, is_needed: bool) -> None:
        self._format, self._graph = shape, None
        if not is_needed:
            return
        graph, pixels = Graph(), av.VideoFormat(shape.pixel_format)
        graph.link_nodes(
            graph.add_buffer(width=shape.width, height=shape.height, format=pixels, time_base=_TIME_BASE),
            graph.add("bwdif", _FILTER),
            graph.add("buffersink"),
        ).configure()
        self._graph = graph

    def _convert(self, frame: av.VideoFrame | None) -> Iterator[tuple[int, av.VideoFrame]]:
        if self._graph is None:
            return
        self._graph.push(frame)
        while True:
            try:
                whole = cast("av.VideoFrame", self._graph.pull())
            except (av.BlockingIOError, av.EOFError):
                return
            yield timestamp_ns(whole.pts, whole.time_base) or 0, whole
