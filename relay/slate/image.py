"""An image of the owner's for the slate, in any format that OpenCV reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from relay.errors import ConfigError, ProtocolError
from relay.slate.jpeg import from_jpeg

if TYPE_CHECKING:
    from pathlib import Path

    from relay.model import Matrix
    from relay.pixels import I420


def read_image(path: Path, width: int, height: int, matrix: Matrix = "bt709") -> I420:
    """The image as I420 in `matrix` at exactly `width` x `height`, its aspect kept. Raises `ConfigError`."""
    try:
        return from_jpeg(path.read_bytes(), width, height, matrix)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except ProtocolError:
        raise ConfigError(f"{path}: is no image that can be read: give a JPEG, PNG, WebP, BMP or TIFF file") from None
