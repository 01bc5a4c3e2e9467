"""The values that travel between the stages: frozen, slotted, picklable, and free of any library of media or pixels.

    Picture ──encode──> AccessUnit ──packager──> Init, Part ──playlist──> what viewers fetch

Times of the wall clock are integers of nanoseconds since the Unix epoch (`_ns`); positions on the output grid are slots
(video) or AAC frames (audio), both counted from the epoch, see `timeline`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from relay.links import TransformFigures

JsonObject = dict[str, Any]
Matrix = Literal["bt709", "smpte170m"]
"""The YCbCr matrix of a picture, by its name in ISO/IEC 23091-2. Pictures are limited range everywhere in here."""

MATRICES: Final[dict[int, Matrix]] = {1: "bt709", 5: "smpte170m", 6: "smpte170m"}
"""By MatrixCoefficients of ISO/IEC 23091-2 §8.3, those that cameras use."""

VideoRange = Literal["SDR", "HLG", "PQ"]
"""How the light of pictures is told, as VIDEO-RANGE names it. What is encoded here is SDR."""

VIDEO_RANGES: Final[dict[int, VideoRange]] = {16: "PQ", 18: "HLG"}
"""By TransferCharacteristics of ISO/IEC 23091-2 §8.2, as RFC 8216bis §4.4.6.2 has it; all others are SDR."""


class Latency(StrEnum):
    """How long parts are: 0.2 s (`lan`), or 0.5 s for round trips over 100 ms (`internet`)."""

    LAN = "lan"
    INTERNET = "internet"


class LatencyProfile(StrEnum):
    """What encoder and playlist together trade for how far behind the camera viewers are.

    `low`: parts, and each picture is encoded as it comes. `balanced`: parts, and the encoder looks some pictures ahead.
    `quality`: whole segments alone, and pictures that refer to later ones (B-frames).
    """

    LOW = "low"
    BALANCED = "balanced"
    QUALITY = "quality"


class MediaKind(StrEnum):
    """What a rendition carries; also the name of the only one of its kind, and of a ladder's largest in H.264."""

    VIDEO = "video"
    AUDIO = "audio"


VideoCodec = Literal["h264", "hevc"]
"""What HLS carries of what cameras send, by FFmpeg's names: Rec. ITU-T H.264 and H.265."""

EncodedCodec = Literal["h264", "hevc", "av1"]
"""What pictures are encoded in: every player plays H.264; the others cost more work, and less of a line."""

EncoderChoice = Literal["auto", "software", "nvenc", "qsv", "amf", "v4l2m2m"]
"""What encodes: the processor, or hardware by the name of its interface; `auto` takes what of it works here."""


@dataclass(frozen=True, slots=True)
class Copied:
    """How a stream is cut whose pictures go out as the camera coded them: at its keyframes, into whole segments.

    No segment is longer than `target_duration_s`. `is_independent` says that each begins with a keyframe: not so where
    the camera's keyframes are further apart than that. `codecs` is what CODECS said last, for a slate of the same kind,
    and `video_range` what VIDEO-RANGE said; they are learned behind the rest, and make no other format.
    """

    codec: VideoCodec
    target_duration_s: int
    is_independent: bool = True
    codecs: str = field(default="", compare=False)
    video_range: VideoRange = field(default="SDR", compare=False)


@dataclass(frozen=True, slots=True)
class CopyOffer:
    """What a camera sends that can go out as it is: its codec, and its longest distance of keyframes of late."""

    codec: VideoCodec
    longest_gop_s: float = 0.0


Preset = Literal["ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow"]
"""x264's and x265's, from the least work to the most; AV1's encoder has numbers in their place."""

Profile = Literal["baseline", "main", "high"]
"""Of H.264 (Rec. ITU-T H.264 Annex A), those that players know."""


