"""Files that an owner names, read with limits: no device, no pipe that never ends, and no more than was expected."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from relay.errors import TransformError

if TYPE_CHECKING:
    from pathlib import Path


def read_regular(path: Path, max_bytes: int) -> bytes:
    """The content of a regular file of at most `max_bytes`. Raises `TransformError`, which says what is wrong."""
    try:
        # A pipe would be waited for where it is opened; a regular file does not mind.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise TransformError(f"{path}: is no regular file")
            content = file.read(max_bytes + 1)
    except OSError as error:
        raise TransformError(f"{path}: cannot be read: {error.strerror or error}") from error
    if len(content) > max_bytes:
        raise TransformError(f"{path}: has more than {max_bytes} bytes")
    return content
