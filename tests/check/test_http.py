"""One fault in a good response, one finding."""

from __future__ import annotations

import pytest

from relay.check.http import Resource, check_response

TARGET_S = 2
CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Content-Length, Content-Range, Date, Age",
}
TEXT = {
    **CORS,
    "Content-Type": "application/vnd.apple.mpegurl; charset=utf-8",
    "Content-Encoding": "gzip",
    "Vary": "Accept-Encoding",
}
MULTIVARIANT = {**TEXT, "Cache-Control": "no-store"}
PLAYLIST = {**TEXT, "Cache-Control": "max-age=0, s-maxage=1"}
BLOCKING = {**TEXT, "Cache-Control": "max-age=0, s-maxage=12"}
MEDIA = {
    **CORS,
    "Content-Type": "video/mp4",
    "Cache-Control": "public, max-age=12, immutable",
    "Content-Length": "1000",
    "Accept-Ranges": "bytes",
}
PARTIAL = {**MEDIA, "Content-Range": "bytes 100-199/1000", "Content-Length": "100"}
KEY = {**CORS, "Content-Type": "application/octet-stream", "Cache-Control": "private, max-age=60"}
PREFLIGHT = {**CORS, "Access-Control-Allow-Headers": "Range, X-Token", "Access-Control-Max-Age": "86400"}
GZIP = {"Accept-Encoding": "gzip, deflate;q=0.5"}
RANGE = {"Range": "bytes=100-199"}
GOOD = {
    Resource.MULTIVARIANT: MULTIVARIANT,
    Resource.PLAYLIST: PLAYLIST,
    Resource.BLOCKING_PLAYLIST: BLOCKING,
    Resource.INIT: MEDIA,
    Resource.SEGMENT: MEDIA,
    Resource.PART: MEDIA,
    Resource.KEY: KEY,
}


def rules(
    kind: Resource,
    headers: dict[str, str],
    request: dict[str, str] | None = None,
    status: int = 200,
    method: str = "GET",
    **changes: str | None,
) -> list[str]:
    """`changes` are headers in Python's spelling; `None` takes one away."""
    named = {name.replace("_", "-"): value for name, value in changes.items()}
    sent = {name: value for name, value in headers.items() if name.lower() not in named}
    sent |= {name: value for name, value in named.items() if value is not None}
    asked = (GZIP if request is None else request) if kind.is_playlist else request or {}
    return [f.rule for f in check_response(kind, method, status, sent, asked, target_duration_s=TARGET_S)]


@pytest.mark.parametrize("kind", Resource)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_good_responses(kind: Resource, method: str) -> None:
    assert rules(kind, GOOD[kind], method=method) == []


def test_text_may_be_compressed_and_its_length_unknown() -> None:
    text = {**MEDIA, "Content-Type": "text/vtt; charset=utf-8"}
    assert rules(Resource.SEGMENT, text) == []
    assert rules(Resource.SEGMENT, text, content_encoding="gzip", content_length=None, accept_ranges=None) == []
    assert rules(Resource.SEGMENT, text, content_length=None) == ["H5"]
    assert rules(Resource.PART, text, content_encoding="gzip") == ["H4"]


@pytest.mark.parametrize("kind", Resource)
@pytest.mark.parametrize("status", [400, 404, 503])
def test_errors_that_are_not_kept(kind: Resource, status: int) -> None:
    assert rules(kind, CORS, status=status, cache_control="no-store") == []
    assert rules(kind, CORS, status=status, cache_control="max-age=1") == []
    assert rules(kind, CORS, status=status, cache_control="max-age=60") == ["H2"]
    assert rules(kind, CORS, status=status, cache_control="max-age") == ["H2"]
    assert rules(kind, CORS, status=status, cache_control="public") == ["H2"]
    assert rules(kind, CORS, status=status) == ["H2"]
    assert rules(kind, {}, status=status, cache_control="no-store") == ["H3"]


