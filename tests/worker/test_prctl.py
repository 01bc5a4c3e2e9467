"""What a worker asks of Linux for its own process, and what it does not load."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

FREED = """
import re
from pathlib import Path
from relay.worker.prctl import give_memory_back

def rss_kb():
    return int(re.search(r"VmRSS:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

freed = [b"x" * 100_000 for _ in range(500)]
pinned = b"x" * 100_000  # above all of them: malloc cannot give them back by itself
del freed
before_kb = rss_kb()
give_memory_back()
print(before_kb - rss_kb())
"""
LOADED = """
import sys
import relay.worker.__main__
print(sorted({"rich", "pygments"} & set(sys.modules)))
import rich
print(rich.__name__)
"""


def said(code: str) -> str:
    """What a fresh process prints."""
    ran = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=40,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    return ran.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="other systems' malloc is not asked")
def test_what_was_freed_goes_back_to_the_system() -> None:
    assert int(said(FREED)) > 40_000


def test_a_worker_loads_nothing_for_colours_and_whoever_wants_it_can() -> None:
    assert said(LOADED) == "[]\nrich\n"
