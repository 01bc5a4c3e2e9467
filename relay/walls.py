"""Streams that show others: a wall, a picture in a picture, a mosaic. Who shows whom, and what may not be. Pure.

    source = "wall:front,garden,door?columns=2"                             a stream that is nothing but others
    transforms = ["picture-in-picture stream=door", "mosaic streams=a,b"]   one that shows others beside its own camera

The supervisor makes of it who leaves pictures for others, and who is watched while another stream is; see `relay.taps`.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Annotated, Final
from urllib.parse import parse_qsl

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError

from relay.fields import PictureSize, Rate, Settings, StreamName

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from relay.config import StreamSettings, TransformSettings

WALL: Final = "wall:"
MOST_SHOWN: Final = 16
"""By one stream: four by four, of which each in a picture of 720p is the size of a stamp."""

WALL_SIZE: Final = (1280, 720)
WALL_RATE: Final = Fraction(30)
_USAGE: Final = (
    "a wall is wall:NAME,NAME and takes columns=N, size=WIDTHxHEIGHT, rate=N and names=0, as in "
    "wall:front,garden,door?columns=2&size=1920x1080"
)
_NAMED_BY: Final = {"mosaic": "streams", "picture-in-picture": "stream"}
"""The transforms that show other streams, and the parameter with their names."""


@dataclass(frozen=True, slots=True)
class Taps:
    """What a worker has to know of other streams: the folder in which they leave their pictures for each other.

    It is empty where there are no others. `stream` is the worker's own; `is_shown` says that another shows it.
    """

    folder: str = ""
    stream: str = ""
    is_shown: bool = False


NO_TAPS: Final = Taps()


def split_names(value: object) -> object:
    """The names in `"front,garden"`; what is no text comes back as it is."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _each_once(names: tuple[str, ...]) -> tuple[str, ...]:
    for number, name in enumerate(names):
        if name in names[:number]:
            raise ValueError(f"{name!r} is named twice")
    return names


StreamNames = Annotated[
    tuple[StreamName, ...],
    Field(min_length=1, max_length=MOST_SHOWN),
    BeforeValidator(split_names),
    AfterValidator(_each_once),
]
"""Names of streams, each once: a list, or one text with commas between them."""
Columns = Annotated[int, Field(ge=1, le=MOST_SHOWN)]


class WallSettings(Settings):
    """What may be written behind `wall:`."""

    streams: StreamNames
    columns: Columns | None = None
    size: PictureSize = WALL_SIZE
    rate: Rate = WALL_RATE
    names: bool = True


def parse_wall(text: str) -> WallSettings:
    """The wall that `text`, which stands behind `wall:`, describes. Raises `ValueError` with what would do."""
    names, _, query = text.partition("?")
    try:
        options: dict[str, object] = dict(parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query)))
        return WallSettings.model_validate({**options, "streams": names})
    except ValidationError as error:
        wrong = error.errors()[0]
        raise ValueError(f"{wrong['loc'][0]}: {wrong['msg'].removeprefix('Value error, ')}: {_USAGE}") from None
    except ValueError:
        raise ValueError(f"its options cannot be read: {_USAGE}") from None


def shown_by(stream: StreamSettings) -> tuple[str, ...]:
    """The streams that `stream` shows, each once, in the order in which it names them.

    Raises `ValueError` for a wall that cannot be read. What is wrong with a transform is the transform's to say.
    """
    names: list[str] = []
    source = stream.source.strip()
    if source.startswith(WALL):
        names += parse_wall(source.removeprefix(WALL)).streams
    for link in stream.transforms:
        names += _named_by(link)
    return tuple(dict.fromkeys(names))


def shown_in(streams: Mapping[str, StreamSettings]) -> frozenset[str]:
    """The streams that others show. Raises `ValueError` as `shown_by` does."""
    return frozenset(name for stream in streams.values() for name in shown_by(stream))


def _named_by(link: TransformSettings) -> list[str]:
    names = split_names(link.parameters.get(_NAMED_BY.get(link.name, ""), ()))
    return [str(name) for name in names] if isinstance(names, list | tuple) else []


def problem_of_shown(streams: Mapping[str, StreamSettings]) -> str:
    """What is wrong with who shows whom; empty if nothing is."""
    shows = {}
    for name, stream in streams.items():
        try:
            shows[name] = shown_by(stream)
        except ValueError as error:
            return f"streams.{name}.source: {error}"
    for name, shown in shows.items():
        if problem := _problem_of_one(name, shown, streams):
            return f"streams.{name}: {problem}"
    return _circle_in(shows)


def _problem_of_one(name: str, shown: Sequence[str], streams: Mapping[str, StreamSettings]) -> str:
    if len(shown) > MOST_SHOWN:
        return f"it shows {len(shown)} other streams, and {MOST_SHOWN} is the most"
    for other in shown:
        if other == name:
            return "it shows itself: name other streams"
        if other not in streams and len(streams) == 1:
            return f"it shows {other!r}, and there is no other stream here: `relay serve` has those of a relay.toml"
        if other not in streams:
            return f"it shows {other!r}, and there is no such stream: there are {', '.join(streams)}"
        if (video := streams[other].video) != "encode":
            return (
                f'it shows {other!r}, whose pictures are not decoded here (video = "{video}"): '
                f'set video = "encode" for {other!r}'
            )
    return ""


def _circle_in(shows: Mapping[str, Sequence[str]]) -> str:
    try:
        TopologicalSorter(shows).prepare()
    except CycleError as error:
        circle: list[str] = error.args[1]  # each is shown by the next
        return f"streams show each other in a circle: {' shows '.join(reversed(circle))}; let one of them not"
    return ""
