"""T1, where pictures are copied: whether this source's can be, and its packets taken apart for `copied.CopyLine`.

    source ──wants, sees──> no: it is decoded   take: packets ──> probe (the first time) ──> line

The first time, the longest distance of keyframes is looked for, since target duration rests on it. What is found is
told to the supervisor, which decides on the stream's format and remembers it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import structlog

from relay import wire
from relay.encode import can_encode_still
from relay.errors import SourceUnsupportedError
from relay.model import CodedPicture, CopyOffer
from relay.packager import nal
from relay.source.passable import CODECS, why_not_copied
from relay.timeline import NS_PER_S
from relay.worker.stills import CameraPicture

if TYPE_CHECKING:
    from collections.abc import Callable

    from relay.config import StreamSettings
    from relay.decode import CopiedVideo
    from relay.model import SourceInfo, StreamFormat, VideoCodec
    from relay.worker.board import Board
    from relay.worker.copied import CopyLine

log = structlog.get_logger()

PROBE_NS: Final = 10_500_000_000
"""How long keyframes are watched: a little over ten seconds, which is what `auto` does not copy."""


class GopMeter:
    """The longest distance of keyframes among pictures in the order they came, as far as it was seen. Pure."""

    def __init__(self) -> None:
        self.first_ns: int | None = None
        self._longest_ns = 0
        self._keyframe_ns = 0
        self._newest_ns = 0

    @property
    def seen_ns(self) -> int:
        """For how long it has looked."""
        return 0 if self.first_ns is None else self._newest_ns - self.first_ns

    @property
    def longest_ns(self) -> int:
        """The longest distance that was seen, be it that it has not ended yet."""
        return max(self._longest_ns, self._newest_ns - self._keyframe_ns)

    @property
    def expected_ns(self) -> int:
        """The longest to reckon with: of one that has not ended and is the longest already, twice what was seen."""
        unfinished_ns = self._newest_ns - self._keyframe_ns
        return self._longest_ns if unfinished_ns <= self._longest_ns else 2 * unfinished_ns

    def add(self, time_ns: int, *, is_keyframe: bool) -> None:
        """Take note of a picture."""
        if self.first_ns is None:
            self.first_ns = self._keyframe_ns = self._newest_ns = time_ns
        self._newest_ns = max(self._newest_ns, time_ns)
        if is_keyframe:
            self._longest_ns = max(self._longest_ns, time_ns - self._keyframe_ns)
            self._keyframe_ns = time_ns


@dataclass(slots=True)
class _Connection:
    """What is known of a source that is copied, from its opening on."""

    number: int
    info: SourceInfo
    codec: VideoCodec
    is_probing: bool
    sets: tuple[bytes, ...] = ()
    known_extradata: bytes | None = None
    length_bytes: int = 0
    meter: GopMeter = field(default_factory=GopMeter)

    def offer(self, longest_gop_s: float = 0.0) -> wire.Found:
        """What the supervisor is told of it."""
        return wire.Found(self.info, self.info.width, self.info.height, CopyOffer(self.codec, longest_gop_s))


class Passthrough:
    """The `decode.CopyTaker` of one camera. `line` and `format` are set by the thread that obeys the supervisor."""

    def __init__(self, settings: StreamSettings, board: Board, announce: Callable[[wire.Found], None]) -> None:
        self.line: CopyLine | None = None
        self.format: StreamFormat | None = None
        self._settings = settings
        self._board = board
        self._announce = announce
        self._connections = 0
        self._connection: _Connection | None = None
        self._has_been_too_far_apart = False

    def wants(self, info: SourceInfo) -> bool:
        """Whether this source's packets are to be passed on. Raises `SourceUnsupportedError` where they have to be.

        Keyframes that were too far apart are not watched again: viewers would see ten seconds of slate each time that
        the camera comes back, and the supervisor has decided for encoding, which its next workers are told.
        """
        if self._settings.video == "encode" or self._has_been_too_far_apart:
            return False
        why_not = why_not_copied(self._settings, info)
        codec = CODECS.get(info.video_codec)
        if codec is not None and not why_not and not can_encode_still(codec):
            why_not = f"there is no encoder for {codec} here, and so no slate for when the camera is away"
        if codec is None or why_not:
            self._refuse(why_not)
            return False
        copied = self.format.copied if self.format else None
        is_known = copied is not None and copied.codec == codec
        self._connections += 1
        self._connection = _Connection(self._connections, info, codec, is_probing=not is_known)
        if is_known:
            self._announce(self._connection.offer())
        return True

    @property
    def has_to_see(self) -> bool:
        """`auto` leaves alone what is turned or interlaced, which the camera itself does not announce."""
        return self._settings.video == "auto"

    def sees(self, info: SourceInfo) -> bool:
        """Whether the source is passed on, now that its first picture was looked at."""
        why_not = why_not_copied(self._settings, info)
        if why_not:
            self._refuse(why_not)
        return not why_not

    def take(self, copied: CopiedVideo) -> bool:
        """Take a packet apart and pass it on. `False`: this source is to be decoded after all."""
        connection = self._connection
        if connection is None:
            return False
        if copied.extradata != connection.known_extradata:
            connection.known_extradata = copied.extradata
            self._learn(connection, copied.extradata)
        codec = connection.codec
        units = nal.split_units(copied.data, connection.length_bytes)
        is_keyframe = nal.is_keyframe(units, codec)
        if is_keyframe:
            connection.sets = nal.parameter_sets(units, codec, before=connection.sets)
        connection.meter.add(copied.time_ns, is_keyframe=is_keyframe)
        if not self._is_still_wanted(connection):
            return False
        sets = connection.sets
        media = nal.sample_units(units, codec, sets)
        if self.line is not None and media and nal.has_all_sets(sets, codec):
            picture = CodedPicture(copied.time_ns, is_keyframe, media)
            self.line.put(CameraPicture(picture, (connection.number, copied.line, sets), codec, connection.info))
        return True

    def gop_is_longer(self, seconds: float) -> None:
        """A segment had to be cut where there was no keyframe, although the format says that there always is one."""
        log.warning("keyframes are further apart than they were", seconds=round(seconds, 1))
        if self._connection is not None:
            self._announce(self._connection.offer(seconds))

    def _learn(self, connection: _Connection, extradata: bytes) -> None:
        try:
            connection.sets, connection.length_bytes = nal.configuration(extradata, connection.codec)
        except ValueError as error:
            self._board.count("bad_configurations")
            log.warning("the camera's parameter sets cannot be read", error=str(error))

    def _is_still_wanted(self, connection: _Connection) -> bool:
        """By what its keyframes are like. When they were watched for long enough, what is sent is known: offer it."""
        meter = connection.meter
        if not connection.is_probing:
            return self._settings.video != "auto" or not self._is_too_far_apart(connection)
        if meter.seen_ns < PROBE_NS:
            return True
        connection.is_probing = False
        if self._is_too_far_apart(connection):
            return False
        longest_s = meter.expected_ns / NS_PER_S
        log.info("copied", video=connection.codec, longest_gop_s=round(longest_s, 2))
        self._announce(connection.offer(longest_s))
        return True

    def _is_too_far_apart(self, connection: _Connection) -> bool:
        why_not = why_not_copied(self._settings, connection.info, connection.meter.longest_ns / NS_PER_S)
        if why_not:
            self._refuse(why_not)
            self._has_been_too_far_apart = True
        return bool(why_not)

    def _refuse(self, why: str) -> None:
        if self._settings.video == "copy":
            raise SourceUnsupportedError(
                f'{why}: the pictures cannot be copied; set video = "auto", or leave it out to have them encoded'
            )
        log.info("not copied, but encoded", reason=why)
