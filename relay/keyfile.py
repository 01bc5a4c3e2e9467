"""A secret of 32 bytes in a file of the data folder, made at first use and readable by its owner alone.

It appears whole or not at all, and when two relays start at once both end with the same one. The file holds hexadecimal
digits and a line end.
"""

from __future__ import annotations

import binascii
import os
import secrets
from typing import TYPE_CHECKING, Final

from relay.errors import DataFolderError

if TYPE_CHECKING:
    from pathlib import Path

KEY_BYTES: Final = 32


def load_or_make(path: Path, what: str) -> bytes:
    """The secret in `path`; `what` it is, as errors say it. Raises `DataFolderError`."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            _make(path)
        if path.stat().st_mode & 0o077:
            path.chmod(0o600)
        key = binascii.unhexlify(path.read_bytes().strip())
    except OSError as error:
        raise DataFolderError(f"{path}: the {what} cannot be kept here: {error.strerror}") from error
    except binascii.Error:
        key = b""
    if len(key) != KEY_BYTES:
        raise DataFolderError(f"{path}: is not a {what}; remove it and a new one is made")
    return key


def _make(path: Path) -> None:
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_hex(KEY_BYTES).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            path.hardlink_to(temporary)  # unlike a rename it never replaces the key that another relay has just made
        except FileExistsError:
            return
    finally:
        temporary.unlink(missing_ok=True)
