"""Who shows whom, as it is written; and what of it may not be."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from relay.config import StreamSettings
from relay.walls import MOST_SHOWN, parse_wall, problem_of_shown, shown_by, shown_in, split_names


def a_stream(source: str = "test:", *transforms: object, **settings: Any) -> StreamSettings:
    return StreamSettings.model_validate({"source": source, "transforms": transforms, **settings})


def test_a_wall_as_it_is_written() -> None:
    wall = parse_wall("front, garden,door?columns=2&size=640x360&rate=12.5&names=0")
    assert wall.streams == ("front", "garden", "door")
    assert (wall.columns, wall.size, wall.rate, wall.names) == (2, (640, 360), Fraction(25, 2), False)
    wall = parse_wall("front")
    assert (wall.columns, wall.size, wall.rate, wall.names) == (None, (1280, 720), Fraction(30), True)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "streams: Tuple should have at least 1 item"),
        ("a?columns=0", "columns: Input should be greater than or equal to 1"),
        ("a?colour=red", "colour: Extra inputs are not permitted"),
        ("a,b,a", "streams: 'a' is named twice"),
        ("a?rate", "its options cannot be read"),
    ],
)
def test_what_is_no_wall_is_refused_with_what_is_one(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=f"^{words}.*: a wall is wall:NAME,NAME and takes"):
        parse_wall(text)


def test_names_come_in_one_text_or_in_a_list() -> None:
    assert split_names(" a, b,,c ") == ["a", "b", "c"]
    assert split_names(["a"]) == ["a"]


@pytest.mark.parametrize(
    ("stream", "names"),
    [
        (a_stream(), ()),
        (a_stream(" wall:b,a?columns=2 "), ("b", "a")),
        (a_stream("wall"), ()),
        (a_stream("test:", "picture-in-picture stream=a", "mosaic streams=b,a"), ("a", "b")),
        (a_stream("test:", {"name": "mosaic", "streams": ["b", "c"]}), ("b", "c")),
        (a_stream("wall:a", "picture-in-picture stream=b"), ("a", "b")),
        (a_stream("test:", {"name": "mosaic", "streams": 7}, "flip", "text text=mosaic"), ()),
    ],
)
def test_a_stream_shows_what_its_source_and_its_transforms_name(stream: StreamSettings, names: tuple[str, ...]) -> None:
    assert shown_by(stream) == names


def test_those_are_shown_that_another_names() -> None:
    assert shown_in({"a": a_stream(), "b": a_stream("wall:a"), "c": a_stream("wall:a,b")}) == {"a", "b"}


def test_walls_of_walls_and_streams_in_several_are_fine() -> None:
    streams = {
        "all": a_stream("wall:few,c"),
        "few": a_stream("wall:a,b"),
        "a": a_stream(),
        "b": a_stream("test:", "picture-in-picture stream=a"),
        "c": a_stream("rtsp://camera/", on_demand=True),
    }
    assert problem_of_shown(streams) == ""


COPIED = {"a": a_stream("wall:b"), "b": a_stream("rtsp://b/", video="auto")}


@pytest.mark.parametrize(
    ("streams", "problem"),
    [
        (
            {"a": a_stream("wall:b"), "c": a_stream()},
            "streams.a: it shows 'b', and there is no such stream: there are a, c",
        ),
        ({"a": a_stream("wall:b")}, "streams.a: it shows 'b', and there is no other stream here: `relay serve` has"),
        ({"a": a_stream("wall:a"), "b": a_stream()}, "streams.a: it shows itself"),
        ({"a": a_stream("test:", "mosaic streams=a"), "b": a_stream()}, "streams.a: it shows itself"),
        (COPIED, "streams.a: it shows 'b', whose pictures are not decoded here (video = \"auto\"): set"),
        (
            {"a": a_stream("wall:b"), "b": a_stream("rtsp://b/", video="copy")},
            "streams.a: it shows 'b', whose pictures",
        ),
        ({"a": a_stream("wall:?"), "b": a_stream()}, "streams.a.source: streams: Tuple should have at least 1 item"),
        (
            {"a": a_stream("wall:b"), "b": a_stream("test:", "picture-in-picture stream=a")},
            "streams show each other in a circle: ",
        ),
    ],
)
def test_what_cannot_be_is_said_with_the_way_out(streams: dict[str, StreamSettings], problem: str) -> None:
    assert problem_of_shown(streams).startswith(problem)


def test_a_circle_is_told_in_the_order_of_who_shows_whom() -> None:
    streams = {"a": a_stream("wall:b"), "b": a_stream("wall:c"), "c": a_stream("wall:a"), "d": a_stream("wall:a")}
    told = problem_of_shown(streams).removeprefix("streams show each other in a circle: ").partition(";")[0]
    assert told in {"a shows b shows c shows a", "b shows c shows a shows b", "c shows a shows b shows c"}


def test_one_stream_shows_so_many_at_the_most() -> None:
    names = [f"s{number}" for number in range(MOST_SHOWN + 1)]
    links = [f"picture-in-picture stream={name}" for name in names]
    streams = {name: a_stream() for name in names} | {"a": a_stream("test:", *links[:-1])}
    assert problem_of_shown(streams) == ""
    streams["a"] = a_stream("test:", *links)
    assert problem_of_shown(streams) == "streams.a: it shows 17 other streams, and 16 is the most"
