"""What a playlist lists, fetched once each and in order. The reading of the playlist does not wait for it."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from relay.check.behaviour import check_hinted, check_kept, check_listed
from relay.check.finding import must
from relay.check.http import Resource
from relay.check.ranges import ByteRange, read_range, resolve_ranges
from relay.check.reading import init_name
from relay.check.tags import read_attributes, unquoted
from relay.check.visit.state import joined
from relay.check.webvtt import check_type

if TYPE_CHECKING:
    from relay.check.finding import Finding
    from relay.check.listing import ListedSegment, MediaPlaylist
    from relay.check.reading import MediaReading
    from relay.check.visit.fetcher import Answer
    from relay.check.visit.state import Visit

LIVE_START_SEGMENTS: Final = 3
"""How many of the newest segments of a live playlist are read when a visit begins, as a player would."""
MOST_WAITING: Final = 200
"""Pieces of a live stream that are not fetched yet. Beyond that the network is too slow for the stream."""
MOST_LEFT: Final = 3
"""Of each kind, whose staying after they left the playlist is looked at."""
COMPARED_HINTS: Final = 8
REMEMBERED_MSNS: Final = 100
"""Segments behind the playlist of which it is known still what was read: a visit may last a day."""
REMEMBERED_HINTS: Final = 200
"""And as many at most are waited for."""
HINT_WAIT_S: Final = 3.0
_KEY_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Piece:
    """Something to fetch for `segment`: `index` is a part's."""

    kind: Resource
    segment: ListedSegment
    url: str
    span: ByteRange | None = None
    index: int = 0

    @property
    def headers(self) -> dict[str, str]:
        """Of the request. A range is of the bytes as they are."""
        return {"Range": self.span.header, "Accept-Encoding": "identity"} if self.span else {}


@dataclass(frozen=True, slots=True)
class _Key:
    """What a piece is known by: a segment or part by its number, anything else by where it is."""

    kind: Resource
    msn: int | None
    index: int = 0
    url: str = ""
    span: ByteRange | None = None


@dataclass(frozen=True, slots=True)
class _Left:
    """A segment or part that is in the playlist no more: `at_s` since when, `kept_s` for how long it has to stay."""

    piece: Piece
    at_s: float
    kept_s: float


