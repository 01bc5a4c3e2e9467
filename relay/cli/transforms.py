"""`relay transforms`: what there is to put frames through, what each of them takes, and one of them on a picture."""

from __future__ import annotations

import json
import math
import shlex
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from pydantic import ValidationError
from typer.core import TyperGroup

from relay.config import TransformSettings
from relay.errors import TransformError
from relay.model import Picture

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from relay.links import Emitted
    from relay.pixels import Bgr
    from relay.transform.listing import Listed, Parameter

_SHOW: Final = "show"
_NS_PER_FRAME: Final = 33_333_333
_WRITTEN: Final = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
_ON_FAILURE: Final = {
    "skip": "Where it fails, the picture goes on without it (skip).",
    "freeze": "Where it fails, the picture before stays (freeze).",
    "blank": "Where it fails, black is shown (blank).",
    "stop": "Where it fails, the stream goes to its slate (stop).",
}

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


class _NamesToo(TyperGroup):
    """`relay transforms crop` is `relay transforms show crop`: what is no command is a transform's name."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401 - the library's own types have moved
        if args[0] not in self.commands:
            args = [_SHOW, *args]
        return super().resolve_command(ctx, args)


transforms = typer.Typer(
    cls=_NamesToo,
    invoke_without_command=True,
    subcommand_metavar="[NAME | COMMAND [ARGS]...]",
    help="What frames can be put through: a list, NAME's parameters, or one of them tried on a picture.",
)


@transforms.callback()
def list_transforms(context: typer.Context, *, as_json: JsonOption = False) -> None:
    """Every transform there is, ours and those of installed packages, in one line each."""
    if context.invoked_subcommand is not None:
        return
    # What transforms need is loaded here, so that no other command pays for it.
    from relay.transform.listing import list_all  # noqa: PLC0415

    listed = list_all()
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in listed], indent=2))
        return
    typer.echo("\n".join(_lines(listed)))


@transforms.command(_SHOW)
def show_transform(
    name: Annotated[str, typer.Argument(help="A name from the list, or module:function of your own.")],
    *,
    as_json: JsonOption = False,
) -> None:
    """What a transform does and takes; `relay transforms NAME` is the same."""
    from relay.transform.listing import look_up  # noqa: PLC0415 - see above

    listed = look_up(name)
    typer.echo(json.dumps(asdict(listed), indent=2) if as_json else "\n".join(_details(listed)))


@transforms.command("try")
def try_transform(
    words: Annotated[
        list[str],
        typer.Argument(metavar="NAME [KEY=VALUE]... IMAGE", help="The transform as in --transform, then the picture."),
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Where to write what comes of it.")
    ] = None,
) -> None:
    """Put one picture through a transform, and write what comes of it (to IMAGE-NAME.png in this folder)."""
    *described, last = words
    if not described:
        raise typer.BadParameter("give a transform and then a picture: relay transforms try crop width=640 in.jpg")
    settings, image = _settings(described), Path(last)
    written = output or Path(f"{image.stem}-{settings.name.replace(':', '-')}.png")
    if written.suffix.lower() not in _WRITTEN:
        raise TransformError(f"{written}: its name says what to write: end it with {', '.join(_WRITTEN)}")
    if written.resolve() == image.resolve():
        raise TransformError(f"{written}: is the picture itself; name another file with -o")
    bgr = _read(image)
    shown, events, took_ms = _apply(settings, bgr)
    _write(written, shown)
    typer.echo(f"{written}: {shown.shape[1]}x{shown.shape[0]}, of {bgr.shape[1]}x{bgr.shape[0]}, in {took_ms:.1f} ms")
    for event in events:
        typer.echo(f"noticed {event.kind}: {json.dumps(event.data)}")


def _lines(listed: Sequence[Listed]) -> Iterator[str]:
    width = max(len(one.name) for one in listed)
    group = None
    for one in listed:
        if one.group != group:
            if group is not None:
                yield ""
            group = one.group
            yield group
        yield f"    {one.name:<{width}}  {one.problem or one.summary}"
    yield ""
    yield "relay transforms NAME says what it takes; your own is written module:function."


def _details(listed: Listed) -> Iterator[str]:
    yield f"{listed.name}  ({listed.group})"
    yield from (f"    {line}".rstrip() for line in listed.documentation.splitlines())
    yield ""
    yield from _traits(listed)
    yield ""
    if not listed.parameters:
        yield "It takes nothing."
    for one in listed.parameters:
        yield f"{one.name}  {_kind(one)}"
        if one.description:
            yield f"    {one.description}"


def _traits(listed: Listed) -> Iterator[str]:
    works_on = {"planes": "the planes", "bgr": "BGR", "either": "the planes or BGR, whichever the frame is"}
    yield f"Works on {works_on[listed.wants]}."
    if listed.changes_size:
        yield "Changes the size of the picture."
    if listed.holds_frames:
        yield "Holds frames until it has seen later ones, and so delays the picture."
    if listed.may_rest:
        yield "May be left out of every second, third ... frame where the transforms are too slow."
    if listed.is_private:
        yield "Hides something: where it fails, or takes longer than four frames last, black is shown, whatever is set."
    else:
        yield _ON_FAILURE[listed.on_failure]


def _kind(parameter: Parameter) -> str:
    if parameter.default is None:
        return f"({parameter.kind}; needed)"
    return f"({parameter.kind}; {parameter.default})" if parameter.default else f"({parameter.kind})"


def _settings(words: list[str]) -> TransformSettings:
    """What a command line says, be it in one word (in quotes) or in several."""
    first, *rest = words
    if not first.startswith("filter="):  # which is a graph to the end of the text, with quotes of its own
        rest = [shlex.quote(word) for word in rest]
    try:
        return TransformSettings.model_validate(" ".join([first, *rest]))
    except ValidationError as error:
        # Not from it: a traceback would show what it was given.
        raise TransformError(f"{first}: {error.errors()[0]['msg'].removeprefix('Value error, ')}") from None


def _apply(settings: TransformSettings, bgr: Bgr) -> tuple[Bgr, list[Emitted], float]:
    """What comes of the picture, what is noticed, and the milliseconds of work, without loading.

    It is shown as often as the transform needs to see it. Whatever fails is an error here.
    """
    import cv2  # noqa: PLC0415 - see above
    import numpy as np  # noqa: PLC0415 - see above

    from relay.transform import Chain, Setup  # noqa: PLC0415 - see above

    failures: list[TransformError] = []
    events: list[Emitted] = []
    chain = Chain([settings], Setup(math.inf, on_event=events.append, on_failure=failures.append))
    try:
        chain.open()
        shown: list[Picture] = []
        for number in range(chain.delay_frames + 1):
            shown += chain.process(_picture(bgr, number))
        shown += chain.flush()
        took_ms = sum(figures.seconds for figures in chain.figures()) * 1e3
    finally:
        chain.close()
    if failures:
        raise failures[0]
    if not shown:
        raise TransformError(f"{settings.name}: it leaves this picture out")
    return np.asarray(cv2.cvtColor(shown[-1].i420, cv2.COLOR_YUV2BGR_I420), np.uint8), events, took_ms


def _picture(bgr: Bgr, number: int) -> Picture:
    """The picture as a camera's frame of that number, taken now."""
    import cv2  # noqa: PLC0415 - see above
    import numpy as np  # noqa: PLC0415 - see above

    i420 = np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2YUV_I420), np.uint8)
    return Picture(number, time.time_ns() + number * _NS_PER_FRAME, i420)


