"""Which format a stream is sent in: pure. The format belongs to the stream, not to the camera."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from relay.ladder import choose_ladder
from relay.model import Copied, MediaKind, StreamFormat
from relay.timeline import copied_target, usual_rate

if TYPE_CHECKING:
    from relay.config import StreamSettings
    from relay.model import Init, Latency
    from relay.wire import Found

UNSEEN_SIZE: Final = (1280, 720)
UNSEEN_RATE: Final = Fraction(30)
MAX_WIDTH: Final = 3840
HD_MIN_HEIGHT: Final = 720
"""From this height on, untagged video is BT.709 to every player (Rec. ITU-R BT.709 against BT.601)."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """What is kept of a stream between two runs. `key` names the settings that `format` was found with.

    `seen` says that a camera was ever seen, so that `format` is not the one for streams without.
    """

    format: StreamFormat
    generation: int = 1
    seen: bool = False
    key: str = ""
    last_msn: int | None = None

    def described(self, init: Init) -> Remembered:
        """The same, with what CODECS and VIDEO-RANGE say by `init`, if that is of pictures that are copied."""
        copied = self.format.copied
        if copied is None or init.kind is not MediaKind.VIDEO:
            return self
        copied = replace(copied, codecs=init.codecs, video_range=init.video_range)
        return replace(self, format=replace(self.format, copied=copied))


def settings_key(settings: StreamSettings) -> str:
    """A name for all settings that decide what a probe finds; it holds no credentials."""
    asked = (settings.input_format, settings.input_size, settings.input_rate, settings.video_stream)
    way = () if settings.video == "encode" else (settings.video,)
    parts = (settings.source, settings.transforms, *asked, *way)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def choose_format(
    settings: StreamSettings, latency: Latency, cores: float, found: Found | None, remembered: Remembered | None
) -> tuple[StreamFormat, str]:
    """What to send: settings first, then what was remembered, then what was found, then the format for no camera.

    And why it has the ladder that it has, if that was asked for; `cores` are those that this stream may count on.
    """
    known = remembered.format if remembered and remembered.seen and remembered.key == settings_key(settings) else None
    if known is not None:
        size, rate, matrix = (known.width, known.height), known.rate, known.matrix
    elif found is not None:
        size = even_size(found.width, found.height)
        rate = usual_rate(found.source.rate) if found.source.rate else UNSEEN_RATE
        matrix = found.source.matrix or ("bt709" if size[1] >= HD_MIN_HEIGHT else "smpte170m")
    else:
        size, rate, matrix = UNSEEN_SIZE, UNSEEN_RATE, "bt709"
    width, height = settings.size or size
    rate = settings.rate or rate
    ladder = choose_ladder(settings, width, height, rate, cores)
    chosen = StreamFormat(
        width=width,
        height=height,
        rate=rate,
        audio=settings.audio,
        latency=latency,
        matrix=matrix,
        segment_s=Fraction(settings.segment_s).limit_denominator(1000),
        copied=_choose_copied(found, known),
        ladder=ladder.rungs,
        latency_profile=settings.latency_profile,
        encoder=settings.encoder,
    )
    return chosen, ladder.why


def _choose_copied(found: Found | None, known: StreamFormat | None) -> Copied | None:
    """How pictures are copied, if they are: as before, if what the camera sends now can be cut so."""
    before = known.copied if known else None
    if found is None:
        return before
    if found.offer is None:
        return None
    target_s, is_independent = copied_target(found.offer.longest_gop_s)
    if before is not None and before.codec == found.offer.codec:
        fits = target_s <= before.target_duration_s and (is_independent or not before.is_independent)
        if fits:
            return before
        return replace(before, target_duration_s=target_s, is_independent=is_independent)
    return Copied(found.offer.codec, target_s, is_independent)


def even_size(width: int, height: int) -> tuple[int, int]:
    """The size nearest below that 4:2:0 can hold and that is not above `MAX_WIDTH`."""
    if width > MAX_WIDTH:
        width, height = MAX_WIDTH, height * MAX_WIDTH // width
    return max(64, width // 2 * 2), max(64, height // 2 * 2)
