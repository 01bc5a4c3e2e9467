from __future__ import annotations

import struct
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.errors import EncodeError
from relay.model import AccessUnit, Latency, Part, StreamFormat
from relay.packager import AudioPackager, VideoPackager
from relay.timeline import NS_PER_S, USUAL_RATES, Grid

if TYPE_CHECKING:
    from relay.model import EncodedCodec

STREAM = StreamFormat(1280, 720, Fraction(30), audio=True, latency=Latency.LAN)
GRID = Grid.of(STREAM)
MSN = 895_000_000
SLOT = GRID.first_slot(MSN)
K = GRID.audio_frames_before(SLOT)
SETS = b"\0\0\0\1\x67\x64\x00\x1f\0\0\0\1\x68\xef"

grids = st.builds(
    lambda rate, latency: Grid.of(replace(STREAM, rate=rate, latency=latency)),
    st.sampled_from(USUAL_RATES),
    st.sampled_from(Latency),
)


def picture(slot: int, *, is_idr: bool, sets: bytes = SETS, shown: int | None = None) -> AccessUnit:
    data = sets + b"\0\0\1\x65IDR" if is_idr else b"\0\0\0\1\x41P"
    return AccessUnit("video", slot if shown is None else shown, slot, is_idr, data)


def sound(frame: int) -> AccessUnit:
    return AccessUnit("audio", frame, frame, is_idr=True, data=b"aac")


def video_parts(packager: VideoPackager, grid: Grid, slots: range) -> list[Part]:
    """The parts of pictures for `slots`, IDR at the first and at each segment's start."""
    added = [packager.add(picture(n, is_idr=n == slots.start or grid.starts_segment(n))) for n in slots]
    return [part for part in added if part]


def audio_parts(packager: AudioPackager, frames: range) -> list[Part]:
    return [part for part in map(packager.add, map(sound, frames)) if part]


# Video


def test_a_video_part_is_given_out_with_its_last_picture() -> None:
    packager = VideoPackager(GRID)
    for slot in range(SLOT, SLOT + 5):
        assert packager.add(picture(slot, is_idr=slot == SLOT)) is None
    part = packager.add(picture(SLOT + 5, is_idr=False))
    assert part is not None
    assert replace(part, data=b"") == Part(
        "video",
        msn=MSN,
        index=0,
        start_ticks=1_790_000_000 * 60_000,
        duration_ticks=12_000,
        timescale=60_000,
        pdt_ns=1_790_000_000 * NS_PER_S,
        is_independent=True,
        is_last=False,
        data=b"",
    )
    assert part.data.count(b"IDR") == 1
    assert b"\x67\x64" not in part.data


def test_a_segment_is_its_parts_and_only_its_first_is_independent() -> None:
    parts = video_parts(VideoPackager(GRID), GRID, range(SLOT, SLOT + 2 * GRID.slots_per_segment))
    assert [(part.msn, part.index) for part in parts] == [(MSN + n, i) for n in (0, 1) for i in range(10)]
    assert [part.is_independent for part in parts] == ([True] + [False] * 9) * 2
    assert [part.is_last for part in parts] == ([False] * 9 + [True]) * 2


@given(grids, st.integers(0, 30))
def test_on_every_grid_parts_join_without_gap_wherever_they_begin(grid: Grid, first_part: int) -> None:
    start = grid.slot_at(1_790_000_000 * NS_PER_S) // grid.slots_per_part * grid.slots_per_part
    start += first_part * grid.slots_per_part
    parts = video_parts(VideoPackager(grid), grid, range(start, start + 2 * grid.slots_per_segment))
    assert len(parts) == 2 * grid.parts_per_segment
    for part, after in pairwise(parts):
        assert part.start_ticks + part.duration_ticks == after.start_ticks
        assert (after.msn, after.index) == ((part.msn + 1, 0) if part.is_last else (part.msn, part.index + 1))
        assert part.duration_s == grid.part_s
        assert 0 <= part.pdt_ns - Fraction(part.start_ticks, part.timescale) * NS_PER_S < 1


def test_a_worker_that_takes_over_begins_at_any_part_with_an_idr_picture() -> None:
    parts = video_parts(VideoPackager(GRID), GRID, range(SLOT + 42, SLOT + 54))
    assert [(part.msn, part.index, part.is_independent) for part in parts] == [(MSN, 7, True), (MSN, 8, False)]


def test_the_running_number_has_32_bits() -> None:
    (part,) = video_parts(VideoPackager(GRID), GRID, range(SLOT, SLOT + 6))
    (number,) = struct.unpack(">I", part.data[20:24])
    assert number == SLOT // 6 % 2**32


