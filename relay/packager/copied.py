"""Segments of a stream whose pictures are copied, and of the sound beside them: pure.

A segment is one CMAF chunk, since copied streams have no parts. Nothing of what a camera says of decoding times is
used: within a run, the picture that is decoded as the n-th gets the n-th of the times at which pictures are shown, less
the delay that the camera's reordering needs. So decoding times rise, whatever it sends; a picture is decoded before it
is shown; and PROGRAM-DATE-TIME is when the first is shown. The delay is measured behind each discontinuity. Should the
camera reorder more later on, composition offsets become negative, which `trun` of version 1 allows; but FFmpeg's
reader then shows the pictures that much late.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from relay.errors import EncodeError
from relay.model import Part
from relay.packager.boxes import Sample, fragment
from relay.packager.nal import length_prefixed
from relay.timeline import NS_PER_S, SAMPLE_RATE_HZ, SAMPLES_PER_AAC_FRAME, aac_frame_start_ns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from relay.model import AccessUnit
    from relay.packager.cut import Run

COPIED_TIMESCALE: Final = 90_000
"""Ticks a second: what RTP and MPEG-TS count in, so most cameras' times are whole numbers of them."""

MAX_WAITING_FRAMES: Final = 60 * SAMPLE_RATE_HZ // SAMPLES_PER_AAC_FRAME
"""A minute of sound that no segment has asked for: five times the longest segment."""

_SEQUENCE_MODULUS: Final = 1 << 32


@dataclass(frozen=True, slots=True)
class Span:
    """The time that a segment covers, for the renditions beside the one which decided on it."""

    msn: int
    start_ns: int
    end_ns: int
    is_discontinuous: bool


class CopiedPackager:
    """Segments of one video rendition, numbered from `msn` on."""

    def __init__(self, rendition: str, msn: int) -> None:
        self._rendition = rendition
        self._msn = msn
        self._delay = 0

    def add(self, run: Run) -> tuple[Part, Span]:
        """The segment of `run`, and the time that it covers."""
        msn, start, end = self._msn, _ticks(run.start_ns), _ticks(run.end_ns)
        shown = [_ticks(picture.time_ns) for picture in run.pictures]
        decoded = _decoding_times(shown, start)
        end = max(end, decoded[-1] + 1)
        if run.is_discontinuous:
            self._delay = max(0, *(at - shows for at, shows in zip(decoded, shown, strict=True)))
        samples = [
            Sample(length_prefixed(picture.units), picture.is_keyframe, at - begins + self._delay, ends - begins)
            for picture, at, (begins, ends) in zip(run.pictures, shown, pairwise((*decoded, end)), strict=True)
        ]
        self._msn += 1
        part = Part(
            self._rendition,
            msn,
            0,
            start_ticks=start - self._delay,
            duration_ticks=end - start,
            timescale=COPIED_TIMESCALE,
            pdt_ns=run.start_ns,
            is_independent=run.is_independent,
            is_last=True,
            data=fragment(msn % _SEQUENCE_MODULUS, start - self._delay, samples[0].duration_ticks, samples),
            is_discontinuous=run.is_discontinuous,
        )
        return part, Span(msn, run.start_ns, run.end_ns, run.is_discontinuous)


class SpanAudioPackager:
    """Segments of sound beside those of a copied video: each holds the frames that end within the video's time.

    A segment is complete when the frames up to its end have come. Where there are none in all of its time, because
    sound begins later, it is left out.
    """

    def __init__(self) -> None:
        self._spans: deque[Span] = deque()
        self._units: deque[AccessUnit] = deque()
        self._next_frame: int | None = None

    def cut(self, span: Span) -> list[Part]:
        """There is a segment of video; what of the sound is complete by it."""
        self._spans.append(span)
        return self._complete()

    def add(self, unit: AccessUnit) -> list[Part]:
        """Take the next AAC frame; what is complete by it. Raises `EncodeError` for one from before the last."""
        if self._next_frame is not None and unit.dts < self._next_frame:
            raise EncodeError(f"AAC frame {unit.dts} came where {self._next_frame} was next")
        self._next_frame = unit.dts + 1
        self._units.append(unit)
        if len(self._units) > MAX_WAITING_FRAMES:
            self._units.popleft()
        return self._complete()

    def _complete(self) -> list[Part]:
        parts: list[Part] = []
        while self._spans and self._next_frame is not None and self._next_frame >= frames_before(self._spans[0].end_ns):
            part = self._part(self._spans.popleft())
            if part is not None:
                parts.append(part)
        return parts

    def _part(self, span: Span) -> Part | None:
        first, end = frames_before(span.start_ns), frames_before(span.end_ns)
        while self._units and self._units[0].dts < first:
            self._units.popleft()
        units: list[AccessUnit] = []
        while self._units and self._units[0].dts < end and (not units or self._units[0].dts == units[-1].dts + 1):
            units.append(self._units.popleft())
        if not units:
            return None
        frame = units[0].dts
        start = frame * SAMPLES_PER_AAC_FRAME
        samples = [Sample(unit.data, is_sync=True) for unit in units]
        return Part(
            units[0].rendition,
            span.msn,
            0,
            start_ticks=start,
            duration_ticks=len(units) * SAMPLES_PER_AAC_FRAME,
            timescale=SAMPLE_RATE_HZ,
            pdt_ns=aac_frame_start_ns(frame),
            is_independent=True,
            is_last=True,
            data=fragment(span.msn % _SEQUENCE_MODULUS, start, SAMPLES_PER_AAC_FRAME, samples),
            is_discontinuous=span.is_discontinuous,
        )


def frames_before(time_ns: int) -> int:
    """How many AAC frames end at or before `time_ns`: the index of the first that does not."""
    return time_ns * SAMPLE_RATE_HZ // (SAMPLES_PER_AAC_FRAME * NS_PER_S)


def _ticks(time_ns: int) -> int:
    return (time_ns * COPIED_TIMESCALE + NS_PER_S // 2) // NS_PER_S


def _decoding_times(shown: Sequence[int], start: int) -> list[int]:
    """The times of `shown` in order, the first at `start`, each a tick or more after the one before."""
    times: list[int] = []
    for at in sorted(shown):
        times.append(max(at, times[-1] + 1) if times else start)
    return times
