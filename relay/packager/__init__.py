"""Stage 5: access units become CMAF initialization segments and parts.

stored.py   a picture as an encoder writes it -> as MP4 stores it, by codec (pure)
annexb.py   H.264 (pure)
av1.py      AV1, and its initialization segment (pure)
boxes.py    one fragment: `moof` + `mdat` (pure)
init.py     the initialization segment, by FFmpeg's muxer, and its RFC 6381 name
cmaf.py     access units in order -> parts on the grid (pure)

nal.py      H.264 and H.265 as cameras send them, taken apart (pure); H.265 of encoders, too
cut.py      pictures that are copied -> runs between keyframes (pure)
copied.py   runs -> segments, and the sound beside them (pure)
"""

from relay.packager.cmaf import AudioPackager, VideoPackager
from relay.packager.copied import COPIED_TIMESCALE, CopiedPackager, Span, SpanAudioPackager
from relay.packager.cut import KeyframeCut, Run
from relay.packager.init import VideoShape, make_audio_init, make_copied_init, make_video_init

__all__ = [
    "COPIED_TIMESCALE",
    "AudioPackager",
    "CopiedPackager",
    "KeyframeCut",
    "Run",
    "Span",
    "SpanAudioPackager",
    "VideoPackager",
    "VideoShape",
    "make_audio_init",
    "make_copied_init",
    "make_video_init",
]
