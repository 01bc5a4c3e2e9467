"""What must not hurt: servers that misbehave, over real sockets, through the real source, decoder and retry policy."""

from __future__ import annotations

import random
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from fixtures.media import Clip, write_clip
from fixtures.rows import OTHER_CODEC, write_becoming
from fixtures.trouble import (
    CHALLENGES,
    JUNK,
    SERVERS,
    Hold,
    Paced,
    Server,
    Trouble,
    after_each_other,
    as_live,
    drip,
    http,
    losing_its_picture,
    refusal,
)
from relay.config import StreamSettings
from relay.decode import Decoder
from relay.errors import (
    SourceAuthError,
    SourceEndedError,
    SourceError,
    SourceFaultyError,
    SourceNotFoundError,
    SourceStalledError,
    SourceUnreachableError,
)
from relay.source import Backoff, open_source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.clock

OPEN_S, READ_S, STALL_S = 0.6, 0.4, 0.5
SLACK_S = 1.5
"""For a machine that does other things too."""


class NoJitter(random.Random):
    def uniform(self, a: float, b: float) -> float:
        return (a + b) / 2


@dataclass
class Trial:
    """A decoder on `source` that gives up after `attempts`, and what it said, and would have waited, in between."""

    source: str
    attempts: int = 1
    audio: bool = True
    shown: list[float] = field(default_factory=list)
    errors: list[SourceError] = field(default_factory=list)
    delays_s: list[float] = field(default_factory=list)
    took_s: list[float] = field(default_factory=list)

    def run(self) -> Trial:
        settings = StreamSettings(
            source=self.source,
            open_timeout_s=OPEN_S,
            read_timeout_s=READ_S,
            stall_after_s=STALL_S,
            audio=self.audio,
        )
        self._backoff = Backoff(NoJitter())
        self.decoder = Decoder(
            settings,
            lambda: open_source(settings, "cam"),
            time.time_ns,
            on_found=lambda info: None,
            on_video=lambda decoded: self.shown.append(time.monotonic()),
            on_audio=lambda decoded: None,
            on_state=lambda error: None,
            backoff=self,
        )
        self._began_s = time.monotonic()
        self.decoder.run()
        return self

    def delay_s(self, error: SourceError, healthy_s: float) -> float:
        now_s = time.monotonic()
        self.took_s.append(now_s - self._began_s)
        self._began_s = now_s
        self.errors.append(error)
        self.delays_s.append(self._backoff.delay_s(error, healthy_s))
        if len(self.errors) == self.attempts:
            self.decoder.stop()
        return 0.0

    @property
    def leaves(self) -> set[type[SourceError]]:
        return {type(error) for error in self.errors}


