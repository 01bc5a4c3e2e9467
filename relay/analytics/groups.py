"""Sessions by stream, rendition, player, device, system, country, network and referring page.

A group of a few can be a person whom somebody knows ("the one viewer from Iceland"). So groups of fewer than `k`
viewers are put together; and where even these together are fewer, nothing is said of them but that they are there.
Streams and renditions say nothing of who watches: they are shown as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from relay.analytics.figures import Figure, day_of, figures, is_play, is_viewer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from relay.sessions.model import MinuteRow, SessionRow

SMALLEST_GROUP: Final = 5
UNNAMED: Final = "unknown"
MAX_GROUPS: Final = 50
"""The rest, those watched least, are put together too."""

DIMENSIONS: Final[dict[str, Callable[[SessionRow], str]]] = {
    "stream": lambda row: row.stream_id,
    "rendition": lambda row: row.max_rendition,
    "player": lambda row: row.player_name,
    "device": lambda row: row.device_type,
    "os": lambda row: row.os,
    "country": lambda row: row.country,
    "network": lambda row: row.client_net,
    "referrer": lambda row: row.referrer_host,
}
NOT_PERSONAL: Final = frozenset({"stream", "rendition"})


class Group(NamedTuple):
    """Sessions that have something in common. `is_rest` are those put together, which then may have no figures."""

    name: str
    viewers: int | None
    figures: dict[str, Figure]
    is_rest: bool = False


class Rung(NamedTuple):
    """How one rendition was used, as the relay counted it minute by minute."""

    stream_id: str
    rendition_id: str
    sessions: int
    watched_ms: int
    bytes_sent: int
    stall_count: int
    stall_ms: int

    @property
    def bitrate_kbps(self) -> float | None:
        """Bytes that were sent by time watched, None where none was."""
        return 8 * self.bytes_sent / self.watched_ms if self.watched_ms else None


def viewers_of(rows: Iterable[SessionRow]) -> int:
    """How many different ones these plays had. Days do not know each other's: a viewer of two of them counts twice."""
    return len({(day_of(row.started_at_ms), row.viewer_day_id or row.viewer_id) for row in rows if is_play(row)})


def grouped(rows: Iterable[SessionRow], by: str, k: int = SMALLEST_GROUP) -> list[Group]:
    """The groups of a dimension, the longest watched first, the rest last. Raises KeyError for another dimension."""
    name_of = DIMENSIONS[by]
    members: dict[str, list[SessionRow]] = {}
    for row in rows:
        if is_viewer(row) and (is_play(row) or by != "rendition"):
            members.setdefault(name_of(row) or UNNAMED, []).append(row)
    smallest = 1 if by in NOT_PERSONAL else k
    shown: list[Group] = []
    rest: list[SessionRow] = []
    for name, found in sorted(members.items(), key=lambda item: (-_watched_s(item[1]), item[0])):
        if len(shown) < MAX_GROUPS and viewers_of(found) >= smallest:
            shown.append(Group(name, viewers_of(found), figures(found)))
        else:
            rest += found
    if rest:
        shown.append(_rest(rest, smallest))
    return shown


def _rest(rows: list[SessionRow], smallest: int) -> Group:
    if viewers_of(rows) < smallest:
        return Group(f"others, fewer than {smallest} viewers", None, {}, is_rest=True)
    return Group("others", viewers_of(rows), figures(rows), is_rest=True)


def _watched_s(rows: list[SessionRow]) -> float:
    return sum(row.watched_time_s for row in rows)


class LadderUse:
    """Adds up minutes by rendition."""

    def __init__(self) -> None:
        self._sums: dict[tuple[str, str], list[int]] = {}
        self._sessions: dict[tuple[str, str], set[str]] = {}

    def add(self, row: MinuteRow) -> None:
        """Account for one minute of a session."""
        key = row.stream_id, row.rendition_id
        sums = self._sums.setdefault(key, [0, 0, 0, 0])
        for place, value in enumerate((row.watched_ms, row.bytes_sent, row.stall_count, row.stall_ms)):
            sums[place] += value
        self._sessions.setdefault(key, set()).add(row.session_id)

    def rungs(self) -> list[Rung]:
        """By stream, each one's most watched first."""
        found = [Rung(*key, len(self._sessions[key]), *sums) for key, sums in self._sums.items()]
        return sorted(found, key=lambda rung: (rung.stream_id, -rung.watched_ms, rung.rendition_id))
