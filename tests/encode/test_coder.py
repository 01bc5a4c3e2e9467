"""What the table says of encoders is what FFmpeg knows of them, whether there is hardware for them here or not."""

from __future__ import annotations

import io
from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest

from relay.encode.coder import Coder
from relay.encode.encoders import candidates
from relay.errors import EncodeError
from relay.ladder import only_rung
from relay.model import EncodedCodec, Latency, LatencyProfile, StreamFormat

STREAM = StreamFormat(160, 90, Fraction(30), audio=True, latency=Latency.LAN, encoder="auto")
RUNG = only_rung(STREAM)


@pytest.mark.parametrize("profile", LatencyProfile, ids=str)
@pytest.mark.parametrize("codec", ["h264", "hevc", "av1"])
def test_ffmpeg_knows_every_option_and_pixel_format(codec: EncodedCodec, profile: LatencyProfile) -> None:
    """It ignores an option that it does not know, and says nothing of it."""
    known = [
        encoder
        for encoder in candidates(replace(STREAM, latency_profile=profile), replace(RUNG, codec=codec))
        if encoder.name in av.codecs_available
    ]
    assert len(known) > 1
    for encoder in known:
        context = av.CodecContext.create(encoder.name, "w")
        supported = context.supported_options
        options = {option.name: option for option in (*supported.generic, *supported.private)}
        for name, value in encoder.options.items():
            assert name in options, (encoder.name, name)
            choices = {choice.name for choice in options[name].choices}
            if choices and not value.lstrip("-").isdigit():
                assert value in choices, (encoder.name, name, value)
        formats = av.Codec(encoder.name, "w").video_formats or []
        assert encoder.pixel_format in {one.name for one in formats} or not formats, encoder.name


def test_what_it_cannot_encode_is_named() -> None:
    (software,) = candidates(replace(STREAM, encoder="software"), RUNG)
    with pytest.raises(EncodeError, match=r"libx264 cannot encode 161x90, 30 a second, 300 kbit/s: "):
        Coder(software, STREAM, replace(RUNG, width=161, bitrate_kbps=300))


def test_every_row_and_its_colour_is_encoded_at_any_even_height() -> None:
    (software,) = candidates(replace(STREAM, encoder="software"), RUNG)
    i420 = np.full((90 * 3 // 2, 160), 128, np.uint8)
    i420.reshape(-1)[160 * 90 * 5 // 4 :].reshape(45, 80)[22:] = 200
    units = Coder(software, STREAM, RUNG).encode(i420, 0, is_idr=True)
    with av.open(io.BytesIO(units[0].data), format="h264") as container:
        (shown,) = container.decode(video=0)
    assert (shown.width, shown.height) == (160, 90)
    np.testing.assert_allclose(shown.to_ndarray().astype(int), i420.astype(int), atol=12)
