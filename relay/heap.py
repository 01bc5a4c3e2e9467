"""What Python's garbage collector looks at."""

from __future__ import annotations

import gc


def spare_what_is_loaded() -> None:
    """Take all that there is now for what stays: modules, classes, routes. To be called when a process is set up.

    A full collection goes through every object, and every thread waits for it: 40 ms in the parent, where no viewer is
    answered meanwhile, and 20 in a worker. Of what is spared here it takes nothing; what comes later is little.
    """
    gc.collect()
    gc.freeze()
