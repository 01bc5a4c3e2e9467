"""How the pictures of a file are encoded: what a user may choose, and what FFmpeg's encoder is told of it. Pure.

Live, an encoder has to give each picture at once and keep to a rate in every half second (`encode/encoders.py`); here
it may look ahead as far as it likes, and is told no more than `ffmpeg` is by those who want a file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from relay.encode.encoders import SVT_PRESETS
from relay.errors import ConfigError
from relay.ladder import PRESET

if TYPE_CHECKING:
    from relay.model import EncodedCodec, Preset

_DEFAULT_CRF: Final[dict[EncodedCodec, int]] = {"h264": 23, "hevc": 28, "av1": 35}
"""What x264, x265 and FFmpeg's SVT-AV1 take where nobody says."""

_WORST_CRF: Final[dict[EncodedCodec, int]] = {"h264": 51, "hevc": 51, "av1": 63}
_KBPS: Final = (64, 100_000)


@dataclass(frozen=True, slots=True)
class Encoding:
    """A codec, and how good or how large: `crf` (smaller is better) or `bitrate_kbps`; raises `ConfigError`."""

    codec: EncodedCodec = "h264"
    crf: int | None = None
    bitrate_kbps: int | None = None
    preset: Preset = PRESET

    def __post_init__(self) -> None:
        if self.crf is not None and self.bitrate_kbps is not None:
            raise ConfigError("--crf asks for a quality and --bitrate for a size: give one of them")
        worst = _WORST_CRF[self.codec]
        if self.crf is not None and not 0 <= self.crf <= worst:
            raise ConfigError(f"--crf {self.crf}: for {self.codec} it lies between 0 (best) and {worst}")
        least, most = _KBPS
        if self.bitrate_kbps is not None and not least <= self.bitrate_kbps <= most:
            raise ConfigError(f"--bitrate {self.bitrate_kbps}: it lies between {least} and {most} kbit/s")

    @property
    def encoder(self) -> str:
        """FFmpeg's name of what encodes."""
        return {"h264": "libx264", "hevc": "libx265", "av1": "libsvtav1"}[self.codec]

    @property
    def options(self) -> dict[str, str]:
        """What it is told, in FFmpeg's words."""
        options = {"preset": str(SVT_PRESETS[self.preset]) if self.codec == "av1" else self.preset}
        if self.bitrate_kbps is not None:
            options["b"] = str(self.bitrate_kbps * 1000)
        else:
            options["crf"] = str(_DEFAULT_CRF[self.codec] if self.crf is None else self.crf)
        if self.codec == "hevc":
            options["x265-params"] = "log-level=error:info=0"  # else it writes to standard error, past everybody
        return options

    @property
    def words(self) -> str:
        """For messages: `libx264, crf 23, veryfast`."""
        wish = f"{self.bitrate_kbps} kbit/s" if self.bitrate_kbps is not None else f"crf {self.options['crf']}"
        return f"{self.encoder}, {wish}, {self.preset}"
