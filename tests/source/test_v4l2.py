"""Webcams as the kernel tells of them. No machine needs one for this: its side of each ioctl is played."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from relay.config import StreamSettings
from relay.errors import SourceNotFoundError
from relay.source import open_source, v4l2
from relay.source.v4l2 import Mode, list_webcams, webcam_path

CAPTURE, METADATA, DEVICE_CAPS = 0x1, 0x0080_0000, 0x8000_0000
DISCRETE, CONTINUOUS, STEPWISE = 1, 2, 3


def test_the_requests_are_those_of_the_kernel() -> None:
    # As a C compiler prints VIDIOC_QUERYCAP and its like from linux/videodev2.h.
    assert (v4l2.QUERYCAP, v4l2.ENUM_FMT) == (0x80685600, 0xC0405602)
    assert (v4l2.ENUM_FRAMESIZES, v4l2.ENUM_FRAMEINTERVALS) == (0xC02C564A, 0xC034564B)


@dataclass
class Driver:
    """One node. `formats`: FourCC to sizes; a size is (w, h) or six limits; its rates are intervals or two limits."""

    card: str = "HD Pro Webcam C920"
    caps: int = CAPTURE
    formats: dict[str, dict[tuple[int, ...], list[tuple[int, int]]]] = field(default_factory=dict)
    size_type: int = DISCRETE
    rate_type: int = DISCRETE
    is_endless: bool = False

    def answer(self, request: int, room: bytearray) -> None:
        if request == v4l2.QUERYCAP:
            caps = (DEVICE_CAPS | CAPTURE | METADATA, self.caps) if self.caps else (CAPTURE, 0)
            struct.pack_into("=16s32s32sIII", room, 0, b"uvcvideo", self.card.encode(), b"usb-1", 0x60100, *caps)
            return
        index, first = struct.unpack_from("=II", room)
        if request == v4l2.ENUM_FMT:
            assert first == 1, "V4L2_BUF_TYPE_VIDEO_CAPTURE"
            struct.pack_into("=32s4s", room, 12, b"a format", self._entry(list(self.formats), index).encode())
            return
        sizes = self.formats[struct.pack("=I", first).decode()]
        if request == v4l2.ENUM_FRAMESIZES:
            size = self._entry(list(sizes), index)
            struct.pack_into(f"={1 + len(size)}I", room, 8, self.size_type, *size)
            return
        assert request == v4l2.ENUM_FRAMEINTERVALS
        rates = sizes.get(struct.unpack_from("=II", room, 8), next(iter(sizes.values())))
        if self.rate_type == DISCRETE:
            struct.pack_into("=III", room, 16, self.rate_type, *self._entry(rates, index))
        else:
            struct.pack_into("=I6I", room, 16, self.rate_type, *rates[0], *rates[1], 0, 0)

    def _entry(self, entries: list[Any], index: int) -> Any:
        if self.is_endless:
            return entries[0]
        if index >= len(entries):
            raise OSError(22, "Invalid argument")
        return entries[index]


class Machine:
    """/sys and /dev in a folder, and drivers behind the nodes."""

    def __init__(self, folder: Path) -> None:
        self.sysfs, self.dev = folder / "sys", folder / "dev"
        self.sysfs.mkdir()
        self.dev.mkdir()
        self._drivers: dict[str, Driver | None] = {}

    def plug(self, number: int, driver: Driver | None, name: str = "a camera") -> None:
        node = f"video{number}"
        (self.sysfs / node).mkdir()
        (self.sysfs / node / "name").write_text(f"{name}\n")
        (self.dev / node).touch()
        self._drivers[str(self.dev / node)] = driver

    def ioctl(self, descriptor: int, request: int, room: bytearray) -> None:
        driver = self._drivers[str(Path(f"/proc/self/fd/{descriptor}").readlink())]
        if driver is None:
            raise OSError(25, "Inappropriate ioctl for device")
        driver.answer(request, room)

    def driver(self, number: int) -> Driver:
        driver = self._drivers[str(self.dev / f"video{number}")]
        assert driver is not None
        return driver

    def list(self) -> list[v4l2.Webcam]:
        return list_webcams(self.sysfs, self.dev, self.ioctl)

    def path(self, wanted: str) -> str:
        return webcam_path(wanted, self.sysfs, self.dev, self.ioctl).removeprefix(f"{self.dev}/")


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_webcam_with_its_modes_and_without_its_metadata_node(machine: Machine) -> None:
    formats = {
        "MJPG": {(1920, 1080): [(1, 30), (1, 15)], (640, 480): [(1001, 30000)]},
        "YUYV": {(640, 480): [(1, 30)]},
        "Z16 ": {(640, 480): []},
    }
    machine.plug(10, Driver(card="Other", caps=0))
    machine.plug(2, Driver(formats=formats))
    machine.plug(3, Driver(caps=METADATA))
    (machine.sysfs / "v4l-subdev0").mkdir()
    webcam, other = machine.list()
    assert (webcam.path, webcam.name, webcam.bus) == (str(machine.dev / "video2"), "HD Pro Webcam C920", "usb-1")
    assert webcam.modes == (
        Mode("mjpeg", 1920, 1080, (Fraction(30), Fraction(15))),
        Mode("mjpeg", 640, 480, (Fraction(30000, 1001),)),
        Mode("yuyv422", 640, 480, (Fraction(30),)),
        Mode("Z16", 640, 480, ()),
    )
    assert (other.name, other.modes) == ("Other", ())


@pytest.mark.parametrize("kind", [STEPWISE, CONTINUOUS])
def test_of_a_camera_that_scales_the_usual_sizes_and_rates(machine: Machine, kind: int) -> None:
    limits = (32, 2592, 2, 32, 1944, 2)
    driver = Driver(formats={"YU12": {limits: [(1, 90), (1, 15)]}}, size_type=kind, rate_type=kind)
    machine.plug(0, driver)
    (webcam,) = machine.list()
    assert [(mode.width, mode.height) for mode in webcam.modes][-3:] == [(1920, 1080), (2560, 1440), (2592, 1944)]
    assert {mode.rates for mode in webcam.modes} == {tuple(map(Fraction, (60, 50, 30, 25, 20, 15)))}


def test_a_driver_that_never_says_that_is_all(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(v4l2, "_MAX_ENTRIES", 4)
    for kind in (DISCRETE, CONTINUOUS):  # of which the first lists its sizes for ever, too
        machine.plug(kind, Driver(formats={"MJPG": {(640, 480): [(0, 0)]}}, is_endless=True))
        if kind == CONTINUOUS:
            driver = machine.driver(kind)
            driver.size_type, driver.formats = kind, {"MJPG": {(640, 640, 0, 480, 480, 0): [(1, 30)]}}
    endless, scaling = machine.list()
    assert set(endless.modes) == {Mode("mjpeg", 640, 480, ())}
    assert set(scaling.modes) == {Mode("mjpeg", 640, 480, (Fraction(30),))}


def test_one_that_cannot_be_asked_is_listed_with_the_reason(machine: Machine) -> None:
    machine.plug(0, None, "Silent Cam")
    machine.plug(1, Driver(), "Locked Cam")
    (machine.dev / "video1").unlink()
    silent, locked = machine.list()
    assert (silent.name, silent.trouble) == ("Silent Cam", "does not say what it can do")
    assert (locked.name, locked.trouble) == ("Locked Cam", "may not be opened: No such file or directory")
    (machine.sysfs / "video1" / "name").unlink()
    assert machine.list()[1].name == "video1"


def test_by_name_by_number_and_by_path(machine: Machine) -> None:
    machine.plug(0, Driver("Integrated Camera: Front"))
    machine.plug(2, Driver("HD Pro Webcam C920"))
    assert machine.path("HD Pro Webcam C920") == "video2"
    assert machine.path("c920") == "video2"
    assert machine.path("7") == "video7"
    assert machine.path("/dev/v4l/by-id/x") == "/dev/v4l/by-id/x"
    machine.plug(4, Driver("HD Pro Webcam C920"))
    with pytest.raises(SourceNotFoundError, match=r"several cameras are called so: .*video2 \(HD .*video4 \(HD"):
        machine.path("HD Pro Webcam C920")
    with pytest.raises(SourceNotFoundError, match=r"no camera is called so: found .*video0 \(Integrated"):
        machine.path("C930")


def test_a_name_on_a_machine_without_any(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(v4l2, "list_webcams", lambda *_: [])
    with pytest.raises(SourceNotFoundError, match="v4l2:C920: there is no camera here"):
        open_source(StreamSettings(source="v4l2:C920"), "cam")


def test_the_kernel_of_this_machine_is_asked(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.plug(0, None, "A file")
    (webcam,) = list_webcams(machine.sysfs, machine.dev)
    assert webcam.trouble == "does not say what it can do"
