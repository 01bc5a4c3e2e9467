from __future__ import annotations

from typing import TYPE_CHECKING

from fixtures.viewed import HOUR_MS, START_MS, a_session, keep
from relay.analytics.listing import detailed, listed
from relay.analytics.reader import SessionReader

if TYPE_CHECKING:
    from pathlib import Path

NOW_MS = START_MS + 100 * HOUR_MS


def ids(page: dict[str, object]) -> list[str]:
    return [row["session_id"][0] for row in page["sessions"]]  # type: ignore[attr-defined]


def test_pages_of_sessions_that_began_at_once(tmp_path: Path) -> None:
    rows = [a_session(session_id=letter * 24, started_at_ms=START_MS + (letter == "e")) for letter in "abcde"]
    with SessionReader(keep(tmp_path, rows)) as reader:
        first = listed(reader, None, None, None, 2, None)
        assert (ids(first), first["next"]) == (["e", "d"], f"{START_MS}-{'d' * 24}")
        second = listed(reader, None, None, None, 2, first["next"])
        assert ids(second) == ["c", "b"]
        last = listed(reader, None, None, None, 2, second["next"])
        assert (ids(last), last["next"]) == (["a"], None)


def test_a_page_keeps_to_what_was_asked(tmp_path: Path) -> None:
    rows = [
        a_session(session_id=letter * 24, started_at_ms=START_MS + n * HOUR_MS, ended_at_ms=START_MS + n * HOUR_MS + 1)
        for n, letter in enumerate("abcd")
    ]
    with SessionReader(keep(tmp_path, rows)) as reader:
        page = listed(reader, None, START_MS + HOUR_MS, START_MS + 3 * HOUR_MS, 10, None)
        assert ids(page) == ["c", "b"]
        cursor = f"{START_MS + 3 * HOUR_MS}-{'d' * 24}"
        assert ids(listed(reader, None, None, START_MS + 2 * HOUR_MS, 10, cursor)) == ["b", "a"]
        assert ids(listed(reader, "elsewhere", None, None, 10, None)) == []


def test_a_session_is_known_by_its_whole_id(tmp_path: Path) -> None:
    row = a_session(session_id="ab" * 12, ended_at_ms=None)
    with SessionReader(keep(tmp_path, [row])) as reader:
        found = detailed(reader, "ab" * 12, NOW_MS)
        assert found is not None
        assert found["session"]["session_id"] == "ab" * 12
        assert (found["minutes"], found["player_events"]) == ([], [])
        assert detailed(reader, "ab" * 11, NOW_MS) is None
