"""Stage 4: pictures and samples on the grid become access units.

video.py     one picture a slot -> H.264, IDR where the caller says, a bit rate that never exceeds what is declared
conform.py   sound of any format and clock -> 48 kHz stereo on the epoch's sample clock, drift absorbed
grid.py      chunks of samples with gaps and overlaps -> contiguous AAC frames (pure)
audio.py     AAC frames -> AAC packets
"""

from relay.encode.audio import AudioEncoder
from relay.encode.conform import AudioConformer
from relay.encode.grid import AudioChunk, SampleGrid
from relay.encode.video import VideoEncoder, default_bitrate_kbps

__all__ = ["AudioChunk", "AudioConformer", "AudioEncoder", "SampleGrid", "VideoEncoder", "default_bitrate_kbps"]
