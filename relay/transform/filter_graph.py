"""One libavfilter graph at work: pictures in, pictures out, each with the slot that it belongs to.

Between two pictures a filter may keep some back (yadif), leave some out (fps) or put some in between (framerate).
Pictures go in with their times as pts; what comes out with such a pts gets that picture's slot, and what comes out
between two gets the nearest slot that is free. A slot is filled once.

Every object of PyAV is made, used and dropped in the thread of the chain.
"""

from __future__ import annotations

import difflib
from collections import deque
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

import av
import numpy as np
from av.filter import Graph, filters_available

from relay.errors import TransformError
from relay.model import Picture
from relay.pixels import Pool, video_frame
from relay.pixels.video import rows
from relay.timeline import timestamp_ns
from relay.transform.base import MAX_SIDE
from relay.transform.frame import Frame

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from av.filter.context import FilterContext

    from relay.model import Matrix
    from relay.pixels import Plane
    from relay.transform.filter_text import FilterSpec, GraphSpec

_TIME_BASE: Final = Fraction(1, 1_000_000)
_NS_PER_TICK: Final = 1000
_SOURCE, _SINK = "in", "out"
"""The labels that FFmpeg gives to a graph's open ends."""
MAX_HELD: Final = 64
"""Pictures that a graph may keep back: two seconds of 30, and 90 MB of 720p."""
_MARKS: Final = MAX_HELD + 2
_MOST_LATE: Final = MAX_HELD // 2
"""A filter that shifts time (setpts) may give a picture the place of one that many before it, and no more."""
_MOST_AT_ONCE: Final = 1000
"""Pictures that may come out for one that goes in: a source in the graph could go on for ever."""

_INSTEAD: Final[Mapping[str, str]] = {
    "blackframe": "the transform black",
    "boxblur": "avgblur",
    "colormatrix": "colorspace",
    "delogo": "the transform mask",
    "eq": "the transform brightness",
    "fspp": "deblock",
    "histeq": "the transform clahe",
    "hqdn3d": "atadenoise",
    "kerndeint": "bwdif",
    "mpdecimate": "decimate",
    "owdenoise": "nlmeans",
    "perspective": "the transform perspective",
    "pp7": "deblock",
    "pullup": "fieldmatch",
    "sab": "bilateral",
    "smartblur": "bilateral",
    "spp": "deblock",
    "super2xsai": "xbr",
    "uspp": "deblock",
    "vaguedenoiser": "nlmeans",
}
"""Filters that FFmpeg's configure lists under `--enable-gpl`, and what does the like without it."""
_MISSED: Final = frozenset({"cropdetect", "interlace", "mptestsrc", "phase", "repeatfields", "stereo3d", "tinterlace"})
"""Others that it lists there, in whose place nothing can stand."""
_OTHER_BUILD: Final = "PyAV built with the system's FFmpeg has it (`pip install --no-binary av av`), where that has it"


def check_names(graph: GraphSpec) -> None:
    """Raise `TransformError` for a filter that this FFmpeg does not have."""
    for spec in (spec for chain in graph for spec in chain):
        if spec.name not in filters_available:
            raise TransformError(f"this FFmpeg has no filter {spec.name!r}{_hint(spec.name)}")


def _hint(name: str) -> str:
    if name in _INSTEAD or name in _MISSED:
        found = f"{_INSTEAD[name]} does the like, with options of its own; " if name in _INSTEAD else ""
        return f", which is under the GPL, and PyAV's wheels come without those: {found}{_OTHER_BUILD}"
    close = difflib.get_close_matches(name, sorted(filters_available), n=1)
    return f": did you mean {close[0]!r}?" if close else ""


class _Pad(NamedTuple):
    """One end of a filter that is not linked yet."""

    node: FilterContext
    number: int
    name: str


