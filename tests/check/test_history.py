"""What may change between two readings of a playlist, and what renditions share."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtures.playlists import EPOCH_MSN, LowLatency, edit
from relay.check.history import check_delta, check_renditions, check_update, check_updates
from relay.check.media_playlist import MediaPlaylist, parse

LIVE = LowLatency()
NEXT = LowLatency(first_msn=EPOCH_MSN + 1)
LAST = EPOCH_MSN + 6
OPEN = EPOCH_MSN + 7
LAST_END = f"#EXTINF:2.00000,\n{LAST}.m4s"
GROWN = LowLatency(open_parts=3)
BARE = LowLatency(segments=8, open_parts=0, segments_with_parts=0)


def update_rules(before: str, after: str) -> list[str]:
    return [finding.rule for finding in check_update(parse(before), parse(after))]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (LIVE, LIVE),
        (LIVE, LowLatency(open_parts=3)),
        (LowLatency(open_parts=4), LowLatency(segments=8, open_parts=0)),
        (LIVE, NEXT),
        (LIVE, LowLatency(segments=8, open_parts=0)),
        (LIVE, LowLatency(segments=8, segments_with_parts=0)),
        (LowLatency(open_parts=0), LowLatency(open_parts=1)),
        (LIVE, LowLatency(skipped=1, open_parts=3)),
        (LIVE, LowLatency(first_msn=EPOCH_MSN + 1, skipped=1)),
        (LIVE, LowLatency(segments=8, segments_with_parts=0, is_ended=True)),
        (LIVE, LowLatency(first_msn=OPEN + 20)),
        (LowLatency(discontinuities=(EPOCH_MSN,)), replace(NEXT, discontinuity_sequence=1)),
        (LowLatency(skipped=1), NEXT),
        (LIVE, LowLatency(first_msn=EPOCH_MSN + 3, segments=5, is_ended=True)),
    ],
)
def test_what_a_server_may_do(before: LowLatency, after: LowLatency) -> None:
    assert update_rules(before.text, after.text) == []


@pytest.mark.parametrize(
    ("rule", "before", "after"),
    [
        ("P2", LIVE.text, edit(LIVE.text, "TARGETDURATION:2", "TARGETDURATION:3")),
        ("L1", LIVE.text, edit(LIVE.text, "PART-TARGET=0.5", "PART-TARGET=0.6")),
        ("L2", LIVE.text, edit(LIVE.text, "HOLD-BACK=6,", "HOLD-BACK=8,")),
        ("P15", LIVE.text, edit(LIVE.text, "#EXT-X-MAP", "#EXT-X-PLAYLIST-TYPE:EVENT\n#EXT-X-MAP")),
        ("P4", NEXT.text, LIVE.text),
        ("P4", LIVE.text, LowLatency(segments=6).text),
        ("P4", LIVE.text, edit(NEXT.text, f"SEQUENCE:{EPOCH_MSN + 1}", f"SEQUENCE:{EPOCH_MSN + 50}")),
        ("P5", LowLatency(discontinuities=(EPOCH_MSN,)).text, NEXT.text),
        ("P5", LIVE.text, replace(NEXT, discontinuity_sequence=1).text),
        ("P8", LIVE.text, edit(LIVE.text, "#EXTINF:2.00000", "#EXTINF:2.0", 1)),
        ("P8", LIVE.text, edit(LIVE.text, "T15:06:42.000Z", "T15:06:42.001Z")),
        ("P8", LIVE.text, edit(LIVE.text, f"{LAST}.m4s", f"{LAST}a.m4s")),
        ("P8", LIVE.text, edit(LIVE.text, f"URI=\"{LAST}.3.m4s\"", "URI=\"other.m4s\"")),
        ("P8", LIVE.text, edit(LIVE.text, LAST_END, f'#EXT-X-PART:DURATION=0.1,URI="a"\n{LAST_END}')),
        ("P8", LIVE.text, edit(GROWN.text, f'0.50000,URI="{OPEN}.1.m4s"', f'0.4,URI="{OPEN}.1.m4s"')),
        ("P8", LowLatency(is_ended=True).text, LowLatency(open_parts=0).text),
        ("P8", LowLatency(is_ended=True).text, LowLatency(segments=8, is_ended=True).text),
        ("P8", LIVE.text, edit(LIVE.text, f'#EXT-X-PART:DURATION=0.50000,URI="{LAST}.3.m4s"\n', "")),
        ("P8", LIVE.text, edit(LIVE.text, '"init.mp4"', '"other.mp4"')),
        ("P9", LIVE.text, LowLatency(first_msn=EPOCH_MSN + 5, segments=2).text),
        ("P9", LIVE.text, LowLatency(first_msn=EPOCH_MSN + 2, segments=5).text),
        ("L8", LowLatency(open_parts=4).text, edit(BARE.text, f"2.00000,\n{OPEN}.m4s", f"1.9,\n{OPEN}.m4s")),
        ("L9", edit(LIVE.text, f'TYPE=PART,URI="{OPEN}.2.m4s"', 'TYPE=PART,URI="other.m4s"'), GROWN.text),
    ],
)  # fmt: skip
def test_what_a_server_must_not_do(rule: str, before: str, after: str) -> None:
    assert set(update_rules(before, after)) == {rule}


def test_parts_that_were_missed_are_no_fault() -> None:
    # Read once with one part, and again when the segment is complete and its first parts have left.
    after = LowLatency(segments=8, open_parts=0).text
    after = edit(after, f'#EXT-X-PART:DURATION=0.50000,URI="{OPEN}.0.m4s",INDEPENDENT=YES\n', "")
    assert update_rules(LowLatency(open_parts=1).text, after) == []


def test_an_event_keeps_its_segments() -> None:
    before, after = (replace(parse(text.text), playlist_type="EVENT") for text in (LIVE, NEXT))
    assert [finding.rule for finding in check_update(before, after)] == ["P15"]


def test_of_a_history_each_step_is_judged() -> None:
    before, after = parse(LIVE.text), replace(parse(NEXT.text), playlist_type="EVENT")
    rules = [finding.rule for one in ((before, after), (after, before)) for finding in check_update(*one)]
    assert [finding.rule for finding in check_updates([before, after, before])] == rules
    assert rules


def test_byte_ranges_of_one_file_are_told_apart() -> None:
    texts = [
        f"#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:{first}\n"
        + "".join(f"#EXT-X-BYTERANGE:9@{n}\n#EXTINF:2.0,\nall.mp4\n" for n in range(first, first + 7))
        for first in (0, 1)
    ]
    assert update_rules(*texts) == []


@given(st.lists(st.integers(min_value=1, max_value=9), max_size=12))
def test_a_stream_that_only_grows_is_legal_however_often_it_is_read(steps: list[int]) -> None:
    published = 0
    readings = []
    for step in steps:
        published += step
        segments, parts = divmod(published, 4)
        readings.append(LowLatency(first_msn=EPOCH_MSN + segments, open_parts=parts).text)
    assert check_updates(parse(text) for text in readings) == []


def test_a_delta_is_the_playlist_less_what_it_skips() -> None:
    full, delta = parse(LIVE.text), parse(LowLatency(skipped=1).text)
    assert check_delta(full, delta) == []
    with_map = LowLatency(skipped=1, extra=('#EXT-X-MAP:URI="init.mp4"',))
    assert check_delta(full, parse(with_map.text)) == []
    assert check_delta(parse(LowLatency(open_parts=0).text), parse(LowLatency(skipped=1, open_parts=0).text)) == []
    assert [finding.rule for finding in check_delta(full, replace(delta, open_segment=None))] == ["L15"]
    assert [finding.rule for finding in check_delta(full, parse(LowLatency(skipped=1, segments=6).text))] == ["L15"]


def renditions(video: str, audio: str) -> list[str]:
    playlists: dict[str, MediaPlaylist] = {"video": parse(video), "audio": parse(audio)}
    return [finding.rule for finding in check_renditions(playlists)]


def test_renditions_that_agree() -> None:
    audio = LowLatency(report="../video/index.m3u8").text
    assert renditions(LIVE.text, audio) == []
    assert renditions(LIVE.text, edit(audio, "15:06:42.000Z", "15:06:41.984Z")) == []
    assert renditions(LIVE.text, edit(audio, "#EXT-X-PROGRAM-DATE-TIME:2025-06-15T15:06:42.000Z\n", "")) == []
    assert renditions(LIVE.text, LowLatency(first_msn=EPOCH_MSN + 1, segments=5).text) == []


@pytest.mark.parametrize(
    ("rule", "audio"),
    [
        ("P19", edit(LIVE.text, "TARGETDURATION:2", "TARGETDURATION:3")),
        ("P19", edit(LIVE.text, ",HOLD-BACK=6,", ",HOLD-BACK=7,")),
        ("P19", edit(LIVE.text, "15:06:42.000Z", "15:06:42.300Z")),
        ("P15", edit(LIVE.text, "#EXT-X-MAP", "#EXT-X-PLAYLIST-TYPE:EVENT\n#EXT-X-MAP")),
        ("P5", LowLatency(discontinuities=(LAST,)).text),
        ("P5", LowLatency(discontinuity_sequence=1).text),
        ("L10", edit(LIVE.text, "#EXT-X-RENDITION-REPORT", "# no report")),
    ],
)
def test_renditions_that_do_not(rule: str, audio: str) -> None:
    assert renditions(LIVE.text, audio) == [rule]


RANGE = '#EXT-X-DATERANGE:ID="a",START-DATE="2025-06-15T15:06:40Z"'
"""From the first segment's beginning on."""


