"""Sources of the user's own: what they may give, at which pace, and how they are blamed."""

from __future__ import annotations

import sys
from itertools import islice, pairwise
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

import relay
from fixtures.clock import Clock, S
from relay.config import StreamSettings
from relay.errors import SourceEndedError, SourceStalledError, SourceUnsupportedError
from relay.source import open_source
from relay.source.address import parse_address
from relay.source.own import OwnSource

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fixtures.pictures import WriteModule

pytestmark = pytest.mark.pure  # relay/usercode.py

UNIX_NS = 1_795_369_402_000_000_000


def opened(source: str, clock: Clock, **settings: object) -> OwnSource:
    stream = StreamSettings.model_validate({"source": source, **settings})
    return OwnSource(
        parse_address(source),
        stream,
        unix_ns=clock.unix_ns,
        monotonic_ns=clock.monotonic_ns,
        sleep=clock.sleep,
    )


def given(source: OwnSource) -> Iterator[Any]:
    return (item for item in source.media() if item is not None)


GENERATOR = """
import numpy as np
def frames(width: int = 64, count: int = 1000):
    for index in range(count):
        yield np.full((48, width, 3), index, np.uint8)
"""


def test_a_generator_is_asked_at_the_rate_of_the_stream(user_module: WriteModule) -> None:
    clock = Clock(UNIX_NS)
    source = opened(f"python:{user_module(GENERATOR)}:frames?width=128", clock, input_rate=10)
    assert (source.info.width, source.info.height, source.info.rate) == (128, 48, 10)
    frames = list(islice(given(source), 11))
    assert [frame.to_ndarray()[0, 0, 0] for frame in frames] == list(range(11))
    assert [(frame.pts - UNIX_NS) / S for frame in frames] == pytest.approx([n / 10 for n in range(11)])
    assert clock.elapsed_ns == pytest.approx(S)


def test_a_slow_one_is_waited_for_and_does_not_rush_afterwards(user_module: WriteModule) -> None:
    name = user_module(GENERATOR)
    clock = Clock(UNIX_NS)
    source = opened(f"python:{name}:frames", clock)
    assert source.info.rate is None
    items = given(source)
    next(items)
    clock.now_ns += 3 * S
    times = [next(items).pts - UNIX_NS for _ in range(4)]
    assert times == pytest.approx([3 * S, 3 * S + S / 30, 3 * S + S / 15, 3 * S + S / 10], abs=10)


