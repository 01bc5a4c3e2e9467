"""No transform allocates a buffer for a frame once it is warm: what it works in, it has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np
import pytest

from fixtures.transforms import allocated, scene
from relay.transform.registry import built_in

if TYPE_CHECKING:
    from pathlib import Path

ROOM: Final = 4096
"""Views, matrices and other small objects that live at once. The smallest plane here has 7200 samples."""

LINKS: Final[list[tuple[str, dict[str, Any]]]] = [
    ("brightness", {"brightness": 0.1, "contrast": 1.1, "gamma": 1.2, "saturation": 1.3}),
    ("clahe", {}),
    ("crop", {"x": 4, "y": 4, "width": 140, "height": 100}),
    ("dehaze", {}),
    ("deinterlace", {"method": "blend"}),
    ("deinterlace", {"method": "bob"}),
    ("deinterlace", {"method": "yadif"}),
    ("denoise", {"method": "temporal"}),
    ("denoise", {"method": "bilateral"}),
    ("denoise", {"method": "nlm"}),
    ("filter", {"graph": "hflip"}),
    ("flip", {}),
    ("perspective", {"corners": "0.1,0.1 0.9,0.2 0.9,0.9 0.1,0.8"}),
    ("rotate", {"degrees": 90}),
    ("rotate", {"degrees": 12, "fit": "whole"}),
    ("scale", {"width": 200}),
    ("shape", {"kind": "circle", "points": "0.5,0.5", "radius": 0.3}),
    ("sharpen", {}),
    ("stabilise", {}),
    ("text", {"text": "Hello"}),
    ("timestamp", {"timezone": "UTC"}),
    ("timestamp", {"timezone": "Europe/Berlin", "format": "%H:%M:%S.%3f"}),
    ("undistort", {"k1": -0.2, "focal": 0.8}),
    ("white-balance", {"smoothing_s": 1}),
]
EITHER: Final = {"flip", "perspective", "rotate", "scale", "shape", "text", "timestamp", "undistort"}


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]:
    """Different ones, so that what is measured from them changes."""
    return [scene(160, 180, seed=seed) for seed in (1, 2, 3)]


@pytest.mark.parametrize(
    ("name", "parameters"), LINKS, ids=[" ".join([name, *map(str, p.values())]) for name, p in LINKS]
)
def test_nothing_is_allocated_once_warm(
    name: str, parameters: dict[str, Any], pictures: list[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]
) -> None:
    assert allocated(built_in(name).model_validate(parameters), pictures) < ROOM


@pytest.mark.parametrize(
    ("name", "parameters"), [(name, parameters) for name, parameters in LINKS if name in EITHER], ids=str
)
def test_nothing_is_allocated_for_bgr_either(
    name: str, parameters: dict[str, Any], pictures: list[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]
) -> None:
    assert allocated(built_in(name).model_validate(parameters), pictures, is_bgr=True) < ROOM


def test_files_are_read_once(tmp_path: Path, pictures: list[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]) -> None:
    path = tmp_path / "logo.png"
    assert cv2.imwrite(str(path), np.full((50, 50, 4), 200, np.uint8))
    assert allocated(built_in("logo").model_validate({"path": str(path)}), pictures) < ROOM
    (tmp_path / "note.txt").write_text("21 degrees")
    source = {"source": str(tmp_path / "note.txt"), "interval_s": 86_400}
    assert allocated(built_in("data").model_validate(source), pictures) < ROOM
