"""Which of several sources a figure of a session's row is taken from, and the label that says so.

What the player told goes before what the relay saw, and that before what can only be concluded. A figure of an earlier
process (`before`) goes on: sums are added to, a median is that of since then if there is one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from relay.sessions.delivery import NS_PER_MS
from relay.sessions.model import Provenance

if TYPE_CHECKING:
    from relay.sessions.delivery import Delivery
    from relay.sessions.middle import Middle
    from relay.sessions.model import SessionRow
    from relay.sessions.playback import Playback, StateTimes

_US_PER_MS = 1000


class Stalls(NamedTuple):
    """How often and for how long it stalled, and who says so."""

    times: int
    duration_ms: int
    source: str


def stalls(delivery: Delivery, playback: Playback, times: StateTimes) -> Stalls:
    """Those that the player told one by one or as a sum; else of its states; else its flags; else a guess."""
    if playback.has_stalls_told:
        return Stalls(*playback.told_stalls, Provenance.CMCD)
    if playback.has_states:
        return Stalls(times.stalls, times.stall_us // _US_PER_MS, Provenance.CMCD)
    if delivery.cmcd_count:
        return Stalls(delivery.starved, 0, Provenance.CMCD)
    if delivery.media_count:
        return Stalls(delivery.stalls, delivery.stall_ns // NS_PER_MS, Provenance.ESTIMATED)
    return Stalls(0, 0, "")


def startup(
    delivery: Delivery, playback: Playback, times: StateTimes, asked_at_ns: int | None
) -> tuple[int | None, str]:
    """Startup time in ms: as told (`msd`), from `s` to the first `p`, or until enough media had come: a lower bound."""
    if playback.startup_ms is not None:
        return playback.startup_ms, Provenance.CMCD
    start_us, play_us = times.first_start_us, times.first_play_us
    if start_us is not None and play_us is not None and play_us >= start_us:
        return (play_us - start_us) // _US_PER_MS, Provenance.CMCD
    if asked_at_ns is not None and delivery.enough_at_ns is not None:
        return max(0, delivery.enough_at_ns - asked_at_ns) // NS_PER_MS, Provenance.ESTIMATED
    return None, ""


def _first_of(*choices: tuple[Middle, str]) -> tuple[int | None, str]:
    for middle, source in choices:
        if (value := middle.value) is not None:
            return value, source
    return None, ""


def with_quality(
    row: SessionRow,
    delivery: Delivery,
    playback: Playback,
    times: StateTimes,
    asked_at_ns: int | None,
    before: SessionRow | None,
) -> SessionRow:
    """`row`, with all that is known of how well it played."""
    stalled = stalls(delivery, playback, times)
    startup_ms, startup_source = startup(delivery, playback, times, asked_at_ns)
    latency_ms, latency_source = _first_of(
        (playback.latency, Provenance.CMCD),
        (delivery.latency, Provenance.CMCD),
        (delivery.edge, Provenance.ESTIMATED),
    )
    throughput_kbps, throughput_source = _first_of(
        (delivery.mtp, Provenance.CMCD), (delivery.throughput, Provenance.MEASURED)
    )
    average_kbps = delivery.average_kbps
    rate_source = Provenance.CMCD if delivery.has_told_rate else Provenance.ESTIMATED
    row = row._replace(
        initial_startup_time_ms=startup_ms,
        startup_source=startup_source,
        playback_stall_count=stalled.times,
        playback_stall_duration_ms=stalled.duration_ms,
        stall_source=stalled.source,
        bits_played=delivery.bits_played,
        average_playback_bitrate_kbps=average_kbps,
        bitrate_source=rate_source if average_kbps is not None else "",
        rendition_switch_count=delivery.switches,
        max_rendition=delivery.max_rendition,
        live_latency_ms_p50=latency_ms,
        latency_source=latency_source,
        throughput_kbps_p50=throughput_kbps,
        throughput_source=throughput_source,
        dropped_frames=playback.dropped_frames,
        playback_failed=playback.has_failed,
        player_error_codes=playback.error_codes,
        pause_ms=times.pause_us // _US_PER_MS,
        cmcd_coverage=round(delivery.cmcd_count / delivery.media_count, 3) if delivery.media_count else 0.0,
    )
    return row if before is None else _continued(row, before)


def _continued(row: SessionRow, before: SessionRow) -> SessionRow:
    codes = dict(before.player_error_codes)
    for code, count in row.player_error_codes:
        codes[code] = codes.get(code, 0) + count
    frames = [count for count in (before.dropped_frames, row.dropped_frames) if count is not None]
    has_bits = row.average_playback_bitrate_kbps is not None
    has_latency, has_throughput = row.live_latency_ms_p50 is not None, row.throughput_kbps_p50 is not None
    return row._replace(
        initial_startup_time_ms=before.initial_startup_time_ms,
        startup_source=before.startup_source,
        playback_stall_count=before.playback_stall_count + row.playback_stall_count,
        playback_stall_duration_ms=before.playback_stall_duration_ms + row.playback_stall_duration_ms,
        stall_source=row.stall_source or before.stall_source,
        bits_played=before.bits_played + row.bits_played,
        average_playback_bitrate_kbps=(row if has_bits else before).average_playback_bitrate_kbps,
        bitrate_source=row.bitrate_source or before.bitrate_source,
        rendition_switch_count=before.rendition_switch_count + row.rendition_switch_count,
        max_rendition=row.max_rendition or before.max_rendition,
        live_latency_ms_p50=(row if has_latency else before).live_latency_ms_p50,
        latency_source=row.latency_source or before.latency_source,
        throughput_kbps_p50=(row if has_throughput else before).throughput_kbps_p50,
        throughput_source=row.throughput_source or before.throughput_source,
        dropped_frames=max(frames) if frames else None,
        playback_failed=before.playback_failed or row.playback_failed,
        player_error_codes=tuple(sorted(codes.items())),
        pause_ms=before.pause_ms + row.pause_ms,
        cmcd_coverage=row.cmcd_coverage or before.cmcd_coverage,
        is_restream=before.is_restream or row.is_restream,
    )
