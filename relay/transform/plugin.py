"""A user's own transform: `module:function`, or `module:Class` whose instances are called."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from relay.errors import TransformError, UserCodeError
from relay.transform.frame import Frame, describe
from relay.usercode import bind_parameters, find_callable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_RETURNS: Final = "a transform returns nothing (it changed the frame in place), the frame, or a BGR array"


class UserFunction:
    """A link that calls a user's function with the frame and its parameters."""

    def __init__(self, label: str, function: Callable[[Frame], object]) -> None:
        self.label = label
        self._function = function

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


def load_function(name: str, parameters: Mapping[str, Any]) -> UserFunction:
    """The link for `module:function`, or for `module:Class`, which is made once with the parameters.

    A parameter with an annotation, or with a default value, is converted to that type; others come as they were
    written.
    Raises `TransformError` where the module, the function or a parameter will not do.
    """
    try:
        target = find_callable(name)
        is_class = inspect.isclass(target)
        keywords = bind_parameters(name, target, parameters, beside="" if is_class else "the frame")
    except UserCodeError as error:
        raise TransformError(str(error)) from error
    if is_class:
        instance = _construct(name, target, keywords)
        if not callable(instance):
            raise TransformError(f"{name}: the class has no __call__(self, frame)")
        return UserFunction(name, _sync(name, instance))
    return UserFunction(name, functools.partial(_sync(name, target), **keywords))


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
