"""What every parameter has in common: see `parameters`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar, Final, Literal

import attrs

from danqing_plugins.errors import Problem
from danqing_plugins.kit import texts
from danqing_plugins.kit.fields import Fields
from danqing_plugins.messages import Text
from danqing_plugins.models import Reference

__all__ = ["WIDGETS", "Parameter", "object_schema", "read_fields"]

STEP: Final = 10
"""Between the orders of two fields, so that another can stand between them."""

WIDGETS: Final = frozenset(
    {"prompt", "text", "size", "references", "switch", "chips", "select", "number", "seed", "group", "json"}
)


@attrs.frozen(kw_only=True)
class Parameter(ABC):
    """What every parameter says of itself.

    `title` and `description` are for people, in both languages. `default` is what the *service* does when it is
    left out; None: the service decides, or there is none. `group` is `main` for what a form shows at once. `unit`
    stands behind the field (`s`, `px`). `labels` name the values of a choice. `when` names the values of other
    fields under which this one has an effect (None among them: absent); a form hides it otherwise, and with
    `strict` it is refused. `advice` is what is better but not required. `widget` None: what suits the kind.
    """

    name: str = attrs.field(kw_only=False)
    title: Text
    description: Text
    required: bool = False
    default: Any = None
    group: Literal["main", "more"] = "more"
    unit: Text | str | None = None
    labels: Mapping[str, Text] = attrs.field(factory=dict)
    when: Mapping[str, Sequence[Any]] = attrs.field(factory=dict)
    strict: bool = False
    advice: Text | None = None
    deprecated: bool = False
    widget: str | None = None

    usual_widget: ClassVar[str] = "text"

    @property
    def shown_as(self) -> str:
        """The widget of its field."""
        return self.widget or self.usual_widget

    @abstractmethod
    def check(self, fields: Fields) -> None:
        """Record what is wrong with a value that was given."""

    @abstractmethod
    def shape(self) -> dict[str, Any]:
        """Return the keys of JSON Schema that say which values are taken."""

    def hints(self) -> dict[str, Any]:
        """Return what `x-ui` has beside the common keys."""
        return {}

    def refused_references(self, references: Sequence[Reference]) -> Sequence[Problem]:
        """Return what is wrong with the pictures that this field named."""
        return ()

    def schema(self, order: int) -> dict[str, Any]:
        """Return the schema of the value; *order* is its place in the form."""
        hints = {
            "unit": self.unit,
            "labels": dict(self.labels),
            "when": {name: list(values) for name, values in self.when.items()},
            "advice": self.advice,
            **self.hints(),
        }
        return {
            "title": self.title,
            "description": self.description,
            **self.shape(),
            **({} if self.default is None else {"default": self.default}),
            **({"deprecated": True} if self.deprecated else {}),
            "x-ui": {
                "order": order,
                "group": self.group,
                "widget": self.shown_as,
                **{name: hint for name, hint in hints.items() if hint not in (None, {}, [], ())},
            },
        }


def read_fields(fields: Fields, parameters: Sequence[Parameter], given: Collection[str] = ()) -> None:
    """Check *fields* by *parameters*; nothing is required of those that are *given* elsewhere."""
    for parameter in parameters:
        if fields.has(parameter.name):
            parameter.check(fields)
            if parameter.strict and not _applies(parameter, fields):
                fields.refuse(parameter.name, texts.HAS_NO_EFFECT(when=_conditions(parameter)))
        elif parameter.required and parameter.name not in given:
            fields.refuse(parameter.name, texts.REQUIRED())


def _applies(parameter: Parameter, fields: Fields) -> bool:
    return all(fields.values.get(name) in values for name, values in parameter.when.items())


def _conditions(parameter: Parameter) -> str:
    return ", ".join(
        f"{name}: {' / '.join('-' if value is None else str(value) for value in values)}"
        for name, values in parameter.when.items()
    )


def object_schema(parameters: Sequence[Parameter]) -> dict[str, Any]:
    """Return the JSON Schema of an object of *parameters*, which stand in a form in this order."""
    return {
        "type": "object",
        "properties": {each.name: each.schema(STEP * place) for place, each in enumerate(parameters, 1)},
        "required": [each.name for each in parameters if each.required],
        "additionalProperties": False,
    }
