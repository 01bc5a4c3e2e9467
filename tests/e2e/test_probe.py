"""`relay probe` on a camera that asks for a password: what it sends is measured, and the password is not printed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fixtures.processes import Camera

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(60)]

LISTENED_S = 5.0


@pytest.fixture(scope="module")
def guarded(folder: Path) -> Iterator[Camera]:
    with Camera(folder, "--user", "viewer", "--password", "geheim") as camera:
        yield camera


def test_what_a_camera_sends_is_measured_and_its_password_is_not_told(guarded: Camera) -> None:
    source = guarded.url("/small", "viewer:geheim")
    ran = subprocess.run(
        [sys.executable, "-m", "relay", "probe", "--json", "--seconds", str(LISTENED_S), source],
        capture_output=True,
        text=True,
        timeout=40,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert ran.returncode == 0, ran.stderr
    assert "geheim" not in ran.stdout + ran.stderr
    told: dict[str, Any] = json.loads(ran.stdout)
    assert told["source"] == guarded.url("/small", "***")
    assert told["end"] is None
    declared, measured = told["declared"], told["measured"]
    assert (declared["video_codec"], declared["width"], declared["height"]) == ("h264", 640, 360)
    assert (declared["rotation"], declared["is_interlaced"]) == (0, False)
    assert (declared["audio_codec"], declared["audio_sample_rate"], declared["audio_channels"]) == ("aac", 48_000, 2)
    assert measured["rate"] == pytest.approx(15, abs=0.5)
    assert measured["frames"] == pytest.approx(15 * LISTENED_S, rel=0.2)
    assert measured["keyframe_interval_s"] == pytest.approx(2.0, abs=0.2)
    assert measured["audio_packets"] == pytest.approx(48_000 / 1024 * LISTENED_S, rel=0.2)
    assert measured["jitter_ms"] is not None
    assert 0 <= measured["jitter_ms"] < 1000 / 15 + 200
    assert told["copying"]["is_possible"] is True
