"""A user's own transform: `module:function`, or `module:Class` whose instances are called."""

from __future__ import annotations

import difflib
import functools
import importlib
import inspect
import sys
import types
import typing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from pydantic import ConfigDict, PydanticUserError, TypeAdapter, ValidationError

from relay.errors import TransformError
from relay.transform.frame import Frame, describe

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
    target = _find(name)
    if inspect.isclass(target):
        instance = _construct(name, target, _bound(name, target, parameters, has_frame=False))
        if not callable(instance):
            raise TransformError(f"{name}: the class has no __call__(self, frame)")
        return UserFunction(name, _sync(name, instance))
    keywords = _bound(name, target, parameters, has_frame=True)
    return UserFunction(name, functools.partial(_sync(name, target), **keywords))


def _find(name: str) -> Callable[..., Any]:
    module_name, _, attribute = name.partition(":")
    if not all(step.isidentifier() for step in (*module_name.split("."), *attribute.split("."))):
        raise TransformError(f"{name!r} is not module:function")
    target: Any = _import(name, module_name)
    for step in attribute.split("."):
        if not hasattr(target, step):
            raise TransformError(f"{name}: {_what_there_is(target, step)}")
        target = getattr(target, step)
    if not callable(target):
        raise TransformError(f"{name}: is {describe(target)}, not a function")
    found: Callable[..., Any] = target
    return found


def _import(name: str, module_name: str) -> types.ModuleType:
    folder = str(Path.cwd())
    if folder not in sys.path and "" not in sys.path:
        sys.path.insert(0, folder)  # where `python script.py` would look first; a console script does not
    importlib.invalidate_caches()
    try:
        return importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{module_name}.".startswith(f"{error.name}."):
            raise TransformError(f"{name}: there is no module {error.name!r} in {folder} or installed") from error
        raise TransformError(f"{name}: importing {module_name} needs {error.name!r}, which is not installed") from error
    except (Exception, SystemExit) as error:  # a module's top level is anybody's code
        raise TransformError(f"{name}: importing {module_name} raised {type(error).__name__}: {error}") from error


def _what_there_is(target: object, missing: str) -> str:
    names = [name for name, value in vars(target).items() if callable(value) and not name.startswith("_")]
    close = difflib.get_close_matches(missing, names, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    there = f"there are {', '.join(sorted(names))}" if names else "there is no function in it"
    return f"there is no {missing!r}{hint} ({there})"


def _sync(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    body = function if inspect.isroutine(function) else type(function).__call__
    if any(is_kind(body) for is_kind in (inspect.iscoroutinefunction, inspect.isgeneratorfunction)):
        raise TransformError(f"{name}: is a coroutine or generator function; a transform is a plain one")
    return function


def _construct(name: str, target: type, keywords: dict[str, Any]) -> object:
    try:
        return target(**keywords)
    except (Exception, SystemExit) as error:  # anybody's code
        raise TransformError(f"{name}: making it raised {type(error).__name__}: {error}") from error


def _bound(name: str, target: Callable[..., Any], given: Mapping[str, Any], *, has_frame: bool) -> dict[str, Any]:
    """The keyword arguments for `target`, converted, after a check that it takes them."""
    try:
        signature = inspect.signature(target)
    except ValueError:  # some functions written in C do not say what they take
        return dict(given)
    frame = [None] if has_frame else []
    try:
        signature.bind(*frame, **given)
    except TypeError as error:
        takes = list(signature.parameters)[len(frame) :]
        words = f"besides the frame it takes {', '.join(takes)}" if takes else "it takes nothing besides the frame"
        raise TransformError(f"{name}: {error} ({words})") from error
    scope = getattr(inspect.unwrap(target), "__globals__", None) or vars(sys.modules[target.__module__])
    return {key: _converted(name, key, value, signature.parameters.get(key), scope) for key, value in given.items()}


def _converted(
    name: str, key: str, value: object, parameter: inspect.Parameter | None, scope: dict[str, Any]
) -> object:
    wanted = _type_of(parameter, scope)
    if wanted is None:
        return value
    try:
        adapter: TypeAdapter[object] = TypeAdapter(wanted, config=ConfigDict(arbitrary_types_allowed=True))
        return adapter.validate_python(value)
    except PydanticUserError:  # a type with rules of its own: its function knows best what to do with the value
        return value
    except ValidationError as error:
        text = error.errors()[0]["msg"]
        raise TransformError(f"{name}: {key}={value!r}: {text[:1].lower()}{text[1:]}") from error


def _type_of(parameter: inspect.Parameter | None, scope: dict[str, Any]) -> Any:  # noqa: ANN401 - annotations are any object
    """What a parameter is annotated with, else the type of its default where that is a plain value, else `None`."""
    if parameter is None or parameter.kind is parameter.VAR_KEYWORD:
        return None
    if parameter.annotation is not parameter.empty:
        holder = types.SimpleNamespace(__annotations__={"it": parameter.annotation})
        try:
            return typing.get_type_hints(holder, globalns=scope, include_extras=True)["it"]
        except (NameError, AttributeError, TypeError, SyntaxError):  # named for type checkers only
            return None
    if isinstance(parameter.default, (bool, int, float, str)):
        return type(parameter.default)
    return None
