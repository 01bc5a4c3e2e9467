"""`relay devices`: the cameras and microphones of this machine, with the words that open them."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from fractions import Fraction

    from relay.source.alsa import SoundInput
    from relay.source.v4l2 import Mode, Webcam


def devices(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List this machine's cameras with their modes, and its microphones (Linux: V4L2 and ALSA)."""
    # What FFmpeg needs comes with them, which no other command has to pay for.
    from relay.source.alsa import list_microphones  # noqa: PLC0415
    from relay.source.v4l2 import list_webcams  # noqa: PLC0415

    webcams, microphones = list_webcams(), list_microphones()
    if as_json:
        typer.echo(json.dumps(_document(webcams, microphones), indent=2))
    else:
        typer.echo("\n".join([*_camera_lines(webcams), "", *_microphone_lines(microphones)]))


def _document(webcams: list[Webcam], microphones: list[SoundInput]) -> dict[str, object]:
    cameras = [asdict(webcam) for webcam in webcams]
    for camera in cameras:
        for mode in camera["modes"]:
            mode["rates"] = [str(rate) for rate in mode["rates"]]
    return {"cameras": cameras, "microphones": [asdict(item) for item in microphones]}


def _camera_lines(webcams: list[Webcam]) -> Iterator[str]:
    if not webcams:
        yield "No camera: this machine shows no /dev/video*. Is it plugged in, and passed into the container?"
    for webcam in webcams:
        yield f"{webcam.path}  {webcam.name}"
        yield f'    source = "v4l2:{webcam.name}"'
        if webcam.trouble:
            yield f"    {webcam.trouble}"
        for format_name in dict.fromkeys(mode.format for mode in webcam.modes):
            yield f'    input_format = "{format_name}"'
            yield from (f"        {_size(mode)}" for mode in webcam.modes if mode.format == format_name)


def _size(mode: Mode) -> str:
    size = f"{mode.width}x{mode.height}"
    return f"{size:<11} at {', '.join(_number(rate) for rate in mode.rates)}" if mode.rates else size


def _number(rate: Fraction) -> str:
    return f"{float(rate):.5g}"


def _microphone_lines(microphones: list[SoundInput]) -> Iterator[str]:
    if not microphones:
        yield "No microphone: ALSA lists none."
    for item in microphones:
        yield item.name
        yield f'    microphone = "{item.device}"'
