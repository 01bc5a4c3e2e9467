"""Films go in and films come out: every picture at its own time, and its sound."""

from __future__ import annotations

import threading
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

from fixtures.films import (
    ScriptedChain,
    found_in,
    job_for,
    numbered,
    sound_packets,
    times_of,
    write_film,
)
from fixtures.media import Clip, moving_picture, write_clip, write_comb, write_takes
from relay.errors import ConfigError, EncodeError, OutputError, TransformError
from relay.offline import Encoding, Halt, Progress, Summary, process

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from fixtures.pictures import WriteModule
    from relay.model import EncodedCodec, Picture
    from relay.offline import Job

CLIP = Clip(160, 96, frames=20, b_frames=2)
UNEVEN_MS = [0, 40, 45, 200, 1000, 1033, 1034, 5000, 5040]


def run(job: Job, **options: Any) -> Summary:
    summary = process(job, **options)
    assert summary is not None
    return summary


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def since_first(times: Sequence[Fraction]) -> list[Fraction]:
    return [time - times[0] for time in times]


@pytest.mark.parametrize("ending", [".mp4", ".mkv", ".mov"])
def test_every_picture_comes_out_once_in_order_and_at_its_own_time(tmp_path: Path, ending: str) -> None:
    source = write_clip(tmp_path / "in.mp4", CLIP, paint=numbered)
    summary = run(job_for(source, tmp_path / f"out{ending}"))
    found = found_in(tmp_path / f"out{ending}")
    assert [picture.number for picture in found] == list(range(20))
    assert [picture.time_s for picture in found] == [Fraction(index, 25) for index in range(20)]
    assert (summary.pictures, summary.width, summary.height) == (20, 160, 96)
    assert summary.film_s == pytest.approx(0.8)
    assert (summary.sound, summary.troubles, summary.remarks) == ("no sound", [], [])
    assert names(tmp_path) == ["in.mp4", f"out{ending}"]


