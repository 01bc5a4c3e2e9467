"""Stage 4: pictures and samples on the grid become access units.

video.py     one picture a slot -> coded, IDR where the caller says, a bit rate that never exceeds what is declared
encoders.py  which encoders of FFmpeg's there are for it, and what each is told (pure)
choice.py    which of them work here: hardware is tried, and software is what remains
coder.py     one of them, open
bucket.py    whether there is room for another picture, of an encoder that does not ask itself (pure)
conform.py   sound of any format and clock -> 48 kHz stereo on the epoch's sample clock, drift absorbed
grid.py      chunks of samples with gaps and overlaps -> contiguous AAC frames (pure)
still.py     the slate of a stream whose pictures are copied: H.264 or H.265
audio.py     AAC frames -> AAC packets
"""

from relay.encode.audio import AudioEncoder
from relay.encode.conform import AudioConformer
from relay.encode.grid import AudioChunk, SampleGrid
from relay.encode.still import STILL_RATE, StillEncoder
from relay.encode.still import can_encode as can_encode_still
from relay.encode.video import VideoEncoder

__all__ = [
    "STILL_RATE",
    "AudioChunk",
    "AudioConformer",
    "AudioEncoder",
    "SampleGrid",
    "StillEncoder",
    "VideoEncoder",
    "can_encode_still",
]
