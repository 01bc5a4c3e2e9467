from __future__ import annotations

import pytest

from fixtures.viewed import START_MS, a_minute, a_session
from relay.errors import StoreError
from relay.sessions.columns import TABLE_OF, TIME_COLUMN, decoder, time_ms
from relay.sessions.model import TABLES, AudienceRow, MinuteRow, OptedOutRow, PlayerEventRow, SessionRow, ViewingRow


def test_values_of_sqlite_become_what_they_were() -> None:
    row = a_session(error_codes=((404, 2),), player_error_codes=(("net", 1),), renditions=("a", "b"), is_bot=True)
    stored = row._replace(error_codes='{"404":2}', player_error_codes='[["net",1]]', renditions='["a","b"]', is_bot=1)  # type: ignore[arg-type]  # as SQLite holds them
    assert decoder(SessionRow, SessionRow._fields)(stored) == row


def test_values_of_parquet_become_what_they_were() -> None:
    row = a_session(error_codes=((404, 2),), player_error_codes=(("net", 1),), renditions=("a",))
    stored = row._replace(error_codes=[{"code": 404, "count": 2}], player_error_codes=[["net", 1]], renditions=["a"])  # type: ignore[arg-type]  # as pyarrow gives them
    assert decoder(SessionRow, SessionRow._fields)(stored) == row


def test_columns_may_come_in_any_order_and_be_more() -> None:
    make = decoder(AudienceRow, ("viewers", "later", "media_at_ms", "stream_id", "media_sequence"))
    assert make((5, "?", 2000, "cam", 1)) == AudienceRow("cam", 1, 2000, 5)


def test_a_column_that_came_later_has_its_default() -> None:
    make = decoder(MinuteRow, MinuteRow._fields[:-1])
    assert make(a_minute()[:-1]) == a_minute()


def test_a_table_of_somebody_else_is_named() -> None:
    with pytest.raises(StoreError, match="session_minutes lacks the column stream_id"):
        decoder(MinuteRow, ("minute_ms",))


def test_each_kind_of_row_has_a_time_in_ms() -> None:
    assert set(TIME_COLUMN) == set(TABLE_OF) == set(TABLES.values())
    event = PlayerEventRow(
        START_MS * 1000, 0, "cam", "s", "ps", "p", None, None, None, None, None, None, None, None, ()
    )
    rows: list[ViewingRow] = [
        a_session(),
        a_minute(),
        AudienceRow("cam", 1, START_MS, 1),
        OptedOutRow(START_MS, "", 0, 0, 0),
        event,
    ]
    assert [time_ms(row) for row in rows] == [START_MS] * 5
