"""One media playlist, version after version: by held reloads where the server offers them, else at its own pace."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from relay.check.behaviour import BLOCKING, Asked, Position, check_held, check_report, next_to_ask, position
from relay.check.bounds import check_bounds
from relay.check.decoding import check_first_frame
from relay.check.finding import must
from relay.check.history import check_update
from relay.check.http import Resource
from relay.check.iframes import check_iframe_playlist
from relay.check.media_playlist import check_media_playlist
from relay.check.pace import Pace
from relay.check.parsed import parse
from relay.check.reading import MediaReading
from relay.check.renditions import Role
from relay.check.visit.media_queue import MediaQueue
from relay.check.visit.state import joined, place
from relay.timeline import SAMPLES_PER_AAC_FRAME

if TYPE_CHECKING:
    from relay.check.listing import MediaPlaylist, RenditionReport
    from relay.check.renditions import Offered
    from relay.check.visit.fetcher import Answer
    from relay.check.visit.state import Visit

RETRY_S: Final = 0.5
MOST_FAILURES: Final = 10
"""In a row: then nobody is there any more."""
MOST_REFUSED: Final = 2
"""Reloads that the server should have held, and refused: then the playlist is read as if it had none."""
MOST_AWAITING: Final = 64
"""Reports about a playlist that are compared with what is read of it next."""
LOOK_AGAIN_S: Final = 2.0
_RARE_AUDIO_FRAME_S: Final = Fraction(SAMPLES_PER_AAC_FRAME, 22_050)
_RARE_PICTURE_S: Final = Fraction(1, 24)


@dataclass(frozen=True, slots=True)
class Reading:
    """One version: when it was asked for and when it came (monotonic), and how far it is."""

    asked_s: float
    came_s: float
    at: Position
    playlist: MediaPlaylist


class Follower:
    """Follows the media playlist at `url` until it ends, is gone, or is cancelled."""

    def __init__(self, visit: Visit, url: str, offered: Offered, *, is_independent: bool) -> None:
        self._visit = visit
        self.url = url
        self.offered = offered
        self._is_independent = is_independent
        self.queue: MediaQueue | None = None
        self.readings: deque[Reading] = deque(maxlen=16)
        self.count = 0
        self.first_text = ""
        self.beside: list[Follower] = []
        """The other renditions, which reports may be about."""
        self._pace = Pace()
        self._failures = 0
        self._refused = 0
        self._awaiting: list[tuple[float, RenditionReport, str]] = []
        self._looked_s = 0.0

    @property
    def newest(self) -> MediaPlaylist | None:
        """The last version that was read."""
        return self.readings[-1].playlist if self.readings else None

    @property
    def media(self) -> MediaReading | None:
        """What was read of its media."""
        return self.queue.reading if self.queue else None

    async def run(self) -> None:
        """Read until the playlist has ended and all of it is judged, or nobody answers any more."""
        media: asyncio.Task[None] | None = None
        try:
            while self._failures < MOST_FAILURES:
                asked = next_to_ask(self.newest) if self.newest and self._refused < MOST_REFUSED else None
                try:
                    pause_s = await self._step(asked)
                except Exception as error:  # noqa: BLE001 - text that a rule had not thought of: told, and read again
                    self._visit.add_failure(error, self.url)
                    self._failures += 1
                    pause_s = RETRY_S
                if self.queue is not None and media is None:
                    media = asyncio.create_task(self.queue.run())
                if self.newest is not None and self.newest.is_ended and self.queue is not None:
                    await self.queue.drain()
                    return
                await asyncio.sleep(pause_s)
        finally:
            if media is not None:
                media.cancel()

    async def finish(self) -> None:
        """When the time is up: what only the end shows."""
        if self.newest is None or self.newest.is_ended or self.queue is None:
            return
        self._visit.add(self._pace.finish(time.monotonic()), self.url)
        await self.queue.look_again(is_last=True)

    def with_query(self, query: str) -> str:
        """The playlist's address with further parameters."""
        return f"{self.url}{'&' if urlsplit(self.url).query else '?'}{query}"

    async def _step(self, asked: Asked | None) -> float:
        """Read one version, and say how long to wait before the next."""
        url = self.with_query(asked.query) if asked else self.url
        kind = Resource.BLOCKING_PLAYLIST if asked else Resource.PLAYLIST
        answer = await self._visit.ask(url, kind, is_judged=False)
        if answer is None or answer.status != 200:
            self._failures += 1
            if answer is not None:
                self._note_failure(answer, kind, asked)
            return RETRY_S
        text = self.read_text(answer)
        if text is None:
            self._failures += 1
            return RETRY_S
        is_new = self._take(answer, kind, text, asked)
        self._failures = 0
        if time.monotonic() - self._looked_s > LOOK_AGAIN_S and self.queue is not None:
            self._looked_s = time.monotonic()
            await self.queue.look_again(is_last=False)
        target_s = (self.newest.target_duration_s if self.newest else None) or 1
        if asked and is_new:
            return 0.0
        # RFC 8216bis §6.3.4: a target duration after a version that is new, half of one after one that is not.
        return target_s * (1.0 if is_new and self.count > 1 else 0.5)

    def read_text(self, answer: Answer) -> str | None:
        """A playlist's text; `None` where it is none, which is a finding."""
        try:
            text = answer.body.decode("utf-8")
        except UnicodeDecodeError as error:
            self._visit.add([must("P1", "RFC 8216bis §4.1", f"the playlist is not UTF-8: {error.reason}")], self.url)
            return None
        findings = check_bounds(text)
        self._visit.add(findings, self.url)
        return None if findings else text

    def _note_failure(self, answer: Answer, kind: Resource, asked: Asked | None) -> None:
        target_s = self.newest.target_duration_s if self.newest else None
        self._visit.judge(answer, kind, self.url, target_s=target_s)
        if answer.status == 503 and asked is not None:
            return  # L14: held for as long as it may be
        if asked is not None:
            self._refused += 1
            finding = must("L11", BLOCKING, f"{asked.query}, the next, was answered {answer.status}")
        else:
            finding = must("H7", "RFC 8216bis §6.2.1", f"a playlist was answered {answer.status}")
        self._visit.add([finding], self.url)

    def _take(self, answer: Answer, kind: Resource, text: str, asked: Asked | None) -> bool:
        """Judge a version; whether it is another one than the last."""
        playlist = parse(text)
        self._visit.judge(answer, kind, self.url, target_s=playlist.target_duration_s, is_live=not playlist.is_ended)
        before = self.newest
        findings = check_media_playlist(text, frame_s=self.frame_s)
        findings += check_iframe_playlist(playlist) if self.offered.role is Role.IFRAMES else []
        findings += check_update(before, playlist) if before is not None else []
        findings += self._pace.note(answer.asked_s, answer.came_s, playlist, was_held=asked is not None)
        findings += check_held(asked, playlist) if asked is not None else []
        self._visit.add(findings, self.url)
        reading = Reading(answer.asked_s, answer.came_s, position(playlist), playlist)
        self._check_reports(reading, was_held=asked is not None)
        self.readings.append(reading)
        self.count += 1
        if self.queue is None:
            self.first_text = text
            is_independent = self._is_independent or playlist.has_independent_segments
            media = MediaReading(self.offered, check_first_frame, is_independent=is_independent)
            self.queue = MediaQueue(self._visit, self.url, media)
        self.queue.feed(answer.url, playlist)
        return before is None or position(before) != position(playlist)

    @property
    def frame_s(self) -> Fraction:
        """EXTINF and dates may be off by a frame of the media (Apple 8.1): one of the rate that is declared."""
        if self.offered.role is Role.AUDIO:
            return _RARE_AUDIO_FRAME_S
        rates = [variant.rate for variant in self.offered.variants if variant.rate]
        return max((1 / rate for rate in rates), default=_RARE_PICTURE_S)

    def _check_reports(self, reading: Reading, *, was_held: bool) -> None:
        """L10: this version's reports, and those of others about this one that had to wait for it."""
        ripe = [waiting for waiting in self._awaiting if waiting[0] <= reading.asked_s]
        self._awaiting = [waiting for waiting in self._awaiting if waiting not in ripe]
        for _, report, whose in ripe:
            told = check_report(f"line {report.line}", (report.last_msn, report.last_part), None, reading.at)
            self._visit.add(told, whose)
        if reading.playlist.is_ended:
            return
        margin_s = float(reading.playlist.part_target_s or 0)
        for report in reading.playlist.rendition_reports:
            other = self._reported(report)
            if other is None:
                continue
            other.note_report(reading.came_s, report, self.url)
            known = [one.at for one in other.readings if one.came_s < reading.asked_s - margin_s]
            if known and was_held:
                at_least = known[-1]
                told = check_report(f"line {report.line}", (report.last_msn, report.last_part), at_least, None)
                self._visit.add(told, self.url)

    def note_report(self, came_s: float, report: RenditionReport, place: str) -> None:
        """Another rendition's playlist at `place` reports this one: to be compared with what comes after."""
        if len(self._awaiting) < MOST_AWAITING:
            self._awaiting.append((came_s, report, place))

    def _reported(self, report: RenditionReport) -> Follower | None:
        reported = place(joined(self.url, report.uri))
        return next((other for other in self.beside if place(other.url) == reported), None)
