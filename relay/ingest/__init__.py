"""The front for cameras and programs that push over RTMP: one port for all streams, in the parent process.

    handshake  chunks  amf0     bytes in, messages out, and back: pure
    session                     one pusher's conversation, from its first byte to its media: pure
    flv                         what goes on to the worker: pure
    admission                   which stream a pusher means, and whether its key is the right one: pure
    keys                        a stream's key, made when there is none
    outlet, front               the sockets, with all their bounds and deadlines

FFmpeg's own RTMP listener takes every key, so no pusher speaks to it: RTMP ends here, and the worker of the stream gets
FLV, whose tags hold just what RTMP's messages hold.
"""

from relay.ingest.admission import Gate, PushRule
from relay.ingest.front import RtmpFront
from relay.ingest.keys import load_or_make_push_key, push_key_path

__all__ = ["Gate", "PushRule", "RtmpFront", "load_or_make_push_key", "push_key_path"]
