"""relay: any camera in, HLS out.

camera ──source──> packets ──decode──> Picture ──transform──> Picture ──encode──> AccessUnit ──packager──> Part
                                   one worker process per camera (worker), watched by the supervisor
Part ──playlist──> rolling window ──serve──> every HLS player ──sessions──> who watched, how long, how well
"""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from relay.source.own import Image, Sound, Source
    from relay.transform import Frame
    from relay.transform.declare import transform

__all__ = ["Frame", "Image", "Sound", "Source", "__version__", "transform"]

__version__ = version("relay-hls")


def __getattr__(name: str) -> Any:  # noqa: ANN401 - the module protocol of PEP 562
    """Import what needs OpenCV or FFmpeg only when it is asked for: the serving process does without."""
    if name == "Frame":
        from relay.transform import Frame  # noqa: PLC0415 - see above

        return Frame
    if name == "transform":
        return import_module("relay.transform")  # which can be called: it is the decorator
    if name in {"Image", "Sound", "Source"}:
        from relay.source import own  # noqa: PLC0415 - see above

        return getattr(own, name)
    raise AttributeError(f"module 'relay' has no attribute {name!r}")
