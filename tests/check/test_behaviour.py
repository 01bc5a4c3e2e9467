"""What a running server did with a request, and when things came."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest

from fixtures.playlists import EPOCH_MSN, LowLatency, edit
from relay.check.behaviour import (
    Asked,
    check_delta_answer,
    check_held,
    check_hinted,
    check_kept,
    check_listed,
    check_not_held,
    check_refused,
    check_report,
    next_to_ask,
    position,
)
from relay.check.listing import MediaPlaylist, ServerControl
from relay.check.pace import Pace
from relay.check.parsed import parse

if TYPE_CHECKING:
    from collections.abc import Sequence

NEWEST = EPOCH_MSN + 7
LIVE = parse(LowLatency().text)
WHOLE = parse(LowLatency(open_parts=0).text)
ENDED = parse(LowLatency(is_ended=True).text)
PLAIN = replace(LIVE, part_target_s=None, open_segment=None)


def found(findings: Sequence[object]) -> list[str]:
    return [str(finding).split(" ", maxsplit=1)[0] for finding in findings]


def test_a_position_is_the_last_part_or_the_whole_segment() -> None:
    assert position(LIVE) == (NEWEST, 1)
    assert position(WHOLE) == (NEWEST, -1)


def test_the_next_reload_asks_for_what_is_not_there_yet() -> None:
    assert next_to_ask(LIVE) == Asked(NEWEST, 2)
    assert next_to_ask(WHOLE) == Asked(NEWEST, 0)
    assert next_to_ask(PLAIN) == Asked(NEWEST, None)
    assert next_to_ask(ENDED) is None
    assert next_to_ask(MediaPlaylist()) is None
    assert next_to_ask(parse(edit(LowLatency().text, "CAN-BLOCK-RELOAD=YES,", ""))) is None
    assert (Asked(5, 2).query, Asked(5, None).query) == ("_HLS_msn=5&_HLS_part=2", "_HLS_msn=5")


@pytest.mark.parametrize(
    ("asked", "rules"),
    [
        (Asked(NEWEST, 1), []),
        (Asked(NEWEST - 1, None), []),
        (Asked(NEWEST, 2), ["L11"]),
        (Asked(NEWEST, None), ["L11"]),
    ],
)
def test_a_held_reload_brings_what_was_asked(asked: Asked, rules: list[str]) -> None:
    assert found(check_held(asked, LIVE)) == rules
    assert check_held(asked, ENDED) == []


def test_what_is_not_held_and_what_is_refused() -> None:
    assert check_not_held("it", 200, 0.2) == []
    assert found(check_not_held("it", 400, 0.2) + check_not_held("it", 200, 2.0)) == ["L12", "L12"]
    assert check_refused("it", 400) == []
    assert found(check_refused("it", 200) + check_refused("it", None)) == ["L13", "L13"]


def test_hinted_parts() -> None:
    assert check_hinted(200, 1.0, 1.1, Fraction(1, 2)) == []
    assert found(check_hinted(404, 1.0, 1.0, Fraction(1, 2)) + check_hinted(200, 1.0, 1.6, Fraction(1, 2))) == [
        "L9",
        "L9",
    ]


def test_what_is_listed_is_there_and_stays() -> None:
    assert check_listed("part", 206) == check_kept("segment", 200, 3.0, 9.0) == []
    assert found(check_listed("part", 404)) == ["P20"]
    assert found(check_kept("segment", 404, 3.0, 9.0) + check_kept("part", 404, 3.0, 9.0)) == ["P21", "L7"]


def test_a_delta_is_the_full_playlist_of_its_moment() -> None:
    long = LowLatency(segments=12)
    delta = LowLatency(segments=12, skipped=5)
    full = parse(edit(long.text, "LAST-PART=1", "LAST-PART=0"))
    assert check_delta_answer(full, parse(delta.text)) == []
    assert found(check_delta_answer(full, parse(edit(delta.text, "EXTINF:2.00000,", "EXTINF:2.0,")))) == ["L15"]
    assert found(check_delta_answer(full, full)) == ["L15"]
    assert check_delta_answer(LIVE, LIVE) == check_delta_answer(MediaPlaylist(), MediaPlaylist()) == []
    no_skip = replace(full, server_control=ServerControl(can_block_reload=True))
    assert check_delta_answer(no_skip, no_skip) == []


@pytest.mark.parametrize(
    ("reported", "at_least", "at_most", "rules"),
    [
        ((9, 2), (9, 1), (9, 3), []),
        ((9, 3), (10, -1), (10, -1), []),
        ((8, 3), (9, 1), None, ["L10"]),
        ((9, 0), (9, 1), None, ["L10"]),
        ((9, 4), None, (9, 3), ["L10"]),
        ((10, 0), None, (10, -1), ["L10"]),
        ((9, None), (10, -1), (10, -1), []),
        ((None, None), (9, 1), (9, 3), []),
    ],
)
def test_reports_against_what_was_read(
    reported: tuple[int | None, int | None],
    at_least: tuple[int, int] | None,
    at_most: tuple[int, int] | None,
    rules: list[str],
) -> None:
    assert found(check_report("line 1", reported, at_least, at_most)) == rules


def test_segments_that_come_in_time_and_those_that_do_not() -> None:
    pace = Pace()
    later = replace(PLAIN, segments=(*PLAIN.segments, replace(PLAIN.segments[-1], msn=NEWEST)))
    assert pace.note(0.0, 0.1, PLAIN, was_held=False) == []
    assert pace.note(3.0, 3.1, PLAIN, was_held=False) == []
    assert pace.note(3.2, 3.3, later, was_held=False) == []
    assert pace.note(6.2, 6.3, later, was_held=False) == []
    assert found(pace.note(6.4, 6.5, later, was_held=False)) == ["P10"]
    assert pace.note(7.4, 7.5, PLAIN, was_held=False) == []  # that it went back is another rule's
    assert pace.finish(20.0) == []
    assert pace.note(7.4, 7.5, ENDED, was_held=False) == []
    assert pace.finish(20.0) == []


def test_nothing_is_late_where_nothing_says_when_it_is_due() -> None:
    pace = Pace()
    nothing = replace(PLAIN, target_duration_s=None)
    assert pace.finish(20.0) == []
    assert pace.note(0.0, 0.1, nothing, was_held=False) == []
    assert pace.note(9.0, 9.1, nothing, was_held=False) == []
    unheld = Pace()
    loose = replace(LIVE, server_control=None)
    assert unheld.note(0.0, 0.1, loose, was_held=True) == []
    assert unheld.note(0.1, 9.1, replace(loose, media_sequence=EPOCH_MSN + 1), was_held=True) == []


def test_parts_that_come_in_time_and_those_that_do_not() -> None:
    pace = Pace()
    steps = [parse(LowLatency(open_parts=count).text) for count in (1, 2, 3, 0)]
    steps[3] = parse(LowLatency(first_msn=EPOCH_MSN + 1, open_parts=1).text)
    assert pace.note(0.0, 0.1, steps[0], was_held=False) == []
    assert pace.note(0.1, 0.6, steps[1], was_held=True) == []
    (late,) = pace.note(0.6, 2.3, steps[2], was_held=True)
    assert (late.rule, late.severity) == ("L6", "advice")
    (missing,) = pace.note(2.3, 5.4, steps[3], was_held=True)
    assert (missing.rule, missing.severity) == ("L6", "must")
    assert pace.finish(6.0) == []
    assert found(pace.finish(9.0)) == ["L6"]
