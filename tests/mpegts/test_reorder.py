from __future__ import annotations

import io

import pytest

from fixtures.transport import PPS, x264_parameter_sets
from relay.mpegts.reorder import reordered_pictures


class Writer:
    """Bits, one after the other."""

    def __init__(self) -> None:
        self._bits = ""

    def u(self, *bits: int) -> Writer:
        self._bits += "".join(map(str, bits))
        return self

    def n(self, value: int, count: int) -> Writer:
        self._bits += f"{value:0{count}b}"
        return self

    def ue(self, *values: int) -> Writer:
        for value in values:
            self._bits += "0" * ((value + 1).bit_length() - 1) + f"{value + 1:b}"
        return self

    def unit(self) -> bytes:
        """The NAL unit, with emulation prevention."""
        bits = self._bits + "1"
        payload = int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(-(-len(bits) // 8), "big")
        sink = io.BytesIO()
        zeros = 0
        for byte in payload:
            if zeros >= 2 and byte <= 3:
                sink.write(b"\3")
                zeros = 0
            sink.write(bytes([byte]))
            zeros = zeros + 1 if byte == 0 else 0
        return b"\x67" + sink.getvalue()


def begin(profile: int = 77) -> Writer:
    return Writer().n(profile, 8).n(0, 8).n(31, 8).ue(0)


def size(writer: Writer, *fields: int) -> Writer:
    """From `max_num_ref_frames` to the flag of cropping, which there is none of."""
    return writer.ue(4).u(0).ue(19, 11).u(*(fields or (1,)), 1, 0)


def restriction(writer: Writer, reordered: int) -> bytes:
    """`pic_struct_present_flag` and what is behind it."""
    return writer.u(0, 1, 1).ue(2, 1, 11, 11, reordered, 4).unit()


@pytest.mark.parametrize(
    ("options", "pixel_format", "reordered"),
    [
        ("bframes=0", "yuv420p", 0),
        ("bframes=1", "yuv420p", 1),
        ("bframes=3:b-pyramid=normal", "yuv420p", 2),
        ("bframes=3:nal-hrd=vbr:vbv-maxrate=500:vbv-bufsize=500", "yuv420p", 2),
        ("bframes=3:b-pyramid=none", "yuv444p", 1),
    ],
)
def test_what_x264_says(options: str, pixel_format: str, reordered: int) -> None:
    assert reordered_pictures(x264_parameter_sets(options, pixel_format)[0]) == reordered


def test_all_that_x264_never_says() -> None:
    count = size(begin().ue(0).ue(1).u(0).ue(3, 4).ue(2).ue(5, 6), 0, 1).u(1)
    usability = count.u(1).n(255, 8).n(16 << 16 | 11, 32).u(1, 0).u(1).n(10, 4).u(0).u(1).ue(0, 0)
    timed = usability.u(1).n(1001, 32).n(60_000, 32).u(1)
    buffered = timed.u(1).ue(1).n(0, 8).ue(9, 9).u(0).ue(9, 9).u(0).n(0, 20).u(0).u(0)
    assert reordered_pictures(restriction(buffered, 3)) == 3


def test_scaling_lists_are_passed_over() -> None:
    high = begin(100).ue(1, 0, 0).u(0).u(1)
    # The first has sixteen scales, the second ends with its first, the seventh has sixty-four that fall.
    high.u(1).ue(*[1] * 16).u(1).ue(16).u(0, 0, 0, 0).u(1).ue(*[0] * 63, 2).u(0)
    assert reordered_pictures(restriction(size(high.ue(0).ue(2)).u(1).u(0, 0, 0, 0, 0, 0, 0), 4)) == 4


def test_what_is_not_said_is_none() -> None:
    assert reordered_pictures(size(begin().ue(0).ue(2)).u(0).unit()) == 0
    assert reordered_pictures(size(begin().ue(0).ue(2)).u(1).u(0, 0, 0, 0, 0, 0, 0).u(0, 0).unit()) == 0
    for cut_off in (b"", b"\x67", b"\x67\x64\x00", PPS, b"\x67\x64\x00\x1f\x00\x00\x00"):
        assert reordered_pictures(cut_off) == 0
