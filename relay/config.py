"""All settings, their defaults and their checks; the only reader of `relay.toml`.

A wrong setting raises `ConfigError` with its key, its value and what would do. Times are seconds, in the unit of the
key.
"""

from __future__ import annotations

import ipaddress
import os
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import platformdirs
from pydantic import Field, ValidationError, model_validator

from relay.errors import ConfigError, is_secret, redact
from relay.events.settings import EventDays, EventRules, PictureMegabytes, TimeZoneName, Webhooks, unknown_stream
from relay.fields import (
    Headers,
    PictureSize,
    PushKey,
    Rate,
    Seconds,
    Settings,
    Side,
    StreamName,
    parse_transform,
)
from relay.ladder import MOST_RUNGS, PRESET, problem_of
from relay.model import EncodedCodec, EncoderChoice, Latency, LatencyProfile, Preset, Profile
from relay.references import resolve
from relay.retention import Retention
from relay.walls import problem_of_shown

if TYPE_CHECKING:
    from collections.abc import Iterable

DEFAULT_LISTEN: Final = "127.0.0.1:8888"
DEFAULT_RTMP_LISTEN: Final = "127.0.0.1:1935"
DEFAULT_STREAM: Final = "cam"
COMMAND_LINE: Final = "the command line"
"""Where a setting stands that is in no file, in messages."""
MOST_TRANSFORMS: Final = 32
"""Of one stream: far more than a machine has time for, and what is told of them fits a message of its worker."""
TEST_PATTERN: Final = "test:"
RTMP_PUSH: Final = "rtmp:"
_PUSHED_TO: Final = re.compile(r"rtmp:|udp://.*|tcp://.*[?&]listen(=1)?(&.*)?", re.IGNORECASE)


Isolation = Literal["process", "thread"]
SecondPush = Literal["refuse", "take-over"]
StreamChoice = Literal["best"] | Annotated[int, Field(ge=0, le=99)]
"""Which of several video or audio streams: the best, or by its number, counted from 0 among those of its kind."""


class TransformSettings(Settings):
    """One link of a transform chain: a name of ours or `module:function`, and its parameters as they were written."""

    name: str
    parameters: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _from_short_forms(cls, value: object) -> object:
        return parse_transform(value)


class RenditionSettings(Settings):
    """One rendition of a ladder. The side that is not given follows from the picture's shape; `None` from the rest."""

    height: Side | None = None
    width: Side | None = None
    rate: Rate = None
    bitrate_kbps: Annotated[int, Field(ge=64, le=100_000)] | None = None
    codec: EncodedCodec = "h264"
    preset: Preset = PRESET
    profile: Profile | None = None

    @model_validator(mode="after")
    def _check(self) -> RenditionSettings:
        if (self.height is None) is (self.width is None):
            raise ValueError("a rendition has a height or a width: the other follows from the picture's shape")
        if self.profile is not None and self.codec != "h264":
            raise ValueError(f"profile is one of H.264's: leave it out of a rendition in {self.codec}")
        return self


