"""Linux webcams as the kernel describes them: which there are, what they are called, and what they can send.

Names come from /sys/class/video4linux, modes from the ioctls of the V4L2 API (linux/videodev2.h), for which Python's
`fcntl` is enough.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Final

from relay.errors import SourceNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator

SYSFS: Final = Path("/sys/class/video4linux")
DEV: Final = Path("/dev")

Ioctl = Callable[[int, int, bytearray], object]
"""As `fcntl.ioctl`: descriptor, request, and the structure that is read and overwritten."""

_CAPABILITY: Final = struct.Struct("=16s32s32s3I12x")
_FORMAT: Final = struct.Struct("=3I32sI16x")
_SIZE: Final = struct.Struct("=9I8x")
_INTERVAL: Final = struct.Struct("=11I8x")
_READ, _WRITE = 2, 1


def _request(direction: int, number: int, layout: struct.Struct) -> int:
    """`_IOC` of asm-generic/ioctl.h, which x86 and arm share."""
    return direction << 30 | layout.size << 16 | ord("V") << 8 | number


QUERYCAP: Final = _request(_READ, 0, _CAPABILITY)
ENUM_FMT: Final = _request(_READ | _WRITE, 2, _FORMAT)
ENUM_FRAMESIZES: Final = _request(_READ | _WRITE, 74, _SIZE)
ENUM_FRAMEINTERVALS: Final = _request(_READ | _WRITE, 75, _INTERVAL)

_CAP_VIDEO_CAPTURE: Final = 0x1
_CAP_DEVICE_CAPS: Final = 0x8000_0000
_BUF_TYPE_VIDEO_CAPTURE: Final = 1
_DISCRETE: Final = 1
_MAX_ENTRIES: Final = 256
"""More than any camera lists: a driver that never says "no more" is left."""

_NAMES: Final = {
    "MJPG": "mjpeg",
    "JPEG": "mjpeg",
    "H264": "h264",
    "HEVC": "hevc",
    "YUYV": "yuyv422",
    "UYVY": "uyvy422",
    "NV12": "nv12",
    "YU12": "yuv420p",
    "GREY": "gray",
    "RGB3": "rgb24",
    "BGR3": "bgr24",
}
"""FourCCs, and what FFmpeg calls them: the words of `input_format`."""

_USUAL_SIZES: Final = ((640, 360), (640, 480), (800, 600), (1280, 720), (1920, 1080), (2560, 1440), (3840, 2160))
_USUAL_RATES: Final = (60, 50, 30, 25, 20, 15, 10, 5)


@dataclass(frozen=True, slots=True)
class Mode:
    """One way in which a camera sends: `format` is a word for `input_format`; `rates` are highest first."""

    format: str
    width: int
    height: int
    rates: tuple[Fraction, ...]


@dataclass(frozen=True, slots=True)
class Webcam:
    """A camera at `path`. `trouble` says why its modes are not known."""

    path: str
    name: str
    bus: str = ""
    modes: tuple[Mode, ...] = ()
    trouble: str = ""


def list_webcams(sysfs: Path = SYSFS, dev: Path = DEV, ioctl: Ioctl | None = None) -> list[Webcam]:
    """Every camera of this machine, by number. A webcam's other nodes (metadata, outputs) are left out."""
    found = (_look_at(dev / node.name, _name_of(node), ioctl or _system_ioctl()) for node in _nodes(sysfs))
    return [webcam for webcam in found if webcam is not None]


def webcam_path(wanted: str, sysfs: Path = SYSFS, dev: Path = DEV, ioctl: Ioctl | None = None) -> str:
    """The path of the camera that `wanted` means: a path, a number, a name, or a part of the name of one alone.

    Raises `SourceNotFoundError`, which names the cameras that there are.
    """
    if "/" in wanted:
        return wanted
    if wanted.isdecimal():
        return str(dev / f"video{wanted}")
    webcams = list_webcams(sysfs, dev, ioctl)
    fitting = [cam for cam in webcams if cam.name == wanted]
    fitting = fitting or [cam for cam in webcams if wanted.casefold() in cam.name.casefold()]
    if len(fitting) == 1:
        return fitting[0].path
    there = ", ".join(f"{cam.path} ({cam.name})" for cam in fitting or webcams)
    if fitting:
        raise SourceNotFoundError(f"v4l2:{wanted}: several cameras are called so: choose by path: {there}")
    raise SourceNotFoundError(
        f"v4l2:{wanted}: no camera is called so: found {there}" if there else f"v4l2:{wanted}: there is no camera here"
    )