@dataclass(frozen=True, slots=True)
class Rung:
    """One video rendition of an encoded stream: what its pictures are, and how they are encoded.

    `width` and `height` are even; `rate` is a whole fraction of the stream's. Without a `profile`, which only H.264
    has, the encoder takes its own. A hardware encoder has no use for `preset`.
    """

    name: str
    width: int
    height: int
    rate: Fraction
    bitrate_kbps: int
    preset: Preset = "veryfast"
    profile: Profile | None = None
    codec: EncodedCodec = "h264"

    @property
    def text(self) -> str:
        """For the log: `video-480p 854x480 at 30/s, 1350 kbit/s`."""
        return f"{self.name} {self.width}x{self.height} at {float(self.rate):.5g}/s, {self.bitrate_kbps} kbit/s"


@dataclass(frozen=True, slots=True)
class StreamFormat:
    """What a stream sends for the whole of a generation, whatever its camera does.

    `rate` is exact (30000/1001, 12.5); `width` and `height` are even; audio is always 48 kHz stereo. Where pictures are
    copied, size and rate are the slate's, and what the camera was first seen with. `ladder` is what is made of those
    pictures: H.264 first, then the other codecs, and of each the largest first; empty where that is one rendition of
    their own size and rate. `encoder` belongs to it, because another one writes other parameter sets.
    """

    width: int
    height: int
    rate: Fraction
    audio: bool
    latency: Latency
    matrix: Matrix = "bt709"
    segment_s: Fraction = Fraction(2)
    copied: Copied | None = None
    ladder: tuple[Rung, ...] = ()
    latency_profile: LatencyProfile = LatencyProfile.LOW
    encoder: EncoderChoice = "software"

    @property
    def renditions(self) -> dict[str, MediaKind]:
        """All that is sent, by name: pictures, the largest of H.264 first, and then sound."""
        names = [rung.name for rung in self.ladder] or [MediaKind.VIDEO.value]
        kinds = dict.fromkeys(names, MediaKind.VIDEO)
        return kinds | {MediaKind.AUDIO.value: MediaKind.AUDIO} if self.audio else kinds


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """What a source says of itself when it is opened; `None` or 0 where it does not say.

    `rotation`, in degrees counter-clockwise, and `is_interlaced` are what its decoder says of pictures as they come;
    who decodes them mends both.
    """

    width: int
    height: int
    rate: Fraction | None
    video_codec: str
    pixel_format: str
    matrix: Matrix | None
    audio_codec: str | None
    audio_sample_rate: int
    audio_channels: int
    rotation: int = 0
    is_interlaced: bool = False


LOOPBACK: Final = "127.0.0.1"
"""Where a `PushDoor` is."""

PUSH_WELCOME: Final = b"+"
"""What a worker answers once it has taken a connection at its `PushDoor`."""


