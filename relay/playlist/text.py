"""Durations and dates as playlists write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from relay.playlist.window import US_PER_S

_NS_PER_MS: Final = 1_000_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def seconds(duration_us: int) -> str:
    """A decimal number of seconds, with a point and no more digits than it needs."""
    whole, rest_us = divmod(duration_us, US_PER_S)
    return f"{whole}.{f'{rest_us:06}'.rstrip('0') or '0'}"


def date_time(time_ns: int) -> str:
    """ISO 8601 to the nearest millisecond: players read no more digits."""
    time = _EPOCH + timedelta(milliseconds=(time_ns + _NS_PER_MS // 2) // _NS_PER_MS)
    return f"{time:%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03}Z"
