"""The worker itself: wires the stages, obeys the supervisor, and reports twice a second."""

from __future__ import annotations

import contextvars
import itertools
import math
import os
import threading
import time
from typing import TYPE_CHECKING, Final

import av
import cv2
import structlog
from pydantic import ValidationError

from relay import wire
from relay.config import StreamSettings
from relay.decode import Decoder, to_i420
from relay.encode import AudioConformer
from relay.errors import EncodeError, ProtocolError, RelayError, SourceStalledError, SourceUnsupportedError, redact
from relay.model import Picture
from relay.slots import SlotAssigner
from relay.source import Backoff, Entrance, PushBackoff, open_source
from relay.timeline import NS_PER_S, Grid
from relay.worker.audio import AudioLine, SoundLine, SpanAudioLine
from relay.worker.board import Board, Clock
from relay.worker.copied import CopyLine
from relay.worker.handoff import Handoff
from relay.worker.jitter import Jitter
from relay.worker.link import Link
from relay.worker.lips import LipSync
from relay.worker.passthrough import Passthrough
from relay.worker.pictures import PictureLine
from relay.worker.prctl import show_as
from relay.worker.video import VideoLine

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from relay.decode import DecodedAudio, DecodedVideo
    from relay.model import Copied, SourceInfo, StreamFormat

log = structlog.get_logger()

REPORT_EVERY_S: Final = 0.25
UNKNOWN_PERIOD_S: Final = 1 / 30
JOIN_WITHIN_S: Final = 0.3


def run_worker(sock: socket.socket) -> None:
    """Serve the supervisor at the other end of `sock` until it says stop, or is gone. The whole life of a worker."""
    show_as("relay (spare)")
    link = Link(sock)
    link.send(wire.Hello(os.getpid()))
    first = link.receive()
    if not isinstance(first, wire.Configure):
        link.close()
        return
    cv2.setNumThreads(1)  # every stage has its thread already; more of them would take the cores from each other
    show_as(f"relay {first.name}")
    structlog.contextvars.bind_contextvars(stream=first.name)
    try:
        camera = Camera(first, link)
    except RelayError as error:
        link.send(wire.Bye(str(error), fatal=True))
        link.close()
        return
    failure = ""
    try:
        camera.obey()
    except RelayError as error:
        failure = str(error)
        log.error("the supervisor cannot be obeyed", error=failure)  # noqa: TRY400 - its words say it all
    finally:
        camera.stop(failure)
        link.close()


