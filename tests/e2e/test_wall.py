"""A wall of generated streams through the whole relay: each where it belongs, and nothing of one that hides itself."""

from __future__ import annotations

import io
import re
import time
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Final

import av
import numpy as np
import pytest

from fixtures.barcode import TIME_BITS, read_strip
from fixtures.inspector import Inspector
from fixtures.processes import Relay, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

SETTINGS: Final = """
[streams.wall]
source = "wall:red,live,hidden,away?size=640x360&rate=15&names=0"

[streams.red]
source = "test:?size=320x180&rate=15&audio=0"
transforms = [{ name = "shape", kind = "rectangle", points = "0,0 1,1", filled = true, colour = "red" }]

[streams.live]
source = "test:?size=320x180&rate=15&audio=0"

[streams.hidden]
source = "test:?size=320x180&rate=15&audio=0"
transforms = ["fixtures.links:Hides fails=true"]

[streams.away]
source = "no-such-film.mp4"
"""
WIDTH, HEIGHT = 320, 180
"""Of a place on the wall: as large as what it shows."""
LATE_MS: Final = 2000
"""From the moment that is burnt into a picture to that for which the wall sends it: a busy machine needs some."""


class Walled(Relay):
    """`relay serve` with these streams; `stream` is the wall."""

    def __init__(self, folder: Path) -> None:
        (folder / "relay.toml").write_text(SETTINGS)
        super().__init__("", folder, "--config", str(folder / "relay.toml"), stream="wall")

    def pictures(self) -> list[tuple[float, NDArray[np.uint8]]]:
        """When each picture of the newest whole segment is shown (Unix seconds), and its planes as (rows, width)."""
        where = f"/live/wall/video-{self.status()['generation']}"
        playlist = self.get(f"{where}/index.m3u8").decode()
        init = re.findall(r'#EXT-X-MAP:URI="([^"]+)"', playlist)[-1]
        segment = re.findall(r"^(\d+\.m4s)$", playlist, re.MULTILINE)[-1]
        media = io.BytesIO(self.get(f"{where}/{init}") + self.get(f"{where}/{segment}"))
        with av.open(media, "r") as container:
            return [
                (
                    float((frame.pts or 0) * Fraction(frame.time_base or 1)),
                    frame.to_ndarray(format="yuv444p").astype(np.uint8),
                )
                for frame in container.decode(video=0)
            ]


@pytest.fixture(scope="module")
def relay(folder: Path) -> Iterator[Walled]:
    with Walled(folder) as relay:
        # The relay as a whole is not ready yet: for a stream that cannot be opened it waits some seconds.
        names = ("wall", "red", "live", "hidden")
        wait_for(lambda: all(relay.status(name)["health"]["state"] == "live" for name in names), 20, "live streams")
        relay.wait_until_listed(1)
        yield relay


def place(picture: NDArray[np.uint8], column: int, row: int) -> NDArray[np.uint8]:
    """Y, Cb and Cr of one place: shape (3, height, width)."""
    return picture[:, row * HEIGHT : (row + 1) * HEIGHT, column * WIDTH : (column + 1) * WIDTH]


def test_each_stream_is_where_it_belongs_and_as_its_own_viewers_see_it(relay: Walled) -> None:
    began_s = time.time()
    with Inspector(relay.playlist) as inspector:
        shown = wait_for(
            lambda: [one for one in relay.pictures() if one[0] > began_s + 1],
            20,
            "a segment that began since",
            every_s=0.5,
        )
    for at_s, picture in (shown[0], shown[-1]):
        red, live, hidden, away = (place(picture, column, row) for row in (0, 1) for column in (0, 1))
        assert np.abs(np.subtract(red.mean(axis=(1, 2)), (81, 90, 240))).max() < 6, "red, as transforms draw it"
        assert red[:, 8:-8, 8:-8].std(axis=(1, 2)).max() < 4
        strip = read_strip(live[0], source_size=(WIDTH, HEIGHT))
        assert strip is not None
        assert 0 <= (at_s * 1000 - strip[0]) % 2**TIME_BITS < LATE_MS
        assert hidden[0].max() < 24
        assert np.abs(hidden[1:, 8:-8, 8:-8].astype(int) - 128).max() < 4, "colours run a little at the edges"
        assert abs(np.median(away[0]) - 34) < 4
        assert away[0].max() > 180, "it says that it is offline"
        assert np.abs(away[1:, 8:-8, 8:-8].astype(int) - 128).max() < 8
    counters = {read_strip(place(picture, 1, 0)[0], source_size=(WIDTH, HEIGHT)) for _, picture in shown}
    assert len(counters) > len(shown) * 0.7, "the picture moves"
    assert inspector.complaints() == []


def test_what_streams_leave_for_each_other_goes_with_the_relay(relay: Walled) -> None:
    (folder,) = {Path(str(path)).parent for path in _mapped(relay) if path.suffix == ".tap"}
    assert folder.stat().st_mode & 0o777 == 0o700
    relay.kill()
    assert any(folder.iterdir()), "nobody could remove it"
    left = folder / "left.tap"
    left.write_bytes(b"picture")
    relay.start()
    wait_for(lambda: any(path.suffix == ".tap" for path in _mapped(relay)), 20, "pictures")
    assert not left.exists()
    assert relay.stop() == 0
    assert not folder.exists()


def _mapped(relay: Walled) -> list[Path]:
    """Files in the memory of its workers."""
    maps = (Path(f"/proc/{worker.pid}/maps") for worker in relay.workers())
    return [
        Path(line.split()[-1])
        for path in maps
        if path.exists()
        for line in path.read_text().splitlines()
        if "/" in line
    ]
