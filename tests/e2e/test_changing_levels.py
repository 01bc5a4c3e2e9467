"""When the watch page changes level, and where it goes on: the pure part of that, given values.

Whether pictures are missing then is seen in test_ladder.py and, in a page with little else, in test_every_player.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from fixtures.web_players import page_of_module

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fixtures.browser import Browser, Tab

pytestmark = pytest.mark.e2e

ENDS: Final = "async ([loaded, details]) => (await import('/seams.js')).endsSegment(loaded, details)"
NOW: Final = "async (values) => (await import('/seams.js')).levelNow(values)"
HOPELESS: Final = "async (values) => (await import('/seams.js')).isHopeless(values)"
FOLLOWING: Final = """async ([details, sn, position_s]) => {
  const { following } = await import("/seams.js");
  const { fragments, fragmentHint, parts } = details;
  const listed = fragmentHint ? [...fragments, fragmentHint] : fragments;
  const partList = parts.map(([sn, index]) => ({ fragment: listed.find((one) => one.sn === sn), index }));
  const found = following({ fragments, fragmentHint, partList }, sn, position_s);
  return found === undefined ? "as hls.js does" : found?.sn ?? "nothing yet";
}"""

SEGMENT_S: Final = 2.0
LAST_PART: Final = 9
UP_TO_8: Final = [(8, index) for index in range(LAST_PART + 1)]
MIDWAY: Final = {"current": 2, "wanted": 0, "isDemanded": False, "isSeam": False, "isAwake": True}
PART: Final = {"rest_s": 1.8, "part_s": 0.2, "share": 0.5, "elapsed_s": 0.05, "buffer_s": 0.6}


@pytest.fixture(scope="module")
def tab(browser: Browser) -> Iterator[Tab]:
    with page_of_module(browser, "seams.js") as tab:
        yield tab


def listed(whole: tuple[int, ...], parts: list[tuple[int, int]], hint: int | None) -> dict[str, Any]:
    """What hls.js knows of a playlist: `whole` segments, `parts` (segment, index), and `hint`, which is not whole yet.

    Segment n lasts from 2n to 2n + 2 s.
    """
    fragments = [{"sn": sn, "start": SEGMENT_S * sn, "end": SEGMENT_S * (sn + 1)} for sn in whole]
    known_s = SEGMENT_S / (LAST_PART + 1) * sum(sn == hint for sn, _ in parts)
    begun = hint is not None and {"sn": hint, "start": SEGMENT_S * hint, "end": SEGMENT_S * hint + known_s}
    return {"fragments": fragments, "fragmentHint": begun or None, "parts": parts, "endSN": whole[-1]}


@pytest.mark.parametrize(
    ("part", "whole", "parts", "ends"),
    [
        pytest.param(LAST_PART, (7, 8), UP_TO_8, True, id="the last"),
        pytest.param(LAST_PART - 1, (7, 8), UP_TO_8, False, id="the last but one"),
        pytest.param(LAST_PART - 1, (7,), UP_TO_8[:-1], False, id="the newest there is"),
        pytest.param(LAST_PART, (7, 8), [*UP_TO_8, (9, 0)], True, id="the last, and the next segment has begun"),
        pytest.param(LAST_PART, (7, 8, 9, 10), [(10, 0)], True, id="the last, of long ago"),
        pytest.param(None, (7, 8), UP_TO_8, True, id="a whole segment"),
        pytest.param(None, (7,), None, True, id="a whole segment of a stream without parts"),
    ],
)
def test_which_part_is_the_last_of_its_segment(
    tab: Tab, part: int | None, whole: tuple[int, ...], parts: list[tuple[int, int]] | None, ends: bool
) -> None:
    part_list = parts and [{"fragment": {"sn": sn}, "index": index} for sn, index in parts]
    details = {"endSN": whole[-1], "partList": part_list}
    assert tab.page.evaluate(ENDS, [{"sn": 8, "part": part}, details]) is ends


@pytest.mark.parametrize(
    ("changed", "level"),
    [
        pytest.param({}, 2, id="within a segment"),
        pytest.param({"isSeam": True}, 0, id="at a seam"),
        pytest.param({"isSeam": True, "isAwake": False}, 2, id="at a seam, and it sleeps"),
        pytest.param({"isDemanded": True, "isAwake": False}, 0, id="demanded"),
        pytest.param({"current": -1, "isAwake": False}, 0, id="at the start"),
        pytest.param({"wanted": 2}, 2, id="nothing to change"),
    ],
)
def test_when_it_changes(tab: Tab, changed: dict[str, object], level: int) -> None:
    assert tab.page.evaluate(NOW, {**MIDWAY, **changed}) == level


@pytest.mark.parametrize(
    ("whole", "parts", "hint", "position_s", "found"),
    [
        pytest.param((7, 8), [*UP_TO_8, (9, 0)], 9, 18.0, 9, id="the next has begun"),
        pytest.param((7, 8), [*UP_TO_8, (9, 0)], 9, 17.9995, 9, id="rounded down"),
        pytest.param((7, 8), [*UP_TO_8, (9, 0)], 9, 18.0005, 9, id="rounded up"),
        pytest.param((7, 8, 9), [], None, 18.0, 9, id="the next is whole"),
        pytest.param((7, 8), UP_TO_8, 9, 18.0, "nothing yet", id="the next has not begun"),
        pytest.param((7, 8), UP_TO_8, None, 18.0, "nothing yet", id="the next is not even announced"),
        pytest.param((7,), UP_TO_8[:-1], 8, 18.0, "nothing yet", id="a part behind the other level"),
        pytest.param((5, 6), [(7, 0)], 7, 18.0, "as hls.js does", id="more than a segment behind"),
        pytest.param((7, 8), [*UP_TO_8, (9, 0)], 9, 17.0, "as hls.js does", id="sought back"),
        pytest.param((7, 8), [*UP_TO_8, (9, 0)], 9, 18.1, "as hls.js does", id="sought on"),
        pytest.param((7,), UP_TO_8[:-1], 8, 16.5, "as hls.js does", id="sought back into what is not whole"),
    ],
)
def test_where_it_goes_on_behind_segment_8(
    tab: Tab, whole: tuple[int, ...], parts: list[tuple[int, int]], hint: int | None, position_s: float, found: object
) -> None:
    assert tab.page.evaluate(FOLLOWING, [listed(whole, parts, hint), 8, position_s]) == found


@pytest.mark.parametrize(
    ("changed", "hopeless"),
    [
        pytest.param({}, False, id="fast enough"),
        pytest.param({"elapsed_s": 0.11}, False, id="a little too slow: 1 s for 0.9 s of media, and 0.6 s are there"),
        pytest.param({"elapsed_s": 0.2}, True, id="half as fast as it plays, and all of a segment to come"),
        pytest.param({"elapsed_s": 0.2, "rest_s": 0.4}, False, id="half as fast, and nearly done"),
        pytest.param({"elapsed_s": 0.2, "rest_s": 1.0}, False, id="half as fast: a wait that is borne"),
        pytest.param({"elapsed_s": 0.5, "share": 0}, True, id="not a byte for long"),
        pytest.param({"elapsed_s": 0.1, "share": 0}, False, id="not a byte, so far"),
        pytest.param({"elapsed_s": 1.4, "share": 0.5, "rest_s": 0.2}, True, id="the last part, in vain"),
    ],
)
def test_when_the_rest_of_a_segment_is_not_waited_for(tab: Tab, changed: dict[str, float], hopeless: bool) -> None:
    assert tab.page.evaluate(HOPELESS, {**PART, **changed}) is hopeless