class MediaQueue:
    """The media of one rendition. `feed` it each reading; `run` fetches and judges."""

    def __init__(self, visit: Visit, url: str, reading: MediaReading) -> None:
        self._visit = visit
        self._url = url
        self.reading = reading
        self._queue: asyncio.Queue[Piece] = asyncio.Queue()
        self._seen: set[_Key] = set()
        self._hints: dict[str, asyncio.Task[Answer | None]] = {}
        self._hinted_before: deque[str] = deque(maxlen=REMEMBERED_HINTS)
        self._compared = 0
        self._playlist: MediaPlaylist | None = None
        self._left: list[_Left] = []
        self._waiting: set[_Key] = set()
        self._gone: dict[_Key, _Left] = {}
        """Of what is waiting."""
        self._missing: set[_Key] = set()
        self._left_counts = {Resource.SEGMENT: 0, Resource.PART: 0}
        self.too_slow = 0
        """Pieces that were given up because others were waited for."""

    def feed(self, url: str, playlist: MediaPlaylist) -> None:
        """Take a reading: what is new in it is fetched, what has left it is looked after."""
        pieces = _pieces(url, playlist)
        if self._playlist is None:
            pieces = self._where_to_start(pieces, playlist)
        else:
            self._note_left(url, self._playlist, playlist)
        self._playlist = playlist
        for piece in pieces:
            key = _key_of(piece)
            if key in self._seen:
                continue
            self._seen.add(key)
            if not playlist.is_ended and self._queue.qsize() >= MOST_WAITING:
                self.too_slow += 1
            else:
                self._waiting.add(key)
                self._queue.put_nowait(piece)
        self._forget(playlist.media_sequence - REMEMBERED_MSNS)
        for hint in playlist.preload_hints:
            uri = joined(url, hint.uri)
            if hint.kind == "PART" and not hint.byterange_start and uri not in self._hinted_before and hint.uri:
                self._expect(uri)

    async def run(self) -> None:
        """Fetch and judge until it is cancelled."""
        try:
            while True:
                piece = await self._queue.get()
                try:
                    await self._take(piece)
                except Exception as error:  # noqa: BLE001 - bytes that a rule had not thought of: told, and the rest goes on
                    self._visit.add_failure(error, piece.url)
                self._queue.task_done()
        finally:
            for task in self._hints.values():
                task.cancel()

    async def drain(self) -> None:
        """Until all that was fed has been judged."""
        await self._queue.join()

    async def look_again(self, *, is_last: bool) -> None:
        """P21 and L7: what has left the playlist is asked for once more, as late as it has to be there."""
        now_s = time.monotonic()
        due = [left for left in self._left if is_last or now_s - left.at_s > left.kept_s / 2]
        self._left = [left for left in self._left if left not in due]
        for left in due:
            await self._check_left(left)

    def _where_to_start(self, pieces: list[Piece], playlist: MediaPlaylist) -> list[Piece]:
        """All of what has ended; of a live stream the newest, and the very oldest, which has to be there as well."""
        if playlist.is_ended:
            return pieces
        first_msn = playlist.next_msn - LIVE_START_SEGMENTS
        old = [piece for piece in pieces if piece.segment.msn < first_msn and piece.kind in self._left_counts]
        for piece in old:
            self._seen.add(_key_of(piece))
        oldest = [
            next((piece for piece in old if piece.kind is kind), None) for kind in (Resource.SEGMENT, Resource.PART)
        ]
        for piece in filter(None, oldest):
            self._left.append(_Left(piece, 0.0, 0.0))
        return [piece for piece in pieces if piece not in old]

    async def _ask(self, url: str, kind: Resource, headers: dict[str, str]) -> Answer | None:
        target_s = self._playlist.target_duration_s if self._playlist else None
        return await self._visit.ask(url, kind, target_s=target_s, headers=headers)

    def _expect(self, uri: str) -> None:
        """Ask for a hinted part before it is listed. One that was hinted long ago and never came is given up."""
        if len(self._hinted_before) == self._hinted_before.maxlen:
            forgotten = self._hints.pop(self._hinted_before[0], None)
            if forgotten is not None:
                forgotten.cancel()
        self._hinted_before.append(uri)
        self._hints[uri] = asyncio.create_task(self._ask(uri, Resource.PART, {}))

    def _forget(self, before_msn: int) -> None:
        self._seen = {key for key in self._seen if key.msn is None or key.msn >= before_msn}
        self._missing = {key for key in self._missing if key.msn is None or key.msn >= before_msn}

    async def _take(self, piece: Piece) -> None:
        self._waiting.discard(_key_of(piece))
        if piece.kind is Resource.KEY:
            await self._take_key(piece)
            return
        answer = await self._hinted(piece) if piece.url in self._hints and piece.kind is Resource.PART else None
        if answer is None:
            answer = await self._ask(piece.url, piece.kind, piece.headers)
        if answer is not None:
            missing = self._check_there(piece, answer.status)
            self._visit.add(missing, piece.url)
            if missing:
                self._missing.add(_key_of(piece))
        if answer is None or answer.status not in {200, 206}:
            self.reading.lose_part()
            return
        body = _cut(answer, piece)
        self._visit.add(check_type(answer.headers.get("content-type", ""), body), piece.url)
        self._visit.add(await asyncio.to_thread(self._judge, piece, body), self._url)

    def _check_there(self, piece: Piece, status: int) -> list[Finding]:
        """P20; or P21 and L7, for what left the playlist before its turn came."""
        left = self._gone.pop(_key_of(piece), None)
        if left is None:
            return check_listed(piece.kind, status)
        since_s = time.monotonic() - left.at_s
        return [] if since_s > left.kept_s else check_kept(piece.kind, status, since_s, left.kept_s)

    def _judge(self, piece: Piece, body: bytes) -> list[Finding]:
        if piece.kind is Resource.INIT:
            return self.reading.take_init(init_name(piece.segment), body)
        if piece.kind is Resource.PART:
            return self.reading.take_part(piece.segment, piece.index, piece.segment.parts[piece.index], body)
        return self.reading.take_segment(piece.segment, body)

    async def _take_key(self, piece: Piece) -> None:
        answer = await self._ask(piece.url, Resource.KEY, {})
        if answer is None:
            return
        findings = check_listed("key", answer.status)
        if not findings and len(answer.body) != _KEY_BYTES:
            findings = [must("P12", "RFC 8216bis §4.4.4.4", f"a key of {len(answer.body)} bytes, not {_KEY_BYTES}")]
        self._visit.add(findings, piece.url)

    async def _hinted(self, piece: Piece) -> Answer | None:
        """The answer to the request that a hint had asked for, now that its part is listed."""
        task = self._hints.pop(piece.url)
        done, _ = await asyncio.wait({task}, timeout=HINT_WAIT_S)
        if not done or task.result() is None:
            message = "the hinted part was not answered, though it is listed"
            self._visit.add([must("L9", "RFC 8216bis §4.4.5.3", message)], piece.url)
            return None
        answer = task.result()
        target_s = self._playlist.part_target_s if self._playlist else None
        if answer is None or target_s is None:
            return None
        self._visit.add(check_hinted(answer.status, answer.first_byte_s, answer.came_s, target_s), piece.url)
        if answer.status != 200:
            return None
        if self._compared < COMPARED_HINTS:
            self._compared += 1
            return await self._compare_hinted(piece, answer)
        return answer

    async def _compare_hinted(self, piece: Piece, hinted: Answer) -> Answer | None:
        """L9: a part is the same when it is hinted and when it is listed; the listed one is what is judged."""
        listed = await self._ask(piece.url, Resource.PART, {})
        if listed is not None and listed.status == 200 and listed.body != hinted.body:
            sizes = f"{len(hinted.body)} bytes when it was hinted, {len(listed.body)} when it was listed"
            message = f"the hinted part and the listed one differ: {sizes}"
            self._visit.add([must("L9", "RFC 8216bis §4.4.5.3", message)], piece.url)
        return listed

    def _note_left(self, url: str, before: MediaPlaylist, after: MediaPlaylist) -> None:
        if after.is_ended or after.skipped_segments:
            return
        listed = {_key_of(piece) for piece in _pieces(url, after)}
        target_s = after.target_duration_s or 0
        for piece in _pieces(url, before):
            if piece.kind not in self._left_counts or _key_of(piece) in listed | self._missing:
                continue
            is_segment = piece.kind is Resource.SEGMENT
            kept_s = before.listed_s + piece.segment.duration_s if is_segment else 3 * target_s
            left = _Left(piece, time.monotonic(), float(kept_s))
            if _key_of(piece) in self._waiting:
                self._gone[_key_of(piece)] = left
            if self._left_counts[piece.kind] < MOST_LEFT:
                self._left_counts[piece.kind] += 1
                self._left.append(left)

    async def _check_left(self, left: _Left) -> None:
        since_s = time.monotonic() - left.at_s if left.at_s else 0.0
        if since_s > left.kept_s and left.at_s:
            return
        first_byte = {"Range": "bytes=0-0", "Accept-Encoding": "identity"}
        answer = await self._ask(left.piece.url, left.piece.kind, left.piece.headers or first_byte)
        if answer is None:
            return
        kind, status = left.piece.kind, answer.status
        findings = check_kept(kind, status, since_s, left.kept_s) if left.at_s else check_listed(kind, status)
        self._visit.add(findings, left.piece.url)


