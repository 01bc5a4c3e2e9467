"""Words are chosen, sized, wrapped and placed so that all of them fit."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.pixels import lettering
from relay.slate.layout import DATE, MIN_SIZE_PX, NAME, REASON, SINCE, Words, arrange, wrap

if TYPE_CHECKING:
    from relay.slate.layout import Style


SINCE_NS = 1_795_369_402_000_000_000
WORDS = Words("front-door", "Offline since 17:43:22", "2026-11-22 UTC", "connection refused")


@pytest.mark.parametrize(
    ("timezone", "since", "date"),
    [
        (dt.UTC, "Offline since 17:43:22", "2026-11-22 UTC"),
        (dt.timezone(dt.timedelta(hours=5, minutes=30)), "Offline since 23:13:22", "2026-11-22 UTC+05:30"),
        (dt.timezone(-dt.timedelta(hours=18)), "Offline since 23:43:22", "2026-11-21 UTC-18:00"),
        (dt.timezone(-dt.timedelta(minutes=30)), "Offline since 17:13:22", "2026-11-22 UTC-00:30"),
    ],
)
def test_the_time_says_its_zone(timezone: dt.tzinfo, since: str, date: str) -> None:
    words = Words.of(" front\tdoor\n", SINCE_NS, "gone\0away", timezone)
    assert words == Words("front door", since, date, "gone away")


def test_a_stream_need_not_be_offline() -> None:
    words = Words.of("door", SINCE_NS, "", dt.UTC, state="Connecting")
    assert words.since == "Connecting since 17:43:22"
    assert [line.text for line in arrange(words, 100, 100)][:3] == ["door", "Connecting", "17:43:22"]


def test_this_machines_time_where_none_is_asked_for() -> None:
    local = dt.datetime.fromtimestamp(SINCE_NS // 10**9, dt.UTC).astimezone()
    assert Words.of("a", SINCE_NS, "", None).since == f"Offline since {local:%H:%M:%S}"


@pytest.mark.parametrize(
    ("size", "styles"),
    [
        ((1280, 720), [NAME, SINCE, DATE, REASON]),
        ((320, 180), [NAME, SINCE, DATE, REASON]),
        ((64, 64), [NAME, SINCE, SINCE]),
        ((320, 64), [NAME, SINCE, DATE]),
        ((640, 20), [NAME]),
    ],
)
def test_a_small_picture_says_less(size: tuple[int, int], styles: list[Style]) -> None:
    said = [line.style for line in arrange(WORDS, *size)]
    if size == (320, 64):
        assert said[:2] == styles[:2]
    else:
        assert said == styles


def test_no_room_at_all() -> None:
    assert arrange(WORDS, 64, 4) == []


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=80), st.text(max_size=300), st.integers(32, 1000), st.integers(32, 600))
def test_whatever_is_said_fits(name: str, reason: str, width: int, height: int) -> None:
    width, height = width * 2, height * 2
    lines = arrange(Words.of(name, SINCE_NS, reason, dt.UTC), width, height)
    below = 0
    for line in lines:
        assert line.size_px >= MIN_SIZE_PX
        assert line.top >= below
        below = line.top + lettering.line_height(line.size_px)
        assert lettering.width_of(line.text, line.size_px, bold=line.style.bold) <= width
    assert below <= height


@pytest.mark.parametrize(
    ("text", "max_lines", "rows"),
    [
        ("", 2, []),
        ("one", 1, ["one"]),
        ("one two three four", 4, ["one two", "three", "four"]),
        ("one two three four", 2, ["one two", "thre…"]),
        ("front-door-garage", 3, ["front-", "door-", "garage"]),
        ("mmmmmmmmmm", 3, ["mmmm", "mmmm", "mm"]),
    ],
)
def test_wrapping(text: str, max_lines: int, rows: list[str]) -> None:
    room_x = 7 * 14 - 4 if "m" not in text else 4 * lettering.width_of("m", 20) + 4
    found = wrap(text, 20, room_x, max_lines)
    assert len(found) <= max_lines
    assert all(lettering.width_of(row, 20) <= room_x for row in found)
    joined = "".join(found).replace(" ", "")
    assert joined == text.replace(" ", "") or (joined.endswith("…") and text.replace(" ", "").startswith(joined[:-1]))
    if "-" in text or not text:
        assert found == rows


def test_a_letter_wider_than_the_room_stands_alone() -> None:
    assert wrap("mm", 100, 10, 3) == ["m", "m"]
