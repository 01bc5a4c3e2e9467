"""`python -m relay.worker FD LOG_LEVEL`: what the supervisor spawns. It speaks on the socket that it inherits as FD."""

from __future__ import annotations

import os
import signal
import socket
import sys

sys.modules["rich"] = None  # type: ignore[assignment]  # the import system's own word for "not to be had"
from relay import logs  # noqa: E402 - structlog would load rich and pygments for colours that no worker shows: 4 MB

del sys.modules["rich"]  # for whoever's transform uses it

from relay.heap import spare_what_is_loaded  # noqa: E402 - as above
from relay.worker.camera import run_worker  # noqa: E402 - as above
from relay.worker.prctl import die_with_parent  # noqa: E402 - as above


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
    spare_what_is_loaded()
    run_worker(socket.socket(fileno=int(descriptor)))
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
