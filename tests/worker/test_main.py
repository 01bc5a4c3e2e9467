"""What a worker's process loads when it is started."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

LOADED = """
import sys
import relay.worker.__main__
print(sorted({"rich", "pygments"} & set(sys.modules)))
import rich
print(rich.__name__)
"""


def test_a_worker_loads_nothing_for_colours_and_whoever_wants_it_can() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", LOADED],
        capture_output=True,
        text=True,
        timeout=40,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert ran.stdout == "[]\nrich\n"
