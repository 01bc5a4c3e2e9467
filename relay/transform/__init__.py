"""Stage 3: what an owner or a user does to every picture, between the camera and the encoder.

    settings ──registry──> links ──Chain──> Picture -> Picture          fit: any size -> the stream's

A link is one of our transforms (`crop`, `scale`, ...) or a user's own `module:function`; each gets a `Frame` and
changes it. A link that fails raises `TransformError` out of `Chain.process`, and the picture is dropped: what a
transform was meant to change (a mask, say) never gets out unchanged.
"""

from relay.pixels import Pool
from relay.transform.base import Transform
from relay.transform.chain import Chain
from relay.transform.fit import fit
from relay.transform.frame import Frame

__all__ = ["Chain", "Frame", "Pool", "Transform", "fit"]
