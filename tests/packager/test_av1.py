"""AV1 taken apart: OBUs, sequence headers of every shape, and the init segment that is made of one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.check.boxes import read_init
from relay.check.media import check_init
from relay.packager import av1
from relay.packager.av1 import SequenceHeader, av1_init, read_sequence_header, sample, sequence_headers, units

DELIMITER = b"\x12\0"
FRAME = b"\x32\x03\x10\xaa\xbb"
BT709 = (1, 1, 1)


def number(value: int, width: int) -> str:
    return format(value, f"0{width}b")


POINT = number(0, 12) + number(5, 5)
"""The usual operating point: level 3.1, of the only tier that it has."""
UNTIMED = "0" + "0" + number(0, 5) + POINT
TOOLS = "0000" + "1" + "00" + "1" + "1" + number(6, 3)
COLOURS = "0" + "0" + "1" + number(1, 8) * 3 + "0" + "00"


def header(
    profile: int = 0, points: str = UNTIMED, ids: str = "0", tools: str = TOOLS, colours: str = COLOURS
) -> bytes:
    """`sequence_header_obu()` (§5.5.1) of 1280x720, out of fields written as bits."""
    size = number(10, 4) * 2 + number(1279, 11) + number(719, 11)
    return pack(number(profile, 3) + "00" + points + size + ids + "000" + tools + "000" + colours + "0")


def reduced() -> bytes:
    """Of a still picture, which leaves most of it out."""
    size = number(6, 4) * 2 + number(127, 7) + number(71, 7)
    return pack("000" + "11" + number(4, 5) + size + "000" + "000" + COLOURS + "0")


def pack(bits: str) -> bytes:
    bits += "1"
    bits += "0" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


def obu(kind: int, payload: bytes, extension: bytes = b"") -> bytes:
    return bytes((kind << 3 | (4 if extension else 0) | 2,)) + extension + bytes((len(payload),)) + payload


KEY_FRAME = DELIMITER + obu(1, header()) + FRAME


def test_a_sample_is_a_temporal_unit_without_its_delimiter() -> None:
    assert [kind for kind, _ in units(KEY_FRAME)] == [2, 1, 6]
    assert sample(KEY_FRAME) == KEY_FRAME[2:]
    assert sample(DELIMITER + obu(15, b"\0\0") + FRAME) == FRAME
    assert sequence_headers(KEY_FRAME) == (header(),)
    assert sequence_headers(DELIMITER + FRAME) == ()


def test_an_obu_without_a_size_is_given_one() -> None:
    assert sample(DELIMITER + b"\x30" + b"\x10\xaa\xbb") == FRAME
    assert sample(b"\x34\x20\x10") == b"\x36\x20\x01\x10", "its extension stays"
    assert sample(b"\x36\x20\x01\x10") == b"\x36\x20\x01\x10"
    assert sample(b"\x30" + bytes(200)) == b"\x32\xc8\x01" + bytes(200)


@given(st.lists(st.tuples(st.sampled_from([3, 4, 6]), st.binary(max_size=400)), max_size=4))
def test_whatever_is_in_them_obus_come_out_as_they_went_in(written: list[tuple[int, bytes]]) -> None:
    open_ended = b"".join(av1._sized(kind << 3, b"", payload) for kind, payload in written)
    assert list(units(open_ended)) == written
    assert sample(open_ended) == open_ended


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\xb2\0", "forbidden bit"),
        (b"\x32\x05\x10", "longer than its temporal unit"),
        (b"\x34", "longer than its temporal unit"),
        (b"\x32", "does not end"),
        (b"\x32" + b"\xff" * 9, "does not end"),
    ],
)
def test_what_is_no_temporal_unit_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        sample(data)
    with pytest.raises(ValueError, match=words):
        list(units(data))


TIMED = "1" + number(0, 32) + number(0, 32)
MODEL = "1" + number(4, 5) + number(0, 32) + number(0, 10)
UVLC = "00101"


@pytest.mark.parametrize(
    "points",
    [
        UNTIMED,
        TIMED + "0" + "0" + "0" + number(0, 5) + POINT,
        TIMED + "1" + UVLC + MODEL + "0" + number(0, 5) + POINT + "1" + number(0, 11),
        TIMED + "0" + MODEL + "0" + number(0, 5) + POINT + "0",
        "0" + "1" + number(0, 5) + POINT + "1" + "0000",
        "0" + "1" + number(1, 5) + POINT + "0" + POINT + "0",
    ],
)
@pytest.mark.parametrize("ids", ["0", "1" + number(0, 7)])
@pytest.mark.parametrize("tools", [TOOLS, "00000" + "00", "00000" + "0101", "00000" + "011"])
def test_whatever_a_sequence_header_has_in_it_it_is_read_to_its_colours(points: str, ids: str, tools: str) -> None:
    expected = SequenceHeader(0, 5, 0, 8, False, (1, 1), 0, BT709, False)
    assert read_sequence_header(header(points=points, ids=ids, tools=tools)) == expected
    assert expected.codec == "av01.0.05M.08"


def test_of_a_still_picture_little_is_said() -> None:
    assert read_sequence_header(reduced()) == SequenceHeader(0, 4, 0, 8, False, (1, 1), 0, BT709, False)


def test_from_level_4_on_there_are_two_tiers() -> None:
    points = "0" + "0" + number(0, 5) + number(0, 12) + number(9, 5) + "1"
    assert read_sequence_header(header(points=points)).codec == "av01.0.09H.08"


BT2020 = "1" + number(9, 8) + number(16, 8) + number(9, 8)
SRGB = "1" + number(1, 8) + number(13, 8) + number(0, 8)


@pytest.mark.parametrize(
    ("profile", "colours", "codec"),
    [
        (0, "0" + "0" + "0" + "0" + "01", "av01.0.05M.08.0.111.02.02.02.0"),
        (0, "0" + "1" + "0" + "1", "av01.0.05M.08.1.110.02.02.02.1"),
        (0, "1" + "0" + BT2020 + "0" + "10", "av01.0.05M.10.0.112.09.16.09.0"),
        (1, "0" + "0" + "0", "av01.1.05M.08.0.000.02.02.02.0"),
        (1, "0" + SRGB, "av01.1.05M.08.0.000.01.13.00.1"),
        (2, "0" + "0" + "0" + "0", "av01.2.05M.08.0.100.02.02.02.0"),
        (2, "10" + "0" + "0" + "0", "av01.2.05M.10.0.100.02.02.02.0"),
        (2, "11" + "0" + "0" + "0" + "11" + "10", "av01.2.05M.12.0.112.02.02.02.0"),
        (2, "11" + "0" + "0" + "0" + "10", "av01.2.05M.12.0.100.02.02.02.0"),
        (2, "11" + "0" + "0" + "0" + "0", "av01.2.05M.12.0.000.02.02.02.0"),
        (2, "0" + "1" + SRGB + "1", "av01.2.05M.08.1.110.01.13.00.1"),
    ],
)
def test_codecs_says_in_full_what_is_not_usual(profile: int, colours: str, codec: str) -> None:
    found = read_sequence_header(header(profile, colours=colours))
    assert found.codec == codec


def test_an_init_segment_says_what_its_sequence_header_does() -> None:
    data, codecs = av1_init(1280, 720, 60_000, KEY_FRAME)
    assert (codecs, check_init(data)) == ("av01.0.05M.08", [])
    (track,) = read_init(data).tracks
    assert (track.entry, track.codecs, track.timescale) == ("av01", "av01.0.05M.08", 60_000)
    assert (track.width, track.height, track.table_samples, track.duration) == (1280, 720, 0, 0)
    assert b"av1C\x81\x05\x0c\x00" + obu(1, header()) in data
    assert b"colrnclx\0\1\0\1\0\1\0" in data
    assert av1_init(1280, 720, 60_000, KEY_FRAME)[0] == data


def test_an_init_segment_of_ten_bits_says_so() -> None:
    points = "0" + "0" + number(0, 5) + number(0, 12) + number(9, 5) + "1"
    key_frame = DELIMITER + obu(1, header(points=points, colours="1" + "0" + "0" + "1" + "01")) + FRAME
    data, codecs = av1_init(1280, 720, 60_000, key_frame)
    assert codecs == "av01.0.09H.10.0.111.02.02.02.1"
    assert b"av1C\x81\x09\xcd\x00" in data
    assert read_init(data).tracks[0].codecs == "av01.0.09H.10"


@pytest.mark.parametrize(
    ("data", "words"),
    [(DELIMITER + FRAME, "no sequence header"), (DELIMITER + obu(1, header()[:4]), "ends too early")],
)
def test_without_a_sequence_header_there_is_no_init_segment(data: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        av1_init(1280, 720, 60_000, data)
