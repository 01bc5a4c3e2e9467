"""Pictures of one stream in a mapped file: a writer never waits, and a reader never takes half of one for a whole.

    FOLDER/NAME.tap = header (a page)  picture 0  picture 1          pictures are I420, each from a page on

    header          magic  version  width  height  matrix  fresh_for_ns  newest (0, 1, or -1: none yet)
    of each picture sequence  slot  time_ns  written_ns              all of them 64-bit integers of this machine

What keeps both sides right, whatever the other one does:

1. A file has one size for ever. A picture of another size, and every new writer, makes a file of its own, whole before
   it takes the name: so what readers have mapped never shrinks, and a writer that outlives its heir is heard no more.
2. The writer fills the picture that is not the newest. Its sequence is odd before the first byte changes and even, and
   another one, after the last did: whoever reads looks at it before and after (a sequence lock). What a writer that
   was killed left half written stays odd, and the one before stays the newest.
3. A reader checks width, height and matrix once, against bounds and the file's own size, and goes by its copy of them.
4. The age of a picture is told by the monotonic clock, which all processes of a machine share, and not by the wall's.

Reserving the file's memory when it is made, and not when it is first written to, makes a full /dev/shm an error that
can be told, where it would be a signal that kills.
"""

from __future__ import annotations

import mmap
import os
import stat
import sys
import tempfile
import threading
import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from relay.timeline import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from relay.model import Matrix, Picture
    from relay.pixels import I420

PAGE_BYTES: Final = 4096
MAX_SIDE: Final = 8192
MIN_FRESH_NS: Final = NS_PER_S // 2
MAX_FRESH_NS: Final = 60 * NS_PER_S
"""What `stall_after_s` may be: a reader believes no file that says otherwise."""

FOLLOW_EVERY_NS: Final = NS_PER_S // 4
"""How soon a reader notices that there is another file, or one at all."""
ATTEMPTS: Final = 3
"""To be overtaken, a reader has to take as long as lies between two pictures. After so many times it waits for the next
turn."""

_MAGIC: Final = int.from_bytes(b"relaytap", sys.byteorder)
_VERSION: Final = 1
_MATRICES: Final[tuple[Matrix, ...]] = ("bt709", "smpte170m")
_NONE_YET: Final = -1

_HEADER_WORDS: Final = 7
_NEWEST: Final = 6
_PICTURES_AT: Final = 16
_PICTURE_WORDS: Final = 8
_SEQUENCE, _SLOT, _TIME, _WRITTEN = range(4)

_order = threading.Lock()


def _fence() -> None:
    """All memory accesses before it come before all behind it.

    x86 keeps stores and loads in their order by itself; ARM does not. Twice through a lock is a barrier there too: what
    lies before is done when the lock is released, nothing behind begins before it is taken, and the second taking does
    not overtake the first release (Arm ARM B2.3, store-release and load-acquire).
    """
    with _order:
        pass
    with _order:
        pass


class Seen(NamedTuple):
    """A picture in shared memory, which may change at any moment: it cannot be written to, and is not to be kept."""

    i420: I420
    matrix: Matrix
    slot: int
    time_ns: int


class Sight(StrEnum):
    """What a look at a stream found."""

    NEW = "new"
    SAME = "same"
    """What was taken last is still what the stream shows."""
    AWAY = "away"
    """There is nothing that is not too old."""


