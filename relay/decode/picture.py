"""Decoded frames of every kind, made into the one kind of picture that the rest of the relay knows.

That is I420, limited range, the stream's matrix, even size, square samples, upright. What a frame has of that already
is only copied (0.1 ms at 720p).
"""

from __future__ import annotations

import threading
from fractions import Fraction
from typing import TYPE_CHECKING, Final

import numpy as np
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

from relay.pixels import SWSCALE_MATRIX, Planes, new_i420, split

if TYPE_CHECKING:
    from collections.abc import Callable

    from av import VideoFrame
    from av.video.plane import VideoPlane
    from numpy.typing import NDArray

    from relay.model import Matrix

    MakeRoom = Callable[[int, int], NDArray[np.uint8]]
    """Gives an array for a picture of so many columns and rows."""

_TAGGED: Final = {
    1: Colorspace.ITU709,
    4: Colorspace.FCC,
    5: Colorspace.ITU601,
    6: Colorspace.ITU601,
    7: Colorspace.SMPTE240M,
    9: Colorspace.BT2020,
    10: Colorspace.BT2020,
}
"""MatrixCoefficients of ISO/IEC 23091-2 §8.3, and what swscale calls them."""

_FULL_RANGE: Final = 2
_HD_HEIGHT: Final = 720
_SANE_ASPECT: Final = (Fraction(1, 4), Fraction(4))

_local: Final = threading.local()


def display_size(width: int, height: int, sample_aspect: Fraction = Fraction(1), rotation: int = 0) -> tuple[int, int]:
    """The even size that `to_i420` gives: samples made square by their width, rotation by quarter turns applied.

    An aspect beyond 4:1 is a camera's mistake and is ignored.
    """
    if _SANE_ASPECT[0] <= sample_aspect <= _SANE_ASPECT[1]:
        width = max(2, round(width * sample_aspect))
    width, height = max(2, width // 2 * 2), max(2, height // 2 * 2)
    return (height, width) if _quarter_turns(rotation) % 2 else (width, height)


def to_i420(
    frame: VideoFrame, matrix: Matrix, sample_aspect: Fraction = Fraction(1), make_room: MakeRoom = new_i420
) -> NDArray[np.uint8]:
    """`frame` as a contiguous array (height * 3 // 2, width) of Y, U and V; see `model.Picture`.

    It is what `make_room` gives: a new one, or a `Pool`'s. An odd last row or column is cropped. Call it from one
    thread per stream: scaler contexts are kept per thread.
    """
    turns = _quarter_turns(frame.rotation)
    width = _scaled_width(frame, sample_aspect)
    frame = _conformed(frame, matrix, width)
    i420 = _packed(frame, make_room)
    return _rotated(i420, turns) if turns else i420


def own_planes(frame: VideoFrame, matrix: Matrix, sample_aspect: Fraction = Fraction(1)) -> Planes | None:
    """What `to_i420` would copy, in the frame's own memory: not to be written to, for a decoder may still refer to it.

    `None` where `to_i420` has more to do than to copy. The planes keep the memory alive.
    """
    if _quarter_turns(frame.rotation) or not _conforms(frame, matrix, _scaled_width(frame, sample_aspect)):
        return None
    planes = frame.planes
    if any(plane.line_size <= 0 for plane in planes):
        return None
    height, width = frame.height // 2, frame.width // 2
    y, u, v = map(_view, planes)
    return Planes(y[: 2 * height, : 2 * width], u[:height, :width], v[:height, :width])


def _scaled_width(frame: VideoFrame, sample_aspect: Fraction) -> int:
    """The width to scale to; the frame's own where its samples are square, odd as it may be."""
    if sample_aspect == 1 or round(frame.width * sample_aspect) == frame.width:
        return frame.width
    return display_size(frame.width, frame.height, sample_aspect)[0]


def _conforms(frame: VideoFrame, matrix: Matrix, width: int) -> bool:
    """Whether `frame` is yuv420p of limited range and `matrix`, `width` wide."""
    is_plain = frame.format.name == "yuv420p" and frame.color_range != _FULL_RANGE and width == frame.width
    return is_plain and _matrix_of(frame) == SWSCALE_MATRIX[matrix]


def _conformed(frame: VideoFrame, matrix: Matrix, width: int) -> VideoFrame:
    """`frame` as yuv420p of limited range and `matrix`: the same object where it is that already."""
    if _conforms(frame, matrix, width):
        return frame
    source = _matrix_of(frame)
    is_full = frame.color_range == _FULL_RANGE or frame.format.name.startswith("yuvj")
    is_rgb = frame.format.is_rgb
    wanted = SWSCALE_MATRIX[matrix]
    reformatter = getattr(_local, "reformatter", None)
    if reformatter is None:
        # One a thread: before PyAV 19 each frame's own reformat() keeps a scaler context of its own.
        reformatter = _local.reformatter = VideoReformatter()
    converted: VideoFrame = reformatter.reformat(
        frame,
        width=width,
        height=frame.height,
        format="yuv420p",
        src_colorspace=source,
        dst_colorspace=wanted,
        src_color_range=ColorRange.JPEG if is_full or is_rgb else ColorRange.MPEG,
        dst_color_range=ColorRange.MPEG,
        threads=1,
    )
    return converted


def _matrix_of(frame: VideoFrame) -> Colorspace:
    """The matrix a frame says it has; if it says nothing, what its height makes likely."""
    tagged = _TAGGED.get(frame.colorspace)
    if tagged is not None:
        return tagged
    return Colorspace.ITU709 if frame.height >= _HD_HEIGHT else Colorspace.ITU601


def _packed(frame: VideoFrame, make_room: MakeRoom) -> NDArray[np.uint8]:
    width, height = frame.width // 2 * 2, frame.height // 2 * 2
    i420 = make_room(width, height)
    for plane, room in zip(frame.planes, split(i420), strict=True):
        room[:] = _view(plane)[: room.shape[0], : room.shape[1]]
    return i420


def _view(plane: VideoPlane) -> NDArray[np.uint8]:
    """The plane's own memory, padding included."""
    return np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)


def _quarter_turns(rotation: int) -> int:
    """Quarter turns counter-clockwise, 0 to 3. Slanted angles are nobody's camera."""
    return round(rotation / 90) % 4


def _rotated(i420: NDArray[np.uint8], turns: int) -> NDArray[np.uint8]:
    planes = [np.rot90(plane, turns) for plane in split(i420)]
    rows, columns = planes[0].shape
    turned = new_i420(columns, rows)
    for plane, room in zip(planes, split(turned), strict=True):
        room[:] = plane
    return turned
