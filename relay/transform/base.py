"""What every link of a chain is, and how one of our own is declared: a frozen model whose fields are its parameters."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Annotated, ClassVar, Final, Protocol

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from relay.transform.frame import Frame

MAX_SIDE: Final = 8192
"""Twice the widest H.264 picture that common players take: room to work in, and a bound on memory."""


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

    @property
    def label(self) -> str:
        """What messages call it."""
        return self.name

    @abstractmethod
    def apply(self, frame: Frame) -> None:
        """Change `frame`; raises whatever it likes, and the picture is dropped."""

    @classmethod
    def summary(cls) -> str:
        """Its first line of documentation."""
        return inspect.cleandoc(cls.__doc__ or "").partition("\n")[0]


def _even(value: int) -> int:
    if value % 2:
        raise ValueError("must be even, because colour has half the resolution")
    return value


Offset = Annotated[int, Field(ge=0, lt=MAX_SIDE), AfterValidator(_even)]
"""A distance in whole pairs of pixels."""
Side = Annotated[int, Field(ge=2, le=MAX_SIDE), AfterValidator(_even)]
"""A width or a height in whole pairs of pixels."""