def _read(path: Path) -> Bgr:
    """The picture, without an odd last row or column, for which there is no colour."""
    import cv2  # noqa: PLC0415 - see above
    import numpy as np  # noqa: PLC0415 - see above

    from relay.transform.base import MAX_SIDE  # noqa: PLC0415 - see above

    try:
        decoded = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    except OSError as error:
        raise TransformError(f"{path}: cannot be read: {error.strerror}") from error
    except cv2.error:  # OpenCV raises for no bytes at all, and returns nothing for bytes that are no picture
        decoded = None
    if decoded is None:
        raise TransformError(f"{path}: is no picture that can be read: give a JPEG, PNG, WebP, BMP or TIFF file")
    height, width = (side // 2 * 2 for side in decoded.shape[:2])
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE):
        size = f"{decoded.shape[1]}x{decoded.shape[0]}"
        raise TransformError(f"{path}: is {size}, and each side has to be 2 to {MAX_SIDE} pixels")
    return np.ascontiguousarray(decoded[:height, :width], np.uint8)


def _write(path: Path, bgr: Bgr) -> None:
    import cv2  # noqa: PLC0415 - see above

    _, data = cv2.imencode(path.suffix, bgr)
    try:
        path.write_bytes(data.tobytes())
    except OSError as error:
        raise TransformError(f"{path}: cannot be written: {error.strerror}") from error
