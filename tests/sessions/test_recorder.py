from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from fixtures.viewing import EPOCH_S, access, client, ns
from relay.sessions import ObjectKind, SessionRecorder, SessionStore, TokenMint
from relay.sessions.columns import decoder
from relay.sessions.model import AudienceRow, MinuteRow, PlayerReport, RequestRow, SessionRow
from relay.sessions.said import Cmcd
from relay.sessions.store import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from relay.sessions.model import ViewingRow


MINT = TokenMint(bytes(32))


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[SessionRecorder]:
    recorder = SessionRecorder(SessionStore(tmp_path), MINT, 30)
    yield recorder
    recorder.close(ns(10_000))


def rows(data: Path) -> list[SessionRow]:
    make = decoder(SessionRow, COLUMNS)
    with closing(sqlite3.connect(data / "sessions.sqlite3")) as connection:
        return [
            make(values)
            for values in connection.execute(f"SELECT {', '.join(COLUMNS)} FROM sessions ORDER BY started_at_ms")
        ]


def test_from_the_first_request_to_the_row(recorder: SessionRecorder, tmp_path: Path) -> None:
    viewer = MINT.mint("cam", EPOCH_S)
    recorder.note(access(ObjectKind.MULTIVARIANT, 0, viewer=viewer))
    assert recorder.viewers("cam") == 0
    for second in range(5):
        recorder.note(access(ObjectKind.SEGMENT, 2 * second, viewer=viewer, msn=second))
        recorder.sweep(ns(2 * second))
    assert recorder.viewers("cam") == 1
    assert recorder.viewers("yard") == 0
    ((live, _),) = recorder.sessions_live()
    assert (live.watched_time_s, live.ended_at_ms) == (10.0, None)
    assert recorder.close(ns(9))
    assert recorder.close(ns(10))
    (row,) = rows(tmp_path)
    assert (row.session_id, row.end_reason, row.id_source) == (live.session_id, "server_stop", "path_token")
    assert recorder.counters()["session_rows_written"] >= 1
    assert viewer not in (tmp_path / "sessions.sqlite3").read_bytes().decode("latin-1")


def test_a_quiet_moment_writes_nothing(recorder: SessionRecorder) -> None:
    recorder.sweep(ns(0))
    assert recorder.counters()["session_rows_written"] == 0


def test_a_bad_token_is_served_and_counted_as_the_client(recorder: SessionRecorder) -> None:
    for viewer in (None, "nonsense", MINT.mint("yard", EPOCH_S), TokenMint(b"other").mint("cam", EPOCH_S)):
        recorder.note(access(ObjectKind.SEGMENT, 0, viewer=viewer))
    ((live, _),) = recorder.sessions_live()
    assert (live.id_source, live.request_count) == ("fallback_hash", 4)
    assert recorder.counters()["tokens_refused"] == 3


def test_like_players_behind_one_address_are_told_apart_by_their_tokens(recorder: SessionRecorder) -> None:
    for _ in range(3):
        recorder.note(access(ObjectKind.SEGMENT, 0, viewer=MINT.mint("cam", EPOCH_S), client=client("nat")))
    assert recorder.viewers("cam") == 3


def test_one_token_from_two_networks_is_one_viewer(recorder: SessionRecorder) -> None:
    viewer = MINT.mint("cam", EPOCH_S)
    at_home = client("home")
    on_the_road = replace(client("road"), network="198.51.100.0/24")
    recorder.note(access(ObjectKind.SEGMENT, 0, viewer=viewer, client=at_home))
    recorder.note(access(ObjectKind.SEGMENT, 2, viewer=viewer, client=on_the_road))
    assert recorder.viewers("cam") == 1


def test_a_restart_goes_on_with_the_same_viewing(recorder: SessionRecorder, tmp_path: Path) -> None:
    viewer = MINT.mint("cam", EPOCH_S)
    recorder.note(access(ObjectKind.SEGMENT, 0, viewer=viewer))
    recorder.close(ns(1))
    again = SessionRecorder(SessionStore(tmp_path), TokenMint(bytes(32)), 30)
    again.note(access(ObjectKind.SEGMENT, 5, viewer=viewer, msn=105))
    again.end_stream("cam", ns(6))
    assert again.viewers("cam") == 0
    again.sweep(ns(7))
    again.close(ns(8))
    (row,) = rows(tmp_path)
    assert (row.gap_count, row.gap_ms, row.media_time_s, row.end_reason) == (1, 5000, 4.0, "stream_end")


def test_what_is_known_of_tokens_is_bounded(recorder: SessionRecorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relay.sessions.recorder.MAX_SESSIONS", 10)
    for _ in range(50):
        recorder.note(access(ObjectKind.SEGMENT, 0, viewer=MINT.mint("cam", EPOCH_S)))
    assert len(recorder._verified) <= 10


def test_a_report_is_wanted_until_the_viewing_of_its_token_is_over(recorder: SessionRecorder) -> None:
    viewer = MINT.mint("cam", EPOCH_S)
    recorder.note(access(ObjectKind.SEGMENT, 0, viewer=viewer))

    def is_wanted(at_s: float, stream: str = "cam", viewer: str | None = viewer) -> bool:
        report = PlayerReport("ps", 1, ns(at_s), stream, viewer, Cmcd(), client("home"))
        return recorder.report(report)

    assert is_wanted(1)
    recorder.sweep(ns(100))
    assert is_wanted(101)
    assert not is_wanted(1000)
    assert is_wanted(1000, stream="")
    assert is_wanted(1000, viewer=None)
    refused = recorder.counters()["tokens_refused"]
    assert is_wanted(1000, viewer="nonsense")
    assert recorder.counters()["tokens_refused"] == refused + 1


def test_without_a_token_a_viewer_is_known_by_what_the_player_calls_it(recorder: SessionRecorder) -> None:
    for number in range(2):
        nat = client("nat")
        recorder.note(access(ObjectKind.SEGMENT, 0, cmcd=Cmcd(sid=f"sid {number}"), client=nat))
        recorder.note(access(ObjectKind.SEGMENT, 0, playback_session_id=f"apple {number}", client=nat))
    live = [one.row for one in recorder.sessions_live()]
    assert sorted(row.id_source for row in live) == ["cmcd_sid", "cmcd_sid", "playback_session", "playback_session"]


class Heard:
    """A sink that keeps what it is given."""

    def __init__(self) -> None:
        self.rows: list[ViewingRow] = []

    def put(self, rows: Iterable[ViewingRow]) -> None:
        self.rows += rows


def test_a_sink_is_given_all_that_the_store_is(tmp_path: Path) -> None:
    sink = Heard()
    recorder = SessionRecorder(SessionStore(tmp_path), MINT, 30, [sink])
    recorder.note(access(ObjectKind.SEGMENT, 0, viewer=MINT.mint("cam", EPOCH_S)))
    recorder.sweep(ns(1))
    recorder.note(access(ObjectKind.SEGMENT, 2, viewer=MINT.mint("cam", EPOCH_S)))
    recorder.sweep(ns(2))
    assert len([row for row in sink.rows if isinstance(row, RequestRow)]) == 1, "the next is in five seconds"
    assert recorder.close(ns(3))
    assert {type(row) for row in sink.rows} == {SessionRow, MinuteRow, AudienceRow, RequestRow}
    assert len(rows(tmp_path)) == 2
