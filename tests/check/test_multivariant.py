"""One fault in a good multivariant playlist, one finding."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtures.playlists import MULTIVARIANT, LowLatency, edit
from relay.check.finding import Severity
from relay.check.multivariant import check_independence, check_multivariant

GOOD = MULTIVARIANT
SMALL = GOOD[GOOD.index("#EXT-X-STREAM-INF:BANDWIDTH=900000") : GOOD.index("#EXT-X-I-FRAME")]
IFRAMES = GOOD[GOOD.index("#EXT-X-I-FRAME") :]
SECOND = '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="aac",LANGUAGE="de",CHANNELS="2"'
STEERING = '#EXT-X-CONTENT-STEERING:SERVER-URI="steer",PATHWAY-ID="cdn"\n'


def media(attributes: str) -> tuple[str, str]:
    return "#EXT-X-MEDIA:", f'#EXT-X-MEDIA:GROUP-ID="more",NAME="More",{attributes}\n#EXT-X-MEDIA:'


def rules(text: str) -> list[str]:
    return [finding.rule for finding in check_multivariant(text)]


def test_a_good_playlist_has_no_findings() -> None:
    assert check_multivariant(GOOD) == []


def test_audio_alone_and_subtitles_are_fine() -> None:
    text = edit(GOOD, 'CODECS="avc1.64001e,mp4a.40.2",RESOLUTION=640x360,FRAME-RATE=30.000', 'CODECS="mp4a.40.2, wvtt"')
    assert check_multivariant(text) == []
    assert check_multivariant(edit(GOOD, *media('TYPE=SUBTITLES,URI="s.m3u8"'))) == []
    assert check_multivariant(edit(GOOD, *media('TYPE=CLOSED-CAPTIONS,INSTREAM-ID="CC1"'))) == []


@pytest.mark.parametrize("codecs", ["hvc1.2.4.L123.B0", "av01.0.04M.08", "vp09.00.10.08", "avc3.64001F", "dvh1.05.06"])
def test_codecs_that_are_named_in_full(codecs: str) -> None:
    assert check_multivariant(edit(GOOD, "avc1.64001f,", f"{codecs},")) == []


@pytest.mark.parametrize(
    ("rule", "old", "new"),
    [
        ("V1", "BANDWIDTH=900000,AVERAGE-BANDWIDTH=700000", "BANDWIDTH=0,AVERAGE-BANDWIDTH=0"),
        ("V1", ":BANDWIDTH=900000,", ":"),
        ("V1", ":BANDWIDTH=900000,", ":BANDWIDTH=9e5,"),
        ("V2", ",AVERAGE-BANDWIDTH=700000", ""),
        ("V2", "AVERAGE-BANDWIDTH=700000", "AVERAGE-BANDWIDTH=900001"),
        ("V2", "AVERAGE-BANDWIDTH=700000", 'AVERAGE-BANDWIDTH="700000"'),
        ("V3", 'CODECS="avc1.64001e,mp4a.40.2",', ""),
        ("V3", 'CODECS="avc1.64001e,mp4a.40.2"', "CODECS=avc1"),
        ("V3", 'CODECS="avc1.64001e,mp4a.40.2"', 'CODECS="avc1.64001e"'),
        ("V3", 'CODECS="avc1.64001e,mp4a.40.2"', 'CODECS="avc1.64001e,mp4a"'),
        ("V4", ",RESOLUTION=640x360,FRAME", ",FRAME"),
        ("V4", "RESOLUTION=640x360,FRAME", "RESOLUTION=640,FRAME"),
        ("V4", "FRAME-RATE=30.000,AUDIO=\"aac\"\nsmall", "AUDIO=\"aac\"\nsmall"),
        ("V4", "FRAME-RATE=30.000,AUDIO=\"aac\"\nsmall", "FRAME-RATE=30,AUDIO=\"aac\"\nsmall"),
        ("V4", "FRAME-RATE=30.000,AUDIO=\"aac\"\nsmall", "FRAME-RATE=fast,AUDIO=\"aac\"\nsmall"),
        ("V6", "#EXT-X-I-FRAME", "other.m3u8\n#EXT-X-I-FRAME"),
        ("V6", "small/index.m3u8\n", ""),
        ("V7", SMALL, ""),
        ("V7", "RESOLUTION=640x360,FRAME", "RESOLUTION=640x480,FRAME"),
        ("V8", 'AUDIO="aac"\nsmall', 'AUDIO="opus"\nsmall'),
        ("V8", 'AUDIO="aac"\nsmall', 'AUDIO="aac",SUBTITLES="text"\nsmall'),
        ("V8", "AUTOSELECT=YES", "AUTOSELECT=NO"),
        ("V8", "DEFAULT=YES", "DEFAULT=MAYBE"),
        ("V8", ',CHANNELS="2"', ""),
        ("V8", ',LANGUAGE="und"', ""),
        ("V8", *media("TYPE=SUBTITLES")),
        ("V8", *media("TYPE=SMELL")),
        ("V8", *media("TYPE=CLOSED-CAPTIONS")),
        ("V8", *media('TYPE=CLOSED-CAPTIONS,INSTREAM-ID="CC1",URI="a"')),
        ("V8", *media('LANGUAGE="de",CHANNELS="2",TYPE=AUDIO')),
        ("V8", *media('URI="x"')),
        ("V8", "#EXT-X-MEDIA:", f'{SECOND},NAME="Camera"\n#EXT-X-MEDIA:'),
        ("V8", "#EXT-X-MEDIA:", f'{SECOND},NAME="Two",DEFAULT=YES\n#EXT-X-MEDIA:'),
        ("V9", IFRAMES, ""),
        ("V9", ',URI="small/iframes.m3u8"', ""),
        ("V10", "BANDWIDTH=900000,", "BANDWIDTH=900000,SCORE=1.0,"),
        ("V10", ":BANDWIDTH=900000,", ":BANDWIDTH=900000,CLOSED-CAPTIONS=NONE,"),
        ("V10", ":BANDWIDTH=900000,", ":BANDWIDTH=900000,VIDEO-RANGE=PQ,"),
        ("V10", ":BANDWIDTH=900000,", ":BANDWIDTH=900000,VIDEO-RANGE=HDR10,"),
        ("V11", "#EXT-X-VERSION:6\n", "#EXT-X-VERSION:6\n" + STEERING),
        ("V11", "#EXT-X-VERSION:6\n", "#EXT-X-VERSION:6\n" + 2 * STEERING.replace("cdn", ".")),
        ("V11", "#EXT-X-VERSION:6\n", "#EXT-X-VERSION:6\n#EXT-X-CONTENT-STEERING:PATHWAY-ID=\".\"\n"),
        ("V12", "#EXT-X-VERSION:6\n", "#EXT-X-VERSION:6\n#EXT-X-TARGETDURATION:2\n"),
        ("V12", "#EXT-X-VERSION:6\n", "#EXT-X-VERSION:9\n"),
        ("V12", "#EXT-X-VERSION:6\n", "#EXT-X-VERSION:six\n"),
        ("P1", "#EXTM3U", "#EXTM3UX"),
    ],
)  # fmt: skip
def test_a_single_fault_is_the_single_finding(rule: str, old: str, new: str) -> None:
    assert rules(edit(GOOD, old, new)) == [rule]


def test_what_apple_asks_for_and_a_small_origin_may_lack_is_advice() -> None:
    text = edit(edit(edit(GOOD, IFRAMES, ""), SMALL, ""), ',LANGUAGE="und"', "")
    assert {(finding.rule, finding.severity) for finding in check_multivariant(text)} == {
        ("V7", Severity.ADVICE),
        ("V8", Severity.ADVICE),
        ("V9", Severity.ADVICE),
    }


def test_a_default_pathway_is_there_and_variables_need_their_version() -> None:
    text = edit(GOOD, "#EXT-X-VERSION:6\n", '#EXT-X-VERSION:8\n#EXT-X-CONTENT-STEERING:SERVER-URI="s"\n')
    assert rules(edit(text, "#EXT-X-INDEPENDENT-SEGMENTS\n", '#EXT-X-DEFINE:NAME="a",VALUE="b"\n')) == []
    assert rules(GOOD + "#EXT-X-STREAM-INF:" + SMALL.split(":", 1)[1].split("\n")[0]) == ["V6"]


def test_nothing_at_all() -> None:
    assert rules("") == ["P1", "V6", "V9"]


def test_independent_segments_are_said_once() -> None:
    silent = LowLatency().text
    saying = LowLatency(extra=("#EXT-X-INDEPENDENT-SEGMENTS",)).text
    quiet = edit(GOOD, "#EXT-X-INDEPENDENT-SEGMENTS\n", "")
    assert check_independence(GOOD, {"video": silent, "audio": silent}) == []
    assert check_independence(quiet, {"video": saying, "audio": saying}) == []
    for multivariant, video in ((GOOD, saying), (quiet, saying)):
        findings = check_independence(multivariant, {"video": video, "audio": silent})
        assert [finding.rule for finding in findings] == ["V5"]


@given(
    st.lists(st.sampled_from([*GOOD.splitlines(), "#EXT-X-MEDIA:,", "#EXT-X-STREAM-INF:RESOLUTION=0x0"]), max_size=20)
)
def test_any_lines_in_any_order_are_judged_and_never_raise(lines: list[str]) -> None:
    check_multivariant("\n".join(lines))