class Camera:
    """One camera on its way through the stages."""

    def __init__(self, configure: wire.Configure, link: Link) -> None:
        self._settings = _settings_in(configure)
        self._name = configure.name
        self._link = link
        self._clock = Clock(configure.clock)
        self._board = Board(self._clock, int(self._settings.stall_after_s * NS_PER_S))
        self._format: StreamFormat | None = None
        self._found: SourceInfo | None = None
        self._assigner: SlotAssigner | None = None
        self._unplaced = itertools.count()
        self._video: VideoLine | None = None
        self._copy: CopyLine | None = None
        self._audio: SoundLine | None = None
        self._conformer: AudioConformer | None = None
        self._jitter, self._lips = Jitter(), LipSync()
        self._stopping = threading.Event()
        self._failed = ""
        self._decoded: Handoff[Picture] = Handoff(UNKNOWN_PERIOD_S)
        self._ready: Handoff[Picture] = Handoff(UNKNOWN_PERIOD_S)
        self._pictures = PictureLine(
            self._settings,
            configure.hold_source_s,
            self._clock,
            self._board,
            link,
            self._decoded,
            on_first=self._announce,
            taps=configure.taps,
        )
        # Only the front knows the keys, so only it may connect; what comes over plain TCP is let in by its address.
        is_for_front = self._settings.is_rtmp_push
        self._entrance = Entrance(on_open=(lambda door: link.send(wire.Listening(door))) if is_for_front else None)
        self._decoder = self._make_decoder(configure.taps.folder)
        self._passthrough = Passthrough(self._settings, self._board, link.send)
        self._decoder.copy_to(self._passthrough)
        self._threads = [
            _guarded(self._pictures.run, "transform", self._fail),
            _guarded(lambda: self._run_decoder(configure.hold_source_s, configure.reason), "decode", self._fail),
            _guarded(self._report_forever, "report", self._fail),
        ]
        for thread in self._threads:
            thread.start()

    def _make_decoder(self, taps: str) -> Decoder:
        return Decoder(
            self._settings,
            open_source=lambda: open_source(self._settings, self._name, self._clock.unix_ns, self._entrance, taps),
            unix_ns=self._clock.unix_ns,
            on_found=self._source_opened,
            on_video=self._on_video,
            on_audio=self._on_audio,
            on_state=self._on_state,
            backoff=PushBackoff() if self._settings.is_push else Backoff(),
        )

    def obey(self) -> None:
        """Do what comes down the link, until `Stop` or its end."""
        while (message := self._link.receive()) is not None:
            match message:
                case wire.Start():
                    self._start(message)
                case wire.Wake(rendition, first_slot) if self._video is not None:
                    self._video.wake(rendition, first_slot)
                case wire.Sleep(rendition) if self._video is not None:
                    self._video.sleep(rendition)
                case wire.ClockUpdate(line):
                    self._clock.line = line
                case wire.Stop():
                    return
                case _:
                    raise ProtocolError(f"a worker cannot obey {type(message).__name__}")

    def stop(self, error: str = "") -> None:
        """End all threads (a camera's read may outlive it; the process does not wait) and say goodbye."""
        self._stopping.set()
        self._decoder.stop()
        self._pictures.stop()
        for line in (self._video, self._copy, self._audio):
            if line is not None:
                line.stop()
        until_s = time.monotonic() + JOIN_WITHIN_S
        for thread in self._threads:
            thread.join(timeout=max(0.0, until_s - time.monotonic()))
        self._link.send(wire.Bye(self._failed or error))

    def _start(self, start: wire.Start) -> None:
        stream = start.format
        if stream.copied is not None:
            self._start_copying(start, stream.copied)
            return
        # An encoder that is too slow encodes a repeat for every picture that is dropped: dropping saves it nothing.
        ready: Handoff[Picture] = Handoff(math.inf)
        self._ready = ready
        self._decoded.period_s = float(1 / stream.rate)
        video = VideoLine(self._name, self._settings, start, self._clock, self._board, self._link, ready)
        self._spawn(video.run, "video")
        for name, body in video.threads():
            self._spawn(body, name)
        if stream.audio:
            self._audio = AudioLine(
                self._settings, start, video.grid, self._clock, self._board, self._link, video.slots
            )
            self._spawn(self._audio.run, "audio")
        self._pictures.attach(stream, ready)
        self._video, self._assigner, self._format = video, SlotAssigner(Grid.of(stream)), stream

    def _start_copying(self, start: wire.Start, copied: Copied) -> None:
        line = CopyLine(self._name, self._settings, start, copied, self._clock, self._board, self._link)
        line.on_longer_gop = self._passthrough.gop_is_longer
        if start.format.audio:
            audio = SpanAudioLine(self._settings, self._clock, self._board, self._link)
            line.on_span = audio.cut
            self._spawn(audio.run, "audio")
            self._audio = audio
        self._spawn(line.run, "video")
        self._copy, self._format = line, start.format
        self._passthrough.format, self._passthrough.line = start.format, line

    def _spawn(self, body: Callable[[], None], name: str) -> None:
        thread = _guarded(body, name, self._fail)
        self._threads.append(thread)
        thread.start()

    def _fail(self, thread: str, error: Exception) -> None:
        """A thread that ends by an exception ends the worker: the supervisor starts a whole one."""
        self._failed = redact(f"{thread}: {error}")
        log.error("a thread failed", thread=thread, exc_info=error)
        self._link.send(wire.Bye(self._failed))
        self._link.close()

    # T1: what the decoder finds. These run in its thread.

    def _run_decoder(self, hold_s: float, reason: str) -> None:
        self._board.held_because = reason
        self._stopping.wait(hold_s)
        self._board.held_because = ""
        if not self._stopping.is_set():
            self._decoder.run()
        self._entrance.close()

    def _source_opened(self, info: SourceInfo) -> None:
        self._found = info
        self._conformer = None
        self._jitter, self._lips = Jitter(), LipSync()
        self._board.count("connections")
        log.info("source opened", video=info.video_codec, size=f"{info.width}x{info.height}", audio=info.audio_codec)

    def _announce(self, width: int, height: int) -> None:
        if self._found is not None:
            self._link.send(wire.Found(self._found, width, height))

    def _on_state(self, error: Exception | None) -> None:
        self._board.source_error = error
        if error is not None:
            fatal = isinstance(error, RelayError) and not error.retryable
            self._link.send(wire.Health(self._board.health(), fatal))

    def _on_video(self, decoded: DecodedVideo) -> None:
        matrix = self._format.matrix if self._format else "bt709"
        self._jitter.add(decoded.arrival_ns - decoded.time_ns)
        self._board.smooth("age_received_ms", (decoded.arrival_ns - decoded.time_ns) / 1e6)
        self._board.gauges["jitter_ms"] = self._jitter.value_ns / 1e6
        slot = self._slot_for(decoded.time_ns, decoded.clock_jumps)
        if slot is None:
            self._board.count("dropped_frames")
            return
        try:
            i420 = to_i420(decoded.frame, matrix, decoded.sample_aspect)
        except (av.FFmpegError, ValueError) as error:
            name = decoded.frame.format.name
            raise SourceUnsupportedError(f"pictures of {name} cannot be converted here: {error}") from error
        self._board.note_age("decoded", decoded.time_ns)
        self._decoded.put(Picture(slot, decoded.time_ns, i420))

    def _slot_for(self, time_ns: int, clock_jumps: int) -> int | None:
        """The slot of a picture captured at `time_ns`; `None`: it has none, since another has it.

        Until the first slot begins, pictures go their way all the same: chain, state and snapshot need them. While
        there is no grid they are counted; those slots are of 1970, and so are never shown.
        """
        if self._assigner is None or self._video is None:
            return next(self._unplaced)
        grid = self._video.grid
        slot = grid.slot_at(time_ns)
        if slot < self._video.slots.first_slot:
            return slot
        assigned = self._assigner.assign(time_ns)
        if assigned is not None:
            self._lips.see(time_ns, grid.start_ns(assigned), grid.start_ns(1), clock_jumps)
        return assigned

    def _on_audio(self, decoded: DecodedAudio) -> None:
        audio = self._audio
        if audio is None:
            return
        if self._conformer is None:
            self._conformer = AudioConformer()
        try:
            time_ns = decoded.time_ns - self._lips.lead_ns
            chunks = self._conformer.conform(decoded.frame, time_ns, decoded.clock_jumps + self._lips.jumps)
        except EncodeError as error:
            # Silence, then; the picture does not suffer for it.
            if not self._board.counters["unreadable_sound"]:
                log.warning("there is sound that cannot be used", error=str(error))
            self._board.count("unreadable_sound")
            return
        for first_sample, samples in chunks:
            audio.put(first_sample, samples)

    # Reporting, in a thread of its own, so that it goes on whatever the stages do.

    def _report_forever(self) -> None:
        health = None
        is_stats_turn = True
        while not self._stopping.wait(REPORT_EVERY_S):
            if not self._link.is_open:
                return
            if self._decoder.is_wedged:
                raise SourceStalledError("reading the camera obeys no deadline: another worker takes over")
            if (now := self._board.health()) != health:
                health = now
                self._link.send(wire.Health(health))
            if is_stats_turn:
                self._link.send(self._stats())
            is_stats_turn = not is_stats_turn

    def _stats(self) -> wire.Stats:
        counters = {**self._board.counters, **self._decoder.counters}
        counters["dropped_before_transform"] = self._decoded.dropped
        counters["dropped_before_encode"] = self._ready.dropped
        gauges = {**self._board.gauges, **self._decoder.gauges, "cpu_s": time.process_time()}
        return wire.Stats(counters, gauges, self._pictures.figures())


def _settings_in(configure: wire.Configure) -> StreamSettings:
    try:
        return StreamSettings.model_validate(configure.settings)
    except ValidationError as error:
        raise ProtocolError(f"the settings of stream {configure.name} cannot be read: {error}") from error


def _guarded(body: Callable[[], None], name: str, on_failure: Callable[[str, Exception], None]) -> threading.Thread:
    def run() -> None:
        try:
            body()
        except Exception as error:  # noqa: BLE001 - the top of a thread: nothing else would hear of it
            on_failure(name, error)

    # With the caller's context, because in it is the stream's name for the log.
    return threading.Thread(target=contextvars.copy_context().run, args=(run,), name=name, daemon=True)