class _Mapped:
    """A file of a known size in memory, to be read or written."""

    def __init__(self, memory: mmap.mmap, width: int, height: int, matrix: Matrix, fresh_for_ns: int) -> None:
        self.width, self.height, self.matrix, self.fresh_for_ns = width, height, matrix, fresh_for_ns
        self.words: NDArray[np.int64] = np.frombuffer(memory, np.int64, PAGE_BYTES // 8)
        size = width * height * 3 // 2
        self.pictures: list[I420] = [
            np.frombuffer(memory, np.uint8, size, PAGE_BYTES + index * _room(width, height)).reshape(-1, width)
            for index in range(2)
        ]

    @property
    def newest(self) -> int | None:
        """Which picture is the newest; `None` if there is none yet, or if what stands there cannot be."""
        newest = int(self.words[_NEWEST])
        return newest if newest in {0, 1} else None

    def get(self, index: int, field: int) -> int:
        """One number of picture `index`."""
        return int(self.words[_PICTURES_AT + index * _PICTURE_WORDS + field])

    def set(self, index: int, field: int, value: int) -> None:
        """The same, to be written."""
        self.words[_PICTURES_AT + index * _PICTURE_WORDS + field] = value


class TapWriter:
    """Leaves the pictures of one stream for others. One thread; a writer that was there before is replaced.

    `fresh_for_ns` is for how long each counts as what the stream shows now.
    """

    def __init__(
        self, folder: Path, stream: str, fresh_for_ns: int, monotonic_ns: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self._path = _path(folder, stream)
        self._fresh_for_ns = min(max(fresh_for_ns, MIN_FRESH_NS), MAX_FRESH_NS)
        self._monotonic_ns = monotonic_ns
        self._file: _Mapped | None = None
        self._key: tuple[int, int] | None = None
        self._number = 0

    def write(self, picture: Picture, matrix: Matrix) -> None:
        """Leave `picture`. One copy, but for the first of its size. Raises `OSError` where there is no room for it."""
        file = self._file
        if file is None or (file.width, file.height, file.matrix) != (picture.width, picture.height, matrix):
            file = self._replace(picture.width, picture.height, matrix)
        index = self._begin(file)
        np.copyto(file.pictures[index], picture.i420)
        self._finish(file, index, picture)

    def close(self) -> None:
        """Leave nothing behind, but for readers who have it still. An heir's file stays. May be called twice."""
        key, self._file, self._key = self._key, None, None
        try:
            if key is not None and _key_of(self._path.lstat()) == key:
                self._path.unlink()
        except FileNotFoundError:
            pass  # the relay is ending, and has removed the folder

    def _begin(self, file: _Mapped) -> int:
        index = 1 - (file.newest or 0)
        file.set(index, _SEQUENCE, 2 * self._number + 1)
        _fence()
        return index

    def _finish(self, file: _Mapped, index: int, picture: Picture) -> None:
        file.set(index, _SLOT, picture.slot)
        file.set(index, _TIME, picture.time_ns)
        file.set(index, _WRITTEN, self._monotonic_ns())
        _fence()
        file.set(index, _SEQUENCE, 2 * self._number + 2)
        _fence()
        file.words[_NEWEST] = index
        self._number += 1

    def _replace(self, width: int, height: int, matrix: Matrix) -> _Mapped:
        """A file for pictures of this kind, in the place of the one before."""
        self._file, self._number = None, 0
        descriptor, name = tempfile.mkstemp(dir=self._path.parent, prefix=f".{self._path.stem}-")
        try:
            try:
                size = _size(width, height)
                _reserve(descriptor, size)
                self._key = _key_of(os.fstat(descriptor))
                memory = mmap.mmap(descriptor, size)
            finally:
                os.close(descriptor)
            file = _Mapped(memory, width, height, matrix, self._fresh_for_ns)
            told = (_MAGIC, _VERSION, width, height, _MATRICES.index(matrix), self._fresh_for_ns, _NONE_YET)
            file.words[:_HEADER_WORDS] = told
            os.replace(name, self._path)  # noqa: PTH105 - the atomic call is the point
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise
        self._file = file
        return file


class TapReader:
    """Looks at what one stream shows. One thread; what it finds is checked, whoever wrote it."""

    def __init__(self, folder: Path, stream: str, monotonic_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._path = _path(folder, stream)
        self._monotonic_ns = monotonic_ns
        self._followed_ns: int | None = None
        self._key: tuple[int, int] | None = None
        self._file: _Mapped | None = None
        self._taken = 0
        self._fresh_until_ns = -1

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height of its pictures, once there are any."""
        return None if self._file is None else (self._file.width, self._file.height)

    def look(self, take: Callable[[Seen], object]) -> Sight:
        """Give the newest picture to `take`, if that was not given yet.

        It may be called again, with another one, where the writer was faster: only what it was given last counts, and
        only if this returns `Sight.NEW`.
        """
        now_ns = self._monotonic_ns()
        if self._followed_ns is None or now_ns - self._followed_ns >= FOLLOW_EVERY_NS:
            self._follow(now_ns)
        file = self._file
        for _ in range(ATTEMPTS if file is not None else 0):
            if file is None or (index := file.newest) is None:
                break
            sequence = file.get(index, _SEQUENCE)
            _fence()
            until_ns = file.get(index, _WRITTEN) + file.fresh_for_ns
            if sequence == self._taken or not 0 <= until_ns - now_ns <= 2 * file.fresh_for_ns:
                break
            if sequence % 2 == 0 and self._take(file, index, sequence, take):
                self._taken, self._fresh_until_ns = sequence, until_ns
                return Sight.NEW
        return Sight.SAME if now_ns <= self._fresh_until_ns else Sight.AWAY

    def forget(self) -> None:
        """What was taken is to be taken again."""
        self._taken = 0

    @staticmethod
    def _take(file: _Mapped, index: int, sequence: int, take: Callable[[Seen], object]) -> bool:
        """Whether what `take` was given was one whole picture from its beginning to its end."""
        take(Seen(file.pictures[index], file.matrix, file.get(index, _SLOT), file.get(index, _TIME)))
        _fence()
        return file.get(index, _SEQUENCE) == sequence

    def _follow(self, now_ns: int) -> None:
        """Map the file that has the name now, if it is another one. What there was counts on if there is none."""
        self._followed_ns = now_ns
        try:
            key = _key_of(self._path.lstat())
        except OSError:
            if now_ns > self._fresh_until_ns:
                self._file = self._key = None
            return
        if key != self._key:
            self._file, self._key, self._taken = _mapped(self._path), key, 0


def _mapped(path: Path) -> _Mapped | None:
    """The file to be read; `None` if it is not there, or is not what a writer makes."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_size < PAGE_BYTES:
            return None
        memory = mmap.mmap(descriptor, found.st_size, access=mmap.ACCESS_READ)
    except (OSError, ValueError):
        return None
    finally:
        os.close(descriptor)
    magic, version, width, height, matrix, fresh_for_ns, _ = np.frombuffer(memory, np.int64, _HEADER_WORDS).tolist()
    is_ours = (magic, version) == (_MAGIC, _VERSION) and matrix in range(len(_MATRICES))
    is_picture = all(2 <= side <= MAX_SIDE and side % 2 == 0 for side in (width, height))
    is_true = is_ours and is_picture and MIN_FRESH_NS <= fresh_for_ns <= MAX_FRESH_NS
    if not is_true or found.st_size != _size(width, height):
        return None
    return _Mapped(memory, width, height, _MATRICES[matrix], fresh_for_ns)


def _path(folder: Path, stream: str) -> Path:
    return folder / f"{stream}.tap"


def _key_of(found: os.stat_result) -> tuple[int, int]:
    """What tells a file from another that has its name."""
    return found.st_dev, found.st_ino


def _room(width: int, height: int) -> int:
    """Bytes from one picture to the next: whole pages."""
    return -(-width * height * 3 // 2 // PAGE_BYTES) * PAGE_BYTES


def _size(width: int, height: int) -> int:
    return PAGE_BYTES + 2 * _room(width, height)


def _reserve(descriptor: int, size: int) -> None:
    """Make the file `size` bytes long, with memory for all of them. Raises `OSError` where there is none."""
    if sys.platform == "linux":
        os.posix_fallocate(descriptor, 0, size)
    else:
        block = bytes(1 << 20)
        for at in range(0, size, len(block)):
            os.pwrite(descriptor, block[: size - at], at)
