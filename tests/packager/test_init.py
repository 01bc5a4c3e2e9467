from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest

from fixtures.boxes import AUDIO, VIDEO, TrackBoxes, audio_entry, descriptor, esds, init_segment
from fixtures.media import moving_picture
from relay.check.media import check_init
from relay.encode import AudioEncoder, VideoEncoder
from relay.errors import EncodeError
from relay.ladder import only_rung
from relay.model import AccessUnit, Init, Latency, MediaKind, StreamFormat
from relay.packager import make_audio_init, make_video_init
from relay.packager.init import aac_codec, avc_codec

if TYPE_CHECKING:
    from relay.model import EncodedCodec

STREAM = StreamFormat(160, 90, Fraction(30000, 1001), audio=True, latency=Latency.LAN)
SLOT = 53_600_000_000


def first_picture(stream: StreamFormat, slot: int = SLOT) -> AccessUnit:
    picture = moving_picture(stream.width, stream.height, slot)
    return VideoEncoder(stream, only_rung(stream)).encode(picture, slot, is_idr=True)[0]


def boxes(data: bytes) -> set[bytes]:
    """The four-letter names of interest that occur in `data`."""
    names = (b"ftyp", b"moov", b"mvex", b"trex", b"elst", b"edts", b"moof", b"mdat", b"mehd", b"Lavf")
    return {name for name in names if name in data}


def test_a_video_init_says_what_the_playlist_needs() -> None:
    init = make_video_init(STREAM, only_rung(STREAM), first_picture(STREAM), 300_000, 200_000)
    assert replace(init, data=b"") == Init(
        "video",
        MediaKind.VIDEO,
        b"",
        codecs="avc1.64000b",
        timescale=60_000,
        bandwidth=300_000,
        average_bandwidth=200_000,
        width=160,
        height=90,
        rate=Fraction(30000, 1001),
    )
    assert boxes(init.data) >= {b"ftyp", b"moov", b"mvex", b"trex"}
    assert not boxes(init.data) & {b"elst", b"edts", b"moof", b"mdat", b"mehd"}


@pytest.mark.parametrize(
    ("codec", "entry", "name"),
    [("hevc", b"hvc1", "hvc1.1.6.L"), ("av1", b"av01", "av01.0.00M.08")],
)
def test_an_init_in_another_codec_is_made_of_its_own_parameter_sets(
    codec: EncodedCodec, entry: bytes, name: str
) -> None:
    rung = replace(only_rung(STREAM), name=f"video-90p-{codec}", codec=codec)

    def first(slot: int) -> AccessUnit:
        encoder = VideoEncoder(STREAM, rung)
        return encoder.encode(moving_picture(160, 90, slot), slot, is_idr=True)[0]

    init = make_video_init(STREAM, rung, first(SLOT), 300_000, 200_000)
    assert (init.rendition, init.kind, init.timescale) == (rung.name, MediaKind.VIDEO, 60_000)
    assert (init.width, init.height, init.rate) == (160, 90, STREAM.rate)
    assert init.codecs.startswith(name)
    assert entry in init.data
    assert check_init(init.data) == []
    assert not boxes(init.data) & {b"elst", b"edts", b"moof", b"mdat", b"mehd", b"Lavf"}
    assert make_video_init(STREAM, rung, first(SLOT + 4321), 300_000, 200_000) == init
    nothing = AccessUnit(rung.name, 0, 0, is_idr=True, data=b"", codec=codec)
    with pytest.raises(EncodeError, match="first picture"):
        make_video_init(STREAM, rung, nothing, 1, 1)


def test_an_audio_init_has_the_decoder_configuration_of_the_encoder() -> None:
    init = make_audio_init("audio", 128, 200_000, 128_000)
    assert replace(init, data=b"") == Init(
        "audio", MediaKind.AUDIO, b"", "mp4a.40.2", 48_000, 200_000, 128_000, channels=2
    )
    assert AudioEncoder(128, 0).decoder_config in init.data
    assert not boxes(init.data) & {b"elst", b"edts", b"moof", b"mdat", b"mehd"}


def test_every_start_gives_the_same_bytes() -> None:
    first, later = first_picture(STREAM), first_picture(STREAM, SLOT + 4321)
    rung = only_rung(STREAM)
    assert make_video_init(STREAM, rung, first, 1, 1) == make_video_init(STREAM, rung, later, 1, 1)
    assert make_audio_init("audio", 128, 1, 1) == make_audio_init("audio", 128, 1, 1)


@pytest.mark.parametrize("rate", ["30", "25", "25/2", "24000/1001", "60000/1001", "7"])
def test_the_media_timescale_is_the_grid_s(rate: str) -> None:
    stream = replace(STREAM, rate=Fraction(rate))
    init = make_video_init(stream, only_rung(stream), first_picture(stream), 1, 1)
    mdhd = init.data.index(b"mdhd") + 4
    assert int.from_bytes(init.data[mdhd + 12 : mdhd + 16], "big") == init.timescale
    assert int.from_bytes(init.data[mdhd + 16 : mdhd + 20], "big") == 0


@pytest.mark.parametrize("data", [b"", b"\0\0\1\x41no parameter sets"])
def test_a_picture_without_parameter_sets_gives_no_init(data: bytes) -> None:
    with pytest.raises(EncodeError, match="first picture"):
        make_video_init(STREAM, only_rung(STREAM), AccessUnit("video", 0, 0, is_idr=True, data=data), 1, 1)


def test_a_bit_rate_that_aac_has_not_gives_no_init() -> None:
    with pytest.raises(EncodeError, match="AAC at -1 kbit/s"):
        make_audio_init("audio", -1, 1, 1)


def test_codec_names_are_read_from_any_writer_s_boxes() -> None:
    assert avc_codec(init_segment(VIDEO)) == "avc1.64001f"
    assert aac_codec(init_segment(AUDIO)) == "mp4a.40.2"
    he_aac = replace(AUDIO, entry=audio_entry("mp4a", esds(b"\x2b\x11")))
    assert aac_codec(init_segment(he_aac)) == "mp4a.40.5"


def test_short_lengths_in_esds_are_read_too() -> None:
    specific = bytes([5, 2]) + b"\x11\x90"
    config = bytes([4, 13 + len(specific), 0x40]) + bytes(12) + specific
    body = bytes([3, 3 + len(config), 0, 1, 0]) + config
    assert aac_codec(b"\0\0\0" + bytes([12 + len(body)]) + b"esds" + bytes(4) + body) == "mp4a.40.2"


@pytest.mark.parametrize(
    "track", [VIDEO, replace(AUDIO, entry=audio_entry("mp4a", esds(tag=6)))], ids=["none", "other"]
)
def test_without_the_descriptor_there_is_no_aac_name(track: TrackBoxes) -> None:
    with pytest.raises(ValueError, match="esds"):
        aac_codec(init_segment(track))


def test_without_avcc_there_is_no_avc_name() -> None:
    with pytest.raises(ValueError, match="avcC"):
        avc_codec(init_segment(AUDIO))


def test_a_descriptor_is_named_when_it_is_missing_inside() -> None:
    broken = descriptor(3, b"\0\1\0" + descriptor(4, b"\x40" + bytes(12) + descriptor(6, b"\x02")))
    with pytest.raises(ValueError, match="descriptor 5"):
        aac_codec((12 + len(broken)).to_bytes(4, "big") + b"esds" + bytes(4) + broken)
