"""Range, If-None-Match and Accept-Encoding (pure), after RFC 9110."""

from __future__ import annotations

import re
from typing import Final

_RANGE: Final = re.compile(r"bytes=(\d{0,20})-(\d{0,20})", re.ASCII | re.IGNORECASE)
_ENTITY_TAG: Final = re.compile(r'(?:W/)?("[^"]*")')
_CODING: Final = re.compile(r"\s*(?P<name>[!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*(?:;\s*q\s*=\s*(?P<weight>[0-9.]+))?\s*")


def parse_range(value: str, size_bytes: int) -> range | None:
    """The bytes that `value` asks for; empty if none of them exist (416).

    `None` means that it is to be ignored: malformed, another unit, or several ranges at once, which no player asks for
    (§14.2 allows it). An end beyond the size is clipped: low-latency players ask for up to 9007199254740991.
    """
    match = _RANGE.fullmatch(value.strip())
    if not match or not (match[1] or match[2]):
        return None
    if not match[1]:
        return range(max(0, size_bytes - int(match[2])), size_bytes)
    first = int(match[1])
    end = min(int(match[2]) + 1, size_bytes) if match[2] else size_bytes
    if match[2] and int(match[2]) < first:
        return None
    return range(first, end) if first < end else range(0)


def has_etag(if_none_match: str, etag: str) -> bool:
    """Whether the client has this representation already (§13.1.2: compared weakly, so `W/` does not matter)."""
    return if_none_match.strip() == "*" or etag in _ENTITY_TAG.findall(if_none_match)


def accepts_gzip(accept_encoding: str) -> bool:
    """Whether gzip may be sent (§12.5.3: named, or by `*`, and not with a weight of 0)."""
    weights: dict[str, bool] = {}
    for item in accept_encoding.split(","):
        if match := _CODING.fullmatch(item):
            weights[match["name"].lower()] = (match["weight"] or "1").strip("0.") != ""
    return weights.get("gzip", weights.get("x-gzip", weights.get("*", False)))
