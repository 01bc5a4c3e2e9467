"""How far an encoder moves pictures, as its sequence parameter set says (Rec. ITU-T H.264 §7.3.2.1.1 and Annex E).

What a single segment shows of it will not do: it changes from one to the next, and decoding times with it.
"""

from __future__ import annotations

from typing import Final

_WITH_CHROMA_FORMAT: Final = frozenset({44, 83, 86, 100, 110, 118, 122, 128, 134, 135, 138, 139, 244})
_YUV_444: Final = 3
_EXTENDED_SAR: Final = 255
_EMULATION_PREVENTION: Final = b"\x00\x00\x03"


def reordered_pictures(sequence_parameter_set: bytes) -> int:
    """`max_num_reorder_frames`: how many pictures may come before one that is shown before them; 0 if not said."""
    try:
        return _reordered_pictures(_Bits(sequence_parameter_set))
    except IndexError:
        return 0


class _Bits:
    """The bits of a NAL unit behind its header. Raises `IndexError` at their end."""

    def __init__(self, unit: bytes) -> None:
        payload = unit[1:].replace(_EMULATION_PREVENTION, b"\x00\x00")
        self._bits = f"{int.from_bytes(payload, 'big'):0{8 * len(payload)}b}" if payload else ""
        self._at = 0

    def u(self, count: int = 1) -> int:
        """An unsigned integer of `count` bits."""
        end = self._at + count
        if end > len(self._bits):
            raise IndexError("the parameter set ends too early")
        value, self._at = int(self._bits[self._at : end], 2), end
        return value

    def ue(self) -> int:
        """An Exp-Golomb code (§9.1), of which a signed one is read as well."""
        zeros = 0
        while not self.u():
            zeros += 1
        return (1 << zeros) - 1 + (self.u(zeros) if zeros else 0)


def _reordered_pictures(bits: _Bits) -> int:
    profile = bits.u(8)
    bits.u(16)  # constraints, level
    bits.ue()  # seq_parameter_set_id
    if profile in _WITH_CHROMA_FORMAT:
        _skip_chroma(bits)
    bits.ue()  # log2_max_frame_num_minus4
    _skip_order_count(bits)
    bits.ue()  # max_num_ref_frames
    bits.u()  # gaps_in_frame_num_value_allowed_flag
    bits.ue()  # pic_width_in_mbs_minus1
    bits.ue()  # pic_height_in_map_units_minus1
    if not bits.u():  # frame_mbs_only_flag
        bits.u()  # mb_adaptive_frame_field_flag
    bits.u()  # direct_8x8_inference_flag
    if bits.u():  # frame_cropping_flag
        _skip_codes(bits, 4)
    return _of_usability(bits) if bits.u() else 0  # vui_parameters_present_flag


def _of_usability(bits: _Bits) -> int:
    """`vui_parameters()` (§E.1.1)."""
    if bits.u() and bits.u(8) == _EXTENDED_SAR:  # aspect_ratio_info_present_flag, aspect_ratio_idc
        bits.u(32)
    if bits.u():  # overscan_info_present_flag
        bits.u()
    if bits.u():  # video_signal_type_present_flag
        bits.u(4)  # video_format, video_full_range_flag
        if bits.u():  # colour_description_present_flag
            bits.u(24)
    if bits.u():  # chroma_loc_info_present_flag
        _skip_codes(bits, 2)
    if bits.u():  # timing_info_present_flag
        bits.u(65)
    has_hrd = [_skip_hrd(bits) for _ in range(2)]  # NAL, VCL
    if any(has_hrd):
        bits.u()  # low_delay_hrd_flag
    bits.u()  # pic_struct_present_flag
    if not bits.u():  # bitstream_restriction_flag
        return 0
    bits.u()  # motion_vectors_over_pic_boundaries_flag
    _skip_codes(bits, 4)  # two limits of sizes, two of motion vectors
    return bits.ue()


def _skip_codes(bits: _Bits, count: int) -> None:
    for _ in range(count):
        bits.ue()


def _skip_chroma(bits: _Bits) -> None:
    chroma_format = bits.ue()
    if chroma_format == _YUV_444:
        bits.u()  # separate_colour_plane_flag
    _skip_codes(bits, 2)  # bit depths
    bits.u()  # qpprime_y_zero_transform_bypass_flag
    if bits.u():  # seq_scaling_matrix_present_flag
        for index in range(12 if chroma_format == _YUV_444 else 8):
            if bits.u():
                _skip_scaling_list(bits, 16 if index < 6 else 64)


def _skip_scaling_list(bits: _Bits, size: int) -> None:
    """`scaling_list()` (§7.3.2.1.1.1), which ends where the next scale would be 0."""
    last = next_ = 8
    for _ in range(size):
        if next_:
            code = bits.ue()
            delta = (code + 1) // 2 if code % 2 else -(code // 2)
            next_ = (last + delta) % 256
        last = next_ or last


def _skip_order_count(bits: _Bits) -> None:
    kind = bits.ue()  # pic_order_cnt_type
    if kind == 0:
        bits.ue()
    elif kind == 1:
        bits.u()
        _skip_codes(bits, 2)
        _skip_codes(bits, bits.ue())


def _skip_hrd(bits: _Bits) -> bool:
    """`hrd_parameters()` (§E.1.2), where its flag says that they are there; whether it did."""
    if not bits.u():
        return False
    count = bits.ue() + 1  # cpb_cnt_minus1
    bits.u(8)  # scales
    for _ in range(count):
        _skip_codes(bits, 2)
        bits.u()
    bits.u(20)  # four lengths
    return True
