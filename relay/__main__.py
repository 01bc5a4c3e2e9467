"""`relay`, and `python -m relay`: hides the credentials in the command line from other users, then obeys it.

`ps` and /proc show everyone a process's arguments, so `relay serve rtsp://user:password@camera/` would tell everyone
the password for as long as the relay runs. Linux keeps the arguments in the process's own memory, where they can be
overwritten (proc(5), `arg_start` in /proc/PID/stat); other systems have no such place. For the moment until that is
done, and for the shell's history, there are `${VARIABLE}` and relay.toml.
"""

from __future__ import annotations

import contextlib
import ctypes
import re
import sys
from pathlib import Path
from typing import Final

_ARG_START, _ARG_END = 48, 49
"""Numbers of fields in /proc/PID/stat, from 1."""

_SECRETS: Final = re.compile(
    # Wider than `errors.redact`, which looks for URLs within sentences: here every argument is a word of its own.
    rb"(?<=://)[^\0]*(?=@)"
    rb"|(?<=[?& ])(?P<key>[\w.-]*(?:pass|pwd|token|secret|key|auth|user|usr|sig)[\w.-]*=)(?P<value>[^&#\0]*)",
    re.IGNORECASE,
)


def main() -> None:
    """What the `relay` command runs."""
    hide_credentials()
    from relay.cli import main as run  # noqa: PLC0415 - it takes half a second, in which a password could be read

    run()


def hide_credentials() -> None:
    """Put stars over the credentials among this process's arguments, where the system lets it."""
    if sys.platform != "linux":
        return
    with contextlib.suppress(OSError, ValueError, IndexError):  # no /proc, or one of another kind: nothing to be done
        # The second field, the name, may hold spaces and brackets.
        fields = Path("/proc/self/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        start, end = int(fields[_ARG_START - 3]), int(fields[_ARG_END - 3])
        if 0 < start < end:
            ctypes.memmove(start, masked(ctypes.string_at(start, end - start)), end - start)


def masked(arguments: bytes) -> bytes:
    """`arguments`, each ended by a NUL, with a star for every byte of a secret: the length stays."""

    def stars(match: re.Match[bytes]) -> bytes:
        key = match["key"] or b""
        return key + b"*" * (len(match[0]) - len(key))

    return _SECRETS.sub(stars, arguments)


if __name__ == "__main__":
    main()
