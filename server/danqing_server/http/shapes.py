"""What is sent and taken, declared once: each shape is a TypedDict, and the OpenAPI document is made of it.

Who makes an answer returns the shape, so that mypy compares the two and nothing is spent on it at run time. A
member's type says what it is; `Annotated[…, said(…)]` adds what a type cannot say. A class is called as in the
document, but for the suffix `Shape`; its docstring is the description there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from functools import cache
from types import UnionType
from typing import Annotated, Any, NotRequired, TypeVar, Union, get_args, get_origin, get_type_hints, is_typeddict

import attrs

__all__ = ["Moment", "Said", "closed", "example_of", "extended", "members_of", "ref", "said", "schemas_of"]


T = TypeVar("T", bound=type)

Schema = dict[str, object]
"""A schema, or an example: JSON."""

_ADDITIONAL = "__danqing_additional__"


def closed(shape: T) -> T:
    """Say of a shape that clients send that what is not declared is refused."""
    setattr(shape, _ADDITIONAL, False)
    return shape


def extended(shape: T) -> T:
    """Say of a shape that it may hold more than is declared: what a provider adds."""
    setattr(shape, _ADDITIONAL, True)
    return shape


@attrs.frozen(eq=False)  # a type that is annotated has to be hashable
class Said:
    """What the document says of a member beside its type. `keywords` are JSON Schema's; no example: its type's."""

    description: str
    examples: tuple[object, ...]
    keywords: Mapping[str, object]


def said(description: str = "", *examples: object, **keywords: object) -> Said:
    """Say what a member is, with an example as it stands in JSON, and keywords of JSON Schema."""
    return Said(description, examples, keywords)


Moment = Annotated[datetime, said("RFC 3339, UTC", "2026-11-24T02:00:00Z")]

_SCALARS: Mapping[object, Mapping[str, object]] = {
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    str: {"type": "string"},
    datetime: {"type": "string", "format": "date-time"},
    object: {},
    Any: {},
}


@cache
def members_of(shape: type) -> Mapping[str, object]:
    """Return the members of a shape by name, each with its type as it was declared."""
    return get_type_hints(shape, include_extras=True)


def schemas_of(*shapes: type) -> dict[str, Schema]:
    """Return the schemas of *shapes* and of all that stand in them, by the name each has in the document."""
    found: dict[str, Schema] = {}
    for shape in shapes:
        if _name(shape) not in found:
            found[_name(shape)] = _object(shape)
            found |= schemas_of(*(inner for hint in members_of(shape).values() for inner in _shapes_in(hint)))
    return found


def ref(shape: type) -> Schema:
    """Return the reference to a shape's schema."""
    return {"$ref": f"#/components/schemas/{_name(shape)}"}


def example_of(shape: type) -> Schema:
    """Return an example of a shape; a member that is not always there is in it when it has an example of its own.

    Raises:
        LookupError: a member has none.
    """
    return {name: _example(hint) for name, hint in members_of(shape).items() if _is_exemplary(hint)}


def _name(shape: type) -> str:
    return shape.__name__.removesuffix("Shape")


def _object(shape: type) -> Schema:
    members = members_of(shape)
    schema: Schema = {"type": "object", "properties": {n: _schema(hint) for n, hint in members.items()}}
    required = [name for name, hint in members.items() if get_origin(hint) is not NotRequired]
    if required:
        schema["required"] = required
    if hasattr(shape, _ADDITIONAL):
        schema["additionalProperties"] = getattr(shape, _ADDITIONAL)
    if shape.__doc__:
        schema["description"] = " ".join(shape.__doc__.split())
    return schema


def _schema(hint: object) -> Schema:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is NotRequired:
        return _schema(arguments[0])
    if origin is Annotated:
        inner, notes = _notes(hint)
        schema = _schema(inner)
        for note in notes:
            schema = _noted(schema, note)
        return schema
    if origin in (Union, UnionType):
        kinds = [_schema(each) for each in _without_none(arguments)]
        schema = kinds[0] if len(kinds) == 1 else {"anyOf": kinds}
        return _nullable(schema) if type(None) in arguments else schema
    if origin is list:
        return {"type": "array", "items": _schema(arguments[0])}
    if origin is not None:
        return {"type": "object", "additionalProperties": _schema(arguments[1]) or True}
    if isinstance(hint, type) and is_typeddict(hint):
        return ref(hint)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return {"type": "string", "enum": [word.value for word in hint]}
    return dict(_SCALARS[hint])


def _noted(schema: Schema, note: Said) -> Schema:
    told: Schema = {"description": note.description} if note.description else {}
    if note.examples and "$ref" not in schema:
        told["example"] = note.examples[0]
    return {**_alone(schema), **told, **note.keywords} if told or note.keywords else schema


def _nullable(schema: Schema) -> Schema:
    return {**_alone(schema), "nullable": True}


def _alone(schema: Schema) -> Schema:
    """Return *schema* with room for more: a reference takes no sibling in OpenAPI 3.0."""
    return {"allOf": [schema]} if "$ref" in schema else schema


def _is_exemplary(hint: object) -> bool:
    if get_origin(hint) is not NotRequired:
        return True
    return any(note.examples for note in _notes(get_args(hint)[0])[1])


def _example(hint: object) -> object:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is NotRequired:
        return _example(arguments[0])
    if origin is Annotated:
        inner, notes = _notes(hint)
        told = [note.examples[0] for note in notes if note.examples]
        return told[-1] if told else _example(inner)
    if origin in (Union, UnionType):
        return _example(_without_none(arguments)[0])
    if origin is list:
        return [_example(arguments[0])]
    if isinstance(hint, type) and is_typeddict(hint):
        return example_of(hint)
    raise LookupError(f"{hint} has no example")


def _notes(hint: object) -> tuple[object, tuple[Said, ...]]:
    """Return a type and what is said of it, the innermost first."""
    if get_origin(hint) is not Annotated:
        return hint, ()
    inner, *notes = get_args(hint)
    return inner, tuple(note for note in notes if isinstance(note, Said))


def _without_none(arguments: tuple[object, ...]) -> list[object]:
    return [each for each in arguments if each is not type(None)]


def _shapes_in(hint: object) -> Iterator[type]:
    if isinstance(hint, type) and is_typeddict(hint):
        yield hint
    for argument in get_args(hint):
        yield from _shapes_in(argument)
