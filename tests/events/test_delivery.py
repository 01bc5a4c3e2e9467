"""What webhooks send: signed as the specification says, kept within bounds, and judged by the answer."""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import b64decode
from itertools import pairwise

import pytest

from relay.events.delivery import (
    MOST_PAUSE_S,
    MOST_RETRY_AFTER_S,
    Delivery,
    Outbox,
    Verdict,
    pause_s,
    payload_of,
    retry_after_s,
    signature,
    verdict_of,
)
from relay.events.model import TimedEvent
from relay.events.settings import webhook_key

EVENT = TimedEvent("motion-1750000000123", "door", "motion", 1_750_000_000_123_456_789, 1_750_000_002_000_000_000)


def delivery(number: int, jpeg: bytes = b"") -> Delivery:
    return Delivery(f"msg_{number}", EVENT, "{}", jpeg)


def ids(outbox: Outbox) -> list[str]:
    found = []
    while (one := outbox.take()) is not None:
        found.append(one.id)
    return found


def test_the_signature_of_the_specifications_reference_library() -> None:
    """The example with which its libraries are tested."""
    key = webhook_key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    signed = signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_signature_covers_id_time_and_body() -> None:
    key = bytes(range(32))
    version, _, code = signature(key, "msg_1", 17, b"\xff body").partition(",")
    assert version == "v1"
    assert b64decode(code) == hmac.new(key, b"msg_1.17.\xff body", hashlib.sha256).digest()


@pytest.mark.parametrize(
    ("phase", "timestamp"),
    [
        ("begin", "2025-06-15T15:06:40.123Z"),
        ("once", "2025-06-15T15:06:40.123Z"),
        ("end", "2025-06-15T15:06:42.000Z"),
    ],
)
def test_the_payload_has_type_time_and_event(phase: str, timestamp: str) -> None:
    told = json.loads(payload_of(EVENT, phase))  # type: ignore[arg-type]  # one of the three
    assert (told["type"], told["timestamp"]) == (f"motion.{phase}", timestamp)
    assert told["data"]["id"] == EVENT.id


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        *((status, Verdict.SENT) for status in (200, 202, 204)),
        *((status, Verdict.AGAIN) for status in (408, 425, 429, 500, 502, 503, 504)),
        *((status, Verdict.REFUSED) for status in (301, 302, 307, 308, 400, 401, 404, 413)),
        (410, Verdict.GONE),
    ],
)
def test_what_an_answer_means(status: int, verdict: Verdict) -> None:
    assert verdict_of(status) is verdict


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("", 0.0),
        ("30", 30.0),
        (" 5 ", 5.0),
        ("99999999999999999999", MOST_RETRY_AFTER_S),
        ("-3", 0.0),
        ("soon", 0.0),
        ("Sun, 15 Jun 2025 15:06:50 GMT", 10.0),
        ("Sun, 15 Jun 2025 15:06:50 -0000", 10.0),
        ("Sun, 15 Jun 2025 15:00:00 GMT", 0.0),
        ("Sun, 15 Jun 2035 15:00:00 GMT", MOST_RETRY_AFTER_S),
    ],
)
def test_retry_after_in_its_forms(value: str, seconds: float) -> None:
    assert retry_after_s(value, 1_750_000_000) == seconds


def test_pauses_double_up_to_a_minute_and_are_spread() -> None:
    longest = [pause_s(attempt, 1.0) for attempt in range(12)]
    assert longest[:4] == [1, 2, 4, 8]
    assert longest[-1] == MOST_PAUSE_S
    assert all(before <= after for before, after in pairwise(longest))
    assert pause_s(2, 0.0) == 3.0
    assert pause_s(10_000, 0.0) == 45.0


def test_the_oldest_goes_where_too_many_wait() -> None:
    outbox = Outbox(most=3)
    assert [outbox.put(delivery(number)) for number in range(5)] == [0, 0, 0, 1, 1]
    assert len(outbox) == 3
    assert ids(outbox) == ["msg_2", "msg_3", "msg_4"]
    assert outbox.take() is None


def test_the_oldest_go_where_too_much_waits() -> None:
    outbox = Outbox(most_bytes=100)
    assert [outbox.put(delivery(number, b"j" * 40)) for number in range(3)] == [0, 0, 1]
    assert outbox.put(delivery(3, b"j" * 1000)) == 2
    assert ids(outbox) == ["msg_3"]
    assert [outbox.put(delivery(number, b"j" * 40)) for number in range(2)] == [0, 0]
    assert outbox.clear() == 2
    assert (len(outbox), outbox.put(delivery(7, b"j" * 90))) == (0, 0)
