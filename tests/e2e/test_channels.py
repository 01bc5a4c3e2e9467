"""Sources that are no cameras, through the whole relay: a folder that plays as a channel, and a user's own function."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fixtures.inspector import Inspector
from fixtures.media import Clip, write_clip
from fixtures.processes import Relay, wait_for

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.e2e, pytest.mark.all]  # their stage is tested by itself


def published(relay: Relay) -> dict[str, int]:
    counters: dict[str, int] = relay.status()["counters"]
    return counters


def test_a_folder_goes_from_file_to_file_and_nobody_notices(tmp_path: Path) -> None:
    films = tmp_path / "films"
    films.mkdir()
    write_clip(films / "1.mp4", Clip(frames=50, audio_codec="aac"))
    write_clip(films / "2.ts", Clip(frames=50, width=640, height=360, audio_codec="aac", b_frames=2))
    write_clip(films / "3.mkv", Clip(frames=25))
    with Relay(str(films), tmp_path) as relay:
        relay.wait_until("live")
        began, began_with = published(relay)["frames"], relay.status()["generation"]
        with Inspector(relay.playlist) as inspector:
            wait_for(lambda: published(relay)["frames"] > began + 150, 30, "more than a round of the films")
        relay.wait_until("live")
        ended, status = published(relay), relay.status()
        assert (status["generation"], status["format"]["rate"]) == (began_with, "25")
        assert (ended["reconnects"], ended["discarded_timestamps"]) == (0, 0)
        assert ended["decode_errors"] == 0
    assert inspector.complaints() == []


def test_a_function_that_fails_is_called_again(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "import numpy as np\n"
        "def frames(count: int):\n"
        "    for n in range(count):\n"
        "        yield np.full((180, 320, 3), n, np.uint8)\n"
        "    raise OSError('the sensor is cold')\n"
    )
    with Relay("python:mine:frames?count=60", tmp_path, environment={"PYTHONPATH": str(tmp_path)}) as relay:
        relay.wait_until("live")
        with Inspector(relay.playlist) as inspector:
            wait_for(lambda: published(relay)["reconnects"] > 0, 20, "its end")
            began = published(relay)["frames"]
            wait_for(lambda: published(relay)["frames"] > began, 20, "its second round")
        assert "raised OSError: the sensor is cold (line 5 of" in relay.words()
    assert inspector.complaints() == []
