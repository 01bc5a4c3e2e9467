"""What no honest playlist has: so much of something that to judge it would take for ever."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from relay.check.finding import must

if TYPE_CHECKING:
    from relay.check.finding import Finding

LONGEST_LINE: Final = 32_768
MOST_TAGS: Final = {
    "#EXTINF:": 100_000,
    "#EXT-X-PART:": 5_000,
    "#EXT-X-DATERANGE:": 1_000,
    "#EXT-X-PRELOAD-HINT:": 100,
    "#EXT-X-RENDITION-REPORT:": 100,
    "#EXT-X-STREAM-INF:": 200,
    "#EXT-X-I-FRAME-STREAM-INF:": 200,
    "#EXT-X-MEDIA:": 500,
}
"""100 000 segments of two seconds are more than two days; 200 variants are what nobody has."""


def check_bounds(text: str) -> list[Finding]:
    """P1: `text` is a playlist, and of a size that a player could take. It is judged no further where it is not."""
    clause = "RFC 8216bis §4.1"
    lines = text.split("\n")
    if not text.removeprefix("\ufeff").startswith("#EXTM3U"):
        return [must("P1", clause, f"it is no playlist: it begins with {lines[0][:40]!r}")]
    longest = max(len(line) for line in lines)
    if longest > LONGEST_LINE:
        return [must("P1", clause, f"a line of {longest} characters")]
    return [
        must("P1", clause, f"{count} times {tag.strip('#:')}")
        for tag, most in MOST_TAGS.items()
        if (count := text.count(tag)) > most
    ]