def test_pictures_out_of_display_order_carry_their_offset() -> None:
    packager = VideoPackager(GRID)
    shown = (0, 3, 1, 2, 5, 4)
    units = [picture(SLOT + n, is_idr=n == 0, shown=SLOT + pts) for n, pts in enumerate(shown)]
    (part,) = filter(None, map(packager.add, units))
    rows = struct.iter_unpack(">IIi", part.data[part.data.index(b"trun") + 16 : part.data.index(b"mdat") - 4])
    assert [offset for _, _, offset in rows] == [0, 4000, -2000, -2000, 2000, -2000]


def test_pictures_decoded_earlier_than_their_slots_make_the_same_segment_earlier_decoded() -> None:
    """I P B b, B b P ... as x264 gives them: two slots early, so that no offset is negative."""
    grid = replace(GRID, slots_per_part=60, parts_per_segment=1, has_parts=False)
    shown = [0, *(base + n for base in range(0, 56, 4) for n in (4, 2, 1, 3)), 58, 57, 59]
    packager = VideoPackager(grid)
    units = [
        replace(picture(SLOT + n - 2, is_idr=n % 60 == 0, shown=SLOT + n // 60 * 60 + shown[n % 60]))
        for n in range(120)
    ]
    parts = [part for unit in units if (part := packager.add(unit))]
    for n, part in enumerate(parts):
        assert (part.msn, part.index, part.is_independent, part.is_last) == (MSN + n, 0, True, True)
        assert part.start_ticks == grid.tfdt(SLOT + 60 * n - 2)
        assert part.pdt_ns == grid.start_ns(SLOT + 60 * n)
        assert part.duration_s == 2
    trun = parts[0].data[parts[0].data.index(b"trun") + 4 : parts[0].data.index(b"mdat") - 4]
    assert trun[:8] == bytes([1, 0x00, 0x0E, 0x01]) + (60).to_bytes(4, "big")
    rows = list(struct.iter_unpack(">IIi", trun[12:]))
    assert [offset // 2000 for *_, offset in rows[:6]] == [2, 5, 2, 0, 1, 5]
    assert min(offset for *_, offset in rows) == 0
    assert parts[0].data[parts[0].data.index(b"tfdt") + 8 :][:8] == grid.tfdt(SLOT - 2).to_bytes(8, "big")


def test_an_idr_picture_that_others_are_moved_past_is_the_encoder_s_fault() -> None:
    packager = VideoPackager(GRID)
    video_parts(packager, GRID, range(SLOT, SLOT + 60))
    with pytest.raises(EncodeError, match=f"IDR picture of slot {SLOT + 62}"):
        packager.add(picture(SLOT + 60, is_idr=True, shown=SLOT + 62))


def test_a_hole_in_time_drops_the_part_begun_and_goes_on_at_a_segment() -> None:
    packager = VideoPackager(GRID)
    assert video_parts(packager, GRID, range(SLOT, SLOT + 4)) == []
    later = GRID.first_slot(MSN + 9)
    (part,) = video_parts(packager, GRID, range(later, later + 6))
    assert (part.msn, part.index, part.duration_ticks) == (MSN + 9, 0, 12_000)


@pytest.mark.parametrize(
    ("slots", "message"),
    [
        ([SLOT, SLOT + 2], f"slot {SLOT + 2} came where slot {SLOT + 1}"),
        ([SLOT, SLOT], "came where"),
        ([SLOT, SLOT - 60], "came where"),
        ([SLOT, SLOT + 6], "came where"),
        ([SLOT + 1], "begins no part"),
    ],
)
def test_pictures_out_of_order_are_the_encoder_s_fault(slots: list[int], message: str) -> None:
    packager = VideoPackager(GRID)
    for slot in slots[:-1]:
        packager.add(picture(slot, is_idr=True))
    with pytest.raises(EncodeError, match=message):
        packager.add(picture(slots[-1], is_idr=True))


def test_the_first_picture_is_an_idr_picture() -> None:
    with pytest.raises(EncodeError, match="no IDR"):
        VideoPackager(GRID).add(picture(SLOT + 6, is_idr=False))


def test_every_segment_begins_with_an_idr_picture() -> None:
    packager = VideoPackager(GRID)
    video_parts(packager, GRID, range(SLOT, SLOT + 60))
    with pytest.raises(EncodeError, match="begins a segment"):
        packager.add(picture(SLOT + 60, is_idr=False))


def test_other_parameter_sets_than_those_of_the_init_segment_are_refused() -> None:
    packager = VideoPackager(GRID)
    video_parts(packager, GRID, range(SLOT, SLOT + 60))
    with pytest.raises(EncodeError, match="parameter sets"):
        packager.add(picture(SLOT + 60, is_idr=True, sets=b"\0\0\1\x67other"))


@pytest.mark.parametrize(
    ("codec", "first", "other"),
    [
        ("hevc", b"\0\0\1\x42\x01\x01\0\0\1\x26\x01\xaf", b"\0\0\1\x42\x01\x02\0\0\1\x26\x01\xaf"),
        ("av1", b"\x12\0\x0a\x01\x01\x32\x01\x10", b"\x12\0\x0a\x01\x02\x32\x01\x10"),
    ],
)
def test_other_parameter_sets_are_noticed_in_every_codec(codec: EncodedCodec, first: bytes, other: bytes) -> None:
    packager = VideoPackager(GRID)
    packager.add(AccessUnit("video", SLOT, SLOT, is_idr=True, data=first, codec=codec))
    packager.add(AccessUnit("video", SLOT + 1, SLOT + 1, is_idr=True, data=first, codec=codec))
    with pytest.raises(EncodeError, match="parameter sets"):
        packager.add(AccessUnit("video", SLOT + 2, SLOT + 2, is_idr=True, data=other, codec=codec))


# Audio


def test_an_audio_part_holds_the_frames_that_end_within_its_video_part() -> None:
    parts = audio_parts(AudioPackager(GRID), range(K, K + 94))
    assert [part.duration_ticks // 1024 for part in parts] == [9, 9, 10, 9, 9, 10, 9, 10, 9, 9]
    assert [(part.msn, part.index, part.is_last) for part in parts] == [(MSN, n, n == 9) for n in range(10)]
    assert all(part.is_independent for part in parts)
    assert parts[1].start_ticks == (K + 9) * 1024
    assert parts[1].pdt_ns == 1_790_000_000 * NS_PER_S + 9 * 1024 * NS_PER_S // 48_000


def test_an_audio_part_is_given_out_with_its_last_frame() -> None:
    packager = AudioPackager(GRID)
    assert [packager.add(sound(k)) is not None for k in range(K, K + 18)] == ([False] * 8 + [True]) * 2


@given(grids, st.integers(0, 30))
def test_on_every_grid_audio_lies_beside_the_video_of_the_same_number(grid: Grid, first_part: int) -> None:
    start = grid.first_slot(grid.msn(grid.slot_at(1_790_000_000 * NS_PER_S)), first_part)
    end = start + 2 * grid.slots_per_segment
    video = video_parts(VideoPackager(grid), grid, range(start, end))
    audio = audio_parts(AudioPackager(grid), range(grid.audio_frames_before(start), grid.audio_frames_before(end)))
    assert [(part.msn, part.index, part.is_last) for part in audio] == [(p.msn, p.index, p.is_last) for p in video]
    for part, after in pairwise(audio):
        assert part.start_ticks + part.duration_ticks == after.start_ticks
    for part, beside in zip(audio, video, strict=True):
        assert part.duration_s <= grid.audio_part_s
        end_s = Fraction(part.start_ticks + part.duration_ticks, 48_000)
        assert (
            0 <= Fraction(beside.start_ticks + beside.duration_ticks, beside.timescale) - end_s < Fraction(1024, 48_000)
        )


def test_audio_that_takes_over_begins_at_any_part() -> None:
    first = GRID.audio_frames_before(SLOT + 42)
    (part,) = audio_parts(AudioPackager(GRID), range(first, first + 10))
    assert (part.msn, part.index) == (MSN, 7)


def test_after_a_hole_in_time_audio_goes_on_at_a_segment() -> None:
    packager = AudioPackager(GRID)
    assert audio_parts(packager, range(K, K + 5)) == []
    later = GRID.audio_frames_before(GRID.first_slot(MSN + 9))
    (part,) = audio_parts(packager, range(later, later + 10))
    assert (part.msn, part.index, part.start_ticks) == (MSN + 9, 0, later * 1024)


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        ([K, K + 2], f"{K + 2} came where {K + 1}"),
        ([K, K], "came where"),
        ([K, K + 9], "came where"),
        ([K, GRID.audio_frames_before(SLOT - 60)], "came where"),
        ([K, GRID.audio_frames_before(SLOT + 60) + 1], "came where"),
        ([K + 1], "begins no part"),
    ],
)
def test_audio_out_of_order_is_the_encoder_s_fault(frames: list[int], message: str) -> None:
    packager = AudioPackager(GRID)
    audio_parts(packager, range(frames[0], frames[0] + len(frames) - 1))
    with pytest.raises(EncodeError, match=message):
        packager.add(sound(frames[-1]))