def _system_ioctl() -> Ioctl:
    import fcntl  # noqa: PLC0415 - not to be had where there is no V4L2 either

    return fcntl.ioctl


def _nodes(sysfs: Path) -> list[Path]:
    """video0, video2, video10: the numbered ones, in the order of their numbers."""
    nodes = [node for node in sysfs.glob("video*") if node.name.removeprefix("video").isdecimal()]
    return sorted(nodes, key=lambda node: int(node.name.removeprefix("video")))


def _name_of(node: Path) -> str:
    try:
        return (node / "name").read_text(errors="replace").strip()
    except OSError:
        return node.name


def _look_at(path: Path, name: str, ioctl: Ioctl) -> Webcam | None:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    except OSError as error:
        return Webcam(str(path), name, trouble=f"may not be opened: {error.strerror}")
    try:
        capability = _ask(ioctl, descriptor, QUERYCAP, _CAPABILITY, b"", b"", b"", 0, 0, 0)
        if capability is None:
            return Webcam(str(path), name, trouble="does not say what it can do")
        _, card, bus, _, of_all, of_this = capability
        if not (of_this if of_all & _CAP_DEVICE_CAPS else of_all) & _CAP_VIDEO_CAPTURE:
            return None
        return Webcam(str(path), _text(card) or name, _text(bus), tuple(_modes(ioctl, descriptor)))
    finally:
        os.close(descriptor)


def _modes(ioctl: Ioctl, descriptor: int) -> Iterator[Mode]:
    for index in range(_MAX_ENTRIES):
        found = _ask(ioctl, descriptor, ENUM_FMT, _FORMAT, index, _BUF_TYPE_VIDEO_CAPTURE, 0, b"", 0)
        if found is None:
            return
        fourcc = found[4]
        name = fourcc.to_bytes(4, "little").decode("ascii", "replace").strip()
        for width, height in _sizes(ioctl, descriptor, fourcc):
            yield Mode(_NAMES.get(name, name), width, height, _rates(ioctl, descriptor, fourcc, width, height))


def _sizes(ioctl: Ioctl, descriptor: int, fourcc: int) -> Iterator[tuple[int, int]]:
    """The sizes that a format has; of a camera that scales, the usual ones within its limits, and the largest."""
    for index in range(_MAX_ENTRIES):
        found = _ask(ioctl, descriptor, ENUM_FRAMESIZES, _SIZE, index, fourcc, *[0] * 7)
        if found is None:
            return
        if found[2] == _DISCRETE:
            yield found[3], found[4]
            continue
        least_width, most_width, step_width, least_height, most_height, step_height = found[3:]
        for width, height in dict.fromkeys([*_USUAL_SIZES, (most_width, most_height)]):
            is_wide = width in range(least_width, most_width + 1, max(1, step_width))
            if is_wide and height in range(least_height, most_height + 1, max(1, step_height)):
                yield width, height
        return


def _rates(ioctl: Ioctl, descriptor: int, fourcc: int, width: int, height: int) -> tuple[Fraction, ...]:
    rates: set[Fraction] = set()
    for index in range(_MAX_ENTRIES):
        found = _ask(ioctl, descriptor, ENUM_FRAMEINTERVALS, _INTERVAL, index, fourcc, width, height, *[0] * 7)
        if found is None:
            break
        shortest_s, longest_s = _fraction(found[5], found[6]), _fraction(found[7], found[8])
        if found[4] == _DISCRETE:
            if shortest_s:
                rates.add(1 / shortest_s)
            continue
        rates |= {Fraction(rate) for rate in _USUAL_RATES if shortest_s <= Fraction(1, rate) <= longest_s}
        break
    return tuple(sorted(rates, reverse=True))


def _ask(ioctl: Ioctl, descriptor: int, request: int, layout: struct.Struct, *fields: object) -> tuple[int, ...] | None:
    """What the driver fills in; `None` where it has no such entry, or does not know the question."""
    room = bytearray(layout.pack(*fields))
    try:
        ioctl(descriptor, request, room)
    except OSError:
        return None
    return layout.unpack(room)


def _fraction(numerator: int, denominator: int) -> Fraction:
    return Fraction(numerator, denominator) if denominator else Fraction(0)


def _text(field: object) -> str:
    return bytes(field).partition(b"\0")[0].decode(errors="replace").strip() if isinstance(field, bytes) else ""
