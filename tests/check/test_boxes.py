"""Boxes read back: our own builders, and what FFmpeg writes."""

from __future__ import annotations

import struct
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtures.boxes import (
    AUDIO,
    AVCC,
    GOP,
    IDR,
    SLICE,
    TrackBoxes,
    TrackRun,
    audio_entry,
    box,
    descriptor,
    esds,
    fragment,
    full_box,
    init_segment,
    nal,
    visual_entry,
)
from relay.check.avc import nal_types
from relay.check.boxes import BoxError, parse_boxes, read_fragments, read_init


def test_boxes_with_their_children() -> None:
    data = box("moof", box("traf", box("tfhd"), box("trun"), box("trun"))) + box("mdat", b"x")
    moof, mdat = parse_boxes(data)
    assert [trun.start for trun in moof.all("traf", "trun")] == [24, 32]
    assert (mdat.kind, data[mdat.body : mdat.end], moof.first("mfhd")) == ("mdat", b"x", None)


def test_a_64_bit_size_and_one_up_to_the_end() -> None:
    long = struct.pack(">I4sQ", 1, b"free", 20) + b"1234"
    last = struct.pack(">I4s", 0, b"mdat") + b"rest"
    boxes = parse_boxes(long + last)
    assert [(found.kind, found.body, found.end) for found in boxes] == [("free", 16, 20), ("mdat", 28, 32)]


@pytest.mark.parametrize(
    "data",
    [
        b"\0\0\0",
        struct.pack(">I4s", 9, b"free"),
        struct.pack(">I4s", 7, b"free"),
        struct.pack(">I4s", 1, b"free") + b"\0",
        struct.pack(">I4sQ", 1, b"free", 15),
        box("moov", b"\0\0"),
        box(
            "moov",
            box("moov", box("moov", box("moov", box("moov", box("moov", box("moov", box("moov", box("moov")))))))),
        ),
    ],
)
def test_bytes_that_are_no_boxes(data: bytes) -> None:
    with pytest.raises(BoxError):
        parse_boxes(data)


@pytest.mark.parametrize("wide", [False, True])
def test_an_init_segment_as_values(wide: bool) -> None:
    init = read_init(init_segment(TrackBoxes(wide=wide, samples=3, duration=5), AUDIO, duration=9))
    video, audio = init.tracks
    assert (init.boxes, init.brands, init.duration, init.has_mvex) == (("ftyp", "moov"), ("cmfc", "iso6"), 9, True)
    assert (video.track_id, video.handler, video.timescale, video.codecs) == (1, "vide", 60_000, "avc1.64001f")
    assert (video.width, video.height, video.nal_length_bytes, video.default_duration) == (1280, 720, 4, 2000)
    assert (video.table_samples, video.duration, video.has_edit_list) == (3, 5, False)
    assert (audio.codecs, audio.sample_rate_hz, audio.channels, audio.handler) == ("mp4a.40.2", 48_000, 2, "soun")
    assert init.track(2) is audio
    assert init.track(3) is None


@pytest.mark.parametrize(
    ("entry", "codecs"),
    [
        (visual_entry("avc3"), "avc3.64001f"),
        (visual_entry("hvc1", box("free")), "hvc1"),
        (audio_entry("Opus"), "opus"),
        (audio_entry("ac-3"), "ac-3"),
        (box("stpp", bytes(8)), "stpp"),
        (audio_entry("mp4a", esds(b"\x2b\x09")), "mp4a.40.5"),
        (audio_entry("mp4a", esds(b"\xf9\x40")), "mp4a.40.42"),
        (audio_entry("mp4a", esds(object_type=0x6B)), "mp4a.6b"),
        (audio_entry("mp4a", esds(es_head=b"\0\1\xe0" + b"\0\2" + b"\1u" + b"\0\3")), "mp4a.40.2"),
    ],
)
def test_codecs_are_read_from_the_sample_entry(entry: bytes, codecs: str) -> None:
    (track,) = read_init(init_segment(TrackBoxes(entry=entry))).tracks
    assert track.codecs == codecs


