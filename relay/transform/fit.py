"""The last step of every picture: the size that the stream has, whatever the camera or the chain made of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from relay.pixels import letterbox

if TYPE_CHECKING:
    from relay.model import Picture
    from relay.pixels import I420


def fit(picture: Picture, width: int, height: int, out: I420 | None = None) -> I420:
    """The picture's I420 at exactly `width` x `height`: aspect kept, black bars where it does not reach.

    The picture's own array comes back when the size is right already; else `out`, whose shape must be
    `(height * 3 // 2, width)` (see `Pool.i420`), or a new array where none is given.
    """
    return letterbox(picture.i420, width, height, out)
