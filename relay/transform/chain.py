"""The transforms of one stream, one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from relay.errors import TransformError
from relay.pixels import Pool
from relay.transform.frame import Frame
from relay.transform.registry import make_link

if TYPE_CHECKING:
    from collections.abc import Sequence

    from relay.config import TransformSettings
    from relay.model import Picture


class Chain:
    """All links of a stream. Made and used in one thread; keeps the buffers that it works in."""

    def __init__(self, settings: Sequence[TransformSettings]) -> None:
        """Build every link; raises `TransformError` for the first that is unknown, misconfigured or not importable."""
        self._links = [make_link(link) for link in settings]
        self._pool = Pool()

    def __len__(self) -> int:
        return len(self._links)

    def process(self, picture: Picture) -> Picture:
        """`picture` after every link: same `slot` and `time_ns`, any even size.

        The chain owns `picture` from here on: links may write into its array, so nobody else may still need it. What
        comes back is not written to again by the chain. Raises `TransformError`, from what the link raised, and then
        there is no picture: one that did not pass every link must not be shown.
        """
        if not self._links:
            return picture
        frame = Frame(picture, self._pool)
        for link in self._links:
            try:
                link.apply(frame)
            except TransformError as error:
                raise TransformError(f"{link.label}: {error}") from error
            except (Exception, SystemExit) as error:  # a link is anybody's code, and may raise anything
                raise TransformError(f"{link.label} raised {_what(error)}") from error
        return frame.picture()


def _what(error: BaseException) -> str:
    """The exception in words, with the line of the link's own code that it came through."""
    text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    traceback = error.__traceback__
    own = "relay.transform."
    while traceback and str(traceback.tb_frame.f_globals.get("__name__", "")).startswith(own):
        traceback = traceback.tb_next
    if traceback is None:
        return text
    return f"{text} (line {traceback.tb_lineno} of {traceback.tb_frame.f_code.co_filename})"
