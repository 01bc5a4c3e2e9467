"""What webhooks send, and what becomes of it, after the Standard Webhooks specification 1.0.0. Pure.

github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md: what is signed is `ID.TIMESTAMP.BODY`, with
HMAC-SHA256; the id is the same however often something is sent, the timestamp is that of the attempt.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

from relay.events.telling import described, to_json
from relay.timeline import NS_PER_S

if TYPE_CHECKING:
    from relay.events.model import TimedEvent
    from relay.events.telling import Phase

MOST_WAITING: Final = 256
MOST_WAITING_BYTES: Final = 16 * 1024 * 1024
"""Of one hook, pictures with it: a hundred and more of 720p."""
GIVE_UP_AFTER_S: Final = 3600.0
"""Until then what cannot be sent is tried again, and what comes waits behind it."""
MOST_PAUSE_S: Final = 60.0
MOST_RETRY_AFTER_S: Final = 3600.0
_FIRST_PAUSE_S: Final = 1.0
_NS_PER_MS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Delivery:
    """What one hook is sent of one event: `text` is JSON, `event` what it says more than that of."""

    id: str
    event: TimedEvent
    text: str
    jpeg: bytes = b""

    @property
    def size_bytes(self) -> int:
        """What it takes to keep it: the text is ASCII."""
        return len(self.text) + len(self.jpeg)


class Outbox:
    """What waits for one hook, the oldest first. Beyond its bounds that goes, and is counted."""

    def __init__(self, most: int = MOST_WAITING, most_bytes: int = MOST_WAITING_BYTES) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._waiting: deque[Delivery] = deque()
        self._size_bytes = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, delivery: Delivery) -> int:
        """Let `delivery` wait. How many that waited longer are left out for it."""
        self._waiting.append(delivery)
        self._size_bytes += delivery.size_bytes
        dropped = 0
        while len(self._waiting) > 1 and (len(self._waiting) > self._most or self._size_bytes > self._most_bytes):
            self._size_bytes -= self._waiting.popleft().size_bytes
            dropped += 1
        return dropped

    def take(self) -> Delivery | None:
        """The next, which does not wait any more; `None` if there is none."""
        if not self._waiting:
            return None
        delivery = self._waiting.popleft()
        self._size_bytes -= delivery.size_bytes
        return delivery

    def clear(self) -> int:
        """Let go of everything. How much that was."""
        dropped = len(self._waiting)
        self._waiting.clear()
        self._size_bytes = 0
        return dropped


def payload_of(event: TimedEvent, phase: Phase) -> str:
    """The JSON of a delivery, in the form that the specification recommends: `type`, `timestamp` and `data`."""
    told_ns = event.end_ns if phase == "end" and event.end_ns is not None else event.start_ns
    return to_json({"type": f"{event.kind}.{phase}", "timestamp": _date_time(told_ns), "data": described(event)})


def signature(key: bytes, message_id: str, timestamp_s: int, body: bytes) -> str:
    """The value of `webhook-signature`: one signature, of version 1."""
    signed = f"{message_id}.{timestamp_s}.".encode() + body
    return f"v1,{b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()}"


class Verdict(Enum):
    """What an answer means for a delivery."""

    SENT = auto()
    AGAIN = auto()
    """It may be taken another time."""
    REFUSED = auto()
    """It would be refused again: what is wrong is the address, the secret, or that this is sent there at all."""
    GONE = auto()
    """Whoever is there wants nothing more, ever."""


def verdict_of(status: int) -> Verdict:
    """What an HTTP status means. Redirects are failures ("Delivery success and failure"): they could lead anywhere."""
    match status:
        case 410:
            return Verdict.GONE
        case 408 | 425 | 429:
            return Verdict.AGAIN
        case _ if 200 <= status < 300:
            return Verdict.SENT
        case _ if status >= 500:
            return Verdict.AGAIN
        case _:
            return Verdict.REFUSED


def retry_after_s(value: str, now_s: float) -> float:
    """What Retry-After asks for, in seconds from now (RFC 9110 §10.2.3: seconds, or a date); 0 for what is neither."""
    value = value.strip()
    if value.isascii() and value.isdigit():
        return min(float(value[:9]), MOST_RETRY_AFTER_S)
    try:
        until = parsedate_to_datetime(value)
    except ValueError:
        return 0.0
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return min(max(0.0, until.timestamp() - now_s), MOST_RETRY_AFTER_S)


def pause_s(attempt: int, chance: float) -> float:
    """How long to wait after attempt `attempt`, from 0: twice as long each time. `chance` (0 to 1) spreads it."""
    longest_s = min(MOST_PAUSE_S, _FIRST_PAUSE_S * 2.0 ** min(attempt, 16))
    return longest_s * (0.75 + chance / 4)


def _date_time(time_ns: int) -> str:
    """ISO 8601 to the millisecond."""
    seconds, rest_ns = divmod(time_ns, NS_PER_S)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest_ns // _NS_PER_MS:03}Z"
