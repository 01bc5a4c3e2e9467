"""Whatever goes wrong in a transform of privacy, no picture leaves it in which what it hides can be seen."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
from pydantic import ValidationError

from fixtures.hidden import SIDE, WIDTH, FindRed, is_seen, let_out, scene
from fixtures.networks import red_faces, tables
from relay.errors import TransformError
from relay.transform import Frame
from relay.transform.privacy.blur_people import BlurPeople
from relay.transform.privacy.cover import Cover
from relay.transform.privacy.faces import Faces
from relay.transform.privacy.mask import Mask

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from relay.model import Picture
    from relay.transform.base import Transform
    from relay.transform.privacy.holding import Watched

AT = (96, 64)
COUNT = 45
"""Half as long again as a background takes to settle here: the square would be taken for one."""


@dataclass(frozen=True)
class Case:
    """A transform that hides the red square, with a detector that does what it should, but for what `before` does."""

    make: type[Watched]
    said: dict[str, Any] = field(default_factory=dict)
    label: str = "face"
    is_blind: bool = False

    def transform(self, **said: Any) -> Watched:
        return self.make.model_validate({**self.said, **said})

    def detected(self, before: Callable[[int], object], **said: Any) -> Watched:
        transform = self.transform(**said)
        transform._detector = FindRed(self.label, before, is_blind=self.is_blind)
        return transform


CASES = {
    "faces": Case(Faces),
    "blur-people": Case(BlurPeople, {"settle_s": 1}, "person"),
    "all but people": Case(BlurPeople, {"show": "people"}, is_blind=True),
}
every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())


def pictures() -> list[Picture]:
    return [scene(slot, AT) for slot in range(COUNT)]


def seen_in(transform: Transform) -> list[int]:
    """The slots of the pictures that come out with the square to be seen."""
    return [picture.slot for picture in let_out(transform, pictures()) if is_seen(picture, *AT)]


def test_the_square_is_seen_where_nothing_hides_it() -> None:
    assert all(is_seen(picture, *AT) for picture in pictures())


@every_case
def test_it_is_hidden_where_nothing_fails(case: Case) -> None:
    transform = case.detected(lambda _: None)
    assert seen_in(transform) == []
    assert len(let_out(case.detected(lambda _: None), pictures())) == COUNT


@pytest.mark.parametrize(("transform", "said"), [(Faces, {}), (BlurPeople, {}), (Mask, {"zones": ["0,0 1,0 1,1"]})])
def test_all_are_private_and_blank_where_they_fail(transform: type[Transform], said: dict[str, Any]) -> None:
    assert transform.is_private
    assert transform.group == "privacy"
    assert not transform.may_rest
    assert transform.model_validate(said).on_failure == "blank"
    for other in ("skip", "freeze", "stop"):
        with pytest.raises(ValidationError):
            transform.model_validate({**said, "on_failure": other})


@every_case
@pytest.mark.parametrize("every", [1, 3])
@pytest.mark.parametrize("looks", [{1}, {2}, {3}, {1, 2, 3}, {2, 4, 6, 8}, set(range(1, 99))])
@pytest.mark.parametrize("fault", [RuntimeError("x"), MemoryError(), cv2.error("x")], ids=["any", "memory", "OpenCV"])
def test_a_detector_that_raises(case: Case, every: int, looks: set[int], fault: Exception) -> None:
    def fail(look: int) -> None:
        if look in looks:
            raise fault

    transform = case.detected(fail, every=every)
    shown = let_out(transform, pictures())
    assert not any(is_seen(picture, *AT) for picture in shown)
    assert (len(shown) > COUNT // 2) == (len(looks) < 9)
    assert transform._held == []


@every_case
def test_a_thread_that_is_ended_leaves_nothing_to_be_had(case: Case) -> None:
    def end(look: int) -> None:
        if look == 2:
            raise SystemExit

    transform = case.detected(end)
    for slot in range(3):
        transform.feed(Frame(scene(slot, AT)))
    with pytest.raises(SystemExit):
        transform.feed(Frame(scene(3, AT)))
    assert transform.flush() == []


@every_case
@pytest.mark.parametrize("fails_at", [1, 2, 3, 4, 5])
def test_hiding_that_fails(case: Case, fails_at: int, monkeypatch: pytest.MonkeyPatch) -> None:
    hide, calls = Cover.hide, []

    def failing(self: Cover, *arguments: Any) -> None:
        calls.append(arguments)
        if len(calls) == fails_at:
            raise MemoryError
        hide(self, *arguments)

    monkeypatch.setattr(Cover, "hide", failing)
    assert seen_in(case.detected(lambda _: None)) == []
    assert len(calls) > fails_at


@every_case
@pytest.mark.parametrize("late", [1, 2])
def test_a_detector_that_is_late_lets_nothing_out_meanwhile(case: Case, late: int) -> None:
    is_looking, may_go_on = threading.Event(), threading.Event()

    def wait(look: int) -> None:
        if look == late:
            is_looking.set()
            assert may_go_on.wait(30)

    transform = case.detected(wait)
    done: list[Picture] = []

    def feed() -> None:
        for slot in range(4):
            done.extend(frame.picture() for frame in transform.feed(Frame(scene(slot, AT))))

    thread = threading.Thread(target=feed)
    thread.start()
    try:
        assert is_looking.wait(30)
        assert [picture.slot for picture in done] == list(range(late - 1))
    finally:
        may_go_on.set()
        thread.join(30)
    assert [picture.slot for picture in done] == [0, 1, 2, 3]
    assert not any(is_seen(picture, *AT) for picture in done)


@every_case
def test_one_that_was_never_opened_lets_nothing_out(case: Case) -> None:
    assert let_out(case.transform(), pictures()) == []


def does_not_open(transform: Watched, words: str) -> None:
    """It says why, and whoever feeds it all the same gets nothing."""
    with pytest.raises(TransformError, match=words):
        transform.open()
    assert let_out(transform, pictures()) == []


@every_case
def test_a_model_that_is_missing(case: Case, tmp_path: Path) -> None:
    does_not_open(case.transform(model=tmp_path / "none.onnx", layout="centerface"), "there is no such file")


@every_case
@pytest.mark.parametrize("content", [b"", b"no network", bytes(range(256)) * 99])
@pytest.mark.parametrize("layout", ["centerface", "yunet", "yolox"])
def test_a_model_that_is_corrupt(case: Case, tmp_path: Path, content: bytes, layout: str) -> None:
    (tmp_path / "broken.onnx").write_bytes(content)
    words = "is no ONNX network that OpenCV can read|it cannot find"
    does_not_open(case.transform(model=tmp_path / "broken.onnx", layout=layout), words)


@every_case
def test_a_model_that_ends_in_the_middle(case: Case, tmp_path: Path) -> None:
    path = red_faces(tmp_path / "half.onnx", SIDE)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    does_not_open(case.transform(model=path, layout="centerface", labels=["face"]), "is no ONNX network")


@every_case
@pytest.mark.parametrize(
    "outputs",
    [
        {"a": np.zeros((1, 1, 48, 80))},
        {"537": np.zeros((1, 1, 9, 9)), "538": np.zeros((1, 2, 9, 9)), "539": np.zeros((1, 2, 9, 9))},
        {"537": np.full((1, 1, 48, 80), np.nan), "538": np.zeros((1, 2, 48, 80)), "539": np.zeros((1, 2, 48, 80))},
        {"537": np.ones((1, 1, 48, 80)), "538": np.full((1, 2, 48, 80), np.nan), "539": np.zeros((1, 2, 48, 80))},
    ],
    ids=["too few outputs", "another grid", "scores that are no numbers", "boxes that are no numbers"],
)
def test_a_model_whose_outputs_are_wrong(case: Case, tmp_path: Path, outputs: dict[str, Any]) -> None:
    path = tables(tmp_path / "wrong.onnx", outputs)
    transform = case.transform(model=path, layout="centerface", input=WIDTH, labels=["face"])
    transform.open()
    assert let_out(transform, pictures()) == []


@pytest.mark.parametrize("how", ["fill", "blur", "pixelate"])
@pytest.mark.parametrize("function", ["copyTo", "resize"])
def test_a_mask_that_cannot_be_painted(how: str, function: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise cv2.error("no memory")

    mask = Mask.model_validate({"zones": ["0.1,0.1 0.9,0.1 0.9,0.9 0.1,0.9"], "how": how})
    assert seen_in(mask) == []
    monkeypatch.setattr(cv2, function, fail)
    if (how, function) == ("fill", "resize"):  # which it does not need
        assert seen_in(mask) == []
    else:
        assert let_out(mask, pictures()) == []
