"""A good transport stream, and one for each way in which it can be wrong."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest

from fixtures.boxes import IDR, SLICE
from fixtures.media import Clip, write_clip
from fixtures.transport import DELIMITER, PPS, SPS, Mux, Pes, adts, annexb, clock
from relay.check.spans import Span, check_date
from relay.check.transport_elementary import adts_frames
from relay.check.transport_packets import TransportError
from relay.check.transport_stream import (
    TransportEnd,
    check_transport_segment,
    check_transport_tables,
    read_transport,
    transport_end,
    transport_span,
)
from relay.mpegts.packets import AUDIO_PID, PAT_PID, PMT_PID, VIDEO_PID, association_table

if TYPE_CHECKING:
    from pathlib import Path

    from relay.check.finding import Finding

START = (1 << 33) - 9000
"""A tenth of a second before the stamps begin anew."""
STEP = 3000
LEAD = 45_000
AAC = 1920
PICTURES = 6
LASTS_S = Fraction(PICTURES * STEP, 90_000)
KEYFRAME = annexb(DELIMITER, SPS, PPS, IDR)
OTHER = annexb(DELIMITER, SLICE)


def rules(findings: list[Finding]) -> list[str]:
    return [finding.rule for finding in findings]


def pictures(start: int = START, count: int = PICTURES) -> list[Pes]:
    first = Pes(VIDEO_PID, start, KEYFRAME, clock(start - LEAD, 0x50))
    times = [start + number * STEP for number in range(1, count)]
    return [first, *(Pes(VIDEO_PID, time, OTHER, clock(time - LEAD)) for time in times)]


def sounds(start: int = START) -> list[Pes]:
    return [Pes(AUDIO_PID, start + number * 3 * AAC, adts(*[b"aac"] * 3)) for number in range(3)]


def stream(*units: Pes, mux: Mux | None = None, has_audio: bool = True) -> bytes:
    mux = mux or Mux()
    return mux.tables(has_audio=has_audio) + mux.pes(*units)


def check(data: bytes, previous: TransportEnd | None = None) -> list[str]:
    return rules(check_transport_segment(data, previous, must_start_independent=True, duration_s=LASTS_S))


def without_starts(data: bytes) -> bytes:
    """`data` with no packet that starts a unit."""
    return b"".join(
        data[at : at + 1] + bytes([data[at + 1] & ~0x40]) + data[at + 2 : at + 188] for at in range(0, len(data), 188)
    )


def with_counter(packet: bytes, counter: int) -> bytes:
    return packet[:3] + bytes([packet[3] & 0xF0 | counter % 16]) + packet[4:]


def next_counter(packet: bytes) -> bytes:
    return with_counter(packet, packet[3] + 1)


def last_counter(data: bytes, pid: int) -> int:
    return transport_end(data).counters[pid]


def table(table_id: int, body: bytes) -> bytes:
    """The payload of packets with a table of one section, its CRC made by a remainder of long division."""
    section = bytes([table_id]) + (0xB000 | len(body) + 9).to_bytes(2, "big") + b"\0\1\xc1\0\0" + body
    remainder = int.from_bytes(section, "big") << 32
    remainder ^= 0xFFFF_FFFF << (8 * len(section))
    for bit in range(8 * len(section) - 1, -1, -1):
        if remainder >> (bit + 32) & 1:
            remainder ^= 0x1_04C1_1DB7 << bit
    return (b"\0" + section + remainder.to_bytes(4, "big")).ljust(184, b"\xff")


GOOD = stream(*pictures(), *sounds())


def test_a_good_segment_and_the_one_after_it() -> None:
    mux = Mux()
    first = stream(*pictures(), *sounds(), mux=mux)
    second = stream(*pictures(START + PICTURES * STEP), *sounds(START + 9 * AAC), mux=mux)
    assert check(first) == []
    assert check(second, transport_end(first)) == []


def test_what_ffmpeg_writes_breaks_no_must(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.ts", Clip(audio_codec="aac", frames=50))
    findings = check_transport_segment(clip.read_bytes(), must_start_independent=True, duration_s=Fraction(2))
    # It begins with a table of its own, and its first sound, the encoder's priming, comes too late.
    told = {(finding.rule, finding.severity) for finding in findings}
    assert told == {("T1", "should"), ("T3", "should")}


def test_segments_that_ffmpeg_writes_run_on(tmp_path: Path) -> None:
    write_clip(tmp_path / "clip.m3u8", Clip(audio_codec="aac", rate=Fraction(25), frames=150, gop=50, b_frames=2))
    end: TransportEnd | None = None
    paths = sorted(tmp_path.glob("*.ts"))
    assert len(paths) == 3
    for path in paths:
        data = path.read_bytes()
        findings = check_transport_segment(data, end, must_start_independent=True, duration_s=Fraction(2))
        told = {(finding.rule, finding.severity) for finding in findings}
        assert told == {("T1", "should"), ("T3", "should")}
        end = transport_end(data, Fraction(2))


@pytest.mark.parametrize(
    ("rule", "data"),
    [
        ("T0", b""),
        ("T0", GOOD[:-1]),
        ("T0", GOOD[:188] + b"\x46" + GOOD[189:]),
        ("T0", GOOD + b"\x47\x01\x00\x30\xff" + bytes(183)),
        ("T0", stream(replace(pictures()[0], prefix=b"\0\0\2"))),
        ("T8", Mux().tables() + without_starts(Mux().pes(*pictures()))),
        ("T1", Mux().pes(*pictures())),
        ("T1", Mux().packets(PAT_PID, association_table()) + Mux().pes(*pictures())),
        ("T1", Mux().tables(pat=association_table()[:10] + b"\xff" * 174)),
        ("T1", Mux().tables(pmt=association_table())),
        ("T1", Mux().tables(pat=bytes(184))),
        ("T1", Mux().tables(pat=table(0, b"\0\1\xf0\0\0\2\xf0\1"))),
        ("T1", without_starts(Mux().tables()) + Mux().pes(*pictures())),
        ("T1", GOOD[188:376] + GOOD[:188] + next_counter(GOOD[188:376]) + GOOD[376:]),
        ("T1", GOOD + b"\x47\x02\x11\x10" + bytes(184)),
    ],
)
def test_what_is_no_stream_or_has_no_tables(rule: str, data: bytes) -> None:
    assert check(data) == [rule]


def test_tables_of_broadcasters_need_no_name() -> None:
    assert check(GOOD + b"\x47\x00\x11\x10" + bytes(184)) == []


def long_map(units: int) -> bytes:
    """PMT of H.264 with so many streams of private data besides."""
    private = b"".join(b"\x06" + (0xE200 + number).to_bytes(2, "big") + b"\xf0\0" for number in range(units))
    return table(0x02, b"\xe1\x00\xf0\0" + b"\x1b\xe1\x00\xf0\0" + private)


def test_a_map_may_fill_two_packets() -> None:
    mux = Mux()
    tables = mux.packets(PAT_PID, association_table()) + mux.packets(PMT_PID, long_map(50).ljust(368, b"\xff"))
    assert check(tables + mux.pes(*pictures())) == []
    assert check(tables[: 2 * 188] + Mux().pes(*pictures())) == ["T1"]


def test_tables_may_come_from_a_map_tag() -> None:
    tables, media = GOOD[:376], GOOD[376:]
    read = read_transport(media, tables)
    assert check_transport_segment(read, must_start_independent=True, duration_s=LASTS_S) == []
    assert check_transport_tables(tables) == []
    assert rules(check_transport_tables(media)) == ["T1"]
    assert check(media) == ["T1"]


def test_a_pat_names_a_network_table_beside_its_program() -> None:
    pat = table(0, b"\0\0\xe0\x10" + b"\0\1\xf0\0")
    assert check(Mux().tables(pat=pat) + GOOD[376:]) == []


def test_counters() -> None:
    mux = Mux()
    first = stream(*pictures(), *sounds(), mux=mux)
    again = stream(*pictures(START + PICTURES * STEP), *sounds(START + 9 * AAC))
    end = transport_end(first)
    assert set(check(again, end)) == {"T2"}
    assert check(again, replace(end, counters={})) == []
    at = 188 * 4
    assert check(GOOD[:at] + GOOD[at + 188 :]) == ["T2"]
    sound = GOOD[-188:]
    assert "T2" not in check(GOOD + sound)
    assert "T2" in check(GOOD + sound + sound)
    lone = b"\x47\x01\x00\x20" + b"\xb7\0" + b"\xff" * 182
    counter = last_counter(GOOD, VIDEO_PID)
    assert check(GOOD + with_counter(lone, counter)) == []
    assert check(GOOD + with_counter(lone, counter + 1)) == ["T2"]
    jump = with_counter(b"\x47\x01\x00\x20" + b"\xb7\x80" + b"\xff" * 182, counter + 5)
    assert check(GOOD + jump) == []


def late_clock(by: int) -> list[Pes]:
    """Pictures, the fourth of which has a clock that is `by` late."""
    units = pictures()
    units[3] = replace(units[3], adaptation=clock(units[3].time - LEAD + by))
    return units


@pytest.mark.parametrize(
    ("rule", "units"),
    [
        ("T3", [replace(unit, adaptation=b"\x40" if unit.adaptation[0] & 0x40 else b"") for unit in pictures()]),
        ("T3", late_clock(-2 * STEP)),
        ("T3", [*pictures(), replace(sounds()[0], adaptation=clock(START - 10_000))]),
        ("T3", [*pictures(), Pes(AUDIO_PID, START - 60_000, adts(b"aac"))]),
        ("T4", [replace(pictures()[0], has_time=False), *pictures()[1:]]),
        ("T4", [*pictures()[:5], Pes(VIDEO_PID, 0, OTHER, clock(START + 5 * STEP - LEAD), has_time=False)]),
        ("T4", [*pictures()[:5], replace(pictures()[5], time=START + 4 * STEP, decoded=START + 5 * STEP)]),
        ("T4", [*pictures()[:3], replace(pictures()[3], time=START + 2 * STEP), *pictures()[4:]]),
        ("T5", pictures(count=PICTURES - 1)),
        ("T6", [replace(pictures()[0], data=OTHER, adaptation=clock(START - LEAD)), *pictures()[1:]]),
        ("T6", [replace(pictures()[0], data=annexb(DELIMITER, IDR)), *pictures()[1:]]),
        ("T6", [replace(pictures()[0], data=annexb(DELIMITER, IDR, SPS, PPS)), *pictures()[1:]]),
        ("T6", [replace(pictures()[0], data=annexb(SPS, PPS, IDR)), *pictures()[1:]]),
        ("T6", [replace(pictures()[0], adaptation=clock(START - LEAD)), *pictures()[1:]]),
        ("T6", [*pictures()[:5], replace(pictures()[5], data=b"no NAL unit")]),
        ("T7", [*pictures(), Pes(AUDIO_PID, START, adts(b"aac", b"aac")[:-1])]),
        ("T7", [*pictures(), Pes(AUDIO_PID, START, adts(b"aac") + b"\xff\xf1")]),
        ("T7", [*pictures(), Pes(AUDIO_PID, START, b"\xff\xf1\x7c" + adts(b"aac")[3:])]),
        ("T7", [*pictures(), Pes(AUDIO_PID, START, b"raw AAC without a header")]),
        ("T7", [*pictures(), Pes(AUDIO_PID, START, b"")]),
        ("T8", [*pictures(), replace(sounds()[0], length=5)]),
        ("T8", [*pictures(), replace(sounds()[0], length=0)]),
    ],
)
def test_units_with_a_single_fault(rule: str, units: list[Pes]) -> None:
    assert set(check(stream(*units))) == {rule}


def weighed(data: bytes, previous: TransportEnd | None = None, *, is_promised: bool = True) -> list[tuple[str, str]]:
    findings = check_transport_segment(data, previous, must_start_independent=is_promised)
    return [(finding.rule, finding.severity) for finding in findings]


@pytest.mark.parametrize(
    ("units", "found", "without_promise"),
    [
        ([*pictures(), replace(sounds()[0], length=5)], ("T8", "must"), ("T8", "must")),
        ([*pictures(), replace(sounds()[0], length=500)], ("T8", "should"), ("T8", "should")),
        ([replace(pictures()[0], data=annexb(DELIMITER, IDR))], ("T6", "must"), ("T6", "should")),
        ([replace(pictures()[0], data=OTHER, adaptation=clock(START - LEAD))], ("T6", "must"), ("T6", "should")),
        ([replace(pictures()[0], adaptation=clock(START - LEAD))], ("T6", "advice"), ("T6", "advice")),
        ([pictures()[0], Pes(AUDIO_PID, START, adts(b"a", b"b")[:-1])], ("T7", "should"), ("T7", "should")),
        ([pictures()[0], Pes(AUDIO_PID, START, b"raw AAC")], ("T7", "must"), ("T7", "must")),
        ([pictures()[0], replace(pictures()[1], has_time=False)], ("T4", "should"), ("T4", "should")),
    ],
)
def test_how_much_they_weigh(units: list[Pes], found: tuple[str, str], without_promise: tuple[str, str]) -> None:
    data = stream(*units)
    assert weighed(data) == [found]
    assert weighed(data, is_promised=False) == [without_promise]


def test_only_the_first_picture_to_begin_at_needs_parameter_sets() -> None:
    again = Pes(VIDEO_PID, START + STEP, annexb(DELIMITER, IDR), clock(START + STEP - LEAD, 0x50))
    assert weighed(stream(pictures()[0], again)) == []


def test_sound_that_is_split_between_packets() -> None:
    row = adts(*[b"aac"] * 9)
    split = [row[:25], row[25:50], row[50:]]
    units = [Pes(AUDIO_PID, START + number * AAC, data) for number, data in enumerate(split)]
    assert weighed(stream(*pictures(), *units)) == [("T7", "should")]
    # What the segment before has begun, it ends.
    later = [replace(units[0], data=row[5:25]), *units[1:]]
    assert weighed(stream(*pictures(), *later)) == [("T7", "should")]
    broken = [replace(units[0], data=row[:10] + b"?" * 30), *units[1:]]
    assert weighed(stream(*pictures(), *broken)) == [("T7", "must")]


def test_frames_of_several_blocks_last_longer() -> None:
    frame = adts(b"aac")
    assert adts_frames(frame) == [AAC]
    assert adts_frames(frame[:6] + bytes([frame[6] | 1]) + frame[7:]) == [2 * AAC]


def test_a_clock_that_is_announced_to_jump_may() -> None:
    units = pictures()
    for number in range(3, 6):
        flags = 0x90 if number == 3 else 0x10
        units[number] = replace(units[number], adaptation=clock(units[number].time - LEAD - 30_000, flags))
    assert weighed(stream(*units)) == []
    units[3] = replace(units[3], adaptation=clock(units[3].time - LEAD - 30_000))
    assert weighed(stream(*units)) == [("T3", "must")]


def test_clocks_that_are_too_far_apart() -> None:
    apart = [Pes(VIDEO_PID, START, KEYFRAME, clock(START - LEAD, 0x50))]
    apart.append(Pes(VIDEO_PID, START + 9001, OTHER, clock(START + 9001 - LEAD)))
    assert weighed(stream(*apart)) == [("T3", "should")]
    mux = Mux()
    end = transport_end(stream(*pictures(), *sounds(), mux=mux))
    later = [
        Pes(VIDEO_PID, unit.time, unit.data, clock(unit.time + 9000 - LEAD, unit.adaptation[0]))
        for unit in pictures(START + PICTURES * STEP)
    ]
    assert check(stream(*later, *sounds(START + 9 * AAC), mux=mux), end) == ["T3"]


@pytest.mark.parametrize(
    ("video", "audio", "is_good"),
    [(0, 0, True), (STEP, 0, False), (0, 180, False), (0, -180, False), (-STEP, 0, False)],
)
def test_stamps_go_on_from_the_segment_before(video: int, audio: int, is_good: bool) -> None:
    mux = Mux()
    end = transport_end(stream(*pictures(), *sounds(), mux=mux))
    units = pictures(START + PICTURES * STEP + video)
    units = [replace(unit, adaptation=clock(unit.time - video - LEAD, unit.adaptation[0])) for unit in units]
    found = check(stream(*units, *sounds(START + 9 * AAC + audio), mux=mux), end)
    assert found == ([] if is_good else ["T4"])


def test_sound_that_is_off_by_less_than_half_a_frame_is_not_heard() -> None:
    end = transport_end(stream(*pictures(), *sounds()))
    end = replace(end, counters={}, clock=None)
    for late, severity in ((AAC // 4, "should"), (AAC, "must"), (-AAC, "must")):
        later = stream(*pictures(START + PICTURES * STEP), *sounds(START + 9 * AAC + late))
        assert weighed(later, end) == [("T4", severity)]


def test_a_picture_that_is_held_leaves_no_hole() -> None:
    data = stream(*pictures(), has_audio=False)
    later = stream(*pictures(START + 2 * PICTURES * STEP), has_audio=False)
    for promised_s, found in ((LASTS_S, [("T4", "must")]), (2 * LASTS_S, [])):
        end = replace(transport_end(data, promised_s), counters={}, clock=None)
        assert weighed(later, end) == found


def test_the_span_is_that_of_the_pictures_on_a_clock_that_begins_anew() -> None:
    shown = [replace(unit, time=unit.time + 2 * STEP, decoded=unit.time) for unit in pictures()]
    read = read_transport(stream(*shown, *sounds()))
    span = transport_span(read, Fraction(100))
    start_s, cycle_s = Fraction(START + 2 * STEP, 90_000), Fraction(1 << 33, 90_000)
    assert span == Span(start_s, LASTS_S, Fraction(STEP, 90_000), PICTURES, True, 100 - start_s, cycle_s)
    assert transport_span(read) == replace(span, epoch_s=None)
    after = transport_span(read_transport(stream(*pictures(START + (PICTURES + 2) * STEP))), 100 + LASTS_S)
    assert after is not None
    assert after.start_s < 1
    assert check_date(span, after, "") == []
    start_s, lasts_s, step_s = (Fraction(ticks, 90_000) for ticks in (START, 9 * AAC, 3 * AAC))
    sound = transport_span(read_transport(stream(*sounds())))
    assert sound == Span(start_s, lasts_s, step_s, 3, False, None, cycle_s)


def test_what_has_no_times_has_no_span() -> None:
    assert transport_span(read_transport(stream(pictures()[0]))) is None
    pmt = table(0x02, b"\xe1\x01\xf0\0" + b"\x06\xe1\x01\xf0\0")
    assert transport_span(read_transport(Mux().tables(pmt=pmt))) is None


def test_a_segment_of_sound_lasts_as_long_as_its_frames() -> None:
    units = [
        Pes(AUDIO_PID, START + number * AAC, adts(b"aac"), clock(START + number * AAC - LEAD)) for number in range(3)
    ]
    pmt = table(0x02, b"\xe1\x01\xf0\0" + b"\x0f\xe1\x01\xf0\0")
    data = Mux().tables(pmt=pmt) + Mux().pes(*units)
    assert check_transport_segment(data, duration_s=Fraction(3 * AAC, 90_000)) == []
    assert rules(check_transport_segment(data, duration_s=Fraction(5 * AAC, 90_000))) == ["T5"]


def test_one_picture_says_nothing_of_how_long_it_lasts() -> None:
    data = stream(pictures()[0], has_audio=False)
    assert check(data) == []
    assert transport_end(data).expected == {}


def test_streams_of_other_kinds_are_only_walked_and_empty_ones_too() -> None:
    pmt = table(0x02, b"\xe1\x00\xf0\0" + b"\x1b\xe1\x00\xf0\0" + b"\x06\xe1\x01\xf0\2ab")
    data = Mux().tables(pmt=pmt) + Mux().pes(*pictures(), Pes(AUDIO_PID, START, b"private"))
    assert check(data) == []
    assert check(stream(*pictures())) == []
    assert set(transport_end(stream(*pictures())).expected) == {VIDEO_PID}


def test_h265_starts_at_pictures_of_its_own_types() -> None:
    pmt = table(0x02, b"\xe1\x00\xf0\0" + b"\x24\xe1\x00\xf0\0")
    key = annexb(b"\x46\x01\x50", b"\x40\x01", b"\x42\x01", b"\x44\x01", b"\x2a\x01\xaf")
    other = annexb(b"\x46\x01\x50", b"\x02\x01\xd0")
    units = [replace(unit, data=other if index else key) for index, unit in enumerate(pictures())]
    assert check(Mux().tables(pmt=pmt) + Mux().pes(*units)) == []
    units[0] = replace(units[0], data=annexb(b"\x46\x01\x50", b"\x2a\x01\xaf"))
    assert check(Mux().tables(pmt=pmt) + Mux().pes(*units)) == ["T6"]


def test_what_cannot_be_read_has_no_end() -> None:
    with pytest.raises(TransportError):
        transport_end(GOOD[:-1])
    silent = [replace(unit, adaptation=b"") for unit in pictures()]
    assert transport_end(stream(*silent)).clock is None
