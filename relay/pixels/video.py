"""I420 arrays as PyAV's frames, and the planes of such as arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from av import VideoFrame

from relay.pixels.planes import split

if TYPE_CHECKING:
    from av.video.plane import VideoPlane

    from relay.pixels.planes import I420, Plane


def video_frame(i420: I420) -> VideoFrame:
    """`i420` as a `yuv420p` frame: not copied, and kept alive by the frame and by whatever FFmpeg makes of it.

    PyAV takes the height for a multiple of four: of 270 rows it makes 268, and looks for colour where it is not. So
    pictures of other heights are copied. Raises `ValueError` for an array that is not C-contiguous.
    """
    height = i420.shape[0] * 2 // 3
    if height % 4 == 0 or not i420.flags.c_contiguous:
        return VideoFrame.from_numpy_buffer(i420, "yuv420p")
    frame = VideoFrame(i420.shape[1], height, "yuv420p")
    for source, plane in zip(split(i420), frame.planes, strict=True):
        np.copyto(rows(plane)[:, : source.shape[1]], source)
    return frame


def rows(plane: VideoPlane) -> Plane:
    """The plane's own memory from its first row on, padding at the rows' ends included.

    Rows may run upwards in memory: FFmpeg turns a picture upside down without touching a sample.
    """
    samples = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, abs(plane.line_size))
    return samples if plane.line_size > 0 else samples[::-1]
