"""The `timestamp` overlay: the wall-clock time at which the camera took the picture, in a corner of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, ClassVar, Final, Literal, NamedTuple

import cv2
import numpy as np
from pydantic import AfterValidator, Field, PrivateAttr

from relay.pixels import lettering
from relay.transform.base import Group, Transform, Wants
from relay.transform.drawing.clock_text import ClockText, zone_of

if TYPE_CHECKING:
    from relay.pixels import Bgr, Plane
    from relay.transform.frame import Frame

_LUMA_BEHIND: Final = np.array([16 + max(0, level - 16) * 2 // 5 for level in range(256)], np.uint8)
_CHROMA_BEHIND: Final = np.array([128 + round((level - 128) / 4) for level in range(256)], np.uint8)
_BGR_BEHIND: Final = np.array([level * 2 // 5 for level in range(256)], np.uint8)
"""What lies behind the text: two fifths as bright and nearly grey, so that white can be read on anything."""
_INK: Final = 235
_DIGITS: Final = "0123456789"
_DEFAULT_LINES: Final = 24
"""The picture's height in lines of text, where no size is given: readable on a phone, small on a wall."""
_MIN_SIZE_PX, _MAX_SIZE_PX = 8, 400
_MAX_SHARE: Final = 0.96


def _check_format(text: str) -> str:
    if len(text) > 200 or not text.isprintable():
        raise ValueError("is one line of at most 200 characters")
    return text


def _check_timezone(name: str) -> str:
    zone_of(name)
    return name


