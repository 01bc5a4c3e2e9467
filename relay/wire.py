"""What the supervisor and a worker say to each other, and how it is framed on their socket pair.

    frame  = header_bytes (u32, big-endian)  body_bytes (u32)  header (JSON)  body (raw bytes)

Down: `Configure Start Wake Sleep ClockUpdate Stop`. Up: `Hello Listening Found InitReady PartReady Asleep Snapshot
Event Noticed Health Stats Bye`. A header says its `kind`; the body is the message's `data`, where it has one. Both
lengths are bounded, nothing is pickled, and every header is validated.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from pydantic import TypeAdapter, ValidationError

from relay.errors import ProtocolError
from relay.links import Emitted, TransformFigures
from relay.model import CopyOffer, DateRange, Init, JsonObject, Part, PushDoor, SourceInfo, StreamFormat, StreamHealth
from relay.timeline import ClockLine

if TYPE_CHECKING:
    import asyncio
    from typing import BinaryIO

LENGTHS: Final = struct.Struct(">II")
MAX_HEADER_BYTES: Final = 64 * 1024
MAX_BODY_BYTES: Final = 32 * 1024 * 1024
"""A two-second segment at 100 Mbit/s is 25 MB, and a part is a tenth of one."""


@dataclass(frozen=True, slots=True)
class Configure:
    """The first word down: which stream this worker is.

    It opens the source at once or, in slate mode, after `hold_source_s`, for `reason`. `settings` is
    `config.StreamSettings` as JSON: credentials travel here, never in an argument or the environment.
    """

    name: str
    settings: JsonObject = field(repr=False)
    clock: ClockLine
    hold_source_s: float = 0.0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Start:
    """Publish this format: each rendition, by its name, from its slot on, which begins a part.

    They differ when a worker died between a part of one and the part of another beside it. A rung that is not named
    sleeps: it is described, and nothing of it is sent before `Wake`. `data` is the newest picture the stream showed
    (JPEG), or empty: what is repeated until the source gives one, or, where it is old (`is_data_old`), the background
    of the slate.
    """

    format: StreamFormat
    next_slots: dict[str, int]
    data: bytes = b""
    is_data_old: bool = False


@dataclass(frozen=True, slots=True)
class Wake:
    """Encode a rung that sleeps: from the oldest segment on that the largest rung's memory has.

    Nothing is made again of what lies before `first_slot`: that was published.
    """

    rendition: str
    first_slot: int


@dataclass(frozen=True, slots=True)
class Sleep:
    """Encode a rung no longer, from the end of its segment on; then say `Asleep`."""

    rendition: str


@dataclass(frozen=True, slots=True)
class ClockUpdate:
    """Follow this line from now on."""

    clock: ClockLine


@dataclass(frozen=True, slots=True)
class Stop:
    """Publish what is complete, say `Bye` and end."""


@dataclass(frozen=True, slots=True)
class Hello:
    """The worker's first word: it is alive."""

    pid: int


@dataclass(frozen=True, slots=True)
class Listening:
    """The stream is pushed to, and from now on the worker takes a push at `door`."""

    door: PushDoor


@dataclass(frozen=True, slots=True)
class Found:
    """What the source sends, once it was opened; `width` and `height` are of the pictures that leave the chain.

    `offer` is there where its pictures can go out as they are, and the settings want that.
    """

    source: SourceInfo
    width: int
    height: int
    offer: CopyOffer | None = None


@dataclass(frozen=True, slots=True)
class InitReady:
    """A rendition's initialization segment, before its first part."""

    init: Init
    data: bytes = b""


@dataclass(frozen=True, slots=True)
class PartReady:
    """One part of one rendition, in order."""

    part: Part
    data: bytes = b""


@dataclass(frozen=True, slots=True)
class Asleep:
    """A rung that was told to sleep is encoded no more; all of it that was whole is sent."""

    rendition: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The newest picture that left the transform chain, as JPEG in `data`. It never shows the slate."""

    time_ns: int
    data: bytes = b""


@dataclass(frozen=True, slots=True)
class Event:
    """Something begins, or is over, that the playlists are to tell of: see `DateRange`."""

    date_range: DateRange


@dataclass(frozen=True, slots=True)
class Noticed:
    """A transform noticed something in a frame. `data` is a picture that left the chain with it (JPEG), or empty."""

    event: Emitted
    data: bytes = b""


@dataclass(frozen=True, slots=True)
class Health:
    """The stream's state changed. `fatal` says that trying the source again cannot help."""

    health: StreamHealth
    fatal: bool = False