@dataclass(frozen=True, slots=True)
class PushDoor:
    """Where on loopback a worker takes what is pushed to its stream, and the secret that opens it."""

    port: int
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture for one slot: planar 4:2:0 (I420), limited range.

    `i420` is a C-contiguous `uint8` array of shape `(height * 3 // 2, width)`: `height` rows of Y, then U and V, each
    of `height // 2` rows of `width // 2` samples, packed. `time_ns` is the capture time, `slot` the place on the grid.
    """

    slot: int
    time_ns: int
    i420: NDArray[np.uint8]

    @property
    def width(self) -> int:
        """Columns of the luma plane."""
        return int(self.i420.shape[1])

    @property
    def height(self) -> int:
        """Rows of the luma plane."""
        return int(self.i420.shape[0]) * 2 // 3


@dataclass(frozen=True, slots=True)
class AccessUnit:
    """One coded picture (H.264 or H.265, Annex B; AV1, a temporal unit) or one AAC frame (raw, without ADTS).

    `pts` and `dts` are in slots for video and in AAC frames for audio, both counted from the epoch. `dts` is no later
    than `pts`: where pictures are moved, it is the order of decoding, begun as many slots earlier as that takes.
    """

    rendition: str
    pts: int
    dts: int
    is_idr: bool
    data: bytes
    codec: EncodedCodec | Literal["aac"] = "h264"


@dataclass(frozen=True, slots=True)
class CodedPicture:
    """One coded picture that is passed on as it came, in decoding order; `time_ns` is when it is to be shown.

    `units` are its NAL units without start codes or lengths.
    """

    time_ns: int
    is_keyframe: bool
    units: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Init:
    """A rendition's initialization segment and all that the multivariant playlist says of it.

    `codecs` is the RFC 6381 name read from the parameter sets; `bandwidth` and `average_bandwidth` are bits/s as RFC
    8216 §4.3.4.2 defines them; `width`, `height` and `rate` are 0 for audio, `channels` 0 for video. `video_range` is
    that of its pictures, and of all that are listed beside them.
    """

    rendition: str
    kind: MediaKind
    data: bytes
    codecs: str
    timescale: int
    bandwidth: int
    average_bandwidth: int
    width: int = 0
    height: int = 0
    rate: Fraction = Fraction(0)
    channels: int = 0
    video_range: VideoRange = "SDR"


@dataclass(frozen=True, slots=True)
class Part:
    """One CMAF chunk (`moof` + `mdat`) of a rendition: part `index` of segment `msn`.

    `start_ticks` is its `tfdt` and `duration_ticks` the sum of its samples, both in `timescale`; `pdt_ns` is the
    wall-clock time of what is shown first. `is_last` says that it completes its segment, `is_discontinuous` that its
    segment does not continue what was before.
    """

    rendition: str
    msn: int
    index: int
    start_ticks: int
    duration_ticks: int
    timescale: int
    pdt_ns: int
    is_independent: bool
    is_last: bool
    data: bytes
    is_discontinuous: bool = False

    @property
    def duration_s(self) -> Fraction:
        """The exact duration in seconds."""
        return Fraction(self.duration_ticks, self.timescale)


@dataclass(frozen=True, slots=True)
class DateRange:
    """Something that happened, or goes on, while the stream is sent: what EXT-X-DATERANGE says of it.

    `id` is never used for anything else. `end_ns` is `None` while it goes on. `attributes` are by names that begin with
    `X-`: texts, or numbers of 0 and more. `caption` is what is read meanwhile, in a stream that has captions; empty for
    what is only told.
    """

    id: str
    start_ns: int
    class_name: str = ""
    end_ns: int | None = None
    attributes: dict[str, str | float] = field(default_factory=dict)
    caption: str = ""


class StreamState(StrEnum):
    """What an owner is told about a stream."""

    CONNECTING = "connecting"
    LIVE = "live"
    STALLED = "stalled"
    OFFLINE = "offline"
    SLATE = "slate"
    CLOCK = "clock"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class StreamHealth:
    """A stream's state, since when, and why in plain words (empty while it is live).

    `reason` is for everybody who watches, `detail` for the owner's log alone: it names addresses, files and code.
    """

    state: StreamState
    since_ns: int
    reason: str = ""
    detail: str = ""


class Quality(StrEnum):
    """How good the connection to the camera is, in one word; `supervisor.health` says what makes which."""

    GOOD = "good"
    FAIR = "fair"
    POOR = "poor"
    LOST = "lost"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class StreamFigures:
    """How well a stream does. Frames are counted since the relay's start, `_1h` in the last hour.

    `delay_ms` is what each stage adds between capture and the moment at which viewers can fetch: receive, decode,
    transform, encode, package, publish.
    """

    quality: Quality = Quality.UNKNOWN
    fps_in: float = 0.0
    fps_out: float = 0.0
    repeated_frames: int = 0
    dropped_frames: int = 0
    jitter_ms: float = 0.0
    reconnects_1h: int = 0
    stalls_1h: int = 0
    delay_ms: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StreamStatus:
    """All that API, metrics and pages say of a stream's camera side. `counters` only ever grow; `gauges` are of now.

    `transforms` are in the order of the chain.
    """

    name: str
    generation: int
    format: StreamFormat | None
    health: StreamHealth
    counters: dict[str, int]
    gauges: dict[str, float]
    figures: StreamFigures = field(default_factory=StreamFigures)
    is_on_demand: bool = False
    transforms: tuple[TransformFigures, ...] = ()
