"""The slate of copied streams: the camera's codec, profile and level, and keyframes where they are asked for."""

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
SEQUENCE_PARAMETER_SET = b"\0\0\1\x67"


def encode(codec: VideoCodec, like: str, pictures: int = 25) -> bytes:
    encoder = StillEncoder(codec, 320, 180, like)
    return b"".join(encoder.encode(GREY, is_keyframe=n % 10 == 0) for n in range(pictures))


@pytest.mark.parametrize(
    ("codec", "like", "profile", "pixels"),
    [
        ("h264", "avc1.42c01f", "Constrained Baseline", "yuv420p"),
        ("h264", "avc1.4d401f", "Main", "yuv420p"),
        ("h264", "avc1.64001f", "High", "yuv420p"),
        ("h264", "", "High", "yuv420p"),
        ("hevc", "hvc1.1.6.L93.B0", "Main", "yuv420p"),
        ("hevc", "hvc1.2.4.L93.B0", "Main 10", "yuv420p10le"),
    ],
)
def test_it_is_of_the_cameras_kind(codec: VideoCodec, like: str, profile: str, pixels: str) -> None:
    data = encode(codec, like)
    with av.open(io.BytesIO(data), format=codec) as container:
        video = container.streams.video[0]
        frames = list(container.decode(video))
        assert video.codec_context.profile == profile
        assert video.codec_context.pix_fmt == pixels
    assert len(frames) == 25, "no picture is held back"
    assert [n for n, frame in enumerate(frames) if frame.key_frame] == [0, 10, 20]
    assert data == encode(codec, like), "the same parameter sets at every start"


@pytest.mark.parametrize(
    ("camera", "slate"),
    [
        ("42c01f", "42c01f"),
        ("42e028", "42e028"),
        ("42001e", "42001e"),
        ("4d0028", "4d0028"),
        ("4dc028", "4dc028"),
        ("58a01e", "58a01e"),
        ("640c33", "640c33"),
        ("6e0033", "6e0033"),
        pytest.param("64000a", "64000b", id="a level that is too low for its size"),
        pytest.param("64401f", "64001f", id="High that Main would decode, which ours is not"),
        pytest.param("64101f", "64001f", id="intra pictures alone, which ours are not"),
        pytest.param("2c001f", "64000b", id="a profile of intra pictures"),
        pytest.param("", "64000b", id="no camera yet"),
    ],
)
def test_it_claims_what_the_camera_does_as_far_as_that_is_true(camera: str, slate: str) -> None:
    _, *keyframes = encode("h264", camera and f"avc1.{camera}").split(SEQUENCE_PARAMETER_SET)
    assert [keyframe[:3].hex() for keyframe in keyframes] == [slate] * 3


def test_the_last_rows_and_their_colours_are_there_at_any_even_height() -> None:
    i420 = np.full((270 * 3 // 2, 480), 128, np.uint8)
    v = i420.reshape(-1)[480 * 270 * 5 // 4 :].reshape(135, 240)
    v[67:] = 200
    data = StillEncoder("h264", 480, 270).encode(i420, is_keyframe=True)
    with av.open(io.BytesIO(data), format="h264") as container:
        (shown,) = container.decode(video=0)
    assert (shown.width, shown.height) == (480, 270)
    np.testing.assert_allclose(shown.to_ndarray().astype(int), i420.astype(int), atol=12)


def test_what_cannot_be_encoded_is_said() -> None:
    with pytest.raises(EncodeError, match="no slate can be encoded in h264, 0x180"):
        StillEncoder("h264", 0, 180)
    with pytest.raises(EncodeError, match="the slate cannot be encoded"):
        StillEncoder("h264", 320, 180).encode(GREY[:-1], is_keyframe=True)
    assert can_encode_still("h264")
    assert can_encode_still("hevc")
