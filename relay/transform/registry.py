"""From settings to links: names of our own, or a user's `module:function`. Every error says what would do."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from relay.errors import TransformError
from relay.transform.geometry import Crop, Flip, Rotate, Scale
from relay.transform.overlay import Timestamp
from relay.transform.plugin import load_function

if TYPE_CHECKING:
    from collections.abc import Mapping

    from relay.config import TransformSettings
    from relay.transform.base import Link, Transform

TRANSFORMS: Final[Mapping[str, type[Transform]]] = {
    transform.name: transform for transform in (Crop, Flip, Rotate, Scale, Timestamp)
}


def make_link(settings: TransformSettings) -> Link:
    """The link that `settings` describe. Raises `TransformError` for a name or a parameter that will not do."""
    if ":" in settings.name:
        return load_function(settings.name, settings.parameters)
    if settings.name not in TRANSFORMS:
        raise TransformError(f"there is no transform {settings.name!r}: {_what_exists(settings.name)}")
    return _build(TRANSFORMS[settings.name], settings.parameters)


def _build(transform: type[Transform], parameters: dict[str, Any]) -> Transform:
    try:
        return transform.model_validate(parameters)
    except ValidationError as error:
        problems = "; ".join(_explain(dict(problem)) for problem in error.errors())
        takes = ", ".join(transform.model_fields)
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
    close = difflib.get_close_matches(name, TRANSFORMS, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f"{hint}There are {', '.join(sorted(TRANSFORMS))}; your own is written module:function"
