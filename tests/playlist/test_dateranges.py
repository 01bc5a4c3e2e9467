"""Date ranges: what is told of them, for how long, and that nothing in one can break a playlist."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtures.published import FORMAT, MSN, make_parts
from relay.check.finding import faults
from relay.check.history import check_delta, check_update
from relay.check.media_playlist import check_media_playlist
from relay.check.parsed import parse
from relay.model import DateRange, MediaKind
from relay.playlist import DateRanges, Window, WindowSettings, render_media
from relay.playlist.dateranges import LATEST_NS, MAX_ATTRIBUTES, MAX_CHARACTERS, MAX_LISTED, daterange_line
from relay.timeline import NS_PER_S, Grid

GRID = Grid.of(FORMAT)
START_NS = GRID.start_ns(GRID.first_slot(MSN))
"""2025-06-15 15:06:40 UTC."""
BELL = DateRange("bell-7", START_NS, "org.example.bell", attributes={"X-DOOR": "front", "X-SCORE": 0.75})


def playlist_with(text: str, *, skip: bool = False, segments: int = 12) -> str:
    window = Window(WindowSettings.of(GRID, MediaKind.VIDEO, segments_listed=segments, has_audio=True))
    for part in make_parts(GRID, MediaKind.VIDEO, (MSN, 0), (MSN + segments, 3)):
        window.append(part, "init-1.mp4", 0)
    return render_media(window, skip=skip, dateranges=text)


def test_a_range_that_goes_on_and_one_that_is_over() -> None:
    assert daterange_line(BELL) == (
        '#EXT-X-DATERANGE:ID="bell-7",CLASS="org.example.bell",START-DATE="2025-06-15T15:06:40.000Z",'
        'X-DOOR="front",X-SCORE=0.75\n'
    )
    assert daterange_line(DateRange("it", START_NS, end_ns=START_NS + NS_PER_S)) == (
        '#EXT-X-DATERANGE:ID="it",START-DATE="2025-06-15T15:06:40.000Z",END-DATE="2025-06-15T15:06:41.000Z"\n'
    )


def test_they_stand_in_full_playlists_and_in_delta_updates() -> None:
    ranges = DateRanges()
    assert ranges.put(BELL)
    full, delta = playlist_with(ranges.text), playlist_with(ranges.text, skip=True)
    assert full.count("#EXT-X-DATERANGE:") == delta.count("#EXT-X-DATERANGE:") == 1
    assert "#EXT-X-SKIP" in delta
    assert faults([*check_media_playlist(full), *check_media_playlist(delta)]) == []
    assert check_delta(parse(full), parse(delta)) == []


def test_an_empty_playlist_has_no_date_for_them() -> None:
    window = Window(WindowSettings.of(GRID, MediaKind.VIDEO, segments_listed=7, has_audio=True))
    assert "DATERANGE" not in render_media(window, dateranges=daterange_line(BELL))


def test_what_was_told_stays_but_for_an_end_that_comes_later() -> None:
    ranges = DateRanges()
    assert ranges.put(BELL)
    before = ranges.text
    over = replace(BELL, end_ns=START_NS + NS_PER_S)
    for other in (
        BELL,
        replace(BELL, start_ns=START_NS + 1),
        replace(over, class_name="org.example.other"),
        replace(over, attributes={}),
        replace(over, end_ns=START_NS - 1),
    ):
        assert not ranges.put(other)
    assert ranges.text == before
    assert ranges.listed == [BELL]
    assert ranges.put(over)
    assert ranges.listed == [over]
    assert faults(check_update(parse(playlist_with(before)), parse(playlist_with(ranges.text)))) == []
    assert not ranges.put(over)
    assert not ranges.put(BELL)
    assert ranges.text.count('END-DATE="2025-06-15T15:06:41.000Z"') == 1


def test_they_are_listed_until_the_window_has_passed_them() -> None:
    ranges = DateRanges()
    for name, end_ns in (("open", None), ("early", START_NS), ("late", START_NS + 2 * NS_PER_S)):
        assert ranges.put(DateRange(name, START_NS, end_ns=end_ns))
    ranges.forget(START_NS)
    assert re.findall('ID="(.*?)"', ranges.text) == ["open", "early", "late"]
    ranges.forget(START_NS + NS_PER_S)
    assert re.findall('ID="(.*?)"', ranges.text) == ["open", "late"]


def test_there_are_not_too_many() -> None:
    ranges = DateRanges()
    told = [ranges.put(DateRange(f"{n}", START_NS)) for n in range(MAX_LISTED + 2)]
    assert told == [True] * MAX_LISTED + [False] * 2
    assert ranges.put(DateRange("7", START_NS, end_ns=START_NS))
    assert ranges.text.count("\n") == MAX_LISTED


@pytest.mark.parametrize(
    "one",
    [
        DateRange("", START_NS),
        DateRange(" \n", START_NS),
        DateRange("it", -1),
        DateRange("it", START_NS, end_ns=LATEST_NS + 1),
        DateRange("it", START_NS, attributes={"DURATION": 1.0}),
        DateRange("it", START_NS, attributes={"X-lower": "x"}),
        DateRange("it", START_NS, attributes={'X-A="': "x"}),
        DateRange("it", START_NS, attributes={"X-A": math.nan}),
        DateRange("it", START_NS, attributes={"X-A": -1.0}),
        DateRange("it", START_NS, attributes={"X-A": 1e300}),
        DateRange("it", START_NS, attributes={f"X-{n}": "" for n in range(MAX_ATTRIBUTES + 1)}),
    ],
)
def test_what_no_playlist_can_say_is_left_out(one: DateRange) -> None:
    ranges = DateRanges()
    assert not ranges.put(one)
    assert ranges.text == ""


@pytest.mark.parametrize(
    ("value", "written"),
    [(0.0, "0"), (12, "12"), (1 / 3, "0.333333"), (1e-9, "0"), (100.0, "100"), (9e14, "900000000000000")],
)
def test_numbers(value: float, written: str) -> None:
    assert daterange_line(DateRange("it", START_NS, attributes={"X-N": value})).endswith(f",X-N={written}\n")


@given(st.text(), st.text(), st.text(max_size=300))
def test_no_text_breaks_a_playlist(name: str, class_name: str, words: str) -> None:
    ranges = DateRanges()
    is_told = ranges.put(DateRange(name, START_NS, class_name, attributes={"X-WORDS": words}))
    text = playlist_with(ranges.text, segments=7)
    text.encode()
    assert faults(check_media_playlist(text)) == []
    if is_told:
        (attributes,) = parse(text).dateranges
        assert len(attributes["X-WORDS"]) <= MAX_CHARACTERS + 2
    else:
        assert parse(text).dateranges == ()