def with_range(playlist: LowLatency, *tags: str) -> str:
    return replace(playlist, extra=tags).text


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ((RANGE,), (f'{RANGE},END-DATE="2025-06-15T15:06:41Z"',)),
        ((RANGE,), ()),  # a moment, which has passed
        ((f"{RANGE},DURATION=2",), ()),
        ((f'{RANGE},CLASS="x"', f"{RANGE},X-MORE=1"), (f'{RANGE},X-MORE=1,CLASS="x"',)),
        ((f'{RANGE},END-DATE="2025-06-15T15:06:42Z"',), ()),
        (('#EXT-X-DATERANGE:ID="a",START-DATE="2025-06-15T15:08:00Z",DURATION=9',), ()),  # ahead of all that is listed
        (('#EXT-X-DATERANGE:ID="a",START-DATE="soon"',), ()),
    ],
)
def test_date_ranges_may_end_and_leave(before: tuple[str, ...], after: tuple[str, ...]) -> None:
    assert update_rules(with_range(LIVE, *before), with_range(NEXT, *after)) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (f"{RANGE},X-A=1", f"{RANGE},X-A=2"),
        (RANGE, RANGE.replace(":40Z", ":41Z")),
        (f"{RANGE},DURATION=2.5", ""),
        (f'{RANGE},END-DATE="2025-06-15T15:06:43Z"', ""),
    ],
)
def test_date_ranges_may_not_change_nor_leave_too_early(before: str, after: str) -> None:
    assert update_rules(with_range(LIVE, before), with_range(NEXT, *filter(None, [after]))) == ["P14"]


def test_a_delta_that_leaves_date_ranges_out() -> None:
    full, delta = with_range(LIVE, RANGE), LowLatency(skipped=1).text
    assert [finding.rule for finding in check_delta(parse(full), parse(delta))] == ["L15"]
    assert check_delta(parse(full), parse(with_range(LowLatency(skipped=1), RANGE))) == []
    skipping = "CAN-SKIP-UNTIL=12,CAN-SKIP-DATERANGES=YES"
    full, delta = (edit(text, "CAN-SKIP-UNTIL=12", skipping) for text in (full, delta))
    assert check_delta(parse(full), parse(delta)) == []
    later = edit(LowLatency(first_msn=EPOCH_MSN + 1, skipped=1).text, "CAN-SKIP-UNTIL=12", skipping)
    assert update_rules(full, later) == []
