"""V9: what an I-frame playlist is, and the ranges that it lists."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest

from fixtures.boxes import TrackRun, fragment
from fixtures.playlists import LowLatency, edit
from fixtures.small_origin import VOD_MSN
from fixtures.small_stream import init_of, part_of, samples_of, segment_of
from relay.check.boxes import read_init
from relay.check.iframes import (
    IFrame,
    check_beside,
    check_distance,
    check_iframe,
    check_iframe_playlist,
    read_iframe,
)
from relay.check.listing import ListedPart, ListedSegment, MediaPlaylist
from relay.check.parsed import parse
from relay.check.reading import MediaReading, init_name
from relay.check.renditions import Offered, Role
from relay.mpegts import leading_keyframe_bytes

if TYPE_CHECKING:
    from relay.check.finding import Finding

INIT = read_init(init_of("hi")[0])
SEGMENT = segment_of("hi", VOD_MSN)
SIZE = leading_keyframe_bytes(SEGMENT)
LISTED = ListedSegment(VOD_MSN, "s.m4s", Fraction(1), map_uri="i", byterange=f"{SIZE}@0")


def rules(findings: list[Finding]) -> list[str]:
    return [finding.rule for finding in findings]


# The playlist


def test_it_says_what_it_is_and_has_no_parts() -> None:
    good = MediaPlaylist(target_duration_s=2, is_iframes_only=True, segments=(LISTED,))
    assert check_iframe_playlist(good) == []
    assert rules(check_iframe_playlist(replace(good, is_iframes_only=False))) == ["V9"]
    assert rules(check_iframe_playlist(replace(good, part_target_s=Fraction(1)))) == ["V9"]
    with_parts = replace(LISTED, parts=(ListedPart("p.m4s", Fraction(1)),))
    assert rules(check_iframe_playlist(replace(good, segments=(with_parts,)))) == ["V9"]
    live = parse(edit(LowLatency().text, "#EXT-X-MEDIA-SEQUENCE", "#EXT-X-I-FRAMES-ONLY\n#EXT-X-MEDIA-SEQUENCE"))
    assert rules(check_iframe_playlist(live)) == ["V9"]


def test_a_live_one_has_the_target_duration_of_those_beside_it() -> None:
    mine, other = MediaPlaylist(target_duration_s=2), MediaPlaylist(target_duration_s=3)
    assert check_beside(mine, [mine, mine]) == []
    assert check_beside(mine, []) == []
    (finding,) = check_beside(mine, [other])
    assert finding.message == "EXT-X-TARGETDURATION is 2 in the I-frame playlist, and 3 beside it"
    assert check_beside(replace(mine, is_ended=True), [other]) == []


# A range


def test_a_range_of_one_key_frame() -> None:
    iframe = read_iframe(SEGMENT[:SIZE], INIT)
    assert iframe == IFrame(is_sync=True, end=SIZE, shown_s=Fraction(VOD_MSN))
    assert check_iframe(SIZE, iframe) == []
    alone = part_of("hi", VOD_MSN, 0, samples=samples_of("hi", VOD_MSN, 0)[:1])
    assert check_iframe(len(alone), read_iframe(alone, INIT)) == []


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (SEGMENT[: SIZE - 7], "the range ends 7 bytes before its key frame does"),
        (SEGMENT[: SIZE + 7], "7 bytes of the range are behind its key frame"),
        (SEGMENT, f"{len(SEGMENT) - SIZE} bytes of the range are behind its key frame"),
        (part_of("hi", VOD_MSN, 1), "the range begins with a picture that is no key frame"),
        (SEGMENT[:60], "there is no picture in the range"),
        (SEGMENT[:4], "there is no picture in the range"),
        (b"", "there is no picture in the range"),
        (b"\0\0\0\x08free", "there is no picture in the range"),
        (b"\0\0\0\1free", "there is no picture in the range"),
        (segment_of("audio", VOD_MSN), "there is no picture in the range"),
    ],
)
def test_what_is_not_one_key_frame(data: bytes, words: str) -> None:
    init = read_init(init_of("audio")[0]) if data == segment_of("audio", VOD_MSN) else INIT
    (finding,) = check_iframe(len(data), read_iframe(data, init))
    assert (finding.rule, finding.message) == ("V9", words)


def test_a_fragment_without_a_time_is_shown_at_none() -> None:
    iframe = read_iframe(fragment(TrackRun(decode_time=None)), INIT)
    assert iframe is not None
    assert iframe.shown_s == 0


def test_extinf_is_the_time_to_the_next_one() -> None:
    assert check_distance(Fraction(2), Fraction(2)) == []
    assert check_distance(Fraction(2), Fraction(208, 100)) == []  # two pictures that lead it
    (finding,) = check_distance(Fraction(2), Fraction(1))
    assert finding.message == "EXTINF 2.000, and the next I-frame is shown 1.000 s later"


# One after the other


def reading() -> MediaReading:
    made = MediaReading(Offered("v", Role.IFRAMES), lambda *_: [], is_independent=True)
    made.take_init(init_name(LISTED), init_of("hi")[0])
    return made


def take(made: MediaReading, msn: int, *, duration_s: Fraction = Fraction(1), seam: bool = False) -> list[str]:
    """The I-frame of segment `msn`."""
    segment = replace(LISTED, msn=msn, duration_s=duration_s, is_discontinuity=seam)
    return rules(made.take_segment(segment, segment_of("hi", msn)[:SIZE]))


def test_i_frames_as_far_apart_as_it_says() -> None:
    made = reading()
    assert [take(made, msn) for msn in range(VOD_MSN, VOD_MSN + 3)] == [[], [], []]
    assert made.peak_bps(1) == 8 * SIZE
    assert take(made, VOD_MSN + 3, duration_s=Fraction(3, 2)) == []
    assert take(made, VOD_MSN + 4) == ["V9"]


def test_across_a_seam_or_a_hole_nothing_is_said() -> None:
    made = reading()
    assert take(made, VOD_MSN, duration_s=Fraction(3)) == []
    assert take(made, VOD_MSN + 1, duration_s=Fraction(3), seam=True) == []
    assert take(made, VOD_MSN + 5) == []
    assert rules(made.take_segment(replace(LISTED, msn=VOD_MSN + 6), b"\0\0\0\x08free")) == ["V9"]
    assert take(made, VOD_MSN + 7) == []


def test_what_was_told_already_is_not_told_twice() -> None:
    made = reading()
    assert made.take_segment(replace(LISTED, map_uri=None), SEGMENT[:SIZE]) == []


def test_a_range_of_mpeg_ts_is_only_decoded() -> None:
    assert reading().take_segment(LISTED, segment_of("muxed", VOD_MSN)) == []
