"""`relay check` against `relay serve`: our own origin keeps every rule that we hold others against."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fixtures.barcode import TIME_BITS
from fixtures.checking import check, faults
from fixtures.inspector import Fetcher
from fixtures.output import shown
from fixtures.processes import Relay, wait_for
from relay.check.http import Resource
from relay.check.parsed import parse
from relay.check.ranges import read_range

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.e2e

VISIT_S = 6
LATE_MS = 500


@pytest.fixture(scope="module")
def relay(folder: Path) -> Iterator[Relay]:
    """The test picture with its beep: nothing else is needed."""
    with Relay("test:", folder) as relay:
        relay.wait_until("live")
        # The first segments are still there, so what leaves the playlist is seen to stay.
        wait_for(lambda: relay.status()["counters"]["frames"] > 150 or None, 40, "five seconds of stream")
        yield relay


def test_our_own_origin_is_clean(relay: Relay) -> None:
    status, told, beside = check(relay.playlist, "--seconds", str(VISIT_S))
    assert faults(told) == []
    assert (status, beside) == (0, "")
    assert told["seconds"] >= VISIT_S
    assert sorted(one["role"] for one in told["renditions"]) == ["I-frames", "audio", "variant"]
    for rendition in told["renditions"]:
        assert rendition["segments"] >= VISIT_S / 2
        assert (rendition["parts"] > rendition["segments"]) == (rendition["role"] != "I-frames")


def test_each_i_frame_is_the_picture_of_its_segments_first_slot(relay: Relay) -> None:
    folder = f"{relay.origin}/live/{relay.stream}/video-{relay.status()['generation']}"
    fetcher = Fetcher(folder)
    _, text, _ = fetcher.get(f"{folder}/iframes.m3u8", Resource.PLAYLIST)
    for segment in parse(text.decode()).segments[-2:]:
        _, init, _ = fetcher.get(f"{folder}/{segment.map_uri}", Resource.INIT)
        _, whole, _ = fetcher.get(f"{folder}/{segment.uri}", Resource.SEGMENT)
        span = read_range(segment.byterange or "")
        status, data, findings = fetcher.get(f"{folder}/{segment.uri}", Resource.SEGMENT, span)
        assert (status, findings) == (206, [])
        (picture,) = shown(init + data)
        assert picture == shown(init + whole)[0]
        assert picture.at_s == (segment.pdt_ns or 0) / 1e9
        assert picture.captured_ms is not None
        # The source may have been late on a busy machine, and its picture before was repeated.
        assert abs(picture.at_s * 1000 % 2**TIME_BITS - picture.captured_ms) < LATE_MS
    fetcher.close()


@pytest.mark.all
def test_our_own_mpeg_ts_is_clean(relay: Relay) -> None:
    status, told, beside = check(f"{relay.origin}/live/{relay.stream}/ts.m3u8", "--seconds", str(VISIT_S))
    assert faults(told) == []
    assert (status, beside) == (0, "")
    (rendition,) = told["renditions"]
    assert rendition["containers"] == ["MPEG-TS"]
    assert rendition["segments"] >= VISIT_S / 2
    assert not any(finding["rule"].startswith("T") for finding in told["findings"])


def test_an_origin_that_is_not_there(relay: Relay) -> None:
    status, told, _ = check("http://127.0.0.1:9/live/cam/index.m3u8")
    assert (status, told["findings"]) == (2, [])
    assert told["unreachable"].startswith("unreachable: ")
    status, told, _ = check(f"{relay.origin}/live/nobody/index.m3u8")
    assert (status, told["unreachable"]) == (2, "it was answered 404")
