"""Media as it is read, piece by piece: what one piece is to the next, and to what was declared."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest

from fixtures.media import Clip, write_clip
from fixtures.small_origin import VOD_MSN
from fixtures.small_stream import init_of, part_of, samples_of, segment_of
from relay.check.boxes import InitInfo, read_fragments, read_init
from relay.check.containers import Container
from relay.check.decoding import check_first_frame
from relay.check.listing import ListedPart, ListedSegment
from relay.check.reading import MediaReading, init_name
from relay.check.renditions import Offered, Role
from relay.check.spans import Side, Span, check_alignment, check_date, read_span
from relay.mpegts import leading_keyframe_bytes
from relay.mpegts.packets import PACKET_BYTES, PAT_PID, PMT_PID
from relay.timeline import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from relay.check.finding import Finding

PART = ListedPart("p.m4s", Fraction(1, 2))
FIRST = ListedSegment(
    VOD_MSN,
    "s.m4s",
    Fraction(1),
    parts=(replace(PART, is_independent=True), PART),
    map_uri="i",
    pdt_ns=VOD_MSN * NS_PER_S,
)
SECOND = replace(FIRST, msn=VOD_MSN + 1, pdt_ns=(VOD_MSN + 1) * NS_PER_S)


def reading(role: Role = Role.VARIANT, decoded: list[Finding] | None = None) -> MediaReading:
    found = [] if decoded is None else decoded
    made = MediaReading(Offered("v", role), lambda *_: list(found), is_independent=True)
    made.take_init(init_name(FIRST), init_of("hi")[0])
    return made


def rules(findings: list[Finding]) -> list[str]:
    return [finding.rule for finding in findings]


def test_segments_and_parts_that_run_on() -> None:
    made = reading()
    assert (made.lasts_s, made.average_bps) == (0, 0)
    for segment in (FIRST, SECOND):
        for index in (0, 1):
            assert made.take_part(segment, index, segment.parts[index], part_of("hi", segment.msn, index)) == []
        assert made.take_segment(segment, segment_of("hi", segment.msn)) == []
    assert (made.segments_read, made.parts_read, made.containers) == (2, 4, {Container.FMP4})
    assert made.spans[SECOND.msn].start_s - made.spans[FIRST.msn].start_s == 1
    size = max(len(segment_of("hi", segment.msn)) for segment in (FIRST, SECOND))
    assert made.peak_bps(1) == 8 * size
    sizes = [len(segment_of("hi", segment.msn)) for segment in (FIRST, SECOND)]
    assert (made.lasts_s, made.average_bps) == (2, 4 * sum(sizes))
    assert made.bytes_read > 4 * size


def test_a_segment_or_part_that_does_not_run_on() -> None:
    made = reading()
    made.take_segment(FIRST, segment_of("hi", FIRST.msn))
    late = segment_of("hi", SECOND.msn, shift_ticks=600)
    assert rules(made.take_segment(SECOND, late)) == ["M10"]
    made.take_part(FIRST, 0, PART, part_of("hi", FIRST.msn, 0))
    (finding,) = made.take_part(FIRST, 1, PART, part_of("hi", FIRST.msn, 1, shift_ticks=1))
    assert (finding.rule, finding.where) == ("M10", f"part {VOD_MSN}.1, moof {finding.where.split()[-3][:-1]}, track 1")


@pytest.mark.parametrize("change", [{"is_discontinuity": True}, {"msn": VOD_MSN + 7}])
def test_what_need_not_run_on(change: dict[str, int]) -> None:
    made = reading()
    made.take_segment(FIRST, segment_of("hi", FIRST.msn))
    made.take_part(FIRST, 1, PART, part_of("hi", FIRST.msn, 1))
    seam = replace(SECOND, parts=(), pdt_ns=None, **change)  # type: ignore[arg-type]  # either of two fields
    assert made.take_segment(seam, segment_of("hi", SECOND.msn, shift_ticks=60_000)) == []
    assert made.take_part(seam, 0, PART, part_of("hi", SECOND.msn, 0, shift_ticks=60_000)) == []
    made.lose_part()
    assert made.take_part(seam, 1, PART, part_of("hi", SECOND.msn, 1)) == []


def test_a_date_that_leaves_its_media_time() -> None:
    made = reading()
    made.take_segment(FIRST, segment_of("hi", FIRST.msn))
    moved = replace(SECOND, pdt_ns=SECOND.msn * NS_PER_S + NS_PER_S // 10)
    assert rules(made.take_segment(moved, segment_of("hi", SECOND.msn))) == ["M15"]


def test_parts_that_are_not_their_segment() -> None:
    made = reading()
    for index in (0, 1):
        made.take_part(FIRST, index, PART, part_of("hi", FIRST.msn, index))
    longer = segment_of("hi", FIRST.msn) + b"\0\0\0\x08free"
    assert rules(made.take_segment(FIRST, longer)) == ["M14"]
    ranges = replace(FIRST, parts=(replace(PART, byterange="5@0"), PART))
    assert made.take_segment(ranges, longer) == []


def test_what_is_encrypted_is_not_looked_into() -> None:
    made = reading()
    hidden = replace(FIRST, key="METHOD=AES-128")
    assert made.take_part(hidden, 0, PART, bytes(100)) == []
    (finding,) = made.take_segment(hidden, bytes(100))
    assert (finding.rule, finding.severity) == ("P12", "advice")


def test_boxes_that_cannot_be_read() -> None:
    made = reading()
    broken = segment_of("hi", FIRST.msn)[:-1]
    assert rules(made.take_part(FIRST, 0, PART, part_of("hi", FIRST.msn, 0)[:-1])) == ["M0"]
    assert rules(made.take_segment(FIRST, broken)) == ["M0"]
    assert rules(made.take_init("other", b"\0\0\0\x08free")) == ["M0"]
    assert made.take_segment(replace(FIRST, map_uri=None), segment_of("hi", FIRST.msn)) == []
    assert made.take_part(replace(FIRST, map_uri=None), 0, PART, part_of("hi", FIRST.msn, 0)) == []


def test_a_segment_without_a_time_has_no_span() -> None:
    made = reading()
    empty = b"\0\0\0\x08free"
    assert rules(made.take_segment(FIRST, empty)) == ["M6"]
    assert made.spans == {}


def test_only_what_is_otherwise_well_is_decoded() -> None:
    made = reading(decoded=check_first_frame(Container.FMP4, b"nothing"))
    assert rules(made.take_segment(FIRST, segment_of("hi", FIRST.msn))) == ["M16"]
    iframes = reading(Role.IFRAMES, decoded=check_first_frame(Container.FMP4, b"nothing"))
    segment = segment_of("hi", FIRST.msn)
    assert rules(iframes.take_segment(FIRST, segment[: leading_keyframe_bytes(segment)])) == ["M16"]
    assert rules(iframes.take_segment(FIRST, segment)) == ["V9"]


@pytest.mark.parametrize(
    ("role", "data", "expected"),
    [
        (Role.VARIANT, (b"\x47" + bytes(187)) * 2, ["T0"]),
        (Role.AUDIO, b"ID3\4", []),
        (Role.AUDIO, b"WEBVTT\n", ["M0"]),
        (Role.SUBTITLES, b"WEBVTT\n", []),
        (Role.SUBTITLES, b"ID3\4", ["M0"]),
        (Role.VARIANT, b"<html>", ["M0"]),
    ],
)
def test_containers_other_than_fmp4(role: Role, data: bytes, expected: list[str]) -> None:
    assert rules(reading(role).take_segment(replace(FIRST, parts=()), data)) == expected


# MPEG-TS


def test_transport_segments_that_run_on_and_one_that_does_not() -> None:
    made = reading()
    muxed = [replace(one, parts=(), map_uri=None) for one in (FIRST, SECOND, replace(SECOND, msn=SECOND.msn + 1))]
    assert [made.take_segment(one, segment_of("muxed", one.msn)) for one in muxed[:2]] == [[], []]
    assert made.containers == {Container.TS}
    assert (made.spans[SECOND.msn].start_s - made.spans[FIRST.msn].start_s) % Fraction(1 << 33, 90_000) == 1
    # Two pictures later than it should be: their clock steps too far as well, and their date leaves them.
    late = replace(muxed[2], pdt_ns=(SECOND.msn + 1) * NS_PER_S)
    found = made.take_segment(late, segment_of("muxed", late.msn, shift_ticks=6000))
    assert set(rules(found)) == {"T3", "T4", "M15"}
    assert {finding.where.partition(",")[0] for finding in found} == {f"segment {late.msn}"}
    seam = replace(muxed[1], is_discontinuity=True, msn=late.msn + 1, pdt_ns=None)
    assert made.take_segment(seam, segment_of("muxed", VOD_MSN)) == []


def test_transport_tables_may_come_from_a_map() -> None:
    made = reading()
    tables, segment = segment_of("muxed", FIRST.msn)[:376], replace(FIRST, parts=(), map_uri="tables")
    assert made.take_init(init_name(segment), tables) == []
    media = b"".join(without_tables(segment_of("muxed", FIRST.msn)))
    assert made.take_segment(segment, media) == []
    assert rules(made.take_segment(replace(segment, map_uri=None), media)) == ["T1"]


def without_tables(data: bytes) -> Iterator[bytes]:
    for at in range(0, len(data), PACKET_BYTES):
        if int.from_bytes(data[at + 1 : at + 3], "big") & 0x1FFF not in {PAT_PID, PMT_PID}:
            yield data[at : at + PACKET_BYTES]


def test_a_transport_segment_is_decoded_where_it_could_be_played() -> None:
    made = reading(decoded=check_first_frame(Container.TS, b"nothing"))
    segment = replace(FIRST, parts=(), map_uri=None)
    data = segment_of("muxed", FIRST.msn)
    assert rules(made.take_segment(segment, data)) == ["M16"]
    assert rules(made.take_segment(replace(segment, duration_s=Fraction(9, 10)), data)) == ["T5"]


# When media is shown


def span_of(init: InitInfo, data: bytes) -> Span | None:
    return read_span(read_fragments(data, init), init)


def test_the_span_is_that_of_the_pictures() -> None:
    init = read_init(init_of("hi")[0])
    span = span_of(init, segment_of("hi", VOD_MSN))
    assert span == Span(Fraction(VOD_MSN), Fraction(1), Fraction(1, 20), 20, is_video=True)
    audio = span_of(read_init(init_of("audio")[0]), segment_of("audio", VOD_MSN))
    assert audio is not None
    assert not audio.is_video


def test_media_without_a_track_or_a_time_has_none() -> None:
    init = read_init(init_of("hi")[0])
    assert span_of(replace(init, tracks=()), segment_of("hi", VOD_MSN)) is None
    other = replace(init, tracks=(replace(init.tracks[0], track_id=9),))
    assert span_of(other, segment_of("hi", VOD_MSN)) is None


def test_dates_and_media_time_go_on_together() -> None:
    one = Span(Fraction(5), Fraction(1), Fraction(1, 20), 20, is_video=True, epoch_s=Fraction(100))
    assert check_date(one, replace(one, start_s=Fraction(6), epoch_s=Fraction(10005, 100)), "") == []
    assert rules(check_date(one, replace(one, epoch_s=Fraction(1001, 10)), "")) == ["M15"]
    assert check_date(one, replace(one, epoch_s=None), "") == []


def aligned(role: Role, **changes: object) -> list[str]:
    one = Span(Fraction(5), Fraction(1), Fraction(1, 20), 20, is_video=True, epoch_s=Fraction(100))
    other = replace(one, **changes)  # type: ignore[arg-type]  # whatever a test is about
    return rules(check_alignment([Side("a", Role.VARIANT, {7: one, 8: one}), Side("b", role, {7: other})]))


def test_renditions_that_are_aligned_and_those_that_are_not() -> None:
    assert aligned(Role.VARIANT) == []
    assert aligned(Role.VARIANT, epoch_s=Fraction(101)) == ["P19"]
    assert aligned(Role.VARIANT, start_s=Fraction(51, 10), epoch_s=None) == ["P19"]
    assert aligned(Role.VARIANT, duration_s=Fraction(11, 10), epoch_s=None) == ["P19"]
    assert aligned(Role.AUDIO, start_s=Fraction(51, 10), epoch_s=None) == []
    assert aligned(Role.AUDIO, start_s=Fraction(53, 10), epoch_s=None) == ["P19"]


# The decoder


def whole(data: bytes) -> bytes:
    return init_of("hi")[0] + data


def test_a_first_picture_and_a_first_sound() -> None:
    assert check_first_frame(Container.FMP4, whole(segment_of("hi", VOD_MSN))) == []
    assert check_first_frame(Container.FMP4, init_of("audio")[0] + segment_of("audio", VOD_MSN)) == []
    assert check_first_frame(Container.WEBVTT, b"WEBVTT\n") == []


def test_a_transport_stream(tmp_path: Path) -> None:
    data = write_clip(tmp_path / "clip.ts", Clip(b_frames=2)).read_bytes()
    assert check_first_frame(Container.TS, data) == []


def test_pictures_that_cannot_be_decoded() -> None:
    noise = [replace(sample, data=b"\0\0\0\x10\x65" + b"\xa5\x5a\xff" * 5) for sample in samples_of("hi", VOD_MSN, 0)]
    assert rules(check_first_frame(Container.FMP4, whole(part_of("hi", VOD_MSN, 0, samples=noise)))) == ["M16"]
    assert rules(check_first_frame(Container.FMP4, whole(b""))) == ["M16"]
    assert rules(check_first_frame(Container.FMP4, b"nothing")) == ["M16"]


def test_media_that_no_decoder_here_knows() -> None:
    unknown = whole(segment_of("hi", VOD_MSN)).replace(b"avc1", b"xxxx").replace(b"avcC", b"xxxC")
    (finding,) = check_first_frame(Container.FMP4, unknown)
    assert (finding.rule, finding.severity) == ("M16", "advice")


def test_a_file_with_neither_pictures_nor_sound() -> None:
    data = whole(segment_of("hi", VOD_MSN)).replace(b"vide", b"meta").replace(b"avc1", b"mett")
    (finding,) = check_first_frame(Container.FMP4, data)
    assert "neither pictures nor sound" in finding.message
