"""The hub: what the supervisor publishes, ready to be sent to everyone who asks or waits for it.

    Hub ─ StreamHub ─ Generation ─ Rendition

All of it lives on the event loop's thread. A publication costs the same for one viewer as for a thousand: a playlist is
rendered when it is first asked for after a change, and those who waited are woken in one sweep.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from relay.model import MediaKind
from relay.playlist import DateRanges, Report, WindowSettings
from relay.serve import prepared
from relay.serve.bell import Bell
from relay.serve.rendition import Rendition
from relay.serve.transport import TransportRendition
from relay.timeline import Grid

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from relay.config import StreamSettings
    from relay.model import DateRange, Init, Part, StreamFormat
    from relay.serve.captions import CaptionRendition
    from relay.serve.prepared import Prepared

_SNAPSHOT_CACHE: Final = "no-cache"
COUNTERS: Final = ("parts_published", "parts_refused", "bytes_published", "events_published", "events_refused")


class Generation:
    """The renditions of one format. `version` counts every change in any of them, since each reports on the others."""

    def __init__(
        self,
        number: int,
        stream_format: StreamFormat,
        segments_listed: int,
        dateranges: DateRanges,
        *,
        has_captions: bool,
    ) -> None:
        self.number = number
        self.format = stream_format
        self.version = 0
        self.expires_ns: int | None = None
        self._dateranges = dateranges
        self._last_dateranges: str | None = None
        self.renditions: dict[str, Rendition] = {}
        is_copied = stream_format.copied is not None
        for name, kind in stream_format.renditions.items():
            settings, segment_s = _window_settings(stream_format, kind, segments_listed)
            self.renditions[name] = Rendition(name, kind, settings, segment_s, is_copied=is_copied)
        if has_captions:
            self.top.caption(dateranges)
        self.transport = TransportRendition.of(stream_format, self.renditions.values())

    @property
    def top(self) -> Rendition:
        """The largest rendition of pictures, which never sleeps."""
        return self.renditions[MediaKind.VIDEO.value]

    @property
    def captions(self) -> CaptionRendition | None:
        """What is read of its events, where it has captions."""
        return self.top.captions

    @property
    def is_ready(self) -> bool:
        """Whether a player that begins now finds a segment in every rendition, or is made one when it asks."""
        return all(rendition.is_ready for rendition in self.renditions.values())

    @property
    def is_ended(self) -> bool:
        """Whether its playlists have ENDLIST."""
        return all(rendition.window.is_ended for rendition in self.renditions.values())

    @property
    def starts_ns(self) -> int:
        """The date of the oldest segment that any of its playlists lists; 0 while none lists one."""
        windows = [rendition.window for rendition in self.renditions.values()]
        return min((window.listed[0].pdt_ns for window in windows if window.listed), default=0)

    def playlist(self, rendition: Rendition, *, skip: bool) -> Prepared:
        """The media playlist of `rendition`, rendered once per change."""
        reports = [
            Report(f"../{other.name}-{self.number}/index.m3u8", *position)
            for other in self.renditions.values()
            if other is not rendition and (position := self._position(other))
        ]
        told = self._dateranges.text if self._last_dateranges is None else self._last_dateranges
        return rendition.playlist(self.version, reports, skip=skip, dateranges=told)

    def set_init(self, init: Init) -> None:
        """Describe a rendition. Another init in one is a discontinuity in all (RFC 8216bis §6.2.4).

        In a copied stream the parts say themselves where one is: sound comes later than the pictures beside it.
        """
        if self.renditions[init.rendition].set_init(init) and self.format.copied is None:
            for rendition in self.renditions.values():
                rendition.needs_discontinuity = True

    def append(self, part: Part, now_ns: int) -> bool:
        """Take a part of one of the renditions. Whether it fitted."""
        rendition = self.renditions.get(part.rendition)
        has_grown = rendition is not None and rendition.append(part, now_ns)
        self.version += has_grown
        if rendition is not None and rendition.is_held:
            rendition.compare(self.top.window.last_part)
        if has_grown and self.transport is not None:
            self.transport.follow(now_ns)
        return has_grown

    def tell_anew(self) -> None:
        """There is something else to tell in its playlists than before."""
        self.version += 1

    def suspend(self, now_ns: int) -> None:
        """Take everything out of the playlists; it can be fetched for a while still."""
        self.version += 1
        for rendition in self.renditions.values():
            rendition.window.suspend(now_ns)
        if self.transport is not None:
            self.transport.suspend(now_ns)

    def sleep(self, name: str, now_ns: int) -> None:
        """Show nothing of a rung any more until it is made again."""
        self.version += 1
        self.renditions[name].sleep(now_ns)

    def wake(self, name: str) -> None:
        """Show of a rung what is made again, once that has come to where the largest is now."""
        self.version += 1
        self.renditions[name].wake(self.top.window.last_part)

    def end(self, now_ns: int) -> None:
        """Put ENDLIST into every playlist."""
        if not self.is_ended:
            self._last_dateranges = self._dateranges.text
            self.version += 1
            for rendition in self.renditions.values():
                rendition.end(now_ns)
            if self.transport is not None:
                self.transport.end(now_ns)

    def retire(self, now_ns: int) -> None:
        """End it, and let it go when a player in it may have played what it held."""
        self.end(now_ns)
        held_ns = max(rendition.window.retention_ns for rendition in self.renditions.values())
        self.expires_ns = now_ns + held_ns

    def expire(self, now_ns: int) -> None:
        """Let go of media that has been long enough out of the playlists."""
        for rendition in self.renditions.values():
            rendition.expire(now_ns)
        if self.transport is not None:
            self.transport.expire(now_ns)

    def release(self) -> None:
        """Wake everyone who waits for something of it."""
        for rendition in self.renditions.values():
            rendition.bell.ring()
        if self.transport is not None:
            self.transport.bell.ring()

    def _position(self, rendition: Rendition) -> tuple[int, int] | None:
        """How far `rendition` is for who asks for it: of one that sleeps, nothing is sent before it is there."""
        return (self.top if rendition.is_held else rendition).window.last_part


def _window_settings(stream: StreamFormat, kind: MediaKind, segments_listed: int) -> tuple[WindowSettings, float]:
    """A rendition's window, and how long its segments are, in seconds, at the longest."""
    if stream.copied is not None:
        settings = WindowSettings.copied(stream.copied, segments_listed=segments_listed)
        return settings, float(settings.target_duration_s)
    grid = Grid.of(stream)
    settings = WindowSettings.of(grid, kind, segments_listed=segments_listed, has_audio=stream.audio)
    return settings, float(grid.segment_s)


