"""Asked once: what no player asks all the time, and what every server has to answer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from relay.check.behaviour import (
    AT_ONCE_S,
    BLOCKING,
    Asked,
    check_delta_answer,
    check_held,
    check_not_held,
    check_refused,
    position,
)
from relay.check.finding import must, should
from relay.check.history import check_update
from relay.check.http import Resource
from relay.check.media_playlist import check_media_playlist
from relay.check.parsed import parse
from relay.check.visit.state import joined

if TYPE_CHECKING:
    from relay.check.finding import Finding
    from relay.check.listing import MediaPlaylist
    from relay.check.visit.fetcher import Answer
    from relay.check.visit.follower import Follower
    from relay.check.visit.state import Visit

_RANGE: Final = "RFC 9110 §14"
_FIRST_BYTES: Final = 100
_LAST_BYTES: Final = 50
_FAR: Final = 10
"""Segments beyond the last: RFC 8216bis §6.2.5.2 has two refused."""
_DELTAS: Final = 3
_IDENTITY: Final = {"Accept-Encoding": "identity"}
_PREFLIGHT: Final = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "range"}


async def probe_http(visit: Visit, follower: Follower) -> None:
    """Ranges, HEAD, preflight and a miss, on the newest segment; and the playlist as it is, not compressed."""
    playlist = follower.newest
    segments = [one for one in playlist.segments if one.uri and not one.is_gap] if playlist else []
    if playlist is None or not segments:
        return
    target_s = playlist.target_duration_s
    url = joined(follower.url, segments[-1].uri or "")
    plain = await visit.ask(follower.url, Resource.PLAYLIST, headers=_IDENTITY, is_judged=False)
    if plain is not None:
        visit.judge(plain, Resource.PLAYLIST, follower.url, target_s=target_s, is_live=not playlist.is_ended)
    whole = await visit.ask(url, Resource.SEGMENT, target_s=target_s)
    if whole is None or whole.status != 200:
        return
    await _probe_ranges(visit, url, whole, target_s)
    head = await visit.ask(url, Resource.SEGMENT, method="HEAD", target_s=target_s)
    length = str(len(whole.body))
    if head is not None and (head.status != 200 or head.headers.get("content-length", length) != length):
        message = f"HEAD was answered {head.status}, Content-Length {head.headers.get('content-length')}, not {length}"
        visit.add([should("H5", "RFC 9110 §9.3.2", message)], url)
    await visit.ask(url, Resource.SEGMENT, method="OPTIONS", headers=_PREFLIGHT, target_s=target_s)
    nowhere = joined(url, "relay-check-asks-for-what-is-not-there.m4s")
    missing = await visit.ask(nowhere, Resource.SEGMENT, target_s=target_s, is_judged=False)
    if missing is not None and not 400 <= missing.status < 500:
        visit.add([should("H7", "RFC 9110 §15.5.5", f"what is not there was answered {missing.status}")], nowhere)
    elif missing is not None:
        visit.judge(missing, Resource.SEGMENT, nowhere, target_s=target_s)


async def _probe_ranges(visit: Visit, url: str, whole: Answer, target_s: int | None) -> None:
    async def ask(range_of_bytes: str) -> Answer | None:
        headers = {"Range": f"bytes={range_of_bytes}", **_IDENTITY}
        return await visit.ask(url, Resource.SEGMENT, headers=headers, target_s=target_s)

    first = await ask(f"0-{_FIRST_BYTES - 1}")
    if first is None or first.status != 206:
        return  # that ranges are ignored has been told
    last = await ask(f"-{_LAST_BYTES}")
    findings: list[Finding] = []
    for answer, expected in ((first, whole.body[:_FIRST_BYTES]), (last, whole.body[-_LAST_BYTES:])):
        if answer is not None and answer.status == 206 and answer.body != expected:
            findings.append(must("H5", _RANGE, f"Range {answer.request['Range']} gave other bytes than the whole has"))
    beyond = await ask(f"{len(whole.body) + _FAR}-")
    if beyond is not None and beyond.status != 416:
        findings.append(should("H5", _RANGE, f"a range beyond the end was answered {beyond.status}, not 416"))
    visit.add(findings, url)


async def probe_reloads(visit: Visit, follower: Follower) -> None:
    """L11 to L13, L15 and L16, on a live playlist whose server holds reloads."""
    playlist = follower.newest
    if playlist is None or playlist.is_ended or playlist.server_control is None:
        return
    if playlist.server_control.can_skip_until_s is not None:
        await _probe_deltas(visit, follower)
    if not playlist.server_control.can_block_reload:
        return
    await _probe_at_once(visit, follower, "relay_check=1", "a parameter that means nothing")
    old = Asked(playlist.media_sequence + 1, None if playlist.part_target_s is None else 0)
    await _probe_at_once(visit, follower, old.query, "a reload up to what is listed")
    newest = follower.newest or playlist
    await _probe_refused(visit, follower, f"_HLS_msn={newest.next_msn + _FAR}", "a reload far ahead")
    await _probe_refused(visit, follower, "_HLS_part=0", "_HLS_part without _HLS_msn")
    whole = Asked((follower.newest or playlist).next_msn, None)
    answer = await visit.ask(follower.with_query(whole.query), Resource.BLOCKING_PLAYLIST)
    if answer is not None and answer.status == 200 and (text := follower.read_text(answer)):
        visit.add(check_held(whole, parse(text)), follower.url)


async def _probe_at_once(visit: Visit, follower: Follower, query: str, what: str) -> None:
    before = follower.newest
    answer = await visit.ask(follower.with_query(query), Resource.BLOCKING_PLAYLIST, is_judged=False)
    if answer is None:
        return
    findings = check_not_held(what, answer.status, answer.waited_s)
    if answer.status == 200 and before is not None and (text := follower.read_text(answer)):
        after = parse(text)
        findings += check_media_playlist(text, frame_s=follower.frame_s) + check_update(before, after)
    visit.add(findings, follower.url)


async def _probe_refused(visit: Visit, follower: Follower, query: str, what: str) -> None:
    try:
        async with asyncio.timeout(2 * AT_ONCE_S):
            answer = await visit.ask(follower.with_query(query), Resource.PLAYLIST, is_judged=False)
    except TimeoutError:
        visit.add(check_refused(what, None), follower.url)
        return
    if answer is not None:
        visit.add(check_refused(what, answer.status), follower.url)
        if answer.status >= 400:
            target_s = follower.newest.target_duration_s if follower.newest else None
            visit.judge(answer, Resource.PLAYLIST, follower.url, target_s=target_s)


async def _probe_deltas(visit: Visit, follower: Follower) -> None:
    for _ in range(_DELTAS):
        answer = await visit.ask(follower.with_query("_HLS_skip=YES"), Resource.PLAYLIST, is_judged=False)
        if answer is None:
            return
        if answer.status != 200:
            message = f"_HLS_skip=YES was answered {answer.status}"
            visit.add([must("L15", BLOCKING, message)], follower.url)
            return
        text = follower.read_text(answer)
        if text is None:
            return
        delta = parse(text)
        findings = check_media_playlist(text, frame_s=follower.frame_s)
        full = await _full_of(follower, delta)
        findings += check_delta_answer(full, delta) if full is not None else []
        visit.add(findings, follower.url)


async def _full_of(follower: Follower, delta: MediaPlaylist) -> MediaPlaylist | None:
    """The full playlist of the same version; `None` where the follower does not come by it."""
    for _ in range(20):
        for reading in follower.readings:
            same_start = reading.playlist.media_sequence == delta.media_sequence
            if reading.at == position(delta) and same_start:
                return reading.playlist
        await asyncio.sleep(0.1)
    return None
