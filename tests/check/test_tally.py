"""Findings are told once, with nothing in them that could do harm."""

from __future__ import annotations

from relay.check.finding import advice, must, should
from relay.check.tally import LONGEST_TEXT, MOST_FINDINGS, MOST_PLACES, Tally, harmless


def test_what_differs_in_numbers_is_the_same_finding() -> None:
    tally = Tally()
    tally.add([should("P9", "c", "12 left", "line 3"), must("M10", "c", "-5 ticks")], "http://a/1")
    tally.add([should("P9", "c", "7 left", "line 90")], "http://a/2")
    tally.add([should("P9", "c", "7 left")], "http://a/2")
    first, second = tally.told()
    assert (first.finding.rule, first.count) == ("M10", 1)
    assert (second.finding.message, second.finding.where, second.count) == ("12 left", "line 3", 3)
    assert second.places == ["http://a/1", "http://a/2"]


def test_advice_comes_last_and_is_no_fault() -> None:
    tally = Tally()
    tally.add([advice("A1", "c", "could be better"), should("B1", "c", "is worse"), must("Z1", "c", "is broken")], "u")
    assert [told.finding.rule for told in tally.told()] == ["Z1", "B1", "A1"]
    assert tally.faults == 2


def test_there_is_an_end_of_findings_and_of_places() -> None:
    tally = Tally()
    words = [f"{'ab'[n & 1]}{'x' * n}" for n in range(MOST_FINDINGS + 5)]
    tally.add([must("P1", "c", word) for word in words], "u")
    for place in range(MOST_PLACES + 5):
        tally.add([must("P1", "c", words[0])], f"u{place}")
    assert (len(tally.told()), tally.left_out) == (MOST_FINDINGS, 5)
    assert len(tally.told()[0].places) == MOST_PLACES


def test_what_an_origin_wrote_is_made_harmless() -> None:
    assert harmless("a\x1b[31mred\r\n") == "a\ufffd[31mred\ufffd\ufffd"
    assert harmless("at http://me:hunter2@host/a?token=5ecr3t&b=1") == "at http://***@host/a?token=***&b=1"
    assert len(harmless("x" * 10_000)) == LONGEST_TEXT + 1
