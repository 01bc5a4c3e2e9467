"""`relay probe`: opens a source, listens, and says what it sends, how well, and what to make better."""

from __future__ import annotations

import json
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from relay import config
from relay.errors import ConfigError, SourceStalledError

if TYPE_CHECKING:
    from relay.config import StreamSettings
    from relay.model import SourceInfo
    from relay.source.measure import Measured
    from relay.source.survey import Survey


def probe(
    source: Annotated[
        str,
        typer.Argument(help="rtsp://..., /dev/video0, a file, http(s)://..., test:; with --config a stream's name."),
    ],
    seconds: Annotated[float, typer.Option("--seconds", "-s", min=0.5, max=600, help="How long to listen.")] = 5.0,
    rtsp_transport: Annotated[
        Literal["tcp", "udp", "auto"] | None, typer.Option(help="How RTSP carries its media.", show_default="tcp")
    ] = None,
    config_file: Annotated[
        Path | None, typer.Option("--config", metavar="FILE", help="A relay.toml: probe with a stream's own settings.")
    ] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what a camera sends: codecs, size, rate, keyframes, audio, jitter; and what to make better."""
    # What FFmpeg needs is loaded here, so that no other command pays for it.
    from relay.source.address import SourceKind, parse_address  # noqa: PLC0415
    from relay.source.advice import advise  # noqa: PLC0415
    from relay.source.passable import judge_copying  # noqa: PLC0415
    from relay.source.survey import survey  # noqa: PLC0415

    settings = _settings(source, config_file, rtsp_transport)
    found = survey(settings, seconds)
    if isinstance(found.end, SourceStalledError) and not found.measured.frames:
        raise found.end
    address = parse_address(settings.source)
    advice = advise(
        found.info,
        found.measured,
        is_udp=address.kind is SourceKind.RTSP and settings.rtsp_transport != "tcp",
        is_file=address.kind is SourceKind.FILE,
    )
    copying = judge_copying(settings, found.info, found.measured)
    if as_json:
        typer.echo(json.dumps(_document(address.label, found, copying, advice), indent=2))
    else:
        _print(Console(), address.label, found, copying, advice)


def _settings(source: str, config_file: Path | None, rtsp_transport: str | None) -> StreamSettings:
    streams = config.load(config_file, source=None if config_file else source).streams
    name = source if config_file else config.DEFAULT_STREAM
    if name not in streams:
        raise ConfigError(f"{config_file}: there is no stream {name!r}: there are {', '.join(streams)}")
    changed = {} if rtsp_transport is None else {"rtsp_transport": rtsp_transport}
    return streams[name].model_copy(update=changed)


def _document(source: str, found: Survey, copying: tuple[bool, str], advice: list[str]) -> dict[str, object]:
    declared = {key: str(value) if isinstance(value, Fraction) else value for key, value in asdict(found.info).items()}
    return {
        "source": source,
        "opened_s": round(found.opened_s, 3),
        "declared": declared,
        "measured": asdict(found.measured),
        "copying": {"is_possible": copying[0], "reason": copying[1]},
        "end": str(found.end) if found.end else None,
        "advice": advice,
    }


def _print(console: Console, source: str, found: Survey, copying: tuple[bool, str], advice: list[str]) -> None:
    table = Table(title=Text(source), title_justify="left", show_header=False, box=None, pad_edge=False)
    table.add_column(style="dim")
    table.add_column()
    for label, value in _rows(found.info, found.measured, found.opened_s):
        table.add_row(label, value)
    table.add_row("copying", copying[1] if copying[0] else f"not possible: {copying[1]}")
    console.print(table)
    if found.end:
        console.print(f"It ended: {found.end}", markup=False, highlight=False)
    for sentence in advice or ["Nothing to improve."]:
        console.print(f"* {sentence}", markup=False, highlight=False)


def _keyframes(measured: Measured) -> str:
    interval_s = measured.keyframe_interval_s
    if interval_s is None:
        return "none seen"
    return "every frame" if measured.frames <= measured.keyframes else f"every {interval_s:.1f} s"


def _rows(info: SourceInfo, measured: Measured, opened_s: float) -> list[tuple[str, str]]:
    declared = f"{float(info.rate):g}" if info.rate else "not said"
    found = f"{measured.rate:.2f}" if measured.rate else "too few frames to tell"
    picture = f"{info.video_codec} ({info.pixel_format or 'pixel format not said'}), {info.width}x{info.height}"
    picture += ", interlaced" if info.is_interlaced else ""
    picture += f", to be turned by {info.rotation} degrees" if info.rotation else ""
    audio = "none"
    if info.audio_codec:
        channels = "mono" if info.audio_channels == 1 else f"{info.audio_channels} channels"
        audio = f"{info.audio_codec}, {info.audio_sample_rate} Hz, {channels}"
        audio += f", {measured.audio_packets} packets"
    return [
        ("video", picture),
        ("frame rate", f"declared {declared}, measured {found}"),
        ("keyframes", _keyframes(measured)),
        ("bitrate", f"{measured.bitrate_kbps:.0f} kbit/s"),
        ("audio", audio),
        ("opened in", f"{opened_s:.1f} s"),
        (
            "listened for",
            f"{measured.seconds:.1f} s, {measured.frames} frames, longest gap {measured.longest_gap_s:.2f} s",
        ),
        ("jitter", "too few frames to tell" if measured.jitter_ms is None else f"{measured.jitter_ms:.0f} ms"),
        (
            "timestamps",
            f"{measured.missing_timestamps} missing, {measured.repeated_timestamps} repeated, "
            f"{measured.backward_timestamps} backward, {measured.jumps} jumps"
            + (", B-frames" if measured.has_b_frames else ""),
        ),
        ("decoding", "not tried" if measured.decode_ms is None else f"{measured.decode_ms:.1f} ms a frame"),
    ]
