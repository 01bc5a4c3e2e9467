"""Stage 2: from a source's packets to pictures and sound with capture times on the relay's clock.

decoder     the thread: connects, reads, retries       connection   decoders, guards and clock of one connection
guard       timestamps made fit to be used (pure)      picture      frames of every kind as I420
clock       timestamps to the wall clock (pure)        drift        sound whose clock runs away (pure)
sender      capture times that a camera tells          deinterlace  combs made whole
copying     packets that are passed on as they are
ports       what is needed of `source`, what is given
"""

from relay.decode.copying import CopiedVideo
from relay.decode.decoder import Decoder
from relay.decode.guard import AudioGuard, TimestampGuard
from relay.decode.picture import display_size, own_planes, to_i420
from relay.decode.ports import CopyTaker, DecodedAudio, DecodedVideo, RetryPolicy, Source
from relay.decode.still import Still, decode_keyframe

__all__ = [
    "AudioGuard",
    "CopiedVideo",
    "CopyTaker",
    "DecodedAudio",
    "DecodedVideo",
    "Decoder",
    "RetryPolicy",
    "Source",
    "Still",
    "TimestampGuard",
    "decode_keyframe",
    "display_size",
    "own_planes",
    "to_i420",
]