@dataclass(frozen=True, slots=True)
class Stats:
    """Counters since the worker started, and gauges of the last second; twice a second, so also the sign of life.

    `transforms` are in the order of the chain; none while there is no chain.
    """

    counters: dict[str, int] = field(default_factory=dict)
    gauges: dict[str, float] = field(default_factory=dict)
    transforms: tuple[TransformFigures, ...] = ()


@dataclass(frozen=True, slots=True)
class Bye:
    """The worker ends on purpose. `error` is why, or empty when it was asked to."""

    error: str = ""
    fatal: bool = False


Message = (
    Configure
    | Start
    | Wake
    | Sleep
    | ClockUpdate
    | Stop
    | Hello
    | Listening
    | Found
    | InitReady
    | PartReady
    | Asleep
    | Snapshot
    | Event
    | Noticed
    | Health
    | Stats
    | Bye
)

_KINDS: Final[dict[str, type[Message]]] = {
    kind.__name__: kind
    for kind in (
        Configure,
        Start,
        Wake,
        Sleep,
        ClockUpdate,
        Stop,
        Hello,
        Listening,
        Found,
        InitReady,
        PartReady,
        Asleep,
        Snapshot,
        Event,
        Noticed,
        Health,
        Stats,
        Bye,
    )
}
_ADAPTERS: Final[dict[str, TypeAdapter[Message]]] = {name: TypeAdapter(kind) for name, kind in _KINDS.items()}


def encode(message: Message) -> bytes:
    """`message` as one frame."""
    body = b""
    match message:
        case InitReady(init, _):
            message, body = InitReady(replace(init, data=b"")), init.data
        case PartReady(part, _):
            message, body = PartReady(replace(part, data=b"")), part.data
        case Start() | Snapshot() | Noticed():
            message, body = replace(message, data=b""), message.data
        case _:
            pass
    kind = type(message).__name__
    header = json.dumps({"kind": kind, **_ADAPTERS[kind].dump_python(message, mode="json")}).encode()
    _check_lengths(len(header), len(body))
    return LENGTHS.pack(len(header), len(body)) + header + body


def decode(header: bytes, body: bytes) -> Message:
    """The message of one frame. Raises `ProtocolError` for anything that is not one."""
    try:
        fields: dict[str, Any] = json.loads(header)
        message = _ADAPTERS[fields.pop("kind")].validate_python(fields)
    except ValidationError as error:
        # Its text quotes what it was given in part, and that may be half of a URL with its password.
        problems = error.errors(include_input=False, include_url=False)
        raise ProtocolError(f"a worker message cannot be read: {problems}") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ProtocolError(f"a worker message cannot be read: {error}") from error
    match message:
        case InitReady(init, _):
            return InitReady(replace(init, data=body))
        case PartReady(part, _):
            return PartReady(replace(part, data=body))
        case Start() | Snapshot() | Noticed():
            return replace(message, data=body)
        case _:
            return message


async def read_async(reader: asyncio.StreamReader) -> Message | None:
    """The next message, or `None` at the end of the stream (also in the middle of a message: the worker died)."""
    from asyncio import IncompleteReadError  # noqa: PLC0415 - the worker reads with threads and does without asyncio

    try:
        header_bytes, body_bytes = LENGTHS.unpack(await reader.readexactly(LENGTHS.size))
        _check_lengths(header_bytes, body_bytes)
        header = await reader.readexactly(header_bytes)
        body = await reader.readexactly(body_bytes)
    except (IncompleteReadError, ConnectionError):
        return None
    return decode(header, body)


def read(stream: BinaryIO) -> Message | None:
    """As `read_async`, from a blocking buffered stream."""
    try:
        lengths = stream.read(LENGTHS.size)
        if len(lengths) < LENGTHS.size:
            return None
        header_bytes, body_bytes = LENGTHS.unpack(lengths)
        _check_lengths(header_bytes, body_bytes)
        header, body = stream.read(header_bytes), stream.read(body_bytes)
    except ConnectionError:
        return None
    if len(header) < header_bytes or len(body) < body_bytes:
        return None
    return decode(header, body)


def _check_lengths(header_bytes: int, body_bytes: int) -> None:
    if header_bytes > MAX_HEADER_BYTES or body_bytes > MAX_BODY_BYTES:
        lengths = f"{header_bytes} + {body_bytes}"
        limits = f"{MAX_HEADER_BYTES} + {MAX_BODY_BYTES}"
        raise ProtocolError(f"a worker message of {lengths} bytes is over the limit of {limits}")
