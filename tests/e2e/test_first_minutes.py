"""What a newcomer types first: `scripts/run`, and a moving picture in the browser fifteen seconds later."""

from __future__ import annotations

import subprocess
import time
from typing import TYPE_CHECKING, Final

import pytest

from fixtures.processes import FIXTURES, Relay

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from fixtures.browser import Browser

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

SCRIPT: Final = str(FIXTURES.parent / "scripts/run")
INSTALLED_S: Final = 300.0
"""Nothing has to be installed where scripts/test runs this."""
SHOWN_S: Final = 15.0


class Newcomer(Relay):
    """Types `scripts/run`, and nothing of what to show; only where it listens and keeps its data is the test's."""

    def __init__(self, folder: Path) -> None:
        super().__init__("", folder)

    def command(self) -> Sequence[str]:
        return [SCRIPT, "--listen", f"127.0.0.1:{self.port}", "--data", str(self.data)]


def test_scripts_run_shows_a_moving_picture_within_fifteen_seconds(tmp_path: Path, browser: Browser) -> None:
    subprocess.run([SCRIPT, "--help"], check=True, capture_output=True, timeout=INSTALLED_S)
    typed_s = time.monotonic()
    with Newcomer(tmp_path) as relay:
        tab = browser.open(f"{relay.origin}/")
        try:
            tab.wait_until_playing(SHOWN_S)
            tab.wait_until_picture(SHOWN_S, time.time() - SHOWN_S)
            assert time.monotonic() - typed_s < SHOWN_S
            first, *_, last = tab.watch(1)
            assert first.strip is not None
            assert last.strip is not None
            assert last.strip > first.strip
            assert (tab.failed, tab.complaints) == ([], [])
        finally:
            browser.close(tab)
