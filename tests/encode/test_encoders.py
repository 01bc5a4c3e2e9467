"""The table of encoders: who is tried in which order, and what each is told in each latency profile."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, get_args

import pytest

from relay.encode.encoders import FAMILIES, Encoder, candidates, lookahead_slots
from relay.ladder import only_rung
from relay.model import EncodedCodec, EncoderChoice, Latency, LatencyProfile, StreamFormat

if TYPE_CHECKING:
    from relay.model import Rung

STREAM = StreamFormat(1280, 720, Fraction(30), audio=True, latency=Latency.LAN)
RUNG = only_rung(STREAM)
profiles = pytest.mark.parametrize("profile", LatencyProfile, ids=str)


def named(choice: EncoderChoice, codec: EncodedCodec) -> list[str]:
    return [one.name for one in candidates(replace(STREAM, encoder=choice), replace(RUNG, codec=codec))]


def hardware(profile: LatencyProfile, choice: EncoderChoice, rung: Rung = RUNG) -> Encoder:
    return candidates(replace(STREAM, encoder=choice, latency_profile=profile), rung)[0]


def test_software_is_what_remains_and_is_all_where_nothing_else_is_asked_for() -> None:
    assert named("software", "h264") == ["libx264"]
    assert named("software", "hevc") == ["libx265"]
    assert named("software", "av1") == ["libsvtav1"]
    assert named("auto", "h264") == ["h264_nvenc", "h264_qsv", "h264_amf", "h264_v4l2m2m", "libx264"]
    assert named("auto", "hevc") == ["hevc_nvenc", "hevc_qsv", "hevc_amf", "hevc_v4l2m2m", "libx265"]
    assert named("auto", "av1") == ["av1_nvenc", "av1_qsv", "av1_amf", "libsvtav1"]
    assert named("qsv", "hevc") == ["hevc_qsv", "libx265"]
    assert named("v4l2m2m", "av1") == ["libsvtav1"]
    assert StreamFormat(640, 360, Fraction(15), audio=True, latency=Latency.LAN).encoder == "software"


def test_every_choice_is_a_family_and_every_family_knows_every_profile() -> None:
    assert {"auto", "software", *(family.choice for family in FAMILIES)} == set(get_args(EncoderChoice))
    for family in FAMILIES:
        assert set(family.by_profile) == set(LatencyProfile)


@profiles
@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.choice)
def test_hardware_is_held_to_the_rate_and_reorders_nothing(
    profile: LatencyProfile, family: object, request: pytest.FixtureRequest
) -> None:
    choice = request.node.callspec.id.partition("-")[0]
    encoder = hardware(profile, choice)
    assert encoder.is_hardware
    assert encoder.holds_back
    options = encoder.options
    assert (options["maxrate"], options["bufsize"], options["bf"]) == ("2500000", "1250000", "0")
    assert int(options["b"]) < 2_500_000
    assert int(options["g"]) % 60 == 0
    assert not any("{" in value for value in options.values())


def test_what_a_latency_profile_changes_of_hardware() -> None:
    low, balanced = (hardware(profile, "nvenc") for profile in (LatencyProfile.LOW, LatencyProfile.BALANCED))
    assert (low.options["zerolatency"], low.options["rc-lookahead"], low.options["forced-idr"]) == ("1", "0", "1")
    assert balanced.options["rc-lookahead"] == "12"
    assert "zerolatency" not in balanced.options
    assert hardware(LatencyProfile.QUALITY, "qsv").options["look_ahead_depth"] == "30"
    assert hardware(LatencyProfile.LOW, "amf").options["usage"] == "ultralowlatency"
    assert hardware(LatencyProfile.LOW, "qsv").pixel_format == "nv12"


def test_a_profile_of_h264_is_handed_on_to_whoever_encodes() -> None:
    rung = replace(RUNG, profile="main")
    for encoder in candidates(replace(STREAM, encoder="auto"), rung):
        assert encoder.options["profile"] == "main"
    assert "profile" not in candidates(STREAM, RUNG)[0].options


@profiles
def test_software_holds_back_what_it_looks_ahead(profile: LatencyProfile) -> None:
    stream = replace(STREAM, latency_profile=profile)
    pictures = lookahead_slots(stream, RUNG)
    for codec in ("h264", "hevc"):
        (encoder,) = candidates(stream, replace(RUNG, codec=codec))
        assert not encoder.is_hardware
        assert encoder.holds_back is (pictures > 0)
        assert ("tune" in encoder.options) is (pictures == 0)
        assert f"rc-lookahead={pictures}" in encoder.options[f"{'x264' if codec == 'h264' else 'x265'}-params"]
    (encoder,) = candidates(stream, replace(RUNG, codec="av1"))
    assert not encoder.holds_back, "it looks ahead in no profile"
    assert not encoder.keeps_buffer


@pytest.mark.parametrize(("rate", "b_frames"), [(30, 3), (4, 3), (2, 1), (1, 0)])
def test_x265_moves_no_picture_further_than_it_looks_ahead(rate: int, b_frames: int) -> None:
    stream = replace(STREAM, rate=Fraction(rate), latency_profile=LatencyProfile.QUALITY)
    (encoder,) = candidates(stream, replace(RUNG, rate=Fraction(rate), codec="hevc"))
    assert f"bframes={b_frames}:" in encoder.options["x265-params"]


def test_large_pictures_and_the_newer_codecs_have_two_threads() -> None:
    small = replace(RUNG, width=640, height=360)
    assert candidates(STREAM, RUNG)[0].threads == 1
    assert candidates(STREAM, replace(RUNG, width=1920, height=1080, rate=Fraction(60)))[0].threads == 2
    assert "pools=2" in candidates(STREAM, replace(RUNG, codec="hevc"))[0].options["x265-params"]
    assert "pools=1" in candidates(STREAM, replace(small, codec="hevc"))[0].options["x265-params"]
    assert "lp=1" in candidates(STREAM, replace(small, codec="av1"))[0].options["svtav1-params"]


def test_presets_of_av1_are_numbers() -> None:
    assert candidates(STREAM, replace(RUNG, codec="av1"))[0].options["preset"] == "10"
    assert candidates(STREAM, replace(RUNG, codec="av1", preset="slow"))[0].options["preset"] == "6"
