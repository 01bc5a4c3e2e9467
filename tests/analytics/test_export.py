from __future__ import annotations

import csv
import io
import json
import tracemalloc
from itertools import repeat

from fixtures.viewing import Story
from relay.analytics import write_csv, write_jsonl
from relay.sessions import SessionRow


def a_row() -> SessionRow:
    story = Story()
    anna = story.viewer("anna")
    anna.watches(segments=2, at=0)
    anna.hears_segment(100, at=1)
    anna.reads_playlist(at=2, status=404)
    story.time(5)
    return story.only_row()


def csv_of(*rows: SessionRow) -> str:
    out = io.StringIO(newline="")
    assert write_csv(rows, out) == len(rows)
    return out.getvalue()


def test_json_lines_hold_every_column_as_what_it_is() -> None:
    out = io.StringIO()
    assert write_jsonl([a_row(), a_row()], out) == 2
    first, second = out.getvalue().splitlines()
    assert first == second
    document = json.loads(first)
    assert tuple(document) == SessionRow._fields
    assert document["renditions"] == ["video", "audio"]
    assert document["error_codes"] == {"404": 1}
    assert document["ended_at_ms"] is None
    assert document["exit_before_video_start"] is False
    assert document["watched_time_s"] == 4.0


def test_csv_is_as_rfc_4180_has_it() -> None:
    text = csv_of(a_row())
    header, record, rest = text.split("\r\n")
    assert rest == ""
    assert header == ",".join(SessionRow._fields)
    assert '"[""video"",""audio""]"' in record
    (read,) = csv.DictReader(io.StringIO(text, newline=""))
    assert json.loads(read["error_codes"]) == {"404": 1}
    assert (read["ended_at_ms"], read["is_bot"], read["watched_time_s"]) == ("", "false", "4.0")
    assert read["bytes_sent"] == str(a_row().bytes_sent)


def test_without_rows_there_is_a_header_alone() -> None:
    assert csv_of() == ",".join(SessionRow._fields) + "\r\n"


def test_no_text_is_a_formula_to_a_spreadsheet() -> None:
    for text in ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"):
        (read,) = csv.DictReader(io.StringIO(csv_of(a_row()._replace(player_name=text)), newline=""))
        assert read["player_name"] == f"'{text}"


def test_numbers_are_left_alone() -> None:
    assert ",-5," in csv_of(a_row()._replace(gap_ms=-5))


def test_memory_does_not_grow_with_the_rows() -> None:
    class Nowhere(io.StringIO):
        def write(self, text: str) -> int:
            return len(text)

    row = a_row()
    for write in (write_jsonl, write_csv):
        write(repeat(row, 10), Nowhere())
        tracemalloc.start()
        write(repeat(row, 3000), Nowhere())
        _, peak_bytes = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak_bytes < 500_000  # all of it is over 2 MB
