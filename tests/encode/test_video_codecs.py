"""H.265 and AV1 keep H.264's rules: a picture a slot, IDR where it is asked for, the same parameter sets each time."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import groupby
from typing import TYPE_CHECKING, Final

import av
import numpy as np
import pytest
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc

from fixtures.media import moving_picture
from fixtures.rate import noise, noise_after_dark, peak_bps
from fixtures.worker import findings
from relay.encode import VideoEncoder
from relay.ladder import only_rung
from relay.model import AccessUnit, Latency, LatencyProfile, StreamFormat
from relay.packager import VideoPackager, make_video_init
from relay.packager.stored import sets_of
from relay.timeline import Grid

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fixtures.rate import Scene
    from relay.model import EncodedCodec, Rung

WIDTH, HEIGHT = 160, 90
SHAPE = (HEIGHT * 3 // 2, WIDTH)
SLOT = 53_700_000_000
GOP = 30
STREAM = StreamFormat(WIDTH, HEIGHT, Fraction(30), audio=True, latency=Latency.LAN)
MOST_LATE: Final = {LatencyProfile.LOW: 0, LatencyProfile.BALANCED: 20, LatencyProfile.QUALITY: 40}
codecs = pytest.mark.parametrize("codec", ["hevc", "av1"])
profiles = pytest.mark.parametrize("profile", LatencyProfile, ids=str)


def rung_in(codec: EncodedCodec, kbps: int | None = None) -> Rung:
    return replace(only_rung(STREAM, kbps), name=f"video-90p-{codec}", codec=codec)


def encoder_of(codec: EncodedCodec, profile: LatencyProfile = LatencyProfile.LOW) -> VideoEncoder:
    return VideoEncoder(replace(STREAM, latency_profile=profile), rung_in(codec))


def moving(slot: int) -> NDArray[np.uint8]:
    return moving_picture(WIDTH, HEIGHT, slot)


def feed(encoder: VideoEncoder, slots: range, scene: Scene = moving) -> list[AccessUnit]:
    return [
        unit for slot in slots for unit in encoder.encode(scene(slot), slot, is_idr=(slot - slots.start) % GOP == 0)
    ]


@codecs
@profiles
def test_every_slot_comes_once_in_an_order_that_can_be_decoded(codec: EncodedCodec, profile: LatencyProfile) -> None:
    encoder = encoder_of(codec, profile)
    units = feed(encoder, range(SLOT, SLOT + 3 * GOP))
    assert 3 * GOP - MOST_LATE[profile] <= len(units)
    units += encoder.flush() if len(units) < 3 * GOP else []
    assert {(unit.rendition, unit.codec) for unit in units} == {(f"video-90p-{codec}", codec)}
    lead = units[0].pts - units[0].dts
    assert [unit.dts + lead for unit in units] == list(range(SLOT, SLOT + 3 * GOP))
    assert all(unit.dts <= unit.pts for unit in units)
    for n, gop in groupby(enumerate(units), key=lambda numbered: numbered[0] // GOP):
        assert sorted(unit.pts for _, unit in gop) == list(range(SLOT + n * GOP, SLOT + (n + 1) * GOP))
    assert [n for n, unit in enumerate(units) if unit.is_idr] == [0, GOP, 2 * GOP]
    assert all(sets_of(unit) == sets_of(units[0]) for unit in units if unit.is_idr)
    assert not any(sets_of(unit) for unit in units if not unit.is_idr)
    assert sets_of(units[0])


@codecs
def test_an_idr_picture_comes_wherever_it_is_asked_for_and_a_change_of_scene_is_none(codec: EncodedCodec) -> None:
    encoder, noise = encoder_of(codec), np.random.default_rng(1)
    asked = {0, 7, 8, 20}
    units = [
        unit
        for n in range(30)
        for unit in encoder.encode(noise.integers(16, 235, SHAPE, dtype=np.uint8), SLOT + n, is_idr=n in asked)
    ]
    assert {unit.pts - SLOT for unit in units if unit.is_idr} == asked


@codecs
@profiles
def test_every_start_gives_the_same_sets_and_a_picture_may_be_painted_over(
    codec: EncodedCodec, profile: LatencyProfile
) -> None:
    buffer = np.empty(SHAPE, np.uint8)

    def paint(slot: int) -> NDArray[np.uint8]:
        buffer[:] = moving(slot)
        return buffer

    kept, reused = encoder_of(codec, profile), encoder_of(codec, profile)
    expected = feed(kept, range(SLOT, SLOT + GOP)) + kept.flush()
    units = []
    for slot in range(SLOT, SLOT + GOP):
        units += reused.encode(paint(slot), slot, is_idr=slot == SLOT)
        buffer[:] = 0
    assert units + reused.flush() == expected
    later = encoder_of(codec, profile)
    first = (feed(later, range(SLOT + 1234, SLOT + 1264)) + later.flush())[0]
    assert sets_of(first) == sets_of(expected[0])


@codecs
@profiles
def test_after_a_hole_in_time_it_goes_on_with_an_idr_picture(codec: EncodedCodec, profile: LatencyProfile) -> None:
    encoder = encoder_of(codec, profile)
    units = feed(encoder, range(SLOT, SLOT + 20))
    units += feed(encoder, range(SLOT + 60_000, SLOT + 60_050)) + encoder.flush()
    before, after = units[:20], units[20:]
    assert sorted(unit.pts for unit in before) == list(range(SLOT, SLOT + 20))
    assert (after[0].pts, after[0].is_idr) == (SLOT + 60_000, True)
    assert sets_of(after[0]) == sets_of(before[0])


@codecs
@pytest.mark.parametrize(
    ("matrix", "tags"),
    [
        ("bt709", (Colorspace.ITU709, ColorPrimaries.BT709, ColorTrc.BT709)),
        ("smpte170m", (Colorspace.SMPTE170M, ColorPrimaries.SMPTE170M, ColorTrc.SMPTE170M)),
    ],
)
def test_pictures_come_out_as_they_went_in_with_their_colours_named(
    codec: EncodedCodec, matrix: str, tags: tuple[int, ...]
) -> None:
    stream = replace(STREAM, matrix=matrix)  # type: ignore[arg-type]  # parametrize knows no literals
    decoder = av.CodecContext.create({"hevc": "hevc", "av1": "libdav1d"}[codec], "r")
    assert isinstance(decoder, av.VideoCodecContext)
    units = feed(VideoEncoder(stream, rung_in(codec, 400)), range(SLOT, SLOT + 12))
    frames = [frame for unit in units for frame in decoder.decode(av.Packet(unit.data))] + decoder.decode(None)
    assert len(frames) == len(units) == 12
    for slot, frame in enumerate(frames, SLOT):
        assert (frame.colorspace, frame.color_primaries, frame.color_trc) == tags
        assert frame.color_range == ColorRange.MPEG
        difference = frame.to_ndarray().astype(int) - moving(slot)
        assert np.abs(difference).mean() < 4


@codecs
@profiles
def test_what_is_made_of_it_obeys_the_rules_of_cmaf_and_starts_mid_segment(
    codec: EncodedCodec, profile: LatencyProfile
) -> None:
    """As in a takeover: the first picture is not a segment's first, the next IDR picture is."""
    stream, rung = replace(STREAM, latency_profile=profile), rung_in(codec)
    grid, encoder = Grid.of(stream), VideoEncoder(stream, rung)
    first = SLOT if profile is LatencyProfile.QUALITY else SLOT + 7 * grid.slots_per_part
    units = []
    for slot in range(first, SLOT + 2 * grid.slots_per_segment):
        is_idr = slot == first or grid.starts_segment(slot)
        units += encoder.encode(moving(slot), slot, is_idr=is_idr)
    units += encoder.flush()
    init = make_video_init(stream, rung, units[0], 1, 1)
    packager = VideoPackager(grid)
    parts = [part for unit in units if (part := packager.add(unit))]
    assert init.codecs.startswith({"hevc": "hvc1.1.6.L", "av1": "av01.0.0"}[codec])
    assert findings(init, parts) == []
    assert sum(part.duration_ticks for part in parts) == (SLOT + 120 - first) * grid.ticks_per_slot
    assert [part.index for part in parts if part.is_independent] == ([0, 0] if first == SLOT else [7, 0])


