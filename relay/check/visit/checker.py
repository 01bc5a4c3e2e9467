"""`check_url`: one visit from the entry to the report."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from relay.check.bounds import check_bounds
from relay.check.declared import check_average, check_bandwidth
from relay.check.finding import advice, must
from relay.check.history import check_renditions
from relay.check.http import Resource
from relay.check.iframes import check_beside
from relay.check.multivariant import check_independence, check_multivariant
from relay.check.renditions import Offered, Role, check_second_reader, is_multivariant, read_offers
from relay.check.spans import Side, check_alignment
from relay.check.visit.fetcher import PLAYLIST, Answer, open_fetcher
from relay.check.visit.follower import Follower
from relay.check.visit.probes import probe_http, probe_reloads
from relay.check.visit.state import Visit, joined, place
from relay.check.webvtt import check_captions_beside, check_shown
from relay.errors import FetchError

if TYPE_CHECKING:
    from collections.abc import Callable

    from relay.check.tally import Told

MOST_RENDITIONS: Final = 40
FIRST_READING_S: Final = 10.0
BESIDE_EVERY_S: Final = 0.5
FINISH_S: Final = 5.0
"""For what is looked at once more when the time is up."""
_PLAYED: Final = {Role.VARIANT, Role.AUDIO}
_RELOADED: Final = {*_PLAYED, Role.IFRAMES, Role.SUBTITLES}
_MEASURED: Final = {Role.VARIANT, Role.IFRAMES}


@dataclass(frozen=True, slots=True)
class RenditionSummary:
    """What was read of one media playlist."""

    url: str
    role: Role
    is_live: bool
    readings: int
    segments: int
    parts: int
    media_bytes: int
    containers: tuple[str, ...]


@dataclass
class Report:
    """The outcome of a visit. `unreachable` says why there is nothing else in it."""

    url: str
    seconds: float = 0.0
    requests: int = 0
    bytes_read: int = 0
    renditions: list[RenditionSummary] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    left_out: int = 0
    unreachable: str | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a visit is."""

    elapsed_s: float
    requests: int
    segments: int
    faults: int


async def check_url(url: str, seconds: float, on_progress: Callable[[Progress], None] | None = None) -> Report:
    """Visit `url` for `seconds`, or until all of it has ended and was read."""
    began_s = time.monotonic()
    async with open_fetcher() as fetcher:
        try:
            entry = await fetcher.get(url, PLAYLIST)
        except FetchError as error:
            return Report(place(url), unreachable=f"{error.kind}: {error}")
        if entry.status != 200:
            return Report(place(url), unreachable=f"it was answered {entry.status}")
        visit = Visit(fetcher, began_s + seconds)
        checker = _Checker(visit, url, entry)
        watching = asyncio.create_task(_watch(checker, began_s, on_progress)) if on_progress else None
        try:
            await checker.run()
        finally:
            if watching is not None:
                watching.cancel()
        return Report(
            place(url),
            time.monotonic() - began_s,
            visit.requests + 1,
            visit.bytes_read + len(entry.body),
            [_summary(follower) for follower in checker.followers],
            visit.tally.told(),
            visit.tally.left_out,
        )


async def _watch(checker: _Checker, began_s: float, on_progress: Callable[[Progress], None]) -> None:
    while True:
        segments = sum(follower.media.segments_read for follower in checker.followers if follower.media)
        visit = checker.visit
        on_progress(Progress(time.monotonic() - began_s, visit.requests, segments, visit.tally.faults))
        await asyncio.sleep(0.25)


