"""The containers that a film can be written to, chosen by the ending of its name, and what each can carry. Pure.

A codec of sound is listed where players expect it in that container, which is less than FFmpeg would write: Opus in a
MOV, or G.711 in an MP4, is a file that plays without sound; nor does FFmpeg say that it writes G.711 to Matroska.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from relay.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from fractions import Fraction
    from pathlib import Path

    from relay.model import EncodedCodec

_ISO: Final = frozenset({"mp4", "mov"})
_LEAST_TICKS_PER_S: Final = 1000


@dataclass(frozen=True, slots=True)
class ContainerKind:
    """One container. `muxer` and the codecs are FFmpeg's names; sound in one of `audio` is copied, other is encoded."""

    muxer: str
    video: frozenset[EncodedCodec]
    audio: frozenset[str]

    @property
    def wants_hvc1(self) -> bool:
        """Whether H.265 is to be called `hvc1` (ISO/IEC 14496-15 §8.4.1): QuickTime knows it by no other name."""
        return self.muxer in _ISO

    def options(self, time_base: Fraction) -> dict[str, str]:
        """What the muxer is told, of a film with these ticks.

        MP4 and MOV tell in ticks of the movie where a track begins, and FFmpeg's are milliseconds.
        """
        if self.muxer not in _ISO:
            return {}
        ticks_per_s = time_base.denominator
        return {"movie_timescale": str(ticks_per_s * math.ceil(_LEAST_TICKS_PER_S / ticks_per_s))}


_PCM_LITTLE: Final = frozenset({"pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f32le"})
_PCM_BIG: Final = frozenset({"pcm_s16be", "pcm_s24be", "pcm_s32be"})
_G711: Final = frozenset({"pcm_alaw", "pcm_mulaw"})
_ANY_VIDEO: Final[frozenset[EncodedCodec]] = frozenset({"h264", "hevc", "av1"})
_NOT_AV1: Final[frozenset[EncodedCodec]] = frozenset({"h264", "hevc"})

KINDS: Final[Mapping[str, ContainerKind]] = {
    ".mp4": ContainerKind("mp4", _ANY_VIDEO, frozenset({"aac", "mp3", "ac3", "eac3", "alac", "flac", "opus"})),
    ".mkv": ContainerKind(
        "matroska",
        _ANY_VIDEO,
        frozenset({"aac", "mp2", "mp3", "ac3", "eac3", "dts", "truehd", "alac", "flac", "opus", "vorbis"})
        | _PCM_LITTLE
        | _PCM_BIG,
    ),
    ".mov": ContainerKind(
        "mov", _NOT_AV1, frozenset({"aac", "mp3", "ac3", "eac3", "alac"}) | _PCM_LITTLE | _PCM_BIG | _G711
    ),
    ".ts": ContainerKind("mpegts", _NOT_AV1, frozenset({"aac", "mp2", "mp3", "ac3", "eac3", "dts", "opus"})),
}
"""By the ending of the file's name."""


def container_of(target: Path, codec: EncodedCodec) -> ContainerKind:
    """The container of a file with this name. Raises `ConfigError` for an ending, or a codec, that is not made."""
    ending = target.suffix.lower()
    if ending not in KINDS:
        what = f"ends in {ending}" if ending else "has no ending"
        raise ConfigError(f"{target}: the container follows from the name, and this {what}: use {', '.join(KINDS)}")
    if codec not in KINDS[ending].video:
        possible = ", ".join(other for other, kind in KINDS.items() if codec in kind.video)
        raise ConfigError(f"{target}: {ending} carries no {codec}: use {possible}, or another --codec")
    return KINDS[ending]
