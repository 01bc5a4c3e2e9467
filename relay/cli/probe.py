"""`relay probe`: opens a source, listens, and says what it sends, how well, and what to make better."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from fractions import Fraction
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.table import Table

from relay.config import StreamSettings
from relay.errors import SourceEndedError, SourceStalledError, redact

if TYPE_CHECKING:
    from relay.model import SourceInfo
    from relay.source.measure import Measured


def probe(
    source: Annotated[str, typer.Argument(help="rtsp://..., /dev/video0, a file, http(s)://... or test:")],
    seconds: Annotated[float, typer.Option("--seconds", "-s", min=0.5, max=600, help="How long to listen.")] = 5.0,
    rtsp_transport: Annotated[Literal["tcp", "udp"], typer.Option(help="How RTSP carries its media.")] = "tcp",
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what a camera sends: codecs, size, rate, keyframes, audio, jitter; and what to make better."""
    # What FFmpeg needs is loaded here, so that no other command pays for it.
    from relay.source import survey  # noqa: PLC0415
    from relay.source.address import SourceKind, parse_address  # noqa: PLC0415
    from relay.source.advice import advise  # noqa: PLC0415

    settings = StreamSettings(source=source, rtsp_transport=rtsp_transport)
    started_s = time.monotonic()
    info, measured, end = survey.survey(settings, seconds)
    opened_s = time.monotonic() - started_s - measured.seconds
    advice = advise(
        info,
        measured,
        is_udp=source.startswith("rtsp") and rtsp_transport == "udp",
        is_file=parse_address(source).kind is SourceKind.FILE,
    )
    if isinstance(end, SourceStalledError) and not measured.frames:
        raise end
    if as_json:
        typer.echo(json.dumps(_document(source, opened_s, info, measured, end, advice), indent=2))
    else:
        _print(Console(), redact(source), opened_s, info, measured, end, advice)


def _document(
    source: str,
    opened_s: float,
    info: SourceInfo,
    measured: Measured,
    end: SourceEndedError | SourceStalledError | None,
    advice: list[str],
) -> dict[str, object]:
    declared = {key: str(value) if isinstance(value, Fraction) else value for key, value in asdict(info).items()}
    return {
        "source": redact(source),
        "opened_s": round(opened_s, 3),
        "declared": declared,
        "measured": asdict(measured),
        "end": str(end) if end else None,
        "advice": advice,
    }


def _print(
    console: Console,
    source: str,
    opened_s: float,
    info: SourceInfo,
    measured: Measured,
    end: SourceEndedError | SourceStalledError | None,
    advice: list[str],
) -> None:
    table = Table(title=source, title_justify="left", show_header=False, box=None, pad_edge=False)
    table.add_column(style="dim")
    table.add_column()
    for label, value in _rows(opened_s, info, measured):
        table.add_row(label, value)
    console.print(table)
    if end:
        console.print(f"It ended: {end}", markup=False, highlight=False)
    for sentence in advice or ["Nothing to improve."]:
        console.print(f"* {sentence}", markup=False, highlight=False)


def _keyframes(measured: Measured) -> str:
    interval_s = measured.keyframe_interval_s
    if interval_s is None:
        return "none seen"
    return f"every {interval_s:.1f} s" if measured.frames > measured.keyframes or measured.has_b_frames else "every frame"


def _rows(opened_s: float, info: SourceInfo, measured: Measured) -> list[tuple[str, str]]:
    declared = f"{float(info.rate):g}" if info.rate else "not said"
    found = f"{measured.rate:.2f}" if measured.rate else "too few frames to tell"
    audio = "none"
    if info.audio_codec:
        audio = f"{info.audio_codec}, {info.audio_sample_rate} Hz, {info.audio_channels} channel{'s'[: info.audio_channels != 1]}"
        audio += f", {measured.audio_packets} packets"
    return [
        ("video", f"{info.video_codec} ({info.pixel_format or 'pixel format not said'}), {info.width}x{info.height}"),
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
