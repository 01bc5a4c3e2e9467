"""A file through the chain: three threads, and what is left of them when the run ends, well or not."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from relay.errors import ConfigError
from relay.offline.chaining import ChainLine, chain_of
from relay.offline.containers import container_of
from relay.offline.encoding import Encoding
from relay.offline.events import EventLog
from relay.offline.failures import Failures
from relay.offline.film import Sound
from relay.offline.pipe import Halt, HaltError, Pipe
from relay.offline.progress import Progress
from relay.offline.reading import FilmReader, codec_of
from relay.offline.unfinished import Unfinished
from relay.offline.writing import FilmWriter

if TYPE_CHECKING:
    from collections.abc import Callable

    from av.audio.stream import AudioStream

    from relay.config import StreamSettings
    from relay.offline.chaining import PictureChain
    from relay.offline.film import Incoming, Outgoing

TELL_EVERY_S: Final = 0.2
LAST_WAIT_S: Final = 1.0
"""For a thread to end when nobody waits for the film any more."""


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be done: of `settings`, what says what is read and what is done to its pictures.

    `events` is the file for what transforms notice in them, if somebody wants it.
    """

    settings: StreamSettings
    target: Path
    encoding: Encoding = field(default_factory=Encoding)
    overwrite: bool = False
    events: Path | None = None


@dataclass(frozen=True, slots=True)
class Summary:
    """What was done to `source`. `troubles` says what is wrong with that, `failures` what transforms failed on.

    `remarks` says what else is not as it was, `events` how much was noticed in it.
    """

    source: str
    pictures: int
    width: int
    height: int
    film_s: float
    took_s: float
    sound: str
    troubles: list[str]
    failures: list[str]
    remarks: list[str]
    events: str = ""


def process(
    job: Job,
    halt: Halt | None = None,
    on_progress: Callable[[Progress], None] = lambda _: None,
    make_chain: Callable[[], PictureChain] | None = None,
) -> Summary | None:
    """Do `job`. `None`: it was told to stop by `halt`, and nothing is left of what it had made.

    `on_progress` is called in this thread, every fifth of a second. Raises a `RelayError`: then, too, nothing is left,
    and what was there is still there.
    """
    halt = halt or Halt()
    kind = container_of(job.target, job.encoding.codec)
    _check_names(job)
    failures, overwrite = Failures(), job.overwrite
    with Unfinished(job.target, overwrite=overwrite) as unfinished, EventLog(job.events, overwrite=overwrite) as events:
        reader = FilmReader.open(job.settings, kind)
        events.began_ns = reader.film.began_ns
        matrix = reader.film.colours.matrix
        make_chain = make_chain or partial(chain_of, job.settings.transforms, failures.note, events.note, matrix)
        try:
            writer = FilmWriter(unfinished.path, str(job.target), kind, job.encoding, reader.film)
            if reader.audio is not None:
                writer.add_sound(reader.audio, is_copied=reader.is_copied)
        except BaseException:
            reader.close()
            raise
        sound = _sound_words(reader.audio, job, is_copied=reader.is_copied)
        run = _Run(reader, writer, make_chain, halt)
        run.work(on_progress)
        if halt.error is not None:
            raise halt.error
        if halt.is_called:
            return None
        unfinished.keep()
        events.keep()  # not before the film, which took hours
        return run.summary(sound, events.words, failures.words)


def _check_names(job: Job) -> None:
    """Raises `ConfigError` where a file would take the place of another that is wanted still."""
    source, target = Path(job.settings.source).resolve(), job.target.resolve()
    if target == source and not job.overwrite:
        raise ConfigError(f"{job.target}: is IN itself: give another name, or --overwrite to have OUT in its place")
    if job.events is not None and job.events.resolve() in {source, target}:
        raise ConfigError(f"--events {job.events}: is the film itself: name another file")


class _Run:
    """The three threads. Each makes an end of what it uses, and of the run if it fails."""

    def __init__(
        self, reader: FilmReader, writer: FilmWriter, make_chain: Callable[[], PictureChain], halt: Halt
    ) -> None:
        self._reader, self._writer, self._halt = reader, writer, halt
        self._decoded: Pipe[Incoming] = Pipe(halt)
        self._ready: Pipe[Outgoing] = Pipe(halt)
        self._line = ChainLine(make_chain, self._decoded, self._ready)
        self._began_s = time.monotonic()

    def work(self, on_progress: Callable[[Progress], None]) -> None:
        """From the first picture until all threads have ended."""
        bodies = {"reading": self._read, "chaining": self._line.run, "writing": self._write}
        # As daemons: one that is caught in a driver or in somebody's code does not keep an ended programme alive.
        threads = [
            threading.Thread(target=self._guard, args=(body,), name=name, daemon=True) for name, body in bodies.items()
        ]
        for thread in threads:
            thread.start()
        try:
            while living := [thread for thread in threads if thread.is_alive()]:
                living[-1].join(TELL_EVERY_S)
                on_progress(self._progress())
        except BaseException:
            self._halt.call()
            for thread in threads:
                thread.join(LAST_WAIT_S)
            raise

    def summary(self, sound: str, events: str, failures: list[str]) -> Summary:
        """What was done, once all of it is."""
        writer, film = self._writer, self._reader.film
        remarks = self._reader.remarks
        if repeated := self._line.repeated:
            shown = "the one before is shown again" if repeated < writer.pictures else "all of it is black"
            remarks.append(f"pictures that did not leave the chain, so that {shown}: {repeated}")
        return Summary(
            film.label,
            writer.pictures,
            *writer.size,
            writer.done_s + float(1 / film.rate),
            time.monotonic() - self._began_s,
            sound,
            self._reader.troubles,
            failures,
            remarks,
            events,
        )

    def _progress(self) -> Progress:
        return Progress(self._writer.done_s, self._reader.film.length_s, time.monotonic() - self._began_s)

    def _guard(self, body: Callable[[], None]) -> None:
        try:
            body()
        except HaltError:
            pass
        except Exception as error:  # noqa: BLE001 - the top of a thread: the run fails with it
            self._halt.fail(error)

    def _read(self) -> None:
        try:
            for item in self._reader.items():
                self._decoded.put(item, item.size_bytes)
        finally:
            self._reader.close()
        self._decoded.end()

    def _write(self) -> None:
        try:
            while (item := self._ready.take()) is not None:
                if isinstance(item, Sound):
                    self._writer.hear(item)
                else:
                    self._writer.show(item)
            self._writer.finish()
        except BaseException:
            self._writer.abandon()
            raise


def _sound_words(audio: AudioStream | None, job: Job, *, is_copied: bool) -> str:
    if audio is None:
        return "no sound"
    codec, others = codec_of(audio), len(audio.container.streams.audio) - 1
    done = "copied as it is" if is_copied else f"encoded to AAC, as {job.target.suffix} does not take it"
    which = f", the best of {others + 1} tracks" if others else ""
    return f"sound: {codec}{which}, {done}"
