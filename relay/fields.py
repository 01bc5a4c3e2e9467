"""The values that settings are made of, each with its check. `None` stands for what is chosen later, `"auto"`."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from fractions import Fraction
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from relay.timeline import usual_rate

RESERVED_NAMES: Final = frozenset({"v", "index.m3u8", "ts.m3u8", "snapshot.jpg"})
_PUSH_KEY: Final = re.compile(r"[\w.~-]{16,128}", re.ASCII)
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_PICTURE_SIZE: Final = re.compile(r"(\d{2,5})x(\d{2,5})")
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_RATE_ROUNDING: Final = Fraction(1, 100)
_GRAPH: Final = "filter="
_MAX_PIXELS: Final = 4096 * 2304
"""The largest frame of H.264 level 5.1, which is as far as common players go."""


class Settings(BaseModel):
    """A table of settings."""

    # A validation error's text quotes what it was given in part, and half a URL is not recognised as one to redact.
    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True, hide_input_in_errors=True)


def _parse_rate(value: object) -> object:
    """`"auto"`, a number, or a fraction; 29.97 and its like mean the usual rate beside them."""
    if value == "auto":
        return None
    if isinstance(value, bool):
        raise ValueError("a frame rate is a number or a fraction")  # noqa: TRY004 - pydantic hears ValueErrors
    if not isinstance(value, (int, float, str)):
        return value
    try:
        rate = Fraction(str(value))
    except (ValueError, ZeroDivisionError):
        return value
    usual = usual_rate(rate)
    return usual if abs(usual - rate) < _RATE_ROUNDING else rate


def _check_rate(rate: Fraction | None) -> Fraction | None:
    if rate is not None and not 1 <= rate <= 120:
        raise ValueError("a frame rate lies between 1 and 120")
    return rate


def _parse_size(value: object) -> object:
    if value == "auto":
        return None
    if isinstance(value, str) and (match := _PICTURE_SIZE.fullmatch(value)):
        return int(match[1]), int(match[2])
    return value


def _check_size(size: tuple[int, int] | None) -> tuple[int, int] | None:
    if size is not None:
        width, height = size
        if width % 2 or height % 2 or width < 64 or height < 64 or width * height > _MAX_PIXELS:
            raise ValueError("a size is WIDTHxHEIGHT, both even, from 64x64 to 4096x2304")
    return size


def _check_name(name: str) -> str:
    if not _NAME.fullmatch(name) or name in RESERVED_NAMES:
        raise ValueError("a stream's name is 1 to 63 of a-z 0-9 _ -, begins with a letter or digit, and is not 'v'")
    return name


def _check_push_key(key: SecretStr | None) -> SecretStr | None:
    if key is not None and not _PUSH_KEY.fullmatch(key.get_secret_value()):
        raise ValueError("a push key is 16 to 128 of A-Z a-z 0-9 _ - . ~, and best random: `openssl rand -hex 16`")
    return key


def _check_headers(headers: dict[str, str]) -> dict[str, str]:
    """Names are tokens of RFC 9110 §5.6.2; values end where a line ends. Neither is repeated: values are secrets."""
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name) or not value.isprintable():
            raise ValueError('a header is NAME = "VALUE", the name of letters, digits and -, the value on one line')
    return headers


def _check_side(side: int) -> int:
    if side % 2:
        raise ValueError("a side of a picture is even")
    return side


def parse_transform(value: object) -> object:
    """A link of a chain as `{"name": ..., "parameters": {...}}`, from the short forms in which it may be written.

        "crop width=640 height=360"                 a name and words of KEY=VALUE, parted as a shell does it
        "filter=hqdn3d,unsharp=5:5:0.8"             a filter graph as FFmpeg's command line has it, to the end
        {name = "crop", width = 640, height = 360}  a table: what stands beside the name are the parameters
        {filter = "hqdn3d,unsharp=5:5:0.8"}         a filter graph

    What is in none of them comes back as it is. Raises `ValueError`.
    """
    if isinstance(value, str):
        return _transform_of_text(value.strip())
    if isinstance(value, Mapping) and "parameters" not in value:
        return _transform_of_table(value)
    return value


def _transform_of_text(text: str) -> object:
    if text.startswith(_GRAPH):  # not by words: quotes and backslashes are the graph's own
        return _transform_of_table({"filter": text.removeprefix(_GRAPH)})
    name, *words = shlex.split(text) or [""]
    if not name:
        raise ValueError("a transform begins with its name: `relay transforms` lists them")
    if "=" in name:
        raise ValueError('a transform is its name and then KEY=VALUE words, "scale width=640"; or filter=GRAPH')
    pairs = [word.partition("=") for word in words]
    if not all(equals for _, equals, _ in pairs):
        raise ValueError("behind its name, each word of a transform is KEY=VALUE")
    return {"name": name, "parameters": {key: value for key, _, value in pairs}}


def _transform_of_table(table: Mapping[str, object]) -> object:
    if "name" in table:
        return {"name": table["name"], "parameters": {key: value for key, value in table.items() if key != "name"}}
    if "filter" not in table:
        raise ValueError('a transform is a table with its name, { name = "crop", ... }, or with filter = "GRAPH"')
    if "graph" in table:
        raise ValueError('filter is the graph itself: leave graph out, or write name = "filter"')
    beside = {key: value for key, value in table.items() if key != "filter"}
    return {"name": "filter", "parameters": {"graph": table["filter"], **beside}}


Headers = Annotated[dict[str, str], AfterValidator(_check_headers), Field(repr=False)]
PushKey = Annotated[SecretStr | None, AfterValidator(_check_push_key)]
StreamName = Annotated[str, AfterValidator(_check_name)]
Rate = Annotated[Fraction | None, BeforeValidator(_parse_rate), AfterValidator(_check_rate)]
PictureSize = Annotated[tuple[int, int] | None, BeforeValidator(_parse_size), AfterValidator(_check_size)]
Side = Annotated[int, Field(ge=64, le=4096), AfterValidator(_check_side)]
Seconds = Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)]
