"""A filter graph as people write it for FFmpeg, `"atadenoise,unsharp=5:5:0.8"`, read and judged. Pure.

    graph      chain [";" chain ...]
    chain      filter ["," filter ...]
    filter     ["[label]" ...] name ["@" instance] ["=" arguments] ["[label]" ...]

(ffmpeg-filters §4.1, "Filtergraph syntax"). A quote or a backslash keeps what would end the arguments; arguments are
unescaped once here, and once more by the filter itself, as FFmpeg's own reader does it.

Filters that reach beyond the picture are refused: what a graph may read is the picture, and what it may write too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from relay.errors import TransformError

if TYPE_CHECKING:
    from collections.abc import Mapping

_SPACE: Final = " \n\t\r"
_MOST_FILTERS: Final = 64
_MAX_TEXT: Final = 4000
_OPTION: Final = re.compile(r"\s*([\w./-]+)\s*=")

_FILES: Final = "reads or writes files"
_GPU: Final = "works in a graphics card's memory, and pictures here are in the processor's"
_WAITS: Final = "waits, and pictures here come when they are due"
_REFUSED: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        (
            "amovie", "ass", "cover_rect", "find_rect", "fsync", "lensfun", "libvmaf", "lut1d", "lut3d", "movie",
            "nnedi", "ocio", "removelogo", "signature", "subtitles", "vidstabdetect", "vidstabtransform",
            "vmafmotion",
        ),
        _FILES,
    ),
    **dict.fromkeys(
        (
            "arnndn", "asr", "derain", "dnn_classify", "dnn_detect", "dnn_processing", "ocr", "sofalizer", "sr",
            "whisper",
        ),
        "reads a model from a file: see the transforms of models",
    ),
    **dict.fromkeys(("frei0r", "frei0r_src", "ladspa", "lv2"), "loads code from a file"),
    **dict.fromkeys(("azmq", "zmq"), "listens to the network"),
    **dict.fromkeys(("asendcmd", "sendcmd"), "changes other filters while they run, into what would be refused"),
    **dict.fromkeys(("ddagrab", "gfxcapture"), "reads a screen: see the source screen:"),
    **dict.fromkeys(("arealtime", "realtime", "cue", "acue"), _WAITS),
    **dict.fromkeys(("areverse", "reverse"), "keeps all pictures until the last, and here there is none"),
    **dict.fromkeys(("hwdownload", "hwmap", "hwupload", "hwupload_cuda", "libplacebo", "openclsrc"), _GPU),
    **dict.fromkeys(("buffer", "abuffer", "buffersink", "abuffersink"), "stands at the ends of the graph by itself"),
}  # fmt: skip
_REFUSED_ENDINGS: Final = ("_amf", "_cuda", "_d3d11", "_d3d12", "_mediacodec", "_npp", "_opencl", "_qsv", "_vaapi",
                           "_videotoolbox", "_vt", "_vulkan")  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Limited:
    """A filter that is harmless without some of its options; those that are not named are taken in their order."""

    options: frozenset[str]
    unnamed: int
    """So many may be given without their names: one more would be an option that is refused."""


_LIMITED: Final[Mapping[str, _Limited]] = {
    "ametadata": _Limited(frozenset({"file"}), 5),
    "cellauto": _Limited(frozenset({"f", "filename"}), 0),
    "curves": _Limited(frozenset({"psfile", "plot"}), 6),
    "deshake": _Limited(frozenset({"filename"}), 10),
    "drawtext": _Limited(frozenset({"fontfile", "textfile"}), 0),
    "drawvg": _Limited(frozenset({"file"}), 1),
    "identity": _Limited(frozenset({"f", "stats_file"}), 0),
    "life": _Limited(frozenset({"f", "filename"}), 0),
    "metadata": _Limited(frozenset({"file"}), 5),
    "msad": _Limited(frozenset({"f", "stats_file"}), 0),
    "psnr": _Limited(frozenset({"f", "stats_file"}), 0),
    "qrencode": _Limited(frozenset({"textfile"}), 0),
    "qrencodesrc": _Limited(frozenset({"textfile"}), 0),
    "selectivecolor": _Limited(frozenset({"psfile"}), 10),
    "ssim": _Limited(frozenset({"f", "stats_file"}), 0),
    "ssim360": _Limited(frozenset({"f", "stats_file"}), 0),
    "vif": _Limited(frozenset({"f", "stats_file"}), 0),
    "xpsnr": _Limited(frozenset({"f", "stats_file"}), 0),
}
_HARMLESS: Final = _Limited(frozenset(), 1000)
_NAMES_OF_FILES: Final = frozenset({"file", "filename", "fontfile", "fontsdir", "log_path", "model_path", "plot",
                                    "psfile", "stats_file", "textfile"})  # fmt: skip
"""Options that name a file in whatever filter has them: also in filters that a later FFmpeg brings."""


@dataclass(frozen=True, slots=True)
class FilterSpec:
    """One filter of a graph: its name, its arguments as the filter itself reads them, and the labels of its pads."""

    name: str
    arguments: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.name}={self.arguments}" if self.arguments else self.name


GraphSpec = tuple[tuple[FilterSpec, ...], ...]
"""Chains of filters."""


def parse_graph(text: str) -> GraphSpec:
    """The chains that `text` names. Raises `TransformError` for what cannot be read, and for what is refused."""
    if len(text) > _MAX_TEXT:
        raise TransformError(f"a graph of {len(text)} characters is too long: {_MAX_TEXT} are the most")
    reader = _Reader(text)
    chains: list[tuple[FilterSpec, ...]] = []
    chain: list[FilterSpec] = []
    while True:
        chain.append(reader.filter())
        separator = reader.separator()
        if separator == ",":
            continue
        chains.append(tuple(chain))
        chain = []
        if not separator or reader.is_at_end():
            break
    specs = [spec for filters in chains for spec in filters]
    if len(specs) > _MOST_FILTERS:
        raise TransformError(f"a graph of {len(specs)} filters is too long: {_MOST_FILTERS} are the most")
    for spec in specs:
        if reason := why_refused(spec):
            raise TransformError(f"the filter {spec.name!r} is refused: it {reason}")
    return tuple(chains)


class _Reader:
    """Goes through the text once."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def is_at_end(self) -> bool:
        """Whether nothing but space is left."""
        self._skip_space()
        return self._at >= len(self._text)

    def filter(self) -> FilterSpec:
        """The next filter with its labels."""
        inputs = self._labels()
        begin = self._at
        name = self._token("=,;[]").partition("@")[0]  # behind it an instance, which only commands would need
        if not re.fullmatch(r"\w+", name):
            raise TransformError(f"a filter's name was expected at {self._text[begin : begin + 20]!r}")
        arguments = ""
        if self._peek() == "=":
            self._at += 1
            arguments = self._token("[],;")
        return FilterSpec(name, arguments, inputs, self._labels())

    def separator(self) -> str:
        """What stands behind a filter: `,`, `;`, or nothing."""
        self._skip_space()
        if self._at >= len(self._text):
            return ""
        found = self._text[self._at]
        if found not in ",;":
            rest = self._text[self._at : self._at + 20]
            raise TransformError(f"{rest!r} was not expected: filters are parted by , or ;")
        self._at += 1
        return found

    def _labels(self) -> tuple[str, ...]:
        found = []
        self._skip_space()
        while self._peek() == "[":
            end = self._text.find("]", self._at)
            label = self._text[self._at + 1 : end].strip()
            if end < 0 or not label:
                raise TransformError(f"{self._text[self._at : self._at + 20]!r} is no label: those are written [name]")
            found.append(label)
            self._at = end + 1
            self._skip_space()
        return tuple(found)

    def _token(self, ends: str) -> str:
        """Up to one of `ends`, without its quotes and backslashes: FFmpeg's `av_get_token`."""
        self._skip_space()
        taken: list[str] = []
        kept = 0  # so much is not space at the end: it was quoted
        while self._at < len(self._text) and self._text[self._at] not in ends:
            character = self._text[self._at]
            self._at += 1
            if character == "\\" and self._at < len(self._text):
                taken.append(self._text[self._at])
                self._at += 1
                kept = len(taken)
            elif character == "'":
                close = self._text.find("'", self._at)
                if close < 0:
                    raise TransformError(f"the quote before {self._text[self._at : self._at + 20]!r} is not closed")
                taken.extend(self._text[self._at : close])
                self._at = close + 1
                kept = len(taken)
            else:
                taken.append(character)
        return "".join(taken[:kept]) + "".join(taken[kept:]).rstrip(_SPACE)

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _skip_space(self) -> None:
        while self._peek() and self._peek() in _SPACE:
            self._at += 1


def why_refused(spec: FilterSpec) -> str:
    """What a filter does that a graph may not do; empty where it works on pictures alone."""
    if spec.name in _REFUSED:
        return _REFUSED[spec.name]
    if spec.name.endswith(_REFUSED_ENDINGS):
        return _GPU
    limited = _LIMITED.get(spec.name, _HARMLESS)
    unnamed = 0
    for option in _options(spec.arguments):
        match = _OPTION.match(option)
        if match is None:
            unnamed += 1
            if unnamed > limited.unnamed:
                return f"{_FILES} where its options are not named: write {spec.name}=name=value"
        elif match[1].strip("/") in limited.options | _NAMES_OF_FILES:
            return f"{_FILES} with {match[1]}="
    return ""


def _options(arguments: str) -> list[str]:
    """The options of a filter, which colons part that are neither quoted nor behind a backslash."""
    options, option, is_quoted, is_escaped = [], "", False, False
    for character in arguments:
        if character == ":" and not is_quoted and not is_escaped:
            options.append(option)
            option = ""
            continue
        option += character
        if character == "'" and not is_escaped:
            is_quoted = not is_quoted
        is_escaped = character == "\\" and not is_escaped and not is_quoted
    return [*options, option] if arguments else []