SCENES: Final[dict[str, Scene]] = {
    "noise": lambda slot: noise(WIDTH, HEIGHT, slot % 97),
    "noise after dark": lambda slot: noise_after_dark(WIDTH, HEIGHT, slot),
    "dark after noise": lambda slot: noise_after_dark(WIDTH, HEIGHT, slot + 85),
    "a cut every second": lambda slot: noise(WIDTH, HEIGHT, slot // 30),
    "moving": moving,
}


@pytest.mark.parametrize(("codec", "segments"), [("hevc", 3), ("av1", 6)])
@pytest.mark.parametrize("scene", SCENES.values(), ids=list(SCENES))
def test_no_segment_is_over_the_declared_bandwidth(codec: EncodedCodec, segments: int, scene: Scene) -> None:
    """What SVT-AV1 has learned of one scene is wrong for another, and the more so the later that comes."""
    grid, encoder = Grid.of(STREAM), VideoEncoder(STREAM, rung_in(codec, 400))
    slots = range(SLOT, SLOT + segments * grid.slots_per_segment)
    assert peak_bps(encoder, grid, slots, scene) <= encoder.bandwidth_bps


def test_pictures_that_move_within_the_rate_are_never_repeated_in_av1() -> None:
    encoder = VideoEncoder(STREAM, rung_in("av1", 400))
    feed(encoder, range(SLOT, SLOT + 10 * GOP))
    assert encoder.repeats == 0
