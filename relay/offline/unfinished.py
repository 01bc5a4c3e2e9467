"""A file that is being made: beside the place where it will be, under a name of its own, until it is whole."""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING, Self

from relay.errors import ConfigError, OutputError

if TYPE_CHECKING:
    from pathlib import Path


class Unfinished:
    """A context: `path` can be written in it, and is gone after it, unless `keep` gave it its name.

    On the same file system, so that it changes names and is not copied: nobody ever sees half of it. Raises
    `ConfigError` where `target` is there already and may not be replaced, `OutputError` where nothing can be written.
    """

    def __init__(self, target: Path, *, overwrite: bool) -> None:
        self._target = target
        self._overwrite = overwrite
        self._is_kept = False
        self.path = target.with_name(f".relay-{secrets.token_hex(4)}{target.suffix}.part")
        try:
            if target.is_dir():
                raise ConfigError(f"{target}: is a folder: name a file in it")
            if os.path.lexists(target) and not overwrite:
                raise ConfigError(f"{target}: is there already: give another name, or --overwrite to replace it")
            self.path.touch(exist_ok=False)
        except OSError as error:
            raise OutputError(f"{target}: nothing can be written there: {error.strerror or error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if not self._is_kept:
            self.path.unlink(missing_ok=True)

    def keep(self) -> None:
        """It is whole: give it its name. Raises `OutputError`; what was made is then still there, under the other."""
        self._is_kept = True
        if os.path.lexists(self._target) and not self._overwrite:
            raise OutputError(f"{self._target}: has come into being meanwhile: what was made is {self.path}")
        try:
            self.path.replace(self._target)
        except OSError as error:
            reason = error.strerror or error
            raise OutputError(f"{self._target}: cannot be replaced: {reason}: what was made is {self.path}") from error