@pytest.mark.parametrize(
    ("kind", "cache_control"),
    [
        (Resource.MULTIVARIANT, "max-age=60"),
        (Resource.PLAYLIST, "no-cache"),
        (Resource.PLAYLIST, "max-age=1"),
        (Resource.BLOCKING_PLAYLIST, "no-store"),
        (Resource.BLOCKING_PLAYLIST, "max-age=0"),
        (Resource.KEY, "no-store"),
    ],
)
def test_other_good_ways_to_be_cached(kind: Resource, cache_control: str) -> None:
    assert rules(kind, GOOD[kind], cache_control=cache_control) == []


@pytest.mark.parametrize(
    ("kind", "cache_control"),
    [
        (Resource.MULTIVARIANT, None),
        (Resource.MULTIVARIANT, "max-age=61"),
        (Resource.MULTIVARIANT, "public"),
        (Resource.PLAYLIST, "max-age=2"),
        (Resource.PLAYLIST, "max-age=0, s-maxage=2"),
        (Resource.PLAYLIST, "public"),
        (Resource.BLOCKING_PLAYLIST, "max-age=12"),
        (Resource.BLOCKING_PLAYLIST, "max-age=0, s-maxage=13"),
        (Resource.SEGMENT, None),
        (Resource.SEGMENT, "no-store"),
        (Resource.PART, "public"),
        (Resource.INIT, "max-age=11"),
        (Resource.KEY, "public, max-age=60"),
        (Resource.KEY, "private"),
        (Resource.KEY, "private, max-age=3600"),
    ],
)
def test_what_is_cached_wrongly(kind: Resource, cache_control: str | None) -> None:
    assert rules(kind, GOOD[kind], cache_control=cache_control) == ["H2"]


@pytest.mark.parametrize(("kind", "content_type"), [
    (Resource.PLAYLIST, "text/plain"),
    (Resource.MULTIVARIANT, None),
    (Resource.SEGMENT, "application/octet-stream"),
    (Resource.INIT, None),
    (Resource.KEY, "text/plain"),
    (Resource.KEY, None),
])  # fmt: skip
def test_wrong_types(kind: Resource, content_type: str | None) -> None:
    assert rules(kind, GOOD[kind], content_type=content_type) == ["H1"]


def test_every_answer_is_open_to_other_origins() -> None:
    assert rules(Resource.SEGMENT, MEDIA, access_control_allow_origin=None) == ["H3"]
    assert rules(Resource.SEGMENT, MEDIA, access_control_expose_headers="Date") == ["H3"]
    assert rules(Resource.SEGMENT, CORS, status=304) == []
    assert rules(Resource.SEGMENT, CORS, status=304, cache_control="max-age=12") == []
    assert rules(Resource.SEGMENT, {}, status=304) == ["H3"]


def test_a_preflight() -> None:
    asked = {"Access-Control-Request-Headers": "x-token, range"}
    for status in (200, 204):
        assert rules(Resource.SEGMENT, PREFLIGHT, asked, status, "OPTIONS") == []
    assert rules(Resource.SEGMENT, PREFLIGHT, {}, 204, "OPTIONS") == []
    assert rules(Resource.SEGMENT, PREFLIGHT, asked, 405, "OPTIONS") == ["H7"]
    assert rules(Resource.SEGMENT, PREFLIGHT, asked, 204, "OPTIONS", access_control_allow_headers="Range") == ["H3"]
    assert rules(Resource.SEGMENT, PREFLIGHT, asked, 204, "OPTIONS", access_control_max_age=None) == ["H3"]


def test_playlists_are_compressed_when_asked_and_media_never() -> None:
    assert rules(Resource.PLAYLIST, PLAYLIST, content_encoding=None) == ["H4"]
    assert rules(Resource.PLAYLIST, PLAYLIST, vary=None) == ["H4"]
    assert rules(Resource.PLAYLIST, PLAYLIST, {}) == ["H4"]
    assert rules(Resource.PLAYLIST, PLAYLIST, {}, content_encoding=None) == []
    assert rules(Resource.SEGMENT, MEDIA, GZIP, content_encoding="gzip") == ["H4"]


