from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtures.transport import INIT, PPS, SPS
from relay.mpegts.read import Sample, leading_keyframe_bytes, parameter_sets, samples
from relay.packager import boxes

KEYFRAME = boxes.fragment(1, 0, 1, [boxes.Sample(b"I", is_sync=True)])
samples_of_a_fragment = st.lists(
    st.builds(
        boxes.Sample,
        data=st.binary(max_size=300),
        is_sync=st.booleans(),
        composition_offset_ticks=st.integers(-5000, 5000),
        duration_ticks=st.sampled_from([0, 0, 2000, 3001]),
    ),
    min_size=1,
    max_size=8,
)


@given(st.lists(samples_of_a_fragment, max_size=3), st.integers(0, 1 << 60))
def test_what_the_packager_writes_is_read(fragments: list[list[boxes.Sample]], start: int) -> None:
    written, expected, at = b"", [], start
    for fragment in fragments:
        written += boxes.fragment(1, at, 2000, fragment)
        for sample in fragment:
            lasts = sample.duration_ticks or 2000
            expected.append(Sample(at, at + sample.composition_offset_ticks, lasts, sample.is_sync, sample.data))
            at += lasts
    assert list(samples(written)) == expected


def test_parameter_sets_are_those_of_avcc() -> None:
    assert parameter_sets(INIT) == (SPS, PPS)


@pytest.mark.parametrize(
    ("init", "words"), [(b"moov hvcC", "no avcC"), (b"moov avcC\1\x64\0\x1f\xff\xe0\0", "no parameter sets")]
)
def test_an_init_segment_without_parameter_sets(init: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parameter_sets(init)


@given(samples_of_a_fragment)
def test_the_keyframe_that_comes_first_is_a_range_from_the_first_byte(fragment: list[boxes.Sample]) -> None:
    segment = boxes.fragment(1, 0, 2000, fragment) * 2
    size = leading_keyframe_bytes(segment)
    assert (size > 0) == fragment[0].is_sync
    if size:
        alone = boxes.fragment(1, 0, 2000, [fragment[0]])
        assert segment[:size].endswith(fragment[0].data)
        assert size >= len(alone)
        assert leading_keyframe_bytes(segment[:size]) == size
        assert leading_keyframe_bytes(segment[: size - 1]) == 0


@pytest.mark.parametrize(
    "segment",
    [
        b"",
        b"<video 875000000.0>",
        b"\0\0\0\0free" * 3,
        b"\0\0\0\x08moof",
        b"\0\0\0\x10moof\0\0\0\x08traf",
        KEYFRAME[:40],
        KEYFRAME.replace(b"\0\0\0\1\0\0\0\x6c", b"\0\0\0\0\0\0\0\x6c"),  # a trun without samples
    ],
)
def test_what_cannot_be_read_has_no_keyframe(segment: bytes) -> None:
    assert leading_keyframe_bytes(segment) == 0
