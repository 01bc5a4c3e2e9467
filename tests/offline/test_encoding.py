from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from relay.errors import ConfigError
from relay.offline.encoding import Encoding

if TYPE_CHECKING:
    from relay.model import EncodedCodec


@pytest.mark.parametrize(
    ("codec", "encoder", "crf", "preset"),
    [("h264", "libx264", "23", "slow"), ("hevc", "libx265", "28", "slow"), ("av1", "libsvtav1", "35", "6")],
)
def test_the_encoder_and_its_own_quality(codec: EncodedCodec, encoder: str, crf: str, preset: str) -> None:
    encoding = Encoding(codec, preset="slow")
    assert encoding.encoder == encoder
    assert (encoding.options["crf"], encoding.options["preset"]) == (crf, preset)
    assert "b" not in encoding.options
    assert encoding.words == f"{encoder}, crf {crf}, slow"


def test_a_quality_or_a_rate_that_was_asked_for() -> None:
    assert Encoding(crf=0).options["crf"] == "0"
    told = Encoding(bitrate_kbps=800)
    assert told.options["b"] == "800000"
    assert "crf" not in told.options
    assert told.words == "libx264, 800 kbit/s, veryfast"


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"crf": 20, "bitrate_kbps": 800}, "give one of them"),
        ({"crf": 52}, "--crf 52: for h264 it lies between 0"),
        ({"crf": -1}, "--crf -1"),
        ({"codec": "av1", "crf": 64}, "and 63"),
        ({"bitrate_kbps": 10}, "--bitrate 10: it lies between 64 and 100000"),
        ({"bitrate_kbps": 200_000}, "--bitrate 200000"),
    ],
)
def test_what_no_encoder_takes_is_refused(asked: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        Encoding(**asked)


def test_av1_goes_further_down_than_the_others() -> None:
    assert Encoding("av1", crf=63).options["crf"] == "63"
