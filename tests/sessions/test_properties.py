"""Whatever is asked for, and in whatever order: the accounts stay possible."""

from __future__ import annotations

import io
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fixtures.viewing import NS, access, client, ns
from relay.model import MediaKind
from relay.sessions import Access, IdSource, ObjectKind
from relay.sessions.columns import decoder
from relay.sessions.coverage import Coverage
from relay.sessions.model import Identity, SessionRow
from relay.sessions.tables import to_sql
from relay.sessions.tracker import Tracker

IDLE_S = 10

accesses = st.builds(
    access,
    kind=st.sampled_from(ObjectKind),
    at=st.floats(0, 700, allow_nan=False),
    msn=st.integers(100, 110) | st.none(),
    part_index=st.integers(0, 9) | st.none(),
    media_kind=st.sampled_from([*MediaKind, None]),
    rendition=st.sampled_from(["video", "audio", "low", None]),
    duration_s=st.sampled_from([0.0, 0.2, 2.0]),
    status=st.sampled_from([200, 200, 200, 206, 304, 404, 503]),
    bytes_sent=st.integers(0, 5000),
    is_complete=st.booleans(),
    stream=st.sampled_from(["cam", "yard"]),
    client=st.sampled_from([client("anna"), client("bert")]),
)
identities = st.builds(Identity, st.sampled_from(["a", "b", "c"]), st.sampled_from(IdSource))
steps = st.lists(st.tuples(accesses, identities) | st.integers(0, 1200), max_size=60)


def run(story: list[Any], *, in_order: bool, max_sessions: int = 100) -> tuple[Tracker, dict[str, SessionRow]]:
    if in_order:
        story = sorted(story, key=lambda step: ns(step) if isinstance(step, int) else step[0].at_ns)
    tracker = Tracker(IDLE_S * NS, max_sessions)
    rows: dict[str, SessionRow] = {}
    for step in story:
        if isinstance(step, int):
            tracker.sweep(ns(step))
            rows |= {row.session_id: row for row in tracker.take_changed(ns(step), 10)}
        else:
            tracker.note(*step)
    rows |= {row.session_id: row for row in tracker.take_all()}
    return tracker, rows


@given(story=steps, in_order=st.booleans())
def test_no_account_is_impossible(story: list[Any], in_order: bool) -> None:
    _, rows = run(story, in_order=in_order)
    longest_s = 2.0
    for row in rows.values():
        assert 0 <= row.watched_time_s <= row.media_time_s
        if row.first_media_at_ms is None:
            assert row.watched_time_s == row.media_time_s == 0
            assert row.exit_before_video_start
            continue
        assert row.last_media_at_ms is not None
        assert not row.exit_before_video_start
        span_s = (row.last_media_at_ms - row.first_media_at_ms) / 1000
        assert 0 <= row.watched_time_s <= span_s + longest_s + 0.001
        assert row.gap_ms >= 0
        assert row.ended_at_ms in {None, row.last_media_at_ms}
        assert (row.ended_at_ms is None) == (row.end_reason is None)


@given(story=steps)
def test_no_byte_of_a_session_is_lost_or_counted_twice(story: list[Any]) -> None:
    _, rows = run(story, in_order=True)
    written = sum(step[0].bytes_sent for step in story if not isinstance(step, int))
    assert sum(row.bytes_sent for row in rows.values()) <= written


@given(story=steps)
def test_viewers_are_the_rows_that_go_on(story: list[Any]) -> None:
    tracker, rows = run(story, in_order=True)
    for stream in ("cam", "yard"):
        going_on = [row for row in rows.values() if row.stream_id == stream and row.ended_at_ms is None]
        assert tracker.viewers(stream) == len(going_on)
        assert tracker.viewers(stream) == sum(live.row.stream_id == stream for live in tracker.watching())


@given(story=steps, bound=st.integers(1, 4))
def test_the_bound_holds(story: list[Any], bound: int) -> None:
    tracker, _ = run(story, in_order=True, max_sessions=bound)
    assert len(tracker) <= bound
    assert len(tracker._spare) <= bound


@given(story=steps, sweeps=st.lists(st.integers(0, 1200), max_size=10))
def test_the_outcome_does_not_depend_on_when_time_is_looked_at(story: list[Any], sweeps: list[int]) -> None:
    noted = [step for step in story if not isinstance(step, int)]
    outcomes = []
    for times in ([], sweeps):
        tracker, rows = run([*noted, *times], in_order=True)
        tracker.sweep(ns(5000))
        rows |= {row.session_id: row for row in tracker.take_all()}
        outcomes.append({row.session_id: (row.watched_time_s, row.gap_count, row.ended_at_ms) for row in rows.values()
                         if row.first_media_at_ms is not None})  # fmt: skip
    assert outcomes[0] == outcomes[1]


@given(story=steps)
def test_a_row_survives_the_store_and_json(story: list[Any]) -> None:
    for row in run(story, in_order=True)[1].values():
        assert decoder(SessionRow, SessionRow._fields)(to_sql(row)) == row
        json.dump(row._asdict(), io.StringIO())


@given(
    fetches=st.lists(st.tuples(st.integers(0, 40), st.integers(0, 9) | st.none()), max_size=120),
)
def test_coverage_is_what_a_set_would_say_while_nothing_is_forgotten_and_never_more(
    fetches: list[tuple[int, int | None]],
) -> None:
    """Ten parts of 1 to a segment of 10."""
    coverage, seen = Coverage(), set[tuple[int, int]]()
    total = 0
    for msn, part in fetches:
        total += coverage.add_segment(msn, 10) if part is None else coverage.add_part(msn, part, 1)
        seen |= {(msn, index) for index in (range(10) if part is None else [part])}
        assert total <= len(seen)
    if len({msn for msn, part in fetches if part is not None}) <= 4:
        assert total == len(seen)


def test_an_access_is_media_only_if_it_brought_some() -> None:
    def segment(**changes: Any) -> Access:
        return access(ObjectKind.SEGMENT, 0, **changes)

    assert segment().is_media
    assert segment(status=206).is_media
    assert access(ObjectKind.PART, 0).is_media
    assert not segment(bytes_sent=0).is_media
    assert not segment(status=304).is_media
    assert not segment(status=199).is_media
    assert not access(ObjectKind.INIT, 0).is_media