@pytest.mark.parametrize(
    ("asked", "given", "length"),
    [
        ("bytes=100-199", "bytes 100-199/1000", 100),
        ("bytes=100-199", "bytes 100-149/150", 50),
        ("bytes=900-", "bytes 900-999/1000", 100),
        ("bytes=900-9007199254740991", "bytes 900-999/1000", 100),
        ("bytes=-100", "bytes 900-999/1000", 100),
        ("bytes=-5000", "bytes 0-999/1000", 1000),
    ],
)
def test_ranges(asked: str, given: str, length: int) -> None:
    good = rules(Resource.SEGMENT, PARTIAL, {"Range": asked}, 206, content_range=given, content_length=str(length))
    assert good == []
    assert rules(Resource.SEGMENT, PARTIAL, {"Range": asked}, 206, content_range=given, content_length="7") == ["H5"]


def test_ranges_that_are_answered_wrongly() -> None:
    assert rules(Resource.SEGMENT, PARTIAL, RANGE, 206, content_range="bytes 100-198/1000") == ["H5"]
    assert rules(Resource.SEGMENT, PARTIAL, RANGE, 206, content_range=None) == ["H5"]
    assert rules(Resource.SEGMENT, PARTIAL, {}, 206) == ["H5"]
    assert rules(Resource.SEGMENT, PARTIAL, {"Range": "bytes=0-1,4-5"}, 206) == ["H5"]
    assert rules(Resource.SEGMENT, MEDIA, RANGE) == ["H5"]
    assert rules(Resource.SEGMENT, MEDIA, RANGE, method="HEAD") == []
    assert rules(Resource.SEGMENT, MEDIA, content_length=None) == ["H5"]
    assert rules(Resource.SEGMENT, MEDIA, accept_ranges=None) == ["H5"]
    assert rules(Resource.SEGMENT, CORS, RANGE, 416, cache_control="no-store", content_range="bytes */1000") == []
    assert rules(Resource.SEGMENT, CORS, RANGE, 416, cache_control="no-store") == ["H5"]


def test_media_is_not_redirected() -> None:
    assert rules(Resource.SEGMENT, CORS, status=302) == ["H6"]
    assert rules(Resource.MULTIVARIANT, CORS, status=302) == []


def test_without_a_target_duration_ages_are_not_compared_with_it() -> None:
    headers = {**MEDIA, "Cache-Control": "max-age=1"}
    assert check_response(Resource.SEGMENT, "get", 200, headers, {}) == []
    errors = {**CORS, "Cache-Control": "max-age=1"}
    assert [f.rule for f in check_response(Resource.SEGMENT, "GET", 404, errors, {})] == ["H2"]
    for kind in (Resource.PLAYLIST, Resource.BLOCKING_PLAYLIST):
        assert check_response(kind, "GET", 200, {**TEXT, "Cache-Control": "max-age=0, s-maxage=99"}, GZIP) == []


def test_cors_is_for_the_page_that_asks() -> None:
    origin = {"Origin": "https://page.invalid"}
    assert rules(Resource.SEGMENT, MEDIA, origin) == []
    assert rules(Resource.SEGMENT, MEDIA, origin, Access_Control_Allow_Origin="https://page.invalid") == []
    assert rules(Resource.SEGMENT, MEDIA, origin, Access_Control_Allow_Origin="https://other.invalid") == ["H3"]


def test_playlists_that_have_ended_may_be_kept() -> None:
    for kind, headers in ((Resource.PLAYLIST, PLAYLIST), (Resource.MULTIVARIANT, MULTIVARIANT)):
        kept = {**headers, "Cache-Control": "max-age=3600"}
        assert check_response(kind, "GET", 200, kept, GZIP, is_live=False) == []
        assert [finding.rule for finding in check_response(kind, "GET", 200, kept, GZIP, target_duration_s=2)] == ["H2"]
