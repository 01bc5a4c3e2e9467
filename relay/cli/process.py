"""`relay process`: a file through the chain of transforms, as fast as the machine can, into another file."""

from __future__ import annotations

import os
import signal
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bars

from relay import config
from relay.ladder import PRESET
from relay.model import EncodedCodec, Preset

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from relay.offline import Halt, Progress, Summary

EXIT_LACKING: Final = 3
"""The film is there, but IN was damaged or a transform failed on pictures of it."""
EXIT_SIGNALLED: Final = 128
"""What shells add to the number of the signal that ended a programme."""

LINE_EVERY_S: Final = 10.0
"""Where there is no terminal, and so no bar."""

_SOURCE_HELP: Final = "A file that FFmpeg reads, or http(s)://... of something that ends."
_TARGET_HELP: Final = "The file to make; its ending says the container: .mp4, .mkv, .mov or .ts."
_TRANSFORM_HELP: Final = (
    "What happens to every picture, in this order: a transform's name with KEY=VALUE words ('scale width=640'), "
    "filter=GRAPH of FFmpeg's filters, or module:function of your own. Repeatable."
)
_CRF_HELP: Final = "Quality: 0 is best, 51 worst (63 in AV1). Unless given, the encoder's own: 23, 28 or 35."
_EVENTS_HELP: Final = (
    "Where to write what transforms notice (motion and the like): a line of JSON each, with its time in the film, its "
    "kind, and what is said of it."
)


def process(  # noqa: PLR0913 - each is an option
    source: Annotated[str, typer.Argument(metavar="IN", help=_SOURCE_HELP)],
    target: Annotated[Path, typer.Argument(metavar="OUT", help=_TARGET_HELP)],
    transform: Annotated[list[str] | None, typer.Option(help=_TRANSFORM_HELP)] = None,
    codec: Annotated[EncodedCodec, typer.Option(help="What pictures are encoded in.")] = "h264",
    crf: Annotated[int | None, typer.Option(help=_CRF_HELP)] = None,
    bitrate: Annotated[
        int | None, typer.Option(metavar="KBIT/S", help="Size instead of quality: kbit/s on average.")
    ] = None,
    preset: Annotated[Preset, typer.Option(help="How hard the encoder works for each bit.")] = PRESET,
    events: Annotated[Path | None, typer.Option(metavar="FILE.jsonl", help=_EVENTS_HELP)] = None,
    *,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace OUT if it is there, and FILE.jsonl.")] = False,
) -> None:
    """Put a file through transforms, faster than it plays. Exit 0: done; 1: nothing made; 3: see below.

    Each picture keeps its own time, and the best audio track is kept: as it is, or as AAC where OUT cannot take it. OUT
    has its name when it is whole, and a run that is stopped leaves nothing. Exit status 3: it was made, but IN is
    damaged, or a transform failed on pictures of it, in whose place is what its on_failure says.
    """
    settings = config.load(source=source, transforms=transform or ()).streams[config.DEFAULT_STREAM]
    # FFmpeg and OpenCV come with it, which no other command has to pay for.
    import cv2  # noqa: PLC0415

    from relay import offline  # noqa: PLC0415

    # The encoder has threads as well: with all that OpenCV would take, they take the cores from each other.
    cv2.setNumThreads(max(1, (os.cpu_count() or 1) // 2))
    job = offline.Job(settings, target, offline.Encoding(codec, crf, bitrate, preset), overwrite, events)
    halt = offline.Halt()
    with _ended_by_signals(halt) as told, _shown(Console(stderr=True)) as show:
        summary = offline.process(job, halt, show)
    if summary is None:
        typer.echo(f"relay: stopped: of {target} nothing was made", err=True)
        raise typer.Exit(EXIT_SIGNALLED + (told[0] if told else signal.SIGINT))
    typer.echo("\n".join(summary_lines(target, codec, summary)))
    for trouble in summary.troubles:
        typer.echo(f"relay: {summary.source} is damaged: {trouble}", err=True)
    for failure in summary.failures:
        typer.echo(f"relay: a transform failed: {failure}", err=True)
    if summary.troubles or summary.failures:
        raise typer.Exit(EXIT_LACKING)


def summary_lines(target: Path, codec: str, summary: Summary) -> list[str]:
    """What was made, in words."""
    speed = summary.film_s / summary.took_s if summary.took_s > 0 else 0.0
    count = f"{summary.pictures} picture{'' if summary.pictures == 1 else 's'}"
    made = f"{count} of {summary.width}x{summary.height} in {codec}, {summary.film_s:.1f} s"
    return [
        f"{target}: {made}, in {summary.took_s:.1f} s ({speed:.1f}x)",
        *(f"  {line}" for line in (summary.sound, *filter(None, [summary.events]), *summary.remarks)),
    ]


@contextmanager
def _ended_by_signals(halt: Halt) -> Iterator[list[int]]:
    """SIGINT and SIGTERM end the run, which tidies up; which came is in the list. A second one does not wait."""
    told: list[int] = []

    def tell(number: int, _frame: FrameType | None) -> None:
        if told:
            raise KeyboardInterrupt
        told.append(number)
        halt.call()

    before = {number: signal.signal(number, tell) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield told
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _shown(console: Console) -> Iterator[Callable[[Progress], None]]:
    """What shows progress: a bar on a terminal, else a line every ten seconds."""
    if not console.is_terminal:
        yield _Lines()
        return
    columns = BarColumn(), TextColumn("{task.description}", markup=False)
    with Bars(*columns, console=console, auto_refresh=False, transient=True) as bars:
        task = bars.add_task("", total=None)

        def show(progress: Progress) -> None:
            total = None if progress.share is None else 1.0
            bars.update(task, total=total, completed=progress.share or 0.0, description=progress.words)
            bars.refresh()

        yield show


class _Lines:
    """Progress for a log: one line now and then."""

    def __init__(self) -> None:
        self._due_s = LINE_EVERY_S

    def __call__(self, progress: Progress) -> None:
        if progress.elapsed_s >= self._due_s:
            self._due_s += LINE_EVERY_S
            typer.echo(progress.words, err=True)
