"""Settings: what may be written, what is assumed, and how a mistake is told."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from relay import config
from relay.config import StreamSettings
from relay.errors import ConfigError
from relay.model import Latency


def write(folder: Path, text: str) -> Path:
    path = folder / "relay.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_nothing_said_is_the_test_picture_on_loopback() -> None:
    settings = config.load()
    assert settings.listen == "127.0.0.1:8888"
    assert list(settings.streams) == ["cam"]
    assert settings.streams["cam"].source == "test:"
    assert settings.latency_of(settings.streams["cam"]) is Latency.LAN


@pytest.mark.parametrize(
    ("listen", "host", "port", "latency"),
    [
        ("127.0.0.1:8888", "127.0.0.1", 8888, "lan"),
        ("localhost:0", "localhost", 0, "lan"),
        ("[::1]:80", "::1", 80, "lan"),
        ("0.0.0.0:8888", "0.0.0.0", 8888, "internet"),
        ("[::]:8888", "::", 8888, "internet"),
        ("relay.example:8888", "relay.example", 8888, "internet"),
    ],
)
def test_where_it_listens_decides_how_far_behind_players_may_be(
    listen: str, host: str, port: int, latency: str
) -> None:
    settings = config.load(listen=listen)
    assert (settings.host, settings.port) == (host, port)
    assert settings.latency_of(settings.streams["cam"]) == Latency(latency)


def test_a_file_of_several_streams(tmp_path: Path) -> None:
    settings = config.load(
        write(
            tmp_path,
            """
            listen = "0.0.0.0:80"
            data = "/var/lib/relay"
            [streams.door]
            source = "rtsp://camera/1"
            rate = "30000/1001"
            size = "640x360"
            latency = "lan"
            transforms = ["flip direction=horizontal", { name = "crop", x = 0, y = 2, width = 320, height = 180 },
                { filter = "hflip,unsharp=5:5:0.8" }, "filter=vflip,hue=s=0"]
            [streams.yard]
            source = "/dev/video0"
            rate = 12.5
            size = "auto"
            """,
        )
    )
    door, yard = settings.streams["door"], settings.streams["yard"]
    assert (door.rate, door.size, settings.latency_of(door)) == (Fraction(30000, 1001), (640, 360), Latency.LAN)
    assert [(link.name, link.parameters) for link in door.transforms] == [
        ("flip", {"direction": "horizontal"}),
        ("crop", {"x": 0, "y": 2, "width": 320, "height": 180}),
        ("filter", {"graph": "hflip,unsharp=5:5:0.8"}),
        ("filter", {"graph": "vflip,hue=s=0"}),
    ]
    assert (yard.rate, yard.size, settings.latency_of(yard)) == (Fraction(25, 2), None, Latency.INTERNET)


def test_auto_is_what_the_camera_shows(tmp_path: Path) -> None:
    stream = config.load(write(tmp_path, '[streams.a]\nrate = "auto"\nsize = "auto"\n')).streams["a"]
    assert (stream.rate, stream.size) == (None, None)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("29.97", "30000/1001"),
        ("23.98", "24000/1001"),
        ('"59.94"', "60000/1001"),
        ("30", "30"),
        ("17", "17"),
        ('"25/2"', "25/2"),
    ],
)
def test_rates_as_people_write_them(tmp_path: Path, written: str, meant: str) -> None:
    settings = config.load(write(tmp_path, f"[streams.a]\nrate = {written}\n"))
    assert settings.streams["a"].rate == Fraction(meant)


def test_the_command_line_is_laid_over_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, 'listen = "0.0.0.0:80"\n[streams.door]\nsource = "rtsp://camera/1"\n')
    settings = config.load(
        path, source="test:", listen="127.0.0.1:0", data=tmp_path, transforms=["app:paint size=3"], loop=True
    )
    assert list(settings.streams) == ["door", "cam"]
    assert settings.listen == "127.0.0.1:0"
    assert settings.data == tmp_path
    assert settings.streams["cam"].transforms[0].name == "app:paint"
    assert settings.streams["cam"].loop


def test_a_transform_of_the_command_line_is_named_as_it_was_given_there(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"^the command line: --transform: behind its name, each word .* is KEY=VALUE"
    ):
        config.load(source="test:", data=tmp_path, transforms=["crop x"])


def test_the_data_folder_comes_from_the_environment_or_the_platform(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELAY_DATA", "/srv/relay")
    assert config.load().data == Path("/srv/relay")
    monkeypatch.delenv("RELAY_DATA")
    assert config.load().data == config.default_data_folder()
    assert config.default_data_folder().name == "relay"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("listen = 3\n[streams.a]\n", "listen"),
        ('listen = "here"\n[streams.a]\n', "HOST:PORT"),
        ('listen = ":80"\n[streams.a]\n', "HOST:PORT"),
        ('listen = "x:99999"\n[streams.a]\n', "HOST:PORT"),
        ("[streams.Door]\n", "stream's name"),
        ("[streams.v]\n", "stream's name"),
        ("[streams.a]\nrate = 500\n", "between 1 and 120"),
        ("[streams.a]\nrate = true\n", "rate"),
        ("[streams.a]\nrate = [25, 1]\n", "rate"),
        ('[streams.a]\nrate = "fast"\n', "rate"),
        ('[streams.a]\nrate = "1/0"\n', "rate"),
        ('[streams.a]\nsize = "641x360"\n', "both even"),
        ('[streams.a]\nsize = "big"\n', "size"),
        ("[streams.a]\nsorce = 1\n", "streams.a.sorce: there is no such setting"),
        ("[streams.a]\nstall_after_s = -1\n", "stall_after_s"),
        ('[streams.a]\ntransforms = ["crop x"]\n', "KEY=VALUE"),
        ("[streams.a]\ntransforms = [7]\n", "transforms"),
        ("[streams.a]\ntransforms = [{ width = 64 }]\n", "transforms.0: a transform is a table with its name"),
        ('[streams.a]\nrtsp_transport = "sctp"\n', "rtsp_transport"),
        ('[streams.a]\nvideo_stream = "worst"\n', "video_stream"),
        ("[streams.a]\naudio_stream = -1\n", "audio_stream"),
        ("[streams.a]\nstart_s = -1\n", "start_s"),
        ('[streams.a]\nmicrophone = "hw:0"\naudio = false\n', "a microphone is of no use"),
        ('[streams.a]\nsource = "rtsp://a/"\nheaders = { X-Key = "a" }\n', "headers are sent to http"),
        ('[streams.a]\nlatency_profile = "fast"\n', "latency_profile: Input should be 'low', 'balanced' or 'quality'"),
        ('[streams.a]\nlatency_profile = "balanced"\nvideo = "copy"\n', 'which video = "copy" does not do'),
        ('[streams.a]\nlatency_profile = "quality"\nlatency = "lan"\n', "latency is how long parts are"),
        ("streams = 3\n", "streams"),
        ("[streams]\n", "there is no stream"),
        ("listen = \n", "is not TOML"),
        ('rtmp_listen = "1935"\n[streams.a]\n', "rtmp_listen is HOST:PORT"),
        ('[streams.a]\nsource = "rtmp:"\npush_key = "short"\n', "streams.a.push_key: a push key is 16 to 128"),
        ('[streams.a]\nsource = "rtmp:a"\n', 'has source = "rtmp:", with nothing'),
        ('[streams.a]\npush_key = "0123456789abcdef"\n', 'push_key is for source = "rtmp:" alone'),
        ('[streams.a]\nsource = "rtmp:"\nsecond_push = "fight"\n', "second_push: Input should be 'refuse' or"),
    ],
)
def test_a_mistake_is_told_with_its_key_and_what_would_do(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        config.load(write(tmp_path, text))


def test_a_source_on_the_command_line_needs_streams_to_be_a_table(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"streams\.NAME"):
        config.load(write(tmp_path, "streams = 3\n"), source="test:")


@pytest.mark.parametrize(
    "line",
    [
        'size = "rtsp://admin:hunter2@camera/1"',
        'source = ["rtsp://admin:my hunter2@camera/1"]',
        'transforms = ["mine:draw token=hunter2 wide"]',
        'transforms = ["mine:draw ${CAMERA}"]',
        'source = "rtsp://camera/"\nheaders = { X = "hunter2" }',
        'source = "http://camera/"\nheaders = { "X Y" = "hunter2" }',
        'source = "rtmp:"\npush_key = "hunter2"',
    ],
)
def test_a_mistake_never_shows_a_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    monkeypatch.setenv("CAMERA", "hunter2")
    with pytest.raises(ConfigError) as caught:
        config.load(write(tmp_path, f"[streams.a]\n{line}\n"))
    assert "hunter2" not in str(caught.value)


def test_a_push_key_stays_in_the_parent(tmp_path: Path) -> None:
    text = '[streams.a]\nsource = "rtmp:"\npush_key = "hunter2-hunter2-hunter2"\nsecond_push = "take-over"\n'
    settings = config.load(write(tmp_path, text))
    stream = settings.streams["a"]
    assert stream.push_key is not None
    assert stream.push_key.get_secret_value() == "hunter2-hunter2-hunter2"
    assert "hunter2" not in repr(settings)
    # What a worker is sent: it has no use for the key.
    assert "hunter2" not in str(stream.model_dump(mode="json"))
    assert StreamSettings.model_validate(stream.model_dump(mode="json")).second_push == "take-over"
    with pytest.raises(ConfigError) as caught:
        config.load(write(tmp_path, text.replace("hunter2-hunter2-hunter2", "hunter2 ?")))
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("source", "is_push"),
    [
        ("rtmp:", True),
        (" rtmp: ", True),
        ("udp://0.0.0.0:5004", True),
        ("UDP://@239.1.2.3:5004?localaddr=192.0.2.1", True),
        ("tcp://0.0.0.0:5004?listen", True),
        ("tcp://0.0.0.0:5004?x=1&listen=1", True),
        ("tcp://192.0.2.1:5004", False),
        ("rtsp://camera/udp://x", False),
        ("test:", False),
    ],
)
def test_which_sources_are_waited_for(source: str, is_push: bool) -> None:
    assert StreamSettings(source=source).is_push is is_push


@pytest.mark.parametrize("header", ['"X-Key" = "geheim\\r\\nX-Other: 1"', '"X Key" = "geheim"', "geheim = 7"])
def test_a_header_that_will_not_do_is_not_repeated(tmp_path: Path, header: str) -> None:
    with pytest.raises(ConfigError, match="headers") as caught:
        config.load(write(tmp_path, f'[streams.a]\nsource = "http://a/"\nheaders = {{ {header} }}\n'))
    assert "= geheim" not in str(caught.value)
    assert "'geheim" not in str(caught.value)


def test_headers_are_kept_out_of_sight(tmp_path: Path) -> None:
    text = '[streams.a]\nsource = "https://a/"\nheaders = { Authorization = "Bearer geheim" }\n'
    stream = config.load(write(tmp_path, text)).streams["a"]
    assert stream.headers == {"Authorization": "Bearer geheim"}
    assert "geheim" not in repr(stream)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        config.load(tmp_path / "none.toml")


def test_options_of_a_source_need_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="describe a SOURCE"):
        config.load(write(tmp_path, "[streams.a]\n"), loop=True)


def test_a_mistake_is_told_as_it_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "s3cret")
    path = write(tmp_path, '[streams.a]\nrate = "${SECRET}"\nsegment_s = "${SECRET}"\ntransforms = [3]')
    with pytest.raises(ConfigError) as caught:
        config.load(path)
    assert "streams.a.segment_s" in str(caught.value)
    assert "${SECRET}" in str(caught.value)
    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_half_a_url_is_not_quoted_by_validation() -> None:
    with pytest.raises(ValidationError) as caught:
        StreamSettings.model_validate({"source": {"rtsp://me:s3cret@camera/" * 5: 1}})
    assert "s3cret" not in str(caught.value)


def test_pictures_that_are_copied_cannot_be_changed() -> None:
    assert StreamSettings(source="rtsp://door/", video="copy").video == "copy"
    assert StreamSettings(video="auto", rate=15).video == "auto"
    for change in ({"transforms": ["flip"]}, {"size": "640x360"}, {"rate": 15}, {"video_bitrate_kbps": 900}):
        with pytest.raises(ValidationError, match=f"which {next(iter(change))} would change"):
            StreamSettings.model_validate({"video": "copy", **change})


LADDER = """
[streams.cam]
source = "test:"
{}
[[streams.cam.renditions]]
height = 720
[[streams.cam.renditions]]
{}
"""


def test_a_ladder_is_a_list_of_renditions(tmp_path: Path) -> None:
    rung = 'width = 426\nrate = 15\nbitrate_kbps = 300\ncodec = "h264"\npreset = "fast"\nprofile = "baseline"'
    settings = config.load(write(tmp_path, LADDER.format('size = "1280x720"\nrate = 30', rung)))
    first, second = settings.streams["cam"].renditions
    assert (first.height, first.width, first.rate, first.bitrate_kbps, first.preset) == (
        720,
        None,
        None,
        None,
        "veryfast",
    )
    assert (second.width, second.rate, second.bitrate_kbps, second.profile) == (426, Fraction(15), 300, "baseline")
    assert StreamSettings.model_validate(settings.streams["cam"].model_dump(mode="json")) == settings.streams["cam"]


@pytest.mark.parametrize(
    ("stream", "rung", "words"),
    [
        ("", "height = 720", "streams.cam: two renditions of height 720 have the same rate"),
        ('size = "1280x720"', "width = 1280", "two renditions of width 1280 have the same rate"),
        ('size = "1280x720"', "height = 1080", "a rendition of height 1080 is larger than the stream's 1280x720"),
        ('size = "1280x720"', "width = 1920", "a rendition of width 1920 is larger than the stream's 1280x720"),
        ("", "height = 481", "renditions.1.height: a side of a picture is even .it is 481."),
        ("", "height = 32", "renditions.1.height: .* greater than or equal to 64"),
        ("", "rate = 15", "a rendition has a height or a width: the other follows from the picture's shape"),
        ("", "height = 480\nwidth = 854", "a rendition has a height or a width"),
        ("", 'height = 480\ncodec = "vp9"', "renditions.1.codec: .*'h264', 'hevc' or 'av1'.*it is 'vp9'"),
        ("", 'height = 480\ncodec = "hevc"\nprofile = "main"', "profile is one of H.264's: leave it out .* in hevc"),
        ("", 'height = 480\npreset = "placebo"', "renditions.1.preset: .*'veryfast'"),
        ("", "height = 480\nbitrate = 800", "renditions.1.bitrate: there is no such setting"),
        (
            "rate = 30",
            "height = 480\nrate = 60",
            "a rendition of 60 frames a second is more than the stream's rate of 30",
        ),
        ("rate = 30", "height = 480\nrate = 20", "its third …: 20 is no such part of 30"),
        (
            "rate = 30",
            "height = 480\nrate = 15\n[[streams.cam.renditions]]\nheight = 240\nrate = 10",
            "15 is not one of 10",
        ),
        ('video = "copy"', "height = 480", 'renditions has to be encoded, which video = "copy" may not'),
        ('video = "auto"', "height = 480", 'renditions has to be encoded, which video = "auto" may not'),
        ("video_bitrate_kbps = 900", "height = 480", "give each of them its bitrate_kbps"),
        ('ladder = "auto"', "height = 480", 'ladder = "auto" chooses the renditions'),
        ("", "height = 480" + "\n[[streams.cam.renditions]]\nheight = 64" * 7, "at most 8 items"),
    ],
)
def test_renditions_that_do_not_go_together_are_one_clear_error(
    tmp_path: Path, stream: str, rung: str, words: str
) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        config.load(write(tmp_path, LADDER.format(stream, rung)))
    assert "; " not in str(caught.value)


def test_a_rendition_may_be_there_in_several_codecs_one_of_which_every_player_knows(tmp_path: Path) -> None:
    text = LADDER.format("", 'height = 720\ncodec = "av1"')
    codecs = [one.codec for one in config.load(write(tmp_path, text)).streams["cam"].renditions]
    assert codecs == ["h264", "av1"]
    hevc = text.replace("height = 720\n[[", 'height = 720\ncodec = "hevc"\n[[')
    with pytest.raises(ConfigError, match=r'no rendition is in H.264, .*: add one with codec = "h264"'):
        config.load(write(tmp_path, hevc))


def test_what_encodes_is_chosen_by_name_or_by_trial() -> None:
    assert StreamSettings().encoder == "software"
    assert StreamSettings(encoder="auto").encoder == "auto"
    with pytest.raises(ValidationError, match="'auto', 'software', 'nvenc', 'qsv', 'amf' or 'v4l2m2m'"):
        StreamSettings.model_validate({"encoder": "vaapi"})
    with pytest.raises(ValidationError, match='encoder = "qsv" is of no use with video = "copy"'):
        StreamSettings(video="copy", encoder="qsv")


def test_an_automatic_ladder_is_encoded() -> None:
    assert StreamSettings(ladder="auto", video_bitrate_kbps=900).ladder == "auto"
    with pytest.raises(ValidationError, match='ladder = "auto" has to be encoded'):
        StreamSettings(ladder="auto", video="copy")


def test_renditions_that_sleep_are_those_of_a_ladder() -> None:
    assert not StreamSettings(ladder="auto").renditions_on_demand
    assert StreamSettings(ladder="auto", renditions_on_demand=True).renditions_on_demand
    with pytest.raises(ValidationError, match="renditions_on_demand lets those of a ladder sleep"):
        StreamSettings(renditions_on_demand=True)


def test_captions_are_for_every_stream_that_asks_for_them() -> None:
    assert not StreamSettings().captions
    for settings in ({}, {"video": "copy"}, {"on_demand": True}, {"ladder": "auto"}, {"source": "rtmp:"}):
        assert StreamSettings.model_validate({"captions": True, **settings}).captions
    with pytest.raises(ValidationError, match="captions"):
        StreamSettings.model_validate({"captions": "de"})


def test_a_wrong_way_with_pictures_is_told(tmp_path: Path) -> None:
    path = write(tmp_path, '[streams.door]\nsource = "rtsp://door/"\nvideo = "remux"\n')
    with pytest.raises(ConfigError, match=r"streams.door.video: .*'encode', 'copy' or 'auto'.*remux"):
        config.load(path)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"source": "rtmp:", "on_demand": True}, "one that is pushed comes by itself"),
        ({"video": "auto", "on_demand": True}, 'which video = "auto" cannot'),
    ],
)
def test_what_cannot_be_opened_on_demand(settings: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        StreamSettings.model_validate(settings)


def test_how_long_parts_are_and_what_the_encoder_trades_are_two_settings(tmp_path: Path) -> None:
    both = '[streams.a]\nlatency = "internet"\nlatency_profile = "balanced"\n'
    settings = config.load(write(tmp_path, f'{both}[streams.b]\nlatency_profile = "quality"\n[streams.c]\n'))
    assert [stream.latency_profile for stream in settings.streams.values()] == ["balanced", "quality", "low"]
    assert settings.latency_of(settings.streams["a"]) is Latency.INTERNET


def test_streams_that_show_each_other_in_a_circle_are_refused(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        """
        [streams.wall]
        source = "wall:door"
        [streams.door]
        source = "rtsp://user:geheim@door/"
        transforms = ["mosaic streams=wall"]
        """,
    )
    with pytest.raises(ConfigError, match=r"relay\.toml: streams show each other in a circle: ") as caught:
        config.load(path)
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize(
    "written", [{"source": "wall:front"}, {"source": "a.mp4", "transforms": ["mosaic streams=front"]}]
)
def test_on_the_command_line_there_are_no_other_streams_to_show(written: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"streams\.cam: it shows 'front', and there is no other stream here"):
        config.load(**written)