@pytest.fixture(scope="module")
def transport_stream(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Three seconds of a camera, with sound."""
    return write_clip(tmp_path_factory.mktemp("ts") / "a.ts", Clip(frames=75, audio_codec="aac")).read_bytes()


FASTER = [
    Server("RTSP, ten bytes a second", "rtsp", (drip(b"R" * 100, 1, 0.1),), SourceFaultyError, ""),
    Server("HTTP, ten bytes a second", "http", (http(), drip(b"G" * 100, 1, 0.1)), SourceFaultyError, ""),
]
"""With the short timeouts of this module, a byte a second is one that never comes."""


def tried(row: Server) -> Trial:
    with Trouble(*row.steps) as server:
        return Trial(f"{row.scheme}://user:geheim@127.0.0.1:{server.port}/live.ts", attempts=2).run()


@pytest.fixture(scope="module")
def trial_of() -> Iterator[Callable[[Server], Trial]]:
    """The trial of a row. All are on at once, since they only wait; who asks for one again is given another."""
    rows = [*SERVERS, *FASTER]
    with ThreadPoolExecutor(len(rows)) as pool:
        trials = {row.name: pool.submit(tried, row) for row in rows}
        yield lambda row: trials.pop(row.name).result() if row.name in trials else tried(row)


@pytest.mark.parametrize("row", [*SERVERS, *FASTER], ids=lambda row: row.name)
def test_it_is_told_apart_in_time_and_left_alone_for_longer_each_time(
    row: Server, trial_of: Callable[[Server], Trial]
) -> None:
    trial = trial_of(row)
    assert all(isinstance(error, row.leaf) for error in trial.errors), trial.errors
    assert all(row.words in str(error) and "geheim" not in str(error) for error in trial.errors)
    assert max(trial.took_s) < 2 * OPEN_S + SLACK_S
    assert trial.delays_s == [1, 2]
    assert trial.shown == []


@pytest.mark.parametrize("challenge", CHALLENGES.values(), ids=CHALLENGES)
@pytest.mark.parametrize("scheme", ["rtsp", "http"])
def test_wrong_credentials_are_said_and_not_hammered(scheme: str, challenge: str) -> None:
    with Trouble(*refusal(scheme, challenge)) as server:
        trial = Trial(f"{scheme}://user:geheim@127.0.0.1:{server.port}/x", attempts=7).run()
    assert trial.leaves == {SourceAuthError}
    assert all("user and password are not right" in str(error) for error in trial.errors)
    assert trial.delays_s == [1, 2, 4, 8, 15, 15, 15]
    assert server.connections <= 2 * 7, "a challenge and its answer"


def test_a_camera_that_reboots_for_ninety_seconds(transport_stream: bytes) -> None:
    """Refused, it is asked every second; then it takes connections before it can serve; then it is back."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        away = Trial(f"http://127.0.0.1:{port}/live.ts", attempts=90).run()
    assert away.leaves == {SourceUnreachableError}
    assert set(away.delays_s) == {1.0}


@pytest.mark.parametrize(
    ("code", "leaf", "delays_s"),
    [
        pytest.param(socket.EAI_AGAIN, SourceUnreachableError, [1, 1, 1], id="the name server is away"),
        pytest.param(socket.EAI_NONAME, SourceNotFoundError, [1, 2, 4], id="there is no such name"),
    ],
)
def test_a_name_that_cannot_be_resolved(
    monkeypatch: pytest.MonkeyPatch, code: int, leaf: type[SourceError], delays_s: list[float]
) -> None:
    def resolve(*args: object, **kwargs: object) -> Any:
        raise socket.gaierror(code, "x")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    trial = Trial("rtsp://no-such.invalid/x", attempts=3).run()
    assert trial.leaves == {leaf}
    assert trial.delays_s == delays_s


def test_one_that_stops_sending_has_stalled(transport_stream: bytes) -> None:
    with Trouble(http(), transport_stream, Hold()) as server:
        trial = Trial(f"http://127.0.0.1:{server.port}/live.ts").run()
    assert trial.leaves == {SourceStalledError}
    assert time.monotonic() - trial.shown[-1] < 2 * STALL_S + SLACK_S


def test_one_that_sends_on_a_byte_at_a_time_has_stalled(transport_stream: bytes) -> None:
    with Trouble(http(), transport_stream, drip(b"\x47" * 200, 1, 0.1)) as server:
        trial = Trial(f"http://127.0.0.1:{server.port}/live.ts").run()
    assert trial.leaves == {SourceStalledError}
    assert time.monotonic() - trial.shown[-1] < 2 * STALL_S + SLACK_S


def test_one_whose_codec_changes_is_opened_anew(tmp_path: Path) -> None:
    with Trouble(http(), after_each_other(*write_becoming(tmp_path, OTHER_CODEC))) as server:
        trial = Trial(f"http://127.0.0.1:{server.port}/live.ts").run()
    assert trial.leaves == {SourceStalledError}
    assert time.monotonic() - trial.shown[-1] < 2 * STALL_S + SLACK_S


@pytest.mark.parametrize("audio", [True, False], ids=["with sound", "sound not wanted"])
def test_one_that_goes_on_with_sound_alone_has_stalled(tmp_path: Path, audio: bool) -> None:
    """Whether the sound is wanted or not: what is read and thrown away is no sign of life."""
    head, sound = losing_its_picture(tmp_path)
    with Trouble(http(), head, sound) as server:
        trial = Trial(f"http://127.0.0.1:{server.port}/live.ts", audio=audio).run()
    assert trial.leaves == {SourceStalledError}
    assert time.monotonic() - trial.shown[-1] < 2 * STALL_S + SLACK_S


@pytest.mark.all
def test_one_that_hangs_up_again_and_again(tmp_path: Path) -> None:
    """Each time there are pictures, and no wait is longer than they lasted."""
    path = write_clip(tmp_path / "a.ts", Clip(frames=50))
    with Trouble(http(), as_live(path)) as server:
        trial = Trial(f"http://127.0.0.1:{server.port}/live.ts", attempts=3).run()
    assert trial.leaves == {SourceEndedError}
    assert len(trial.shown) > 3 * 15  # the first second is probed
    assert trial.delays_s == [1, pytest.approx(1.3, abs=0.4), pytest.approx(1.3, abs=0.4)]


@pytest.mark.all
def test_garbage_in_between_is_skipped(tmp_path: Path) -> None:
    chunks = as_live(write_clip(tmp_path / "a.ts", Clip(frames=75, audio_codec="aac"))).chunks
    half = len(chunks) // 2
    with Trouble(http(), Paced(chunks[:half]), JUNK[:50_000], Paced(chunks[half:])) as server:
        trial = Trial(f"http://127.0.0.1:{server.port}/live.ts").run()
    assert len(trial.shown) > 40
    assert trial.leaves == {SourceEndedError}
