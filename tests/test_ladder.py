"""Which renditions a stream has: the owner's list or an automatic one, and what may not be on a list."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.config import StreamSettings
from relay.ladder import Ladder, choose_ladder, default_bitrate_kbps, only_rung
from relay.model import Latency, LatencyProfile, Rung, StreamFormat
from relay.timeline import NS_PER_S, USUAL_RATES, Grid


def asking(*renditions: dict[str, Any], **settings: Any) -> StreamSettings:
    return StreamSettings.model_validate({"renditions": renditions, **settings})


def shapes(ladder: Ladder) -> list[str]:
    return [f"{rung.name} {rung.width}x{rung.height}@{rung.rate} {rung.bitrate_kbps}" for rung in ladder.rungs]


@pytest.mark.parametrize(
    ("width", "height", "rate", "kbps"),
    [(1280, 720, 30, 2500), (1920, 1080, 30, 4600), (1920, 1080, 60, 7700), (640, 360, 15, 550), (64, 64, 1, 100)],
)
def test_the_default_bit_rate_grows_slower_than_the_pixels(width: int, height: int, rate: int, kbps: int) -> None:
    assert default_bitrate_kbps(width, height, Fraction(rate)) == kbps


def test_a_stream_without_a_ladder_has_one_rendition_of_its_own_shape() -> None:
    stream = StreamFormat(640, 360, Fraction(15), audio=True, latency=Latency.LAN)
    assert choose_ladder(StreamSettings(), 640, 360, Fraction(15), 8) == Ladder()
    assert only_rung(stream) == Rung("video", 640, 360, Fraction(15), 550)
    assert only_rung(stream, 900).bitrate_kbps == 900


def test_the_owners_list_is_put_in_order_and_named() -> None:
    settings = asking(
        {"width": 426, "rate": 15, "bitrate_kbps": 200, "profile": "main"}, {"height": 480}, {"height": 720}
    )
    ladder = choose_ladder(settings, 1280, 720, Fraction(30), 1)
    assert shapes(ladder) == [
        "video 1280x720@30 2500",
        "video-480p 854x480@30 1350",
        "video-240p15 426x240@15 200",
    ]
    assert [rung.profile for rung in ladder.rungs] == [None, None, "main"]
    assert ladder.why == "as the settings have it"


def test_the_largest_rung_may_be_smaller_and_slower_than_the_pictures() -> None:
    ladder = choose_ladder(asking({"height": 360, "rate": 15}, {"height": 180}), 1280, 720, Fraction(30), 1)
    assert shapes(ladder) == ["video 640x360@15 550", "video-180p 320x180@30 300"]


def test_rungs_in_other_codecs_come_behind_those_in_h264_and_say_what_they_are() -> None:
    settings = asking(
        {"height": 720, "codec": "hevc"},
        {"height": 360},
        {"height": 720, "codec": "av1", "rate": 15},
        {"height": 480},
        {"height": 360, "codec": "hevc", "preset": "superfast"},
    )
    ladder = choose_ladder(settings, 1280, 720, Fraction(30), 1)
    assert shapes(ladder) == [
        "video 854x480@30 1350",
        "video-360p 640x360@30 900",
        "video-720p-hevc 1280x720@30 1750",
        "video-360p-hevc 640x360@30 600",
        "video-720p15-av1 1280x720@15 1050",
    ]
    assert [rung.codec for rung in ladder.rungs] == ["h264", "h264", "hevc", "hevc", "av1"]
    assert ladder.rungs[3].preset == "superfast"


def test_without_room_for_any_in_h264_there_is_no_ladder() -> None:
    settings = asking({"height": 720}, {"height": 360, "codec": "hevc"})
    ladder = choose_ladder(settings, 640, 360, Fraction(30), 1)
    assert ladder.rungs == ()
    assert ladder.why.endswith("nothing in H.264 is left, so that there is one rendition, of their own size")


def test_an_automatic_ladder_is_in_h264() -> None:
    ladder = choose_ladder(StreamSettings(ladder="auto"), 1280, 720, Fraction(30), 2)
    assert {rung.codec for rung in ladder.rungs} == {"h264"}


def test_what_the_camera_turns_out_to_be_too_small_for_is_left_out_and_told() -> None:
    ladder = choose_ladder(asking({"height": 1080}, {"height": 720}, {"width": 1280}), 1280, 720, Fraction(30), 1)
    assert shapes(ladder) == ["video 1280x720@30 2500"]
    assert ladder.why.endswith("without height 1080, width 1280, which pictures of 1280x720 have no room for")


@pytest.mark.parametrize(
    ("camera", "asked", "got"),
    [
        ("30", ("30", "15", "5"), ("30", "15", "5")),
        ("25", ("30", "15"), ("25", "25/2")),
        ("25", ("30", "15", "5"), ("25", "25", "5")),
        ("15", ("60", "30"), ("15", "15")),
        ("30000/1001", ("30", "15"), ("30000/1001", "15000/1001")),
    ],
)
def test_at_another_rate_than_was_thought_rates_are_the_nearest_that_fit(
    camera: str, asked: tuple[str, ...], got: tuple[str, ...]
) -> None:
    renditions = [{"height": 720 - 120 * n, "rate": rate} for n, rate in enumerate(asked)]
    ladder = choose_ladder(asking(*renditions), 1280, 720, Fraction(camera), 1)
    assert [rung.rate for rung in ladder.rungs] == [Fraction(rate) for rate in got]


@pytest.mark.parametrize(
    ("size", "rate", "cores", "names", "why"),
    [
        ((1280, 720), "30", 2, ["video", "video-480p", "video-360p", "video-240p"], "chosen for 1280x720 and 2 cores"),
        ((1920, 1080), "60", 8, ["video", "video-720p", "video-480p30", "video-360p30", "video-240p30"], "8 cores"),
        ((720, 1280), "25", 2, ["video", "video-854p", "video-640p", "video-426p"], "2 cores"),
        ((1280, 720), "30", 0.5, ["video"], "0.5 cores, which are too few for more: there is nothing to step down to"),
        ((320, 240), "30", 4, [], "nothing to step down to"),
        ((1920, 1080), "30", 1, [], "which are too few for more"),
        ((1920, 1080), "30", 1.5, ["video", "video-720p"], "1.5 cores, which are too few for more"),
    ],
)
def test_an_automatic_ladder_goes_down_from_the_source_as_far_as_the_cores_allow(
    size: tuple[int, int], rate: str, cores: float, names: list[str], why: str
) -> None:
    ladder = choose_ladder(StreamSettings(ladder="auto"), *size, Fraction(rate), cores)
    assert [rung.name for rung in ladder.rungs] == (names if len(names) > 1 else [])
    assert why in ladder.why


def test_an_automatic_ladder_keeps_to_the_bit_rate_that_the_largest_is_given() -> None:
    ladder = choose_ladder(StreamSettings(ladder="auto", video_bitrate_kbps=1250), 1280, 720, Fraction(30), 2)
    assert [rung.bitrate_kbps for rung in ladder.rungs] == [1250, 675, 450, 250]
    ladder = choose_ladder(StreamSettings(ladder="auto", video_bitrate_kbps=200), 1280, 720, Fraction(30), 2)
    assert [rung.bitrate_kbps for rung in ladder.rungs] == [200, 108, 72, 64]


@given(
    rate=st.sampled_from(USUAL_RATES),
    asked=st.lists(st.sampled_from([None, 60, 30, 15, 7.5]), min_size=1, max_size=6),
    latency=st.sampled_from(Latency),
    profile=st.sampled_from(LatencyProfile),
    now_s=st.integers(1_700_000_000, 2_000_000_000),
)
def test_whatever_the_camera_sends_all_rungs_have_the_same_parts_and_segments(
    rate: Fraction, asked: list[float | None], latency: Latency, profile: LatencyProfile, now_s: int
) -> None:
    renditions = [{"height": 720 - 100 * n, **({"rate": one} if one else {})} for n, one in enumerate(asked)]
    ladder = choose_ladder(asking(*renditions), 1280, 720, rate, 2)
    stream = StreamFormat(1280, 720, rate, True, latency, ladder=ladder.rungs, latency_profile=profile)
    grid = Grid.of(stream)
    assert len(ladder.rungs) == len({rung.name for rung in ladder.rungs}) == len(asked)
    slot = grid.next_segment_slot(grid.slot_at(now_s * NS_PER_S)) + grid.slots_per_part
    index = 1 if grid.has_parts else 0
    for rung in ladder.rungs:
        own = grid.at(rung.rate)
        step = grid.slots_per_part // own.slots_per_part
        assert rung.rate * step == rate
        assert (own.part_s, own.segment_s, own.parts_per_segment) == (
            grid.part_s,
            grid.segment_s,
            grid.parts_per_segment,
        )
        assert own.target_duration_s == grid.target_duration_s
        assert slot % step == 0
        assert (own.msn(slot // step), own.part_index(slot // step)) == (grid.msn(slot), index)
        assert own.start_ns(slot // step) == grid.start_ns(slot)
        assert Fraction(own.tfdt(slot // step), own.timescale) == Fraction(grid.tfdt(slot), grid.timescale)
