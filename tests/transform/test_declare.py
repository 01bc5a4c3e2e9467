"""`relay.transform`: a decorator that leaves a function what it is and says what is known of it; the package too."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import relay
from fixtures.pictures import only
from relay.config import TransformSettings
from relay.errors import TransformError
from relay.transform import Frame
from relay.transform.declare import Declared, declared_by
from relay.transform.registry import make_link

if TYPE_CHECKING:
    from fixtures.pictures import MakeChain, WriteModule
    from relay.model import Picture


def test_a_decorated_function_is_the_function(picture: Picture) -> None:
    def bright(frame: Frame, luma: int = 200) -> None:
        frame.y[:] = luma

    decorated = relay.transform(on_failure="skip", wants="planes", may_rest=True)(bright)
    assert decorated is bright
    assert relay.transform(bright) is bright, "without brackets nothing in particular is said"
    assert declared_by(bright) == Declared()
    frame = Frame(picture)
    bright(frame, luma=90)
    assert (frame.y == 90).all()


@pytest.mark.parametrize(
    ("said", "declared"),
    [
        ({}, Declared("freeze", "either", changes_size=False, is_private=False, may_rest=False)),
        ({"is_private": True}, Declared("blank", is_private=True)),
        ({"is_private": True, "on_failure": "blank"}, Declared("blank", is_private=True)),
        ({"wants": "bgr", "changes_size": True}, Declared(wants="bgr", changes_size=True)),
        ({"may_rest": True, "on_failure": "skip"}, Declared("skip", may_rest=True)),
    ],
)
def test_what_was_said_is_known(said: dict[str, Any], declared: Declared) -> None:
    assert declared_by(relay.transform(**said)(lambda frame: None)) == declared


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"on_failure": "explode"}, "on_failure='explode': is one of skip, freeze, blank, stop"),
        ({"on_failure": "skip", "is_private": True}, "on_failure='skip': is always \"blank\" for what hides something"),
        ({"wants": "rgb"}, "wants='rgb': is one of planes, bgr, either"),
    ],
)
def test_what_makes_no_sense_is_refused(said: dict[str, Any], words: str) -> None:
    with pytest.raises(TransformError, match=words):
        relay.transform(**said)


OWNERS = """
import relay
from relay.transform import Transform

@relay.transform(is_private=True, wants="planes")
def hide(frame, luma: int = 16):
    frame.y[:] = luma
    if frame.slot == 7:
        raise ValueError("no model")

@relay.transform(on_failure="skip", changes_size=True, may_rest=True)
class Look:
    def __init__(self, threshold: int = 3): self.threshold = threshold
    def __call__(self, frame: relay.Frame):
        frame.emit("seen", threshold=self.threshold)

@relay.transform(on_failure="stop")
def stop(frame): raise ValueError("enough")

class Own(Transform):
    "Paints."
    luma: int = 5
    def apply(self, frame): frame.y[:] = self.luma

class Unfinished(Transform):
    "Does nothing."
"""


def test_what_a_users_module_declares_counts(make_chain: MakeChain, user_module: WriteModule, picture: Picture) -> None:
    name = user_module(OWNERS)
    shown = only(make_chain(f"{name}:hide luma=200").process(picture))
    assert (shown.i420[:48] == 16).all()
    assert (shown.i420[48:] == 128).all()
    link = make_link(TransformSettings.model_validate(f"{name}:Look threshold=5"))
    assert (link.on_failure, link.changes_size, link.may_rest, link.is_private) == ("skip", True, True, False)
    assert (link.label, link.wants) == (f"{name}:Look", "either")


def test_settings_stand_above_the_decorator(make_chain: MakeChain, user_module: WriteModule, picture: Picture) -> None:
    name = user_module(OWNERS)
    with pytest.raises(TransformError, match="raised ValueError: enough"):
        make_chain(f"{name}:stop").process(picture)
    before = picture.i420.copy()
    kept = only(make_chain({"name": f"{name}:stop", "on_failure": "skip"}).process(picture))
    np.testing.assert_array_equal(kept.i420, before)


@pytest.mark.parametrize(
    ("link", "words"),
    [
        (
            ":hide on_failure=skip",
            "hide: on_failure='skip': is always \"blank\" for what hides something: leave it out",
        ),
        (":stop on_failure=never", "stop: on_failure='never': is one of skip, freeze, blank, stop"),
        (":Own luma=x", r"Own: luma='x': input should be a valid integer.* \(.*:Own takes luma\)"),
        (":Unfinished", "Unfinished: making it raised TypeError: .*abstract"),
    ],
)
def test_what_settings_say_wrongly_is_refused(
    make_chain: MakeChain, user_module: WriteModule, link: str, words: str
) -> None:
    with pytest.raises(TransformError, match=words):
        make_chain(user_module(OWNERS) + link)


def test_a_users_own_class_of_transforms_is_one(
    make_chain: MakeChain, user_module: WriteModule, picture: Picture
) -> None:
    shown = only(make_chain(f"{user_module(OWNERS)}:Own luma=77").process(picture))
    assert (shown.i420[:48] == 77).all()


@pytest.mark.parametrize(
    "code",
    [
        "import relay; t = relay.transform; import relay.transform.chain; assert relay.transform is t; t(len2)",
        "import relay.transform.chain, relay; relay.transform(len2); relay.transform(may_rest=True)(len2)",
        "from relay import transform, Frame; transform(len2); import relay.transform as t; assert t.Frame is Frame",
        "import relay, sys; assert 'cv2' not in sys.modules; relay.transform; assert 'cv2' in sys.modules",
    ],
)
def test_the_decorator_and_the_package_are_one_thing_however_they_are_imported(code: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", f"len2 = lambda frame: None\n{code}"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
