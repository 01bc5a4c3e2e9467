"""The folder in which streams leave their pictures for each other: in memory where there is room, and for nobody else.

Each data folder has one of its own name, so that a relay finds what a killed one has left there: it is removed at the
next start, and at every orderly end.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import structlog

from relay.errors import DataFolderError

if TYPE_CHECKING:
    from collections.abc import Sequence

log = structlog.get_logger()

ROOM_BYTES: Final = 16 * 1024 * 1024
"""For each stream that is shown: two pictures of 1440p, and more. Containers have 64 MB in all if nobody says more."""


def usual_places() -> list[Path]:
    """Where such a folder may be, best first: Linux has files there that are never written to a disk."""
    shared = [Path("/dev/shm")] if sys.platform == "linux" else []  # noqa: S108 - see `TapFolder`: not by a mere name
    return [*shared, Path(tempfile.gettempdir())]


class TapFolder:
    """Of mode 0700, for the relay that has the data folder `data`, where `streams` of its streams are shown by others.

    Without any, nothing is made, and `path` is empty. A folder of that name which is somebody else's is never used.
    Raises `DataFolderError` where none can be made.
    """

    def __init__(self, data: Path, streams: int, places: Sequence[Path] | None = None) -> None:
        places = usual_places() if places is None else places
        name = f"relay-{os.getuid()}-{hashlib.sha256(str(data.resolve()).encode()).hexdigest()[:16]}"
        for place in places:
            _remove(place / name)
        self.path = ""
        if streams:
            self.path = str(_made([place / name for place in places], streams * ROOM_BYTES))

    def close(self) -> None:
        """Remove it, with all that is in it. May be called twice."""
        if self.path:
            _remove(Path(self.path))


def _made(paths: Sequence[Path], room_bytes: int) -> Path:
    """The first of `paths` that can be made where there is room; if there is no such place, one without."""
    failure: OSError | None = None
    for path in [*filter(lambda path: _has_room(path.parent, room_bytes), paths), *paths]:
        try:
            path.mkdir(mode=0o700)
        except OSError as error:
            failure = error
            continue
        return path
    reason = failure.strerror if failure is not None else "there is no place for it"
    places = ", ".join(str(path.parent) for path in paths)
    raise DataFolderError(
        f"streams show each other, and no folder for their pictures can be made in {places}: {reason}; set TMPDIR to "
        "a folder that can be written"
    )


def _has_room(place: Path, room_bytes: int) -> bool:
    try:
        found = os.statvfs(place)
    except OSError:
        return False
    return found.f_bavail * found.f_frsize >= room_bytes


def _remove(path: Path) -> None:
    """Remove a folder of ours. In a place where everybody may write, what bears its name may be somebody else's."""
    try:
        found = path.lstat()
    except OSError:
        return
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        log.warning("not removed, since it is no folder of ours", path=str(path))
        return
    shutil.rmtree(path, ignore_errors=True)
