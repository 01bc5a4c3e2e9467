"""In a chain, whatever hides something and fails, is late or lacks its model lets nothing out that it was to hide."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from fixtures.hidden import BLACK, HEIGHT, SIDE, WIDTH, FindRed, is_seen, scene
from fixtures.links import CLOCK
from relay.config import TransformSettings
from relay.errors import TransformError
from relay.pixels import split
from relay.transform import Chain
from relay.transform.privacy.blur_people import BlurPeople
from relay.transform.privacy.cover import Cover
from relay.transform.privacy.faces import Faces

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fixtures.pictures import MakeChain
    from relay.model import Picture

AT = (96, 64)
COUNT = 36
"""A little longer than a background takes to settle here."""
PERIOD_S = 1 / 30
ZONE = " ".join(
    f"{(AT[0] + x) / WIDTH},{(AT[1] + y) / HEIGHT}" for x, y in ((0, 0), (SIDE, 0), (SIDE, SIDE), (0, SIDE))
)
LINKS: dict[str, dict[str, Any]] = {
    "mask": {"name": "mask", "zones": [ZONE], "how": "blur"},
    "faces": {"name": "faces"},
    "blur-people": {"name": "blur-people", "settle_s": 1},
    "all but people": {"name": "blur-people", "show": "people"},
}
WITH_MODEL = [name for name in LINKS if name != "mask"]


@pytest.fixture(autouse=True)
def detector(monkeypatch: pytest.MonkeyPatch) -> list[Callable[[int], object]]:
    """Every transform gets one that finds the square; those who show people alone, one that overlooks it.

    The callables in the list are asked before each look, with its number.
    """
    before: list[Callable[[int], object]] = []

    def ask(look: int) -> None:
        for one in before:
            one(look)

    monkeypatch.setattr(Faces, "_load", lambda _: FindRed("face", ask))
    monkeypatch.setattr(
        BlurPeople, "_load", lambda transform: FindRed("person", ask, is_blind=transform.show == "people")
    )
    return before


@pytest.fixture
def hiding(monkeypatch: pytest.MonkeyPatch) -> list[Callable[[int], object]]:
    """As `detector`, of the call that paints over what is hidden."""
    before: list[Callable[[int], object]] = []
    hide, calls = Cover.hide, []

    def asking(self: Cover, *arguments: Any) -> None:
        calls.append(arguments)
        for one in before:
            one(len(calls))
        hide(self, *arguments)

    monkeypatch.setattr(Cover, "hide", asking)
    return before


def shown_by(make_chain: MakeChain, link: dict[str, Any], told: list[TransformError] | None = None) -> list[Picture]:
    """All that a live chain lets out of `COUNT` pictures with the square in them: one for each, none that shows it."""
    chain = make_chain(
        link, period_s=PERIOD_S, clock=CLOCK, on_failure=(told if told is not None else []).append, deadline_frames=4
    )
    out = [picture for slot in range(COUNT) for picture in chain.process(scene(slot, AT))] + chain.flush()
    assert [picture.slot for picture in out] == list(range(COUNT))
    assert not any(is_seen(picture, *AT) for picture in out)
    return out


def black(pictures: list[Picture]) -> list[int]:
    """The slots of those that are black all over."""
    return [
        picture.slot
        for picture in pictures
        if all((plane == level).all() for plane, level in zip(split(picture.i420), BLACK, strict=True))
    ]


def fails_at(*numbers: int) -> Callable[[int], None]:
    def fail(number: int) -> None:
        if number in numbers:
            raise RuntimeError("no memory")

    return fail


def takes(seconds: float, *numbers: int) -> Callable[[int], None]:
    def take(number: int) -> None:
        if not numbers or number in numbers:
            CLOCK.now_s += seconds

    return take


@pytest.mark.parametrize("name", LINKS)
def test_where_nothing_fails_no_picture_is_black(make_chain: MakeChain, name: str) -> None:
    assert black(shown_by(make_chain, LINKS[name])) == []


@pytest.mark.parametrize("number", [1, 2, 5])
@pytest.mark.parametrize("name", LINKS)
def test_pictures_that_cannot_be_painted_are_black_and_later_ones_are_not(
    make_chain: MakeChain, hiding: list[Callable[[int], object]], name: str, number: int
) -> None:
    told: list[TransformError] = []
    hiding.append(fails_at(number))
    slots = black(shown_by(make_chain, LINKS[name], told))
    assert 1 <= len(slots) <= 3
    assert slots[-1] < number + 3
    assert [str(error).partition(" (line")[0] for error in told] == [
        f"{LINKS[name]['name']} raised RuntimeError: no memory"
    ]


@pytest.mark.parametrize("every", [1, 3])
@pytest.mark.parametrize("name", WITH_MODEL)
def test_pictures_that_a_detector_failed_on_are_black_with_all_that_were_held_for_it(
    make_chain: MakeChain, detector: list[Callable[[int], object]], name: str, every: int
) -> None:
    detector.append(fails_at(3))
    slots = black(shown_by(make_chain, {**LINKS[name], "every": every}))
    assert slots == list(range(every + 1, 2 * every + 1))


@pytest.mark.parametrize("name", WITH_MODEL)
def test_a_look_that_takes_too_long_leaves_its_pictures_black(
    make_chain: MakeChain, detector: list[Callable[[int], object]], name: str
) -> None:
    told: list[TransformError] = []
    detector.append(takes(5 * PERIOD_S, 2))
    assert black(shown_by(make_chain, LINKS[name], told)) == [1, 2, 3]
    assert [str(error) for error in told] == [f"{LINKS[name]['name']}: it took 167 ms, and may take 133"]


@pytest.mark.parametrize("name", LINKS)
def test_of_one_that_is_always_too_slow_all_is_black(
    make_chain: MakeChain, hiding: list[Callable[[int], object]], name: str
) -> None:
    hiding.append(takes(5 * PERIOD_S))
    assert black(shown_by(make_chain, LINKS[name])) == list(range(COUNT))


@pytest.mark.parametrize("name", ["faces", "blur-people"])
def test_without_its_model_nothing_is_shown_at_all(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    monkeypatch.undo()
    link = {"name": name, "model": str(tmp_path / "none.onnx"), "layout": "yolox"}
    chain = Chain([TransformSettings.model_validate(link)])
    words = rf"{name}: model .*none\.onnx: there is no such file; give the path of an ONNX file"
    with pytest.raises(TransformError, match=words):
        chain.open()
    for slot in range(3):
        with pytest.raises(TransformError, match=words):
            chain.process(scene(slot, AT))
    chain.close()
