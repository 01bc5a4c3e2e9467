from __future__ import annotations

import time
from fractions import Fraction
from itertools import islice

import av
import numpy as np
import pytest

from fixtures.barcode import read_strip
from fixtures.clock import MS, NOW, Clock, S
from relay.config import StreamSettings
from relay.errors import SourceUnsupportedError
from relay.pixels import split
from relay.source import open_source
from relay.source.card import Card
from relay.source.pattern import BEEP_S, PatternSettings, PatternSource

START_NS = NOW + 20 * MS


def pattern(clock: Clock, **options: object) -> PatternSource:
    return PatternSource(PatternSettings.model_validate(options), "cam", clock.unix_ns, clock.sleep)


def media(source: PatternSource, count: int) -> list[av.VideoFrame | av.AudioFrame]:
    return list(islice((item for item in source.media() if item is not None), count))


def test_frames_come_when_their_slot_begins_and_carry_its_time() -> None:
    clock = Clock(START_NS)
    source = pattern(clock, rate="30000/1001", audio=False)
    rate = Fraction(30000, 1001)
    slot = None
    for item in islice(source.media(), 40):
        if isinstance(item, av.VideoFrame):
            at = Fraction(item.pts) * item.time_base
            assert 0 <= clock.now_ns - item.pts < 2000
            assert slot in {None, int(at * rate) - 1}
            slot = int(at * rate)
            gray = item.to_ndarray()[: item.height]
            assert read_strip(gray) == (item.pts // 1_000_000, slot % 4096)
    assert slot is not None


def test_a_beep_begins_exactly_at_each_second_and_nowhere_else() -> None:
    frames = [item for item in media(pattern(Clock(START_NS)), 220) if isinstance(item, av.AudioFrame)]
    samples = np.concatenate([frame.to_ndarray()[0, ::2] for frame in frames])
    first = frames[0].pts
    assert [frame.pts for frame in frames] == list(range(first, first + 1024 * len(frames), 1024))
    loud = (np.flatnonzero(samples) + first) % 48_000
    assert len(samples) > 96_000
    assert loud.max() < BEEP_S * 48_000
    assert {1, 2, 3} <= set(loud.tolist())
    second = samples[-first % 48_000 :][: int(BEEP_S * 48_000)]
    assert int(np.abs(np.fft.rfft(second)).argmax() / BEEP_S) == 1000


def test_sound_is_never_ahead_of_the_clock() -> None:
    clock = Clock(START_NS)
    for item in islice(pattern(clock).media(), 200):
        if isinstance(item, av.AudioFrame):
            assert (item.pts + 1024) * S // 48_000 <= clock.now_ns


def test_between_frames_it_breathes() -> None:
    items = list(islice(pattern(Clock(START_NS), rate=1, audio=False).media(), 30))
    assert items.count(None) > 20


def test_a_clock_that_was_set_forward_is_followed_at_once() -> None:
    clock = Clock(START_NS)
    stream = (item for item in pattern(clock, audio=False).media() if item is not None)
    next(stream)
    clock.now_ns += 3600 * S
    next(stream)
    assert clock.now_ns - next(stream).pts < S // 2


def test_the_test_source_is_what_its_options_say() -> None:
    info = open_source(StreamSettings(source="test:?size=640x360&rate=12.5&audio=0"), "cam").info
    assert (info.width, info.height, info.rate, info.audio_codec) == (640, 360, Fraction(25, 2), None)
    info = open_source(StreamSettings(source="test:"), "cam").info
    assert (info.width, info.height, info.rate, info.audio_channels) == (1280, 720, 30, 2)


@pytest.mark.parametrize("options", ["size=1x1", "rate=0", "colour=red", "rate", "audio=perhaps"])
def test_an_option_that_it_does_not_have_is_refused(options: str) -> None:
    with pytest.raises(SourceUnsupportedError, match="size=WIDTHxHEIGHT"):
        open_source(StreamSettings(source=f"test:?{options}"), "cam")


def test_the_picture_moves_and_shows_clock_and_strip() -> None:
    card = Card(1280, 720, "cam")
    one, two = card.draw(START_NS, 7), card.draw(START_NS + S // 2, 8)
    assert one.shape == (1080, 1280)
    assert one.flags.c_contiguous
    luma, u, v = split(one)
    assert read_strip(luma) == (START_NS // 1_000_000, 7)
    assert (u[-15:] == 128).all()
    assert (v[-15:] == 128).all()
    assert luma.min() >= 16
    assert luma.max() <= 235
    assert (luma[:690] != two[:690]).mean() > 0.01


def test_the_square_beside_the_clock_lights_with_the_beep() -> None:
    card = Card(640, 360, "")
    lit, dark = card.draw(START_NS // S * S, 0), card.draw(START_NS // S * S + S // 2, 0)
    corner = np.s_[150:225, 540:]
    assert (lit[corner] == 235).sum() > (dark[corner] == 235).sum() + 100


@pytest.mark.parametrize("size", [(64, 64), (66, 400), (1920, 1080), (4096, 2304)])
def test_it_can_be_drawn_at_every_size(size: tuple[int, int]) -> None:
    drawn = Card(*size, "a rather long name of a camera in the yard").draw(START_NS, 1)
    assert drawn.shape == (size[1] * 3 // 2, size[0])


def test_a_720p_frame_is_cheap() -> None:
    card = Card(1280, 720, "cam")
    costs = []
    for index in range(20):
        started = time.thread_time()
        card.draw(START_NS, index)
        costs.append(time.thread_time() - started)
    assert min(costs) < 0.003
