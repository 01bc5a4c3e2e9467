from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fixtures.viewed import a_minute, a_session
from relay.analytics.groups import DIMENSIONS, MAX_GROUPS, LadderUse, grouped, viewers_of

if TYPE_CHECKING:
    from relay.sessions.model import SessionRow


def some(count: int, **changes: object) -> list[SessionRow]:
    """As many viewers with `changes`."""
    name = str(sorted(changes.items()))
    return [a_session(viewer_day_id=f"{name} {number}", **changes) for number in range(count)]


def test_the_longest_watched_comes_first() -> None:
    rows = [*some(5, country="DE"), *some(6, country="FR", watched_time_s=9.0), *some(5, country="")]
    groups = grouped(rows, "country", k=5)
    assert [(group.name, group.viewers) for group in groups] == [("DE", 5), ("unknown", 5), ("FR", 6)]
    assert groups[2].figures["watched_time_s"].value == 54


def test_groups_of_a_few_are_put_together() -> None:
    rows = [*some(5, country="DE"), *some(4, country="IS"), *some(2, country="MT")]
    *named, rest = grouped(rows, "country", k=5)
    assert [group.name for group in named] == ["DE"]
    assert (rest.name, rest.viewers, rest.is_rest) == ("others", 6, True)
    assert rest.figures["plays"].value == 6


def test_of_too_few_nothing_is_said() -> None:
    (_, rest) = grouped([*some(5, country="DE"), *some(4, country="IS")], "country", k=5)
    assert rest == ("others, fewer than 5 viewers", None, {}, True)


def test_many_plays_of_one_viewer_are_still_one_viewer() -> None:
    rows = [a_session(country="IS")] * 20
    assert viewers_of(rows) == 1
    (rest,) = grouped(rows, "country", k=2)
    assert rest.viewers is None


def test_streams_and_renditions_are_not_personal() -> None:
    for by in ("stream", "rendition"):
        (group,) = grouped([a_session(max_rendition="cam")], by, k=5)
        assert (group.name, group.viewers) == ("cam", 1)


def test_who_never_saw_a_picture_had_no_rendition() -> None:
    rows = [a_session(max_rendition="v720"), a_session(first_media_at_ms=None)]
    assert [group.name for group in grouped(rows, "rendition")] == ["v720"]
    assert grouped(rows, "stream")[0].figures["attempts"].value == 2


def test_bots_are_in_no_group() -> None:
    assert grouped(some(9, is_bot=True), "player", k=1) == []


def test_a_long_tail_is_put_together() -> None:
    rows = [a_session(viewer_day_id=str(number), client_net=str(number)) for number in range(MAX_GROUPS + 7)]
    groups = grouped(rows, "network", k=1)
    assert len(groups) == MAX_GROUPS + 1
    assert groups[-1].viewers == 7


@pytest.mark.parametrize("by", DIMENSIONS)
def test_each_dimension_groups_by_a_column(by: str) -> None:
    (group,) = grouped(some(5, max_rendition="r", country="DE", referrer_host="h"), by)
    assert group.name in set(map(str, a_session(max_rendition="r", country="DE", referrer_host="h")))


def test_the_ladders_use_adds_up_minutes() -> None:
    use = LadderUse()
    use.add(a_minute(rendition_id="low", watched_ms=30_000, bytes_sent=3_000_000))
    use.add(a_minute(rendition_id="low", session_id="b", watched_ms=10_000, bytes_sent=1_000_000, stall_count=2))
    use.add(a_minute(rendition_id="high", stall_ms=70))
    use.add(a_minute(rendition_id="never", watched_ms=0))
    high, low, never = use.rungs()
    assert (low.rendition_id, low.sessions, low.watched_ms, low.stall_count) == ("low", 2, 40_000, 2)
    assert low.bitrate_kbps == 800
    assert (high.rendition_id, high.stall_ms, never.bitrate_kbps) == ("high", 70, None)
