"""One fault in a good playlist, one finding: the rule that it breaks."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtures.playlists import EPOCH_MSN, LowLatency, edit
from relay.check.finding import Severity, advice, faults, must
from relay.check.media_playlist import check_media_playlist, parse

LIVE = LowLatency().text
LAST = EPOCH_MSN + 6
OPEN = EPOCH_MSN + 7
RANGE = '#EXT-X-DATERANGE:ID="a",START-DATE="2024-01-02T00:00:00Z"'

VOD = """\
#EXTM3U
#EXT-X-VERSION:3
#EXT-X-TARGETDURATION:4
#EXT-X-PLAYLIST-TYPE:VOD
#EXT-X-START:TIME-OFFSET=1.5
#EXTINF:4.0,
0.ts
#EXT-X-DISCONTINUITY
#EXTINF:3,with a title

# a comment
1.ts
#EXT-X-ENDLIST
"""

CLASSIC = """\
#EXTM3U
#EXT-X-TARGETDURATION:4
#EXT-X-VERSION:6
#EXT-X-MEDIA-SEQUENCE:2
#EXT-X-DISCONTINUITY-SEQUENCE:1
#EXT-X-START:TIME-OFFSET=-20
#EXT-X-DATERANGE:ID="a",START-DATE="2024-02-29T00:00:00Z",END-DATE="2024-02-29T00:00:01Z",CLASS="x",END-ON-NEXT=YES
#EXT-X-KEY:METHOD=AES-128,URI="key",IV=0x00000000000000000000000000000001
#EXT-X-MAP:URI="init.mp4",BYTERANGE="600@0"
#EXT-X-PROGRAM-DATE-TIME:2024-02-29T23:59:58.000+00:30
#EXTINF:4.000,
2.m4s
#EXT-X-BYTERANGE:100@0
#EXT-X-PROGRAM-DATE-TIME:2024-03-01T00:00:02.000+00:30
#EXTINF:4.000,
3.m4s
#EXT-X-DISCONTINUITY
#EXT-X-KEY:METHOD=NONE
#EXT-X-PROGRAM-DATE-TIME:2024-03-01T00:10:02.000+0030
#EXTINF:3.000,
4.m4s
"""


def rules(text: str) -> list[str]:
    return [finding.rule for finding in check_media_playlist(text)]


@pytest.mark.parametrize(
    "text",
    [
        LIVE,
        LIVE.replace("\n", "\r\n"),
        LowLatency(open_parts=0).text,
        LowLatency(skipped=1).text,
        LowLatency(is_ended=True, segments_with_parts=0).text,
        LowLatency(discontinuities=(LAST,)).text,
        VOD,
        CLASSIC,
    ],
)
def test_a_good_playlist_has_no_findings(text: str) -> None:
    assert check_media_playlist(text) == []


FAULTS = [
    # P1: the shape of the text
    ("P1", "#EXTM3U", "\ufeff#EXTM3U"),
    ("P1", "#EXTM3U\n", ""),
    ("P1", "#EXT-X-TARGETDURATION:2\n", "#EXT-X-TARGETDURATION:2\n#EXT-X-TARGETDURATION:2\n"),
    ("P1", "#EXTM3U\n", "#EXTM3U\n#EXT-X-INDEPENDENT-SEGMENTS:YES\n"),
    ("P1", f"\n{LAST}.m4s\n", f"\n  {LAST}.m4s\n"),
    ("P1", f"{LAST}.m4s\n", f"{LAST}.m4s\n#EXT-X-BITRATE:fast\n"),
    # P2 to P5: durations, numbers, discontinuities
    ("P2", "#EXT-X-TARGETDURATION:2\n", ""),
    ("P5", "#EXT-X-DISCONTINUITY-SEQUENCE:0", "#EXT-X-DISCONTINUITY-SEQUENCE:"),
    # P6 and P7: init and dates
    ("P7", "15:06:42.000Z", "15:06:42.000"),
    ("P7", "15:06:42.000Z", "15:06:42.00Z"),
    ("P7", "#EXT-X-PROGRAM-DATE-TIME:2025-06-15T15:06:42.000Z\n", ""),
    # P3: dates that do not run as the durations
    ("P3", "15:06:54.000Z", "15:06:54.002Z"),
    # P12 to P15, P18
    ("P12", "#EXT-X-MAP", '#EXT-X-KEY:METHOD=NONE,URI="k"\n#EXT-X-MAP'),
    ("P12", "#EXT-X-MAP", "#EXT-X-KEY:METHOD=SAMPLE-AES\n#EXT-X-MAP"),
    ("P12", "#EXT-X-MAP", '#EXT-X-KEY:URI="k"\n#EXT-X-MAP'),
    ("P6", "#EXT-X-MAP", '#EXT-X-KEY:METHOD=AES-128,URI="k"\n#EXT-X-MAP'),
    ("P14", "#EXT-X-MAP", '#EXT-X-DATERANGE:ID="a",CLASS="b"\n#EXT-X-MAP'),
    ("P14", "#EXT-X-MAP", '#EXT-X-DATERANGE:ID="a",START-DATE="2024-01-01T00:00:00Z",END-ON-NEXT=YES\n#EXT-X-MAP'),
    (
        "P14",
        "#EXT-X-MAP",
        '#EXT-X-DATERANGE:ID="a",START-DATE="2024-01-02T00:00:00Z",END-DATE="2024-01-01T00:00:00Z"\n#EXT-X-MAP',
    ),
    ("P14", "#EXT-X-MAP", f"{RANGE}\n{edit(RANGE, '-02T', '-03T')}\n#EXT-X-MAP"),
    ("P15", "#EXT-X-MAP", "#EXT-X-PLAYLIST-TYPE:LIVE\n#EXT-X-MAP"),
    ("P15", "#EXT-X-MAP", "#EXT-X-PLAYLIST-TYPE:VOD\n#EXT-X-MAP"),
    ("P18", "#EXT-X-MAP", "#EXT-X-START:TIME-OFFSET=-1\n#EXT-X-MAP"),
    ("P18", "#EXT-X-MAP", "#EXT-X-START:TIME-OFFSET=13.5\n#EXT-X-MAP"),
    ("P18", "#EXT-X-MAP", "#EXT-X-START:TIME-OFFSET=soon\n#EXT-X-MAP"),
    # V12: what does not belong here, and versions
    ("V12", "#EXT-X-MAP", "#EXT-X-SESSION-DATA:DATA-ID=\"a\"\n#EXT-X-MAP"),
    ("V12", "#EXT-X-VERSION:6", "#EXT-X-VERSION:5"),
    ("V12", "#EXT-X-VERSION:6", "#EXT-X-VERSION:9"),
    ("V12", "#EXT-X-MAP", '#EXT-X-DEFINE:NAME="a",VALUE="b"\n#EXT-X-MAP'),
    # L1: parts and their target
    ("L1", f'DURATION=0.50000,URI="{LAST}.1.m4s"', f'DURATION=0.50000,URI="{LAST}.1.m4s",BYTERANGE=1@0'),
    ("L1", f'DURATION=0.50000,URI="{LAST}.1.m4s"', f'URI="{LAST}.1.m4s",DURATION=0.50000,URI="a"'),
    # L2, L11: server control
    ("L2", "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL=12,HOLD-BACK=6,PART-HOLD-BACK=1.5\n", ""),
    ("L2", "PART-HOLD-BACK=1.5", "PART-HOLD-BACK=1.4"),
    ("L2", ",PART-HOLD-BACK=1.5", ""),
    ("L2", ",HOLD-BACK=6,", ",HOLD-BACK=5.9,"),
    ("L2", "CAN-SKIP-UNTIL=12", "CAN-SKIP-UNTIL=11"),
    ("L2", "CAN-SKIP-UNTIL=12", "CAN-SKIP-DATERANGES=YES"),
    ("L11", "CAN-BLOCK-RELOAD=YES,", ""),
    # L4, L5, L8: the parts of a segment
    ("L4", f'"{LAST}.0.m4s",INDEPENDENT=YES', f'"{LAST}.0.m4s"'),
    ("L4", f'"{LAST}.1.m4s"', f'"{LAST}.1.m4s",INDEPENDENT=NO'),
    ("L5", f'"{LAST}.0.m4s",INDEPENDENT=YES', f'"{LAST}.0.m4s",INDEPENDENT=YES\n#EXT-X-MAP:URI="init.mp4"'),
    ("L8", f'#EXT-X-PART:DURATION=0.50000,URI="{LAST}.3.m4s"', f'#EXT-X-PART:DURATION=0.45,URI="{LAST}.3.m4s"'),
    # L9, L10: hints and reports
    ("L9", f'TYPE=PART,URI="{OPEN}.2.m4s"', f'TYPE=PART,URI="{OPEN}.1.m4s"'),
    ("L9", f'#EXT-X-PRELOAD-HINT:TYPE=PART,URI="{OPEN}.2.m4s"\n', ""),
    ("L9", "#EXT-X-PRELOAD-HINT", '#EXT-X-PRELOAD-HINT:TYPE=PART,URI="other.m4s"\n#EXT-X-PRELOAD-HINT'),
    ("L9", "#EXT-X-PRELOAD-HINT", '#EXT-X-PRELOAD-HINT:TYPE=KEY,URI="key"\n#EXT-X-PRELOAD-HINT'),
    ("L10", 'URI="../audio/index.m3u8"', 'URI="https://elsewhere.example/index.m3u8"'),
    ("L10", ",LAST-PART=1", ""),
    ("L10", f"LAST-MSN={OPEN}", f"LAST-MSN={OPEN - 2}"),
    ("L10", f"LAST-MSN={OPEN},", ""),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "old", "new"), FAULTS)
def test_a_single_fault_is_the_single_finding(rule: str, old: str, new: str) -> None:
    assert rules(edit(LIVE, old, new)) == [rule]


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("P1", edit(CLASSIC, "#EXT-X-MEDIA-SEQUENCE:2\n", "").replace("3.m4s\n", "3.m4s\n#EXT-X-MEDIA-SEQUENCE:2\n")),
        ("P1", CLASSIC + "#EXTINF:4.0,\n"),
        ("P1", edit(CLASSIC, "#EXTINF:3.000,\n", "")),
        ("P2", edit(LIVE, "#EXT-X-TARGETDURATION:2", "#EXT-X-TARGETDURATION:two")),
        ("P2", edit(VOD, "TARGETDURATION:4", "TARGETDURATION:3")),
        ("P2", edit(VOD, "TARGETDURATION:4", "TARGETDURATION:0")),
        ("P3", edit(VOD, "#EXTINF:4.0", "#EXTINF:four")),
        ("P3", edit(VOD, "#EXTINF:4.0", "#EXTINF:-4.0")),
        ("P3", edit(LIVE, "15:06:52.000Z", "15:06:52.030Z")),
        ("P4", edit(CLASSIC, "#EXT-X-MEDIA-SEQUENCE:2", "#EXT-X-MEDIA-SEQUENCE:-2")),
        ("P5", edit(CLASSIC, "#EXT-X-DISCONTINUITY-SEQUENCE:1\n", "")),
        ("P6", edit(LIVE, '#EXT-X-MAP:URI="init.mp4"', "#EXT-X-MAP:")),
        ("P6", edit(CLASSIC, ",IV=0x00000000000000000000000000000001", "")),
        ("P6", edit(VOD, "1.ts", "1.mp4?a=b")),
        ("P7", edit(CLASSIC, "#EXT-X-PROGRAM-DATE-TIME:2024-03-01T00:10:02.000+0030\n", "")),
        ("P7", edit(CLASSIC, "2024-03-01T00:10:02.000+0030", "tomorrow")),
        ("V12", edit(edit(CLASSIC, "#EXT-X-MEDIA", "#EXT-X-I-FRAMES-ONLY\n#EXT-X-MEDIA"), "VERSION:6", "VERSION:4")),
        ("P14", edit(VOD, "START:TIME-OFFSET=1.5", 'DATERANGE:ID="a",START-DATE="2024-02-29T00:00:00Z"')),
        ("P15", edit(VOD, "#EXT-X-ENDLIST", '#EXT-X-PRELOAD-HINT:TYPE=MAP,URI="a"\n#EXT-X-ENDLIST')),
        ("V12", edit(VOD, "#EXT-X-VERSION:3", "#EXT-X-VERSION:2")),
        ("V12", edit(VOD, "#EXT-X-VERSION:3", "#EXT-X-VERSION:three").replace("4.0", "4")),
        ("V12", edit(VOD, "#EXTINF:4.0", "#EXT-X-BYTERANGE:1@0\n#EXTINF:4.0")),
        ("V12", edit(VOD, "#EXT-X-START", "#EXT-X-I-FRAMES-ONLY\n#EXT-X-START")),
        ("V12", edit(CLASSIC, "URI=\"key\"", 'URI="key",KEYFORMAT="identity"').replace("VERSION:6", "VERSION:4")),
        ("V12", edit(LowLatency(skipped=1).text, "#EXT-X-VERSION:9", "#EXT-X-VERSION:8")),
        ("V12", edit(LowLatency(skipped=1).text, "SEGMENTS=1", 'SEGMENTS=1,RECENTLY-REMOVED-DATERANGES="a"')),
        ("L1", edit(LIVE, "PART-TARGET=0.5", "PART-TARGET=0.49")),
        ("L1", edit(LowLatency(open_parts=3).text, f'0.50000,URI="{OPEN}.1.m4s"', f'0.42,URI="{OPEN}.1.m4s"')),
        ("L2", edit(LIVE, "CAN-BLOCK-RELOAD=YES", "CAN-BLOCK-RELOAD=YES,HOLD-BACK")),
        ("L2", edit(LIVE, "CAN-BLOCK-RELOAD=YES", "CAN-BLOCK-RELOAD=YES,CAN-BLOCK-RELOAD=YES")),
        ("L1", edit(edit(LIVE, "#EXT-X-PART-INF:PART-TARGET=0.5\n", ""), ",LAST-PART=1", "")),
        ("L7", LowLatency(segments_with_parts=4).text),
        ("L15", edit(LowLatency(skipped=1).text, "CAN-SKIP-UNTIL=12,", "")),
        ("L15", LowLatency(skipped=2).text),
        ("L15", LowLatency(skipped=1, is_ended=True, segments_with_parts=0).text),
        ("L15", edit(LIVE, "#EXT-X-MAP", "#EXT-X-SKIP:SKIPPED-SEGMENTS=some\n#EXT-X-MAP").replace("N:6", "N:9")),
    ],
)  # fmt: skip
def test_other_playlists_with_a_single_fault(rule: str, text: str) -> None:
    assert set(rules(text)) == {rule}


def test_a_live_playlist_without_any_date() -> None:
    text = "".join(line for line in LIVE.splitlines(keepends=True) if "DATE-TIME" not in line)
    assert rules(text) == ["P7"]


def test_one_that_has_ended_needs_no_dates() -> None:
    assert rules(edit(VOD, "#EXT-X-PLAYLIST-TYPE:VOD\n", "")) == []


def test_durations_that_drift_are_found_though_each_step_is_small() -> None:
    # One frame of 1001/30000 s rounded up to 0.0334 s, in each segment: 0.4 ms a step, 2 ms in six.
    text = edit(LIVE, "#EXTINF:2.00000", "#EXTINF:2.00040")
    assert rules(text) == ["P3"]
    assert check_media_playlist(text, frame_s=Fraction(1, 30)) == []


def test_a_gap_is_advice_and_hides_its_parts() -> None:
    text = edit(LIVE, f"#EXTINF:2.00000,\n{LAST}.m4s", f"#EXT-X-GAP\n#EXTINF:2.00000,\n{LAST}.m4s")
    text = edit(text, f'"{LAST}.0.m4s",INDEPENDENT=YES', f'"{LAST}.0.m4s",GAP=YES')
    (finding,) = check_media_playlist(text)
    assert (finding.rule, finding.severity) == ("P11", Severity.ADVICE)
    assert faults([finding, must("P1", "", "")]) == [must("P1", "", "")]


def test_a_part_may_be_short_before_a_gap_or_when_it_is_independent() -> None:
    part = f'#EXT-X-PART:DURATION=0.50000,URI="{OPEN}.0.m4s",INDEPENDENT=YES\n'
    assert check_media_playlist(edit(LIVE, part, part.replace("0.5", "0.2"))) == []
    short = part.replace("0.5", "0.2").replace(",INDEPENDENT=YES", "")
    gap = '#EXT-X-PART:DURATION=0.50000,URI="gap.m4s",GAP=YES\n'
    assert rules(edit(LIVE, part, part + short.replace("0.m4s", "a.m4s") + gap)) == []


def test_the_oldest_parts_may_leave_before_their_segment() -> None:
    first = EPOCH_MSN + 4
    assert (
        check_media_playlist(edit(LIVE, f'#EXT-X-PART:DURATION=0.50000,URI="{first}.0.m4s",INDEPENDENT=YES\n', ""))
        == []
    )


def test_sample_aes_ctr_is_advised_against() -> None:
    text = edit(LIVE, "#EXT-X-MAP", '#EXT-X-KEY:METHOD=SAMPLE-AES-CTR,URI="k"\n#EXT-X-MAP')
    assert rules(text) == ["P13"]


def test_an_empty_text_is_no_playlist() -> None:
    assert rules("") == ["P1", "P2", "P7"]


def test_a_playlist_as_values() -> None:
    playlist = parse(LIVE)
    assert (playlist.media_sequence, playlist.next_msn, playlist.last_msn, playlist.last_part) == (
        EPOCH_MSN,
        OPEN,
        OPEN,
        1,
    )
    assert [segment.msn for segment in playlist.all_segments] == list(range(EPOCH_MSN, OPEN + 1))
    assert {segment.map_uri for segment in playlist.all_segments} == {"init.mp4"}
    assert playlist.open_segment is not None
    assert (playlist.open_segment.duration_s, playlist.open_segment.pdt_ns) == (Fraction(1), 2 * OPEN * 10**9)
    assert (playlist.part_target_s, playlist.is_low_latency) == (Fraction(1, 2), True)
    assert parse(VOD).last_part is None
    assert parse("").last_msn == -1
    assert parse(LowLatency(skipped=1).text).segments[0].msn == EPOCH_MSN + 1


@pytest.mark.parametrize("date", ["2024-02-30T00:00:00Z", "2024-02-01", "2024-02-01 00:00:00Z"])
def test_what_is_no_date(date: str) -> None:
    assert rules(edit(LIVE, "2025-06-15T15:06:42.000Z", date)) == ["P7", "P7"]


def test_zones_are_read() -> None:
    dates = [segment.pdt_ns for segment in parse(CLASSIC).segments]
    assert dates == [1709249398 * 10**9, 1709249402 * 10**9, 1709250002 * 10**9]
    west = parse(edit(CLASSIC, "2024-02-29T23:59:58.000+00:30", "2024-02-29T22:59:58,123456789-00:30"))
    assert west.segments[0].pdt_ns == 1709249398123456789


def test_a_finding_says_what_where_and_why() -> None:
    (finding,) = check_media_playlist(edit(LIVE, "PART-HOLD-BACK=1.5", "PART-HOLD-BACK=1"))
    assert str(finding) == "L2 must: PART-HOLD-BACK 1.0 is under three PART-TARGET of 0.5 [Apple 14.3]"
    assert str(advice("P1", "§1", "odd", "line 3")) == "P1 advice: odd (line 3) [§1]"


@given(
    st.lists(
        st.sampled_from([*LIVE.splitlines(), *CLASSIC.splitlines(), *VOD.splitlines(), "#EXT-X-SKIP:"]), max_size=30
    )
)
def test_any_lines_in_any_order_are_judged_and_never_raise(lines: list[str]) -> None:
    check_media_playlist("\n".join(lines))


@given(st.text())
def test_any_text_is_judged_and_never_raises(text: str) -> None:
    assert check_media_playlist(text)
    assert check_media_playlist("#EXTM3U\n#EXT-X-KEY:" + text)
