"""What every link of a chain is, and how one of our own is declared: a frozen model whose fields are its parameters."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Annotated, ClassVar, Final, Literal, Protocol

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from relay.transform.frame import Frame

MAX_SIDE: Final = 8192
"""Twice the widest H.264 picture that common players take: room to work in, and a bound on memory."""

OnFailure = Literal["skip", "freeze", "blank", "stop"]
Group = Literal["geometry", "correction", "drawing", "privacy", "watching", "models", "filters"]
Wants = Literal["planes", "bgr", "either"]


class Link(Protocol):
    """One step of a chain, ours or a user's."""

    @property
    def label(self) -> str:
        """What messages call it."""

    def apply(self, frame: Frame) -> None:
        """Change `frame`. Whatever is raised drops the picture."""


class Transform(BaseModel, ABC):
    """A transform with a name. Its fields are its parameters: typed, checked once, listed with their descriptions."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: ClassVar[str]
    group: ClassVar[Group]
    wants: ClassVar[Wants] = "planes"
    changes_size: ClassVar[bool] = False
    is_private: ClassVar[bool] = False
    may_rest: ClassVar[bool] = False

    on_failure: OnFailure = Field(default="freeze", description="what is shown where it fails")

    @property
    def label(self) -> str:
        """What messages call it."""
        return self.name

    def open(self) -> None:
        """Load models, images, tables. Raises `TransformError`."""

    @abstractmethod
    def apply(self, frame: Frame) -> None:
        """Change `frame`; raises whatever it likes, and the picture is dropped."""

    def close(self) -> None:
        """Give back what `open` took."""

    @classmethod
    def summary(cls) -> str:
        """Its first line of documentation."""
        return inspect.cleandoc(cls.__doc__ or "").partition("\n")[0]


class Holding(Transform):
    """A transform that has to see later frames before it lets an earlier one go. It is fed, and not applied."""

    @property
    @abstractmethod
    def delay_frames(self) -> int:
        """How many frames it holds, at the most, when it is fed the next."""

    @abstractmethod
    def feed(self, frame: Frame) -> list[Frame]:
        """Take `frame`. Those that may go on now, oldest first: none, one or several."""

    @abstractmethod
    def flush(self) -> list[Frame]:
        """All that are held, finished with what is known."""

    def apply(self, frame: Frame) -> None:
        """Nobody calls it."""
        raise TypeError(f"{self.label} holds frames, and so is fed {frame!r}")


def _even(value: int) -> int:
    if value % 2:
        raise ValueError("must be even, because colour has half the resolution")
    return value


Offset = Annotated[int, Field(ge=0, lt=MAX_SIDE), AfterValidator(_even)]
"""A distance in whole pairs of pixels."""
Side = Annotated[int, Field(ge=2, le=MAX_SIDE), AfterValidator(_even)]
"""A width or a height in whole pairs of pixels."""
