"""RTMP's handshake, the server's side: pure. Source: "Adobe's RTMP 1.0" (2012), section 5.2.

    C0 C1 ->          C0, S0: one byte, the version       C1, S1: time, zero, 1528 random bytes
          <- S0 S1 S2
    C2 ->             S2, C2: the other's C1, S1 again

The zero in S1 tells Flash's successors that there is no digest, which all of them accept. C2 is not compared: several
encoders send something else.
"""

from __future__ import annotations

from typing import Final

from relay.errors import PushError

VERSION: Final = 3
BLOCK_BYTES: Final = 1536
RANDOM_BYTES: Final = BLOCK_BYTES - 8


class ServerHandshake:
    """Give it bytes as they come. `is_done` once C2 was read; what came behind it is in `rest`."""

    def __init__(self, random_bytes: bytes) -> None:
        self.is_done = False
        self.rest = b""
        self._s1 = bytes(8) + random_bytes
        self._buffer = bytearray()
        self._has_answered = False

    def feed(self, data: bytes) -> bytes:
        """What to send. Raises `PushError` for another version of RTMP, and for what is none."""
        self._buffer += data
        if self._buffer and self._buffer[0] != VERSION:
            raise PushError(f"it does not speak RTMP (its first byte is {self._buffer[0]}, not {VERSION})")
        answer = b""
        if not self._has_answered and len(self._buffer) >= 1 + BLOCK_BYTES:
            self._has_answered = True
            answer = bytes([VERSION]) + self._s1 + bytes(self._buffer[1 : 1 + BLOCK_BYTES])
        if len(self._buffer) >= 1 + 2 * BLOCK_BYTES:
            self.is_done = True
            self.rest = bytes(self._buffer[1 + 2 * BLOCK_BYTES :])
            self._buffer.clear()
        return answer