class StreamHub:
    """One stream: its generation of now, older ones that are played to their end, and its newest picture."""

    def __init__(self, name: str, segments_listed: int, *, has_captions: bool = False) -> None:
        self.name = name
        self.current: Generation | None = None
        self.snapshot: Prepared | None = None
        self.bell = Bell()
        self.is_closing = False
        self.counters = dict.fromkeys(COUNTERS, 0)
        self._dateranges = DateRanges()
        self._segments_listed = segments_listed
        self._has_captions = has_captions
        self._generations: dict[int, Generation] = {}

    @property
    def is_ready(self) -> bool:
        """Whether a player that begins now finds something to play."""
        return self.current is not None and self.current.is_ready

    def generation(self, number: int) -> Generation | None:
        """A generation that can be asked for still."""
        return self._generations.get(number)

    def open_generation(self, number: int, stream_format: StreamFormat, now_ns: int) -> None:
        """Begin a generation and end the one before. The same one again, still open, goes on: a worker was replaced."""
        before = self.current
        if before is not None:
            if (before.number, before.format) == (number, stream_format) and not before.is_ended:
                return
            before.retire(now_ns)
        generation = Generation(
            number, stream_format, self._segments_listed, self._dateranges, has_captions=self._has_captions
        )
        self.current = self._generations[number] = generation
        self.bell.ring()

    def publish_part(self, part: Part, now_ns: int) -> None:
        """Make a part known and wake who waits for it. One that does not fit is counted and left out."""
        generation = self.current
        if generation is None or not generation.append(part, now_ns):
            self.counters["parts_refused"] += 1
            return
        self.counters["parts_published"] += 1
        self.counters["bytes_published"] += len(part.data)
        self._dateranges.forget(generation.starts_ns)
        generation.renditions[part.rendition].bell.ring()
        if not self.bell.is_silent and generation.is_ready:
            self.bell.ring()

    def publish_event(self, date_range: DateRange) -> None:
        """Tell of something in the playlists, or that it is over. What cannot be told is counted and left out."""
        is_told = self._dateranges.put(date_range)
        self.counters["events_published" if is_told else "events_refused"] += 1
        if is_told and self.current is not None:
            self.current.tell_anew()

    def suspend(self, now_ns: int) -> None:
        """Empty the playlists: who asks waits for the next part, wherever that begins."""
        if self.current is not None:
            self.current.suspend(now_ns)

    def sleep(self, rendition: str, now_ns: int) -> None:
        """Let who asks for `rendition` wait until it is made again."""
        if self.current is not None:
            self.current.sleep(rendition, now_ns)

    def wake(self, rendition: str) -> None:
        """It is being made."""
        if self.current is not None:
            self.current.wake(rendition)

    def end(self, now_ns: int) -> None:
        """Put ENDLIST everywhere."""
        if self.current is not None:
            self.current.end(now_ns)
        self.bell.ring()

    def sweep(self, now_ns: int) -> None:
        """Let go of media and generations whose time is over; nothing else does while nothing is published."""
        for number, generation in list(self._generations.items()):
            generation.expire(now_ns)
            if generation.expires_ns is not None and generation.expires_ns <= now_ns:
                del self._generations[number]

    def close(self) -> None:
        """Wake everyone who waits, to be told that the server stops."""
        self.is_closing = True
        self.bell.ring()
        for generation in self._generations.values():
            generation.release()


