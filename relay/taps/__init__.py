"""Pictures of other streams, through shared memory: for walls, pictures in pictures and mosaics.

    worker of `door` ──TapWriter──> FOLDER/door.tap ──TapReader──> Tile ──> the wall's canvas
                                    two buffers                    its own size, or the words that it is offline

Only what left a stream's chain of transforms is ever written (`worker.tapping`). The folder is the supervisor's, of
mode 0700, and in memory where there is room; a stream that nobody shows writes nothing.

memory   the file: a writer that never waits, readers that never show half of a picture
layout   where each picture stands: pure
tile     one stream's place: scaled when there is a new picture, and what it shows when there is none
"""

from relay.taps.layout import Cell, cells
from relay.taps.memory import Seen, Sight, TapReader, TapWriter
from relay.taps.tile import Tile, paste

__all__ = ["Cell", "Seen", "Sight", "TapReader", "TapWriter", "Tile", "cells", "paste"]
