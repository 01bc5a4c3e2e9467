"""A zone is hidden in every frame of a moving scene, whatever moves through it, and nothing else is."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from pydantic import ValidationError

from fixtures.hidden import BLACK, HEIGHT, RATE, SIDE, WIDTH, background, is_black, is_seen, let_out, scene
from relay.errors import TransformError
from relay.model import Picture
from relay.pixels import new_i420, split
from relay.transform import Frame
from relay.transform.privacy.mask import Mask

LEFT = "0,0 0.5,0 0.5,1 0,1"
HALF = WIDTH // 2


def in_left(picture: Picture) -> list[np.ndarray[tuple[int, int], np.dtype[np.uint8]]]:
    """The left half of every plane, up to where the zone's edge may lie."""
    return [plane[:, : plane.shape[1] // 2 - 1] for plane in split(picture.i420)]


def test_in_every_frame_of_a_moving_scene_the_zone_is_filled_and_the_rest_untouched() -> None:
    mask = Mask.model_validate({"zones": LEFT, "colour": "#000000"})
    pictures = [scene(slot, (slot * 8, 64)) for slot in range(RATE)]
    shown = let_out(mask, (scene(slot, (slot * 8, 64)) for slot in range(RATE)))
    assert len(shown) == len(pictures)
    for slot, (picture, was) in enumerate(zip(shown, pictures, strict=True)):
        for part, level in zip(in_left(picture), BLACK, strict=True):
            assert (part == level).all()
        for plane, before in zip(split(picture.i420), split(was.i420), strict=True):
            right = plane.shape[1] // 2 + 1
            np.testing.assert_array_equal(plane[:, right:], before[:, right:])
        if slot * 8 + SIDE < HALF:
            assert is_black(picture, slot * 8, 64)
        elif slot * 8 > HALF:
            assert is_seen(picture, slot * 8, 64)


@pytest.mark.parametrize("how", ["blur", "pixelate"])
def test_what_moves_through_a_blurred_zone_cannot_be_told(how: str) -> None:
    mask = Mask.model_validate({"zones": [LEFT], "how": how})
    for slot, picture in enumerate(let_out(mask, (scene(slot, (slot * 8, 64)) for slot in range(16)))):
        assert not is_seen(picture, slot * 8, 64)


def test_all_but_the_zones_can_be_hidden() -> None:
    mask = Mask.model_validate({"zones": [LEFT], "inverse": True, "colour": "#000000"})
    (inside,) = let_out(mask, [scene(0, (64, 64))])
    assert is_seen(inside, 64, 64)
    assert (split(inside.i420).y[:, HALF + 2 :] == BLACK[0]).all()
    (outside,) = let_out(mask, [scene(0, (HALF + 32, 64))])
    assert is_black(outside, HALF + 32, 64)


def test_zones_that_are_the_whole_picture_leave_nothing_to_hide_around_them() -> None:
    mask = Mask.model_validate({"zones": ["0,0 1,0 1,1 0,1"], "inverse": True})
    (shown,) = let_out(mask, [scene(0, (64, 64))])
    np.testing.assert_array_equal(shown.i420, scene(0, (64, 64)).i420)


def test_several_zones_of_any_form_are_hidden_whole() -> None:
    mask = Mask.model_validate({"zones": "0,0 0.3,0 0,0.6; 1,1 0.7,1 1,0.4", "colour": "#000000"})
    (shown,) = let_out(mask, [background()])
    y = split(shown.i420).y
    assert (y[:10, :10] == BLACK[0]).all()
    assert (y[-10:, -10:] == BLACK[0]).all()
    np.testing.assert_array_equal(y[80:110, 140:180], split(background().i420).y[80:110, 140:180])
    hidden = (y == BLACK[0]).mean()
    assert hidden == pytest.approx(2 * 0.3 * 0.6 / 2, abs=0.02)


def test_a_frame_that_is_bgr_is_masked_as_well() -> None:
    frame = Frame(scene(0, (64, 64)))
    frame.bgr[0, 0] = 255
    Mask.model_validate({"zones": LEFT, "colour": "#000000"}).apply(frame)
    assert is_black(frame.picture(), 64, 64)


def test_zones_follow_the_pictures_size() -> None:
    mask = Mask.model_validate({"zones": LEFT, "colour": "#000000"})
    for width, height in ((320, 192), (64, 48), (2, 2), (320, 192)):
        i420 = new_i420(width, height)
        i420[:] = 100
        (shown,) = let_out(mask, [Picture(0, 0, i420)])
        assert split(shown.i420).y[0, 0] == BLACK[0]
        assert split(shown.i420).u[0, 0] == BLACK[1]


def test_nothing_is_allocated_once_warm() -> None:
    mask = Mask.model_validate({"zones": [LEFT, "0.6,0.1 0.9,0.1 0.9,0.9"], "how": "blur"})
    frame = Frame(background())
    for _ in range(3):
        mask.apply(frame)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        mask.apply(frame)
        peak = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    assert peak < 4096


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"zones": ""}, "at least 1"),
        ({"zones": "0,0 1,1"}, r"(?i)corner|point|polygon"),
        ({"zones": LEFT, "colour": "#12"}, "#rrggbb"),
        ({"zones": LEFT, "how": "hide"}, "'fill', 'blur' or 'pixelate'"),
        ({"zones": LEFT, "block": 0}, "greater than 0.01"),
        ({"zones": LEFT, "on_failure": "skip"}, "blank"),
    ],
)
def test_what_cannot_be_is_refused(said: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Mask.model_validate(said)


def test_a_zone_without_a_pixel_lets_nothing_out(monkeypatch: pytest.MonkeyPatch) -> None:
    mask = Mask.model_validate({"zones": LEFT})
    monkeypatch.setattr(type(mask.zones[0]), "mask", lambda _, width, height: np.zeros((height, width), np.uint8))
    with pytest.raises(TransformError, match=f"a zone holds no pixel of a picture of {WIDTH}x{HEIGHT}"):
        mask.apply(Frame(background()))
    assert let_out(mask, [scene(0, (0, 0))]) == []