@pytest.mark.parametrize(
    "data",
    [
        b"",
        box("ftyp"),
        box("moov", box("trak")),
        box("moov", box("mvhd")),
        init_segment(TrackBoxes(entry=b"")),
        init_segment(TrackBoxes(entry=audio_entry("mp4a", esds(tag=9)))),
        init_segment(TrackBoxes(entry=audio_entry("mp4a", full_box("esds", 0, 0, descriptor(3, b"\0\1\0"))))),
        init_segment(TrackBoxes(entry=visual_entry("avc1", box("avcC"))))[:-60],
    ],
)
def test_an_init_segment_that_cannot_be_read(data: bytes) -> None:
    with pytest.raises(BoxError):
        read_init(data)


def test_an_init_without_brands_or_clock() -> None:
    init = read_init(box("moov"))
    assert (init.brands, init.duration, init.tracks, init.has_mvex) == ((), 0, (), False)


def test_a_fragment_as_values() -> None:
    audio = TrackRun(2, 84, GOP[1:2])
    data = fragment(TrackRun(), audio, sequence=7)
    (read,) = read_fragments(data, read_init(init_segment(TrackBoxes(), AUDIO)))
    video = read.tracks[0]
    assert (read.sequence_number, read.start, data[read.data_start : read.data_end]) == (
        7,
        0,
        b"".join(sample.data for sample in (*GOP, GOP[1])),
    )
    assert (video.decode_time, video.tfdt_version, video.duration) == (105_000_000_000_000, 1, 6000)
    assert [sample.is_sync for sample in video.samples] == [True, False, False]
    assert [data[s.offset : s.offset + s.size] for s in read.tracks[1].samples] == [GOP[1].data]


def trun(flags: int, *words: int, version: int = 1) -> bytes:
    return full_box("trun", version, flags, *(struct.pack(">i", word) for word in words))


def traf(*truns: bytes, tfhd_flags: int = 0x20000, tfhd: bytes = b"") -> bytes:
    return box("traf", full_box("tfhd", 0, tfhd_flags, struct.pack(">I", 1), tfhd), *truns)


def test_defaults_come_from_tfhd_before_trex() -> None:
    moof = box("moof", full_box("mfhd", 0, 0, bytes(4)), traf(trun(0, 2), trun(0, 1)))
    by_trex = TrackBoxes(defaults=(10, 3, 0x10000))
    (read,) = read_fragments(moof, read_init(init_segment(by_trex)))
    assert [(s.offset, s.size, s.duration, s.is_sync) for s in read.tracks[0].samples] == [
        (0, 3, 10, False),
        (3, 3, 10, False),
        (6, 3, 10, False),
    ]
    assert (read.data_start, read.data_end, read.tracks[0].decode_time) == (0, 0, None)
    tfhd = struct.pack(">QIIII", 1000, 1, 20, 5, 0)
    moof = box("moof", full_box("mfhd", 0, 0, bytes(4)), traf(trun(0x5, 2, 8, 0x10000), tfhd_flags=0x3B, tfhd=tfhd))
    for init in (None, read_init(init_segment(by_trex))):
        (read,) = read_fragments(moof, init)
        first, second = read.tracks[0].samples
        assert (first.offset, first.size, first.duration, first.is_sync) == (1008, 5, 20, False)
        assert (second.offset, second.is_sync) == (1013, True)


@pytest.mark.parametrize(("version", "offset"), [(1, -40), (0, 2**32 - 40)])
def test_composition_offsets_are_signed_in_version_1(version: int, offset: int) -> None:
    moof = box("moof", full_box("mfhd", 0, 0, bytes(4)), traf(trun(0x800, 1, -40, version=version)))
    assert read_fragments(moof)[0].tracks[0].samples[0].composition_offset == offset


@pytest.mark.parametrize(
    "moof",
    [
        box("moof"),
        box("moof", box("mfhd")),
        box("moof", full_box("mfhd", 0, 0, bytes(4)), box("traf")),
        box("moof", full_box("mfhd", 0, 0, bytes(4)), traf(trun(0x200, 9))),
        box("moof", full_box("mfhd", 0, 0, bytes(4)), traf(trun(0, 2**31 - 1))),
    ],
)
def test_a_fragment_that_cannot_be_read(moof: bytes) -> None:
    with pytest.raises(BoxError):
        read_fragments(moof)


