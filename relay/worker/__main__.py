"""`python -m relay.worker FD LOG_LEVEL`: what the supervisor spawns. It speaks on the socket that it inherits as FD."""

from __future__ import annotations

import os
import signal
import socket
import sys

from relay import logs
from relay.worker.camera import run_worker
from relay.worker.prctl import die_with_parent


def main() -> None:
    """Run until the supervisor says stop or is gone, then end at once, whatever a camera's driver is still doing."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the supervisor says when to end
    parent = os.getppid()
    die_with_parent()  # the socket's end is noticed by Python code, which a user's transform can keep from running
    if os.getppid() != parent:
        return
    _, descriptor, log_level = sys.argv
    logs.configure(log_level)
    logs.redact_tracebacks()
    run_worker(socket.socket(fileno=int(descriptor)))
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
