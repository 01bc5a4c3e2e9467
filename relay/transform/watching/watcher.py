"""What all watching transforms have in common: they look, they tell, and they leave the picture as it is.

Every event of an episode has the same three values beside its own:

    phase      "begin" or "end"; "at" for what lasts no time
    lasted_s   seconds from the first moment in which it was seen to the last so far
    ago_s      seconds from that last moment to the event's own time, which is that of the frame that settled it

So it was seen from `time - ago_s - lasted_s` to `time - ago_s`. An episode that lasts when the stream ends, or when the
relay starts anew, has no end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final

from pydantic import Field

from relay.timeline import NS_PER_S
from relay.transform.base import Group, OnFailure, Transform

if TYPE_CHECKING:
    from relay.pixels import Plane
    from relay.transform.frame import Frame
    from relay.transform.watching.episode import Change

Duration = Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)]
"""Seconds, up to a day."""
GOES_ON: Final = "what is shown where it fails; it hides nothing, so the picture goes on without it"
_DIGITS: Final = 3
"""Of seconds and shares in events: a millisecond, a thousandth of the picture."""


class Watcher(Transform):
    """A transform that only looks: it may be left out of some frames, and where it fails the picture goes on."""

    group: ClassVar[Group] = "watching"
    may_rest: ClassVar[bool] = True
    on_failure: OnFailure = Field(default="skip", description=GOES_ON)


class Every:
    """Lets one frame pass in so many seconds; after a hole, and after the clock was set back, the first."""

    def __init__(self, seconds: float) -> None:
        self._period_ns = round(seconds * NS_PER_S)
        self._next_ns: int | None = None

    def is_due(self, now_ns: int) -> bool:
        """Whether this frame is to be looked at. Those that are keep the pace on average, at any rate of frames."""
        next_ns, period_ns = self._next_ns, self._period_ns
        if next_ns is None or not -period_ns <= now_ns - next_ns < period_ns:
            next_ns = now_ns
        if now_ns < next_ns:
            return False
        self._next_ns = next_ns + period_ns
        return True


def luma_of(frame: Frame) -> Plane:
    """The luma, to be read: asking for `frame.y` would cost a copy of a picture that may have to be put back."""
    picture = frame.picture()
    return picture.i420[: picture.height]


def tell(frame: Frame, kind: str, change: Change, /, **data: Any) -> None:  # noqa: ANN401 - what an event may say
    """Emit `kind` for the begin or the end of an episode, with `data` beside the values that all have."""
    lasted_s, ago_s = round(change.lasted_s, _DIGITS), round(change.ago_s, _DIGITS)
    frame.emit(kind, phase=change.phase, lasted_s=lasted_s, ago_s=ago_s, **data)


def share(value: float) -> float:
    """A share of one as events give it."""
    return round(float(value), _DIGITS)
