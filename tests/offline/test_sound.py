"""Sound that the container does not take becomes AAC, where it was and as it was heard."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest

from fixtures.films import found_in, job_for, numbered, samples_of, sound_packets, write_sound
from fixtures.media import SAMPLE_RATE, TONE_HZ, Clip, tone, write_clip
from relay.offline import process
from relay.offline.sound import aac_layout

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

BLOCK = 1024


def made_of(frames: Sequence[av.AudioFrame], folder: Path, ending: str = ".mp4") -> tuple[float, NDArray[np.float32]]:
    """When the sound begins in a film made of one with this sound, and its samples."""
    source = write_sound(folder / "in.mkv", "pcm_s16le", frames, pictures=30)
    summary = process(job_for(source, folder / f"out{ending}"))
    assert summary is not None
    assert summary.sound == f"sound: pcm_s16le, encoded to AAC, as {ending} does not take it"
    assert (summary.troubles, summary.remarks) == ([], [])
    begin_s, samples = samples_of(folder / f"out{ending}")
    return float(begin_s), samples


def pitch_hz(samples: NDArray[np.float32]) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum)) * SAMPLE_RATE / len(samples)


def level(samples: NDArray[np.float32]) -> float:
    return float(np.sqrt(np.mean(np.square(samples))))


@pytest.mark.parametrize("ending", [".mp4", ".ts"])
def test_it_sounds_as_it_did_and_when_it_did(tmp_path: Path, ending: str) -> None:
    begin_s, samples = made_of([tone(n * BLOCK, BLOCK) for n in range(50)], tmp_path, ending)
    middle = samples[10 * BLOCK : 40 * BLOCK]
    assert pitch_hz(middle) == pytest.approx(TONE_HZ, abs=2)
    assert level(middle) == pytest.approx(0.3 / np.sqrt(2), rel=0.05)
    with av.open(tmp_path / f"out{ending}") as container:
        first = next(container.decode(video=0))
    assert begin_s - (first.time or 0.0) == pytest.approx(0, abs=0.03)
    assert len(samples) == pytest.approx(50 * BLOCK, abs=3 * BLOCK)


def test_a_hole_is_silent_and_what_follows_is_where_it_was(tmp_path: Path) -> None:
    hole = range(15, 35)
    begin_s, samples = made_of([tone(n * BLOCK, BLOCK) for n in range(50) if n not in hole], tmp_path)
    at = [int(n * BLOCK - begin_s * SAMPLE_RATE) for n in (5, 13, 18, 32, 38, 46)]
    assert level(samples[at[0] : at[1]]) > 0.18
    assert level(samples[at[2] : at[3]]) < 0.01
    assert level(samples[at[4] : at[5]]) > 0.18


def test_one_channel_at_a_low_rate_stays_that(tmp_path: Path) -> None:
    clip = Clip(160, 96, frames=30, audio_codec="pcm_alaw", audio_rate=8000, audio_layout="mono")
    summary = process(job_for(write_clip(tmp_path / "in.mov", clip), tmp_path / "out.mp4"))
    assert summary is not None
    with av.open(tmp_path / "out.mp4") as container:
        codec = container.streams.audio[0].codec_context
        assert (codec.name, codec.sample_rate, codec.layout.name) == ("aac", 8000, "mono")
    _, samples = samples_of(tmp_path / "out.mp4")
    assert level(samples[2000:8000]) == pytest.approx(0.3 / np.sqrt(2), rel=0.1)


@pytest.mark.parametrize("ending", [".mkv", ".mov"])
def test_containers_that_take_it_get_the_very_samples(tmp_path: Path, ending: str) -> None:
    frames = [tone(n * BLOCK, BLOCK) for n in range(30)]
    source = write_sound(tmp_path / "in.mkv", "pcm_s16le", frames, pictures=15)
    summary = process(job_for(source, tmp_path / f"out{ending}"))
    assert summary is not None
    assert summary.sound == "sound: pcm_s16le, copied as it is"
    assert b"".join(sound_packets(tmp_path / f"out{ending}")) == b"".join(sound_packets(source))


def test_of_several_tracks_the_best_is_kept_with_its_language(tmp_path: Path) -> None:
    source = tmp_path / "in.mkv"
    one = write_sound(tmp_path / "one.mkv", "aac", [tone(n * BLOCK, BLOCK) for n in range(30)], pictures=15)
    with av.open(one) as read, av.open(source, "w") as written:
        streams = [written.add_stream_from_template(stream) for stream in read.streams]
        second = written.add_stream_from_template(read.streams.audio[0])
        streams[1].metadata["language"] = "ger"
        for packet in read.demux():
            if packet.size:
                twin = av.Packet(bytes(packet))
                twin.pts, twin.dts, twin.time_base = packet.pts, packet.dts, packet.time_base
                is_sound = packet.stream.type == "audio"
                packet.stream = streams[packet.stream_index]
                written.mux(packet)
                if is_sound:
                    twin.stream = second
                    written.mux(twin)
    summary = process(job_for(source, tmp_path / "out.mp4"))
    assert summary is not None
    assert summary.sound == "sound: aac, the best of 2 tracks, copied as it is"
    assert summary.remarks == ["streams that were left out: 1 audio"]
    with av.open(tmp_path / "out.mp4") as container:
        assert [stream.language for stream in container.streams.audio] == ["ger"]


@pytest.mark.parametrize("ending", [".mp4", ".mkv"])
def test_what_was_cut_away_is_neither_seen_nor_heard_nor_in_the_file(tmp_path: Path, ending: str) -> None:
    """Cut without encoding: the first 0.6 s are still there, from a keyframe on, but an edit list passes them over."""
    whole = write_clip(tmp_path / "whole.mp4", Clip(160, 96, frames=30, gop=30, audio_codec="aac"), paint=numbered)
    with av.open(whole) as read, av.open(tmp_path / "in.mp4", "w") as written:
        streams = [written.add_stream_from_template(stream) for stream in read.streams]
        for packet in read.demux():
            if packet.pts is not None and packet.dts is not None:
                back = round(Fraction(6, 10) / packet.time_base)
                packet.pts, packet.dts = packet.pts - back, packet.dts - back
                packet.stream = streams[packet.stream_index]
                written.mux(packet)
    summary = process(job_for(tmp_path / "in.mp4", tmp_path / f"out{ending}"))
    assert summary is not None
    assert [picture.number for picture in found_in(tmp_path / f"out{ending}")] == list(range(15, 30))
    kept = sound_packets(tmp_path / f"out{ending}")
    hidden = len(sound_packets(tmp_path / "in.mp4")) - len(kept)
    assert hidden == pytest.approx((0.6 - 0.1) * SAMPLE_RATE / BLOCK, abs=2)
    assert sound_packets(tmp_path / "in.mp4")[hidden:] == kept


@pytest.mark.parametrize(("channels", "layout"), [(1, "mono"), (2, "stereo"), (4, "stereo"), (6, "5.1"), (8, "5.1")])
def test_channels_of_aac(channels: int, layout: str) -> None:
    assert aac_layout(channels) == layout
    assert av.AudioLayout(layout).nb_channels <= channels
