"""A user's own transform that is a function, or a class whose instances are called."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from relay.errors import TransformError, UserCodeError
from relay.transform.declare import check_policy, declared_by
from relay.transform.frame import Frame, describe
from relay.usercode import bind_parameters

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from relay.transform.base import OnFailure, Wants
    from relay.transform.declare import Declared

_RETURNS: Final = "a transform returns nothing (it changed the frame in place), the frame, or a BGR array"


class UserFunction:
    """A link that calls a user's function with the frame and its parameters."""

    def __init__(self, label: str, function: Callable[[Frame], object], declared: Declared, policy: OnFailure) -> None:
        self.label = label
        self.wants: Wants = declared.wants
        self.changes_size = declared.changes_size
        self.is_private = declared.is_private
        self.may_rest = declared.may_rest
        self.on_failure: OnFailure = policy
        self._function = function

    def open(self) -> None:
        """A function has nothing to load; a class did it when it was made."""

    def apply(self, frame: Frame) -> None:
        """Call the function and take over what it returns."""
        result = self._function(frame)
        if result is None or result is frame:
            return
        if isinstance(result, Frame):
            frame.copy_from(result)
        elif isinstance(result, np.ndarray):
            frame.bgr = result
        else:
            raise TransformError(f"it returned {describe(result)}; {_RETURNS}")

    def close(self) -> None:
        """Nothing was taken."""


def link_to(name: str, target: Callable[..., Any], parameters: Mapping[str, Any]) -> UserFunction:
    """The link for a function, or for a class, which is made once with the parameters.

    A parameter with an annotation, or with a default value, is converted to that type; others come as they were
    written. `on_failure` is not the function's but the chain's: it stands above what the function was decorated with.
    Raises `TransformError` where the function or a parameter will not do.
    """
    declared = declared_by(target)
    own = {key: value for key, value in parameters.items() if key != "on_failure"}
    is_class = inspect.isclass(target)
    try:
        policy = check_policy(parameters.get("on_failure", declared.on_failure), is_private=declared.is_private)
        keywords = bind_parameters(name, target, own, beside="" if is_class else "the frame")
    except TransformError as error:
        raise TransformError(f"{name}: {error}") from error
    except UserCodeError as error:
        raise TransformError(str(error)) from error
    if is_class:
        instance = _construct(name, target, keywords)
        if not callable(instance):
            raise TransformError(f"{name}: the class has no __call__(self, frame)")
        return UserFunction(name, _sync(name, instance), declared, policy)
    return UserFunction(name, functools.partial(_sync(name, target), **keywords), declared, policy)


def _sync(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    body = function if inspect.isroutine(function) else type(function).__call__
    if any(is_kind(body) for is_kind in (inspect.iscoroutinefunction, inspect.isgeneratorfunction)):
        raise TransformError(f"{name}: is a coroutine or generator function; a transform is a plain one")
    return function


def _construct(name: str, target: Callable[..., Any], keywords: dict[str, Any]) -> object:
    try:
        return target(**keywords)
    except (Exception, SystemExit) as error:  # anybody's code
        raise TransformError(f"{name}: making it raised {type(error).__name__}: {error}") from error
