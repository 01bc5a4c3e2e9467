"""A stream's push key where its settings have none: made once, and kept in a file that only its owner can read."""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING, Final

from relay.errors import DataFolderError

if TYPE_CHECKING:
    from pathlib import Path

KEY_BYTES: Final = 18
"""144 bits, 24 characters: short enough to be typed into a camera, once."""


def push_key_path(folder: Path, stream: str) -> Path:
    """Where the key of `stream` is kept, in the data folder `folder`."""
    return folder / "streams" / f"{stream}.push-key"


def load_or_make_push_key(folder: Path, stream: str) -> str:
    """The kept key of `stream`, made now if there is none. Raises `DataFolderError` where the file cannot be used."""
    path = push_key_path(folder, stream)
    try:
        key = path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        key = ""
    except (OSError, UnicodeDecodeError) as error:
        raise DataFolderError(f"{path} cannot be read: {error}") from error
    if key:
        return key
    key = secrets.token_urlsafe(KEY_BYTES)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(f"{key}\n")
    except OSError as error:
        raise DataFolderError(f"{path} cannot be written: {error.strerror}") from error
    return key
