"""A user's own function: found, given its parameters, believed in what it returns, and blamed by name."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from fixtures.pictures import only
from relay.errors import TransformError

if TYPE_CHECKING:
    from pathlib import Path

    from fixtures.pictures import MakeChain, MakePicture, WriteModule
    from relay.model import Picture

pytestmark = pytest.mark.pure  # relay/usercode.py


def test_the_five_lines_of_the_readme(make_chain: MakeChain, user_module: WriteModule, picture: Picture) -> None:
    name = user_module(
        "import cv2\n"
        "from relay.transform import Frame\n"
        "def box(frame: Frame, size: int = 8) -> None:\n"
        "    cv2.rectangle(frame.bgr, (0, 0), (size - 1, size - 1), (0, 0, 0), -1)\n"
    )
    out = only(make_chain({"name": f"{name}:box", "size": 16}).process(picture))
    assert (out.i420[:16, :16] == 16).all()
    assert out.i420[17, 17] == 60
    assert out.i420[0, 17] == 60


@pytest.mark.parametrize(
    "body",
    [
        "    frame.y[:] = 50; frame.u[:] = 128; frame.v[:] = 128",
        "    frame.y[:] = 50; frame.u[:] = 128; frame.v[:] = 128\n    return frame",
        "    frame.bgr[:] = 40\n    return frame.bgr",
        "    return np.full((48, 64, 3), 40, np.uint8)",
        "    return np.full((48, 128, 3), 40, np.uint8)[:, ::-2]",
    ],
)
def test_every_way_of_giving_the_picture_back(
    make_chain: MakeChain, user_module: WriteModule, picture: Picture, body: str
) -> None:
    name = user_module(f"import numpy as np\ndef f(frame):\n{body}")
    out = only(make_chain(f"{name}:f").process(picture))
    assert out.i420.shape == (72, 64)
    assert (np.abs(out.i420[:48].astype(int) - 50) <= 1).all()
    assert (np.abs(out.i420[48:].astype(int) - 128) <= 1).all()


def test_an_earlier_frame_may_be_shown_again(
    make_chain: MakeChain, user_module: WriteModule, make_picture: MakePicture
) -> None:
    name = user_module("class Freeze:\n    kept = None\n    def __call__(self, frame):\n"
                       "        self.kept = self.kept or frame\n        return self.kept\n")  # fmt: skip
    chain = make_chain(f"{name}:Freeze", "flip")
    chain.process(make_picture(slot=1))
    second = make_picture(slot=2)
    second.i420[:] = 99
    out = only(chain.process(second))
    assert out.slot == 2
    assert 99 not in out.i420[:48]


def test_a_picture_that_is_returned_for_ever_is_never_drawn_into(
    make_chain: MakeChain, user_module: WriteModule, make_picture: MakePicture
) -> None:
    name = user_module(
        "import numpy as np\nSTILL = np.full((48, 64, 3), 200, np.uint8)\ndef f(frame):\n    return STILL\n"
    )
    chain = make_chain(f"{name}:f", "timestamp timezone=UTC size=8 format=%H")
    chain.process(make_picture())
    assert (sys.modules[name].STILL == 200).all()


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("True", r"it returned bool \(True\); a transform returns nothing"),
        ("'text'", r"it returned str \('text'\)"),
        ("[1]", r"it returned list \(\[1\]\)"),
        ("frame.y", r"a frame's picture is uint8 of shape .*, not an array of uint8 of shape \(48, 64\)"),
        ("frame.bgr / 2", r"not an array of float64 of shape \(48, 64, 3\)"),
        ("frame.bgr[1:]", r"not an array of uint8 of shape \(47, 64, 3\)"),
    ],
)
def test_wrong_results_name_the_function_and_what_came_back(
    make_chain: MakeChain, user_module: WriteModule, picture: Picture, value: str, words: str
) -> None:
    name = user_module(f"def wrong(frame):\n    return {value}\n")
    with pytest.raises(TransformError, match=f"^{name}:wrong: .*{words}"):
        make_chain(f"{name}:wrong on_failure=stop").process(picture)


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("raise ValueError('no face')", "raised ValueError: no face"),
        ("raise KeyError", "raised KeyError"),
        ("frame.y[48, 0]", "raised IndexError: index 48"),
        ("raise SystemExit(3)", "raised SystemExit: 3"),
    ],
)
def test_what_it_raises_drops_the_picture_and_names_the_line(
    make_chain: MakeChain, user_module: WriteModule, picture: Picture, statement: str, words: str
) -> None:
    name = user_module(f"def broken(frame):\n    {statement}\n")
    with pytest.raises(TransformError) as caught:
        make_chain("flip", f"{name}:broken on_failure=stop", "flip").process(picture)
    assert f"{name}:broken {words}" in str(caught.value)
    assert f"(line 2 of {sys.modules[name].__file__})" in str(caught.value)
    assert caught.value.__cause__ is not None


PARAMETERS = """
from __future__ import annotations
from pathlib import Path
from typing import TYPE_CHECKING, Literal
if TYPE_CHECKING:
    from nowhere import Frame, Secret
seen = {}
class Odd:
    @classmethod
    def __get_pydantic_core_schema__(cls, *_):
        from pydantic import PydanticUserError
        raise PydanticUserError("no", code=None)