def test_times_are_even_though_threads_wake_up_late(user_module: WriteModule) -> None:
    clock = Clock(UNIX_NS)
    source = opened(f"python:{user_module(GENERATOR)}:frames", clock)
    sleep = clock.sleep
    source._sleep = lambda seconds: sleep(seconds + 0.002)
    times = [frame.pts for frame in islice(given(source), 20)]
    assert {after - before for before, after in pairwise(times)} == {S // 30}


def test_pictures_with_times_grey_ones_and_parts_of_larger_ones(user_module: WriteModule) -> None:
    name = user_module(
        "import numpy as np, relay\n"
        "def frames() -> relay.Source:\n"
        "    yield None\n"
        "    yield relay.Image(np.full((48, 64, 3), 9, np.uint8), time_s=1795369402.5)\n"
        "    yield np.full((48, 64), 200, np.uint8)\n"
        "    yield np.zeros((96, 128, 3), np.uint8)[::2, ::-2]\n"
    )
    timed, grey, part = islice(given(opened(f"python:{name}:frames", Clock(UNIX_NS))), 3)
    assert timed.pts == 1_795_369_402_500_000_000
    assert (grey.format.name, grey.to_ndarray()[0, 0]) == ("gray", 200)
    assert (part.width, part.height, part.format.name) == (64, 48, "bgr24")


def test_sound_goes_on_where_it_ended(user_module: WriteModule) -> None:
    name = user_module(
        "import numpy as np, relay\n"
        "def frames():\n"
        "    yield np.zeros((48, 64, 3), np.uint8)\n"
        "    yield relay.Sound(np.zeros(4800, np.int16), 48000)\n"
        "    yield relay.Sound(np.zeros((4800, 2), np.float32), 48000)\n"
        "    yield relay.Sound(np.zeros((4800, 1), np.int16), 48000, time_s=5.0)\n"
        "    yield relay.Sound(np.zeros((4800, 1), np.int16), 48000)\n"
    )
    clock = Clock(UNIX_NS)
    items = given(opened(f"python:{name}:frames", clock))
    next(items)
    first, second, timed, late = islice(items, 4)
    assert all(isinstance(frame, av.AudioFrame) for frame in (first, second, timed, late))
    assert first.pts == UNIX_NS - S // 10
    assert second.pts == UNIX_NS
    assert (second.format.name, second.layout.name, second.samples) == ("flt", "stereo", 4800)
    assert timed.pts == 5 * S
    assert late.pts == UNIX_NS - S // 10


def test_a_class_is_closed_in_the_end(user_module: WriteModule) -> None:
    name = user_module(
        "import numpy as np\n"
        "CLOSED = []\n"
        "class Camera:\n"
        "    def __init__(self, number: int): self.number = number\n"
        "    def __iter__(self):\n"
        "        while True: yield np.zeros((48, 64, 3), np.uint8)\n"
        "    def close(self):\n"
        "        CLOSED.append(self.number)\n"
        "        raise ValueError('twice')\n"
    )
    source = open_source(StreamSettings(source=f"python:{name}:Camera?number=3"), "cam")
    source.close()
    assert sys.modules[name].CLOSED == [3]


@pytest.mark.parametrize(
    ("body", "leaf", "words"),
    [
        ("yield 7", SourceUnsupportedError, r"gave int; a source gives pictures \(uint8"),
        ("yield np.zeros((2, 2, 4), np.uint8)", SourceUnsupportedError, r"an array of uint8 of shape \(2, 2, 4\)"),
        ("yield np.zeros((2, 2, 3))", SourceUnsupportedError, "an array of float64"),
        ("yield np.zeros((0, 2, 3), np.uint8)", SourceUnsupportedError, r"shape \(0, 2, 3\)"),
        ("yield relay.Image(7)", SourceUnsupportedError, "gave none as a picture"),
        ("yield relay.Sound(np.zeros((9, 3), np.int16), 48000)", SourceUnsupportedError, r"shape \(9, 3\) at 48000 Hz"),
        ("yield relay.Sound(np.zeros(9, np.int32), 48000)", SourceUnsupportedError, "sound of int32"),
        ("yield relay.Sound(np.zeros(9, np.int16), 0)", SourceUnsupportedError, "at 0 Hz"),
        (
            "raise OSError('no such camera')\n    yield",
            SourceEndedError,
            r"raised OSError: no such camera \(line 3 of .*py",
        ),
        ("raise SystemExit\n    yield", SourceEndedError, "raised SystemExit "),
        ("return\n    yield", SourceEndedError, "came to its end"),
        ("while True: yield None", SourceStalledError, "no picture within 1 s"),
        ("return 7", SourceUnsupportedError, "returned int, not a generator"),
        ("raise ValueError", SourceEndedError, "raised ValueError"),
    ],
)
def test_what_will_not_do(user_module: WriteModule, body: str, leaf: type[Exception], words: str) -> None:
    name = user_module(f"import numpy as np, relay\ndef frames():\n    {body}\n")
    with pytest.raises(leaf, match=f"python:{name}:frames: .*{words}"):
        opened(f"python:{name}:frames", Clock(UNIX_NS), open_timeout_s=1)


def test_an_iterable_that_cannot_be_iterated_over(user_module: WriteModule) -> None:
    name = user_module("class Camera:\n    def __iter__(self): raise OSError('busy')\n")
    with pytest.raises(SourceEndedError, match="raised OSError: busy"):
        opened(f"python:{name}:Camera", Clock(UNIX_NS))


@pytest.mark.parametrize(
    ("rest", "words"),
    [
        (":frams", "there is no 'frams'; did you mean 'frames'?"),
        (":frames?size=3", r"unexpected keyword argument 'size' \(it takes width, count\)"),
        (":frames?width=wide", "width='wide': input should be a valid integer"),
        ("", "is not module:function"),
        ("x:y", "there is no module"),
    ],
)
def test_code_that_is_not_there(user_module: WriteModule, rest: str, words: str) -> None:
    with pytest.raises(SourceUnsupportedError, match=words):
        opened(f"python:{user_module(GENERATOR)}{rest}", Clock(UNIX_NS))


def test_a_parameter_that_may_be_a_secret_is_not_repeated(user_module: WriteModule) -> None:
    name = user_module("def frames(password: int = 0):\n    yield None\n")
    with pytest.raises(SourceUnsupportedError, match=r"password=\*\*\*: input should be a valid integer") as caught:
        opened(f"python:{name}:frames?password=hunter2", Clock(UNIX_NS))
    assert "hunter2" not in str(caught.value)


def test_a_picture_may_be_changed_once_the_next_is_asked_for(user_module: WriteModule) -> None:
    name = user_module(
        "import numpy as np\n"
        "def frames():\n"
        "    canvas = np.zeros((48, 64, 3), np.uint8)\n"
        "    while True:\n"
        "        yield canvas\n"
        "        canvas += 1\n"
    )
    items = given(opened(f"python:{name}:frames", Clock(UNIX_NS)))
    assert [next(items).to_ndarray()[0, 0, 0] for _ in range(3)] == [0, 1, 2]


def test_its_names_are_public() -> None:
    assert {"Image", "Sound", "Source"} <= set(relay.__all__)
    assert relay.Image(np.zeros((2, 2), np.uint8)).time_s is None
    assert relay.Source.__doc__
