"""What transforms there are, and what each of them takes: for who asks on a command line, or writes it down."""

from __future__ import annotations

import inspect
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, PydanticUserError, TypeAdapter

from relay.errors import TransformError
from relay.transform.base import GROUPS, Holding, Transform
from relay.transform.declare import declared_by
from relay.transform.registry import BUILT_IN, find, installed, is_transform, own_parameters

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic.fields import FieldInfo

OWN: Final = "installed"
"""The group of what a package adds and that says none."""

_KINDS: Final = {
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "string": "text",
    "object": "table",
    "null": "none",
}
_BOUNDS: Final = (
    ("minimum", "from {}"),
    ("exclusiveMinimum", "above {}"),
    ("maximum", "to {}"),
    ("exclusiveMaximum", "below {}"),
)


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter: `kind` is what it may be, in words; `default` as it would be written, `None` if it is needed."""

    name: str
    kind: str
    default: str | None
    description: str = ""


@dataclass(frozen=True, slots=True)
class Listed:
    """One transform. `problem` is why it cannot be used, where its package is broken; nothing else is known then."""

    name: str
    group: str = OWN
    summary: str = ""
    documentation: str = ""
    wants: str = "either"
    changes_size: bool = False
    is_private: bool = False
    may_rest: bool = False
    holds_frames: bool = False
    on_failure: str = "freeze"
    parameters: tuple[Parameter, ...] = ()
    problem: str = ""


def list_all() -> list[Listed]:
    """Our own and those of installed packages, by group and name. One that is broken does not hide the others."""
    found = []
    for name in dict.fromkeys([*BUILT_IN, *(point.name for point in installed())]):
        try:
            found.append(look_up(name))
        except TransformError as error:
            found.append(Listed(name, problem=str(error)))
    return sorted(found, key=lambda one: ([*GROUPS, OWN].index(one.group), one.name))


def look_up(name: str) -> Listed:
    """The transform of that name, or the one that `module:function` names. Raises `TransformError`."""
    target = find(name)
    return _of_transform(name, target) if is_transform(target) else _of_function(name, target)


def _of_transform(name: str, transform: type[Transform]) -> Listed:
    fields = transform.model_fields
    group = getattr(transform, "group", OWN)
    named = own_parameters(transform) + ([] if transform.is_private else ["on_failure"])
    return Listed(
        name=name,
        group=group if group in GROUPS else OWN,
        summary=transform.summary(),
        documentation=inspect.cleandoc(transform.__doc__ or ""),
        wants=transform.wants,
        changes_size=transform.changes_size,
        is_private=transform.is_private,
        may_rest=transform.may_rest and not transform.is_private and not issubclass(transform, Holding),
        holds_frames=issubclass(transform, Holding),
        on_failure="blank" if transform.is_private else str(fields["on_failure"].default),
        parameters=tuple(_of_field(key, fields[key]) for key in named),
    )


def _of_field(name: str, field: FieldInfo) -> Parameter:
    default = None if field.is_required() else _written(field.get_default(call_default_factory=True, validated_data={}))
    return Parameter(name, kind_of(field.rebuild_annotation()), default, field.description or "")


def _of_function(name: str, target: Callable[..., Any]) -> Listed:
    declared = declared_by(target)
    documentation = inspect.getdoc(target) or ""
    return Listed(
        name=name,
        summary=documentation.partition("\n")[0],
        documentation=documentation,
        wants=declared.wants,
        changes_size=declared.changes_size,
        is_private=declared.is_private,
        may_rest=declared.may_rest and not declared.is_private,
        on_failure=declared.on_failure,
        parameters=tuple(_of_signature(target)),
    )


def _of_signature(target: Callable[..., Any]) -> list[Parameter]:
    try:
        found = list(inspect.signature(target).parameters.values())
    except ValueError:  # some functions written in C do not say what they take
        return []
    if not inspect.isclass(target):
        found = found[1:]  # the frame
    listed = []
    for one in found:
        stars = "**" if one.kind is one.VAR_KEYWORD else "*" if one.kind is one.VAR_POSITIONAL else ""
        default = "" if stars else None if one.default is one.empty else _written(one.default)
        kind = "" if one.annotation is one.empty else inspect.formatannotation(one.annotation).strip("'")
        listed.append(Parameter(f"{stars}{one.name}", kind or "anything", default))
    return listed


def _written(value: object) -> str:
    """A default as it would be written in a file of settings."""
    if value is None:
        return "none"
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json")
    return json.dumps(value, ensure_ascii=False, default=str)


def kind_of(annotation: Any) -> str:  # noqa: ANN401 - whatever a field is annotated with
    """What a value may be, in words: from pydantic's own account of what it takes."""
    try:
        schema = TypeAdapter(annotation).json_schema()
    except PydanticUserError:  # a type with rules of its own
        return str(getattr(getattr(annotation, "__origin__", annotation), "__name__", annotation))
    return _words(schema, schema.get("$defs", {}))


def _words(schema: dict[str, Any], shared: dict[str, Any]) -> str:
    if "$ref" in schema:
        return _words(shared[schema["$ref"].rpartition("/")[2]], shared)
    if "enum" in schema or "const" in schema:
        return " or ".join(json.dumps(value) for value in schema.get("enum", [schema.get("const")]))
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_words(one, shared) for one in schema["anyOf"] if one.get("type") != "null"))
    if schema.get("type") == "array":
        several = schema.get("prefixItems")
        items = (
            ", ".join(_words(one, shared) for one in several) if several else _words(schema.get("items", {}), shared)
        )
        return f"list of {items}"
    kind = "path" if schema.get("format") == "path" else _KINDS.get(str(schema.get("type")), "anything")
    bounds = [words.format(schema[key]) for key, words in _BOUNDS if key in schema]
    return " ".join([kind, *bounds])
