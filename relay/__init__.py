"""relay: any camera in, HLS out.

camera ──source──> packets ──decode──> Picture ──transform──> Picture ──encode──> AccessUnit ──packager──> Part
                                   one worker process per camera (worker), watched by the supervisor
Part ──playlist──> rolling window ──serve──> every HLS player ──sessions──> who watched, how long, how well
"""

from importlib.metadata import version

__version__ = version("relay-hls")
