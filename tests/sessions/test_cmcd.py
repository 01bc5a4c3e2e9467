"""The parser of CMCD: what real players send, what the standard says of bad members, and nothing ever raises."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.sessions.cmcd import (
    MAX_MEMBERS,
    MAX_RECORD_CHARACTERS,
    MAX_RECORDS,
    Event,
    parse_events,
    parse_headers,
    parse_query,
    value_in,
)
from relay.sessions.said import Cmcd

SID = "6e2fb550-c457-11e9-bb97-0800200c9a66"


def test_a_record_of_version_1_is_read() -> None:
    text = 'bl=21300,br=3200,bs,cid="faec5fc2",d=4004,dl=18500,mtp=48100,nor="..%2F300kbps%2Ftrack.m4v",'
    text += f'nrr="12323-48763",ot=v,pr=1.08,rtp=12000,sf=d,sid="{SID}",st=v,su,tb=6000'
    assert parse_query(text) == Cmcd(
        1, SID, "faec5fc2", "v", 3200, None, 6000, 21300, 48100, 18500, 12000, 4004, 1.08,
        has_starved=True, is_urgent=True, is_live=False,
    )  # fmt: skip


def test_of_an_inner_list_the_videos_value_counts_then_the_audiovisuals_then_the_first() -> None:
    assert parse_query("br=(320;a 5000;v),v=2") == Cmcd(2, br_kbps=5000)
    assert parse_query("br=(320;a 700;av),v=2") == Cmcd(2, br_kbps=700)
    assert parse_query("br=(320;a 5000),v=2") == Cmcd(2, br_kbps=320)
    assert parse_query("bsd=(300 1200.4),bsa=(2;v),bsda=(1500;v),v=2") == Cmcd(
        2, stall_ms=1500, stalls_total=2, stall_total_ms=1500
    )


def test_shakas_plain_number_where_version_2_has_a_list_is_understood() -> None:
    assert parse_query("br=260,ltc=3120,st=ll,sta=p,v=2") == Cmcd(
        2, br_kbps=260, latency_ms=3120, is_live=True, state="p"
    )


@pytest.mark.parametrize(
    "bad",
    [
        "bl=x", "bl=-5", "bl=1e9", "bl=(a b)", "bl=9999999999999999", "ot=zz", "sta=z", "pr=fast", 'sid=""', "sid=(a)",
        f'sid="{"x" * 65}"', f'cid="{"x" * 129}"', "bs=maybe", "st=x", 'ec=("a b" "<x>")', "bsd=()", "unknown=1",
        "=5", '"', "sid=a\"b", "(", "br=(1", "com.example-thing=?1", "",
    ],
)  # fmt: skip
def test_a_bad_member_is_ignored_and_only_it(bad: str) -> None:
    assert parse_query(f"br=100,{bad},tb=200") == Cmcd(br_kbps=100, tb_kbps=200)


def test_flags_may_be_said_in_words_and_quotes_be_left_out() -> None:
    assert parse_query('bs=true,su=?0,bg,sid=abc,ot="v"') == Cmcd(
        sid="abc", object_type="v", has_starved=True, is_background=True
    )


def test_a_comma_and_an_escape_within_a_string_end_nothing() -> None:
    assert parse_query(r'sid="a,b\"c=1",br=5;x=1, bl=7') == Cmcd(sid='a,b"c=1', br_kbps=5, bl_ms=7)


def test_error_codes_are_bounded_and_told_once() -> None:
    parsed = parse_query('ec=("E1" "E2" "E1" "not a code" "' + "x" * 33 + '"),v=2')
    assert parsed is not None
    assert parsed.error_codes == ("E1", "E2")


def test_a_set_of_a_version_that_is_not_understood_is_ignored_whole() -> None:
    assert parse_query("br=100,v=3") is None
    assert parse_query("br=100,v=2") == Cmcd(2, br_kbps=100)


def test_what_is_too_long_or_has_too_many_members_is_not_read_on() -> None:
    assert parse_query("br=1" + "," * MAX_RECORD_CHARACTERS) is None
    assert parse_query("x=1," * MAX_MEMBERS + "br=1") is None


def test_the_four_headers_are_one_set() -> None:
    headers = {"CMCD-Request": "bl=100,su", "CMCD-Object": "br=5", "CMCD-Session": f'sid="{SID}"', "Accept": "*/*"}
    assert parse_headers(headers) == Cmcd(sid=SID, br_kbps=5, bl_ms=100, is_urgent=True)
    assert parse_headers({}) is None


def test_events_are_read_line_by_line_and_a_bad_line_costs_no_other() -> None:
    body = (
        f'e=ps,sid="{SID}",sta=p,ts=1700000000123,v=2,sn=4,cid="door",relay-viewer="tok"\r\n'
        "e=zz,ts=5,v=2\ne=t,v=2\n\ne=e,ts=6,v=3\n"
        'e=rr,rc=404,ts=7,url="https://x/v/secret/a.mp4",v=2\n'
    ).encode()
    events = parse_events(body)
    assert events.ignored == 3
    assert events.records == [
        Event("ps", 1700000000123, Cmcd(2, SID, "door", state="p"), "tok", 4),
        Event("rr", 7, Cmcd(2), response_status=404),
    ]
    assert "secret" not in repr(events)


def test_no_more_events_are_read_than_a_player_would_send() -> None:
    events = parse_events(b"e=t,ts=1\n" * (MAX_RECORDS + 3))
    assert (len(events.records), events.ignored) == (MAX_RECORDS, 3)


_PIECES = st.sampled_from(
    [*'",=;()?\\ \n\t.-', "sid", "br", "bsd", "ec", "e", "ts", "pr", "v", "bs", "e=ps,ts=1,", "9" * 20, "²", "\ud800"]
)


@given(st.one_of(st.text(), st.lists(_PIECES).map("".join)))
def test_no_text_makes_the_parser_raise(text: str) -> None:
    assert parse_query(text) is None or isinstance(parse_query(text), Cmcd)
    parse_events(text.encode("utf-8", "surrogatepass"))


@given(st.lists(_PIECES, max_size=40).map("".join))
def test_a_request_and_an_event_that_say_the_same_are_understood_alike(text: str) -> None:
    text = text.translate({0xD800: None, ord("\n"): None})  # what ends an event's line, or cannot be sent
    told = parse_events(f"e=t,ts=1,{text}".encode()).records
    assert (parse_query(text) or Cmcd()) == (told[0].cmcd if told else Cmcd())


@given(st.binary())
def test_no_body_makes_the_parser_raise(body: bytes) -> None:
    assert len(parse_events(body).records) <= MAX_RECORDS


@pytest.mark.parametrize(
    ("query", "value"),
    [("", ""), ("CMCD=a%2Cb%3D1&x=2", "a,b=1"), ("x=CMCD=1", ""), ("x=1&CMCD=%ff%zz", "\ufffd%zz"), ("CMCD=", "")],
)
def test_the_parameter_is_found_in_any_query(query: str, value: str) -> None:
    assert value_in(query) == value
