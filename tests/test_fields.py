"""A transform may be written in several ways, which all mean the same."""

from __future__ import annotations

import pytest

from relay.fields import parse_transform

GRAPH = "hqdn3d,unsharp=5:5:0.8"


@pytest.mark.parametrize(
    ("written", "name", "parameters"),
    [
        ("crop width=640 height=360", "crop", {"width": "640", "height": "360"}),
        ("  text text='a = b'  ", "text", {"text": "a = b"}),
        ("paint:box", "paint:box", {}),
        ({"name": "crop", "width": 640}, "crop", {"width": 640}),
        ({"name": "mine:draw", "filter": "soft", "graph": 1}, "mine:draw", {"filter": "soft", "graph": 1}),
        (f"filter={GRAPH}", "filter", {"graph": GRAPH}),
        ({"filter": GRAPH}, "filter", {"graph": GRAPH}),
        ({"filter": GRAPH, "on_failure": "skip"}, "filter", {"graph": GRAPH, "on_failure": "skip"}),
        (f"filter graph={GRAPH}", "filter", {"graph": GRAPH}),
    ],
)
def test_every_way_to_write_a_transform(written: object, name: str, parameters: dict[str, object]) -> None:
    assert parse_transform(written) == {"name": name, "parameters": parameters}


def test_a_graph_keeps_its_own_quotes_backslashes_and_spaces() -> None:
    graph = r"[in] select='not(mod(n\,2))' [a]; [a] drawbox=c=red : t=2"
    assert parse_transform(f"filter={graph}") == {"name": "filter", "parameters": {"graph": graph}}


@pytest.mark.parametrize("value", [7, None, {"name": "crop", "parameters": {"width": 2}}])
def test_what_is_no_short_form_stays_what_it_is(value: object) -> None:
    assert parse_transform(value) is value


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("crop width", "behind its name, each word of a transform is KEY=VALUE"),
        ("scale=width=640", 'its name and then KEY=VALUE words, "scale width=640"; or filter=GRAPH'),
        ("", "a transform begins with its name"),
        ("'' width=2", "a transform begins with its name"),
        ("text text='open", "No closing quotation"),
        ({"width": 640}, 'a table with its name, { name = "crop", ... }, or with filter = "GRAPH"'),
        ({"filter": GRAPH, "graph": GRAPH}, "filter is the graph itself: leave graph out"),
    ],
)
def test_what_is_no_transform_is_refused_with_how_it_is_written(written: object, words: str) -> None:
    with pytest.raises(ValueError, match=r"\w") as caught:
        parse_transform(written)
    assert words in str(caught.value)
