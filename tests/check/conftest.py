"""A short fragmented MP4 by FFmpeg's own muxer: a second writer for our reader."""

from __future__ import annotations

import io
from fractions import Fraction
from itertools import pairwise

import av
import numpy as np
import pytest

from relay.check.boxes import parse_boxes

RATE = 15
GOP_FRAMES = 15


def _encode() -> bytes:
    """Two seconds of 64x48 H.264 and AAC, one fragment a GOP."""
    sink = io.BytesIO()
    flags = {"movflags": "cmaf+frag_keyframe+empty_moov+default_base_moof", "use_editlist": "0"}
    with av.open(sink, "w", format="mp4", options=flags) as container:
        options = {"preset": "ultrafast", "tune": "zerolatency", "x264-params": f"keyint={GOP_FRAMES}:scenecut=0"}
        video = container.add_stream("libx264", rate=RATE, options=options)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        video.time_base = Fraction(1, RATE)
        audio = container.add_stream("aac", rate=48_000, layout="stereo")
        for index in range(2 * GOP_FRAMES):
            picture = av.VideoFrame.from_ndarray(np.full((72, 64), index, np.uint8), format="yuv420p")
            picture.pts, picture.time_base = index, Fraction(1, RATE)
            container.mux(video.encode(picture))
        for index in range(2 * 48_000 // 1024):
            sound = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), format="fltp", layout="stereo")
            sound.pts, sound.sample_rate = 1024 * index, 48_000
            container.mux(audio.encode(sound))
        container.mux(video.encode(None))
        container.mux(audio.encode(None))
    return sink.getvalue()


@pytest.fixture(scope="session")
def ffmpeg_mp4() -> bytes:
    return _encode()


@pytest.fixture(scope="session")
def ffmpeg_init(ffmpeg_mp4: bytes) -> bytes:
    """What comes before the first `moof`."""
    first = next(box for box in parse_boxes(ffmpeg_mp4) if box.kind == "moof")
    return ffmpeg_mp4[: first.start]


@pytest.fixture(scope="session")
def ffmpeg_fragments(ffmpeg_mp4: bytes) -> list[bytes]:
    """Each `moof` with its `mdat`."""
    boxes = parse_boxes(ffmpeg_mp4)
    return [
        ffmpeg_mp4[moof.start : mdat.end]
        for moof, mdat in pairwise(boxes)
        if (moof.kind, mdat.kind) == ("moof", "mdat")
    ]
