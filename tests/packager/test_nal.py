"""NAL units of cameras: in byte streams and behind lengths, and what of them goes where."""

from __future__ import annotations

import pytest

from relay.packager import nal

H264 = {"sps": b"\x67\x4d\x40", "pps": b"\x68\xee", "sei": b"\x06\x05", "aud": b"\x09\xf0", "idr": b"\x65\x88\x84"}
H264_P = b"\x41\x9a"
HEVC = {
    "vps": b"\x40\x01\x0c",
    "sps": b"\x42\x01\x01\x21\x60",
    "pps": b"\x44\x01\xc1",
    "aud": b"\x46\x01\x50",
    "idr": b"\x26\x01\xaf",
    "cra": b"\x2a\x01\xaf",
}
HEVC_P = b"\x02\x01\xd0"
AVCC = bytes.fromhex("01 4d400c ff e1 0003 674d40 01 0002 68ee")
HVCC = bytes(21) + bytes([3, 3])
HVCC = b"\x01" + HVCC[1:]
for _type, _name in ((32, "vps"), (33, "sps"), (34, "pps")):
    _unit = HEVC[_name]
    HVCC += bytes([0xA0 | _type, 0, 1]) + len(_unit).to_bytes(2, "big") + _unit


def prefixed(*units: bytes, length_bytes: int = 4) -> bytes:
    return b"".join(len(unit).to_bytes(length_bytes, "big") + unit for unit in units)


def test_units_stand_behind_start_codes_or_lengths() -> None:
    units = (H264["sps"], H264["pps"], H264["idr"])
    assert nal.split_units(nal.byte_stream(units), 0) == units
    for length_bytes in (1, 2, 4):
        assert nal.split_units(prefixed(*units, length_bytes=length_bytes), length_bytes) == units
    assert nal.length_prefixed(units) == prefixed(*units)


@pytest.mark.parametrize("cut_bytes", [1, 2, 3, 6])
def test_what_is_cut_off_in_the_middle_ends_there(cut_bytes: int) -> None:
    whole = prefixed(H264["sps"], H264["idr"])
    assert nal.split_units(whole[:-cut_bytes], 4)[0] == H264["sps"]
    assert nal.split_units(prefixed(b"", H264["idr"]), 4) == (H264["idr"],)


def test_parameter_sets_beside_the_pictures() -> None:
    assert nal.configuration(AVCC, "h264") == ((H264["sps"], H264["pps"]), 4)
    assert nal.configuration(HVCC, "hevc") == ((HEVC["vps"], HEVC["sps"], HEVC["pps"]), 4)
    sdp = nal.byte_stream([H264["sps"], H264["pps"]])
    assert nal.configuration(sdp, "h264") == ((H264["sps"], H264["pps"]), 0)
    assert nal.configuration(b"", "h264") == ((), 0)


@pytest.mark.parametrize(("codec", "record"), [("h264", AVCC[:4]), ("h264", AVCC[:7]), ("hevc", HVCC[:25])])
def test_a_configuration_that_ends_too_early_is_refused(codec: str, record: bytes) -> None:
    with pytest.raises(ValueError, match="ends too early"):
        nal.configuration(record, codec)  # type: ignore[arg-type]


def test_keyframes_are_pictures_at_which_browsers_start() -> None:
    assert nal.is_keyframe([H264["sei"], H264["idr"]], "h264")
    assert not nal.is_keyframe([H264["sei"], H264_P], "h264")
    assert nal.is_keyframe([HEVC["idr"]], "hevc")
    assert nal.is_keyframe([HEVC["cra"]], "hevc")
    assert not nal.is_keyframe([HEVC_P], "hevc")


def test_a_sample_has_neither_delimiters_nor_what_the_init_segment_has() -> None:
    known = (H264["sps"], H264["pps"])
    unit = [H264["aud"], *known, H264["sei"], H264["idr"]]
    assert nal.media_units(unit, "h264", known) == (H264["sei"], H264["idr"])
    assert nal.media_units([HEVC["aud"], HEVC_P], "hevc", ()) == (HEVC_P,)
    foreign = b"\x68\xef"
    assert nal.media_units([foreign, H264_P], "h264", known) == (foreign, H264_P), "a decoder may need it"


def test_in_front_of_a_keyframe_the_parameter_sets_stand_once_more() -> None:
    known = (H264["sps"], H264["pps"])
    for given in ((), known):
        unit = [H264["aud"], *given, H264["sei"], H264["idr"]]
        assert nal.sample_units(unit, "h264", known) == (*known, H264["sei"], H264["idr"])
        assert nal.sample_units([*given, H264_P], "h264", known) == (H264_P,)
    assert nal.sample_units([HEVC["cra"]], "hevc", (HEVC["vps"],)) == (HEVC["vps"], HEVC["cra"])


def test_new_parameter_sets_take_the_place_of_their_kind() -> None:
    before = (HEVC["vps"], HEVC["sps"], HEVC["pps"])
    new = HEVC["sps"] + b"\x01"
    assert nal.parameter_sets([HEVC["idr"]], "hevc", before) == before
    assert nal.parameter_sets([HEVC["pps"], new, new], "hevc", before) == (HEVC["vps"], new, HEVC["pps"])
    assert nal.has_all_sets(before, "hevc")
    assert not nal.has_all_sets(before[:2], "hevc")
