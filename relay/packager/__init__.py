"""Stage 5: access units become CMAF initialization segments and parts.

annexb.py   H.264 as an encoder writes it -> as MP4 stores it (pure)
boxes.py    one fragment: `moof` + `mdat` (pure)
init.py     the initialization segment, by FFmpeg's muxer, and its RFC 6381 name
cmaf.py     access units in order -> parts on the grid (pure)
"""

from relay.packager.cmaf import AudioPackager, VideoPackager
from relay.packager.init import make_audio_init, make_video_init

__all__ = ["AudioPackager", "VideoPackager", "make_audio_init", "make_video_init"]
