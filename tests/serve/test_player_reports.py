"""Reports of players over HTTP: what is taken, what is refused, and how often one may come."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fixtures.origin import UNIX_NS
from relay.serve.allowance import Allowance

if TYPE_CHECKING:
    from fixtures.origin import Client, Recorder

EVENT = b'cid="cam",e=ps,relay-viewer="tok",sid="abc",sn=3,sta=p,ts=1750000000000,v=2\n'


async def test_a_report_is_handed_on_and_answered_with_nothing(client: Client, recorder: Recorder) -> None:
    answer = await client.post("/cmcd", EVENT + b"e=nothing\n", Content_Type="application/cmcd", DNT="1")
    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Cache-Control"] == "no-store"
    (report,) = recorder.reports
    assert (report.event, report.ts_ms, report.received_ns) == ("ps", 1_750_000_000_000, UNIX_NS)
    assert (report.stream, report.viewer, report.sequence) == ("cam", "tok", 3)
    assert (report.cmcd.sid, report.cmcd.state) == ("abc", "p")
    assert (report.client.network, report.client.has_opted_out) == ("127.0.0.0/24", True)
    metrics = (await client.get("/metrics")).text
    assert 'relay_cmcd_total{outcome="report"} 1.0' in metrics
    assert 'relay_cmcd_total{outcome="ignored"} 1.0' in metrics


@pytest.mark.parametrize("content_type", ["text/cmcd", "text/plain;charset=UTF-8", "application/cmcd; v=2"])
async def test_older_types_and_that_of_beacons_are_taken_too(
    client: Client, recorder: Recorder, content_type: str
) -> None:
    assert (await client.post("/cmcd", EVENT, Content_Type=content_type)).status == 204
    assert len(recorder.reports) == 1


async def test_a_content_id_that_is_no_stream_names_none(client: Client, recorder: Recorder) -> None:
    for text in (b'cid="other",e=t,ts=1', b"e=t,ts=1"):
        assert (await client.post("/cmcd", text, Content_Type="text/cmcd")).status == 204
    assert [(report.stream, report.viewer) for report in recorder.reports] == [("", None), ("", None)]


async def test_who_is_not_wanted_any_more_is_told_to_stop(client: Client, recorder: Recorder) -> None:
    recorder.wants_reports = False
    assert (await client.post("/cmcd", EVENT, Content_Type="application/cmcd")).status == 410
    assert (await client.post("/cmcd", b"", Content_Type="application/cmcd")).status == 204


async def test_what_is_no_report_is_refused(client: Client, recorder: Recorder) -> None:
    assert (await client.post("/cmcd", EVENT, Content_Type="application/json")).status == 415
    large = await client.post("/cmcd", EVENT * 2000, Content_Type="application/cmcd")
    assert (large.status, large.headers["Access-Control-Allow-Origin"]) == (413, "*")
    refused = await client.get("/cmcd")
    assert (refused.status, refused.headers["Allow"]) == (405, "OPTIONS,POST")
    assert recorder.reports == []


async def test_a_page_elsewhere_may_ask_whether_it_may_report(client: Client) -> None:
    answer = await client.request("OPTIONS", "/cmcd", Origin="https://a.example", Access_Control_Request_Method="POST")
    assert answer.status == 204
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Access-Control-Allow-Methods"] == "POST, OPTIONS"
    assert answer.headers["Access-Control-Allow-Headers"] == "Content-Type"


async def test_who_comes_too_often_is_told_when_to_come_again(
    client: Client, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Allowance, "wait_s", lambda *_: 1.2)
    answer = await client.post("/cmcd", EVENT, Content_Type="application/cmcd")
    assert (answer.status, answer.headers["Retry-After"]) == (429, "2")
    assert recorder.reports == []


async def test_a_body_that_does_not_come_is_not_waited_for(
    client: Client, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relay.serve.cmcd._BODY_WITHIN_S", 0.02)
    answer = await client.post("/cmcd", EVENT[:5], Content_Type="application/cmcd", Content_Length="70")
    assert answer.status == 408
    assert recorder.reports == []
