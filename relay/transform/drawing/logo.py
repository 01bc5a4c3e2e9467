"""`logo`: a PNG with alpha, in a corner or anywhere else."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PrivateAttr

from relay.errors import TransformError
from relay.transform.base import Group, Transform, Wants
from relay.transform.drawing.files import read_regular
from relay.transform.drawing.stamp import Anchor, Stamp, place

if TYPE_CHECKING:
    from relay.transform.frame import Frame

_MAX_BYTES: Final = 8 * 1024 * 1024
_MAX_SIDE: Final = 4096
"""A picture of that size takes 64 MB while it is read: a file of a few bytes can claim much more."""
_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_SIZE: Final = struct.Struct(">4sII")
_SIZE_AT: Final = 12
"""Width and height in the IHDR chunk, which is the first (ISO/IEC 15948 §11.2.2)."""


class Logo(Transform):
    """Puts a PNG picture with alpha on top."""

    name: ClassVar = "logo"
    group: ClassVar[Group] = "drawing"
    wants: ClassVar[Wants] = "either"

    path: Path = Field(description="a PNG file; its alpha says how much of the picture is seen through it")
    position: Anchor = Field(default="top-right", description="corner, edge or center of the picture")
    size: float = Field(default=0.12, gt=0, le=1, description="height in shares of the picture's")
    margin: float = Field(default=0.03, ge=0, le=0.5, description="distance from the edges, in shares of the height")
    opacity: float = Field(default=1.0, ge=0, le=1, description="of the whole logo")
    _image: NDArray[np.float32] | None = PrivateAttr(default=None)
    _size: tuple[int, int] = PrivateAttr(default=(0, 0))
    _stamp: Stamp | None = PrivateAttr(default=None)

    def open(self) -> None:
        """Read the file. Raises `TransformError`, which says what is wrong with it."""
        self._image, self._stamp = read_png(self.path), None

    def apply(self, frame: Frame) -> None:
        """Blend the logo in; it is scaled once for each size of picture."""
        if self._stamp is None or self._size != frame.size:
            image = self._image if self._image is not None else read_png(self.path)
            self._stamp, self._size = self._scaled(image, *frame.size), frame.size
        stamp = self._stamp
        where = place(self.position, frame.size, (stamp.width, stamp.height), round(self.margin * frame.height))
        stamp.blend(frame, *where)

    def close(self) -> None:
        """Forget the picture."""
        self._image = self._stamp = None

    def _scaled(self, image: NDArray[np.float32], width: int, height: int) -> Stamp:
        rows, columns = image.shape[:2]
        scale = min(self.size * height / rows, width / columns)
        size = (max(1, round(columns * scale)), max(1, round(rows * scale)))
        interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        scaled = np.asarray(cv2.resize(image, size, interpolation=interpolation), np.float32)
        alpha = scaled[..., 3:]
        bgr = scaled[..., :3] / np.maximum(alpha, 1e-6)
        bgra = np.dstack([np.clip(bgr, 0, 1), alpha * self.opacity])
        return Stamp(np.asarray(np.rint(bgra * 255), np.uint8))


def read_png(path: Path) -> NDArray[np.float32]:
    """B, G, R and alpha of a PNG, 0 to 1, shape `(height, width, 4)`; the colours are multiplied by alpha.

    So it can be scaled: of colours that are not, those of clear pixels would shine through at the edges. Raises
    `TransformError` for what is no PNG, or a larger one than a logo is.
    """
    content = read_regular(path, _MAX_BYTES)
    if not content.startswith(_SIGNATURE) or len(content) < _SIZE_AT + _SIZE.size:
        raise TransformError(f"{path}: is no PNG file")
    chunk, width, height = _SIZE.unpack_from(content, _SIZE_AT)
    if chunk != b"IHDR" or not 0 < max(width, height) <= _MAX_SIDE:
        raise TransformError(f"{path}: is {width}x{height}, and {_MAX_SIDE} is the most that a side may have")
    decoded = _decoded(content)
    if decoded is None:
        raise TransformError(f"{path}: is a PNG file that cannot be read: it is damaged")
    return _premultiplied(decoded)


def _decoded(content: bytes) -> NDArray[np.uint8 | np.uint16] | None:
    try:
        image: NDArray[Any] | None = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        return None
    return image if image is not None and image.dtype in (np.uint8, np.uint16) else None


def _premultiplied(image: NDArray[np.uint8 | np.uint16]) -> NDArray[np.float32]:
    """Grey, BGR or BGRA of 8 or 16 bits as BGRA from 0 to 1, its colours multiplied by alpha."""
    shares = np.asarray(image / np.float32(np.iinfo(image.dtype).max), np.float32)
    if shares.ndim == 2:
        shares = np.dstack([shares] * 3)
    if shares.shape[2] == 3:
        shares = np.dstack([shares, np.ones(shares.shape[:2], np.float32)])
    shares[..., :3] *= shares[..., 3:]
    return np.asarray(shares, np.float32)