def test_nal_units_and_their_lengths() -> None:
    sample = nal(b"\x67\x64", b"\x68\xee", IDR)
    assert nal_types(sample, 4) == [7, 8, 5]
    assert nal_types(b"\x02" + SLICE[:2], 1) == [1]
    assert nal_types(b"", 4) == []
    assert nal_types(nal(b"\x40\x01", b"\x26\x01\xaf"), 4, is_hevc=True) == [32, 19]
    for broken in (sample[:-1], sample + b"\0", sample + bytes(4)):
        assert nal_types(broken, 4) is None


@given(st.integers(min_value=0), st.binary(min_size=1, max_size=8), st.booleans())
def test_damaged_bytes_are_read_or_refused_and_nothing_else(at: int, patch: bytes, cut: bool) -> None:
    init, media = init_segment(TrackBoxes(), AUDIO), fragment()
    for data, reader in ((init, read_init), (media, read_fragments)):
        place = at % len(data)
        damaged = data[:place] + patch + (b"" if cut else data[place + len(patch) :])
        with suppress(BoxError):
            reader(damaged)


def test_ffmpeg_s_files_are_read(ffmpeg_init: bytes, ffmpeg_fragments: list[bytes]) -> None:
    init = read_init(ffmpeg_init)
    video, audio = init.tracks
    assert (video.handler, video.entry, video.width, video.height) == ("vide", "avc1", 64, 48)
    assert video.codecs.startswith("avc1.")
    assert len(video.codecs) == 11
    assert (audio.handler, audio.codecs, audio.sample_rate_hz, audio.channels) == ("soun", "mp4a.40.2", 48_000, 2)
    read = [fragment for data in ffmpeg_fragments for fragment in read_fragments(data, init)]
    frames = sum(len(track.samples) for fragment in read for track in fragment.tracks if track.track_id == 1)
    lasts = sum(track.duration for fragment in read for track in fragment.tracks if track.track_id == 1)
    assert (frames, lasts) == (30, 2 * video.timescale)
    assert AVCC[4:8] == b"avcC"


def test_what_h265_is_called() -> None:
    record = bytes.fromhex("01 01 60000000 900000000000 5d f000 fc fd f8 f8 0000 0f 00")
    (track,) = read_init(init_segment(TrackBoxes(entry=visual_entry("hvc1", box("hvcC", record))))).tracks
    assert (track.codecs, track.nal_length_bytes) == ("hvc1.1.6.L93.90", 4)
    high = bytes([1, 0xA2]) + record[2:]
    (track,) = read_init(init_segment(TrackBoxes(entry=visual_entry("hev1", box("hvcC", high))))).tracks
    assert track.codecs == "hev1.B2.6.H93.90"
    with pytest.raises(BoxError, match="hvcC has 22 bytes"):
        read_init(init_segment(TrackBoxes(entry=visual_entry("hvc1", box("hvcC", record[:22])))))


@pytest.mark.parametrize(
    ("record", "codecs"),
    [
        ("81 05 0c 00", "av01.0.05M.08"),
        ("81 09 cd 00", "av01.0.09H.10"),
        ("81 4d 6c 00 0a 0b", "av01.2.13M.12"),
    ],
)
def test_what_av1_is_called(record: str, codecs: str) -> None:
    entry = visual_entry("av01", box("av1C", bytes.fromhex(record)))
    (track,) = read_init(init_segment(TrackBoxes(entry=entry))).tracks
    assert (track.entry, track.codecs, track.nal_length_bytes) == ("av01", codecs, 0)


def test_an_av1c_that_is_too_short_is_told() -> None:
    with pytest.raises(BoxError, match="av1C has 3 bytes"):
        read_init(init_segment(TrackBoxes(entry=visual_entry("av01", box("av1C", b"\x81\x05\x0c")))))
