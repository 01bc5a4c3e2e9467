"""Zones of a picture by name: written in settings, and as masks on a grid of cells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import cv2
import numpy as np
from pydantic import AfterValidator, BeforeValidator

from relay.errors import TransformError
from relay.transform.polygon import Polygon

if TYPE_CHECKING:
    from collections.abc import Sequence

    from relay.pixels import Plane

WHOLE: Final = "picture"
"""The one zone that there is where none are given."""
_MOST_ZONES: Final = 16
_MOST_LETTERS: Final = 40


def _zones_from_text(value: object) -> object:
    """`"door: 0.1,0.2 0.4,0.2 0.4,0.9; gate: ..."`, as a command line has it."""
    if not isinstance(value, str):
        return value
    zones = {}
    for part in filter(str.strip, value.split(";")):
        name, colon, corners = part.partition(":")
        if not colon:
            raise ValueError('zones are written "NAME: x,y x,y x,y", with a semicolon between two')
        if name.strip() in zones:
            raise ValueError(f"there are two zones {name.strip()!r}")
        zones[name.strip()] = corners.strip()
    return zones


def _check_names(zones: dict[str, Polygon]) -> dict[str, Polygon]:
    if len(zones) > _MOST_ZONES:
        raise ValueError(f"there are {len(zones)} zones; at most {_MOST_ZONES}")
    for name in zones:
        if not 0 < len(name) <= _MOST_LETTERS or not name.isprintable():
            raise ValueError(f"a zone's name is 1 to {_MOST_LETTERS} characters, not {name!r}")
    return zones


def _polygons_from_text(value: object) -> object:
    """`"0.1,0.2 0.4,0.2 0.4,0.9; ..."`, or one polygon alone."""
    return [part.strip() for part in value.split(";") if part.strip()] if isinstance(value, str) else value


ZoneMap = Annotated[dict[str, Polygon], BeforeValidator(_zones_from_text), AfterValidator(_check_names)]
"""Polygons by name: a table in TOML, `"door: 0.1,0.2 0.4,0.2 0.4,0.9; gate: ..."` on a command line."""
PolygonList = Annotated[tuple[Polygon, ...], BeforeValidator(_polygons_from_text)]
"""Polygons: a list in TOML, with semicolons between them on a command line."""


def masks(zones: dict[str, Polygon], exclude: Sequence[Polygon], columns: int, rows: int) -> dict[str, Plane]:
    """Each zone as `uint8` of shape `(rows, columns)`: 255 in it, 0 outside and in what is excluded.

    Without zones, the whole picture is one. Raises `TransformError` for a zone of which nothing is left.
    """
    whole = np.full((rows, columns), 255, np.uint8)
    allowed = whole.copy()
    for polygon in exclude:
        allowed[polygon.mask(columns, rows) > 0] = 0
    found = {name: _as_mask(polygon.mask(columns, rows)) for name, polygon in zones.items()} or {WHOLE: whole}
    for name, mask in found.items():
        cv2.bitwise_and(mask, allowed, dst=mask)
        if not mask.any():
            raise TransformError(f"nothing is left of zone {name!r}: it is too small, lies outside, or is excluded")
    return found


def _as_mask(inside: Plane) -> Plane:
    return np.where(inside > 0, np.uint8(255), np.uint8(0))
