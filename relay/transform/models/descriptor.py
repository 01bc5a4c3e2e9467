"""What an ONNX file does not say of itself: how its outputs are to be read, and what its input is to be.

All of it may stand in a small TOML file beside the model (`people.toml` for `people.onnx`), in the parameters of the
transform, or in both: a parameter wins. Whatever is said nowhere is what the layout's authors use.

    layout = "yolox"
    input = "640x640"
    classes = "coco"
    threshold = 0.4
"""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeVar, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from relay.errors import TransformError
from relay.transform.models.coco import COCO

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

LayoutName = Literal["centerface", "mediapipe", "nanodet", "rtdetr", "yolox", "yunet"]
MAX_INPUT: Final = 4096
"""Pixels of a side: an input of twice that takes a second and gigabytes."""
_SIZE: Final = re.compile(r"(\d{1,5})(?:x(\d{1,5}))?")


def _parse_input(value: object) -> object:
    """`"640x640"`, or `"480"` or 480 for the longer side."""
    if isinstance(value, str) and (match := _SIZE.fullmatch(value.strip())):
        return (int(match[1]), int(match[2])) if match[2] else int(match[1])
    return value


def _check_input(size: tuple[int, int] | int) -> tuple[int, int] | int:
    sides = size if isinstance(size, tuple) else (size,)
    if not all(8 <= side <= MAX_INPUT for side in sides):
        raise ValueError(f'is WIDTHxHEIGHT, or the longer side alone, each from 8 to {MAX_INPUT}: "640x640", "480"')
    return size


def _split(value: object) -> object:
    """A command line's `a,b,c`."""
    return tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else value


def _check_names(names: tuple[str, ...]) -> tuple[str, ...]:
    if not names or not all(names):
        raise ValueError("is a list of names, none of them empty")
    return names


def _resolve_classes(names: tuple[str, ...]) -> tuple[str, ...]:
    return COCO if names == ("coco",) else names


def _check_std(std: tuple[float, float, float]) -> tuple[float, float, float]:
    if not all(std):
        raise ValueError("is divided by: none of the three may be 0")
    return std


InputSize = Annotated[tuple[int, int] | int, BeforeValidator(_parse_input), AfterValidator(_check_input)]
Names = Annotated[tuple[str, ...], BeforeValidator(_split), AfterValidator(_check_names)]
Classes = Annotated[Names, AfterValidator(_resolve_classes)]
Numbers = Annotated[tuple[float, float, float], BeforeValidator(_split)]
Strides = Annotated[tuple[Annotated[int, Field(ge=1, le=256)], ...], BeforeValidator(_split)]
Share = Annotated[float, Field(gt=0, lt=1)]


class Described(BaseModel):
    """What is said of any network's input; `None` where nothing is."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    input: InputSize | None = Field(
        default=None, description='size of its input, "640x640"; or "480", the longer side, where any size will do'
    )
    rgb: bool | None = Field(default=None, description="whether it takes red first; OpenCV's own order is blue first")
    mean: Numbers | None = Field(
        default=None, description="what is taken from the channels' levels (0 to 255), in the network's order"
    )
    std: Annotated[Numbers, AfterValidator(_check_std)] | None = Field(
        default=None, description="what the rest is divided by"
    )
    outputs: Names | None = Field(
        default=None, description="names of the outputs in the layout's order, where the network has them in another"
    )


class DescribedDetector(Described):
    """What is said of a detector."""

    threshold: Share | None = Field(
        default=None, description="how sure it has to be, 0 to 1; with less it finds more, and more that is not there"
    )
    labels: Names | None = Field(default=None, description="the names that matter; all, where none are given")
    layout: LayoutName | None = Field(
        default=None, description="how the outputs are to be read: " + ", ".join(get_args(LayoutName))
    )
    classes: Classes | None = Field(
        default=None, description='names of what it tells apart, in its order; "coco" for the 80 of COCO'
    )
    overlap: Share | None = Field(
        default=None, description="of two boxes of one thing that share more than this, only the surer one stays"
    )
    strides: Strides | None = Field(default=None, description="pixels of the input for each cell of its grids")
    stretch: bool | None = Field(
        default=None, description="whether the picture fills the input and loses its aspect; else it gets borders"
    )
    pad: Annotated[int, Field(ge=0, le=255)] | None = Field(default=None, description="level of those borders")
    sizes_input: str | None = Field(
        default=None, description="name of a second input that takes width and height (RT-DETR: orig_target_sizes)"
    )


_Kind = TypeVar("_Kind", bound=Described)


def describe(
    kind: type[_Kind], model: Path, descriptor: Path | None, given: Described, defaults: Mapping[str, Any] | None = None
) -> _Kind:
    """All that is known of `model`: what `given` says, else the descriptor's file, if there is one, else `defaults`.

    Without the path of one, it is the file of the model's name with `.toml`, where that exists. Raises
    `TransformError` where it cannot be read, or says what cannot be.
    """
    path = descriptor or model.with_suffix(".toml")
    said = _read(path) if descriptor or path.is_file() else {}
    own = {key: value for key in kind.model_fields if (value := getattr(given, key)) is not None}
    try:
        return kind.model_validate({**(defaults or {}), **said, **own})
    except ValidationError as error:
        problems = "; ".join(_explain(dict(problem)) for problem in error.errors())
        raise TransformError(f"descriptor {path}: {problems} (it may say {', '.join(kind.model_fields)})") from error


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise TransformError(f"descriptor {path}: there is no such file") from error
    except OSError as error:
        raise TransformError(f"descriptor {path} cannot be read: {error.strerror or error}") from error
    except ValueError as error:  # no UTF-8, or no TOML
        raise TransformError(f"descriptor {path} is no TOML: {error}") from error


def _explain(problem: dict[str, Any]) -> str:
    key = str(problem["loc"][0]) if problem["loc"] else ""
    if problem["type"] == "extra_forbidden":
        return f"there is no {key!r}"
    text = str(problem["msg"]).removeprefix("Value error, ")
    return f"{key} = {problem['input']!r}: {text[:1].lower()}{text[1:]}"
