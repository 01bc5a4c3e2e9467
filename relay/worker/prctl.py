"""What a worker asks of Linux for its own process; other systems do without."""

from __future__ import annotations

import ctypes
import signal
import sys
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_NAME: Final = 15
_MAX_NAME_BYTES: Final = 15


def die_with_parent() -> None:
    """Have this process killed when its parent ends. See prctl(2)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def show_as(name: str) -> None:
    """Show the calling thread (for the main thread: the process) as `name` in `ps -c` and `top`, if it fits."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_NAME, name.encode()[:_MAX_NAME_BYTES])