class Hub:
    """All streams. It is the supervisor's `Publisher`."""

    def __init__(
        self, streams: Mapping[str, StreamSettings], monotonic_ns: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self.streams = {
            name: StreamHub(name, settings.segments_listed, has_captions=settings.captions)
            for name, settings in streams.items()
        }
        self._monotonic_ns = monotonic_ns

    def open_generation(self, stream: str, generation: int, stream_format: StreamFormat) -> None:
        """First of all, and whenever the format changes: an older generation gets ENDLIST and stays a while."""
        self.streams[stream].open_generation(generation, stream_format, self._monotonic_ns())

    def publish_init(self, stream: str, init: Init) -> None:
        """A rendition can be described."""
        current = self.streams[stream].current
        if current is not None and init.rendition in current.renditions:
            current.set_init(init)

    def publish_part(self, stream: str, part: Part) -> None:
        """A rendition grew by a part."""
        self.streams[stream].publish_part(part, self._monotonic_ns())

    def suspend(self, stream: str) -> None:
        """Nothing of it is shown any more; who asks waits for what is to come."""
        self.streams[stream].suspend(self._monotonic_ns())

    def sleep(self, stream: str, rendition: str) -> None:
        """A rung is not encoded; who asks for it waits until it is."""
        self.streams[stream].sleep(rendition, self._monotonic_ns())

    def wake(self, stream: str, rendition: str) -> None:
        """It is being made again."""
        self.streams[stream].wake(rendition)

    def publish_snapshot(self, stream: str, time_ns: int, jpeg: bytes) -> None:
        """There is a newer still, of `time_ns`."""
        del time_ns  # told apart by its bytes: two relays with different clocks would disagree on a date
        self.streams[stream].snapshot = prepared.binary(jpeg, "image/jpeg", _SNAPSHOT_CACHE)

    def publish_event(self, stream: str, date_range: DateRange) -> None:
        """Something is to be told in its playlists, or that it is over."""
        self.streams[stream].publish_event(date_range)

    def end_stream(self, stream: str) -> None:
        """Nothing will follow."""
        self.streams[stream].end(self._monotonic_ns())

    def sweep(self) -> None:
        """Let go of what is over. To be called about once a second."""
        now_ns = self._monotonic_ns()
        for stream in self.streams.values():
            stream.sweep(now_ns)

    def close(self) -> None:
        """Let nobody wait any longer."""
        for stream in self.streams.values():
            stream.close()
