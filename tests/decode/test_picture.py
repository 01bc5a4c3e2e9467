from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Literal

import av
import numpy as np
import pytest
from av.video.reformatter import VideoReformatter

from fixtures.media import Clip, moving_picture, write_clip
from relay.decode import display_size, to_i420
from relay.pixels import split

if TYPE_CHECKING:
    from pathlib import Path

BT709, BT601 = 1, 6
LIMITED, FULL = 1, 2


def i420_frame(width: int = 64, height: int = 48, matrix: int = BT709) -> av.VideoFrame:
    picture = moving_picture(width, height, 0)
    _, u, v = split(picture)
    u[:], v[:] = 90, 200
    frame = av.VideoFrame.from_ndarray(picture, "yuv420p")
    frame.colorspace, frame.color_range = matrix, LIMITED
    return frame


def filled(frame: av.VideoFrame, *levels: int) -> av.VideoFrame:
    for plane, level in zip(frame.planes, levels, strict=True):
        plane.update(bytes([level]) * plane.buffer_size)
    return frame


def test_what_is_right_already_is_only_copied() -> None:
    frame = i420_frame()
    out = to_i420(frame, "bt709")
    assert (out == frame.to_ndarray()).all()
    assert out.flags.c_contiguous
    assert out.flags.owndata
    assert out.shape == (72, 64)


def test_full_range_becomes_limited() -> None:
    frame = av.VideoFrame(256, 48, "yuvj420p")
    frame.color_range, frame.colorspace = FULL, BT709
    filled(frame, 0, 128, 128)
    frame.planes[0].update(bytes(range(256)) * 48)
    luma, u, _ = split(to_i420(frame, "bt709"))
    assert luma[0, 0] == 16
    assert luma[0, -1] == 235
    assert np.abs(luma[0].astype(int) - np.round(16 + np.arange(256) * 219 / 255)).max() <= 1
    assert np.abs(u.astype(int) - 128).max() <= 1


def test_full_range_is_believed_from_the_tag_alone() -> None:
    frame = filled(av.VideoFrame(64, 48, "yuv420p"), 255, 128, 128)
    frame.color_range, frame.colorspace = FULL, BT709
    assert split(to_i420(frame, "bt709")).y.max() == 235


@pytest.mark.parametrize(("tag", "height", "wanted"), [(BT601, 720, "bt709"), (2, 480, "bt709"), (2, 720, "smpte170m")])
def test_another_matrix_is_converted(tag: int, height: int, wanted: Literal["bt709", "smpte170m"]) -> None:
    # A strong red: its luma differs by 17 levels between the two matrices.
    frame = filled(av.VideoFrame(64, height, "yuv420p"), 81, 90, 240)
    frame.colorspace, frame.color_range = tag, LIMITED
    luma, _, v = split(to_i420(frame, wanted))
    assert abs(int(luma[9, 9]) - 81) > 8
    assert v[9, 9] > 200


def test_an_untagged_picture_has_the_matrix_of_its_size() -> None:
    for height, matrix in ((480, "smpte170m"), (720, "bt709")):
        frame = filled(av.VideoFrame(64, height, "yuv420p"), 81, 90, 240)
        frame.colorspace = 2
        assert split(to_i420(frame, matrix)).y[0, 0] == 81  # type: ignore[arg-type]  # a str out of a tuple


@pytest.mark.parametrize(
    "pixel_format", ["yuv422p", "yuv444p", "yuv420p10le", "yuv422p10le", "nv12", "yuyv422", "p010le"]
)
def test_other_samplings_and_depths(pixel_format: str) -> None:
    frame = VideoReformatter().reformat(i420_frame(), format=pixel_format)
    frame.colorspace, frame.color_range = BT709, LIMITED
    out, wanted = to_i420(frame, "bt709"), i420_frame().to_ndarray()
    assert np.abs(out.astype(int) - wanted).max() <= 2


@pytest.mark.parametrize("pixel_format", ["rgb24", "bgr24", "gray"])
def test_pictures_without_a_matrix(pixel_format: str) -> None:
    luma, u, v = split(to_i420(filled(av.VideoFrame(64, 48, pixel_format), 255), "bt709"))
    assert luma.min() >= 234
    assert np.abs(u.astype(int) - 128).max() <= 1
    assert np.abs(v.astype(int) - 128).max() <= 1


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv444p"])
def test_an_odd_last_row_and_column_are_cropped(pixel_format: str) -> None:
    frame = filled(av.VideoFrame(65, 49, pixel_format), 100, 90, 200)
    frame.colorspace, frame.color_range = BT709, LIMITED
    out = to_i420(frame, "bt709")
    assert out.shape == (72, 64)
    assert [int(np.median(plane)) for plane in split(out)] == [100, 90, 200]


def test_samples_that_are_not_square_are_made_so() -> None:
    assert to_i420(i420_frame(64, 48), "bt709", Fraction(4, 3)).shape == (72, 84)
    assert display_size(704, 576, Fraction(16, 11)) == (1024, 576)
    assert display_size(704, 576, Fraction(100)) == (704, 576)
    assert to_i420(i420_frame(64, 48), "bt709", Fraction(100)).shape == (72, 64)


@pytest.mark.parametrize(("degrees", "turns"), [(90, 1), (180, 2), (-90, 3)])
def test_rotation_is_applied(tmp_path: Path, degrees: int, turns: int) -> None:
    path = write_clip(tmp_path / "a.mp4", Clip(frames=1, rotation=degrees))
    with av.open(path) as container:
        frame = next(container.decode(video=0))
    out = to_i420(frame, "smpte170m")
    width, height = display_size(320, 180, rotation=frame.rotation)
    assert out.shape == (height * 3 // 2, width)
    upright = frame.to_ndarray()[:180]
    assert (split(out).y == np.rot90(upright, turns)).all()


def test_the_clips_tags_reach_the_picture(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mkv", Clip(frames=1, full_range=True, pixel_format="yuvj420p"))
    with av.open(path) as container:
        luma = split(to_i420(next(container.decode(video=0)), "smpte170m")).y
    assert abs(int(luma.min()) - 40) <= 3
    assert abs(int(luma.max()) - 180) <= 3