@dataclass
class _Wiring:
    """Which ends are open while filters are linked one after the other, as FFmpeg's own reader links them."""

    graph: Graph
    inputs: dict[str, _Pad] = field(default_factory=dict)
    outputs: dict[str, _Pad] = field(default_factory=dict)
    loose_inputs: list[_Pad] = field(default_factory=list)
    loose_outputs: list[_Pad] = field(default_factory=list)

    def add_chain(self, chain: Sequence[FilterSpec]) -> None:
        """Make the filters of one chain, and link what can be linked."""
        offered: list[_Pad] = []
        for spec in chain:
            node = self._made(spec)
            offered = self._link_inputs(spec, node, offered)
        self.loose_outputs += offered

    def _made(self, spec: FilterSpec) -> FilterContext:
        try:
            return self.graph.add(spec.name, spec.arguments or None)
        except (av.FFmpegError, ValueError) as error:
            raise TransformError(f"{_name(spec)} will not do: {_words(error)}") from error

    def _link_inputs(self, spec: FilterSpec, node: FilterContext, offered: list[_Pad]) -> list[_Pad]:
        """Link what `spec` takes; what is returned are the ends that the next filter of the chain takes."""
        pads = [_Pad(node, index, _name(spec)) for index in range(_count(node, "inputs"))]
        if len(spec.inputs) + len(offered) > len(pads):
            raise TransformError(
                f"{_name(spec)} takes {len(pads)} pictures, and {len(spec.inputs) + len(offered)} are given to it"
            )
        for label, pad in zip(spec.inputs, pads, strict=False):
            if label in self.inputs:
                raise TransformError(f"the label [{label}] is taken twice: give it to a split first")
            if label in self.outputs:
                _link(self.outputs.pop(label), pad)
            else:
                self.inputs[label] = pad
        rest = pads[len(spec.inputs) :]
        for source, pad in zip(offered, rest, strict=False):
            _link(source, pad)
        self.loose_inputs += rest[len(offered) :]
        gives = [_Pad(node, index, _name(spec)) for index in range(_count(node, "outputs"))]
        return self._label_outputs(spec, gives)

    def _label_outputs(self, spec: FilterSpec, pads: list[_Pad]) -> list[_Pad]:
        if len(spec.outputs) > len(pads):
            raise TransformError(
                f"{_name(spec)} gives {len(pads)} pictures, and {len(spec.outputs)} labels are behind it"
            )
        for label, pad in zip(spec.outputs, pads, strict=False):
            if label in self.inputs:
                _link(pad, self.inputs.pop(label))
            elif label in self.outputs:
                raise TransformError(f"the label [{label}] is given twice")
            else:
                self.outputs[label] = pad
        return pads[len(spec.outputs) :]

    def ends(self) -> tuple[_Pad, _Pad]:
        """The one end that takes the picture, and the one that gives it."""
        takes = [*self.inputs.values(), *self.loose_inputs]
        gives = [*self.outputs.values(), *self.loose_outputs]
        for label in self.inputs:
            if label != _SOURCE:
                raise TransformError(f"nothing gives what the label [{label}] takes")
        for label in self.outputs:
            if label != _SINK:
                raise TransformError(f"nothing takes what the label [{label}] gives")
        for pads, verb in ((takes, "take"), (gives, "give")):
            if len(pads) != 1:
                names = ", ".join(dict.fromkeys(pad.name for pad in pads)) or "none"
                raise TransformError(
                    f"{len(pads)} open ends of the graph ({names}) {verb} the picture, and it must be one: "
                    "link the others with [labels]"
                )
        return takes[0], gives[0]


def _link(source: _Pad, target: _Pad) -> None:
    try:
        source.node.link_to(target.node, source.number, target.number)
    except (av.FFmpegError, ValueError) as error:
        raise TransformError(f"{target.name} cannot take what {source.name} gives: {_words(error)}") from error


def _name(spec: FilterSpec) -> str:
    return f"the filter {str(spec)!r}"


def _count(node: FilterContext, side: str) -> int:
    """How many pads a filter has on one side; PyAV's stubs do not tell of them."""
    return len(getattr(cast("Any", node), side))


def build(graph: GraphSpec, width: int, height: int) -> Graph:
    """The graph for pictures of `width` x `height`, not configured yet. Raises `TransformError`, with the filter."""
    built = Graph()
    wiring = _Wiring(built)
    for chain in graph:
        wiring.add_chain(chain)
    takes, gives = wiring.ends()
    source = built.add_buffer(width=width, height=height, format=av.VideoFormat("yuv420p"), time_base=_TIME_BASE)
    planar, sink = built.add("format", "pix_fmts=yuv420p"), built.add("buffersink")
    _link(_Pad(source, 0, "the stream"), takes)
    _link(gives, _Pad(planar, 0, "the stream"))
    _link(_Pad(planar, 0, "the stream"), _Pad(sink, 0, "the stream"))
    return built


def _configured(graph: GraphSpec, width: int, height: int) -> Graph:
    built = build(graph, width, height)
    try:
        built.configure()
    except (av.FFmpegError, ValueError) as error:
        raise TransformError(
            f"{_culprit(graph, width, height)} will not do for pictures of {width}x{height}: {_words(error)}"
        ) from error
    return built


def _culprit(graph: GraphSpec, width: int, height: int) -> str:
    """Of one chain, the first filter without which the chain up to there would do; else the graph as a whole."""
    (chain, *others) = graph
    if others or any(spec.inputs or spec.outputs for spec in chain):
        return "the graph"
    for length in range(1, len(chain) + 1):
        try:
            build((chain[:length],), width, height).configure()
        except (av.FFmpegError, ValueError, TransformError):
            return _name(chain[length - 1])
    return "the graph"


def _words(error: Exception) -> str:
    """What FFmpeg says, without its numbers."""
    return str(getattr(error, "strerror", None) or error)


class _Held(NamedTuple):
    pts: int
    frame: Frame


