"""Who comes first on a machine that is camera, relay and players at once, so that what is late is the relay's."""

from __future__ import annotations

import contextlib
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Final

OTHER_MACHINES: Final = -10
MEASURING: Final = 19
"""How nice they are to the relay, which is at 0."""


def be_nice(niceness: int) -> None:
    """Of this thread, and of what it starts. Only root may take precedence."""
    with contextlib.suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, niceness)


def thread_of(niceness: int) -> ThreadPoolExecutor:
    """One thread that is so nice."""
    return ThreadPoolExecutor(1, initializer=be_nice, initargs=(niceness,))
