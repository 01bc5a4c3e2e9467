"""The bucket's level in bits, for a rate of 8000 bits a second and a size of 4000: a slot of 0.1 s lets out 800."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from relay.encode.bucket import Bucket

RATE_BPS, SIZE_BITS, SLOT_S = 8000, 4000, 0.1
SLOT_BYTES = 100
SEGMENT_SLOTS = 20


def send(bucket: Bucket, size_bytes: int) -> None:
    """A new picture in one slot."""
    bucket.fill(size_bytes)
    bucket.expect(size_bytes)
    bucket.drain(SLOT_S)


def test_pictures_at_the_rate_leave_nothing_behind() -> None:
    bucket = Bucket(RATE_BPS, SIZE_BITS)
    for _ in range(1000):
        assert bucket.has_room
        send(bucket, SLOT_BYTES)
    assert bucket.level_bits == 0


def test_what_is_over_the_rate_stays_until_it_was_sent() -> None:
    bucket = Bucket(RATE_BPS, SIZE_BITS)
    send(bucket, 3 * SLOT_BYTES)
    assert bucket.level_bits == 1600
    bucket.drain(0.15)
    assert bucket.level_bits == 400
    bucket.drain(10)
    assert bucket.level_bits == 0, "time in which nothing was sent is not saved up"


def test_there_is_room_as_long_as_another_picture_like_the_last_goes_in() -> None:
    bucket = Bucket(RATE_BPS, SIZE_BITS)
    bucket.expect(200)  # 1600 bits
    bucket.fill(300)
    assert bucket.has_room, "2400 and 1600 are 4000"
    bucket.fill(1)
    assert not bucket.has_room
    bucket.drain(0.001)
    assert bucket.has_room


def test_a_large_picture_makes_those_wait_that_come_after_it() -> None:
    bucket = Bucket(RATE_BPS, SIZE_BITS)
    send(bucket, 500)  # 4000 bits, of which 3200 are left: for another like it there has to be nothing
    waited = 0
    while not bucket.has_room:
        bucket.drain(SLOT_S)
        waited += 1
    assert waited == 4
    send(bucket, 50)
    assert bucket.has_room, "it is the last one's size that is expected"


def test_an_empty_bucket_takes_a_picture_of_any_size() -> None:
    bucket = Bucket(RATE_BPS, SIZE_BITS)
    bucket.expect(10 * SIZE_BITS)
    assert bucket.has_room
    bucket.fill(1)
    assert not bucket.has_room


@given(st.integers(0, 500), st.lists(st.integers(0, 500), min_size=1, max_size=3 * SEGMENT_SLOTS))
def test_no_run_of_slots_has_more_bits_than_were_let_out_and_are_inside_behind_it(
    inside_bytes: int, sizes: list[int]
) -> None:
    bucket = Bucket(RATE_BPS, SIZE_BITS)
    bucket.fill(inside_bytes)
    levels = [bucket.level_bits]
    for size in sizes:
        send(bucket, size)
        levels.append(bucket.level_bits)
    for begin, end in itertools.combinations(range(len(levels)), 2):
        sent_bits = sum(sizes[begin:end]) * 8
        let_out_bits = RATE_BPS * SLOT_S * (end - begin)
        assert sent_bits <= let_out_bits + levels[end] - levels[begin] + 1e-6


@given(st.lists(st.integers(0, 500), min_size=SEGMENT_SLOTS, max_size=6 * SEGMENT_SLOTS))
def test_segments_are_within_the_rate_and_the_size_where_pictures_are_no_larger_than_was_expected(
    sizes: list[int],
) -> None:
    bucket, sent = Bucket(RATE_BPS, SIZE_BITS), []
    for size in sizes:
        bucket.expect(500)
        given_bytes = size if bucket.has_room else 0
        bucket.fill(given_bytes)
        bucket.drain(SLOT_S)
        sent.append(given_bytes * 8)
    for begin in range(len(sent) - SEGMENT_SLOTS + 1):
        assert sum(sent[begin : begin + SEGMENT_SLOTS]) <= RATE_BPS * SLOT_S * SEGMENT_SLOTS + SIZE_BITS + 1e-6
