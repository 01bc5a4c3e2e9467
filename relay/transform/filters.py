"""`filter`: whatever libavfilter can do, by the text that FFmpeg's command line takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Final

from pydantic import AfterValidator, Field, PrivateAttr

from relay.errors import TransformError
from relay.transform.base import Group, Holding
from relay.transform.filter_graph import FilterRunner, build, check_names
from relay.transform.filter_text import parse_graph

if TYPE_CHECKING:
    from relay.transform.frame import Frame

_USUAL_SIZE: Final = (1280, 720)
"""For looking at a graph before the first picture: filters read their options without knowing the size."""


def _check(text: str) -> str:
    try:
        check_names(parse_graph(text))
    except TransformError as error:
        raise ValueError(str(error)) from error
    return text


class Filter(Holding):
    """Puts the picture through a filter graph of FFmpeg's, written as its command line takes it.

    On the command line `filter=GRAPH` alone does as well, and `{ filter = "GRAPH" }` in a file of settings. A graph
    that keeps pictures back delays them; one that leaves some out leaves their slots empty, in which the last picture
    is shown again. `t` in expressions begins at the first picture.
    """

    name: ClassVar = "filter"
    group: ClassVar[Group] = "filters"
    changes_size: ClassVar[bool] = True
    keeps_all: ClassVar[bool] = False

    graph: Annotated[str, AfterValidator(_check)] = Field(
        description='the graph, such as "atadenoise,unsharp=5:5:0.8"; filters that reach beyond the picture are refused'
    )
    _runner: FilterRunner | None = PrivateAttr(default=None)

    def open(self) -> None:
        """Read the graph and its filters' options. Raises `TransformError`, which names the filter that will not do."""
        graph = parse_graph(self.graph)
        build(graph, *_USUAL_SIZE)
        self._runner = FilterRunner(graph)

    @property
    def delay_frames(self) -> int:
        """How many frames the graph was seen to keep back."""
        return self._runner.most_held if self._runner is not None else 0

    def feed(self, frame: Frame) -> list[Frame]:
        """Push the frame through the graph. Raises `TransformError`."""
        if self._runner is None:
            self._runner = FilterRunner(parse_graph(self.graph))
        return self._runner.feed(frame)

    def flush(self) -> list[Frame]:
        """What the graph still has. The next frame begins it anew."""
        return self._runner.flush() if self._runner is not None else []

    def close(self) -> None:
        """Drop the graph, in the thread that made it."""
        self._runner = None
