"""All settings, their defaults and their checks; the only reader of `relay.toml`.

A wrong setting raises `ConfigError` with its key, its value and what would do. Times are seconds, in the unit of the
key.
"""

from __future__ import annotations

import ipaddress
import os
import re
import shlex
import tomllib
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import platformdirs
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)

from relay.errors import ConfigError, redact
from relay.model import Latency
from relay.references import resolve
from relay.timeline import usual_rate

if TYPE_CHECKING:
    from collections.abc import Iterable

DEFAULT_LISTEN: Final = "127.0.0.1:8888"
DEFAULT_RTMP_LISTEN: Final = "127.0.0.1:1935"
DEFAULT_STREAM: Final = "cam"
TEST_PATTERN: Final = "test:"
RTMP_PUSH: Final = "rtmp:"
_PUSHED_TO: Final = re.compile(r"rtmp:|udp://.*|tcp://.*[?&]listen(=1)?(&.*)?", re.IGNORECASE)
_PUSH_KEY: Final = re.compile(r"[\w.~-]{16,128}", re.ASCII)
RESERVED_NAMES: Final = frozenset({"v", "index.m3u8", "ts.m3u8", "snapshot.jpg"})
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_PICTURE_SIZE: Final = re.compile(r"(\d{2,5})x(\d{2,5})")
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_RATE_ROUNDING: Final = Fraction(1, 100)
_MAX_PIXELS: Final = 4096 * 2304
"""The largest frame of H.264 level 5.1, which is as far as common players go."""


class _Settings(BaseModel):
    # A validation error's text quotes what it was given in part, and half a URL is not recognised as one to redact.
    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True, hide_input_in_errors=True)


def _parse_rate(value: object) -> object:
    """`"auto"`, a number, or a fraction; 29.97 and its like mean the usual rate beside them."""
    if value == "auto":
        return None
    if isinstance(value, bool):
        raise ValueError("a frame rate is a number or a fraction")  # noqa: TRY004 - pydantic hears ValueErrors
    if not isinstance(value, (int, float, str)):
        return value
    try:
        rate = Fraction(str(value))
    except (ValueError, ZeroDivisionError):
        return value
    usual = usual_rate(rate)
    return usual if abs(usual - rate) < _RATE_ROUNDING else rate


def _check_rate(rate: Fraction | None) -> Fraction | None:
    if rate is not None and not 1 <= rate <= 120:
        raise ValueError("a frame rate lies between 1 and 120")
    return rate


def _parse_size(value: object) -> object:
    if value == "auto":
        return None
    if isinstance(value, str) and (match := _PICTURE_SIZE.fullmatch(value)):
        return int(match[1]), int(match[2])
    return value


def _check_size(size: tuple[int, int] | None) -> tuple[int, int] | None:
    if size is not None:
        width, height = size
        if width % 2 or height % 2 or width < 64 or height < 64 or width * height > _MAX_PIXELS:
            raise ValueError("a size is WIDTHxHEIGHT, both even, from 64x64 to 4096x2304")
    return size


def _check_name(name: str) -> str:
    if not _NAME.fullmatch(name) or name in RESERVED_NAMES:
        raise ValueError("a stream's name is 1 to 63 of a-z 0-9 _ -, begins with a letter or digit, and is not 'v'")
    return name


def _check_push_key(key: SecretStr | None) -> SecretStr | None:
    if key is not None and not _PUSH_KEY.fullmatch(key.get_secret_value()):
        raise ValueError("a push key is 16 to 128 of A-Z a-z 0-9 _ - . ~, and best random: `openssl rand -hex 16`")
    return key


def _check_headers(headers: dict[str, str]) -> dict[str, str]:
    """Names are tokens of RFC 9110 §5.6.2; values end where a line ends. Neither is repeated: values are secrets."""
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name) or not value.isprintable():
            raise ValueError('a header is NAME = "VALUE", the name of letters, digits and -, the value on one line')
    return headers


Isolation = Literal["process", "thread"]
SecondPush = Literal["refuse", "take-over"]
PushKey = Annotated[SecretStr | None, AfterValidator(_check_push_key)]
StreamName = Annotated[str, AfterValidator(_check_name)]
Rate = Annotated[Fraction | None, BeforeValidator(_parse_rate), AfterValidator(_check_rate)]
PictureSize = Annotated[tuple[int, int] | None, BeforeValidator(_parse_size), AfterValidator(_check_size)]
Seconds = Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)]
StreamChoice = Literal["best"] | Annotated[int, Field(ge=0, le=99)]
"""Which of several video or audio streams: the best, or by its number, counted from 0 among those of its kind."""


class TransformSettings(_Settings):
    """One link of a transform chain: a name of ours or `module:function`, and its parameters as they were written."""

    name: str
    parameters: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _from_short_forms(cls, value: object) -> object:
        """`"crop x=0 y=0 width=640 height=360"`, or a table whose keys beside `name` are the parameters."""
        if isinstance(value, str):
            name, *words = shlex.split(value)
            pairs = [word.partition("=") for word in words]
            if bad := [word for word, (_, equals, _) in zip(words, pairs, strict=True) if not equals]:
                raise ValueError(f"a parameter is KEY=VALUE, not {bad[0]!r}")
            return {"name": name, "parameters": {key: text for key, _, text in pairs}}
        if isinstance(value, dict) and "parameters" not in value:
            return {
                "name": value.get("name"),
                "parameters": {key: item for key, item in value.items() if key != "name"},
            }
        return value


class StreamSettings(_Settings):
    """One stream: where its pictures come from and what is sent. What is `None` is taken from the first good probe."""

    source: str = TEST_PATTERN
    loop: bool = False
    start_s: Annotated[float, Field(ge=0, le=86_400 * 7)] = 0.0
    rtsp_transport: Literal["tcp", "udp", "auto"] = "tcp"
    tls_verify: bool = True
    headers: Annotated[dict[str, str], AfterValidator(_check_headers), Field(repr=False)] = Field(default_factory=dict)
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
    segment_s: Annotated[float, Field(ge=1, le=10)] = 2.0
    segments_listed: Annotated[int, Field(ge=6, le=1800)] = 7
    video_bitrate_kbps: Annotated[int, Field(ge=64, le=100_000)] | None = None
    audio_bitrate_kbps: Annotated[int, Field(ge=32, le=320)] = 128

    transforms: tuple[TransformSettings, ...] = ()
    stall_after_s: Annotated[float, Field(ge=0.5, le=60)] = 2.0
    max_jitter_s: Annotated[float, Field(ge=0.1, le=5)] = 1.0
    on_demand: bool = False
    idle_close_s: Annotated[float, Field(ge=1, le=3600)] = 30.0
    slate_image: Path | None = None
    isolation: Isolation = "process"

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
        return self


class RelaySettings(_Settings):
    """Everything that `relay serve` runs on."""

    listen: str = DEFAULT_LISTEN
    rtmp_listen: str = DEFAULT_RTMP_LISTEN
    data: Path
    streams: dict[StreamName, StreamSettings]
    session_idle_s: Annotated[float, Field(ge=5, le=3600)] = 30.0
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
    where = str(config) if config else "the command line"
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
    text = str(problem["msg"]).removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        return f"{where}: {key}: there is no such setting"
    is_hidden = key.endswith(".push_key") or "headers" in problem["loc"] or isinstance(problem.get("input"), dict)
    given = "" if is_hidden else f" (it is {redact(repr(problem.get('input')))})"
    return f"{where}: {key}: {text}{given}" if key else f"{where}: {text}"
