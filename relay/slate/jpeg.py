"""I420 to JPEG and back.

A JPEG file has a matrix and range of its own (JFIF: BT.601, full), so colours are converted and not just copied.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from relay.errors import ProtocolError
from relay.pixels import bgr_from_i420, i420_from_bgr, letterbox

if TYPE_CHECKING:
    from relay.model import Matrix
    from relay.pixels import I420

DEFAULT_QUALITY: Final = 85


def to_jpeg(i420: I420, quality: int = DEFAULT_QUALITY, matrix: Matrix = "bt709") -> bytes:
    """`i420`, whose colours are in `matrix`, as a JPEG file of `quality` 1 to 100."""
    _, data = cv2.imencode(".jpg", bgr_from_i420(i420, matrix), [cv2.IMWRITE_JPEG_QUALITY, quality])
    return data.tobytes()


def from_jpeg(data: bytes, width: int, height: int, matrix: Matrix = "bt709") -> I420:
    """A JPEG file (or any other that OpenCV reads) as I420 in `matrix` at exactly `width` x `height`, aspect kept.

    Raises `ProtocolError` where `data` is no picture: it comes from another process or an earlier run.
    """
    try:
        decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:  # OpenCV raises for no bytes at all, and returns nothing for bytes that are no picture
        decoded = None
    if decoded is None or min(decoded.shape[:2]) < 2:
        raise ProtocolError(f"{len(data)} bytes that should be a JPEG picture are none")
    rows, columns = decoded.shape[0] // 2 * 2, decoded.shape[1] // 2 * 2
    bgr = np.ascontiguousarray(decoded[:rows, :columns], np.uint8)
    return letterbox(i420_from_bgr(bgr, matrix), width, height)
