from __future__ import annotations

import csv
import io
import json
import re
from typing import TYPE_CHECKING

import pytest

from fixtures.viewed import A_REQUEST, Audience, a_minute, a_session, keep
from relay.analytics import SessionReader
from relay.analytics.export_logs import W3C_FIELDS, address, path
from relay.analytics.exporting import ExportFormat, rows_of, write
from relay.errors import QueryError
from relay.sessions.model import TABLES, MinuteRow, RequestRow, SessionRow, ViewingRow

if TYPE_CHECKING:
    from pathlib import Path

COMBINED = re.compile(r'(\S+) - - \[([^\]]+)\] "GET (\S+) HTTP/1\.1" (\d{3}) (\d+) "([^"]*)" "([^"]*)"')


def exported(rows: list[ViewingRow], kind: type[ViewingRow], file_format: ExportFormat) -> str:
    out = io.BytesIO()
    assert write(rows, kind, file_format, out) == len(rows)
    return out.getvalue().decode()


def test_w3c_has_the_fields_of_cloudfront() -> None:
    version, fields, record = exported([A_REQUEST], RequestRow, ExportFormat.W3C).splitlines()
    assert version == "#Version: 1.0"
    assert fields == f"#Fields: {' '.join(W3C_FIELDS)}"
    assert dict(zip(W3C_FIELDS, record.split("\t"), strict=True)) == {
        "date": "2030-03-17",
        "time": "18:00:00",
        "c-ip": "192.0.2.0",
        "sc-status": "200",
        "sc-bytes": "700000",
        "cs-method": "GET",
        "cs-uri-stem": "/live/cam/v720/4711.m4s",
        "cs(User-Agent)": "Firefox/140.0%20(Linux;%20desktop)",
        "time-taken": "1.234",
    }


def test_ncsa_is_a_combined_log() -> None:
    (line,) = exported([A_REQUEST], RequestRow, ExportFormat.NCSA).splitlines()
    match = COMBINED.fullmatch(line)
    assert match
    assert match.groups() == (
        "192.0.2.0",
        "17/Mar/2030:18:00:00 +0000",
        "/live/cam/v720/4711.m4s",
        "200",
        "700000",
        "https://news.example/",
        "Firefox/140.0 (Linux; desktop)",
    )


def test_what_is_not_known_is_a_dash() -> None:
    row = A_REQUEST._replace(referrer_host="", player_name="", player_version="", os="", device_type="")
    assert exported([row], RequestRow, ExportFormat.NCSA).endswith('"-" "-"\n')
    assert exported([row], RequestRow, ExportFormat.W3C).splitlines()[2].split("\t")[7] == "-"


def test_no_text_breaks_a_line_of_a_log() -> None:
    evil = 'a"b\\ \t\n<x>'
    row = A_REQUEST._replace(stream_id=evil, rendition_id=evil, referrer_host=evil, player_version="")
    assert COMBINED.fullmatch(exported([row], RequestRow, ExportFormat.NCSA).rstrip("\n"))
    assert len(exported([row], RequestRow, ExportFormat.W3C).splitlines()[2].split("\t")) == len(W3C_FIELDS)


@pytest.mark.parametrize(
    ("changes", "asked"),
    [
        ({"object_kind": "multivariant", "media_sequence": None, "rendition_id": ""}, "/live/cam/index.m3u8"),
        ({"object_kind": "playlist", "media_sequence": None}, "/live/cam/v720/index.m3u8"),
        ({"object_kind": "init", "media_sequence": None}, "/live/cam/v720/init.mp4"),
        ({"object_kind": "part", "part_index": 3}, "/live/cam/v720/4711.3.m4s"),
        ({"object_kind": "captions", "rendition_id": ""}, "/live/cam/4711.vtt"),
    ],
)
def test_a_path_is_what_was_asked_for_without_the_viewer(changes: dict[str, object], asked: str) -> None:
    assert path(A_REQUEST._replace(**changes)) == asked  # type: ignore[arg-type]  # fields of a RequestRow


@pytest.mark.parametrize(
    ("network", "shown"), [("192.0.2.0/24", "192.0.2.0"), ("2001:db8::/48", "2001:db8::"), ("unknown", "0.0.0.0")]
)
def test_a_masked_network_is_an_address(network: str, shown: str) -> None:
    assert address(A_REQUEST._replace(client_net=network)) == shown


def test_a_log_is_of_requests_alone() -> None:
    with pytest.raises(QueryError, match="ncsa is a log of requests"):
        write([], SessionRow, ExportFormat.NCSA, io.BytesIO())


def test_every_table_has_its_columns_in_text_formats() -> None:
    for kind in TABLES.values():
        assert exported([], kind, ExportFormat.CSV) == ",".join(kind._fields) + "\r\n"
    row = a_minute(latency_ms=None)
    (read,) = csv.DictReader(io.StringIO(exported([row], MinuteRow, ExportFormat.CSV), newline=""))
    assert (read["watched_ms"], read["latency_ms"]) == ("60000", "")
    assert json.loads(exported([row], MinuteRow, ExportFormat.JSONL)) == row._asdict()


def test_rows_are_those_of_the_table(tmp_path: Path) -> None:
    made = Audience(10)
    with SessionReader(keep(tmp_path, made.rows)) as reader:
        assert list(rows_of(reader, "sessions", "cam", None, None)) == made.sessions
        assert list(rows_of(reader, "segment_audience", None, None, None)) == made.audience
        with pytest.raises(QueryError, match="no table 'people': there are sessions, "):
            rows_of(reader, "people", None, None, None)


def test_codes_are_maps_in_json() -> None:
    row = a_session(player_error_codes=(("net", 2),))
    assert json.loads(exported([row], SessionRow, ExportFormat.JSONL))["player_error_codes"] == {"net": 2}
