"""`python -m relay.worker FD LOG_LEVEL`: what the supervisor spawns. It speaks on the socket that it inherits as FD."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import sys

from relay import logs
from relay.worker.camera import run_worker

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Run until the supervisor says stop or is gone, then end at once, whatever a camera's driver is still doing."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the supervisor says when to end
    parent = os.getppid()
    if sys.platform == "linux":
        # The socket's end is noticed by Python code, which a user's transform can keep from running.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            return
    _, descriptor, log_level = sys.argv
    logs.configure(log_level)
    run_worker(socket.socket(fileno=int(descriptor)))
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
