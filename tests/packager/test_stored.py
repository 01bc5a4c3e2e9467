"""A coded picture becomes a sample: what decoders must know beforehand is found, and left out where it may not be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from relay.errors import EncodeError
from relay.model import AccessUnit
from relay.packager.nal import byte_stream, length_prefixed
from relay.packager.stored import sample_of, sets_of

if TYPE_CHECKING:
    from relay.model import EncodedCodec

SPS, PPS, IDR = b"\x67\x64\x00\x1f", b"\x68\xef", b"\x65\x88"
HEVC_VPS, HEVC_SPS, HEVC_PPS, HEVC_IDR = b"\x40\x01\x0c", b"\x42\x01\x01", b"\x44\x01\xc1", b"\x26\x01\xaf"
HEVC_AUD, HEVC_SEI = b"\x46\x01\x50", b"\x4e\x01\x05"
SEQUENCE_HEADER, FRAME = b"\x0a\x02\x00\x07", b"\x32\x02\x10\xaa"


def picture(codec: EncodedCodec, data: bytes) -> AccessUnit:
    return AccessUnit("video", 7, 7, is_idr=True, data=data, codec=codec)


def test_h264_is_stored_without_its_parameter_sets() -> None:
    unit = picture("h264", byte_stream([SPS, PPS, IDR]))
    assert (sample_of(unit), sets_of(unit)) == (length_prefixed([IDR]), (SPS, PPS))


def test_h265_is_stored_without_its_parameter_sets_and_delimiters() -> None:
    unit = picture("hevc", byte_stream([HEVC_AUD, HEVC_VPS, HEVC_SPS, HEVC_PPS, HEVC_SEI, HEVC_IDR]))
    assert sample_of(unit) == length_prefixed([HEVC_SEI, HEVC_IDR])
    assert sets_of(unit) == (HEVC_VPS, HEVC_SPS, HEVC_PPS)


def test_av1_keeps_its_sequence_header_in_front_of_key_frames() -> None:
    unit = picture("av1", b"\x12\0" + SEQUENCE_HEADER + FRAME)
    assert (sample_of(unit), sets_of(unit)) == (SEQUENCE_HEADER + FRAME, (b"\x00\x07",))
    assert sets_of(picture("av1", b"\x12\0" + FRAME)) == ()


def test_what_cannot_be_read_is_the_encoders_fault() -> None:
    for read in (sample_of, sets_of):
        with pytest.raises(EncodeError, match="slot 7 is no AV1"):
            read(picture("av1", FRAME[:-1]))
