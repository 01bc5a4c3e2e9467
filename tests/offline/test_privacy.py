"""What a chain does not let out is in no picture of what is made, whatever its policy makes of a failure.

Somebody stands in the left half of each picture. The chain hides that, until it fails.
"""

from __future__ import annotations

from functools import partial
from itertools import count
from typing import TYPE_CHECKING

import numpy as np
import pytest

from fixtures.films import ScriptedChain, found_in, job_for, times_of, write_film
from relay.errors import TransformError
from relay.model import Picture
from relay.offline import process
from relay.pixels import new_i420, split
from relay.transform import Setup

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from fixtures.films import Found, Step
    from fixtures.pictures import WriteModule

WIDTH, HEIGHT = 160, 96
SOMEBODY, WALL, HIDDEN = 230, 80, 30
PICTURES = 25
FAILS = range(10, 15)
STAMPS = range(0, PICTURES * 40, 40)


def view(width: int, height: int, index: int) -> NDArray[np.uint8]:
    picture = np.full((height * 3 // 2, width), 128, np.uint8)
    picture[:height] = WALL + index
    picture[:height, : width // 2] = SOMEBODY
    return picture


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = write_film(tmp_path_factory.mktemp("privacy") / "in.mp4", STAMPS, size=(WIDTH, HEIGHT), paint=view)
    assert all(left(picture) > 220 for picture in found_in(path)), "there is something to hide"
    return path


def left(picture: Found) -> int:
    return int(picture.luma[:, : WIDTH // 2 - 8].max())


def right(picture: Found) -> int:
    return int(np.median(picture.luma[:, WIDTH // 2 + 8 :]))


def hide(picture: Picture) -> Picture:
    split(picture.i420).y[:, : WIDTH // 2] = HIDDEN
    return picture


def black(picture: Picture) -> Picture:
    i420 = new_i420(picture.width, picture.height)
    i420[: picture.height], i420[picture.height :] = 16, 128
    return Picture(picture.slot, picture.time_ns, i420)


def shown_by(step: Step, film: Path, folder: Path, held: list[Picture] | None = None) -> list[Found]:
    """What is made by a chain that does this, where nobody is seen in any picture, and each is at its time."""
    target = folder / "out.mp4"
    assert process(job_for(film, target), make_chain=ScriptedChain(step, [] if held is None else held)) is not None
    found = found_in(target)
    assert times_of(target) == times_of(film)
    assert max(left(picture) for picture in found) < HIDDEN + 16
    return found


def test_freeze_shows_the_last_picture_that_left_the_chain(film: Path, tmp_path: Path) -> None:
    found = shown_by(lambda picture: [] if picture.slot in FAILS else [hide(picture)], film, tmp_path)
    assert [abs(right(found[n]) - WALL - 9) <= 1 for n in FAILS] == [True] * len(FAILS)
    assert abs(right(found[20]) - WALL - 20) <= 1


def test_freeze_from_the_first_picture_on_is_black_until_there_is_one(film: Path, tmp_path: Path) -> None:
    found = shown_by(lambda picture: [] if picture.slot < 5 else [hide(picture)], film, tmp_path)
    assert [right(picture) <= 18 for picture in found[:6]] == [True] * 5 + [False]


def test_freeze_for_good_shows_the_last_to_the_end(film: Path, tmp_path: Path) -> None:
    found = shown_by(lambda picture: [hide(picture)] if picture.slot < 5 else [], film, tmp_path)
    assert all(abs(right(picture) - WALL - 4) <= 1 for picture in found[5:])


def test_a_chain_that_lets_nothing_out_makes_a_black_film(film: Path, tmp_path: Path) -> None:
    assert all(right(picture) <= 18 for picture in shown_by(lambda _: [], film, tmp_path))


def test_blank_writes_black_pictures(film: Path, tmp_path: Path) -> None:
    found = shown_by(lambda picture: [black(picture) if picture.slot in FAILS else hide(picture)], film, tmp_path)
    assert [n for n, picture in enumerate(found) if right(picture) <= 18] == list(FAILS)


def test_stop_ends_the_run_and_nothing_is_left(film: Path, tmp_path: Path) -> None:
    def step(picture: Picture) -> list[Picture]:
        if picture.slot in FAILS:
            raise TransformError("no model any more")
        return [hide(picture)]

    with pytest.raises(TransformError, match="no model any more"):
        process(job_for(film, tmp_path / "out.mp4"), make_chain=ScriptedChain(step))
    assert list(tmp_path.iterdir()) == []


def test_a_chain_that_looks_ahead_shows_each_picture_at_its_own_time(film: Path, tmp_path: Path) -> None:
    held: list[Picture] = []

    def step(picture: Picture) -> list[Picture]:
        held.append(hide(picture))
        return [held.pop(0)] if len(held) > 4 else []

    found = shown_by(step, film, tmp_path, held)
    assert [abs(right(picture) - WALL - n) <= 1 for n, picture in enumerate(found)] == [True] * PICTURES


# The real chain, and a user's own mask in it, which fails in the middle.

MASK = f"""
class Hide:
    def __call__(self, frame):
        if frame.slot in {list(FAILS)}:
            raise RuntimeError("gone")
        frame.y[:, : {WIDTH // 2}] = {HIDDEN}
"""

NEVER_FAILS = MASK.replace(str(list(FAILS)), "[]")


def masked(film: Path, module: str, settings: str, *before: str) -> tuple[list[Found], list[str]]:
    """What is made where the mask has these settings, where nobody is seen; and what is told of it."""
    target = film.parent / f"{module}.mp4"
    summary = process(job_for(film, target, *before, f"{module}:Hide {settings}"))
    assert summary is not None
    found = found_in(target)
    assert times_of(target) == times_of(film)
    assert max(left(picture) for picture in found) < HIDDEN + 16
    return found, summary.failures


def test_a_mask_that_fails_and_freezes_shows_the_picture_before(film: Path, user_module: WriteModule) -> None:
    found, failures = masked(film, user_module(MASK), "on_failure=freeze")
    at = [right(picture) - WALL for picture in found]
    assert [abs(at[n] - FAILS[0] + 1) <= 1 for n in FAILS] == [True] * len(FAILS)
    assert [abs(at[n] - n) <= 1 for n in range(PICTURES) if n not in FAILS] == [True] * (PICTURES - len(FAILS))
    (words,) = failures
    assert "raised RuntimeError: gone" in words
    assert words.endswith("(5 times)")


def test_a_mask_that_fails_and_blanks_is_black_and_nothing_is_drawn_on_that(
    film: Path, user_module: WriteModule
) -> None:
    found, failures = masked(film, user_module(MASK), "on_failure=blank")
    assert [n for n, picture in enumerate(found) if int(picture.luma.max()) <= 18] == list(FAILS)
    assert len(failures) == 1


def test_a_mask_that_fails_and_stops_ends_the_run_and_nothing_is_left(
    film: Path, tmp_path: Path, user_module: WriteModule
) -> None:
    module = user_module(MASK)
    with pytest.raises(TransformError, match="raised RuntimeError: gone"):
        process(job_for(film, tmp_path / "out.mp4", f"{module}:Hide on_failure=stop"))
    assert not (tmp_path / "out.mp4").exists()
    assert not list(tmp_path.glob(".relay*"))


def test_a_mask_that_cannot_be_made_ends_the_run(film: Path, tmp_path: Path, user_module: WriteModule) -> None:
    module = user_module("class Hide:\n    def __init__(self):\n        raise OSError('no model')\n")
    with pytest.raises(TransformError, match="no model"):
        process(job_for(film, tmp_path / "out.mp4", f"{module}:Hide on_failure=blank"))
    assert not (tmp_path / "out.mp4").exists()


HOLDER = f"""
import relay
from pydantic import PrivateAttr

class Hide(relay.transform.Holding):
    name = "hide"
    group = "privacy"
    is_private = True
    _held: list = PrivateAttr(default_factory=list)

    @property
    def delay_frames(self):
        return 3

    def feed(self, frame):
        if frame.slot in {list(FAILS)}:
            raise RuntimeError("gone")
        frame.y[:, : {WIDTH // 2}] = {HIDDEN}
        self._held.append(frame)
        return [self._held.pop(0)] if len(self._held) > 3 else []

    def flush(self):
        held, self._held = self._held, []
        return held
"""


def test_a_mask_that_looks_ahead_blanks_all_that_it_held_when_it_failed(film: Path, user_module: WriteModule) -> None:
    found, failures = masked(film, user_module(HOLDER), "")
    held = range(FAILS[0] - 3, FAILS[0])
    assert [n for n, picture in enumerate(found) if right(picture) <= 18] == [*held, *FAILS]
    at = [right(picture) - WALL for picture in found]
    assert all(abs(at[n] - n) <= 1 for n in range(PICTURES) if n not in [*held, *FAILS]), (
        "also the last, held to the end"
    )
    assert len(failures) == 1


@pytest.mark.parametrize("declared", ["is_private=True", "may_rest=True"])
def test_nothing_is_late_and_nothing_rests_however_long_it_takes(
    film: Path, user_module: WriteModule, monkeypatch: pytest.MonkeyPatch, declared: str
) -> None:
    """An hour lies between any two looks at the clock."""
    monkeypatch.setattr("relay.offline.chaining.Setup", partial(Setup, clock=count(0.0, 3600.0).__next__))
    found, failures = masked(film, user_module(f"import relay\n@relay.transform({declared})" + NEVER_FAILS), "")
    assert [abs(right(picture) - WALL - n) <= 1 for n, picture in enumerate(found)] == [True] * PICTURES
    assert failures == []
