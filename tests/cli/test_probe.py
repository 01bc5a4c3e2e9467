from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
import typer
from typer.testing import CliRunner

from fixtures.media import Clip, write_clip, write_comb
from relay.cli.probe import probe
from relay.errors import ConfigError, SourceNotFoundError, SourceUnreachableError

if TYPE_CHECKING:
    from pathlib import Path

app = typer.Typer()
app.command()(probe)


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False, env={"COLUMNS": "200"})
    assert result.exit_code == 0
    return result.output


def test_a_file_is_told_in_words(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mkv", Clip(frames=30, audio_codec="aac", width=640, height=360))
    output = run(str(path))
    assert "h264 (yuv420p), 640x360" in output
    assert "declared 25, measured 25.00" in output
    assert "aac, 48000 Hz, 2 channels" in output
    assert "It ended" in output
    assert 'video = "copy" sends these pictures as they are, about 12 s behind' in output


def test_the_test_pattern_is_told_as_json() -> None:
    told = json.loads(run("test:?size=128x96&rate=25", "--seconds", "0.8", "--json"))
    assert told["declared"]["width"] == 128
    assert told["declared"]["rate"] == "25"
    assert 10 <= told["measured"]["frames"] <= 25
    assert told["measured"]["audio_packets"] > 5
    assert told["end"] is None
    assert told["copying"] == {
        "is_possible": False,
        "reason": "the camera sends rawvideo, and HLS carries H.264 and H.265 alone",
    }
    assert told["advice"] == []


def test_a_stream_is_probed_with_its_own_settings(tmp_path: Path) -> None:
    config = tmp_path / "relay.toml"
    config.write_text('[streams.door]\nsource = "test:?size=128x96"\n[streams.yard]\nsource = "rtsp://yard/"\n')
    told = json.loads(run("door", "--config", str(config), "--rtsp-transport", "auto", "--seconds", "0.5", "--json"))
    assert (told["source"], told["declared"]["width"]) == ("test:?size=128x96", 128)
    with pytest.raises(ConfigError, match="there is no stream 'porch': there are door, yard"):
        run("porch", "--config", str(config))


@pytest.mark.parametrize(
    ("source", "leaf"),
    [("none.mp4", SourceNotFoundError), ("rtsp://u:geheim@127.0.0.1:1/x", SourceUnreachableError)],
)
def test_what_cannot_be_opened_is_one_error_without_the_password(source: str, leaf: type[Exception]) -> None:
    with pytest.raises(leaf) as caught:
        run(source)
    assert "geheim" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_is_to_be_turned_or_made_whole_is_told(tmp_path: Path) -> None:
    phone = run(str(write_clip(tmp_path / "phone.mp4", Clip(frames=30, rotation=90))))
    assert re.search(r"320x180, to be turned by -?90 degrees", phone)
    assert "not possible: the pictures are to be turned by" in phone
    comb = run(str(write_comb(tmp_path / "comb.ts", "libx264", 30)))
    assert "352x288, interlaced" in comb
    assert "not possible: the pictures are interlaced" in comb


def test_a_source_that_no_setting_allows_is_one_error() -> None:
    with pytest.raises(ConfigError, match="with nothing behind it"):
        run("rtmp:yard")
