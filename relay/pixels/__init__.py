"""What `transform` and `slate` share of pictures: the planes of I420, buffers that are used again, and text.

Everything here works on `uint8` arrays with OpenCV (4.10 and later, 5) and swscale, and imports no stage. A picture is
I420 as `model.Picture` describes it: shape `(height * 3 // 2, width)`, both even, limited range.
"""

from relay.pixels.colour import SWSCALE_MATRIX, bgr_from_i420, i420_from_bgr, recolour, ycbcr_from_bgr
from relay.pixels.lent import LentPicture
from relay.pixels.planes import I420, Bgr, Plane, Planes, letterbox, new_i420, split
from relay.pixels.pool import Pool
from relay.pixels.video import video_frame

__all__ = [
    "I420",
    "SWSCALE_MATRIX",
    "Bgr",
    "LentPicture",
    "Plane",
    "Planes",
    "Pool",
    "bgr_from_i420",
    "i420_from_bgr",
    "letterbox",
    "new_i420",
    "recolour",
    "split",
    "video_frame",
    "ycbcr_from_bgr",
]