class StreamSettings(Settings):
    """One stream: where its pictures come from and what is sent. What is `None` is taken from the first good probe."""

    source: str = Field(default=TEST_PATTERN, repr=False)
    loop: bool = False
    start_s: Annotated[float, Field(ge=0, le=86_400 * 7)] = 0.0
    rtsp_transport: Literal["tcp", "udp", "auto"] = "tcp"
    tls_verify: bool = True
    headers: Headers = Field(default_factory=dict)
    video_stream: StreamChoice = "best"
    audio_stream: StreamChoice = "best"
    microphone: str | None = None
    input_format: str | None = None
    input_size: PictureSize = None
    input_rate: Rate = None
    open_timeout_s: Seconds = 10.0
    read_timeout_s: Seconds = 5.0
    push_key: PushKey = Field(default=None, exclude=True)
    second_push: SecondPush = "refuse"

    video: Literal["encode", "copy", "auto"] = "encode"
    size: PictureSize = None
    rate: Rate = None
    audio: bool = True
    latency: Latency | None = None
    latency_profile: LatencyProfile = LatencyProfile.LOW
    segment_s: Annotated[float, Field(ge=1, le=10)] = 2.0
    segments_listed: Annotated[int, Field(ge=6, le=1800)] = 7
    keyframe_interval_s: Annotated[float, Field(ge=0.1, le=10)] | None = None
    video_bitrate_kbps: Annotated[int, Field(ge=64, le=100_000)] | None = None
    audio_bitrate_kbps: Annotated[int, Field(ge=32, le=320)] = 128
    renditions: Annotated[tuple[RenditionSettings, ...], Field(max_length=MOST_RUNGS)] = ()
    ladder: Literal["auto"] | None = None
    renditions_on_demand: bool = False
    captions: bool = False
    encoder: EncoderChoice = "software"

    transforms: Annotated[tuple[TransformSettings, ...], Field(max_length=MOST_TRANSFORMS)] = ()
    stall_after_s: Annotated[float, Field(ge=0.5, le=60)] = 2.0
    max_jitter_s: Annotated[float, Field(ge=0.1, le=5)] = 1.0
    on_demand: bool = False
    idle_close_s: Annotated[float, Field(ge=1, le=3600)] = 30.0
    slate_image: Path | None = None
    isolation: Isolation = "process"
    events: EventRules = Field(default=(), exclude=True)

    @model_validator(mode="after")
    def _check(self) -> StreamSettings:
        if self.headers and not self.source.strip().lower().startswith(("http://", "https://")):
            raise ValueError("headers are sent to http:// and https:// sources alone")
        if self.microphone and not self.audio:
            raise ValueError("a microphone is of no use with audio = false")
        if self.on_demand and self.is_push:
            raise ValueError(
                "on_demand opens a camera for its viewers; one that is pushed comes by itself: leave it out"
            )
        if self.on_demand and self.video != "encode":
            raise ValueError(
                f'on_demand begins with a slate, which video = "{self.video}" cannot: leave one of them out'
            )
        return self

    @model_validator(mode="after")
    def _check_ladder(self) -> StreamSettings:
        if not self.renditions and not self.ladder:
            if self.renditions_on_demand:
                raise ValueError(
                    "renditions_on_demand lets those of a ladder sleep that nobody watches: give renditions, or "
                    'ladder = "auto", or leave it out'
                )
            return self
        key = "renditions" if self.renditions else 'ladder = "auto"'
        if self.renditions and self.ladder:
            raise ValueError('ladder = "auto" chooses the renditions: leave it out, or the renditions')
        if self.video != "encode":
            raise ValueError(f'{key} has to be encoded, which video = "{self.video}" may not: leave one of them out')
        if self.renditions and self.video_bitrate_kbps:
            raise ValueError("video_bitrate_kbps is for one rendition: give each of them its bitrate_kbps")
        if problem := problem_of(self.renditions, self.size, self.rate):
            raise ValueError(problem)
        return self

    @model_validator(mode="after")
    def _check_keyframe_interval(self) -> StreamSettings:
        if self.keyframe_interval_s is None:
            return self
        if self.video != "encode":
            raise ValueError(
                f'keyframe_interval_s is how pictures are encoded, which video = "{self.video}" may not do: leave one '
                "of them out"
            )
        if self.latency_profile is LatencyProfile.QUALITY:
            raise ValueError(
                'keyframe_interval_s lets parts begin with keyframes, and latency_profile = "quality" has no parts: '
                "leave one of them out"
            )
        if self.keyframe_interval_s > self.segment_s:
            raise ValueError(
                f"keyframe_interval_s is {self.keyframe_interval_s:g}, and each segment of {self.segment_s:g} s begins "
                "with a keyframe anyway: give less, or leave it out"
            )
        return self

    @model_validator(mode="after")
    def _check_latency_profile(self) -> StreamSettings:
        if self.latency_profile is LatencyProfile.LOW:
            return self
        if self.video == "copy":
            raise ValueError(
                f'latency_profile = "{self.latency_profile}" is how pictures are encoded, which video = "copy" does '
                "not do: leave one of them out"
            )
        if self.latency_profile is LatencyProfile.QUALITY and self.latency is not None:
            raise ValueError(
                'latency is how long parts are, and latency_profile = "quality" has none: leave one of them out'
            )
        return self

    @property
    def is_push(self) -> bool:
        """Whether the relay listens for this stream, and does not fetch it."""
        return _PUSHED_TO.fullmatch(self.source.strip()) is not None

    @property
    def is_rtmp_push(self) -> bool:
        """Whether it is pushed to over RTMP."""
        return self.source.strip() == RTMP_PUSH

    @model_validator(mode="after")
    def _check_push(self) -> StreamSettings:
        if re.match(r"rtmp:(?!//).", self.source.strip()):
            raise ValueError(f'a stream that is pushed over RTMP has source = "{RTMP_PUSH}", with nothing behind it')
        if self.push_key is not None and not self.is_rtmp_push:
            raise ValueError(f'push_key is for source = "{RTMP_PUSH}" alone: nothing else that is pushed carries a key')
        return self

    @model_validator(mode="after")
    def _check_copy(self) -> StreamSettings:
        changing = [name for name in ("transforms", "size", "rate", "video_bitrate_kbps") if getattr(self, name)]
        if self.video == "copy" and changing:
            raise ValueError(
                f'video = "copy" sends the camera\'s own pictures, which {changing[0]} would change: '
                'leave it out, or set video = "encode"'
            )
        if self.video == "copy" and self.encoder != "software":
            raise ValueError(f'encoder = "{self.encoder}" is of no use with video = "copy", which encodes nothing')
        return self


