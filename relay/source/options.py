"""How FFmpeg is asked to open each kind of source. FFmpeg ignores an option that it does not know in silence."""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from relay.source.address import SourceKind
from relay.source.v4l2 import webcam_path

if TYPE_CHECKING:
    from relay.config import StreamSettings
    from relay.source.address import Address

HLS_READ_TIMEOUT_S: Final = 15.0
"""Between two segments an HLS source is silent for one target duration, which is ten seconds at many broadcasters."""

_LIVE_PROBE: Final = {"analyzeduration": "1000000", "probesize": "1000000"}
"""A second is enough to find every stream; with FFmpeg's five, a camera takes as long to show its first picture."""

_WEBCAM_SIZE: Final = (1280, 720)
_SCREEN_RATE: Final = 30

_RTSP_TRANSPORTS: Final = {"tcp": "tcp", "udp": "udp", "auto": "udp+tcp"}
"""With both, FFmpeg asks for UDP, and for TCP where the camera refuses that or nothing comes of it."""

_AUTHORITIES: Final = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
"""Where Debian, Fedora, openSUSE and Alpine (and macOS) keep the certificates of those who certify."""


@dataclass(frozen=True, slots=True)
class OpenOptions:
    """One way to try: the demuxer to force (or none) and FFmpeg's options."""

    format: str | None = None
    options: dict[str, str] = field(default_factory=dict)


def open_options(address: Address, settings: StreamSettings) -> tuple[OpenOptions, ...]:
    """The ways to open `address`, best first; the next is for when FFmpeg or the device refuses the one before."""
    match address.kind:
        case SourceKind.RTSP:
            return (OpenOptions(options={**_rtsp(settings), **_tls(address, settings)}),)
        case SourceKind.HTTP:
            return (OpenOptions(options=_http(address, settings)),)
        case SourceKind.V4L2:
            return _v4l2(settings)
        case SourceKind.AVFOUNDATION:
            # It refuses to open a camera at its own default rate of 29.97.
            return (OpenOptions("avfoundation", {"framerate": "30", **_grabber(settings)}),)
        case SourceKind.SCREEN:
            return (OpenOptions("x11grab", _screen(settings)),)
        case SourceKind.FILE | SourceKind.TEST | SourceKind.PYTHON | SourceKind.WALL | SourceKind.PUSH:
            return (OpenOptions(),)


def what_to_open(address: Address) -> str:
    """What FFmpeg is given. Raises `SourceNotFoundError` for a webcam's name that no webcam has."""
    match address.kind:
        case SourceKind.V4L2:
            return webcam_path(address.url)
        case SourceKind.SCREEN:
            return address.url or os.environ.get("DISPLAY") or ":0"
        case _:
            return address.url


def read_timeout_s(address: Address, settings: StreamSettings) -> float:
    """How long FFmpeg may wait for the next packet."""
    if address.kind is SourceKind.HTTP and urlsplit(address.url).path.endswith(".m3u8"):
        return max(settings.read_timeout_s, HLS_READ_TIMEOUT_S)
    return settings.read_timeout_s


def authorities() -> str | None:
    """The file of certificates that this machine trusts. The one that FFmpeg's wheel was built with is not here."""
    paths = (os.environ.get("SSL_CERT_FILE"), ssl.get_default_verify_paths().cafile, *_AUTHORITIES)
    return next((path for path in paths if path and Path(path).is_file()), None)


def _tls(address: Address, settings: StreamSettings) -> dict[str, str]:
    if not address.is_tls:
        return {}
    options = {"tls_verify": "1" if settings.tls_verify else "0"}
    if settings.tls_verify and (file := authorities()):
        options["ca_file"] = file
    return options


def _http(address: Address, settings: StreamSettings) -> dict[str, str]:
    options = {
        "rw_timeout": _microseconds(settings.read_timeout_s),
        "reconnect": "0",
        **_LIVE_PROBE,
        # Segments may be called as their server likes; files of this machine stay closed to a playlist by its protocol.
        "extension_picky": "0",
        "allowed_segment_extensions": "ALL",
        **_tls(address, settings),
    }
    if settings.headers:
        options["headers"] = "".join(f"{name}: {value}\r\n" for name, value in settings.headers.items())
    return options


def _rtsp(settings: StreamSettings) -> dict[str, str]:
    return {
        "rtsp_transport": _RTSP_TRANSPORTS[settings.rtsp_transport],
        # Called stimeout before FFmpeg 5. It bounds connecting and every read.
        "timeout": _microseconds(settings.read_timeout_s),
        # ONVIF metadata comes as one more stream, which some cameras then wait to have read.
        "allowed_media_types": "video+audio" if settings.audio else "video",
        # Not `nobuffer`: it throws away what probing read, and with it the keyframe that servers send first.
        "fflags": "discardcorrupt",
        **_LIVE_PROBE,
    }


def _screen(settings: StreamSettings) -> dict[str, str]:
    options = {"framerate": str(settings.input_rate or _SCREEN_RATE)}
    if settings.input_size:  # without it, all of the screen
        options["video_size"] = "{}x{}".format(*settings.input_size)
    return options


def _v4l2(settings: StreamSettings) -> tuple[OpenOptions, ...]:
    """MJPEG first, because USB 2 carries raw 720p at 10 frames a second only; what the camera offers after that."""
    grabber = _grabber(settings)
    if settings.input_format:
        return (OpenOptions("v4l2", {**grabber, "input_format": settings.input_format}),)
    return (OpenOptions("v4l2", {**grabber, "input_format": "mjpeg"}), OpenOptions("v4l2", grabber))


def _grabber(settings: StreamSettings) -> dict[str, str]:
    width, height = settings.input_size or _WEBCAM_SIZE
    options = {"video_size": f"{width}x{height}"}
    if settings.microphone:
        options["timestamps"] = "abs"  # the wall clock, by which ALSA counts too: lips and voice stay together
    if settings.input_rate:
        options["framerate"] = str(settings.input_rate)
    return options


def _microseconds(seconds: float) -> str:
    return str(round(seconds * 1_000_000))
