"""What is there when a process is set up is nothing that the garbage collector looks at any more."""

from __future__ import annotations

import gc
import weakref

from relay import heap


class Node:
    def __init__(self) -> None:
        self.itself = self


def test_what_is_loaded_is_spared_and_what_comes_later_is_collected() -> None:
    try:
        heap.spare_what_is_loaded()
        assert gc.get_freeze_count() > 10_000
        assert not any(known is heap.__dict__ for known in gc.get_objects())
        later = weakref.ref(Node())
        gc.collect()
        assert later() is None
    finally:
        gc.unfreeze()
