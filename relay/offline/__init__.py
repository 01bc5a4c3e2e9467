"""The chain on files, as fast as the machine can: what `relay process` runs.

    IN ──reading──> Shot, Sound ──chaining──> Shot, Sound ──writing──> OUT

Each stage has a thread, and what lies between two of them is bounded in bytes, so that both cores work and memory does
not grow. Nothing is dropped: each picture of the file goes out at its own time, or another in its place where a
transform's policy says so. OUT has its name when it is whole; a run that ends before leaves nothing.

run         the threads; told to stop, or failed      reading     demux, decode, pictures to I420
pipe        what lies between them                    chaining    the owner's chain
film        what travels                              filling     a picture for every moment (pure)
encoding    how pictures are encoded (pure)           writing     encoders and container
containers  what can be written, by its name (pure)   sound       sound as it was, or as AAC
timing      timestamps, capture times (pure)          unfinished  a file that is not whole yet
failures    what transforms failed on (pure)          events      what they noticed, line by line
progress    how far, how fast, how long yet (pure)
"""

from relay.offline.encoding import Encoding
from relay.offline.pipe import Halt
from relay.offline.progress import Progress, progress_words
from relay.offline.run import Job, Summary, process

__all__ = ["Encoding", "Halt", "Job", "Progress", "Summary", "process", "progress_words"]