class RelaySettings(Settings):
    """Everything that `relay serve` runs on."""

    listen: str = DEFAULT_LISTEN
    rtmp_listen: str = DEFAULT_RTMP_LISTEN
    data: Path
    streams: dict[StreamName, StreamSettings]
    session_idle_s: Annotated[float, Field(ge=5, le=3600)] = 30.0
    timezone: TimeZoneName = None
    event_days: EventDays = 30
    event_pictures_mb: PictureMegabytes = 512
    viewing: Retention = Field(default_factory=Retention)
    webhooks: Webhooks = ()
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @property
    def host(self) -> str:
        """The address to listen on, without brackets."""
        return split_listen(self.listen)[0]

    @property
    def port(self) -> int:
        """The port to listen on; 0 takes any that is free."""
        return split_listen(self.listen)[1]

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the relay."""
        return is_loopback(self.host)

    def latency_of(self, stream: StreamSettings) -> Latency:
        """The stream's latency setting: where none is given, `lan` on a loopback listener, else `internet`."""
        if stream.latency is not None:
            return stream.latency
        return Latency.LAN if self.is_loopback else Latency.INTERNET

    @model_validator(mode="after")
    def _check(self) -> RelaySettings:
        for key, listen in (("listen", self.listen), ("rtmp_listen", self.rtmp_listen)):
            host, colon, port = listen.rpartition(":")
            if not colon or not port.isdigit() or int(port) > 65535 or not host.strip("[]"):
                raise ValueError(f"{key} is HOST:PORT (0.0.0.0:8888 for every network), not {listen!r}")
        if not self.streams:
            raise ValueError("there is no stream: give a SOURCE, or a [streams.NAME] table")
        if problem := problem_of_shown(self.streams) or unknown_stream(self.webhooks, self.streams):
            raise ValueError(problem)
        return self


def split_listen(listen: str) -> tuple[str, int]:
    """Address, without brackets, and port of a checked HOST:PORT; port 0 takes any that is free."""
    host, _, port = listen.rpartition(":")
    return host.strip("[]"), int(port)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def default_data_folder() -> Path:
    """Where data is kept when nobody says: `RELAY_DATA`, else the platform's usual folder."""
    return Path(os.environ.get("RELAY_DATA") or platformdirs.user_data_dir("relay", appauthor=False))


def load(
    config: Path | None = None,
    *,
    source: str | None = None,
    name: str | None = None,
    listen: str | None = None,
    rtmp_listen: str | None = None,
    data: Path | None = None,
    transforms: Iterable[str] = (),
    loop: bool = False,
) -> RelaySettings:
    """The settings of `relay serve`: the file, with what the command line says laid over it.

    A SOURCE on the command line is a stream of its own beside the file's. Raises `ConfigError`.
    """
    document = _read_toml(config) if config else {}
    document.setdefault("streams", {})
    transforms = list(transforms)
    if source is not None or not config:
        stream: dict[str, Any] = {"source": source or TEST_PATTERN, "transforms": transforms, "loop": loop}
        if not isinstance(document["streams"], dict):
            raise ConfigError("streams is a table of tables: write [streams.NAME]")
        document["streams"][name or DEFAULT_STREAM] = stream
    elif name or transforms or loop:
        raise ConfigError(
            "--name, --transform and --loop describe a SOURCE: give one, or write them in the configuration file"
        )
    for key, value in (("listen", listen), ("rtmp_listen", rtmp_listen)):
        if value is not None:
            document[key] = value
    if data is not None or "data" not in document:
        document["data"] = data or default_data_folder()
    where = str(config) if config else COMMAND_LINE
    return _validated(document, resolve(document, where), where)


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: is not TOML: {error}") from error


def _validated(written: dict[str, Any], document: dict[str, Any], where: str) -> RelaySettings:
    """The settings of `document`, which is `written` with its references resolved: errors quote what was written."""
    try:
        return RelaySettings.model_validate(document)
    except ValidationError as error:
        # Not from it: a traceback would show what it was given.
        raise ConfigError(
            "; ".join(_explain({**problem, "input": _at(written, problem)}, where) for problem in error.errors())
        ) from None


def _at(written: dict[str, Any], problem: Any) -> Any:  # noqa: ANN401 - what TOML may hold
    """What was written where `problem` is; where that cannot be told, what pydantic was given."""
    value: Any = written
    for step in problem["loc"]:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return problem["input"]
    return value


def _explain(problem: dict[str, Any], where: str) -> str:
    key = ".".join(str(step) for step in problem["loc"] if step != "[key]")
    if where == COMMAND_LINE and "transforms" in problem["loc"]:
        key = "--transform"  # which is how it was given there
    text = str(problem["msg"]).removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        return f"{where}: {key}: there is no such setting"
    given = "" if _is_hidden(key, problem) else f" (it is {redact(repr(problem.get('input')))})"
    return f"{where}: {key}: {text}{given}" if key else f"{where}: {text}"


def _is_hidden(key: str, problem: dict[str, Any]) -> bool:
    """Whether what was written there may be a secret, or have one in it, that `redact` does not find."""
    value = problem.get("input")
    if key.startswith("webhooks") or key.endswith((".push_key", ".source")):
        return True
    if "headers" in problem["loc"] or isinstance(value, dict):
        return True
    return "transforms" in problem["loc"] and any(is_secret(word.partition("=")[0]) for word in str(value).split())
