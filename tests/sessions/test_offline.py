"""The same sessions once more, from what was kept of them."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from fixtures.viewing import Story, ms
from relay.sessions import ObjectKind, SessionRow
from relay.sessions.model import PlayerEventRow, RequestRow
from relay.sessions.offline import resession
from relay.sessions.said import Cmcd

told_with = st.builds(
    Cmcd,
    version=st.integers(1, 2),
    sid=st.none(),  # of two viewers who say the same one, the second is taken for the first
    bl_ms=st.integers(0, 9000) | st.none(),
    br_kbps=st.integers(100, 9000) | st.none(),
    latency_ms=st.integers(0, 9000) | st.none(),
    stall_ms=st.integers(0, 900) | st.none(),
    stalls_total=st.integers(0, 5) | st.none(),
    has_starved=st.booleans(),
)
requests = st.tuples(
    st.integers(0, 400_000),
    st.sampled_from(["anna", "bert"]),
    st.sampled_from([ObjectKind.MULTIVARIANT, ObjectKind.SEGMENT, ObjectKind.SEGMENT, ObjectKind.PART]),
    st.integers(100, 130),
    st.sampled_from(["low", "high"]),
    told_with | st.none(),
)
reports = st.tuples(
    st.integers(0, 400_000),
    st.sampled_from(["anna", "bert"]),
    st.sampled_from("spkraqf"),
    st.integers(0, 2000),
)


@settings(max_examples=50)
@given(story_steps=st.lists(requests | reports, max_size=40))
def test_what_was_kept_gives_the_same_sessions(story_steps: list[tuple[object, ...]]) -> None:
    story = Story(idle_s=30)
    viewers = {name: story.viewer(name) for name in ("anna", "bert")}
    end = 0.0
    for step in sorted(story_steps, key=lambda step: step[0]):  # type: ignore[arg-type,return-value]
        at, viewer = step[0] / 1000, viewers[step[1]]  # type: ignore[operator,index]
        story.time(at)
        if len(step) == 4:
            at += 0.0005  # two things at one moment have no order
            viewer.is_in(step[2], at=at - step[3] / 1000, late=step[3] / 1000)  # type: ignore[arg-type,operator]
        else:
            end = at
            changes = {"took_ms": 40, "media_at_ms": ms(at - 4), "bitrate_kbps": 800, "cmcd": step[5]}
            if step[2] is not ObjectKind.MULTIVARIANT:
                changes |= {"msn": step[3], "rendition": step[4], "part_index": None}
            viewer.asks(step[2], at=at, **changes)  # type: ignore[arg-type]
    story.stops(end + 1000)
    told = sorted(story.all_of(PlayerEventRow), key=lambda row: row.received_us)  # one that waited is kept late
    rows = [row for row in resession(story.all_of(RequestRow), told) if isinstance(row, SessionRow)]
    live = {row.session_id: _comparable(row) for row in story.rows.values() if row.first_media_at_ms is not None}
    again = {row.session_id: _comparable(row) for row in rows if row.first_media_at_ms is not None}
    assert again == live


def _comparable(row: SessionRow) -> SessionRow:
    """Without what depends on when one looks."""
    return row._replace(ended_at_ms=None, end_reason=None, exit_before_video_start=False)