class _Box(NamedTuple):
    x: int
    y: int
    width: int
    height: int

    def of(self, plane: Plane, divisor: int = 1) -> Plane:
        """The part of `plane` that the box covers; `plane` is `divisor` times smaller than the picture."""
        x, y, width, height = (value // divisor for value in self)
        return plane[y : y + height, x : x + width]


@dataclass
class _Writer:
    """Text at one font size, from glyphs that are drawn once; the newest line is kept for pictures that repeat it."""

    size_px: int
    _glyphs: dict[str, Plane] = field(default_factory=dict)
    _text: str | None = None
    _line: Plane = field(default_factory=lambda: np.zeros((0, 0), np.uint8))
    _line_bgr: Bgr = field(default_factory=lambda: np.zeros((0, 0, 3), np.uint8))
    _text_bgr: str | None = None

    @property
    def padding(self) -> int:
        """Pixels between the text and the edge of its box, and of the box and the picture."""
        return max(2, self.size_px // 6 * 2)

    def line(self, text: str) -> Plane:
        """`text` as levels of ink in a box of even size with padding around; the same array every time."""
        if text != self._text:
            self._draw(text)
        return self._line

    def line_bgr(self, text: str) -> Bgr:
        """`line` for three channels in full range."""
        if text == self._text_bgr:
            return self._line_bgr
        line = self.line(text)
        if line.shape != self._line_bgr.shape[:2]:
            self._line_bgr = np.zeros((*line.shape, 3), np.uint8)
        cv2.cvtColor(line, cv2.COLOR_GRAY2BGR, dst=self._line_bgr)
        cv2.convertScaleAbs(self._line_bgr, dst=self._line_bgr, alpha=255 / _INK)
        self._text_bgr = text
        return self._line_bgr

    def _draw(self, text: str) -> None:
        glyphs = [self._glyph(character) for character in text]
        width = sum(glyph.shape[1] for glyph in glyphs) + 2 * self.padding
        shape = (_even(lettering.line_height(self.size_px) + self.padding), _even(width))
        if shape != self._line.shape:
            self._line = np.zeros(shape, np.uint8)
        self._line.fill(0)
        x, y = self.padding, self.padding // 2
        for glyph in glyphs:
            target = self._line[y : y + glyph.shape[0], x : x + glyph.shape[1]]
            np.copyto(target, glyph)
            x += glyph.shape[1]
        self._text = text

    def _glyph(self, character: str) -> Plane:
        """One character. All digits are equally wide, so that the line does not tremble as the time passes."""
        if character not in self._glyphs:
            mask = lettering.coverage(character, self.size_px)
            if character in _DIGITS:
                room = max(lettering.width_of(digit, self.size_px) for digit in _DIGITS) - mask.shape[1]
                mask = np.pad(mask, ((0, 0), (room // 2, room - room // 2)))
            self._glyphs[character] = np.asarray(mask.astype(np.uint16) * _INK // 255, np.uint8)
        return self._glyphs[character]


class Timestamp(Transform):
    """Writes the time at which the picture was taken into a corner."""

    name: ClassVar = "timestamp"
    group: ClassVar[Group] = "drawing"
    wants: ClassVar[Wants] = "either"

    format: Annotated[str, AfterValidator(_check_format)] = Field(
        default="%Y-%m-%d %H:%M:%S",
        description="as strftime takes it; %1f to %6f are that many digits of the second's fraction",
    )
    timezone: Annotated[str, AfterValidator(_check_timezone)] = Field(
        default="local", description='"local", "UTC" or a name like Europe/Berlin'
    )
    position: Literal["top-left", "top", "top-right", "bottom-left", "bottom", "bottom-right"] = Field(
        default="top-left", description="corner or edge of the picture"
    )
    size: Annotated[int, Field(ge=_MIN_SIZE_PX, le=_MAX_SIZE_PX)] | None = Field(
        default=None, description="font size in pixels; a 24th of the picture's height where none is given"
    )
    _writers: dict[tuple[int, int, int], _Writer] = PrivateAttr(default_factory=dict)
    _clock: ClockText | None = PrivateAttr(default=None)

    def apply(self, frame: Frame) -> None:
        """Draw into the small box that the text needs; everything around it stays as it was."""
        if self._clock is None:
            self._clock = ClockText(self.format, self.timezone)
        text = self._clock.at(frame.time_ns)
        if not text:
            return
        writer = self._writer(frame.width, frame.height, text)
        line = writer.line_bgr(text) if frame.is_bgr else writer.line(text)
        height, width = min(line.shape[0], frame.height), min(line.shape[1], frame.width)
        box = self._place(frame, width, height, writer.padding)
        _draw(frame, box, line[:height, :width])

    def _writer(self, width: int, height: int, text: str) -> _Writer:
        """The writer for this size of picture and length of text; smaller than asked for where it would not fit."""
        key = (width, height, len(text))
        if key not in self._writers:
            size_px = self.size or max(_MIN_SIZE_PX, height // _DEFAULT_LINES)
            needed = lettering.width_of(text, size_px) + 4 * _Writer(size_px).padding
            size_px = max(_MIN_SIZE_PX, min(size_px, int(size_px * width * _MAX_SHARE / needed)))
            if len(self._writers) >= 8:  # a camera that changes its size for ever must not fill the memory
                self._writers.clear()
            self._writers[key] = _Writer(size_px)
        return self._writers[key]

    def _place(self, frame: Frame, width: int, height: int, margin: int) -> _Box:
        """The box, on whole pairs of pixels so that it covers whole samples of chroma."""
        free_x, free_y = frame.width - width, frame.height - height
        margin_x, margin_y = min(margin, free_x // 2), min(margin, free_y // 2)
        x = free_x // 2
        if self.position.endswith("left"):
            x = margin_x
        elif self.position.endswith("right"):
            x = free_x - margin_x
        y = margin_y if self.position.startswith("top") else free_y - margin_y
        return _Box(x // 2 * 2, y // 2 * 2, width, height)


def _draw(frame: Frame, box: _Box, ink: Plane | Bgr) -> None:
    """Darken what is behind, then write: ink is always brighter than that, so the maximum is the blend."""
    if frame.is_bgr:
        behind = box.of(frame.bgr)
        cv2.LUT(behind, _BGR_BEHIND, dst=behind)
        cv2.max(behind, ink, dst=behind)
        return
    y, u, v = frame.planes
    behind = box.of(y)
    cv2.LUT(behind, _LUMA_BEHIND, dst=behind)
    cv2.max(behind, ink, dst=behind)
    for plane in (u, v):
        behind = box.of(plane, 2)
        cv2.LUT(behind, _CHROMA_BEHIND, dst=behind)


def _even(value: int) -> int:
    return (value + 1) // 2 * 2