class _Checker:
    def __init__(self, visit: Visit, url: str, entry: Answer) -> None:
        self.visit = visit
        self._url = url
        self._entry = entry
        self._text = ""
        self.followers: list[Follower] = []

    async def run(self) -> None:
        if not self._read_entry():
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.visit.ends_s - time.monotonic()):
                await self._follow()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FINISH_S):
                await asyncio.gather(*(follower.finish() for follower in self.followers))
        self._finish()

    def _read_entry(self) -> bool:
        try:
            self._text = self._entry.body.decode("utf-8")
        except UnicodeDecodeError as error:
            message = f"the playlist is not UTF-8: {error.reason}"
            self.visit.add([must("P1", "RFC 8216bis §4.1", message)], self._url)
            return False
        findings = check_bounds(self._text)
        self.visit.add(findings, self._url)
        if findings:
            return False
        if is_multivariant(self._text):
            self.visit.add([*check_multivariant(self._text), *check_second_reader(self._text)], self._url)
            offers = [(joined(self._entry.url, offer.uri), offer) for offer in read_offers(self._text)]
        else:
            offers = [(self._url, Offered("", Role.VARIANT))]
        promises = "#EXT-X-INDEPENDENT-SEGMENTS" in self._text
        self.followers = [
            Follower(self.visit, url, offer, is_independent=promises) for url, offer in offers[:MOST_RENDITIONS]
        ]
        for follower in self.followers:
            follower.beside = [other for other in self.followers if other is not follower]
        return True

    @property
    def _is_multivariant(self) -> bool:
        return is_multivariant(self._text)

    async def _follow(self) -> None:
        probing = [asyncio.create_task(self._probe(follower)) for follower in self.followers]
        comparing = asyncio.create_task(self._compare())
        try:
            await asyncio.gather(*(follower.run() for follower in self.followers))
            await asyncio.gather(*probing)
        finally:
            for task in (comparing, *probing):
                task.cancel()
            await asyncio.gather(comparing, *probing, return_exceptions=True)

    async def _probe(self, follower: Follower) -> None:
        """What is asked once; ranges and the like of one rendition of a kind only."""
        until_s = time.monotonic() + FIRST_READING_S
        while follower.count < 1:
            if time.monotonic() > until_s:
                return
            await asyncio.sleep(0.02)
        alike = [other for other in self.followers if other.offered.role == follower.offered.role]
        if follower.offered.role in _PLAYED and follower is alike[0]:
            await probe_http(self.visit, follower)
        if follower.offered.role in _RELOADED:
            await probe_reloads(self.visit, follower)

    async def _compare(self) -> None:
        """P19, P5 and L10: renditions side by side, as they were last read."""
        played = [follower for follower in self.followers if follower.offered.role in _PLAYED]
        compared: list[int] = []
        while True:
            await asyncio.sleep(BESIDE_EVERY_S)
            counts = [follower.count for follower in played]
            if counts != compared:
                compared = counts
                self._check_side_by_side()

    def _check_side_by_side(self) -> None:
        played = [one for one in self.followers if one.offered.role in _PLAYED]
        newest = {urlsplit(one.url).path: one.newest for one in played if one.newest is not None}
        if len(newest) > 1:
            self.visit.add(check_renditions(newest), self._url)
        for one in self.followers:
            if one.offered.role is Role.IFRAMES and one.newest is not None:
                self.visit.add(check_beside(one.newest, newest.values()), one.url)
            if one.offered.role is Role.SUBTITLES and one.newest is not None:
                self.visit.add(check_captions_beside(one.newest, list(newest.values())), one.url)

    def _finish(self) -> None:
        read = [follower for follower in self.followers if follower.newest is not None]
        is_live = any(follower.newest is not None and not follower.newest.is_ended for follower in read)
        if self._is_multivariant:
            self.visit.judge(self._entry, Resource.MULTIVARIANT, self._url, target_s=None, is_live=is_live)
            texts = {place(one.url): one.first_text for one in read if one.offered.role in _PLAYED}
            self.visit.add(check_independence(self._text, texts), self._url)
            self._check_bandwidths(is_live=is_live)
            if not is_live:
                self._check_side_by_side()
        sides = [
            Side(place(one.url), one.offered.role, one.media.spans)
            for one in read
            if one.media is not None and one.offered.role in _PLAYED
        ]
        self.visit.add(check_alignment(sides), self._url)
        pictures = [span for side in sides if side.role is Role.VARIANT for span in side.spans.values()]
        for one in read:
            if one.media is not None:
                self.visit.add(check_shown(one.media.captions, pictures), one.url)
        is_low_latency = any(one.newest is not None and one.newest.is_low_latency for one in read)
        if is_low_latency and urlsplit(self._url).scheme == "http":
            message = "Apple's players want HTTP/2 over TLS for low latency: put a proxy in front"
            self.visit.add([advice("L17", "RFC 8216bis B.1", message)], self._url)
        for one in read:
            if one.queue is not None and one.queue.too_slow:
                message = f"{one.queue.too_slow} pieces were not looked at: they came more slowly than they are played"
                self.visit.add([advice("H8", "relay check", message)], one.url)

    def _check_bandwidths(self, *, is_live: bool) -> None:
        for follower in self.followers:
            if follower.offered.role not in _MEASURED or follower.newest is None or follower.media is None:
                continue
            target_s = follower.newest.target_duration_s or 0
            for variant in follower.offered.variants:
                groups = [
                    other.media
                    for other in self.followers
                    if other.media is not None and variant.audio_group in other.offered.groups
                ]
                peak_bps = max((media.peak_bps(target_s) for media in groups), default=Fraction(0))
                peaks = [follower.media.peak_bps(target_s), peak_bps]
                self.visit.add(check_bandwidth(variant, peaks, is_live=is_live), follower.url)
                average_bps = max((media.average_bps for media in groups), default=Fraction(0))
                read_s = min(media.lasts_s for media in (follower.media, *groups))
                averages = [follower.media.average_bps, average_bps]
                self.visit.add(check_average(variant, averages, read_s, is_live=is_live), follower.url)


def _summary(follower: Follower) -> RenditionSummary:
    media = follower.media
    return RenditionSummary(
        place(follower.url),
        follower.offered.role,
        is_live=follower.newest is not None and not follower.newest.is_ended,
        readings=follower.count,
        segments=media.segments_read if media else 0,
        parts=media.parts_read if media else 0,
        media_bytes=media.bytes_read if media else 0,
        containers=tuple(sorted(media.containers)) if media else (),
    )
