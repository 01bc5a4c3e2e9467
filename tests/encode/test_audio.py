from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest

from relay.encode import AudioEncoder
from relay.errors import EncodeError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from relay.model import AccessUnit

FRAME = 1024
K = 83_906_250_000


def sine(first_frame: int, frames: int = 1) -> NDArray[np.float32]:
    clock = (np.arange(frames * FRAME) + first_frame * FRAME) % 48_000
    return np.repeat((0.3 * np.sin(2 * np.pi * 440 * clock / 48_000)).astype(np.float32)[np.newaxis], 2, axis=0)


def encoded(encoder: AudioEncoder, first: int, end: int) -> list[AccessUnit]:
    """What comes of the frames `first` ... `end - 1`."""
    return [unit for frame in range(first, end) for unit in encoder.encode(sine(frame))]


def decoded(units: list[AccessUnit], config: bytes) -> NDArray[np.float32]:
    """What a player that has `units` hears, from the first on."""
    decoder = av.CodecContext.create("aac", "r")
    decoder.extradata, decoder.sample_rate, decoder.layout = config, 48_000, "stereo"
    sound = [frame.to_ndarray() for unit in units for frame in decoder.decode(av.Packet(unit.data))]
    return np.hstack(sound).astype(np.float32)


def test_every_frame_gives_one_packet_with_its_own_index_two_frames_later() -> None:
    encoder = AudioEncoder(128, K)
    assert encoder.encode(sine(K)) == []
    assert encoder.encode(sine(K + 1)) == []
    units = encoded(encoder, K + 2, K + 12)
    assert [(unit.pts, unit.dts) for unit in units] == [(k, k) for k in range(K, K + 10)]
    assert all(unit.is_idr and unit.rendition == "audio" for unit in units)


def test_a_packet_plays_the_samples_of_its_frame() -> None:
    encoder = AudioEncoder(128, K)
    sound = decoded(encoded(encoder, K, K + 20), encoder.decoder_config)
    assert np.abs(sound - sine(K, 18))[:, FRAME:].max() < 0.01


def test_an_encoder_that_takes_over_joins_the_one_before_it_without_a_click() -> None:
    old = AudioEncoder(128, K)
    before_takeover = K + 30
    whole = encoded(old, K, K + 60)
    new = AudioEncoder(128, before_takeover, before=sine(before_takeover - 2, 2))
    joined = whole[:30] + encoded(new, before_takeover, K + 60)
    assert [unit.pts for unit in joined] == [unit.pts for unit in whole]

    difference = decoded(joined, old.decoder_config) - decoded(whole, old.decoder_config)
    assert np.abs(difference).max() < 0.02


def test_without_the_frames_before_it_begins_out_of_silence() -> None:
    old = AudioEncoder(128, K)
    whole = encoded(old, K, K + 40)
    joined = whole[:20] + encoded(AudioEncoder(128, K + 20), K + 20, K + 40)
    difference = np.abs(decoded(joined, old.decoder_config) - decoded(whole, old.decoder_config))
    assert difference.max() < 0.35
    assert difference[:, 22 * FRAME :].max() < 0.02


def test_two_encoders_give_the_same_bytes_for_the_same_sound() -> None:
    assert encoded(AudioEncoder(96, K), K, K + 20) == encoded(AudioEncoder(96, K), K, K + 20)


@pytest.mark.parametrize("kbps", [32, 160, 256])
def test_no_segment_exceeds_what_is_declared_not_even_noise_out_of_silence(kbps: int) -> None:
    encoder, noise = AudioEncoder(kbps, K), np.random.default_rng(5)
    sizes = []
    for index in range(160):
        loud = 0.9 if index >= 60 else 0
        samples = noise.uniform(-loud, loud, (2, FRAME)).astype(np.float32)
        sizes += [len(unit.data) for unit in encoder.encode(samples)]
    for frames in (47, 94):
        peak_bps = (
            max(sum(sizes[at : at + frames]) for at in range(len(sizes) - frames)) * 8 * Fraction(375, 8 * frames)
        )
        assert peak_bps < encoder.bandwidth_bps
    assert encoder.average_bandwidth_bps < encoder.bandwidth_bps < 1.6 * kbps * 1000 + 10_000


def test_what_is_no_frame_is_refused() -> None:
    with pytest.raises(EncodeError, match="1000"):
        AudioEncoder(128, K).encode(np.zeros((2, 1000), np.float32))


def test_a_closed_encoder_says_so() -> None:
    encoder = AudioEncoder(128, K)
    encoder.close()
    encoder.close()
    with pytest.raises(EncodeError, match="closed"):
        encoder.encode(sine(K))


def test_an_encoder_that_libav_refuses_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relay.encode.audio.SAMPLE_RATE_HZ", 47_999)
    with pytest.raises(EncodeError, match="AAC at 128 kbit/s"):
        AudioEncoder(128, K)
