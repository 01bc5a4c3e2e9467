"""Who stayed: the audience of each moment of the programme, and how long plays last.

The first is in wall-clock time and counted per segment (`AudienceRow`): what happened in the picture when people left.
The second is a survival curve over all plays: the part of them that had not left after so many seconds.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Final, NamedTuple

from relay.analytics.figures import is_play

if TYPE_CHECKING:
    from collections.abc import Iterable

    from relay.sessions.model import AudienceRow, SessionRow

LASTING_S: Final = (
    0,
    5,
    10,
    20,
    30,
    45,
    60,
    90,
    120,
    180,
    300,
    450,
    600,
    900,
    1200,
    1800,
    2700,
    3600,
    5400,
    7200,
    14400,
)
"""Where the survival curve is read: dense in the first minute, in which most of those leave who do."""


class Moment(NamedTuple):
    """The segments captured in a step of time: viewers of the middle one, and that by the greatest audience."""

    at_ms: int
    viewers: int
    part: float


class Stayed(NamedTuple):
    """`plays` of them, `part` of all that could have, lasted `after_s` or longer."""

    after_s: int
    plays: int
    part: float


def audience(rows: Iterable[AudienceRow], step_ms: int) -> list[Moment]:
    """The audience in each step of time that had segments. A segment's rows of several relays are added up.

    Each relay's last word of a segment counts. Rows of one stream are expected; of several, their audiences add up.
    """
    latest: dict[tuple[str, int, str], AudienceRow] = {}
    for row in rows:
        key = (row.stream_id, row.media_sequence, row.edge_id)
        before = latest.get(key)
        if before is None or row.viewers >= before.viewers:
            latest[key] = row
    segments: dict[tuple[str, int], tuple[int, int]] = {}
    for row in latest.values():
        at_ms, viewers = segments.get((row.stream_id, row.media_sequence), (row.media_at_ms, 0))
        segments[row.stream_id, row.media_sequence] = (at_ms, viewers + row.viewers)
    steps: dict[int, dict[str, list[int]]] = {}
    for (stream, _), (at_ms, viewers) in segments.items():
        steps.setdefault(at_ms // step_ms * step_ms, {}).setdefault(stream, []).append(viewers)
    middle = {at_ms: sum(map(_middle, streams.values())) for at_ms, streams in sorted(steps.items())}
    most = max(middle.values(), default=0)
    return [Moment(at_ms, viewers, round(viewers / most, 4) if most else 0.0) for at_ms, viewers in middle.items()]


def _middle(values: list[int]) -> int:
    return sorted(values)[len(values) // 2]


def survival(rows: Iterable[SessionRow]) -> list[Stayed]:
    """The part of plays that were watched for at least so long, by Kaplan and Meier.

    A play that goes on has lasted so far and is no leaving: it counts among those that could leave until then, and not
    after. Without that, the longest plays of a day that is not over would look like early leavers.
    """
    plays = [row for row in rows if is_play(row)]
    ended = sorted(row.watched_time_s for row in plays if row.ended_at_ms is not None)
    lasting = sorted(row.watched_time_s for row in plays)
    curve, part, place = [], 1.0, 0
    for after_s in LASTING_S:
        while place < len(ended) and ended[place] < after_s:
            leaving_s = ended[place]
            at_risk = len(lasting) - bisect_left(lasting, leaving_s)
            same = place
            while same < len(ended) and ended[same] == leaving_s:
                same += 1
            part *= 1 - (same - place) / at_risk
            place = same
        count = len(lasting) - bisect_left(lasting, after_s)
        if not count:
            break
        curve.append(Stayed(after_s, count, round(part, 4)))
    return curve
