"""From settings to links: names of our own and of installed packages, or a user's `module:function`.

A package adds transforms by entry points of the group `relay.transforms`, each a subclass of `Transform`, a function or
a class, as a user's own may be. Our own are imported when they are asked for. Every error says what would do.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
from importlib import metadata
from typing import TYPE_CHECKING, Any, Final, TypeGuard

from pydantic import ValidationError

from relay.errors import TransformError, UserCodeError
from relay.transform.base import Transform
from relay.transform.plugin import link_to
from relay.usercode import find_callable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from relay.config import TransformSettings
    from relay.transform.base import Link

BUILT_IN: Final[Mapping[str, str]] = {
    "black": "relay.transform.watching.dark:Black",
    "blur-people": "relay.transform.privacy.blur_people:BlurPeople",
    "brightness": "relay.transform.correction.brightness:Brightness",
    "clahe": "relay.transform.correction.clahe:Clahe",
    "covered": "relay.transform.watching.covered:Covered",
    "crop": "relay.transform.geometry.crop:Crop",
    "data": "relay.transform.drawing.data:Data",
    "dehaze": "relay.transform.correction.dehaze:Dehaze",
    "deinterlace": "relay.transform.correction.deinterlace:Deinterlace",
    "denoise": "relay.transform.correction.denoise:Denoise",
    "enhance": "relay.transform.models.enhance:Enhance",
    "faces": "relay.transform.privacy.faces:Faces",
    "filter": "relay.transform.filters:Filter",
    "flip": "relay.transform.geometry.turning:Flip",
    "frozen": "relay.transform.watching.still:Frozen",
    "logo": "relay.transform.drawing.logo:Logo",
    "mask": "relay.transform.privacy.mask:Mask",
    "model": "relay.transform.models.model:Model",
    "mosaic": "relay.transform.geometry.others:Mosaic",
    "motion": "relay.transform.watching.motion:Motion",
    "moved": "relay.transform.watching.moved:Moved",
    "perspective": "relay.transform.geometry.perspective:Perspective",
    "picture-in-picture": "relay.transform.geometry.others:PictureInPicture",
    "rotate": "relay.transform.geometry.turning:Rotate",
    "scale": "relay.transform.geometry.scale:Scale",
    "scene-change": "relay.transform.watching.cuts:SceneChange",
    "segment": "relay.transform.models.segment:Segment",
    "shape": "relay.transform.drawing.shape:Shape",
    "sharpen": "relay.transform.correction.sharpen:Sharpen",
    "stabilise": "relay.transform.geometry.stabilise:Stabilise",
    "text": "relay.transform.drawing.text:Text",
    "timestamp": "relay.transform.drawing.timestamp:Timestamp",
    "undistort": "relay.transform.geometry.undistort:Undistort",
    "watch-faces": "relay.transform.watching.sightings:WatchFaces",
    "watch-objects": "relay.transform.watching.sightings:WatchObjects",
    "white-balance": "relay.transform.correction.white_balance:WhiteBalance",
}
"""Name: where it is. One a line, sorted."""

ENTRY_POINTS: Final = "relay.transforms"


def make_link(settings: TransformSettings) -> Link:
    """The link that `settings` describe. Raises `TransformError` for a name or a parameter that will not do."""
    target = find(settings.name)
    if is_transform(target):
        return _build(settings.name, target, settings.parameters)
    return link_to(settings.name, target, settings.parameters)


def find(name: str) -> Callable[..., Any]:
    """What `name` stands for: a subclass of `Transform`, or a function or class of somebody's own.

    Raises `TransformError` where there is none, or where it cannot be imported.
    """
    if ":" in name:
        try:
            return find_callable(name)
        except UserCodeError as error:
            raise TransformError(str(error)) from error
    if name in BUILT_IN:
        return built_in(name)
    found = [point for point in installed() if point.name == name]
    if not found:
        raise TransformError(f"there is no transform {name!r}: {_what_exists(name)}")
    if len(found) > 1:
        packages = ", ".join(sorted(_package_of(point) for point in found))
        raise TransformError(f"{name}: several packages have a transform of that name: {packages}")
    return _load(found[0])


def built_in(name: str) -> type[Transform]:
    """One of our own. Raises `TransformError` where a library that it needs is not installed."""
    module, _, attribute = BUILT_IN[name].partition(":")
    try:
        target = getattr(importlib.import_module(module), attribute)
    except ImportError as error:
        raise TransformError(f"{name}: it cannot be loaded: {error}") from error
    if not is_transform(target):
        raise TransformError(f"{name}: {BUILT_IN[name]} is no transform")
    return target


def installed() -> list[metadata.EntryPoint]:
    """What installed packages add, by name; not what has the name of one of our own."""
    points = metadata.entry_points(group=ENTRY_POINTS)
    return sorted((point for point in points if point.name not in BUILT_IN), key=lambda point: point.name)


def is_transform(target: object) -> TypeGuard[type[Transform]]:
    """Whether it is a class whose fields are its parameters, and not just anything that can be called."""
    return isinstance(target, type) and issubclass(target, Transform)


def _load(point: metadata.EntryPoint) -> Callable[..., Any]:
    where = f"{point.name}: {point.value} of the package {_package_of(point)}"
    try:
        target: object = point.load()
    except (Exception, SystemExit) as error:  # a module's top level is anybody's code
        raise TransformError(f"{where} cannot be loaded: {type(error).__name__}: {error}") from error
    if not callable(target):
        raise TransformError(f"{where} is {type(target).__name__}, not a transform, a function or a class")
    found: Callable[..., Any] = target
    return found


def _package_of(point: metadata.EntryPoint) -> str:
    return point.dist.name if point.dist is not None else "(unknown)"


def _build(name: str, transform: type[Transform], parameters: dict[str, Any]) -> Transform:
    try:
        return transform.model_validate(parameters)
    except ValidationError as error:
        problems = "; ".join(_explain(dict(problem)) for problem in error.errors())
        takes = ", ".join(own_parameters(transform)) or "nothing"
        raise TransformError(f"{name}: {problems} ({name} takes {takes})") from error
    except (Exception, SystemExit) as error:  # it may be anybody's class
        raise TransformError(f"{name}: making it raised {type(error).__name__}: {error}") from error


def own_parameters(transform: type[Transform]) -> list[str]:
    """The names of its parameters, but for `on_failure`, which all have: what it says itself before what it inherits.

    That is how near they are to what it is for: of `faces`, how a face is hidden, when is looked for one, and then what
    is to be known of a detector. Pydantic has them the other way round.
    """
    written = [name for kind in transform.__mro__ for name in inspect.get_annotations(kind)]
    found = dict.fromkeys([*written, *transform.model_fields])
    return [name for name in found if name in transform.model_fields and name != "on_failure"]


def _explain(problem: dict[str, Any]) -> str:
    key = str(problem["loc"][0]) if problem["loc"] else ""
    if problem["type"] == "missing":
        return f"{key} is missing"
    if problem["type"] == "extra_forbidden":
        return f"there is no parameter {key!r}"
    text = str(problem["msg"]).removeprefix("Value error, ")
    text = text[:1].lower() + text[1:]
    return f"{key}={problem['input']!r}: {text}" if key else text


def _what_exists(name: str) -> str:
    names = sorted({*BUILT_IN, *(point.name for point in installed())})
    close = difflib.get_close_matches(name, names, n=1)
    close += [one for one in names if difflib.get_close_matches(name, one.split("-"), n=1)]
    if close:
        return f"did you mean {close[0]!r}? `relay transforms` lists all; your own is written module:function"
    return f"there are {', '.join(names)}; your own is written module:function"
