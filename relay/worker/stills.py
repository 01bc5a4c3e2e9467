"""The few pictures of a copied stream that are decoded or made: snapshots, what an init segment says, and the slate."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import structlog

from relay.decode import decode_keyframe, to_i420
from relay.encode import STILL_RATE, StillEncoder
from relay.errors import EncodeError
from relay.model import VIDEO_RANGES, CodedPicture
from relay.packager import COPIED_TIMESCALE, VideoShape, nal
from relay.timeline import NS_PER_S
from relay.worker.painter import picture_of
from relay.worker.snapshots import Snapshots

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from relay import wire
    from relay.decode import Still
    from relay.model import SourceInfo, StreamFormat, StreamHealth, VideoCodec
    from relay.worker.link import Link
    from relay.worker.painter import SlatePainter

log = structlog.get_logger()

Origin = tuple[int, int, tuple[bytes, ...]]
"""Connection, line of time, parameter sets: pictures of two origins do not follow each other."""

SLATE: Final[Origin] = (-1, 0, ())
SNAPSHOT_EVERY_NS: Final = 5 * NS_PER_S
STILL_STEP_NS: Final = NS_PER_S // STILL_RATE


@dataclass(frozen=True, slots=True)
class CameraPicture:
    """A picture of the camera and where it is from."""

    picture: CodedPicture
    origin: Origin
    codec: VideoCodec
    info: SourceInfo


class CameraView:
    """What the camera shows, looked at in one keyframe every few seconds."""

    def __init__(self, stream: StreamFormat, link: Link) -> None:
        self._format = stream
        self._keyframe: CameraPicture | None = None
        self._snapshots = Snapshots(link, SNAPSHOT_EVERY_NS)

    def look(self, item: CameraPicture, now_ns: int) -> None:
        """Take note of a keyframe, and make a snapshot of it if it is time."""
        self._keyframe = item
        if self._snapshots.is_due(now_ns) and (i420 := self.picture()) is not None:
            self._snapshots.send(i420, item.picture.time_ns, self._format.matrix)

    def picture(self) -> NDArray[np.uint8] | None:
        """The last keyframe as I420, if there was one that can be decoded."""
        still = self._decode(self._keyframe) if self._keyframe else None
        return None if still is None else to_i420(still.frame, self._format.matrix, still.sample_aspect)

    def describe(self, first: CodedPicture) -> tuple[VideoShape, bytes]:
        """What the init segment of `first` says, a keyframe, and that with its parameter sets (Annex B)."""
        item = self._keyframe
        if item is None:
            raise EncodeError("a segment of the camera came before its first keyframe")
        still = decode_keyframe(item.codec, keyframe := nal.byte_stream(first.units))
        shape = VideoShape(item.codec, item.info.width, item.info.height, self._format.rate, COPIED_TIMESCALE)
        if still is not None:
            light = VIDEO_RANGES.get(still.transfer, "SDR")
            shape = replace(shape, width=still.frame.width, height=still.frame.height, video_range=light)
        return shape, keyframe

    @staticmethod
    def _decode(item: CameraPicture) -> Still | None:
        return decode_keyframe(item.codec, nal.byte_stream(item.picture.units))


class SlateSource:
    """Slate pictures in the camera's codec, profile and size, one after the other from `begin` on.

    `has_failed` says that there can be none: then an outage is a hole, as it would be for the camera's own viewers.
    """

    def __init__(self, start: wire.Start, painter: SlatePainter, codec: VideoCodec, keyframe_every_ns: int) -> None:
        self.next_ns = 0
        self.keyframe = b""
        self.has_failed = False
        self._painter = painter
        self._format = start.format
        self._codec = codec
        self._keyframe_every_ns = keyframe_every_ns
        self._base = picture_of(start)
        self._encoder: StillEncoder | None = None
        self._keyframe_ns: int | None = None
        self._since_ns = 0

    @property
    def shape(self) -> VideoShape:
        """What its init segment says."""
        stream = self._format
        return VideoShape(self._codec, stream.width, stream.height, stream.rate, COPIED_TIMESCALE)

    def begin(self, at_ns: int, camera: CameraView, codecs: str) -> None:
        """The camera is away since `at_ns`; `codecs` is what its pictures are called.

        Every slate has the same parameter sets then, so players have its init.
        """
        self._since_ns = at_ns
        last = camera.picture()
        self._base = self._base if last is None else last
        self._painter.forget()
        self.skip(at_ns)
        try:
            self._encoder = StillEncoder(self._codec, self._format.width, self._format.height, codecs)
        except EncodeError as error:
            self._fail(error)

    def skip(self, to_ns: int) -> None:
        """Go on at `to_ns`, with a keyframe."""
        self.next_ns, self._keyframe_ns = to_ns, None

    def next_picture(self, health: StreamHealth) -> CodedPicture | None:
        """The picture at `next_ns`, as `health` has it; `None` where it cannot be made."""
        time_ns = self.next_ns
        self.next_ns += STILL_STEP_NS
        is_keyframe = self._keyframe_ns is None or time_ns - self._keyframe_ns >= self._keyframe_every_ns
        if self._encoder is None:
            return None
        image = self._painter.paint(health, self._since_ns, self._base)
        try:
            data = self._encoder.encode(image, is_keyframe=is_keyframe)
        except EncodeError as error:
            self._fail(error)
            return None
        units = nal.split_units(data, 0)
        if is_keyframe:
            self._keyframe_ns = time_ns
            self.keyframe = data
        sets = nal.parameter_sets(units, self._codec)
        return CodedPicture(time_ns, nal.is_keyframe(units, self._codec), nal.sample_units(units, self._codec, sets))

    def _fail(self, error: EncodeError) -> None:
        self.has_failed = True
        log.error("there is no slate", error=str(error))
