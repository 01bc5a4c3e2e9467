"""A face is hidden from its first frame to its last, at whatever phase of the looks it comes, moves and goes."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtures.hidden import HEIGHT, RATE, SIDE, START_NS, WIDTH, FindRed, box_of, is_black, is_seen, let_out, scene
from relay.transform import Frame
from relay.transform.models.boxes import Detection
from relay.transform.privacy.faces import Faces
from relay.transform.privacy.holding import hull_of

Way: TypeAlias = dict[int, tuple[int, int]]
"""Where the face is, by frame."""
MOST_STEP = 10
"""Pixels that a face of 32 goes in a frame at a thirtieth of a second, when somebody walks past the camera."""


def faces(every: int, **said: object) -> Faces:
    transform = Faces.model_validate({"every": every, "how": "fill", **said})
    transform._detector = FindRed()
    return transform


def looks(transform: Faces) -> int:
    assert isinstance(transform._detector, FindRed)
    return transform._detector.looks


def shown(transform: Faces, way: Way, count: int) -> list[bool]:
    """Whether the face is hidden, of each frame in which there is one; every frame comes out, in order."""
    out = let_out(transform, (scene(slot, *[way[slot]] if slot in way else []) for slot in range(count)))
    assert [picture.slot for picture in out] == list(range(count))
    return [is_black(out[slot], *place) for slot, place in way.items()]


@pytest.mark.parametrize(("dx", "dy"), [(0, 0), (4, 0), (MOST_STEP, 0), (0, 6), (-6, 4)])
@pytest.mark.parametrize(("every", "phase"), [(every, phase) for every in (1, 2, 3, 5) for phase in range(every)])
def test_a_face_that_appears_at_any_phase_is_hidden_from_its_first_frame(
    every: int, phase: int, dx: int, dy: int
) -> None:
    first, x, y = 2 * every + phase, 200 if dx < 0 else 40, 40
    way = {slot: (x + (slot - first) * dx, y + (slot - first) * dy) for slot in range(first, first + 3 * every)}
    assert all(shown(faces(every), way, first + 3 * every))


@pytest.mark.parametrize("dx", [0, 4, MOST_STEP])
@pytest.mark.parametrize(("every", "phase"), [(every, phase) for every in (1, 2, 3, 5) for phase in range(every)])
def test_a_face_that_vanishes_at_any_phase_is_hidden_to_its_last_frame(every: int, phase: int, dx: int) -> None:
    last = 2 * every + phase
    way = {slot: (40 + slot * dx, 80) for slot in range(last + 1)}
    assert all(shown(faces(every), way, last + 3 * every))


@pytest.mark.parametrize("every", [3, 4])
def test_all_of_the_way_between_two_looks_is_hidden(every: int) -> None:
    """Twice as fast as somebody walks: before and after, its places do not touch."""
    way = {slot: (2 * slot * MOST_STEP, 80) for slot in range(2 * every + 1) if 2 * slot * MOST_STEP < WIDTH - SIDE}
    assert all(shown(faces(every), way, len(way)))


def test_two_faces_that_pass_each_other_are_both_hidden() -> None:
    transform = faces(3)
    ways = [{slot: (20 + 8 * slot, 40) for slot in range(20)}, {slot: (260 - 8 * slot, 80) for slot in range(20)}]
    out = let_out(transform, (scene(slot, *(way[slot] for way in ways)) for slot in range(20)))
    assert all(is_black(out[slot], *way[slot]) for way in ways for slot in range(20))


@pytest.mark.parametrize("beside", [36, 60])
@pytest.mark.parametrize("phase", [0, 1, 2])
def test_a_face_that_comes_from_behind_another_is_hidden_where_it_comes_from(beside: int, phase: int) -> None:
    """What is nearest to it before is the other face, and it did not come from there."""
    there, first = (120, 80), 3 + phase
    way = {slot: (120 + beside + 10 * (first + 4 - slot), 80) for slot in range(first, first + 4)}
    out = let_out(faces(3), (scene(slot, there, *[way[slot]] if slot in way else []) for slot in range(first + 4)))
    assert all(is_black(out[slot], *place) for slot, place in way.items())
    assert all(is_black(picture, *there) for picture in out)


def test_frames_are_held_until_the_next_look_and_no_longer() -> None:
    transform = faces(4)
    assert transform.delay_frames == 3
    counts = [len(transform.feed(Frame(scene(slot)))) for slot in range(9)]
    assert counts == [1, 0, 0, 0, 4, 0, 0, 0, 4]
    assert looks(transform) == 3
    assert faces(1).delay_frames == 0
    assert [len(faces(1).feed(Frame(scene(slot)))) for slot in range(3)] == [1, 1, 1]


@pytest.mark.parametrize("held", [1, 2])
def test_what_is_held_at_the_end_is_looked_at_before_it_goes(held: int) -> None:
    transform = faces(3)
    for slot in range(4):
        transform.feed(Frame(scene(slot)))
    frames = [Frame(scene(4 + index, (100, 80))) for index in range(held)]
    assert [transform.feed(frame) for frame in frames] == [[]] * held
    out = transform.flush()
    assert [frame.slot for frame in out] == [4 + index for index in range(held)]
    assert all(is_black(frame.picture(), 100, 80) for frame in out)
    assert transform.flush() == []


def test_after_a_hole_what_was_seen_before_it_and_what_is_seen_now_is_hidden() -> None:
    transform = faces(3)
    let_out(transform, (scene(slot, (40, 80)) for slot in range(5)))
    (first, *_) = [frame for slot in (300, 301, 302) for frame in transform.feed(Frame(scene(slot, (200, 80))))]
    assert is_black(first.picture(), 200, 80)


def test_what_is_found_no_more_stays_hidden_for_a_while() -> None:
    """The detector overlooks the face in every look but the first: it is hidden for half a second, and then not."""
    transform = faces(3, linger_s=0.5)
    first_look = [box_of(100, 80)]

    class Forgetful:
        def detect(self, bgr: object) -> list[Detection]:
            return [first_look.pop()] if first_look else []

    transform._detector = Forgetful()
    out = let_out(transform, (scene(slot, (100, 80)) for slot in range(RATE)))
    hidden = [is_black(picture, 100, 80) for picture in out]
    assert all(hidden[: RATE // 2 + 1])
    assert not any(hidden[RATE // 2 + 3 :])


def test_what_is_found_again_lingers_no_more() -> None:
    transform = faces(1, linger_s=10)
    out = let_out(transform, (scene(slot, (40 + 4 * slot, 80)) for slot in range(40)))
    assert is_black(out[-1], 40 + 4 * 39, 80)
    assert not (out[-1].i420[80 : 80 + SIDE, 40 : 40 + SIDE] == 16).any()


@pytest.mark.parametrize("fails_at", [1, 2, 3])
def test_after_a_fault_nothing_that_was_held_goes_on_and_the_next_frame_is_looked_at(fails_at: int) -> None:
    def fail(look: int) -> None:
        if look == fails_at:
            raise RuntimeError("no memory")

    transform = Faces(every=3, how="fill")
    transform._detector = FindRed(before=fail)
    way = dict.fromkeys(range(20), (100, 80))
    out = let_out(transform, (scene(slot, way[slot]) for slot in range(20)))
    fault = 3 * (fails_at - 1)
    held = set(range(max(0, fault - 2), fault)) | {fault}
    assert [picture.slot for picture in out] == [slot for slot in range(20) if slot not in held]
    assert all(is_black(picture, 100, 80) for picture in out)


def test_closed_it_holds_and_knows_nothing() -> None:
    transform = faces(3)
    transform.feed(Frame(scene(0, (100, 80))))
    transform.feed(Frame(scene(1, (100, 80))))
    transform.close()
    assert transform.flush() == []
    assert transform._before is None


shares = st.floats(0, 1, width=32)


@given(shares, shares, shares, shares, st.floats(0, 1), st.floats(0, 2))
def test_a_hull_holds_both_boxes_and_all_places_between_them(
    x0: float, y0: float, x1: float, y1: float, margin: float, widened: float
) -> None:
    boxes = [Detection(x, y, x + 0.1, y + 0.2, 0.9, "face") for x, y in ((x0, y0), (x1, y1))]
    hull = hull_of(boxes, margin, WIDTH / HEIGHT, widened)
    for share in (0, 0.25, 0.5, 1):
        x, y = x0 + (x1 - x0) * share, y0 + (y1 - y0) * share
        for corner in ((x, y), (x + 0.1, y), (x, y + 0.2), (x + 0.1, y + 0.2)):
            assert inside(hull, corner)


def inside(hull: np.ndarray[tuple[int, int], np.dtype[np.float32]], point: tuple[float, float]) -> bool:
    """Whether the point lies on one and the same side of every edge, or on it."""
    edges = np.roll(hull, -1, axis=0) - hull
    to_point = np.array(point) - hull
    turns = edges[:, 0] * to_point[:, 1] - edges[:, 1] * to_point[:, 0]
    return bool((turns >= -1e-5).all() or (turns <= 1e-5).all())


def test_a_time_of_the_scene_is_a_frame_of_its_rate() -> None:
    assert scene(RATE).time_ns == START_NS + 1_000_000_000
    assert is_seen(scene(0, (100, 80)), 100, 80)
