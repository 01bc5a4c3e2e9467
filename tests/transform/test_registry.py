"""Wrong names and parameters are refused with the transform, the parameter, the value, and what would do."""

from __future__ import annotations

import importlib
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from fixtures.pictures import only
from relay.config import TransformSettings
from relay.errors import TransformError
from relay.transform.base import GROUPS, Transform
from relay.transform.listing import list_all
from relay.transform.registry import BUILT_IN, built_in, find, make_link

if TYPE_CHECKING:
    from fixtures.pictures import InstallPackage, MakeChain
    from relay.model import Picture


@pytest.mark.parametrize(
    ("link", "message"),
    [
        ("crpo width=2 height=2", "there is no transform 'crpo': did you mean 'crop'? `relay transforms` lists all"),
        ("blr", "there is no transform 'blr': did you mean 'blur-people'?"),
        ("surely nothing=1", "there is no transform 'surely': there are black, "),
        ("zzz", ", scale, "),
        ("zzz", "; your own is written module:function"),
        ("crop width=64", "crop: height is missing (crop takes x, y, width, height)"),
        ("crop width=64 height=48 depth=3", "crop: there is no parameter 'depth' (crop takes x, y, width, height)"),
        ("crop width=63 height=48", "crop: width='63': must be even, because colour has half the resolution"),
        ("crop x=1 width=64 height=48", "crop: x='1': must be even"),
        ("crop x=-2 width=64 height=48", "crop: x='-2': input should be greater than or equal to 0"),
        ("crop width=wide height=48", "crop: width='wide': input should be a valid integer"),
        ("crop width=64 height=48 on_failure=hide", "crop: on_failure='hide': input should be 'skip', 'freeze'"),
        ("scale", "scale: give a width, a height, or both (scale takes width, height, interpolation)"),
        ("scale width=100000", "scale: width='100000': input should be less than or equal to 8192"),
        ("scale width=64 interpolation=best",
            "scale: interpolation='best': input should be 'nearest', 'bilinear', 'area', 'bicubic' or 'lanczos'"),
        ("flip direction=up", "flip: direction='up': input should be 'horizontal' or 'vertical'"),
        ("rotate", "rotate: degrees is missing"),
        ("rotate degrees=400", "rotate: degrees='400': input should be less than or equal to 360"),
        ("rotate degrees=left", "rotate: degrees='left': input should be a valid number"),
        ("timestamp size=2", "timestamp: size='2': input should be greater than or equal to 8"),
        ("timestamp timezone=Mars/Olympus",
            "timestamp: timezone='Mars/Olympus': is \"local\", \"UTC\" or a name like Europe/Berlin"),
        ("timestamp timezone=../../etc/passwd", "timestamp: timezone='../../etc/passwd': is \"local\", \"UTC\""),
        ('timestamp "format=a\nb"', "timestamp: format='a\\nb': is one line of at most 200 characters"),
        ("timestamp position=middle", "timestamp: position='middle': input should be 'top-left'"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(link: str, message: str) -> None:
    with pytest.raises(TransformError) as caught:
        make_link(TransformSettings.model_validate(link))
    assert message in str(caught.value)


def test_typed_values_of_toml_do_as_well_as_text() -> None:
    typed = TransformSettings.model_validate(
        {"name": "crop", "x": 2, "y": 4, "width": 64, "height": 48, "on_failure": "skip"}
    )
    text = TransformSettings.model_validate("crop x=2 y=4 width=64 height=48 on_failure=skip")
    assert make_link(typed) == make_link(text)
    assert make_link(typed).on_failure == "skip"


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_transform_of_our_own_is_there_and_says_what_it_is(name: str) -> None:
    transform = built_in(name)
    assert transform.name == name
    assert transform.group in GROUPS
    assert transform.summary().endswith(".")
    assert all(field.description for field in transform.model_fields.values())


def test_they_are_in_the_order_of_their_names() -> None:
    assert list(BUILT_IN) == sorted(BUILT_IN)


def test_none_of_them_is_loaded_before_it_is_asked_for() -> None:
    modules = sorted({where.partition(":")[0] for where in BUILT_IN.values()})
    code = f"import sys, relay.transform; print(*sorted(set({modules}) & set(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False)
    assert (ran.returncode, ran.stdout.strip(), ran.stderr) == (0, "", "")


# Of installed packages.

PACKAGE = """
from typing import ClassVar
from pydantic import Field
from relay.transform import Transform

class Night(Transform):
    "Makes it dark."
    name: ClassVar = "night"
    group: ClassVar = "correction"
    luma: int = Field(default=20, description="how dark")
    def apply(self, frame): frame.y[:] = self.luma

def dusk(frame, luma: int = 40):
    "Makes it nearly dark."
    frame.y[:] = luma

NUMBER = 3
"""


def test_a_package_adds_transforms_by_their_names(
    make_chain: MakeChain, install_package: InstallPackage, picture: Picture
) -> None:
    module = install_package(PACKAGE, {"night": "Night", "dusk": "dusk"})
    assert find("night") is importlib.import_module(module).Night
    assert (only(make_chain("night", "dusk luma=50").process(picture)).i420[:48] == 50).all()
    with pytest.raises(TransformError, match=r"^night: luma='x': .* \(night takes luma\)"):
        make_chain("night luma=x")
    with pytest.raises(TransformError, match=r"^dusk: luma='x': "):
        make_chain("dusk luma=x")
    with pytest.raises(TransformError, match="there is no transform 'nihgt': did you mean 'night'"):
        make_chain("nihgt")


@pytest.mark.parametrize(
    ("text", "attribute", "words"),
    [
        ("import surely_not_installed_x", "f", "cannot be loaded: ModuleNotFoundError: No module named 'surely_not_i"),
        ("raise SystemExit(3)", "f", "cannot be loaded: SystemExit: 3"),
        (PACKAGE, "gone", "cannot be loaded: AttributeError: "),
        (PACKAGE, "NUMBER", "is int, not a transform, a function or a class"),
    ],
)
def test_one_that_is_broken_says_so_and_hides_no_other(
    make_chain: MakeChain, install_package: InstallPackage, picture: Picture, text: str, attribute: str, words: str
) -> None:
    broken = install_package(text, {"broken": attribute})
    install_package(PACKAGE, {"night": "Night"})
    with pytest.raises(TransformError) as caught:
        make_chain("broken")
    assert f"broken: {broken}:{attribute} of the package {broken} {words}" in str(caught.value)
    assert (only(make_chain("night").process(picture)).i420[:48] == 20).all()
    listed = {one.name: one for one in list_all()}
    assert words in listed["broken"].problem
    assert listed["night"].problem == ""


def test_two_packages_with_one_name_are_told_and_none_is_taken(
    make_chain: MakeChain, install_package: InstallPackage
) -> None:
    first, second = (install_package(PACKAGE, {"night": "Night"}) for _ in range(2))
    with pytest.raises(TransformError, match=f"several packages have a transform of that name: {first}, {second}"):
        make_chain("night")
    assert "several packages" in next(one for one in list_all() if one.name == "night").problem


def test_no_package_replaces_one_of_our_own(install_package: InstallPackage) -> None:
    install_package(PACKAGE, {"crop": "Night"})
    assert find("crop") is built_in("crop")
    assert issubclass(built_in("crop"), Transform)


def test_one_of_our_own_that_lacks_a_library_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relay.transform.registry.BUILT_IN", {"faces": "relay_vision_x:Faces", "odd": "math:pi"})
    with pytest.raises(TransformError, match=r"^faces: it cannot be loaded: No module named 'relay_vision_x'"):
        make_link(TransformSettings.model_validate("faces"))
    with pytest.raises(TransformError, match=r"^odd: math:pi is no transform"):
        make_link(TransformSettings.model_validate("odd"))
