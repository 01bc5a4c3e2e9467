"""Stage 3: what an owner or a user does to every picture, between the camera and the encoder.

    settings ──registry──> links ──Chain──> Picture -> Pictures         fit: any size -> the stream's

A link is one of our transforms (`crop`, `scale`, ...), one of an installed package, or a user's own `module:function`;
each gets a `Frame` and changes it. What becomes of a picture that a link fails on is that link's `on_failure`; unless
it says otherwise the picture is dropped: what a transform was meant to change (a mask, say) never gets out unchanged.

The package itself is the decorator with which a user's own function says what it is:

    @relay.transform(on_failure="skip", wants="planes")
    def brighter(frame): ...
"""

import sys
from types import ModuleType
from typing import Any

from relay.links import Emitted
from relay.pixels import Pool
from relay.transform.base import Holding, Transform
from relay.transform.chain import Chain
from relay.transform.declare import transform
from relay.transform.fit import fit
from relay.transform.frame import Frame
from relay.transform.setup import Setup

__all__ = ["Chain", "Emitted", "Frame", "Holding", "Pool", "Setup", "Transform", "fit", "transform"]


class _Package(ModuleType):
    """Python keeps a package under its name in the one above, so `relay.transform` has to be both: see the example."""

    def __call__(self, *arguments: Any, **declared: Any) -> Any:  # noqa: ANN401 - `transform` has the types
        return transform(*arguments, **declared)


sys.modules[__name__].__class__ = _Package
