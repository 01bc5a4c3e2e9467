"""A folder as a channel: the order of names, times that go on, and files that come, go or cannot be read."""

from __future__ import annotations

from itertools import islice, pairwise
from typing import TYPE_CHECKING

import av
import pytest

from fixtures.clock import Clock
from fixtures.media import Clip, write_clip
from relay.config import StreamSettings
from relay.errors import SourceNotFoundError, SourceUnsupportedError
from relay.source import open_source
from relay.source.address import Address, parse_address
from relay.source.container import ContainerSource
from relay.source.folder import FolderSource

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def opened(folder: Path, clock: Clock, **settings: object) -> FolderSource:
    def open_file(address: Address, settings: StreamSettings, previous: ContainerSource | None) -> ContainerSource:
        container = av.open(address.url)
        return ContainerSource(address, settings, container, clock.monotonic_ns, clock.sleep, previous=previous)

    stream = StreamSettings.model_validate({"source": str(folder), **settings})
    return FolderSource(parse_address(str(folder)), stream, open_file)


def pictures(source: FolderSource) -> Iterator[tuple[float, int]]:
    """When each picture is due, in seconds of its timestamp, and its height."""
    for packet in source.media():
        for frame in packet.decode() if packet is not None else ():
            if isinstance(frame, av.VideoFrame):
                yield float(frame.pts * frame.time_base), frame.height


def test_files_play_by_name_again_and_again_in_one_line_of_time(tmp_path: Path) -> None:
    write_clip(tmp_path / "2.ts", Clip(height=90, first_pts=90, audio_codec="aac", b_frames=2))
    write_clip(tmp_path / "1.mp4", Clip(audio_codec="aac"))
    (tmp_path / "1.srt").write_text("no film")
    (tmp_path / ".3.mp4").write_text("hidden")
    clock = Clock()
    source = opened(tmp_path, clock)
    assert source.info.height == 180
    shown = list(islice(pictures(source), 120))
    assert [height for _, height in shown] == [180] * 25 + [90] * 25 + [180] * 25 + [90] * 25 + [180] * 20
    times = [time for time, _ in shown]
    assert all(0 < after - before < 0.15 for before, after in pairwise(times))
    assert clock.monotonic_s() == pytest.approx(times[-1] - times[0], abs=0.3)
    source.close()


def test_files_may_come_and_go(tmp_path: Path) -> None:
    for number in (1, 3):
        write_clip(tmp_path / f"{number}.mkv", Clip(frames=5, height=90 * number))
    source = opened(tmp_path, Clock())
    heights = []
    for index, (_, height) in enumerate(islice(pictures(source), 20)):
        heights.append(height)
        if index == 2:
            write_clip(tmp_path / "2.mkv", Clip(frames=5, height=180))
        if index == 7:
            (tmp_path / "1.mkv").unlink()
    assert heights == [90] * 5 + [180] * 5 + [270] * 5 + [180] * 5
    source.close()


def test_what_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    write_clip(tmp_path / "1.mkv", Clip(frames=5))
    (tmp_path / "2.mp4").write_bytes(b"no film at all" * 100)
    source = open_source(StreamSettings(source=str(tmp_path)), "cam")
    times = list(islice(pictures(source), 12))  # type: ignore[arg-type]  # a folder is one
    assert len(times) == 12
    source.close()


def test_it_begins_in_the_first_file_where_it_is_told_to(tmp_path: Path) -> None:
    for name in ("1.mkv", "2.mkv"):
        write_clip(tmp_path / name, Clip(frames=50, gop=25))
    source = opened(tmp_path, Clock(), start_s=1, loop=True)
    assert next(pictures(source))[0] == pytest.approx(1, abs=0.05)
    source.close()


def test_a_folder_without_films(tmp_path: Path) -> None:
    with pytest.raises(SourceNotFoundError, match="no video in this folder"):
        opened(tmp_path, Clock())
    (tmp_path / "2.mp4").write_bytes(b"no film at all" * 100)
    with pytest.raises(SourceUnsupportedError, match=r"none of its files can be read; the last: .*2.mp4: is no video"):
        open_source(StreamSettings(source=str(tmp_path)), "cam")


def test_a_folder_that_is_gone(tmp_path: Path) -> None:
    folder = tmp_path / "films"
    folder.mkdir()
    write_clip(folder / "1.mkv", Clip(frames=2)).rename(folder / "2.mkv")
    source = opened(folder, Clock())
    (folder / "2.mkv").unlink()
    folder.rmdir()
    with pytest.raises(SourceNotFoundError, match="cannot be looked into: No such file"):
        list(source.media())
    source.close()


def test_files_with_nothing_in_them_end_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_clip(tmp_path / "1.mkv", Clip(frames=2))
    monkeypatch.setattr(ContainerSource, "media", lambda self: iter(()))
    source = opened(tmp_path, Clock())
    with pytest.raises(SourceUnsupportedError, match="nothing in any of its files"):
        list(source.media())
    source.close()
