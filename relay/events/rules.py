"""Which events are told, by the owner's rules. Pure: what is asked has its time with it.

1. What no rule names by its kind is told as it is, but not what is measured every second (`links.MEASURED`).
2. What rules name is told where one of them lets it pass.
3. Schedule and cool-down go by the moment in which it began. A cool-down counts from the last moment in which a rule
   told something of the same kind, label and zones: from its begin, and again from its end.
4. What has to last is told when it has lasted so long (`due`), or with its end; what comes into a zone only later, with
   its end. Of what was held back when it began, the end is not told either.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from relay.events.schedule import Schedule
from relay.links import MEASURED
from relay.timeline import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Iterable
    from zoneinfo import ZoneInfo

    from relay.events.model import TimedEvent
    from relay.events.settings import EventRule

MOST_COOLING: Final = 1024
"""Labels may be anything: number plates."""

Verdict = Literal["tell", "wait", "hold"]
_Check = Literal["pass", "wait", "zone", "duration", "cool_down", "schedule"]
_Which = tuple[str, str, frozenset[str]]
"""Kind, label, zones: what a cool-down tells apart."""


class _Decision(NamedTuple):
    """What is to be done with an event, and the rules that let it pass."""

    verdict: Verdict
    rules: tuple[_Rule, ...] = ()


class Rules:
    """The rules of one stream, and what they have to remember. `held_back` counts by reason."""

    def __init__(self, rules: Iterable[EventRule], zone: ZoneInfo | None) -> None:
        self.held_back: Counter[str] = Counter()
        self._rules = [_Rule(rule, Schedule.parse(rule.schedule), zone) for rule in rules]
        self._begun: dict[str, _Decision] = {}
        self._waiting: dict[str, TimedEvent] = {}

    def judge(self, event: TimedEvent) -> Verdict:
        """What to do with an event that begins, is over, or takes no time. `wait` is for those that begin.

        Of what begins the end has to be shown too: until then it is remembered.
        """
        if not event.is_over:
            decision = self._begun[event.id] = self._decide(event, 0.0)
            if decision.verdict == "wait":
                self._waiting[event.id] = event
            return decision.verdict
        self._waiting.pop(event.id, None)
        before = self._begun.pop(event.id, None)
        if before is None or before.verdict == "wait":
            return self._decide(event, event.lasted_s).verdict
        for rule in before.rules:
            rule.cool(event)
        return before.verdict

    def due(self, now_ns: int) -> list[TimedEvent]:
        """Those that wait and have lasted long enough by now: to be told, as ones that go on."""
        told = []
        for event in list(self._waiting.values()):
            decision = self._decide(event, (now_ns - event.start_ns) / NS_PER_S)
            if decision.verdict != "wait":
                self._begun[event.id] = decision
                del self._waiting[event.id]
            if decision.verdict == "tell":
                told.append(event)
        return told

    def _decide(self, event: TimedEvent, lasted_s: float) -> _Decision:
        naming = [rule for rule in self._rules if event.kind in rule.kinds]
        if not naming:
            return self._hold("measured") if event.kind in MEASURED else _Decision("tell")
        checks = [rule.check(event, lasted_s) for rule in naming]
        passing = tuple(rule for rule, check in zip(naming, checks, strict=True) if check == "pass")
        for rule in passing:
            rule.cool(event)
        if passing:
            return _Decision("tell", passing)
        return _Decision("wait") if "wait" in checks else self._hold(checks[0])

    def _hold(self, reason: str) -> _Decision:
        self.held_back[reason] += 1
        return _Decision("hold")


class _Rule:
    """One rule, and when what it told last was told."""

    def __init__(self, settings: EventRule, schedule: Schedule, zone: ZoneInfo | None) -> None:
        self.kinds = frozenset(settings.kinds)
        self._zones = frozenset(settings.zones)
        self._min_duration_s = settings.min_duration_s
        self._cool_down_ns = round(settings.cool_down_s * NS_PER_S)
        self._schedule = schedule
        self._zone = zone
        self._told_ns: dict[_Which, int] = {}

    def check(self, event: TimedEvent, lasted_s: float) -> _Check:
        """Whether it lets an event pass that has lasted so long by now; if not, why, or that it may yet."""
        if not self._schedule.holds(event.start_ns, self._zone):
            return "schedule"
        told_ns = self._told_ns.get(_which(event))
        if told_ns is not None and event.start_ns - told_ns < self._cool_down_ns:
            return "cool_down"
        if self._zones and not self._zones & zones_of(event):
            return "zone" if event.is_over else "wait"
        if lasted_s < self._min_duration_s:
            return "duration" if event.is_over else "wait"
        return "pass"

    def cool(self, event: TimedEvent) -> None:
        """Something was told: its like waits."""
        if self._cool_down_ns:
            which = _which(event)
            told_ns = event.start_ns if event.end_ns is None else event.end_ns
            told_ns = max(told_ns, self._told_ns.pop(which, told_ns))
            if len(self._told_ns) >= MOST_COOLING:
                del self._told_ns[next(iter(self._told_ns))]
            self._told_ns[which] = told_ns


def zones_of(event: TimedEvent) -> frozenset[str]:
    """The zones that it names: its `zone`, or its `zones`."""
    zone, zones = event.data.get("zone"), event.data.get("zones")
    named = [zone, *(zones if isinstance(zones, list) else [])]
    return frozenset(one for one in named if isinstance(one, str))


def _which(event: TimedEvent) -> _Which:
    label = event.data.get("label")
    return event.kind, label if isinstance(label, str) else "", zones_of(event)