def f(frame: Frame, strength: float, times: int = 1, mode: Literal["a", "b"] = "a", soft=False, words="w",
      path: Path | None = None, secret: Secret = None, plain=None, odd: Odd = None, **rest):
    seen.update(locals())
def few(frame, strength: float): pass
def none(frame): pass
"""


def test_parameters_become_what_the_function_says_they_are(
    make_chain: MakeChain, user_module: WriteModule, picture: Picture
) -> None:
    name = user_module(PARAMETERS)
    chain = make_chain(
        f"{name}:f strength=0.5 times=3 mode=b soft=true words=12 path=/x secret=s plain=7 odd=1 other=9",
    )
    chain.process(picture)
    seen = sys.modules[name].seen
    assert {key: seen[key] for key in ("strength", "times", "mode", "soft", "words")} == {
        "strength": 0.5, "times": 3, "mode": "b", "soft": True, "words": "12",
    }  # fmt: skip
    assert str(seen["path"]) == "/x"
    assert (seen["secret"], seen["plain"], seen["odd"], seen["rest"]) == ("s", "7", "1", {"other": "9"})


@pytest.mark.parametrize(
    ("link", "words"),
    [
        (":few", r"missing a required argument: 'strength' \(besides the frame it takes strength\)"),
        (":few strength=high", r"strength='high': input should be a valid number"),
        (
            ":few strength=1 size=2",
            r"got an unexpected keyword argument 'size' \(besides the frame it takes strength\)",
        ),
        (":none x=1", r"got an unexpected keyword argument 'x' \(it takes nothing besides the frame\)"),
        (":f strength=1 mode=c", r"mode='c': input should be 'a' or 'b'"),
        (":fwe", r"there is no 'fwe'; did you mean 'few'\? \(there are "),
        (":seen", r"is dict \(\{\}\), not a function"),
        (":few.inner", r"there is no 'inner' \(there is no function in it\)"),
    ],
)
def test_wrong_parameters_and_names_are_explained(
    make_chain: MakeChain, user_module: WriteModule, link: str, words: str
) -> None:
    name = user_module(PARAMETERS)
    with pytest.raises(TransformError, match=rf"^{name}:.*: {words}"):
        make_chain(name + link)


@pytest.mark.parametrize("link", ["a b:f", ":f", "m:", "m:1f", "/etc/x.py:f", "m:f:g"])
def test_what_is_no_module_and_function_is_refused(make_chain: MakeChain, link: str) -> None:
    with pytest.raises(TransformError, match="is not module:function"):
        make_chain({"name": link})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("import surely_not_installed_x", "needs 'surely_not_installed_x', which is not installed"),
        ("1 / 0", "raised ZeroDivisionError: division by zero"),
        ("def (", "raised SyntaxError"),
        ("raise SystemExit(1)", "raised SystemExit: 1"),
    ],
)
def test_modules_that_cannot_be_imported_say_why(
    make_chain: MakeChain, user_module: WriteModule, text: str, words: str
) -> None:
    name = user_module(text)
    with pytest.raises(TransformError, match=f"^{name}:f: importing {name} {words}"):
        make_chain(f"{name}:f")


@pytest.mark.parametrize("name", ["surely_no_such_module", "surely.no.such"])
def test_a_module_that_is_nowhere(make_chain: MakeChain, name: str, tmp_path: Path, user_module: WriteModule) -> None:
    with pytest.raises(TransformError, match=f"there is no module 'surely.*' in {tmp_path} or installed"):
        make_chain(f"{name}:f")


CLASSES = """
class Count:
    def __init__(self, start: int = 0):
        self.n = start
    def __call__(self, frame):
        self.n += 1
        frame.y[:] = self.n
class Bad:
    def __init__(self, x): raise RuntimeError("no model")
class Inert: pass
class Late:
    async def __call__(self, frame): pass
async def later(frame): pass
def generator(frame):
    yield frame
class Space:
    def f(frame): frame.y[:] = 33
"""


def test_a_class_is_made_once_with_its_parameters_and_keeps_its_state(
    make_chain: MakeChain, user_module: WriteModule, make_picture: MakePicture
) -> None:
    chain = make_chain(f"{user_module(CLASSES)}:Count start=40")
    assert [only(chain.process(make_picture())).i420[0, 0] for _ in range(3)] == [41, 42, 43]


def test_a_function_inside_something_is_found(
    make_chain: MakeChain, user_module: WriteModule, picture: Picture
) -> None:
    shown = only(make_chain(f"{user_module(CLASSES)}:Space.f").process(picture))
    assert shown.i420[0, 0] == 33


@pytest.mark.parametrize(
    ("link", "words"),
    [
        (":Bad x=1", "making it raised RuntimeError: no model"),
        (":Inert", r"the class has no __call__\(self, frame\)"),
        (":Late", "is a coroutine or generator function"),
        (":later", "is a coroutine or generator function"),
        (":generator", "is a coroutine or generator function"),
    ],
)
def test_classes_and_functions_that_cannot_be_transforms(
    make_chain: MakeChain, user_module: WriteModule, link: str, words: str
) -> None:
    with pytest.raises(TransformError, match=words):
        make_chain(user_module(CLASSES) + link)


def test_a_function_written_in_c_gets_what_it_is_given(make_chain: MakeChain, picture: Picture) -> None:
    with pytest.raises(TransformError, match=r"^builtins:getattr raised TypeError"):
        make_chain("builtins:getattr on_failure=stop").process(picture)
