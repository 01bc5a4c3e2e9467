"""The picture that viewers see while a camera is away: its last one, blurred and dark, with words that say why.

`render` makes it of `Words` and of the last picture, or of an image of the owner's (`read_image`). `to_jpeg` and
`from_jpeg` carry the last good picture across a restart, and out as a snapshot.
"""

from relay.slate.image import read_image
from relay.slate.jpeg import from_jpeg, to_jpeg
from relay.slate.layout import Words
from relay.slate.picture import render

__all__ = ["Words", "from_jpeg", "read_image", "render", "to_jpeg"]
