"""What a multivariant playlist offers, and whether media is what it says."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from fixtures.playlists import MULTIVARIANT, LowLatency, edit
from fixtures.small_stream import init_of
from relay.check.boxes import read_init
from relay.check.declared import (
    AVERAGE_LEAST_S,
    check_average,
    check_bandwidth,
    check_declared_init,
    check_declared_rate,
    peak_bps,
)
from relay.check.renditions import Offered, Role, Variant, check_second_reader, is_multivariant, read_offers
from relay.check.spans import Span

VARIANT = Variant("v", 100_000, 90_000, ("avc1.42c00b", "mp4a.40.2"), (192, 108), Fraction(20), "aac")
SECOND = Span(Fraction(0), Fraction(1), Fraction(1, 20), 20, is_video=True)


def offered(**changes: object) -> Offered:
    return Offered("v", Role.VARIANT, [replace(VARIANT, **changes)])  # type: ignore[arg-type]  # whatever a test is about


def test_every_playlist_is_offered_once_with_all_who_play_it() -> None:
    twice = MULTIVARIANT + '#EXT-X-STREAM-INF:BANDWIDTH=1,CODECS="mp4a.40.2"\nvideo/index.m3u8\n'
    audio, video, small, iframes = read_offers(twice)
    assert [one.role for one in (audio, video, small, iframes)] == [
        Role.AUDIO,
        Role.VARIANT,
        Role.VARIANT,
        Role.IFRAMES,
    ]
    assert (audio.groups, [variant.uri for variant in audio.variants]) == (
        {"aac"},
        ["video/index.m3u8", "small/index.m3u8"],
    )
    assert [variant.bandwidth_bps for variant in video.variants] == [2_900_000, 1]
    assert video.codecs == {"avc1.64001f", "mp4a.40.2"}
    assert video.variants[0].size == (1280, 720)
    assert video.variants[1].size is None
    assert iframes.variants[0].rate is None


def test_what_cannot_be_fetched_is_not_offered() -> None:
    text = (
        "#EXTM3U\nstray.m3u8\n#EXT-X-STREAM-INF:BANDWIDTH=1\n"
        '#EXT-X-MEDIA:TYPE=CLOSED-CAPTIONS,GROUP-ID="c",NAME="c",INSTREAM-ID="CC1",URI="no"\n'
        '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="in the variant"\n'
        "#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1\n"
        '#EXT-X-MEDIA:TYPE=SUBTITLES,NAME="s",URI="subtitles.m3u8"\n'
    )
    assert [(one.uri, one.role, one.codecs) for one in read_offers(text)] == [("subtitles.m3u8", Role.SUBTITLES, set())]


def test_a_variant_that_names_no_codecs_may_have_any() -> None:
    assert Offered("v", Role.VARIANT, [VARIANT, replace(VARIANT, codecs=())]).codecs == set()


def test_playlists_of_playlists_are_told_from_those_of_media() -> None:
    assert is_multivariant(MULTIVARIANT)
    assert not is_multivariant(LowLatency().text)


def test_another_parser_reads_the_same() -> None:
    assert check_second_reader(MULTIVARIANT) == []
    (finding,) = check_second_reader(edit(MULTIVARIANT, 'URI="small/iframes.m3u8"', "URI=small/iframes.m3u8"))
    assert finding.rule == "P1"
    assert "reads the playlists" in finding.message


def test_another_parser_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: str) -> None:
        raise KeyError("uri")

    monkeypatch.setattr("relay.check.renditions.m3u8.loads", fail)
    assert "fails on it: KeyError('uri')" in check_second_reader(MULTIVARIANT)[0].message


INIT = read_init(init_of("hi")[0])


def rules(offer: Offered) -> list[str]:
    return [finding.rule for finding in check_declared_init(INIT, offer)]


def test_an_init_that_is_what_was_declared() -> None:
    assert rules(offered(codecs=(INIT.tracks[0].codecs.upper().replace("AVC1", "avc1"), "mp4a.40.2"))) == []
    assert rules(offered(codecs=(), size=None)) == []


def test_an_init_that_is_not_what_was_declared() -> None:
    assert rules(offered(codecs=("avc1.640028",))) == ["V3"]
    assert rules(offered(codecs=(), size=(1920, 1080))) == ["V4"]
    encrypted = replace(INIT, tracks=(replace(INIT.tracks[0], entry="encv", codecs="encv", width=0),))
    assert check_declared_init(encrypted, offered(codecs=("avc1.640028",))) == []


@pytest.mark.parametrize(("codecs", "expected"), [(("av01.0.04M.08",), []), (("avc1.640028",), ["V3"])])
def test_a_codec_that_is_known_by_its_kind_alone(codecs: tuple[str, ...], expected: list[str]) -> None:
    init = replace(INIT, tracks=(replace(INIT.tracks[0], entry="av01", codecs="av01"),))
    assert [finding.rule for finding in check_declared_init(init, offered(codecs=codecs))] == expected


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        ("av01.0.04M.08", []),
        ("AV01.0.04m.08.0.110.06.06.06.0", []),
        ("av01.0.04M.10", ["V3"]),
        ("av01.0.04M.0", ["V3"]),
    ],
)
def test_codecs_may_say_more_of_av1_than_its_configuration_does(declared: str, expected: list[str]) -> None:
    init = replace(INIT, tracks=(replace(INIT.tracks[0], entry="av01", codecs="av01.0.04M.08"),))
    assert [finding.rule for finding in check_declared_init(init, offered(codecs=(declared,)))] == expected


def test_more_pictures_than_declared() -> None:
    assert check_declared_rate(SECOND, offered(), "") == []
    assert [finding.rule for finding in check_declared_rate(SECOND, offered(rate=Fraction(15)), "")] == ["V4"]
    assert check_declared_rate(SECOND, offered(rate=None), "") == []
    assert check_declared_rate(replace(SECOND, is_video=False), offered(rate=Fraction(1)), "") == []
    assert check_declared_rate(replace(SECOND, duration_s=Fraction(0)), offered(rate=Fraction(1)), "") == []


def test_the_peak_is_of_half_a_target_to_one_and_a_half() -> None:
    run = [(1000, Fraction(2)), (3000, Fraction(2)), (100_000, Fraction(1, 2)), (1000, Fraction(2))]
    assert peak_bps(run, 2) == Fraction(103_000 * 8, Fraction(5, 2))
    assert peak_bps([(100, Fraction(9))], 2) == 0
    assert peak_bps([], 2) == 0


@pytest.mark.parametrize(
    ("measured", "is_live", "found"), [(125_000, True, 0), (125_001, True, 1), (110_001, False, 1)]
)
def test_bandwidth_against_what_was_measured(measured: int, is_live: bool, found: int) -> None:
    assert len(check_bandwidth(VARIANT, [Fraction(measured), Fraction(0)], is_live=is_live)) == found
    assert check_bandwidth(replace(VARIANT, bandwidth_bps=None), [Fraction(measured)], is_live=is_live) == []


@pytest.mark.parametrize(
    ("measured", "read_s", "found"), [(99_000, 30, 0), (99_001, 30, 1), (99_001, 29, 0), (1_000_000, 3600, 1)]
)
def test_average_bandwidth_against_what_was_measured(measured: int, read_s: int, found: int) -> None:
    assert AVERAGE_LEAST_S == 30
    averages = [Fraction(measured - 1000), Fraction(1000)]
    assert VARIANT.average_bandwidth_bps == 90_000
    for is_live, clause in ((True, "Apple 1.28"), (False, "Apple 1.26")):
        findings = check_average(VARIANT, averages, Fraction(read_s), is_live=is_live)
        assert [(finding.rule, finding.severity, finding.clause) for finding in findings] == [
            ("V2", "should", clause)
        ] * found
    silent = replace(VARIANT, average_bandwidth_bps=None)
    assert check_average(silent, averages, Fraction(read_s), is_live=True) == []
