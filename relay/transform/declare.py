"""`relay.transform`: what a user's own function or class says of itself, beside doing it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar, get_args, overload

from relay.errors import TransformError
from relay.transform.base import ON_FAILURE, OnFailure, Wants

if TYPE_CHECKING:
    from collections.abc import Callable

F = TypeVar("F", bound="Callable[..., Any]")

_MARK: Final = "__relay_transform__"


@dataclass(frozen=True, slots=True)
class Declared:
    """What is known of a user's transform before it is called."""

    on_failure: OnFailure = "freeze"
    wants: Wants = "either"
    changes_size: bool = False
    is_private: bool = False
    may_rest: bool = False


@overload
def transform(function: F, /) -> F: ...


@overload
def transform(
    *,
    on_failure: OnFailure | None = None,
    wants: Wants = "either",
    changes_size: bool = False,
    is_private: bool = False,
    may_rest: bool = False,
) -> Callable[[F], F]: ...


def transform(
    function: F | None = None,
    /,
    *,
    on_failure: OnFailure | None = None,
    wants: Wants = "either",
    changes_size: bool = False,
    is_private: bool = False,
    may_rest: bool = False,
) -> F | Callable[[F], F]:
    """Say of a function or class of your own what `relay` cannot see. It stays what it is, and can be called as ever.

        @relay.transform(on_failure="skip", wants="planes", may_rest=True)
        def look(frame: relay.Frame, threshold: int = 40) -> None: ...

    `on_failure` is what becomes of a picture where it raises: `freeze` (it is not shown, the one before it stays; the
    default), `skip` (it goes on as it came), `blank` (black goes out) or `stop` (the stream goes to its slate). The
    settings may say otherwise. `wants` is what it works on: "planes", "bgr" or "either". `changes_size`: pictures
    leave it in another size. `is_private`: it hides something, and is always `blank`; it fails too where it takes
    longer than four frames last. `may_rest`: it only looks, and may be left out of every other frame where the chain
    is too slow. Raises `TransformError` for other words than these.
    """
    if on_failure is None:
        on_failure = "blank" if is_private else "freeze"
    check_policy(on_failure, is_private=is_private)
    if wants not in get_args(Wants):
        raise TransformError(f"wants={wants!r}: is one of {', '.join(get_args(Wants))}")
    declared = Declared(on_failure, wants, changes_size, is_private, may_rest)

    def mark(function: F) -> F:
        setattr(function, _MARK, declared)
        return function

    return mark if function is None else mark(function)


def declared_by(target: object) -> Declared:
    """What was said of `target`, a function, class or instance; nothing in particular where it is not decorated."""
    declared = getattr(target, _MARK, None)
    return declared if isinstance(declared, Declared) else Declared()


def check_policy(policy: object, *, is_private: bool) -> OnFailure:
    """`policy`, if it is one that such a transform may have. Raises `TransformError`."""
    for known in ON_FAILURE:
        if known != policy:
            continue
        if is_private and known != "blank":
            raise TransformError(f'on_failure={policy!r}: is always "blank" for what hides something: leave it out')
        return known
    raise TransformError(f"on_failure={policy!r}: is one of {', '.join(ON_FAILURE)}")
