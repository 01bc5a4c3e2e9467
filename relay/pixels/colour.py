"""I420 to BGR and back in the stream's own matrix, for pictures that leave the video (JPEG) or come back into it.

A transform's frame does not use this: OpenCV's own conversion is BT.601 whatever the stream, and loses nothing on the
way there and back.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

from relay.pixels.planes import new_i420, split
from relay.pixels.video import rows, video_frame

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from relay.model import Matrix
    from relay.pixels.planes import I420, Bgr

_RED_BLUE: Final = {"bt709": (0.2126, 0.0722), "smpte170m": (0.299, 0.114)}
"""Kr and Kb of ISO/IEC 23091-2, table 4."""

SWSCALE_MATRIX: Final[dict[Matrix, Colorspace]] = {"bt709": Colorspace.ITU709, "smpte170m": Colorspace.SMPTE170M}
"""What swscale calls them."""

_LUMA_RANGE: Final = 219
_CHROMA_RANGE: Final = 224

_local: Final = threading.local()


def _affine(matrix: Matrix) -> NDArray[np.float64]:
    """The 3 x 4 affine map from full-range B, G, R to limited-range Y, Cb, Cr (ISO/IEC 23091-2 §8.3)."""
    red, blue = _RED_BLUE[matrix]
    luma = np.array([blue, 1 - red - blue, red])
    cb = (np.array([1, 0, 0]) - luma) / (2 * (1 - blue))
    cr = (np.array([0, 0, 1]) - luma) / (2 * (1 - red))
    rows = np.stack([luma * _LUMA_RANGE, cb * _CHROMA_RANGE, cr * _CHROMA_RANGE]) / 255
    return np.column_stack([rows, [16, 128, 128]])


def ycbcr_from_bgr(bgr: Bgr, matrix: Matrix) -> NDArray[np.uint8]:
    """A BGR picture as Y, Cb and Cr of every pixel, limited range, in `matrix`: shape `(height, width, 3)`."""
    return np.asarray(cv2.transform(bgr, _affine(matrix)), np.uint8)


def i420_from_bgr(bgr: Bgr, matrix: Matrix) -> I420:
    """A BGR picture of even size as I420, limited range, in `matrix`."""
    height, width = bgr.shape[:2]
    ycbcr = ycbcr_from_bgr(bgr, matrix)
    out = new_i420(width, height)
    y, u, v = split(out)
    cv2.extractChannel(ycbcr, 0, dst=y)
    for channel, plane in ((1, u), (2, v)):
        full = cv2.extractChannel(ycbcr, channel)
        cv2.resize(full, (width // 2, height // 2), dst=plane, interpolation=cv2.INTER_AREA)
    return out


def bgr_from_i420(i420: I420, matrix: Matrix) -> Bgr:
    """An I420 picture in `matrix` as BGR, by swscale: a fifteenth of the time that OpenCV takes for any matrix."""
    reformatter = getattr(_local, "reformatter", None)
    if reformatter is None:
        reformatter = _local.reformatter = VideoReformatter()
    colours = SWSCALE_MATRIX[matrix]
    converted = reformatter.reformat(
        video_frame(i420),
        format="bgr24",
        src_colorspace=colours,
        dst_colorspace=colours,
        src_color_range=ColorRange.MPEG,
        dst_color_range=ColorRange.JPEG,
        threads=1,
    )
    return np.asarray(converted.to_ndarray(), np.uint8)


def recolour(i420: I420, source: Matrix, target: Matrix) -> None:
    """Change a picture in `source` in place, so that it has the same colours in `target`."""
    reformatter = getattr(_local, "recolourer", None)
    if reformatter is None:
        reformatter = _local.recolourer = VideoReformatter()  # another than above: each keeps one scaler context
    converted = reformatter.reformat(
        video_frame(i420),
        format="yuv420p",
        src_colorspace=SWSCALE_MATRIX[source],
        dst_colorspace=SWSCALE_MATRIX[target],
        src_color_range=ColorRange.MPEG,
        dst_color_range=ColorRange.MPEG,
        threads=1,
    )
    for plane, room in zip(converted.planes, split(i420), strict=True):
        np.copyto(room, rows(plane)[: room.shape[0], : room.shape[1]])
