"""One link at work in a chain: timed, held to its deadline, and, where it fails, left as its policy says.

    run ──> the link ──> done: goes on
                    └──> failed ──> skip    goes on as it came
                                    freeze  goes nowhere
                                    blank   goes on black
                                    stop    is raised

A link that hides something is `blank` whatever is set, and fails too where it takes longer than its deadline. When one
fails that holds frames, all that it holds fare like the one that it failed on: what was still to be done to them will
not be done.
"""

from __future__ import annotations

import contextlib
from bisect import bisect_left
from collections import deque
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

from relay.errors import TransformError
from relay.links import TRANSFORM_BUCKETS_S, TransformFigures
from relay.transform.base import Holding, Showing
from relay.transform.budget import Mean
from relay.transform.frame import Frame, describe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from relay.transform.base import Link, OnFailure
    from relay.transform.setup import Setup

MAX_HELD: Final = 64
"""Frames that a link may hold: two seconds of them, 90 MB at 720p."""
_MAX_LABEL: Final = 80


class _Taken(NamedTuple):
    """A frame that the link has, and the size in which it came."""

    frame: Frame
    width: int
    height: int


class Step:
    """A link, what is known of it, and the frames that it has.

    `took_s` is how long its last run took; `began_s` is when the run began that goes on just now.
    """

    def __init__(self, link: Link, setup: Setup) -> None:
        self.label = link.label
        self.policy: OnFailure = "blank" if link.is_private else link.on_failure
        self.holding: Holding | None = link if isinstance(link, Holding) else None
        # What holds frames would be overtaken by those that it is left out of; what hides something never rests.
        self.may_rest = link.may_rest and not link.is_private and self.holding is None
        self.delay_frames = 0
        self.rested = 0
        self.took_s = 0.0
        self.began_s: float | None = None
        self._link = link
        if isinstance(link, Showing):
            link.meet(setup.taps)
        self._setup = setup
        self._is_left_out = False
        self._is_failing = False
        self._taken: deque[_Taken] = deque()
        self._counts = [0] * (len(TRANSFORM_BUCKETS_S) + 1)
        self._seconds = 0.0
        self._mean_s = Mean()
        self._failures = 0
        self._late = 0

    def open(self) -> None:
        """Let it load what it needs. Raises `TransformError` where it cannot; with `skip` it is left out, and told."""
        failure = self._failure_in(self._open, "opening it")
        if failure is None:
            return
        self._note_failure()
        if self.policy != "skip":
            raise failure
        self._is_left_out = True
        self._setup.on_failure(failure)

    def close(self) -> None:
        """Let it give back what it took."""
        failure = self._failure_in(self._link.close, "closing it")
        if failure is not None:
            self._setup.on_failure(failure)

    def lets_pass(self, frame: Frame) -> bool:
        """Whether it is not asked: it could not be opened, or `frame` is black, and has neither to wait nor to fit."""
        if self._is_left_out:
            return True
        return frame.is_blank and self.holding is None and not self._link.changes_size

    def run(self, frame: Frame, deadline_s: float) -> list[Frame]:
        """`frame` to the link. What goes on now, oldest first; raises `TransformError` where the stream is to stop."""
        self._taken.append(_Taken(frame, *frame.size))
        if self.policy == "skip":
            frame.keep()
        return self._work(frame, deadline_s)

    def flush(self, deadline_s: float) -> list[Frame]:
        """All that the link holds."""
        return self._work(None, deadline_s) if self._taken else []

    def figures(self, every: int) -> TransformFigures:
        """How it does, where those that may rest work on every `every`-th frame. From any thread."""
        return TransformFigures(
            label=self.label[:_MAX_LABEL],
            counts=tuple(self._counts),
            seconds=round(self._seconds, 6),
            mean_ms=round(self._mean_s.value * 1e3, 3),
            failures=self._failures,
            late=self._late,
            rested=self.rested,
            every=every if self.may_rest else 1,
            delay_frames=self.delay_frames,
            is_failing=self._is_failing,
        )

    def _open(self) -> None:
        self._link.open()
        if self.holding is not None:
            self.delay_frames = int(self.holding.delay_frames)

    def _work(self, frame: Frame | None, deadline_s: float) -> list[Frame]:
        """Feed `frame` to the link, or flush it, and judge what comes of it."""
        finished: list[_Taken] = []
        began_s = self.began_s = self._setup.clock()
        failure = self._failure_in(lambda: finished.extend(self._let_work(frame)))
        self.began_s = None
        self._note_time(self._setup.clock() - began_s)
        if failure is not None:
            try:
                return self._give_up_all(failure)
            finally:
                # Its traceback leads here: it would keep itself, and the frame's buffers, until cycles are collected.
                del failure
        if self.took_s > deadline_s:
            self._late += 1
            if self._link.is_private:
                took, may = round(self.took_s * 1e3), round(deadline_s * 1e3)
                return self._give_up(finished, TransformError(f"{self.label}: it took {took} ms, and may take {may}"))
        self._is_failing = False
        for one in (*finished, *self._taken):
            self._tell(one.frame)
        for one in finished:
            one.frame.let_go()
        return [one.frame for one in finished]

    def _let_work(self, frame: Frame | None) -> list[_Taken]:
        """What the link gives: of all that it has, the oldest; and all of it where it is flushed."""
        if self.holding is None:
            if frame is None:
                return []
            self._link.apply(frame)
            return [self._taken.popleft()]
        done = self.holding.flush() if frame is None else self.holding.feed(frame)
        self.delay_frames = int(self.holding.delay_frames)
        if self.holding.keeps_all:
            gone = _count_same(done, self._taken)
        else:
            gone = _count_passed(done, self._taken, is_last=frame is None)
        kept = len(self._taken) - gone
        if kept > (0 if frame is None else MAX_HELD):
            raise TransformError(f"it keeps {kept} frames back")
        left = {id(one.frame): one for one in (self._taken.popleft() for _ in range(gone))}
        return [left.get(id(one)) or _Taken(one, *one.size) for one in done]

    def _failure_in(self, work: Callable[[], object], doing: str = "") -> TransformError | None:
        """What comes of `work`, if that is a failure: a link is anybody's code, and may raise anything."""
        try:
            work()
        except TransformError as error:
            return _because(f"{self.label}: {error}", error)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - it is told, and the policy says what is shown
            where = f"{self.label}: {doing}" if doing else self.label
            return _because(f"{where} raised {_what(error)}", error)
        return None

    def _give_up_all(self, failure: TransformError) -> list[Frame]:
        """Everything that the link has, as its policy says; and it is to forget them."""
        taken = list(self._taken)
        self._taken.clear()
        if self.holding is not None:
            with contextlib.suppress(Exception, SystemExit):  # it failed already, and that is told
                self.holding.flush()
        return self._give_up(taken, failure)

    def _give_up(self, taken: list[_Taken], failure: TransformError) -> list[Frame]:
        self._note_failure()
        if self.policy == "stop":
            raise failure
        self._setup.on_failure(failure)
        if self.policy == "freeze":
            return []
        for frame, width, height in taken:
            del frame.events[frame.told :]
            if self.policy == "skip":
                frame.put_back()
            else:
                frame.blank(width, height)
        return [one.frame for one in taken]

    def _note_time(self, took_s: float) -> None:
        self.took_s = took_s
        self._counts[bisect_left(TRANSFORM_BUCKETS_S, took_s)] += 1
        self._seconds += took_s
        self._mean_s.add(took_s)

    def _note_failure(self) -> None:
        self._failures += 1
        self._is_failing = True

    def _tell(self, frame: Frame) -> None:
        """Pass on what was noticed in `frame` since the last time."""
        for event in frame.events[frame.told :]:
            self._setup.on_event(event)
        frame.told = len(frame.events)


