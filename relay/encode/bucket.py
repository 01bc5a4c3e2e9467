"""A leaky bucket behind an encoder that keeps no buffer of its own (SVT-AV1): pure.

Every access unit goes in, and each slot lets out what the rung's rate sends in that time: what is inside is what a line
of that rate has still to send. In any run of slots as many bits come as were let out, and as the bucket holds more
behind it than before it. So where it holds at most its size when a segment ends, that segment has at most
`rate * time + size` bits: the peak segment bit rate of RFC 8216bis §4.4.6.2, of which BANDWIDTH is declared.

Nothing can be taken back that an encoder has given. So it is asked beforehand whether there is room for one more new
picture, which is taken to be as large as the last. Where there is none, the encoder is given the last picture again,
which costs hardly a bit, until there is.
"""

from __future__ import annotations


class Bucket:
    """Lets out `rate_bps`, and is to hold no more than `size_bits`. It begins empty."""

    def __init__(self, rate_bps: float, size_bits: float) -> None:
        self.level_bits = 0.0
        self._rate_bps = rate_bps
        self._size_bits = size_bits
        self._expected_bits = 0.0

    @property
    def has_room(self) -> bool:
        """Whether the encoder may be given a new picture: always when all is out, as a large one has to come."""
        return self.level_bits == 0 or self.level_bits + self._expected_bits <= self._size_bits

    def expect(self, size_bytes: int) -> None:
        """The next new picture is likely to be as large as this one, of `size_bytes`, was."""
        self._expected_bits = size_bytes * 8

    def fill(self, size_bytes: int) -> None:
        """An access unit came."""
        self.level_bits += size_bytes * 8

    def drain(self, duration_s: float) -> None:
        """Time passed, in which what was inside was sent."""
        self.level_bits = max(0.0, self.level_bits - self._rate_bps * duration_s)
