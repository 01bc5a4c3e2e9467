"""What a player says of itself: the keys of CMCD as values with their units."""

from __future__ import annotations

from typing import NamedTuple


class Cmcd(NamedTuple):
    """What a player says with a request or in a report: CTA-5004-B, versions 1 and 2, by its keys with their unit.

    A key that was not there, or whose value was not good, is `None` (`False` for a flag). Of an inner list the value is
    that of video, else of audiovisual, else the first. `sid` and `cid` are the player's own texts: they are matched and
    hashed, and never stored as they are.
    """

    version: int = 1
    sid: str | None = None
    cid: str | None = None
    object_type: str | None = None
    """`ot`: m, a, v, av, i, c, tt, k, o."""
    br_kbps: int | None = None
    """Encoded bit rate of what is asked for."""
    pb_kbps: int | None = None
    """Bit rate that is being played."""
    tb_kbps: int | None = None
    """The highest there is, and may be played."""
    bl_ms: int | None = None
    """Buffer ahead of what is asked for."""
    mtp_kbps: int | None = None
    """Throughput as the player measured it."""
    dl_ms: int | None = None
    """Time in which it must come."""
    rtp_kbps: int | None = None
    d_ms: int | None = None
    playback_rate: float | None = None
    has_starved: bool = False
    """`bs`: the buffer ran empty since the last request."""
    is_urgent: bool = False
    """`su`: startup, seek, or recovery."""
    is_background: bool | None = None
    state: str | None = None
    """`sta`: s starting, p playing, k seeking, r rebuffering, a paused, e ended, f fatal, q quit, d preloading."""
    is_live: bool | None = None
    """`st`."""
    startup_ms: int | None = None
    """`msd`, told once."""
    stall_ms: int | None = None
    """`bsd`: of the stalls since the last report; several in one list are added up."""
    stalls_total: int | None = None
    """`bsa`: how often it has stalled."""
    stall_total_ms: int | None = None
    """`bsda`."""
    latency_ms: int | None = None
    """`ltc`: behind the live moment."""
    dropped_frames: int | None = None
    """`dfa`: since the beginning."""
    playhead_ms: int | None = None
    """`pt`: for live, Unix time of what is shown."""
    error_codes: tuple[str, ...] = ()
    """`ec`: each at most 32 of [A-Za-z0-9_.-]."""
