"""Paints the slate, anew only when what it says or shows has changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from relay import slate
from relay.errors import ConfigError, ProtocolError
from relay.model import StreamState

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from relay import wire
    from relay.config import StreamSettings
    from relay.model import StreamFormat, StreamHealth

log = structlog.get_logger()


class SlatePainter:
    """The slate of one stream, of its format's size."""

    def __init__(self, name: str, settings: StreamSettings, stream: StreamFormat) -> None:
        self._name = name
        self._format = stream
        self._image = _image_of(settings, stream)
        self._painted: NDArray[np.uint8] | None = None
        self._reason = ""

    def forget(self) -> None:
        """The last picture or the beginning of the outage is another one: paint anew."""
        self._painted = None

    def paint(self, health: StreamHealth, since_ns: int, last: NDArray[np.uint8] | None) -> NDArray[np.uint8]:
        """The slate as I420, for an outage since `since_ns`, out of `last`, the last picture that left the chain."""
        if self._painted is None or health.reason != self._reason:
            state = "Connecting" if health.state is StreamState.CONNECTING else "Offline"
            words = slate.Words.of(self._name, since_ns, health.reason, state=state)
            base, is_image = (last, False) if self._image is None else (self._image, True)
            self._reason = health.reason
            self._painted = slate.render(self._format.width, self._format.height, words, base, is_image=is_image)
        return self._painted


def picture_of(start: wire.Start) -> NDArray[np.uint8] | None:
    """The picture to go on with. One that cannot be read is none: it must not end every worker that takes over."""
    stream = start.format
    if not start.data:
        return None
    try:
        return slate.from_jpeg(start.data, stream.width, stream.height, stream.matrix)
    except ProtocolError as error:
        log.warning("the last picture cannot be shown again", error=str(error))
        return None


def _image_of(settings: StreamSettings, stream: StreamFormat) -> NDArray[np.uint8] | None:
    """The owner's image for the slate. It was readable when the relay began; one that is gone costs no stream."""
    if settings.slate_image is None:
        return None
    try:
        return slate.read_image(settings.slate_image, stream.width, stream.height, stream.matrix)
    except ConfigError as error:
        log.warning("the slate shows the last picture in place of slate_image", error=str(error))
        return None
