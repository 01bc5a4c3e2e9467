from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc

from fixtures.media import moving_picture
from fixtures.rate import noise_after_dark, peak_bps
from relay.encode import VideoEncoder
from relay.errors import EncodeError
from relay.ladder import only_rung
from relay.model import AccessUnit, Latency, StreamFormat
from relay.timeline import Grid

SMALL = StreamFormat(160, 90, Fraction(30), audio=True, latency=Latency.LAN)
NTSC = replace(SMALL, rate=Fraction(30000, 1001))
SLOT = 53_700_000_000  # the first of a segment at 30 a second: 2026-09-21 13:33:20 UTC

IDR, SPS, PPS = 5, 7, 8


def nal_types(unit: AccessUnit) -> list[int]:
    return [nal[0] & 31 for nal in unit.data.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1")[1:]]


def parameter_sets(unit: AccessUnit) -> list[bytes]:
    nals = unit.data.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1")[1:]
    return [nal for nal in nals if nal[0] & 31 in {SPS, PPS}]


def encode(encoder: VideoEncoder, slots: range, idr_every: int = 60) -> list[AccessUnit]:
    units = []
    for slot in slots:
        height, width = encoder._shape[0] * 2 // 3, encoder._shape[1]
        units += encoder.encode(moving_picture(width, height, slot), slot, is_idr=(slot - slots.start) % idr_every == 0)
    return units


@pytest.mark.parametrize(
    "stream", [SMALL, NTSC, replace(SMALL, rate=Fraction(25, 2)), replace(SMALL, height=66)], ids=str
)
def test_each_picture_gives_one_access_unit_of_its_slot_at_once(stream: StreamFormat) -> None:
    encoder = VideoEncoder(stream, only_rung(stream))
    for slot in range(SLOT, SLOT + 5):
        (unit,) = encoder.encode(moving_picture(stream.width, stream.height, slot), slot, is_idr=slot == SLOT)
        assert (unit.rendition, unit.pts, unit.dts, unit.is_idr) == ("video", slot, slot, slot == SLOT)


def test_idr_pictures_with_parameter_sets_come_exactly_where_they_are_asked_for() -> None:
    units = encode(VideoEncoder(SMALL, only_rung(SMALL)), range(SLOT, SLOT + 40), idr_every=15)
    assert [unit.pts - SLOT for unit in units if unit.is_idr] == [0, 15, 30]
    for unit in units:
        assert (IDR in nal_types(unit)) == unit.is_idr
        assert len(parameter_sets(unit)) == (2 if unit.is_idr else 0)


def test_a_change_of_scene_is_no_idr_picture() -> None:
    encoder, noise = VideoEncoder(SMALL, only_rung(SMALL)), np.random.default_rng(1)
    units = []
    for slot in range(SLOT, SLOT + 10):
        scene = noise.integers(16, 235, (135, 160), dtype=np.uint8)
        units += encoder.encode(scene, slot, is_idr=slot == SLOT)
    assert [unit.is_idr for unit in units] == [True] + [False] * 9


@pytest.mark.parametrize("stream", [SMALL, NTSC, replace(SMALL, matrix="smpte170m")], ids=str)
def test_every_start_gives_the_same_parameter_sets(stream: StreamFormat) -> None:
    first = encode(VideoEncoder(stream, only_rung(stream)), range(SLOT, SLOT + 1))[0]
    later = encode(VideoEncoder(stream, only_rung(stream)), range(SLOT + 1234, SLOT + 1300), idr_every=33)
    assert parameter_sets(first)
    for unit in (later[0], later[33]):
        assert parameter_sets(unit) == parameter_sets(first)


@pytest.mark.parametrize(
    ("matrix", "tags"),
    [
        ("bt709", (Colorspace.ITU709, ColorPrimaries.BT709, ColorTrc.BT709)),
        ("smpte170m", (Colorspace.SMPTE170M, ColorPrimaries.SMPTE170M, ColorTrc.SMPTE170M)),
    ],
)
def test_pictures_come_out_as_they_went_in_with_their_colours_named(matrix: str, tags: tuple[int, ...]) -> None:
    stream = replace(SMALL, matrix=matrix)  # type: ignore[arg-type]  # parametrize knows no literals
    decoder = av.CodecContext.create("h264", "r")
    encoder = VideoEncoder(stream, only_rung(stream))
    units = encode(encoder, range(SLOT, SLOT + 12))
    frames = [frame for unit in units for frame in decoder.decode(av.Packet(unit.data))] + decoder.decode(None)
    assert len(frames) == len(units)
    for slot, frame in enumerate(frames, SLOT):
        assert (frame.colorspace, frame.color_primaries, frame.color_trc) == tags
        assert frame.color_range == ColorRange.MPEG
        difference = frame.to_ndarray().astype(int) - moving_picture(160, 90, slot)
        assert np.abs(difference).mean() < 2


def test_a_picture_may_be_painted_over_as_soon_as_it_is_encoded() -> None:
    kept, reused = VideoEncoder(SMALL, only_rung(SMALL)), VideoEncoder(SMALL, only_rung(SMALL))
    buffer = np.empty((135, 160), np.uint8)
    for slot in range(SLOT, SLOT + 10):
        buffer[:] = moving_picture(160, 90, slot)
        is_idr = slot == SLOT
        assert reused.encode(buffer, slot, is_idr=is_idr) == kept.encode(buffer.copy(), slot, is_idr=is_idr)
        buffer[:] = 0


def test_a_hole_in_time_is_no_trouble() -> None:
    encoder = VideoEncoder(SMALL, only_rung(SMALL))
    encode(encoder, range(SLOT, SLOT + 5))
    (unit,) = encode(encoder, range(SLOT + 60_000, SLOT + 60_001))
    assert (unit.pts, unit.is_idr) == (SLOT + 60_000, True)


@pytest.mark.parametrize("kbps", [64, None, 1000])
def test_no_segment_exceeds_the_declared_bandwidth(kbps: int | None) -> None:
    grid, encoder = Grid.of(SMALL), VideoEncoder(SMALL, only_rung(SMALL, kbps))
    slots = range(SLOT, SLOT + 5 * grid.slots_per_segment)
    peak = peak_bps(encoder, grid, slots, lambda slot: noise_after_dark(160, 90, slot))
    assert 0.5 * encoder.average_bandwidth_bps < peak < encoder.bandwidth_bps


def test_large_and_fast_pictures_are_encoded_by_two_threads_into_one_access_unit() -> None:
    stream = StreamFormat(1920, 1088, Fraction(60), audio=False, latency=Latency.LAN)
    units = encode(VideoEncoder(stream, only_rung(stream)), range(SLOT, SLOT + 2))
    assert [unit.pts for unit in units] == [SLOT, SLOT + 1]
    assert nal_types(units[1]) == [1, 1]


def test_a_picture_of_another_size_is_refused() -> None:
    with pytest.raises(EncodeError, match=r"\(135, 162\)"):
        VideoEncoder(SMALL, only_rung(SMALL)).encode(np.zeros((135, 162), np.uint8), SLOT, is_idr=True)


def test_a_picture_that_is_not_packed_is_refused() -> None:
    with pytest.raises(EncodeError, match=str(SLOT)):
        VideoEncoder(SMALL, only_rung(SMALL)).encode(np.zeros((135, 320), np.uint8)[:, ::2], SLOT, is_idr=True)


@pytest.mark.parametrize("slot", [SLOT, SLOT - 1])
def test_time_never_stands_still_or_goes_back(slot: int) -> None:
    encoder = VideoEncoder(SMALL, only_rung(SMALL))
    encode(encoder, range(SLOT, SLOT + 1))
    with pytest.raises(EncodeError, match="after slot"):
        encode(encoder, range(slot, slot + 1))


def test_a_closed_encoder_says_so() -> None:
    encoder = VideoEncoder(SMALL, only_rung(SMALL))
    encoder.close()
    encoder.close()
    with pytest.raises(EncodeError, match="closed"):
        encode(encoder, range(SLOT, SLOT + 1))


def test_a_format_that_x264_refuses_is_named() -> None:
    with pytest.raises(EncodeError, match="161x90"):
        VideoEncoder(SMALL, replace(only_rung(SMALL), width=161))
