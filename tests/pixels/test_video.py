"""Frames of PyAV: the same samples in the same places, of any even size."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from av import VideoFrame
from av.video.reformatter import VideoReformatter
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.pixels import bgr_from_i420, new_i420, split
from relay.pixels.video import rows, video_frame


def noise(width: int, height: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.random.default_rng(1).integers(16, 236, (height * 3 // 2, width), np.uint8)


@settings(max_examples=40, deadline=None)
@given(width=st.integers(1, 40).map(lambda n: 2 * n), height=st.integers(1, 40).map(lambda n: 2 * n))
def test_every_sample_is_in_its_place(width: int, height: int) -> None:
    i420 = noise(width, height)
    frame = video_frame(i420)
    assert (frame.width, frame.height, frame.format.name) == (width, height, "yuv420p")
    for plane, source in zip(frame.planes, split(i420), strict=True):
        np.testing.assert_array_equal(rows(plane)[:, : source.shape[1]], source)


def test_a_picture_is_not_copied_and_is_kept_while_the_frame_is() -> None:
    i420 = noise(64, 48)
    before = sys.getrefcount(i420)
    frame = video_frame(i420)
    assert sys.getrefcount(i420) == before + 1
    i420[0, 0] = 99
    assert rows(frame.planes[0])[0, 0] == 99
    del frame
    assert sys.getrefcount(i420) == before


@pytest.mark.parametrize("height", [268, 270])
def test_jpegs_and_slates_have_all_rows_and_the_right_colours(height: int) -> None:
    i420 = new_i420(480, height)
    y, u, v = split(i420)
    y.fill(126)
    u.fill(128)
    v.fill(128)
    v[height // 4 :] = 200
    bgr = bgr_from_i420(i420, "bt709")
    assert bgr.shape == (height, 480, 3)
    assert np.ptp(bgr[: height // 2 - 2], axis=2).max() <= 2
    assert (bgr[height // 2 + 2 :, :, 2] > 200).all()


def test_a_frame_that_swscale_made_has_padding_at_the_end_of_rows() -> None:
    made = VideoReformatter().reformat(VideoFrame.from_ndarray(noise(66, 50), "yuv420p"), format="yuv444p")
    assert rows(made.planes[1]).shape[0] == 50
    np.testing.assert_array_equal(rows(made.planes[0])[:, :66], noise(66, 50)[:50])
