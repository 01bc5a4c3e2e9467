"""A user's own code, `module:function`: found, and given its parameters. Transforms and sources are such functions."""

from __future__ import annotations

import difflib
import importlib
import inspect
import sys
import types
import typing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ConfigDict, PydanticUserError, TypeAdapter, ValidationError

from relay.errors import UserCodeError, is_secret

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def find_callable(name: str) -> Callable[..., Any]:
    """The function or class that `module:function` names; its module is imported, also from the working directory."""
    module_name, _, attribute = name.partition(":")
    if not all(step.isidentifier() for step in (*module_name.split("."), *attribute.split("."))):
        raise UserCodeError(f"{name!r} is not module:function")
    target: Any = _import(name, module_name)
    for step in attribute.split("."):
        if not hasattr(target, step):
            raise UserCodeError(f"{name}: {_what_there_is(target, step)}")
        target = getattr(target, step)
    if not callable(target):
        raise UserCodeError(f"{name}: is {type(target).__name__} ({target!r:.60}), not a function")
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
            raise UserCodeError(f"{name}: there is no module {error.name!r} in {folder} or installed") from error
        raise UserCodeError(f"{name}: importing {module_name} needs {error.name!r}, which is not installed") from error
    except (Exception, SystemExit) as error:  # a module's top level is anybody's code
        raise UserCodeError(f"{name}: importing {module_name} raised {type(error).__name__}: {error}") from error


def _what_there_is(target: object, missing: str) -> str:
    names = [name for name, value in vars(target).items() if callable(value) and not name.startswith("_")]
    close = difflib.get_close_matches(missing, names, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    there = f"there are {', '.join(sorted(names))}" if names else "there is no function in it"
    return f"there is no {missing!r}{hint} ({there})"


def bind_parameters(
    name: str, target: Callable[..., Any], given: Mapping[str, Any], beside: str = ""
) -> dict[str, Any]:
    """The keyword arguments for `target`, converted, after a check that it takes them.

    What has an annotation, or a plain default, is converted to that type. `beside` names the one positional argument
    that it is called with in addition, if there is one.
    """
    try:
        signature = inspect.signature(target)
    except ValueError:  # some functions written in C do not say what they take
        return dict(given)
    positional = [None] if beside else []
    try:
        signature.bind(*positional, **given)
    except TypeError as error:
        takes = ", ".join(list(signature.parameters)[len(positional) :]) or "nothing"
        if not beside:
            words = f"it takes {takes}"
        else:
            words = f"it takes nothing besides {beside}" if takes == "nothing" else f"besides {beside} it takes {takes}"
        raise UserCodeError(f"{name}: {error} ({words})") from error
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
        shown = "***" if is_secret(key) else repr(value)
        # Not from it: a traceback would show what it was given.
        raise UserCodeError(f"{name}: {key}={shown}: {text[:1].lower()}{text[1:]}") from None


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