def _count_same(done: object, taken: Iterable[_Taken]) -> int:
    """How many of `taken` a link lets go that gives back the very frames that it was given, the oldest first."""
    given = _listed(done)
    oldest = [one.frame for one in taken]
    if len(given) > len(oldest) or any(one is not other for one, other in zip(given, oldest, strict=False)):
        raise TransformError("it gave other frames than it was given, or in another order")
    return len(given)


def _count_passed(done: object, taken: Iterable[_Taken], *, is_last: bool) -> int:
    """How many of `taken` a link has used up that may leave some out: those whose time is past, or all at the end."""
    given = _listed(done)
    if not all(isinstance(one, Frame) for one in given):
        raise TransformError("it gave something that is no frame")
    slots = [one.slot for one in given]
    if any(later <= one for one, later in pairwise(slots)):
        raise TransformError(f"it gave frames out of their order: slots {slots}")
    return sum(1 for one in taken if is_last or (slots and one.frame.slot <= slots[-1]))


def _listed(done: object) -> list[Frame]:
    if not isinstance(done, list):
        raise TransformError(f"it gave {describe(done)}, not a list of frames")
    return done


def _because(text: str, cause: BaseException) -> TransformError:
    failure = TransformError(text)
    failure.__cause__ = cause
    return failure


def _what(error: BaseException) -> str:
    """The exception in words, with the line of the link's own code that it came through."""
    text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    traceback = error.__traceback__
    own = "relay.transform."
    while traceback and str(traceback.tb_frame.f_globals.get("__name__", "")).startswith(own):
        traceback = traceback.tb_next
    if traceback is None:
        return text
    return f"{text} (line {traceback.tb_lineno} of {traceback.tb_frame.f_code.co_filename})"
