"""What every link of a chain is, and how one of our own is declared: a frozen model whose fields are its parameters.

open()   once, in the chain's thread, before the first frame: models, images, tables
apply()  for every frame; a `Holding` transform is fed instead, and lets frames go when it has seen enough
close()  once, in the same thread
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Literal, Protocol, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PrivateAttr, model_validator

from relay.errors import TransformError
from relay.walls import NO_TAPS, Taps

if TYPE_CHECKING:
    from relay.transform.frame import Frame

MAX_SIDE: Final = 8192
"""Twice the widest H.264 picture that common players take: room to work in, and a bound on memory."""

OnFailure = Literal["skip", "freeze", "blank", "stop"]
"""What becomes of a picture where a transform fails.

`skip`: it goes on as it came to this transform. `freeze`: it is not shown, the one before it stays. `blank`: a black
one of the same size goes out, and nothing else. `stop`: the stream goes to its slate and says why.
"""
ON_FAILURE: Final[tuple[OnFailure, ...]] = get_args(OnFailure)

Group = Literal["geometry", "correction", "drawing", "privacy", "watching", "models", "filters"]
"""What a transform is for, as they are listed."""
GROUPS: Final[tuple[Group, ...]] = get_args(Group)

Wants = Literal["planes", "bgr", "either"]
"""What of a frame a transform works on: `either` takes it as it is."""


class Link(Protocol):
    """One step of a chain, ours or a user's."""

    @property
    def label(self) -> str:
        """What messages call it."""

    @property
    def wants(self) -> Wants:
        """What it works on."""

    @property
    def changes_size(self) -> bool:
        """Whether frames leave it in another size than they came in."""

    @property
    def is_private(self) -> bool:
        """Whether it hides something: then a picture that it did not finish goes out black, whatever is set."""

    @property
    def may_rest(self) -> bool:
        """Whether it may be left out of every other frame where the chain is too slow."""

    @property
    def on_failure(self) -> OnFailure:
        """What becomes of a picture that it fails on."""

    def open(self) -> None:
        """Load what it needs. Whatever is raised keeps the chain from beginning, or, with `skip`, leaves it out."""

    def apply(self, frame: Frame) -> None:
        """Change `frame`. Whatever is raised is a failure."""

    def close(self) -> None:
        """Give back what `open` took."""


class Transform(BaseModel, ABC):
    """A transform with a name. Its fields are its parameters: typed, checked once, listed with their descriptions.

    What it remembers from frame to frame, and the buffers that it works in, are `pydantic.PrivateAttr` fields. All of
    it is used in one thread.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: ClassVar[str]
    group: ClassVar[Group]
    wants: ClassVar[Wants] = "planes"
    changes_size: ClassVar[bool] = False
    is_private: ClassVar[bool] = False
    """It hides something, and so fails closed: `on_failure` is always `blank`."""
    may_rest: ClassVar[bool] = False
    """In a chain that is too slow it may be left out of every second, third ... frame: it only looks."""

    on_failure: OnFailure = Field(
        default="freeze",
        description="what is shown where it fails: skip, the picture without it; freeze, the one before; blank, black; "
        "stop, the slate",
    )

    @model_validator(mode="before")
    @classmethod
    def _fails_closed(cls, values: Any) -> Any:  # noqa: ANN401 - whatever it is made from
        if not cls.is_private or not isinstance(values, dict):
            return values
        if values.get("on_failure", "blank") != "blank":
            raise ValueError('on_failure is always "blank" in a transform that hides something: leave it out')
        return {**values, "on_failure": "blank"}

    @property
    def label(self) -> str:
        """What messages call it: its name or, where a user's own has none, its class's."""
        return getattr(type(self), "name", type(self).__qualname__)

    def open(self) -> None:
        """Load models, images, tables: once, in the chain's thread, before the first frame.

        Raises `TransformError` where something is missing, with what it is and how to get it.
        """

    @abstractmethod
    def apply(self, frame: Frame) -> None:
        """Change `frame`; raises whatever it likes, and `on_failure` says what is shown."""

    def close(self) -> None:
        """Give back what `open` took. In the chain's thread; also where `open` failed half way."""

    @classmethod
    def summary(cls) -> str:
        """Its first line of documentation."""
        return inspect.cleandoc(cls.__doc__ or "").partition("\n")[0]


class Holding(Transform):
    """A transform that has to see later frames before it lets an earlier one go. It is fed, and not applied.

    Frames stay valid as long as it holds them. It lets all of them go, in their order, changed in place. One that does
    otherwise says so: where `keeps_all` is false it may leave frames out, whose slots then repeat the picture before,
    and make new ones, as long as their slots go up.
    """

    keeps_all: ClassVar[bool] = True
    """Whether what it gives are the very frames that it was given, each of them once."""

    @property
    @abstractmethod
    def delay_frames(self) -> int:
        """How many frames it holds, at the most, when it is fed the next."""

    @abstractmethod
    def feed(self, frame: Frame) -> list[Frame]:
        """Take `frame`. Those that may go on now, oldest first: none, one or several."""

    @abstractmethod
    def flush(self) -> list[Frame]:
        """All that are held, finished with what is known: no later frame will come, or only after a hole in time.

        It is also how a chain makes it forget them, after a failure; what comes back is not shown then.
        """

    def apply(self, frame: Frame) -> None:
        """Nobody calls it."""
        raise TypeError(f"{self.label} holds frames, and so is fed {frame!r}")


class Showing(Transform):
    """A transform that shows other streams of the relay: `meet` says where they are, before `open`."""

    _taps: Taps = PrivateAttr(default=NO_TAPS)

    def meet(self, taps: Taps) -> None:
        """Where the other streams leave their pictures."""
        self._taps = taps

    def open(self) -> None:
        """Raises `TransformError` where there are no other streams."""
        if not self._taps.folder:
            raise TransformError(
                "there are no other streams here: it shows those that `relay serve` runs beside this one"
            )


def _even(value: int) -> int:
    if value % 2:
        raise ValueError("must be even, because colour has half the resolution")
    return value


Offset = Annotated[int, Field(ge=0, lt=MAX_SIDE), AfterValidator(_even)]
"""A distance in whole pairs of pixels."""
Side = Annotated[int, Field(ge=2, le=MAX_SIDE), AfterValidator(_even)]
"""A width or a height in whole pairs of pixels."""
