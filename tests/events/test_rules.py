"""What rules let pass: by zone, by how long it lasts, by what was told before, by the clock on the wall."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtures.noticed import DAY_S, HOUR_S, ns, timed
from relay.events.rules import MOST_COOLING, Rules, Verdict
from relay.events.settings import EventRule

if TYPE_CHECKING:
    from relay.events.model import TimedEvent

MOTION = ("motion",)


def rules(*rules: EventRule) -> Rules:
    return Rules(rules, ZoneInfo("UTC"))


def verdicts(judge: Rules, *events: TimedEvent) -> list[Verdict]:
    return [judge.judge(event) for event in events]


def both(event: TimedEvent, lasts_s: float) -> tuple[TimedEvent, TimedEvent]:
    """An event when it begins, and when it is over."""
    return event, replace(event, end_ns=event.start_ns + ns(lasts_s) - ns(0))


def test_what_no_rule_names_is_told_as_it_is_but_not_what_is_measured_every_second() -> None:
    none, other = rules(), rules(EventRule(kinds=("face",), zones=("gate",)))
    for judge in (none, other):
        assert verdicts(judge, *both(timed("motion", 1), 2), timed("bell", 5, 5)) == ["tell"] * 3
        assert verdicts(judge, timed("activity", 6, 6)) == ["hold"]
        assert judge.held_back == {"measured": 1}
    named = rules(EventRule(kinds=("activity",), cool_down_s=60))
    assert verdicts(named, *(timed("activity", n, n) for n in (0, 1, 59, 60))) == ["tell", "hold", "hold", "tell"]


def test_only_what_is_in_one_of_the_zones_is_told() -> None:
    judge = rules(EventRule(kinds=("motion", "object"), zones=("gate", "door")))
    assert (
        verdicts(judge, timed("motion", 1, 2, zone="gate"), timed("object", 3, 4, zones=["yard", "door"]))
        == ["tell"] * 2
    )
    held = [timed("motion", 5, 6, zone="yard"), timed("motion", 7, 8), timed("object", 9, 9, zones="gate", zone=[1])]
    assert verdicts(judge, *held) == ["hold"] * 3
    assert judge.held_back == {"zone": 3}


def test_what_comes_into_a_zone_only_later_is_told_with_its_end() -> None:
    judge = rules(EventRule(kinds=("object",), zones=("gate",)))
    begun, over = both(timed("object", 1, zones=["yard"]), 9)
    assert verdicts(judge, begun, replace(over, data={"zones": ["yard", "gate"]})) == ["wait", "tell"]
    begun, over = both(timed("object", 20, zones=["yard"]), 9)
    assert verdicts(judge, begun) == ["wait"]
    assert judge.due(ns(3600)) == []
    assert verdicts(judge, over) == ["hold"]
    assert judge.held_back == {"zone": 1}


class TestWhatHasToLast:
    RULE = EventRule(kinds=MOTION, min_duration_s=5)

    def test_it_is_told_when_it_has(self) -> None:
        judge = rules(self.RULE)
        begun, over = both(timed("motion", 10), 7)
        assert verdicts(judge, begun) == ["wait"]
        assert [judge.due(ns(at)) for at in (10, 14.9, 15, 15.25)] == [[], [], [begun], []]
        assert verdicts(judge, over) == ["tell"]
        assert judge.held_back == {}

    def test_it_is_told_with_its_end_if_nobody_asked_before(self) -> None:
        judge = rules(self.RULE)
        assert verdicts(judge, *both(timed("motion", 10), 5)) == ["wait", "tell"]
        assert judge.due(ns(100)) == []

    def test_it_is_not_told_if_it_has_not(self) -> None:
        judge = rules(self.RULE)
        assert verdicts(judge, *both(timed("motion", 10), 4.9), timed("motion", 20, 20)) == ["wait", "hold", "hold"]
        assert judge.held_back == {"duration": 2}
        assert judge.due(ns(100)) == []


class TestCoolDown:
    RULE = EventRule(kinds=MOTION, cool_down_s=60)

    def test_its_like_is_not_told_for_so_long_after_its_begin_and_after_its_end(self) -> None:
        judge = rules(self.RULE)
        assert verdicts(judge, *both(timed("motion", 0, name="a"), 100)) == ["tell", "tell"]
        assert verdicts(judge, *both(timed("motion", 159, name="b"), 100)) == ["hold", "hold"]
        assert verdicts(judge, timed("motion", 160, 161, name="c"), timed("motion", 200, 201)) == ["tell", "hold"]
        assert judge.held_back == {"cool_down": 2}

    def test_what_begins_while_one_goes_on_is_told_when_that_began_long_ago(self) -> None:
        judge = rules(EventRule(kinds=("object",), cool_down_s=60))
        visits = [timed("object", at, name=str(at), visit=at, label="person") for at in (0, 30, 3600)]
        assert verdicts(judge, *visits) == ["tell", "hold", "tell"]

    def test_another_kind_label_or_zone_is_not_its_like(self) -> None:
        judge = rules(EventRule(kinds=("motion", "object"), cool_down_s=60))
        unlike = [
            timed("motion", 0, 0, zone="gate"),
            timed("motion", 1, 1, zone="yard"),
            timed("object", 2, 2, zone="gate"),
            timed("object", 3, 3, zone="gate", label="person"),
            timed("object", 4, 4, zone="gate", label=["car"]),
        ]
        assert verdicts(judge, *unlike) == ["tell", "tell", "tell", "tell", "hold"]

    def test_one_that_was_held_back_holds_back_none(self) -> None:
        judge = rules(EventRule(kinds=MOTION, cool_down_s=60, min_duration_s=5))
        assert verdicts(judge, timed("motion", 0, 1), timed("motion", 10, 20)) == ["hold", "tell"]

    def test_one_that_waits_is_held_back_by_one_that_was_told_meanwhile(self) -> None:
        judge = rules(EventRule(kinds=MOTION, cool_down_s=60, min_duration_s=5))
        first, second = timed("motion", 0, name="a"), timed("motion", 1, name="b")
        assert verdicts(judge, first, second) == ["wait", "wait"]
        assert judge.due(ns(6)) == [first]
        assert verdicts(judge, *(replace(one, end_ns=ns(9)) for one in (first, second))) == ["tell", "hold"]
        assert judge.held_back == {"cool_down": 1}

    def test_labels_may_be_anything_and_what_is_remembered_of_them_is_bounded(self) -> None:
        judge = rules(EventRule(kinds=("plate",), cool_down_s=3600))
        plates = [timed("plate", 0, 0, label=f"AB {n}") for n in range(MOST_COOLING + 1)]
        assert set(verdicts(judge, *plates)) == {"tell"}
        assert verdicts(judge, plates[-1], plates[0]) == ["hold", "tell"]


def test_a_schedule_goes_by_the_moment_in_which_it_began() -> None:
    judge = rules(EventRule(kinds=MOTION, schedule="mon-fri 18:00-07:00, sat-sun", min_duration_s=60))
    night, evening = timed("motion", DAY_S + 7 * HOUR_S - 30), timed("motion", DAY_S + 18 * HOUR_S - 30)
    assert verdicts(judge, *both(night, 120)) == ["wait", "tell"]
    assert verdicts(judge, *both(evening, 120)) == ["hold", "hold"]
    assert verdicts(judge, timed("motion", 5.5 * DAY_S, 5.5 * DAY_S + 90)) == ["tell"]
    assert judge.held_back == {"schedule": 1}


def test_it_is_told_where_one_of_the_rules_that_name_it_lets_it_pass() -> None:
    at_night = EventRule(kinds=MOTION, schedule="22:00-06:00")
    at_the_gate = EventRule(kinds=("object", "motion"), zones=("gate",), cool_down_s=60)
    judge = rules(at_night, at_the_gate)
    noon = 12 * HOUR_S
    assert verdicts(judge, timed("motion", 1, 2), timed("motion", noon, noon + 1, zone="gate")) == ["tell", "tell"]
    assert verdicts(judge, timed("motion", noon + 9, noon + 9, zone="gate")) == ["hold"]
    assert verdicts(judge, timed("motion", noon + 99, noon + 99)) == ["hold"]
    assert judge.held_back == {"schedule": 2}, "the first rule's reason"


def test_the_end_cools_only_the_rules_that_told_of_it() -> None:
    long, short = EventRule(kinds=MOTION, zones=("gate",), cool_down_s=600), EventRule(kinds=MOTION, cool_down_s=10)
    judge = rules(long, short)
    assert verdicts(judge, *both(timed("motion", 0, zone="yard", name="a"), 5)) == ["tell", "tell"]
    assert verdicts(judge, timed("motion", 16, 17, zone="yard"), timed("motion", 18, 19, zone="gate")) == [
        "tell",
        "tell",
    ]


@pytest.mark.parametrize("rule", [None, EventRule(kinds=MOTION, zones=("a",), min_duration_s=2, cool_down_s=3)])
@given(
    st.lists(
        st.tuples(st.floats(0, 50), st.floats(0, 9), st.sampled_from(["a", "b"]), st.booleans()),
        min_size=1,
        max_size=12,
    )
)
def test_of_what_is_told_the_end_is_told_too_and_nothing_is_told_twice(
    rule: EventRule | None, happened: list[tuple[float, float, str, bool]]
) -> None:
    judge = Rules([rule] if rule else [], None)
    changes: list[tuple[float, TimedEvent | None]] = []
    for n, (at_s, lasts_s, zone, asks) in enumerate(happened):
        begun, over = both(timed("motion", at_s, name=str(n), zone=zone), lasts_s)
        changes += [(at_s, begun), (at_s + lasts_s, over)]
        changes += [(at_s + lasts_s / 2, None)] if asks else []
    told: list[TimedEvent] = []
    for at_s, change in sorted(changes, key=lambda one: one[0]):
        if change is None:
            told += judge.due(ns(at_s))
        elif judge.judge(change) == "tell":
            told.append(change)
    begun_ids, over_ids = ([one.id for one in told if one.is_over is is_over] for is_over in (False, True))
    assert set(begun_ids) <= set(over_ids)
    assert len(begun_ids) == len(set(begun_ids))
    assert len(over_ids) == len(set(over_ids))
    assert len(over_ids) + sum(judge.held_back.values()) == len(happened)
    assert judge.due(ns(1000)) == []
