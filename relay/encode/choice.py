"""Which encoder encodes a rendition: hardware where that is asked for and works here, else the processor.

    candidates ──trial: works?──> the first that does ──open──> Coder
                    no, or it cannot be opened: the next; the last is software

What FFmpeg was built with says nothing of what a machine has, and what a driver says of itself little of what it does.
So hardware has to encode some pictures first, at the stream's size and with the options that it is to have, and what
comes out has to be decodable: an IDR picture where one was asked for and nowhere else, each slot once, and the pictures
that went in. What was found holds for this process and all renditions: a worker that takes over finds it out again.
"""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import av
import numpy as np
import structlog

from relay.encode.coder import Coder
from relay.encode.encoders import candidates
from relay.errors import EncodeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from relay.encode.encoders import Encoder
    from relay.model import AccessUnit, EncodedCodec, Rung, StreamFormat

    Trial = Callable[[Encoder, StreamFormat, Rung], str]

log = structlog.get_logger()

_TRIAL_LUMAS: Final = (60, 60, 60, 180, 180, 180)
"""Of the pictures that are tried: an IDR picture is asked for where the grey changes, and at the first."""

_DECODERS: Final[dict[EncodedCodec, str]] = {"h264": "h264", "hevc": "hevc", "av1": "libdav1d"}
"""Of software, by FFmpeg's names: what it calls `av1` needs hardware."""

_NEAR: Final = 12.0
"""How far a flat grey may come out from what it was: eight bits of luma."""


def why_it_fails(encoder: Encoder, stream: StreamFormat, rung: Rung) -> str:
    """Why `encoder` cannot be used for renditions like `rung`; empty where it can."""
    try:
        coder = Coder(encoder, stream, rung)
        units = _encode_some(coder, rung)
        coder.close()
        return _fault(units) or _difference(units, rung)
    except (EncodeError, av.FFmpegError, ValueError) as error:
        return str(error)


class Choice:
    """What was found out in this process. Renditions that start together ask from threads of their own."""

    def __init__(self, trial: Trial = why_it_fails) -> None:
        self._trial = trial
        self._lock = threading.Lock()
        self._why_not: dict[str, str] = {}
        self._warned: set[str] = set()

    def open(self, stream: StreamFormat, rung: Rung) -> tuple[Encoder, Coder]:
        """The encoder of `rung`, ready. Raises `EncodeError` where not even software encodes it."""
        *hardware, software = candidates(stream, rung)
        # At the stream's size and in the usual profile: what is small or rare is refused by some that do the rest.
        usual = replace(rung, width=stream.width, height=stream.height, profile=None)
        reasons = {}
        for encoder, tried in zip(hardware, candidates(stream, usual), strict=False):
            why_not = self._why(tried, stream, usual)
            if not why_not:
                try:
                    return encoder, Coder(encoder, stream, rung)
                except EncodeError as error:  # it works, but not at this size, or not so often
                    why_not = str(error)
            reasons[encoder.name] = why_not
        if stream.encoder not in {"auto", "software"}:
            self._warn(stream.encoder, rung, "; ".join(reasons.values()) or f"it encodes no {rung.codec}")
        return software, Coder(software, stream, rung)

    def _why(self, encoder: Encoder, stream: StreamFormat, rung: Rung) -> str:
        """Why `encoder` is of no use for renditions like `rung`: found out once."""
        with self._lock:
            if encoder.name not in self._why_not:
                began_s = time.monotonic()
                why = self._trial(encoder, stream, rung)
                self._why_not[encoder.name] = why
                took_ms = round((time.monotonic() - began_s) * 1000)
                if why:
                    log.debug("this hardware does not encode here", encoder=encoder.name, reason=why, took_ms=took_ms)
                else:
                    log.info("hardware encodes", encoder=encoder.name, took_ms=took_ms)
            return self._why_not[encoder.name]

    def _warn(self, asked: str, rung: Rung, reason: str) -> None:
        with self._lock:
            is_news = rung.name not in self._warned
            self._warned.add(rung.name)
        if is_news:
            log.warning(
                "the encoder that was asked for does not work: the processor encodes",
                encoder=asked,
                rendition=rung.name,
                reason=reason,
            )


def _encode_some(coder: Coder, rung: Rung) -> list[AccessUnit]:
    units = []
    for slot, luma in enumerate(_TRIAL_LUMAS):
        i420 = np.full((rung.height * 3 // 2, rung.width), 128, np.uint8)
        i420[: rung.height] = luma
        units += coder.encode(i420, slot, is_idr=_is_idr(slot))
    return units + coder.flush()


def _is_idr(slot: int) -> bool:
    return slot == 0 or _TRIAL_LUMAS[slot] != _TRIAL_LUMAS[slot - 1]


def _fault(units: list[AccessUnit]) -> str:
    """What is wrong with their times and kinds."""
    slots = [unit.pts for unit in units]
    if slots != list(range(len(_TRIAL_LUMAS))):
        return f"{len(_TRIAL_LUMAS)} pictures went in, and these slots came out: {slots}"
    if moved := [unit.pts for unit in units if unit.dts != unit.pts]:
        return f"the pictures of the slots {moved} are decoded at another time than they are shown"
    if wrong := [unit.pts for unit in units if unit.is_idr is not _is_idr(unit.pts)]:
        return f"there are IDR pictures where none were asked for, or the other way round: slots {wrong}"
    return ""


def _difference(units: list[AccessUnit], rung: Rung) -> str:
    """Whether a decoder that begins with the first shows what went in: it needs its parameter sets in front."""
    decoder = av.CodecContext.create(_DECODERS[rung.codec], "r")
    if not isinstance(decoder, av.VideoCodecContext):
        return f"there is no decoder for {rung.codec} to look at it with"
    frames = [frame for unit in units for frame in decoder.decode(av.Packet(unit.data))] + decoder.decode(None)
    shown = [float(frame.to_ndarray()[: rung.height].mean()) for frame in frames]
    if len(shown) != len(_TRIAL_LUMAS):
        return f"of {len(_TRIAL_LUMAS)} pictures {len(shown)} can be decoded"
    if any(abs(luma - went_in) > _NEAR for luma, went_in in zip(shown, _TRIAL_LUMAS, strict=True)):
        return f"pictures of the greys {_TRIAL_LUMAS} came out as {[round(luma) for luma in shown]}"
    return ""
