"""What is taken from a foreign origin before any rule looks at it: sizes, encodings, ranges, kinds of media."""

from __future__ import annotations

import gzip
import zlib

import pytest

from fixtures.small_origin import VOD_MSN
from fixtures.small_stream import init_of, segment_of
from relay.check.bounds import LONGEST_LINE, check_bounds
from relay.check.containers import Container, container_of
from relay.check.encoding import EncodingError, decoded
from relay.check.ranges import ByteRange, read_range, resolve_ranges

LIMIT = 1000


@pytest.mark.parametrize("text", ["#EXTM3U\n", "\ufeff#EXTM3U\r\n#EXTINF:1,\na\n"])
def test_a_playlist_is_one(text: str) -> None:
    assert check_bounds(text) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("<html>" + "x" * 100, "it begins with '<html>xxxx"),
        ("", "it is no playlist"),
        ("#EXTM3U\n#" + "x" * LONGEST_LINE, f"a line of {LONGEST_LINE + 1} characters"),
        ("#EXTM3U\n" + "#EXT-X-PRELOAD-HINT:\n" * 101, "101 times EXT-X-PRELOAD-HINT"),
    ],
)
def test_what_is_none_is_judged_no_further(text: str, words: str) -> None:
    (finding,) = check_bounds(text)
    assert finding.rule == "P1"
    assert words in finding.message


@pytest.mark.parametrize("name", ["", "identity", "Identity "])
def test_nothing_is_undone_where_nothing_was_done(name: str) -> None:
    assert decoded(b"text", name, LIMIT) == b"text"


@pytest.mark.parametrize(
    ("name", "body"), [("gzip", gzip.compress(b"text", mtime=0)), ("deflate", zlib.compress(b"text"))]
)
def test_an_encoding_is_undone(name: str, body: bytes) -> None:
    assert decoded(body, name, LIMIT) == b"text"


@pytest.mark.parametrize(
    ("name", "body", "words"),
    [
        ("br", b"text", "'br' was not asked for"),
        ("gzip", b"text", "not gzip"),
        ("gzip", gzip.compress(bytes(1 << 20), mtime=0), "over 1000 bytes once it is unpacked"),
        ("gzip", gzip.compress(b"text", mtime=0)[:-9], "ends in the middle"),
    ],
)
def test_an_encoding_that_cannot_be_undone(name: str, body: bytes, words: str) -> None:
    with pytest.raises(EncodingError, match=words):
        decoded(body, name, LIMIT)


def test_ranges_follow_each_other() -> None:
    listed = [("a", "100@20"), ("a", "50"), ("b", "7"), ("a", None), ("a", "1")]
    assert resolve_ranges(listed) == [ByteRange(100, 20), ByteRange(50, 120), ByteRange(7, 0), None, ByteRange(1, 170)]
    assert ByteRange(100, 20).header == "bytes=20-119"


@pytest.mark.parametrize("text", ["", "0@5", "-1", "5@", "a@b", "1" * 21])
def test_a_range_that_is_none(text: str) -> None:
    assert read_range(text) is None


@pytest.mark.parametrize(
    ("data", "container"),
    [
        (segment_of("hi", VOD_MSN), Container.FMP4),
        (init_of("audio")[0], Container.FMP4),
        ((b"\x47" + bytes(187)) * 2, Container.TS),
        (b"\x47" + bytes(187), Container.TS),
        (b"\x47" + bytes(300), Container.UNKNOWN),
        (b"\xef\xbb\xbfWEBVTT\n", Container.WEBVTT),
        (b"ID3\4", Container.PACKED_AUDIO),
        (b"\xff\xf1\x50", Container.PACKED_AUDIO),
        (b"\x0b\x77", Container.PACKED_AUDIO),
        (b"<html>", Container.UNKNOWN),
        (b"", Container.UNKNOWN),
    ],
)
def test_media_is_known_by_its_bytes(data: bytes, container: Container) -> None:
    assert container_of(data) is container