class FilterLine:
    """A graph for pictures of one size, and the frames that are on their way through it."""

    def __init__(self, graph: GraphSpec, width: int, height: int) -> None:
        """Raises `TransformError`, which names the filter that will not do."""
        self.size = (width, height)
        self.newest_slot = -1
        self.most_held = 0
        self._graph = _configured(graph, width, height)
        self._pool = Pool()
        self._held: deque[_Held] = deque()
        self._marks: deque[tuple[int, int]] = deque(maxlen=_MARKS)
        self._start_ns = 0
        self._last_slot: int | None = None
        self._matrix: Matrix = "bt709"

    def feed(self, frame: Frame) -> list[Frame]:
        """Push `frame`, later than all before it, and take what is ready. Raises `TransformError`."""
        if not self._marks:
            self._start_ns = frame.time_ns
        pts = (frame.time_ns - self._start_ns) // _NS_PER_TICK
        if self._marks:
            pts = max(pts, self._marks[-1][0] + 1)
        self._marks.append((pts, frame.slot))
        self.newest_slot, self._matrix = frame.slot, frame.matrix
        source = video_frame(frame.picture().i420)
        source.pts, source.time_base = pts, _TIME_BASE
        self._held.append(_Held(pts, frame))
        self._push(source)
        ready = list(self._pulled())
        if len(self._held) > MAX_HELD:
            raise TransformError(f"the graph has kept {len(self._held)} pictures back, and {MAX_HELD} are the most")
        self.most_held = max(self.most_held, len(self._held))
        return ready

    def finish(self) -> list[Frame]:
        """All that is left in the graph. Nothing can be fed afterwards."""
        self._push(None)
        ready = list(self._pulled(is_last=True))
        self._held.clear()
        return ready

    def _push(self, source: av.VideoFrame | None) -> None:
        try:
            self._graph.push(source)
        except (av.FFmpegError, ValueError) as error:
            raise TransformError(f"the graph does not take the picture: {_words(error)}") from error

    def _pulled(self, *, is_last: bool = False) -> Iterator[Frame]:
        """What comes out now. After the last a source in the graph may go on for ever, and is left to itself."""
        for _ in range(_MOST_AT_ONCE):
            try:
                picture = cast("av.VideoFrame", self._graph.pull())
            except (av.BlockingIOError, av.EOFError):
                return
            except (av.FFmpegError, ValueError) as error:
                raise TransformError(f"the graph fails: {_words(error)}") from error
            if (frame := self._taken(picture)) is not None:
                yield frame
        if not is_last:
            words = f"the graph gives more than {_MOST_AT_ONCE} pictures for one: a source in it never ends"
            raise TransformError(words)

    def _taken(self, picture: av.VideoFrame) -> Frame | None:
        """The frame that `picture` is of now; `None` where its slot is filled."""
        if picture.width % 2 or picture.height % 2 or not 0 < max(picture.width, picture.height) <= MAX_SIDE:
            raise TransformError(
                f"the graph makes pictures of {picture.width}x{picture.height}: "
                f"both must be even, and {MAX_SIDE} at the most"
            )
        pts = self._marks[-1][0]
        if picture.pts is not None:
            pts = round((timestamp_ns(picture.pts, picture.time_base) or 0) / _NS_PER_TICK)
        slot = self._slot_of(pts)
        if self._last_slot is not None and slot <= self._last_slot:
            return None
        self._last_slot = slot
        own = None
        while self._held and self._held[0].frame.slot <= slot:
            own = self._held.popleft().frame
        if own is None or own.slot != slot:
            made = Picture(slot, self._start_ns + pts * _NS_PER_TICK, self._pool.i420(*self.size))
            own = Frame(made, self._pool, self._matrix)
        planes = iter(picture.planes)
        own.map(picture.width, picture.height, lambda _, target: _copy(rows(next(planes)), target))
        return own

    def _slot_of(self, pts: int) -> int:
        """The slot nearest to `pts`: not long before the newest frame, nor after it.

        A filter that shifts time would move pictures out of the stream's; they only change places in it.
        """
        oldest = self._held[-_MOST_LATE].frame.slot if len(self._held) >= _MOST_LATE else 0
        before = self._marks[0]
        for mark in self._marks:
            if mark[0] >= pts:
                after = mark
                break
            before = mark
        else:
            return self._marks[-1][1]
        if after[0] == pts or after == before:
            return max(oldest, after[1])
        share = Fraction(pts - before[0], after[0] - before[0])
        return max(oldest, before[1] + round(share * (after[1] - before[1])))


def _copy(source: Plane, target: Plane) -> None:
    np.copyto(target, source[: target.shape[0], : target.shape[1]])


class FilterRunner:
    """A graph for pictures of any size: it begins anew with another size, where time goes back, and after a failure."""

    def __init__(self, graph: GraphSpec) -> None:
        self._graph = graph
        self._line: FilterLine | None = None

    @property
    def most_held(self) -> int:
        """How many frames the graph was seen to keep back since it began."""
        return self._line.most_held if self._line is not None else 0

    def feed(self, frame: Frame) -> list[Frame]:
        """The frames that are ready now that `frame` came. Raises `TransformError`, and has forgotten all then."""
        line = self._line
        ready: list[Frame] = []
        if line is not None and (line.size != frame.size or frame.slot <= line.newest_slot):
            line, ready = None, self.flush()
        self._line = None
        if line is None:
            line = FilterLine(self._graph, *frame.size)
        ready += line.feed(frame)
        self._line = line
        return ready

    def flush(self) -> list[Frame]:
        """What is still in the graph. The next frame begins it anew."""
        line, self._line = self._line, None
        return line.finish() if line is not None else []
