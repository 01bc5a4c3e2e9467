"""The picture that viewers see while a camera is away: its last one, blurred and dark, with words that say why.

`render` makes it; `to_jpeg` and `from_jpeg` carry the last good picture across a restart, and out as a snapshot.
"""

from relay.slate.jpeg import from_jpeg, to_jpeg
from relay.slate.picture import render

__all__ = ["from_jpeg", "render", "to_jpeg"]