def test_in_mpeg_ts_all_is_later_by_the_same(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", CLIP, paint=numbered)
    run(job_for(source, tmp_path / "out.ts", encoding=Encoding(preset="veryfast")))
    found = found_in(tmp_path / "out.ts")
    assert [picture.number for picture in found] == list(range(20))
    assert since_first([picture.time_s for picture in found]) == [Fraction(index, 25) for index in range(20)]


@pytest.mark.parametrize("ending", [".mp4", ".mkv", ".mov", ".ts"])
def test_a_rate_that_varies_varies_as_it_did(tmp_path: Path, ending: str) -> None:
    source = write_film(tmp_path / "in.mkv", UNEVEN_MS)
    run(job_for(source, tmp_path / f"out{ending}", encoding=Encoding(preset="veryfast")))
    found = found_in(tmp_path / f"out{ending}")
    assert [picture.number for picture in found] == list(range(len(UNEVEN_MS)))
    wanted = [Fraction(ms, 1000) for ms in UNEVEN_MS]
    times = [picture.time_s for picture in found]
    assert since_first(times) == wanted
    assert ending == ".ts" or times == wanted


@pytest.mark.parametrize("rate", [Fraction(30_000, 1001), Fraction(24_000, 1001), Fraction(50)])
def test_rates_that_are_no_whole_number_lose_nothing_in_mp4(tmp_path: Path, rate: Fraction) -> None:
    source = write_clip(tmp_path / "in.mp4", Clip(160, 96, rate=rate, frames=30), paint=numbered)
    run(job_for(source, tmp_path / "out.mp4"))
    assert times_of(tmp_path / "out.mp4") == [index / rate for index in range(30)]


def test_a_film_that_does_not_begin_at_0_still_does_not(tmp_path: Path) -> None:
    rate = Fraction(30_000, 1001)
    source = write_film(tmp_path / "in.mp4", range(7, 27), time_base=1 / rate)
    assert times_of(source)[0] > 0
    run(job_for(source, tmp_path / "out.mp4"))
    assert times_of(tmp_path / "out.mp4") == times_of(source)


def test_a_last_picture_that_stands_long_still_does(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", Clip(160, 96, rate=Fraction(1), frames=5), paint=numbered)
    run(job_for(source, tmp_path / "out.mp4"))
    with av.open(source) as before, av.open(tmp_path / "out.mp4") as after:
        assert after.duration == before.duration


def test_the_chain_is_what_a_camera_goes_through(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", Clip(160, 96, frames=5))
    summary = run(job_for(source, tmp_path / "out.mp4", "flip", "crop x=0 y=0 width=80 height=96", "scale width=40"))
    assert (summary.width, summary.height) == (40, 48)
    luma = found_in(tmp_path / "out.mp4")[0].luma
    mirrored = moving_picture(160, 96, 0)[:96][:, ::-1][:, :80]
    assert abs(float(luma[:, 2].mean()) - float(mirrored[:, 5].mean())) < 4
    assert abs(float(luma[:, -3].mean()) - float(mirrored[:, -6].mean())) < 4


@pytest.mark.parametrize("target", ["out.mp4", "out.mkv", "out.mov"])
def test_sound_is_kept_bit_for_bit(tmp_path: Path, target: str) -> None:
    source = write_clip(tmp_path / "in.mp4", Clip(160, 96, frames=30, audio_codec="aac"), paint=numbered)
    summary = run(job_for(source, tmp_path / target))
    assert sound_packets(tmp_path / target) == sound_packets(source)
    assert summary.sound == "sound: aac, copied as it is"


def test_sound_goes_from_mpeg_ts_into_mp4_and_back(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.ts", Clip(160, 96, frames=30, audio_codec="aac"), paint=numbered)
    adts_header = 7
    raw = [packet[adts_header:] for packet in sound_packets(source)]
    run(job_for(source, tmp_path / "out.mp4"))
    assert sound_packets(tmp_path / "out.mp4") == raw
    run(job_for(tmp_path / "out.mp4", tmp_path / "back.ts"))
    assert [packet[adts_header:] for packet in sound_packets(tmp_path / "back.ts")] == raw


def test_a_clock_that_begins_anywhere_begins_at_0_and_sound_with_it(tmp_path: Path) -> None:
    clip = Clip(160, 96, frames=30, audio_codec="aac", first_pts=25 * 5000)
    source = write_clip(tmp_path / "in.ts", clip, paint=numbered)
    run(job_for(source, tmp_path / "out.mp4"))
    times = times_of(tmp_path / "out.mp4")
    assert times[0] < Fraction(1, 10)
    assert since_first(times) == [Fraction(index, 25) for index in range(30)]
    with av.open(source) as before, av.open(tmp_path / "out.mp4") as after:
        lead = [_lead(container) for container in (before, after)]
    assert abs(lead[0] - lead[1]) < Fraction(1, 10_000)


def _lead(container: av.container.InputContainer) -> Fraction:
    """By how much the first picture is shown behind the first sound."""
    first: dict[str, Fraction] = {}
    for packet in container.demux():
        if packet.size and packet.pts is not None and packet.stream.type not in first:
            first[packet.stream.type] = packet.pts * Fraction(packet.time_base)
    return first["video"] - first["audio"]


def test_recordings_that_were_joined_become_one_film(tmp_path: Path) -> None:
    first = write_clip(tmp_path / "a.ts", Clip(160, 96, frames=25, audio_codec="aac", first_pts=25 * 900))
    second = write_clip(tmp_path / "b.ts", Clip(160, 96, frames=25, audio_codec="aac", first_pts=25 * 100))
    joined = tmp_path / "in.ts"
    joined.write_bytes(first.read_bytes() + second.read_bytes())
    summary = run(job_for(joined, tmp_path / "out.mp4"))
    times = times_of(tmp_path / "out.mp4")
    assert len(times) == 50
    assert all(Fraction(1, 100) < after - before < Fraction(2, 10) for before, after in pairwise(times))
    assert "its clock jumped (1): what it had apart is joined" in summary.remarks


@pytest.mark.parametrize(("degrees", "corner"), [(90, "bottom"), (-90, "top"), (180, "right")])
def test_what_is_to_be_turned_is_turned(tmp_path: Path, degrees: int, corner: str) -> None:
    """The left edge is dark, the right one bright; turned counter-clockwise the left one is at the bottom."""
    source = write_clip(tmp_path / "in.mp4", Clip(160, 96, frames=5, rotation=degrees))
    summary = run(job_for(source, tmp_path / "out.mp4"))
    assert (summary.width, summary.height) == ((160, 96) if degrees == 180 else (96, 160))
    luma = found_in(tmp_path / "out.mp4")[0].luma
    dark = {"bottom": luma[-8:], "top": luma[:8], "right": luma[:, -8:]}[corner]
    assert float(dark.mean()) == pytest.approx(float(luma.min()), abs=20)
    with av.open(tmp_path / "out.mp4") as container:
        assert next(container.decode(video=0)).rotation == 0


def test_samples_that_are_not_square_become_so(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", Clip(160, 96, frames=3, sample_aspect=Fraction(4, 3)))
    summary = run(job_for(source, tmp_path / "out.mp4"))
    assert (summary.width, summary.height) == (212, 96)
    with av.open(tmp_path / "out.mp4") as container:
        assert container.streams.video[0].sample_aspect_ratio in (None, 0, 1)


def test_an_odd_last_row_and_column_are_cropped(tmp_path: Path) -> None:
    clip = Clip(161, 97, frames=3, codec="ffv1", pixel_format="yuv444p")
    summary = run(job_for(write_clip(tmp_path / "in.mkv", clip), tmp_path / "out.mp4"))
    assert (summary.width, summary.height) == (160, 96)


@pytest.mark.parametrize("pixel_format", ["yuv420p10le", "yuv422p", "yuv422p10le", "yuv444p"])
def test_other_depths_and_samplings_become_what_every_player_shows(tmp_path: Path, pixel_format: str) -> None:
    clip = Clip(160, 96, frames=10, codec="ffv1", pixel_format=pixel_format)
    run(job_for(write_clip(tmp_path / "in.mkv", clip, paint=numbered), tmp_path / "out.mp4"))
    assert [picture.number for picture in found_in(tmp_path / "out.mp4")] == list(range(10))
    with av.open(tmp_path / "out.mp4") as container:
        assert container.streams.video[0].codec_context.pix_fmt == "yuv420p"


@pytest.mark.parametrize(("height", "matrix"), [(96, 5), (720, 1)])
def test_the_colours_are_told_and_the_range_is_limited(tmp_path: Path, height: int, matrix: int) -> None:
    clip = Clip(160, height, frames=2, full_range=True, pixel_format="yuvj420p")
    run(job_for(write_clip(tmp_path / "in.mkv", clip), tmp_path / "out.mp4"))
    with av.open(tmp_path / "out.mp4") as container:
        frame = next(container.decode(video=0))
    assert (int(frame.colorspace), int(frame.color_range)) == (matrix, 1)
    luma = np.asarray(frame.to_ndarray())[:height]
    assert abs(int(luma.min()) - 40) <= 4
    assert abs(int(luma.max()) - 180) <= 4


def test_interlaced_pictures_are_made_whole_and_none_is_lost(tmp_path: Path) -> None:
    source = write_comb(tmp_path / "in.ts", "libx264", 30)
    summary = run(job_for(source, tmp_path / "out.mp4"))
    assert summary.pictures == 30
    assert since_first(times_of(tmp_path / "out.mp4")) == since_first(times_of(source))
    for picture in found_in(tmp_path / "out.mp4")[2:-2]:
        rows = picture.luma[::2].astype(int) - picture.luma[1::2]
        assert np.abs(rows).mean() < 8


def test_pictures_that_change_their_size_are_fitted_into_the_first(tmp_path: Path) -> None:
    source = write_takes(tmp_path / "in.ts", Clip(160, 96, frames=10), Clip(320, 192, frames=10))
    summary = run(job_for(source, tmp_path / "out.mp4"))
    assert (summary.pictures, summary.width, summary.height) == (20, 160, 96)
    assert {picture.luma.shape for picture in found_in(tmp_path / "out.mp4")} == {(96, 160)}


@pytest.mark.parametrize(("codec", "name"), [("hevc", "hevc"), ("av1", "av1")])
def test_other_codecs(tmp_path: Path, codec: EncodedCodec, name: str) -> None:
    source = write_clip(tmp_path / "in.mp4", CLIP, paint=numbered)
    run(job_for(source, tmp_path / "out.mp4", encoding=Encoding(codec, preset="ultrafast")))
    assert [picture.number for picture in found_in(tmp_path / "out.mp4")] == list(range(20))
    assert times_of(tmp_path / "out.mp4") == times_of(source)
    with av.open(tmp_path / "out.mp4") as container:
        codec_context = container.streams.video[0].codec_context
        assert codec_context.codec.canonical_name == name
        assert codec_context.codec_tag == {"hevc": "hvc1", "av1": "av01"}[codec]


def test_a_rate_that_is_asked_for_is_kept_to(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (144, 160), np.uint8)
    source = write_film(tmp_path / "in.mkv", range(0, 4000, 40), paint=lambda *size: np.roll(noise, size[2] * 7))
    sizes = []
    for kbps in (100, 400):
        target = tmp_path / f"{kbps}.mp4"
        run(job_for(source, target, encoding=Encoding(bitrate_kbps=kbps, preset="ultrafast")))
        sizes.append(target.stat().st_size * 8 / 4)
    assert 50_000 < sizes[0] < 200_000
    assert 200_000 < sizes[1] < 600_000


def test_slots_count_pictures_and_times_are_those_of_the_recording(tmp_path: Path) -> None:
    tags = {"creation_time": "2026-11-22T17:43:22.000000Z", "location": "+48.1-011.5/"}
    source = write_film(tmp_path / "in.mp4", [0, 40, 1000], tags=tags)
    chain = ScriptedChain(lambda picture: [picture])
    run(job_for(source, tmp_path / "out.mp4"), make_chain=chain)
    assert [picture.slot for picture in chain.seen] == [0, 1, 2]
    began_ns = 1_795_369_402_000_000_000
    assert [picture.time_ns - began_ns for picture in chain.seen] == [0, 40_000_000, 1_000_000_000]
    with av.open(tmp_path / "out.mp4") as container:
        assert container.metadata["creation_time"] == tags["creation_time"]
        assert not [value for value in container.metadata.values() if "48.1" in value], "nor does it say where"


def test_a_chain_is_opened_used_and_closed_in_one_thread(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", Clip(160, 96, frames=5))
    threads: set[int] = set()

    def step(picture: Picture) -> list[Picture]:
        threads.add(threading.get_ident())
        return [picture]

    chain = ScriptedChain(step)
    run(job_for(source, tmp_path / "out.mp4"), make_chain=chain)
    assert chain.calls == ["open", "flush", "close"]
    assert len(threads) == 1
    assert threading.get_ident() not in threads


def test_progress_rises_to_the_end(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", CLIP)
    told: list[Progress] = []
    run(job_for(source, tmp_path / "out.mp4"), on_progress=told.append)
    assert told
    assert [progress.done_s for progress in told] == sorted(progress.done_s for progress in told)
    assert told[-1].done_s == pytest.approx(0.76)
    assert told[-1].total_s == pytest.approx(0.8, abs=0.05)


# What goes wrong: nothing is left, and what was there is still there.


def test_what_is_there_is_replaced_only_where_that_is_asked_for(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", CLIP, paint=numbered)
    target = tmp_path / "out.mp4"
    target.write_text("old")
    with pytest.raises(ConfigError, match="is there already"):
        process(job_for(source, target))
    assert target.read_text() == "old"
    run(job_for(source, target, overwrite=True))
    assert len(found_in(target)) == 20


def test_a_film_can_take_its_own_place(tmp_path: Path) -> None:
    film = write_clip(tmp_path / "film.mp4", CLIP, paint=numbered)
    run(job_for(film, film, "scale width=80", overwrite=True))
    found = found_in(film)
    assert [picture.number for picture in found] == list(range(20))
    assert found[0].luma.shape == (48, 80)
    assert names(tmp_path) == ["film.mp4"]


def test_a_transform_that_does_not_exist_leaves_nothing(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", CLIP)
    with pytest.raises(TransformError, match="there is no transform 'scael': did you mean 'scale'"):
        process(job_for(source, tmp_path / "out.mp4", "scael width=80"))
    assert names(tmp_path) == ["in.mp4"]


def test_a_film_of_which_nothing_left_the_chain_is_black_and_says_so(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", CLIP)
    summary = run(job_for(source, tmp_path / "out.mp4", "crop width=1000 height=200"))
    assert summary.remarks == ["pictures that did not leave the chain, so that all of it is black: 20"]
    assert summary.failures == ["crop: 1000x200 at (0, 0) reaches out of a picture of 160x96 (20 times)"]
    assert max(int(picture.luma.max()) for picture in found_in(tmp_path / "out.mp4")) < 20


def test_a_transform_that_is_to_stop_the_run_does_and_nothing_is_left(tmp_path: Path, user_module: WriteModule) -> None:
    module = user_module("def fail(frame):\n    if frame.slot == 7:\n        raise ValueError('no more')\n")
    source = write_clip(tmp_path / "in.mp4", CLIP)
    with pytest.raises(TransformError, match="raised ValueError: no more"):
        process(job_for(source, tmp_path / "out.mp4", f"{module}:fail on_failure=stop"))
    assert not list(tmp_path.glob("*out*")) + list(tmp_path.glob(".relay*"))


def test_an_encoder_that_refuses_is_told_with_what_it_was_asked_for(tmp_path: Path) -> None:
    source = write_film(tmp_path / "in.mp4", [0, 40], size=(8, 8))
    encoding = Encoding("hevc", preset="ultrafast")
    with pytest.raises(EncodeError, match=r"out\.mp4: cannot be encoded \(8x8, libx265, crf 28, ultrafast\)"):
        process(job_for(source, tmp_path / "out.mp4", encoding=encoding))
    assert names(tmp_path) == ["in.mp4"]


def test_a_folder_that_is_not_there_is_said_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="nothing can be written there"):
        process(job_for(tmp_path / "none.mp4", tmp_path / "gone" / "out.mp4"))


@pytest.mark.parametrize("calls_at", [0, 1, 10, 19])
def test_a_run_that_is_told_to_stop_leaves_nothing(tmp_path: Path, calls_at: int) -> None:
    source = write_clip(tmp_path / "in.mp4", Clip(160, 96, frames=20, audio_codec="aac"))
    halt = Halt()

    def step(picture: Picture) -> list[Picture]:
        if picture.slot == calls_at:
            halt.call()
        return [picture]

    chain = ScriptedChain(step)
    assert process(job_for(source, tmp_path / "out.mp4"), halt, make_chain=chain) is None
    assert names(tmp_path) == ["in.mp4"]
    assert len(chain.seen) == calls_at + 1
    assert chain.calls[-1] == "close"
    assert not {"reading", "chaining", "writing"} & {thread.name for thread in threading.enumerate()}


def test_a_run_that_is_stopped_replaces_nothing(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", CLIP)
    target = tmp_path / "out.mp4"
    target.write_text("old")
    halt = Halt()
    halt.call()
    assert process(job_for(source, target, overwrite=True), halt) is None
    assert target.read_text() == "old"


def test_what_breaks_off_while_progress_is_told_leaves_nothing(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", CLIP)

    def hang_up(_: Progress) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        process(job_for(source, tmp_path / "out.mp4"), on_progress=hang_up)
    assert names(tmp_path) == ["in.mp4"]
