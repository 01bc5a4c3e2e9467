"""Who is overlooked stays hidden: the picture opens only where it is surely background, or surely a person."""

from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING

import cv2
import pytest

from fixtures.hidden import BLACK, HEIGHT, RATE, SIDE, WIDTH, FindRed, background, is_black, is_seen, let_out, scene
from relay.errors import TransformError
from relay.pixels import split
from relay.transform import Frame
from relay.transform.privacy.blur_people import BlurPeople

if TYPE_CHECKING:
    from relay.model import Picture


def transform_of(detector: FindRed, **said: object) -> BlurPeople:
    transform = BlurPeople.model_validate({"how": "fill", "settle_s": 1, **said})
    transform._detector = detector
    return transform


def open_share(picture: Picture) -> float:
    """How much of the picture is as it was."""
    return float((split(picture.i420).y != BLACK[0]).mean())


@pytest.mark.parametrize("every", [1, 3])
@pytest.mark.parametrize("detector", [FindRed(is_blind=True), FindRed("person")])
def test_a_person_who_walks_through_is_hidden_in_every_frame_even_from_a_blind_detector(
    every: int, detector: FindRed
) -> None:
    way = {slot: (10 + 4 * (slot - 40), 80) for slot in range(40, 100)}
    transform = transform_of(detector, every=every)
    out = let_out(transform, (scene(slot, *[way[slot]] if slot in way else []) for slot in range(150)))
    assert [picture.slot for picture in out] == list(range(150))
    assert all(open_share(picture) == 0 for picture in out[:RATE])
    assert open_share(out[39]) == 1
    assert all(is_black(out[slot], *place) for slot, place in way.items())
    assert all(open_share(out[slot]) > 0.5 for slot in way)  # all else stays open meanwhile
    assert open_share(out[-1]) == 1


def test_who_stands_still_stays_hidden_while_the_detector_finds_them() -> None:
    out = let_out(transform_of(FindRed("person")), (scene(slot, (100, 80)) for slot in range(4 * RATE)))
    assert all(is_black(picture, 100, 80) for picture in out)
    assert open_share(out[-1]) > 0.8


def test_a_blur_shows_nothing_of_who_walks_through() -> None:
    transform = transform_of(FindRed(is_blind=True), how="blur")
    way = {slot: (10 + 4 * (slot - 40), 80) for slot in range(40, 100)}
    out = let_out(transform, (scene(slot, *[way[slot]] if slot in way else []) for slot in range(100)))
    assert not any(is_seen(out[slot], *place) for slot, place in way.items())


@pytest.mark.parametrize("every", [1, 3])
def test_people_alone_can_be_shown_and_who_is_overlooked_is_hidden(every: int) -> None:
    pictures = [scene(slot, (100, 80)) for slot in range(9)]
    shown = let_out(transform_of(FindRed("person"), show="people", every=every), pictures)
    assert len(shown) == 9
    for picture in shown:
        assert is_seen(picture, 100, 80)
        assert open_share(picture) == pytest.approx(SIDE * SIDE / WIDTH / HEIGHT, abs=0.003)
    pictures = [scene(slot, (100, 80)) for slot in range(9)]
    overlooked = let_out(transform_of(FindRed(is_blind=True), show="people", every=every), pictures)
    assert all(is_black(picture, 100, 80) and open_share(picture) == 0 for picture in overlooked)


@pytest.mark.parametrize("phase", [0, 1, 2])
def test_between_two_looks_only_that_is_shown_which_is_a_person_before_and_after(phase: int) -> None:
    """It looks at the frames 0, 3 and 6: of who leaves after the last look that found them nothing more is shown."""
    way = dict.fromkeys(range(3 + phase), (100, 80))
    last = 3 if phase else 0
    transform = transform_of(FindRed("person"), show="people")
    out = let_out(transform, (scene(slot, *[way[slot]] if slot in way else []) for slot in range(9)))
    assert [open_share(picture) > 0 for picture in out] == [slot <= last for slot in range(9)]


def test_a_person_who_moves_is_shown_where_both_looks_agree() -> None:
    transform = transform_of(FindRed("person"), show="people")
    out = let_out(transform, (scene(slot, (100 + 4 * slot, 80)) for slot in range(4)))
    y = split(out[1].i420).y
    assert (y[80 : 80 + SIDE, 114 : 100 + SIDE - 2] != BLACK[0]).all()
    assert (y[:, :110] == BLACK[0]).all()
    assert (y[:, 100 + SIDE + 2 :] == BLACK[0]).all()


def test_it_follows_the_pictures_size() -> None:
    transform = transform_of(FindRed(is_blind=True))
    for width, height in ((320, 192), (64, 48), (320, 192)):
        (shown,) = let_out(transform, [background(width, height)])
        assert open_share(shown) == 0


@pytest.mark.parametrize("show", ["background", "people"])
def test_nothing_is_allocated_once_warm(show: str) -> None:
    transform = transform_of(FindRed(is_blind=True), show=show, how="blur")
    frames = [Frame(background()) for _ in range(12)]
    peaks = []
    for index, frame in enumerate(frames):
        if index == 6:
            tracemalloc.start()
        if index >= 6:
            tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        transform.feed(frame)
        peaks.append(tracemalloc.get_traced_memory()[1] - before)
    tracemalloc.stop()
    assert max(peaks[6:]) < 8192


def test_without_a_detector_it_says_what_would_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(cv2, "HOGDescriptor", raising=False)
    with pytest.raises(TransformError, match=r"give model = the path of .* 'opencv-python-headless<5'"):
        BlurPeople().open()
