"""From settings to links: names of our own, or a user's `module:function`. Every error says what would do."""

from __future__ import annotations

import difflib
import importlib
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from relay.errors import TransformError
from relay.transform.base import Transform
from relay.transform.plugin import load_function

if TYPE_CHECKING:
    from collections.abc import Mapping

    from relay.config import TransformSettings
    from relay.transform.base import Link

BUILT_IN: Final[Mapping[str, str]] = {
    "brightness": "relay.transform.correction.brightness:Brightness",
    "clahe": "relay.transform.correction.clahe:Clahe",
    "crop": "relay.transform.geometry.crop:Crop",
    "data": "relay.transform.drawing.data:Data",
    "dehaze": "relay.transform.correction.dehaze:Dehaze",
    "deinterlace": "relay.transform.correction.deinterlace:Deinterlace",
    "denoise": "relay.transform.correction.denoise:Denoise",
    "filter": "relay.transform.filters:Filter",
    "flip": "relay.transform.geometry.turning:Flip",
    "logo": "relay.transform.drawing.logo:Logo",
    "perspective": "relay.transform.geometry.perspective:Perspective",
    "rotate": "relay.transform.geometry.turning:Rotate",
    "scale": "relay.transform.geometry.scale:Scale",
    "shape": "relay.transform.drawing.shape:Shape",
    "sharpen": "relay.transform.correction.sharpen:Sharpen",
    "stabilise": "relay.transform.geometry.stabilise:Stabilise",
    "text": "relay.transform.drawing.text:Text",
    "timestamp": "relay.transform.drawing.timestamp:Timestamp",
    "undistort": "relay.transform.geometry.undistort:Undistort",
    "white-balance": "relay.transform.correction.white_balance:WhiteBalance",
}
"""Name: where its class is. Imported only when it is asked for."""


def make_link(settings: TransformSettings) -> Link:
    """The link that `settings` describe. Raises `TransformError` for a name or a parameter that will not do."""
    if ":" in settings.name:
        return load_function(settings.name, settings.parameters)
    if settings.name not in BUILT_IN:
        raise TransformError(f"there is no transform {settings.name!r}: {_what_exists(settings.name)}")
    return _build(find_transform(settings.name), settings.parameters)


def find_transform(name: str) -> type[Transform]:
    """The class of one of our own."""
    module, _, attribute = BUILT_IN[name].partition(":")
    found: type[Transform] = getattr(importlib.import_module(module), attribute)
    return found


def _build(transform: type[Transform], parameters: dict[str, Any]) -> Transform:
    try:
        return transform.model_validate(parameters)
    except ValidationError as error:
        problems = "; ".join(_explain(dict(problem)) for problem in error.errors())
        takes = ", ".join(field for field in transform.model_fields if field not in Transform.model_fields)
        raise TransformError(f"{transform.name}: {problems} ({transform.name} takes {takes})") from error


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
    close = difflib.get_close_matches(name, BUILT_IN, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f"{hint}There are {', '.join(sorted(BUILT_IN))}; your own is written module:function"
