"""Which format a stream gets: settings, then what is remembered, then what the camera shows, then 1280x720 at 30."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from fixtures.published import AUDIO_INIT, VIDEO_INIT
from relay.config import StreamSettings
from relay.model import Copied, CopyOffer, Latency, LatencyProfile, SourceInfo, StreamFormat, VideoCodec
from relay.supervisor.formats import Remembered, choose_format, even_size, settings_key
from relay.wire import Found


def found(width: int = 1920, height: int = 1080, rate: str | None = "25", matrix: str | None = None) -> Found:
    info = SourceInfo(width, height, Fraction(rate) if rate else None, "h264", "yuv420p", matrix, None, 0, 0)  # type: ignore[arg-type]
    return Found(info, width, height)


def choose(settings: StreamSettings, found: Found | None = None, remembered: Remembered | None = None) -> StreamFormat:
    return choose_format(settings, Latency.LAN, 2.0, found, remembered)[0]


def test_until_a_camera_was_seen() -> None:
    assert choose(StreamSettings()) == StreamFormat(1280, 720, Fraction(30), True, Latency.LAN)


def test_what_the_camera_shows_at_a_usual_rate() -> None:
    chosen = choose(StreamSettings(), found(641, 361, "1499/100"))
    assert chosen == StreamFormat(640, 360, Fraction(15), True, Latency.LAN, "smpte170m")
    assert choose(StreamSettings(), found(rate=None)).rate == 30


@pytest.mark.parametrize(
    ("height", "tagged", "matrix"), [(720, None, "bt709"), (576, None, "smpte170m"), (576, "bt709", "bt709")]
)
def test_the_matrix_is_the_cameras_or_the_sizes(height: int, tagged: str | None, matrix: str) -> None:
    assert choose(StreamSettings(), found(1024, height, matrix=tagged)).matrix == matrix


def test_what_is_remembered_outlives_the_camera() -> None:
    settings = StreamSettings()
    remembered = Remembered(choose(settings, found()), 3, seen=True, key=settings_key(settings))
    assert choose(settings, found(640, 480, "10"), remembered) == remembered.format
    assert choose(settings, None, remembered) == remembered.format


def test_only_a_setting_changes_it() -> None:
    settings = StreamSettings()
    remembered = Remembered(choose(settings, found()), 3, seen=True, key=settings_key(settings))
    assert choose(StreamSettings(audio=False, size=(640, 360)), None, remembered) == StreamFormat(
        640, 360, Fraction(25), False, Latency.LAN
    )
    other_camera = StreamSettings(source="rtsp://other/")
    assert choose(other_camera, found(1280, 720, "30"), remembered).width == 1280


def test_the_latency_profile_is_a_setting_alone() -> None:
    settings = StreamSettings()
    remembered = Remembered(choose(settings, found()), 3, seen=True, key=settings_key(settings))
    quality = StreamSettings(latency_profile=LatencyProfile.QUALITY)
    expected = replace(remembered.format, latency_profile=LatencyProfile.QUALITY)
    assert choose(quality, None, remembered) == expected != remembered.format


def test_what_encodes_is_a_setting_alone() -> None:
    settings = StreamSettings()
    remembered = Remembered(choose(settings, found()), 3, seen=True, key=settings_key(settings))
    assert remembered.format.encoder == "software"
    assert choose(StreamSettings(encoder="auto"), None, remembered) == replace(remembered.format, encoder="auto")


def test_a_format_without_a_camera_gives_way() -> None:
    settings = StreamSettings()
    unseen = Remembered(choose(settings), 1, seen=False, key=settings_key(settings))
    assert choose(settings, found(), unseen).width == 1920


def test_sizes_are_even_and_bounded() -> None:
    assert even_size(1921, 1081) == (1920, 1080)
    assert even_size(7680, 4320) == (3840, 2160)
    assert even_size(10, 10) == (64, 64)


def test_the_key_holds_no_password() -> None:
    assert "hunter2" not in settings_key(StreamSettings(source="rtsp://a:hunter2@b/"))
    assert settings_key(StreamSettings(source="a")) != settings_key(StreamSettings(source="b"))


LADDER = StreamSettings.model_validate({"renditions": [{"height": 720}, {"height": 360}]})


def test_the_ladder_belongs_to_the_format_and_not_to_what_is_remembered_of_the_camera() -> None:
    remembered = Remembered(choose(StreamSettings(), found()), 3, seen=True, key=settings_key(StreamSettings()))
    chosen, why = choose_format(LADDER, Latency.LAN, 2.0, None, remembered)
    assert [rung.name for rung in chosen.ladder] == ["video", "video-360p"]
    assert (chosen.width, chosen.height) == (1920, 1080)
    assert why == "as the settings have it"
    with_ladder = replace(remembered, format=chosen)
    assert choose(StreamSettings(), None, with_ladder) == remembered.format
    assert choose(LADDER, None, with_ladder) == chosen


def test_an_automatic_ladder_follows_the_cores() -> None:
    few, many = (
        choose_format(StreamSettings(ladder="auto"), Latency.LAN, cores, found(), None)[0] for cores in (1.0, 8)
    )
    assert (len(few.ladder), len(many.ladder)) == (0, 5)


COPY = StreamSettings(video="copy")


def offering(codec: VideoCodec = "h264", longest_gop_s: float = 2.0) -> Found:
    return replace(found(640, 360), offer=CopyOffer(codec, longest_gop_s))


def after(chosen: StreamFormat, settings: StreamSettings = COPY) -> Remembered:
    return Remembered(chosen, 3, seen=True, key=settings_key(settings))


def test_what_can_be_copied_is_cut_at_its_keyframes() -> None:
    assert choose(COPY, offering()).copied == Copied("h264", 4)
    assert choose(COPY, offering(longest_gop_s=3.3)).copied == Copied("h264", 7)
    assert choose(COPY, offering("hevc", 20)).copied == Copied("hevc", 12, is_independent=False)
    assert choose(COPY, found()).copied is None
    assert choose(COPY).copied is None


@pytest.mark.parametrize("offer", [CopyOffer("h264"), CopyOffer("h264", 2.2), None])
def test_a_copied_format_stays_while_the_camera_fits_it(offer: CopyOffer | None) -> None:
    before = choose(COPY, offering())
    again = replace(found(1280, 720), offer=offer) if offer else None
    assert choose(COPY, again, after(before)) == before


def test_keyframes_further_apart_and_another_codec_are_another_format() -> None:
    before = choose(COPY, offering())
    assert choose(COPY, offering(longest_gop_s=5), after(before)).copied == Copied("h264", 10)
    assert choose(COPY, offering("hevc"), after(before)).copied == Copied("hevc", 4)
    longest = choose(COPY, offering(longest_gop_s=10))
    assert choose(COPY, offering(longest_gop_s=14), after(longest)).copied == Copied("h264", 12, is_independent=False)
    dependent = choose(COPY, offering(longest_gop_s=14))
    assert choose(COPY, offering(longest_gop_s=20), after(dependent)) == dependent


def test_what_codecs_and_range_say_is_remembered_as_long_as_the_codec_stays() -> None:
    found_once = after(choose(COPY, offering()))
    assert found_once.described(AUDIO_INIT) is found_once
    assert after(choose(COPY)).described(VIDEO_INIT) == after(choose(COPY))
    known = found_once.described(replace(VIDEO_INIT, video_range="HLG"))
    assert known == found_once, "it makes no other format"
    for now, codecs, video_range in (
        (None, VIDEO_INIT.codecs, "HLG"),
        (offering(), VIDEO_INIT.codecs, "HLG"),
        (offering(longest_gop_s=5), VIDEO_INIT.codecs, "HLG"),
        (offering("hevc"), "", "SDR"),
    ):
        copied = choose(COPY, now, known).copied
        assert copied is not None
        assert (copied.codecs, copied.video_range) == (codecs, video_range)


def test_what_cannot_be_copied_any_more_is_encoded() -> None:
    auto = StreamSettings(video="auto")
    before = choose(auto, offering())
    now = choose(auto, found(640, 360), after(before, auto))
    assert (now.copied, now.width) == (None, 640)


def test_a_stream_that_was_encoded_is_looked_at_anew_when_it_is_to_be_copied() -> None:
    assert len({settings_key(StreamSettings(video=video)) for video in ("encode", "copy", "auto")}) == 3
