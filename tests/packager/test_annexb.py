from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.packager.annexb import nal_units, parameter_sets, to_length_prefixed

SPS, PPS, AUD, SEI, IDR, SLICE = (
    b"\x67\x64\x00\x1f",
    b"\x68\xef",
    b"\x09\xf0",
    b"\x06\x05\x01",
    b"\x65\x88\x84",
    b"\x41\x9a",
)
LONG, SHORT = b"\0\0\0\1", b"\0\0\1"


@pytest.mark.parametrize(
    ("stream", "units"),
    [
        (LONG + IDR, [IDR]),
        (SHORT + SLICE, [SLICE]),
        (LONG + SPS + LONG + PPS + SHORT + IDR, [SPS, PPS, IDR]),
        (SHORT + SLICE + b"\0\0\0" + SHORT + SLICE + b"\0\0", [SLICE, SLICE]),
        (b"\0\0" + LONG + SLICE, [SLICE]),
        (SHORT + SHORT + SLICE, [SLICE]),
        (SHORT, []),
        (b"", []),
        (SLICE, []),
    ],
)
def test_nal_units_lie_between_start_codes_of_either_length(stream: bytes, units: list[bytes]) -> None:
    assert list(nal_units(stream)) == units


def test_samples_hold_lengths_and_neither_parameter_sets_nor_delimiters() -> None:
    stream = LONG + AUD + LONG + SPS + LONG + PPS + SHORT + SEI + SHORT + IDR
    assert to_length_prefixed(stream) == b"\0\0\0\3" + SEI + b"\0\0\0\3" + IDR
    assert parameter_sets(stream) == (SPS, PPS)


# What emulation prevention leaves: a NAL unit never holds 000000, 000001 or 000002, and never ends in 00.
bodies = st.lists(st.sampled_from([b"\x00\x00\x03", b"\x00\x07", b"\x7f", b"\xff\x00\x01"]), max_size=6).map(b"".join)
slices = st.builds(lambda body: b"\x41" + body + b"\x80", bodies)


@given(st.lists(st.tuples(st.sampled_from([LONG, SHORT]), slices), max_size=8))
def test_whatever_is_in_them_the_units_come_out_as_they_went_in(written: list[tuple[bytes, bytes]]) -> None:
    stream = b"".join(code + unit for code, unit in written)
    assert list(nal_units(stream)) == [unit for _, unit in written]
    assert len(to_length_prefixed(stream)) == sum(4 + len(unit) for _, unit in written)
