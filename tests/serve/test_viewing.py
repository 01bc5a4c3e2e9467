"""The viewing data over HTTP: what an admin asks, and what children answer."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from fixtures.origin import ADMIN_KEY, UNIX_NS, Answer, Client, Recorder
from fixtures.viewed import HOUR_MS, START_MS, Audience, a_session, keep
from relay.errors import JobError
from relay.serve import viewing as viewing_module
from relay.serve.jobs import Jobs
from relay.serve.openapi import document
from relay.sessions.model import LiveSession

if TYPE_CHECKING:
    from pathlib import Path

    from aiohttp import web

TOKEN = {"Authorization": f"Bearer {ADMIN_KEY.hex()}"}
SPAN = f"since={START_MS}&until={START_MS + 4 * HOUR_MS}"
SESSIONS = 60


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return keep(tmp_path_factory.mktemp("data"), Audience(SESSIONS).rows)


async def get(client: Client, path: str) -> Answer:
    return await client.get(f"/api/v1/{path}", **TOKEN)


async def told(client: Client, path: str) -> Any:
    answer = await get(client, path)
    assert answer.status == 200, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    return json.loads(answer.body)


def check(instance: object, path: str) -> None:
    """`instance` is what the document says that `path` answers."""
    api = document()
    schema = api["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    Draft202012Validator({**schema, "components": api["components"]}).validate(instance)


async def test_live_is_who_watches_now_the_newest_first(client: Client, recorder: Recorder) -> None:
    now_ms = UNIX_NS // 1_000_000
    recorder.live = [
        LiveSession(
            a_session(session_id="a" * 24, stream_id="cam", started_at_ms=now_ms - 5000, ended_at_ms=None), "low"
        ),
        LiveSession(
            a_session(session_id="b" * 24, stream_id="yard", started_at_ms=now_ms - 3000, ended_at_ms=None), "low"
        ),
        LiveSession(
            a_session(session_id="c" * 24, stream_id="cam", started_at_ms=now_ms - 1000, ended_at_ms=None), "low"
        ),
    ]
    live = await told(client, "sessions/live")
    check(live, "/api/v1/sessions/live")
    assert (live["now_ms"], live["watching"]) == (now_ms, 3)
    assert [row["session_id"][0] for row in live["sessions"]] == ["c", "b", "a"]
    assert live["sessions"][0]["rendition"] == "low"
    assert [row["session_id"][0] for row in (await told(client, "sessions/live?stream=cam"))["sessions"]] == ["c", "a"]


async def test_live_is_bounded(client: Client, recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(viewing_module, "MOST_LIVE", 2)
    rows = [a_session(session_id=f"{number:024}", started_at_ms=number) for number in range(5)]
    recorder.live = [LiveSession(row, "") for row in rows]
    live = await told(client, "sessions/live")
    assert (live["watching"], [row["started_at_ms"] for row in live["sessions"]]) == (5, [4, 3])


async def test_sessions_page_by_page(client: Client) -> None:
    seen: list[str] = []
    query = "limit=25"
    pages = 0
    while query:
        page = await told(client, f"sessions?{query}")
        check(page, "/api/v1/sessions")
        starts = [(row["started_at_ms"], row["session_id"]) for row in page["sessions"]]
        assert starts == sorted(starts, reverse=True)
        seen += [session_id for _, session_id in starts]
        query = f"limit=25&before={page['next']}" if page["next"] else ""
        pages += 1
    assert (pages, len(seen), len(set(seen))) == (3, SESSIONS, SESSIONS)


async def test_one_session_with_its_minutes(client: Client) -> None:
    (row,) = (await told(client, "sessions?limit=1"))["sessions"]
    one = await told(client, f"sessions/{row['session_id']}")
    check(one, "/api/v1/sessions/{id}")
    assert one["session"] == row
    assert {minute["session_id"] for minute in one["minutes"]} <= {row["session_id"]}


async def test_a_session_that_is_not_there(client: Client) -> None:
    answer = await get(client, f"sessions/{'0' * 24}")
    assert (answer.status, json.loads(answer.body)["error"]) == (404, "there is no such session, or not any more")


async def test_audience_and_quality(client: Client) -> None:
    audience = await told(client, f"audience?{SPAN}&step_s=600")
    check(audience, "/api/v1/audience")
    assert len(audience["points"]) == 24
    quality = await told(client, f"qoe?{SPAN}&by=player&k=1")
    check(quality, "/api/v1/qoe")
    assert quality["figures"]["plays"]["value"] > 0
    assert (await told(client, "qoe"))["figures"]["plays"]["value"] == 0  # of the last week


@pytest.mark.parametrize(("query", "kind"), [("", "text/html"), ("&format=text", "text/plain")])
async def test_a_report_is_a_page_that_runs_nothing(client: Client, query: str, kind: str) -> None:
    answer = await get(client, f"report?{SPAN}{query}")
    assert (answer.status, answer.headers["Content-Type"]) == (200, f"{kind}; charset=utf-8")
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'unsafe-inline';")
    assert len(answer.body) > 500


@pytest.mark.parametrize(
    ("query", "kind", "name"),
    [
        ("", "application/x-ndjson", "viewing-sessions.jsonl"),
        ("?format=csv", "text/csv; charset=utf-8", "viewing-sessions.csv"),
        ("?format=ncsa&table=requests", "text/plain; charset=utf-8", "viewing-requests.log"),
    ],
)
async def test_exports_are_files(client: Client, query: str, kind: str, name: str) -> None:
    answer = await get(client, f"sessions/export{query}")
    assert (answer.status, answer.headers["Content-Type"]) == (200, kind)
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}"'
    if kind.startswith("text/csv"):
        assert len(list(csv.DictReader(io.StringIO(answer.text)))) == SESSIONS
    if kind.endswith("ndjson"):
        assert len({json.loads(line)["session_id"] for line in answer.text.splitlines()}) == SESSIONS


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("sessions?limit=0", "limit: Input should be greater than or equal to 1"),
        ("sessions?limit=many", "limit is a whole number"),
        ("sessions?before=x", "before: String should match pattern"),
        ("sessions?page=2", "'page' cannot be asked for"),
        ("qoe?by=hat", "by 'hat': nothing is grouped so; it may be"),
        ("audience?since=noon", "since is Unix time in milliseconds"),
        ("sessions/export?format=xls", "format: Input should be"),
        ("sessions/export?table=hats", "there is no table 'hats': there are sessions"),
        ("sessions/export?format=ncsa&table=sessions", "ncsa is a log of requests"),
        ("report?format=pdf", "format: Input should be"),
    ],
)
async def test_what_cannot_be_asked_is_told(client: Client, path: str, told: str) -> None:
    answer = await get(client, path)
    assert (answer.status, answer.headers["Content-Type"]) == (400, "application/json; charset=utf-8")
    assert json.loads(answer.body)["error"].startswith(told)


@pytest.mark.parametrize("path", ["sessions", "sessions/export"])
async def test_what_goes_wrong_here_is_not_told_there(
    client: Client, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise JobError("/var/lib/relay/sessions.sqlite3: the disk is gone")

    monkeypatch.setattr(Jobs, "run", fail)
    monkeypatch.setattr(Jobs, "start", fail)
    answer = await get(client, path)
    assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
    assert "/var/lib" not in answer.text


def test_the_document_is_openapi() -> None:
    validate(document())


def test_the_document_has_all_of_the_api_and_nothing_else(app: web.Application) -> None:
    served = {
        (route.resource.canonical, route.method.lower())
        for route in app.router.routes()
        if route.resource is not None and route.resource.canonical.startswith("/api/") and route.method != "HEAD"
    }
    described = {(path, method) for path, methods in document()["paths"].items() for method in methods}
    assert described == served


async def test_the_document_is_served_to_all(client: Client) -> None:
    answer = await client.get("/api/v1/openapi.json")
    assert json.loads(answer.body) == document()


@pytest.mark.parametrize("path", ["time", "streams"])
async def test_what_is_public_is_as_described(client: Client, path: str) -> None:
    check(await told(client, path), f"/api/v1/{path}")
