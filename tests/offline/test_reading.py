"""Files that are no films, that are broken, or that are elsewhere: each is one clear error, or says what it lacks."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING

import av
import pytest

from fixtures.films import ScriptedChain, found_in, job_for, numbered, write_film, write_sound
from fixtures.http_camera import Files, Guarded, serving
from fixtures.media import Clip, tone, write_clip
from relay.errors import (
    RelayError,
    SourceAuthError,
    SourceNotFoundError,
    SourceUnreachableError,
    SourceUnsupportedError,
)
from relay.offline import process
from relay.offline.containers import container_of
from relay.offline.film import Shot
from relay.offline.reading import FilmReader
from relay.pixels import LentPicture
from relay.transform.frame import Frame

if TYPE_CHECKING:
    from pathlib import Path

LONG = Clip(160, 96, frames=200, gop=25)


def why_not(source: Path | str, folder: Path) -> RelayError:
    """What is said of a file that is no film. Nothing is made of it."""
    target = folder / "made" / "out.mp4"
    target.parent.mkdir(exist_ok=True)
    with pytest.raises(RelayError) as caught:
        process(job_for(source, target))
    assert list(target.parent.iterdir()) == []
    return caught.value


def cut(path: Path, share: float) -> Path:
    """The file up to a share of it."""
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    return path


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    error = why_not(tmp_path / "none.mp4", tmp_path)
    assert isinstance(error, SourceNotFoundError)
    assert str(error) == f"{tmp_path}/none.mp4: there is no such file"


def test_a_folder(tmp_path: Path) -> None:
    assert "is a folder: name one of its files" in str(why_not(tmp_path, tmp_path))


def test_a_file_that_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "in.mp4"
    path.write_bytes(b"hello " * 2000)
    assert isinstance(why_not(path, tmp_path), SourceUnsupportedError)


def test_a_file_that_is_empty(tmp_path: Path) -> None:
    path = tmp_path / "in.mp4"
    path.touch()
    assert str(why_not(path, tmp_path)) == f"{path}: is empty: there is not one byte in it"


def test_sound_alone_is_no_film(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "in.m4a", "aac", [tone(n * 1024, 1024) for n in range(20)])
    assert "there is no video that can be decoded here (found: aac)" in str(why_not(path, tmp_path))


@pytest.mark.parametrize("source", ["rtsp://me:geheim@127.0.0.1:1/live", "test:", "udp://127.0.0.1:5004", "screen:"])
def test_what_has_no_end_is_sent_elsewhere(tmp_path: Path, source: str) -> None:
    error = why_not(source, tmp_path)
    assert isinstance(error, SourceUnsupportedError)
    assert "geheim" not in str(error)


def test_an_mp4_that_was_cut_off_cannot_be_read(tmp_path: Path) -> None:
    path = cut(write_clip(tmp_path / "in.mp4", LONG), 0.5)
    assert "is the file complete?" in str(why_not(path, tmp_path))


@pytest.mark.parametrize("share", [0.3, 0.6])
def test_a_film_that_was_cut_off_is_made_as_far_as_it_goes_and_says_so(tmp_path: Path, share: float) -> None:
    path = cut(write_clip(tmp_path / "in.mkv", LONG), share)
    summary = process(job_for(path, tmp_path / "out.mp4"))
    assert summary is not None
    assert 200 * (share - 0.15) < summary.pictures < 200 * (share + 0.15)
    assert len(found_in(tmp_path / "out.mp4")) == summary.pictures
    assert summary.troubles


def test_damage_in_the_middle_costs_what_is_damaged(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "in.ts", LONG)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 20_000] = os.urandom(20_000)
    path.write_bytes(data)
    summary = process(job_for(path, tmp_path / "out.mp4"))
    assert summary is not None
    assert 100 < summary.pictures <= 200


def test_what_is_left_out_is_said(tmp_path: Path) -> None:
    frames = [tone(n * 1024, 1024) for n in range(30)]
    path = write_sound(tmp_path / "in.mkv", "aac", frames, pictures=15)
    summary = process(job_for(path, tmp_path / "out.mp4", audio=False))
    assert summary is not None
    assert (summary.sound, summary.remarks) == ("no sound", ["streams that were left out: 1 audio"])


def test_a_name_that_looks_like_an_address_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_clip(tmp_path / "in.mp4", Clip(160, 96, frames=5), paint=numbered).rename(tmp_path / "test:x=1.mp4")
    summary = process(job_for("test:x=1.mp4", tmp_path / "a:b.mp4"))
    assert summary is not None
    assert len(found_in((tmp_path / "a:b.mp4").rename(tmp_path / "out.mp4"))) == 5


def test_without_a_date_of_its_own_a_film_ended_when_its_file_was_written(tmp_path: Path) -> None:
    path = write_film(tmp_path / "in.mkv", range(0, 1000, 40))
    written_ns = 1_700_000_000_000_000_000
    os.utime(path, ns=(written_ns, written_ns))
    chain = ScriptedChain(lambda picture: [picture])
    process(job_for(path, tmp_path / "out.mkv"), make_chain=chain)
    assert written_ns - 1_100_000_000 < chain.seen[0].time_ns < written_ns - 900_000_000


def test_tags_that_are_no_unicode_are_no_reason_to_refuse_a_film(tmp_path: Path) -> None:
    path = write_film(tmp_path / "in.mkv", [0, 40], tags={"title": "Fxoll"})
    path.write_bytes(path.read_bytes().replace(b"Fxoll", b"F\xfcoll"))
    assert process(job_for(path, tmp_path / "out.mp4")) is not None


def test_a_film_that_ends_is_read_over_http_with_a_password_that_nobody_sees(tmp_path: Path) -> None:
    write_clip(tmp_path / "in.mp4", Clip(160, 96, frames=10, audio_codec="aac"), paint=numbered)
    with serving(partial(Guarded, directory=str(tmp_path))) as url:
        source = url.replace("//", "//me:geheim@") + "/in.mp4"
        summary = process(job_for(source, tmp_path / "out.mp4"))
        assert summary is not None
        assert [picture.number for picture in found_in(tmp_path / "out.mp4")] == list(range(10))
        assert summary.source == source.replace("me:geheim", "***")
        refused = why_not(source.replace("geheim", "falsch"), tmp_path)
    assert isinstance(refused, SourceAuthError)
    assert "falsch" not in str(refused)


def test_over_http_nothing_says_when_a_film_was_recorded_and_it_is_1970(tmp_path: Path) -> None:
    write_clip(tmp_path / "in.mp4", Clip(160, 96, frames=3))
    chain = ScriptedChain(lambda picture: [picture])
    with serving(partial(Files, directory=str(tmp_path))) as url:
        process(job_for(f"{url}/in.mp4", tmp_path / "out.mp4"), make_chain=chain)
    assert [picture.time_ns for picture in chain.seen] == [0, 40_000_000, 80_000_000]


def test_a_host_that_is_not_there(tmp_path: Path) -> None:
    assert isinstance(why_not("http://me:geheim@127.0.0.1:1/in.mp4", tmp_path), SourceUnreachableError)


def test_the_memory_of_pictures_is_used_again_once_nobody_holds_them(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", Clip(64, 48, frames=30), paint=numbered)
    reader = FilmReader.open(job_for(source, tmp_path / "out.mp4").settings, container_of(tmp_path / "out.mp4", "h264"))
    held, places = [], []
    for item in reader.items():
        assert isinstance(item, Shot)
        places.append(item.picture.i420.ctypes.data)
        if item.picture.slot % 10 < 2:
            held.append(item.picture)
    reader.close()
    assert len(set(places)) <= len(held) + 3
    for picture in held:
        assert abs(int(picture.i420[10, 10]) - int(numbered(64, 48, picture.slot)[10, 10])) <= 3


@pytest.mark.parametrize("b_frames", [0, 2])
def test_what_is_written_into_a_picture_is_not_in_those_that_are_predicted_from_it(
    tmp_path: Path, b_frames: int
) -> None:
    path = write_clip(tmp_path / "in.mp4", Clip(160, 96, frames=40, gop=40, b_frames=b_frames))
    expected = [bytes(frame.to_ndarray(format="yuv420p")) for frame in av.open(path).decode(video=0)]
    reader = FilmReader.open(job_for(path, tmp_path / "out.mp4").settings, container_of(tmp_path / "out.mp4", "h264"))
    found = []
    for item in reader.items():
        assert isinstance(item, Shot)
        assert isinstance(item.picture, LentPicture)
        frame = Frame(item.picture)
        found.append(b"".join(plane.tobytes() for plane in item.picture.planes))
        frame.y[:], frame.u[:], frame.v[:] = 16, 128, 128
    reader.close()
    assert found == expected