def _pieces(url: str, playlist: MediaPlaylist) -> list[Piece]:
    """All that a playlist lists, in the order in which it is judged."""
    segments = playlist.all_segments
    whole = [(segment.uri or "", segment.byterange) for segment in segments]
    parts = [(part.uri, part.byterange) for segment in segments for part in segment.parts]
    ranges, part_ranges = resolve_ranges(whole), iter(resolve_ranges(parts))
    pieces: list[Piece] = []
    for segment, span in zip(segments, ranges, strict=True):
        if segment.map_uri:
            map_range = read_range(segment.map_byterange) if segment.map_byterange else None
            pieces.append(Piece(Resource.INIT, segment, joined(url, segment.map_uri), map_range))
        if segment.key is not None and (key_uri := _key_uri(segment.key)):
            pieces.append(Piece(Resource.KEY, segment, joined(url, key_uri)))
        for index, part in enumerate(segment.parts):
            part_range = next(part_ranges)
            if not part.is_gap:
                pieces.append(Piece(Resource.PART, segment, joined(url, part.uri), part_range, index))
        if segment.uri is not None and not segment.is_gap:
            pieces.append(Piece(Resource.SEGMENT, segment, joined(url, segment.uri), span))
    return pieces


def _key_of(piece: Piece) -> _Key:
    if piece.kind in {Resource.INIT, Resource.KEY}:
        return _Key(piece.kind, None, 0, piece.url, piece.span)
    return _Key(piece.kind, piece.segment.msn, piece.index)


def _key_uri(key: str) -> str | None:
    """Where a key that HTTP gives is; other key systems have servers of their own."""
    attributes, _ = read_attributes(key)
    uri = unquoted(attributes, "URI")
    is_plain = (unquoted(attributes, "KEYFORMAT") or "identity") == "identity"
    return uri if is_plain and uri and not uri.startswith(("data:", "skd:")) else None


def _cut(answer: Answer, piece: Piece) -> bytes:
    """The range, also where the server sent all of the file, which is a finding of its own."""
    if piece.span is None or answer.status == 206:
        return answer.body
    return answer.body[piece.span.offset : piece.span.offset + piece.span.length]
