"""Reads what advice is made of, stream by stream, and says it in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from relay.analytics.advise import Advice, advise_cache, advise_ladder, advise_latency
from relay.analytics.groups import LadderUse
from relay.analytics.words import quantity
from relay.sessions.columns import US_PER_MS
from relay.sessions.model import MinuteRow, ObjectKind, RequestRow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from relay.analytics.reader import SessionReader

_MEDIA = frozenset({ObjectKind.SEGMENT.value, ObjectKind.PART.value})


class StreamAdvice(NamedTuple):
    """All advice for one stream."""

    stream_id: str
    advice: tuple[Advice, ...]


def make_advice(reader: SessionReader, stream: str | None, since_ms: int, until_ms: int) -> Iterator[StreamAdvice]:
    """For each stream that was watched in this time. Raises `StoreError` if it cannot be read."""
    viewers = {
        row.session_id
        for row in reader.sessions(stream=stream, since_ms=since_ms, until_ms=until_ms)
        if not row.is_bot and not row.is_restream
    }
    minutes: dict[str, list[MinuteRow]] = {}
    for row in reader.rows(MinuteRow, stream=stream, since_ms=since_ms, until_ms=until_ms):
        if row.session_id in viewers:
            minutes.setdefault(row.stream_id, []).append(row)
    ages_ms: dict[str, list[int]] = {}
    for request in reader.rows(RequestRow, stream=stream, since_ms=since_ms, until_ms=until_ms):
        if request.media_at_ms is not None and request.object_kind in _MEDIA and not request.is_bot:
            age_ms = request.at_us // US_PER_MS - request.took_ms - request.media_at_ms
            ages_ms.setdefault(request.stream_id, []).append(max(0, age_ms))
    for stream_id, found in sorted(minutes.items()):
        use = LadderUse()
        for row in found:
            use.add(row)
        rungs = use.rungs()
        advice = (
            advise_ladder(rungs, found),
            advise_latency(found),
            advise_cache(ages_ms.get(stream_id, ()), rungs),
        )
        yield StreamAdvice(stream_id, advice)


def lines(found: StreamAdvice) -> Iterator[str]:
    """The advice for a stream, as text."""
    yield f"Stream {found.stream_id}"
    for advice in found.advice:
        yield f"  {advice.topic}: {advice.verdict}. {advice.words}"
        for effect in advice.effects:
            before, after = quantity(effect.before, effect.unit), quantity(effect.after, effect.unit)
            yield f"      {effect.name}: {before} -> {after} ({effect.source})"
