"""Any graph does what it does in FFmpeg; slots stay what they were; what will not do is named."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from av.filter import filters_available
from pydantic import ValidationError

from fixtures.transforms import applied, moment, plain, psnr, scene
from relay.config import TransformSettings
from relay.errors import TransformError
from relay.model import Picture
from relay.pixels import I420, Pool, split
from relay.timeline import NS_PER_S
from relay.transform import Frame
from relay.transform.filter_graph import _INSTEAD, _MISSED, MAX_HELD
from relay.transform.filters import Filter
from relay.transform.registry import BUILT_IN, make_link


def numbered(count: int, first: int = 0, step: int = 1, width: int = 64, height: int = 48) -> list[Picture]:
    """Plain pictures, each of its own grey: 20, 22, 24 ..."""
    return [moment(plain(width, height, (20 + 2 * n, 120, 140)), first + n * step) for n in range(count)]


def greys(pictures: list[Picture]) -> list[int]:
    return [int(split(picture.i420).y[5, 5]) for picture in pictures]


def slots(pictures: list[Picture]) -> list[int]:
    return [picture.slot for picture in pictures]


def filtered(graph: str, i420: I420) -> Picture:
    (picture,) = applied(Filter(graph=graph), moment(i420, 7))
    return picture


@pytest.mark.parametrize("size", [(64, 48), (66, 50), (320, 180), (30, 270)])
@pytest.mark.parametrize("is_bgr", [False, True])
def test_every_sample_goes_through_the_graph(size: tuple[int, int], is_bgr: bool) -> None:
    before = scene(*size)
    pictures = [moment(before, 7)]
    for graph, turned in (("hflip", np.s_[:, ::-1]), ("vflip", np.s_[::-1]), ("hflip,vflip", np.s_[::-1, ::-1])):
        (picture,) = applied(Filter(graph=graph), *pictures, is_bgr=is_bgr)
        assert (picture.slot, picture.time_ns) == (7, pictures[0].time_ns)
        assert picture.i420.flags.c_contiguous
        for plane, source in zip(split(picture.i420), split(before), strict=True):
            assert np.abs(plane.astype(int) - source[turned]).max() <= (6 if is_bgr else 0)


def test_filters_in_a_row_take_noise_away() -> None:
    clean = scene()
    noise = np.random.default_rng(1).normal(0, 4, clean.shape)
    before = np.asarray(np.clip(clean + noise, 16, 235), np.uint8)
    after = filtered("nlmeans=s=3,unsharp=5:5:0.1", before)
    assert psnr(split(after.i420).y, split(clean).y) > psnr(split(before).y, split(clean).y)


def test_a_graph_with_labels_is_linked_as_it_says() -> None:
    before = scene(64, 48)
    after = filtered("split[a][b]; [a]hflip[c]; [b][c]hstack", before)
    assert (after.width, after.height) == (128, 48)
    for plane, source in zip(split(after.i420), split(before), strict=True):
        half = source.shape[1]
        np.testing.assert_array_equal(plane[:, :half], source)
        np.testing.assert_array_equal(plane[:, half:], source[:, ::-1])


@pytest.mark.parametrize(
    "graph", ["[in]hflip[out]", "[in]split[x][y];[x]hflip[z];[y]nullsink;[z]null[out]", "null,hflip"]
)
def test_the_ends_may_be_named(graph: str) -> None:
    before = scene(64, 48)
    np.testing.assert_array_equal(filtered(graph, before).i420, filtered("hflip", before).i420)


def test_a_source_may_be_part_of_the_graph() -> None:
    after = filtered("color=black:size=16x16[c];[in][c]overlay=x=8:y=8", plain(64, 48, (180, 128, 128)))
    y = split(after.i420).y
    assert y[16, 16] < 20
    assert y[40, 40] == 180


def test_the_size_may_change_and_other_formats_come_back() -> None:
    assert filtered("scale=32:24", scene(64, 48)).i420.shape == (36, 32)
    after = filtered("format=gbrp,negate", plain(64, 48, (60, 128, 128)))
    assert abs(int(split(after.i420).y[5, 5]) - 191) <= 2


def test_pictures_that_a_filter_holds_keep_their_slots() -> None:
    before = numbered(6, first=100, step=2)
    link = Filter(graph="yadif")
    after = applied(link, *before)
    assert slots(after) == slots(before)
    assert greys(after) == greys(before)
    assert [picture.time_ns for picture in after] == [picture.time_ns for picture in before]


def test_how_many_are_held_is_told() -> None:
    for graph, held in (("yadif", 1), ("hflip", 0), ("tmix=frames=3", 0), ("unsharp=5:5:0.8", 0)):
        link, pool = Filter(graph=graph), Pool()
        link.open()
        assert link.delay_frames == 0
        for number, picture in enumerate(numbered(5)):
            ready = link.feed(Frame(picture, pool))
            assert len(ready) == (1 if number >= held else 0)
        assert link.delay_frames == held
        assert len(link.flush()) == held
        link.close()


def test_a_picture_that_is_held_is_not_overwritten() -> None:
    link, pool = Filter(graph="yadif"), Pool()
    link.open()
    seen = []
    for n in range(40):
        i420 = pool.i420(64, 48)
        i420[:] = 20 + n
        seen += [int(frame.y[5, 5]) for frame in link.feed(Frame(moment(i420, n), pool))]
    assert seen == [20 + n for n in range(39)]
    link.close()


def test_a_graph_that_leaves_pictures_out_leaves_their_slots_empty() -> None:
    after = applied(Filter(graph="select='not(mod(n\\,2))'"), *numbered(10))
    assert slots(after) == [0, 2, 4, 6, 8]
    assert greys(after) == [20, 24, 28, 32, 36]
    halved = applied(Filter(graph="fps=12.5"), *numbered(10))
    assert slots(halved) == sorted(set(slots(halved)))
    assert 4 <= len(halved) <= 6


def test_a_graph_that_puts_pictures_in_fills_the_slots_between() -> None:
    # Frames of 25 a second in every other slot of 50.
    pictures = [
        Picture(2 * n, round(n * NS_PER_S * Fraction(1, 25)), plain(64, 48, (20 + 10 * n, 128, 128))) for n in range(8)
    ]
    after = applied(Filter(graph="framerate=fps=50:interp_start=0:interp_end=255:scene=100"), *pictures)
    assert slots(after) == sorted(set(slots(after)))
    assert sum(slot % 2 for slot in slots(after)) >= 5
    for picture in after[2:-2]:
        assert abs(int(split(picture.i420).y[5, 5]) - (20 + 5 * picture.slot)) <= 6
        assert abs(picture.time_ns - picture.slot * NS_PER_S // 50) <= 2000


def test_no_slot_is_filled_twice() -> None:
    after = applied(Filter(graph="fps=100"), *numbered(8))
    assert slots(after) == sorted(set(slots(after)))
    assert set(slots(after)) <= set(range(8))


@pytest.mark.parametrize("graph", ["setpts=2*PTS", "setpts=PTS+100/TB", "setpts=0.5*PTS"])
def test_a_filter_that_shifts_time_does_not_move_pictures_out_of_the_stream(graph: str) -> None:
    link, pool = Filter(graph=graph), Pool()
    link.open()
    seen = []
    for picture in numbered(20):
        seen += [(frame.slot, picture.slot) for frame in link.feed(Frame(picture, pool))]
    assert len(seen) >= 10
    assert all(made <= fed for made, fed in seen)
    assert [made for made, _ in seen] == sorted({made for made, _ in seen})
    link.close()


def test_another_size_and_an_earlier_slot_begin_the_graph_anew() -> None:
    link, pool = Filter(graph="yadif"), Pool()
    link.open()
    out = []
    for picture in (*numbered(3), *numbered(3, first=10, width=32, height=32), *numbered(2, width=32, height=32)):
        out += [(frame.slot, frame.width) for frame in link.feed(Frame(picture, pool))]
    out += [(frame.slot, frame.width) for frame in link.flush()]
    assert out == [(0, 64), (1, 64), (2, 64), (10, 32), (11, 32), (12, 32), (0, 32), (1, 32)]
    assert link.flush() == []


@pytest.mark.parametrize(
    ("graph", "words"),
    [
        ("unsharq", "this FFmpeg has no filter 'unsharq': did you mean 'unsharp'?"),
        ("hflip,zzzzzzzz", "this FFmpeg has no filter 'zzzzzzzz'"),
        ("movie=x.mp4", "the filter 'movie' is refused: it reads or writes files"),
        ("hflip,", "a filter's name was expected"),
    ],
)
def test_a_name_that_will_not_do_is_refused_with_the_settings(graph: str, words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Filter(graph=graph)
    assert words in str(caught.value)


def test_what_wheels_come_without_has_a_stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relay.transform.filter_graph.filters_available", {"unsharp"})
    with pytest.raises(ValidationError) as caught:
        Filter(graph="hqdn3d,unsharp=5:5:0.8")
    said = str(caught.value)
    assert "no filter 'hqdn3d', which is under the GPL" in said
    assert "atadenoise does the like, with options of its own" in said
    assert "pip install --no-binary av av" in said
    with pytest.raises(ValidationError, match=r"no filter 'stereo3d', which is under the GPL.*those: PyAV built with"):
        Filter(graph="stereo3d")


def test_what_stands_in_for_another_is_there_itself() -> None:
    for name, other in _INSTEAD.items():
        kind, _, own = other.rpartition(" ")
        assert own in (BUILT_IN if kind == "the transform" else filters_available), f"{other}, for {name}"
    assert not _MISSED & _INSTEAD.keys()


@pytest.mark.parametrize(
    ("graph", "words"),
    [
        ("hflip,unsharp=strength=5", "the filter 'unsharp=strength=5' will not do: Option not found"),
        ("hflip,unsharp=4:4:9999", "the filter 'unsharp=4:4:9999' will not do: "),
        ("split,hflip", "the filter 'hflip' takes 1 pictures, and 2 are given to it"),
        ("hflip[a][b]", "the filter 'hflip' gives 1 pictures, and 2 labels are behind it"),
        ("overlay", "2 open ends of the graph (the filter 'overlay') take the picture, and it must be one"),
        ("split", "2 open ends of the graph (the filter 'split') give the picture, and it must be one"),
        ("color=red", "0 open ends of the graph (none) take the picture"),
        ("hflip,nullsink", "0 open ends of the graph (none) give the picture"),
        ("[x]hflip", "nothing gives what the label [x] takes"),
        ("hflip[x]", "nothing takes what the label [x] gives"),
        ("split[a][a]", "the label [a] is given twice"),
        ("[in][in]hstack", "the label [in] is taken twice"),
        ("volume=2", "the filter 'volume=2' cannot take what the stream gives: "),
    ],
)
def test_what_will_not_do_is_named_when_the_stream_begins(graph: str, words: str) -> None:
    with pytest.raises(TransformError) as caught:
        Filter(graph=graph).open()
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("graph", "words"),
    [
        ("hflip,crop=1000:1000,vflip", "the filter 'crop=1000:1000' will not do for pictures of 64x48: "),
        ("scale=33:21", "the graph makes pictures of 33x21: both must be even"),
    ],
)
def test_what_will_not_do_for_the_picture_is_named_then(graph: str, words: str) -> None:
    with pytest.raises(TransformError) as caught:
        applied(Filter(graph=graph), moment(plain(64, 48)))
    assert words in str(caught.value)


def test_after_a_failure_the_next_picture_begins_anew() -> None:
    link, pool = Filter(graph="crop=40:40"), Pool()
    link.open()
    small = Frame(moment(plain(32, 32), 0), pool)
    with pytest.raises(TransformError, match="will not do for pictures of 32x32"):
        link.feed(small)
    assert link.flush() == []
    (frame,) = link.feed(Frame(moment(plain(64, 48), 1), pool))
    assert (frame.slot, frame.size) == (1, (40, 40))
    link.close()


def test_a_graph_that_lets_nothing_go_is_not_fed_for_ever() -> None:
    link, pool = Filter(graph="select=0"), Pool()
    link.open()
    *first, last = numbered(MAX_HELD + 1)
    assert not any(link.feed(Frame(picture, pool)) for picture in first)
    with pytest.raises(TransformError, match=f"kept {MAX_HELD + 1} pictures back, and {MAX_HELD} are the most"):
        link.feed(Frame(last, pool))
    link.close()


def test_a_transform_that_holds_is_never_applied() -> None:
    with pytest.raises(TypeError, match="filter holds frames"):
        Filter(graph="hflip").apply(Frame(moment(plain(64, 48))))


@pytest.mark.parametrize(
    "written",
    [
        "filter graph=atadenoise,unsharp=5:5:0.8",
        "filter=atadenoise,unsharp=5:5:0.8",
        {"filter": "atadenoise,unsharp=5:5:0.8"},
        {"name": "filter", "graph": "atadenoise,unsharp=5:5:0.8"},
    ],
    ids=str,
)
def test_commas_come_through_the_short_forms(written: object) -> None:
    link = make_link(TransformSettings.model_validate(written))
    assert isinstance(link, Filter)
    assert link.graph == "atadenoise,unsharp=5:5:0.8"


def test_a_source_that_never_ends_is_not_waited_for() -> None:
    with pytest.raises(TransformError, match="gives more than 1000 pictures for one: a source in it never ends"):
        applied(Filter(graph="[in]nullsink;color=red:size=64x48"), moment(plain(64, 48)))
    beside = applied(Filter(graph="color=red:size=64x48[c];[in][c]hstack"), *numbered(3))
    assert slots(beside) == [0, 1, 2]
