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

__all__ = ["Parameter", "object_schema", "read_fields"]

STEP: Final = 10
"""Between the orders of two fields, so that another can stand between them."""


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
    labels: Mapping[Any, Text] = attrs.field(factory=dict)
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

    def schema(self, order: int, beside: Collection[str] | None = None) -> dict[str, Any]:
        """Return the schema of the value; *order* is its place in the form, *beside* the names of all fields there.

        A condition on a field that this model does not have is none.
        """
        hints = {
            "unit": self.unit,
            "labels": {str(value): label for value, label in self.labels.items()},
            "when": {name: list(values) for name, values in self.when.items() if beside is None or name in beside},
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
    names = {parameter.name for parameter in parameters}
    for parameter in parameters:
        if fields.has(parameter.name):
            parameter.check(fields)
            if parameter.strict and (unmet := _unmet(parameter, fields, names)):
                fields.refuse(parameter.name, texts.HAS_NO_EFFECT(when=unmet))
        elif parameter.required and parameter.name not in given:
            fields.refuse(parameter.name, texts.REQUIRED())


def _unmet(parameter: Parameter, fields: Fields, names: Collection[str]) -> str:
    """Say in words which conditions of *parameter* are not met; empty when all are."""
    return ", ".join(
        f"{name}: {' / '.join('-' if value is None else str(value) for value in values)}"
        for name, values in parameter.when.items()
        if name in names and fields.values.get(name) not in values
    )


def object_schema(parameters: Sequence[Parameter]) -> dict[str, Any]:
    """Return the JSON Schema of an object of *parameters*, which stand in a form in this order."""
    names = {each.name for each in parameters}
    return {
        "type": "object",
        "properties": {each.name: each.schema(STEP * place, names) for place, each in enumerate(parameters, 1)},
        "required": [each.name for each in parameters if each.required],
        "additionalProperties": False,
    }
