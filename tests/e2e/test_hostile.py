"""Everything that a camera can send, one after the other, through one relay, under one page and one reader.

Each row has a connection of its own, and the relay finds it by itself. Neither viewer may notice anything but another
picture; and what they were shown is looked at afterwards, so that a row that was never played, or not seen, fails.
The rows that only RTSP has are in `test_hostile_rtsp.py`.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pytest

from fixtures.audience import Audience, broken_rules, moving, sounding
from fixtures.broadcast import Stage, live_copy, live_mpegts
from fixtures.inspector import Inspector
from fixtures.media import Clip, write_clip, write_comb, write_takes
from fixtures.processes import Relay
from fixtures.rows import (
    COMINGS,
    DRIFT,
    DRIFTING,
    JOINED_LATE,
    KINDS,
    LONG,
    LONG_GOP,
    LOW_LIGHT,
    OTHER_CODEC,
    OTHER_SOUNDS,
    SOUNDS,
    STAMPS,
    TAKES,
    write_becoming,
    write_notes,
    write_undescribed,
)
from fixtures.trouble import (
    CHALLENGES,
    JUNK,
    SERVERS,
    Hold,
    Paced,
    Step,
    after_each_other,
    as_live,
    drip,
    http,
    losing_its_picture,
    refusal,
)
from relay.errors import SourceAuthError, SourceError, SourceStalledError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from fixtures.hostile import Edit

pytestmark = [pytest.mark.e2e, pytest.mark.all, pytest.mark.timeout(480)]

SETTINGS = 'size = "320x180"\nrate = 25\nopen_timeout_s = 2\nread_timeout_s = 2\n'
PROBED_S = 1.3
"""So much of each connection is read before anything of it is shown."""
AAC_FRAMES_HZ = 48_000 / 1024
MAX_BACKOFF_S = 15 * 1.2
INTERLUDE_S = 13.0
ENOUGH = 0.6
"""Of what was sent after probing: a busy machine repeats pictures."""
TRIES = 2
"""A row of two seconds can fall into a moment in which the machine did something else. None does so twice."""
SETTLED_S = 4.0
READER_BEHIND_S = 14.0
"""ffmpeg begins three segments behind the newest, and is started within seconds."""


@dataclass(frozen=True)
class Turn:
    """A row: what is served, how much of it has to be seen and heard, and what has to be said when it is over."""

    name: str
    steps: tuple[Step, ...]
    seen: int = 0
    heard: int = 0
    leaf: type[SourceError] | None = None
    words: str = ""
    opened: str = ""

    @property
    def length_s(self) -> float:
        return sum(step.chunks[-1][0] - step.chunks[0][0] for step in self.steps if isinstance(step, Paced))


def film(name: str, paced: Paced, frames: float = 75, rate: float = 25, heard_s: float = 0, opened: str = "") -> Turn:
    """A row of which most of what comes after probing has to be seen and, in frames of AAC, heard."""
    seen = max(1, round(ENOUGH * (frames - PROBED_S * rate)))
    return Turn(name, (http(), paced), seen, round(ENOUGH * heard_s * AAC_FRAMES_HZ), opened=opened)


def stamps(folder: Path) -> Iterator[Turn]:
    clip = write_clip(folder / "long.ts", LONG)
    for row in STAMPS:
        heard_s = max(0.0, 3 - PROBED_S - row.silence_s)
        yield film(row.name, live_mpegts(clip, row.edit), LONG.frames - row.lost_frames, heard_s=heard_s)


def pictures(folder: Path) -> Iterator[Turn]:
    for row in KINDS:
        clip = write_clip(folder / f"a.{row.suffix}", row.clip)
        live = _live(clip, row.edit)
        opened = f"{row.size[0]}x{row.size[1]}"
        shown_rate = min(25.0, float(row.clip.rate))
        frames = (row.clip.frames - row.lost_frames) / float(row.clip.rate) * shown_rate
        yield film(row.name, live, frames, shown_rate, opened=opened)


def sounds(folder: Path) -> Iterator[Turn]:
    for row in SOUNDS:
        clip = Clip(frames=100, audio_codec=row.codec, audio_rate=row.rate, audio_layout=row.layout)
        container = {"pcm_alaw": "nut", "pcm_mulaw": "nut", "adpcm_g726": "asf"}.get(row.codec, "matroska")
        live = _live(write_clip(folder / f"a.{row.suffix}", clip), container=container)
        yield film(row.name, live, 100, heard_s=4 - PROBED_S)
    clip = write_clip(folder / "coming.mkv", Clip(frames=75, audio_codec="aac"))
    for row in COMINGS:
        yield film(row.name, live_copy(clip, row.edit), heard_s=max(0.0, row.until_s - max(PROBED_S, row.from_s)))
    drifting = live_mpegts(write_clip(folder / "drifting.ts", DRIFTING), DRIFT)
    yield film("200 ppm slow", drifting, DRIFTING.frames, heard_s=8 - PROBED_S)
    for becoming in OTHER_SOUNDS:
        both = after_each_other(*write_becoming(folder, becoming))
        yield film(becoming.name, both, 100, heard_s=4 - PROBED_S)
    yield film("declared and never described", as_live(write_undescribed(folder / "undescribed.ts")), 50)
    yield film("data tracks", live_copy(write_notes(folder / "notes.mkv")), 50)


def changes(folder: Path) -> Iterator[Turn]:
    for row in (*TAKES, LOW_LIGHT):
        yield film(row.name, as_live(write_takes(folder / "a.ts", *row.takes)), sum(take.frames for take in row.takes))
    for codec in ("libx264", "mpeg2video"):
        yield film(f"interlaced {codec}", as_live(write_comb(folder / "comb.ts", codec)), 50)
    live = live_copy(write_clip(folder / "gop.mkv", LONG_GOP), JOINED_LATE)
    yield film("a group of pictures of twenty seconds", live, LONG_GOP.frames - LONG_GOP.gop, 5)


def servers(folder: Path) -> Iterator[Turn]:
    """The rows that fail before anything is shown lie between others: after each of them more time is left."""
    clip = write_clip(folder / "a.ts", Clip(frames=75, audio_codec="aac"))
    live, whole = as_live(clip), clip.read_bytes()
    stops = {"leaf": SourceStalledError, "words": "came for"}
    yield Turn("stops sending", (http(), live, Hold()), 15, **stops)
    yield Turn("sends on a byte a second", (http(), live, drip(b"\x47" * 30, 1, 1.0)), 15, **stops)
    yield Turn("goes on with sound alone", (http(), *losing_its_picture(folder)), 1, **stops)
    before, after = write_becoming(folder, OTHER_CODEC)
    both = (http(), after_each_other(before, after))
    yield Turn(OTHER_CODEC.name, both, 15, leaf=SourceStalledError, words="for 2 s")
    yield film("and stays so", as_live(after), OTHER_CODEC.after.frames)
    half = len(live.chunks) // 2
    halves = Paced(live.chunks[:half]), JUNK[:50_000], Paced(live.chunks[half:])
    yield Turn("garbage in between", (http(), *halves), 10)
    yield Turn("all at once", (http(), whole), 1)
    for name, challenge in CHALLENGES.items():
        yield Turn(f"wrong credentials, {name}", refusal("http", challenge), leaf=SourceAuthError, words="not right")
    for row in SERVERS:
        if row.scheme == "http":
            yield Turn(row.name, row.steps, leaf=row.leaf, words=row.words)
    yield film("and all is well again", live, heard_s=3 - PROBED_S)


def _live(path: Path, edit: Edit | None = None, container: str = "matroska") -> Paced:
    edits = () if edit is None else (edit,)
    return live_mpegts(path, *edits) if path.suffix == ".ts" else live_copy(path, *edits, container=container)


ACTS: Final[dict[str, Callable[[Path], Iterator[Turn]]]] = {
    "timestamps": stamps,
    "pictures": pictures,
    "sounds": sounds,
    "changes": changes,
    "servers": servers,
}


@pytest.fixture(scope="module")
def acts(folder: Path) -> dict[str, list[Turn]]:
    """All rows, made before the first is played: a camera that is not there meanwhile would be asked more rarely."""
    return {name: list(make(folder)) for name, make in ACTS.items()}


@pytest.fixture(scope="module")
def interlude(folder: Path) -> tuple[Step, ...]:
    """What is on between the acts: long enough to count as healthy."""
    return (http(), as_live(write_clip(folder / "interlude.ts", Clip(frames=300, audio_codec="aac"))))


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with Stage() as stage:
        yield stage


@pytest.fixture(scope="module")
def relay(stage: Stage, acts: dict[str, list[Turn]], interlude: tuple[Step, ...], folder: Path) -> Iterator[Relay]:
    stage.play(*interlude)
    with Relay.with_settings(f"http://user:geheim@127.0.0.1:{stage.port}/live", folder, SETTINGS) as relay:
        relay.wait_until("live")
        yield relay


class Director:
    """Plays turn after turn, and keeps the times between which each was on.

    That is until the next begins: what was sent last, or all at once, is shown when its connection is over already.
    """

    def __init__(self, stage: Stage, relay: Relay, audience: Audience) -> None:
        self._stage, self._relay, self._audience = stage, relay, audience
        self.times: dict[str, tuple[float, float]] = {}
        self._on: tuple[str, float] | None = None

    def play(self, turn: Turn) -> None:
        """Serve it until the relay has come to its end, and look at what the owner is told."""
        said = len(self._relay.words())
        self._stage.play(*turn.steps)
        within_s = turn.length_s + INTERLUDE_S + MAX_BACKOFF_S
        self._audience.wait_for(lambda: self._stage.served > 0, within_s, f"{turn.name}: served")
        if turn.leaf is None:
            self._stage.pause()
        else:
            self._audience.sit(1)
            self._audience.wait_for(lambda: self._is_told(turn), 10, f"{turn.name}: {turn.words!r}")
        assert self._stage.began_s is not None
        self._end_last(self._stage.began_s)
        self._on = (turn.name, self._stage.began_s)
        opened = self._relay.words()[said:]
        assert not turn.opened or f'"size": "{turn.opened}"' in opened, f"{turn.name}: {opened}"

    def rest(self, interlude: tuple[Step, ...]) -> None:
        """Serve `interlude`, which is no turn, and let what was played last be shown."""
        self._stage.play(*interlude)
        self._audience.sit(SETTLED_S)
        self._end_last(self._stage.began_s or time.time())

    def _end_last(self, at_s: float) -> None:
        if self._on is not None:
            name, began_s = self._on
            self.times[name] = (began_s, at_s)
        self._on = None

    def _is_told(self, turn: Turn) -> bool:
        """Whether viewers are told what is wrong, and the owner is by the log."""
        health = self._relay.status()["health"]
        lines = [json.loads(line) for line in self._relay.words().splitlines() if '"event": "state"' in line]
        assert turn.leaf is not None
        is_told = turn.leaf is SourceError or health["reason"] == turn.leaf.for_viewers
        return health["state"] == "offline" and is_told and turn.words in lines[-1]["reason"]


@pytest.mark.parametrize("act", ACTS)
def test_viewers_stay_whatever_is_sent(
    stage: Stage,
    relay: Relay,
    audience: Audience,
    acts: dict[str, list[Turn]],
    interlude: tuple[Step, ...],
    act: str,
) -> None:
    turns, director = acts[act], Director(stage, relay, audience)
    missed: dict[str, str] = {}
    for _ in range(TRIES):
        with Inspector(relay.playlist) as inspector:
            for turn in turns:
                director.play(turn)
            director.rest(interlude)
        assert audience.troubles() == []
        assert broken_rules(inspector) == []
        missed = too_little_of(turns, director.times, inspector)
        if not missed:
            break
        turns = [turn for turn in turns if turn.name in missed]
    assert missed == {}
    assert "geheim" not in relay.words()


def too_little_of(turns: list[Turn], times: dict[str, tuple[float, float]], inspector: Inspector) -> dict[str, str]:
    """The turns of which viewers were shown too little, and how much."""
    moved, sounded = moving(inspector.video), sounding(inspector.renditions["audio"])
    found = {}
    for turn in turns:
        from_s, until_s = times[turn.name]
        seen = sum(from_s <= at_s < until_s for at_s in moved)
        heard = sum(from_s <= at_s < until_s for at_s in sounded)
        if seen < turn.seen or heard < turn.heard:
            found[turn.name] = f"{seen} of {turn.seen} seen, {heard} of {turn.heard} heard"
    return found


def test_the_reader_was_there_for_all_of_it(audience: Audience) -> None:
    there_s, playback = audience.leave()
    assert (playback.errors, playback.dropped) == ([], 0)
    assert playback.shown == pytest.approx(25 * there_s, abs=25 * READER_BEHIND_S)
