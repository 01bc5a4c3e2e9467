"""The slate of copied streams: the camera's codec and profile family, and keyframes where they are asked for."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest

from relay.encode import StillEncoder, can_encode_still
from relay.errors import EncodeError

if TYPE_CHECKING:
    from relay.model import VideoCodec

GREY = np.full((180 * 3 // 2, 320), 128, np.uint8)


def encode(codec: VideoCodec, profile_idc: int, pictures: int = 25) -> bytes:
    encoder = StillEncoder(codec, 320, 180, profile_idc)
    return b"".join(encoder.encode(GREY, is_keyframe=n % 10 == 0) for n in range(pictures))


@pytest.mark.parametrize(
    ("codec", "profile_idc", "profile", "pixels"),
    [
        ("h264", 66, "Constrained Baseline", "yuv420p"),
        ("h264", 77, "Main", "yuv420p"),
        ("h264", 100, "High", "yuv420p"),
        ("h264", 0, "High", "yuv420p"),
        ("hevc", 1, "Main", "yuv420p"),
        ("hevc", 2, "Main 10", "yuv420p10le"),
    ],
)
def test_it_is_of_the_cameras_kind(codec: VideoCodec, profile_idc: int, profile: str, pixels: str) -> None:
    data = encode(codec, profile_idc)
    with av.open(io.BytesIO(data), format=codec) as container:
        video = container.streams.video[0]
        frames = list(container.decode(video))
        assert video.codec_context.profile == profile
        assert video.codec_context.pix_fmt == pixels
    assert len(frames) == 25, "no picture is held back"
    assert [n for n, frame in enumerate(frames) if frame.key_frame] == [0, 10, 20]
    assert data == encode(codec, profile_idc), "the same parameter sets at every start"


def test_what_cannot_be_encoded_is_said() -> None:
    with pytest.raises(EncodeError, match="no slate can be encoded in h264, 0x180"):
        StillEncoder("h264", 0, 180)
    with pytest.raises(EncodeError, match="the slate cannot be encoded"):
        StillEncoder("h264", 320, 180).encode(GREY[:-1], is_keyframe=True)
    assert can_encode_still("h264")
    assert can_encode_still("hevc")
