"""A text with `{keys}` of a JSON document in it, filled in without anything that could reach further than the document.

    {temperature}        the value of that key
    {wind.speed:1}       of a key within another, with one digit behind the point
    {readings.0.value}   of the first in a list

`str.format` would do more than that: it reads attributes of objects, and pads to any width.
"""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Final

from relay.errors import TransformError

if TYPE_CHECKING:
    from collections.abc import Mapping

_FIELD: Final = re.compile(r"\{([^{}:]{1,200})(?::(\d))?\}")
MISSING: Final = "?"
"""What stands for a key that the document does not have, or whose value is no text and no number."""


def fill(template: str, document: str) -> str:
    """`template` with values of `document`, which is JSON, for its fields. Raises `TransformError` if it is none."""
    try:
        root = json.loads(document)
    except (ValueError, RecursionError) as error:
        is_syntax = isinstance(error, json.JSONDecodeError)
        reason = str(error) if is_syntax else "it is nested too deeply, or has too long a number"
        raise TransformError(f"is no JSON: {reason}") from None
    return _FIELD.sub(lambda match: _shown(_found(root, match[1].strip()), match[2]), template)


def _found(root: object, path: str) -> object:
    """The value at a path of keys and indices parted by dots; a key that has dots itself is found as a whole."""
    value: object = root
    rest = path
    while rest:
        if isinstance(value, dict):
            value, rest = _of_object(value, rest)
        elif isinstance(value, list):
            index, _, rest = rest.partition(".")
            if not index.isdecimal() or int(index) >= len(value):
                return None
            value = value[int(index)]
        else:
            return None
    return value


def _of_object(value: Mapping[str, object], path: str) -> tuple[object, str]:
    if path in value:
        return value[path], ""
    key, _, rest = path.partition(".")
    return value.get(key), rest


def _shown(value: object, digits: str | None) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        if not math.isfinite(value):
            return MISSING
        return f"{value:.{digits}f}" if digits else str(value)
    return value if isinstance(value, str) else MISSING
