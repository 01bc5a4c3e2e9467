"""MPEG-TS for players that know no fMP4, made of CMAF segments that were published already: pure, bytes to bytes.

read.py      our own `moof`, `mdat` and `avcC` -> samples, the keyframe that comes first, parameter sets
packets.py   payloads -> packets of 188 bytes; the two tables
segment.py   the video and audio segment of one number -> one TS segment

Nothing is kept from one segment to the next: each is a function of the CMAF that it is made of. So any may be asked
for first, a relay that restarts, or a second one on the same camera, makes the same bytes, and they join all the same:
times are those of the epoch, and every continuity counter comes round to 0 at the end of each segment.
"""

from relay.mpegts.read import leading_keyframe_bytes
from relay.mpegts.segment import overhead_bps, transport_segment

__all__ = ["leading_keyframe_bytes", "overhead_bps", "transport_segment"]
