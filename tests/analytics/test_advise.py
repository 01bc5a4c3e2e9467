from __future__ import annotations

from typing import TYPE_CHECKING

from fixtures.viewed import a_minute
from relay.analytics.advise import FEWEST_REQUESTS, Advice, advise_cache, advise_ladder, advise_latency
from relay.analytics.groups import Rung

if TYPE_CHECKING:
    from relay.sessions.model import MinuteRow


def rung(bitrate_kbps: int, watched_ms: int = 60_000) -> Rung:
    return Rung("cam", f"v{bitrate_kbps}", 1, watched_ms, bitrate_kbps * watched_ms // 8, 0, 0)


def minutes(count: int = 400, **changes: object) -> list[MinuteRow]:
    """Of forty plays."""
    return [a_minute(session_id=str(number % 40), **changes) for number in range(count)]


def effect(advice: Advice, name: str) -> tuple[float, float]:
    (found,) = [effect for effect in advice.effects if effect.name == name]
    return found.before, found.after


def test_a_ladder_that_starves_a_fifth_of_viewers_is_changed() -> None:
    rows = minutes(320, throughput_kbps=9000) + minutes(80, throughput_kbps=1000)
    advice = advise_ladder([rung(3000), rung(6000)], rows)
    assert (advice.verdict, advice.words) == ("change", "800, 6000 kbit/s instead of 3000, 6000 kbit/s")
    assert effect(advice, "time in which not even the lowest rendition fits") == (20, 0)


def test_a_ladder_that_fits_is_kept() -> None:
    rows = minutes(320, throughput_kbps=9000) + minutes(80, throughput_kbps=1000)
    assert advise_ladder([rung(800), rung(6000)], rows).verdict == "keep"


def test_a_ladder_of_unknown_bit_rates_cannot_be_judged() -> None:
    assert advise_ladder([rung(800, 0)], minutes()).verdict == "too little data"


def test_too_little_data_is_said_with_how_much_there_is() -> None:
    for rows in (minutes(100), [a_minute()] * 1000, minutes(throughput_kbps=None, buffer_ms_min=None)):
        for advice in (advise_ladder([rung(800)], rows), advise_latency(rows)):
            assert advice.verdict == "too little data" or rows[0].throughput_kbps == 9000
    assert "100 minutes of 40 plays" in advise_latency(minutes(100)).words
    assert "1000 minutes of 1 plays" in advise_ladder([], [a_minute()] * 1000).words


def test_short_stalls_are_hidden_by_more_latency() -> None:
    rows = minutes(200) + minutes(200, stall_ms=900, stall_count=1)
    advice = advise_latency(rows)
    assert advice.verdict == "change"
    assert effect(advice, "latency") == (0, 1000)
    assert effect(advice, "time stalled") == (0.75, 0)


def test_long_stalls_are_not_the_latencys_fault() -> None:
    advice = advise_latency(minutes(300) + minutes(100, stall_ms=20_000, stall_count=1))
    assert advice.verdict == "keep"
    assert "see the ladder" in advice.words


def test_who_never_needs_the_buffer_may_come_closer() -> None:
    advice = advise_latency(minutes(buffer_ms_min=2500))
    assert effect(advice, "latency") == (0, -2000)
    assert effect(advice, "minutes with a stall") == (0, 0)


def test_a_buffer_that_is_needed_is_kept() -> None:
    assert advise_latency(minutes(buffer_ms_min=800)).verdict == "keep"
    assert advise_latency(minutes(399) + minutes(1, stall_ms=60_000)).verdict == "keep"


def test_a_cache_holds_what_is_asked_for() -> None:
    ages_ms = [2000] * (FEWEST_REQUESTS * 2 - 2) + [30_000, 600_000]
    advice = advise_cache(ages_ms, [rung(800), rung(3200)])
    assert advice.words.startswith("keep the last 2 s of each rendition, 1 MB a stream")
    assert effect(advice, "answered from the cache") == (0, 99.9)
    assert advise_cache([5] * 10, []).verdict == "too little data"
