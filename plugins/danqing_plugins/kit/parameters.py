"""One declaration of each parameter of a model: its check and its place in a form come from the same lines.

    PARAMETERS = Parameters(
        Prompt(most=4000),
        Size(allowed=("1024x1024", "1536x1024"), default="1024x1024"),
        Whole("n", title=Text("Pictures", "张数"), description=..., least=1, most=4, default=1, group="main"),
        Choice("quality", title=..., description=..., allowed=("low", "high"), labels={"low": Text("low", "低")}),
        Seed(most=2**31 - 1),
    )

    ModelInfo(parameters=PARAMETERS.schema(), …)

    def prepare(self, request):
        fields = PARAMETERS.read(request)
        fields.finish()                      # InvalidRequest with one Problem per wrong field
        return Prepared(model=…, input=fields.given, …)

The schema is JSON Schema 2020-12 with one key more, `x-ui`, for forms: see `docs/plugins.md`, "Parameters".
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, ClassVar, Final, Literal

import attrs

from danqing_plugins.kit import texts
from danqing_plugins.kit.fields import Fields
from danqing_plugins.kit.parameter import Parameter, object_schema, read_fields
from danqing_plugins.kit.references import References
from danqing_plugins.kit.sizes import Size
from danqing_plugins.messages import Text
from danqing_plugins.models import Reference, Request

__all__ = [
    "Choice",
    "Flag",
    "Json",
    "Line",
    "Number",
    "Options",
    "Parameter",
    "Parameters",
    "Prompt",
    "References",
    "Seed",
    "Size",
    "Whole",
    "Words",
]

SCHEMA: Final = "https://json-schema.org/draft/2020-12/schema"
LARGEST_SEED: Final = 2**31 - 1
MOST_CHIPS: Final = 6


@attrs.frozen(kw_only=True)
class Line(Parameter):
    """A string of `least` to `most` characters."""

    least: int = 0
    most: int = 10_000

    def check(self, fields: Fields) -> None:
        text = fields.text(self.name)
        if text is None:
            return
        if len(text) < self.least or (self.least and not text.strip()):
            fields.refuse(self.name, texts.EMPTY_PROMPT() if self.least <= 1 else texts.TOO_SHORT(least=self.least))
        elif len(text) > self.most:
            fields.refuse(self.name, texts.TOO_LONG(count=len(text), most=self.most))
        elif "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
            fields.refuse(self.name, texts.NOT_TEXT())

    def shape(self) -> dict[str, Any]:
        least = {"minLength": self.least} if self.least else {}
        return {"type": "string", **least, "maxLength": self.most}


@attrs.frozen(kw_only=True)
class Prompt(Line):
    """What is asked for, in words; required and never blank, unless told otherwise."""

    name: str = attrs.field(default="prompt", kw_only=False)
    title: Text = Text("Prompt", "提示词")
    description: Text = Text("What the result should show, in words", "用文字描述想要的内容")
    required: bool = True
    group: Literal["main", "more"] = "main"
    least: int = 1

    usual_widget: ClassVar[str] = "prompt"


@attrs.frozen(kw_only=True)
class Choice(Parameter):
    """One of `allowed`: strings or whole numbers."""

    allowed: Sequence[str | int]

    @property
    def shown_as(self) -> str:
        return self.widget or ("chips" if len(self.allowed) <= MOST_CHIPS else "select")

    def check(self, fields: Fields) -> None:
        value = fields.values.get(self.name)
        if value is not None and not any(type(value) is type(one) and value == one for one in self.allowed):
            fields.refuse(self.name, texts.ONE_OF(allowed=", ".join(map(str, self.allowed))))

    def shape(self) -> dict[str, Any]:
        return {"enum": list(self.allowed)}


@attrs.frozen(kw_only=True)
class Whole(Parameter):
    """A whole number from `least` to `most`, a multiple of `step`; or one of `also` (-1 for "as you like", say)."""

    least: int
    most: int
    step: int = 1
    also: tuple[int, ...] = ()

    usual_widget: ClassVar[str] = "number"

    def check(self, fields: Fields) -> None:
        value = fields.values.get(self.name)
        if type(value) is int and value in self.also:
            return
        number = fields.whole(self.name, self.least, self.most)
        if number is not None and number % self.step:
            fields.refuse(self.name, texts.NO_MULTIPLE(step=self.step))

    def shape(self) -> dict[str, Any]:
        step = {"multipleOf": self.step} if self.step != 1 else {}
        shape = {"type": "integer", "minimum": self.least, "maximum": self.most, **step}
        return {"anyOf": [shape, {"enum": list(self.also)}]} if self.also else shape


@attrs.frozen(kw_only=True)
class Seed(Whole):
    """What makes a result come out alike again."""

    name: str = attrs.field(default="seed", kw_only=False)
    title: Text = Text("Seed", "随机种子")
    description: Text = Text("The same seed and prompt give a similar result", "相同的种子与提示词会得到相近的结果")
    least: int = 0
    most: int = LARGEST_SEED

    usual_widget: ClassVar[str] = "seed"


@attrs.frozen(kw_only=True)
class Number(Parameter):
    """A number from `least` to `most`; `step` is for the form alone."""

    least: float
    most: float
    step: float | None = None

    usual_widget: ClassVar[str] = "number"

    def check(self, fields: Fields) -> None:
        fields.number(self.name, self.least, self.most)

    def shape(self) -> dict[str, Any]:
        return {"type": "number", "minimum": self.least, "maximum": self.most}

    def hints(self) -> dict[str, Any]:
        return {"step": self.step}


@attrs.frozen(kw_only=True)
class Flag(Parameter):
    """True or false."""

    usual_widget: ClassVar[str] = "switch"

    def check(self, fields: Fields) -> None:
        fields.flag(self.name)

    def shape(self) -> dict[str, Any]:
        return {"type": "boolean"}


@attrs.frozen(kw_only=True)
class Words(Parameter):
    """A list of `least` to `most` strings of at most `longest` characters each; of `allowed` ones, if any are."""

    least: int = 0
    most: int
    longest: int = 1000
    allowed: Sequence[str] = ()

    @property
    def shown_as(self) -> str:
        return self.widget or ("chips" if self.allowed else "json")

    def check(self, fields: Fields) -> None:
        value = fields.values.get(self.name)
        if value is None:
            return
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            fields.refuse(self.name, texts.NO_LIST())
        elif not self.least <= len(value) <= self.most:
            fields.refuse(self.name, texts.LIST_COUNT(least=self.least, most=self.most, count=len(value)))
        elif any(len(each) > self.longest for each in value):
            fields.refuse(self.name, texts.LONG_ITEM(most=self.longest))
        elif self.allowed and not set(value) <= set(self.allowed):
            fields.refuse(self.name, texts.ONE_OF(allowed=", ".join(self.allowed)))

    def shape(self) -> dict[str, Any]:
        one = {"enum": list(self.allowed)} if self.allowed else {"type": "string", "maxLength": self.longest}
        return {"type": "array", "items": one, "minItems": self.least, "maxItems": self.most}


@attrs.frozen(kw_only=True)
class Options(Parameter):
    """An object of parameters."""

    parameters: tuple[Parameter, ...]

    usual_widget: ClassVar[str] = "group"

    def check(self, fields: Fields) -> None:
        inner = fields.object(self.name)
        if inner is not None:
            inner.refuse_unknown([each.name for each in self.parameters])
            read_fields(inner, self.parameters)

    def shape(self) -> dict[str, Any]:
        return object_schema(self.parameters)


@attrs.frozen(kw_only=True)
class Json(Parameter):
    """Anything else: `like` is its JSON Schema, and `refuses` says what is wrong with a value, None for nothing."""

    like: Mapping[str, Any]
    refuses: Callable[[Any], str | None] = attrs.field(default=lambda _: None)

    usual_widget: ClassVar[str] = "json"

    def check(self, fields: Fields) -> None:
        if fields.has(self.name) and (message := self.refuses(fields.values[self.name])) is not None:
            fields.refuse(self.name, message)

    def shape(self) -> dict[str, Any]:
        return dict(self.like)


class Parameters:
    """All parameters of a model, in the order of its form."""

    def __init__(self, *parameters: Parameter) -> None:
        self.all = parameters
        self.names = tuple(parameter.name for parameter in parameters)

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the input."""
        return {"$schema": SCHEMA, **object_schema(self.all)}

    def read(
        self,
        request: Request,
        *,
        model: str = "",
        elsewhere: Mapping[str, Sequence[str]] | None = None,
        optional: Collection[str] = (),
    ) -> Fields:
        """Check the input and the references of *request*, and return its fields with all their problems.

        *elsewhere* has, for each parameter of other models, the ids of those that take it: who sends one that
        *model* does not take is told so. *optional* are not required in this very request. See `Fields.finish`.
        """
        fields = Fields(request.input)
        references: dict[str, list[Reference]] = {}
        for reference in request.references:
            references.setdefault(reference.key, []).append(reference)
        _refuse_elsewhere(fields, self.names, model, elsewhere or {})
        read_fields(fields, self.all, {*references, *optional})
        for parameter in self.all:
            fields.problems += parameter.refused_references(references.pop(parameter.name, ()))
        for name, strangers in references.items():
            fields.refuse(name, texts.REFERENCE_COUNT(allowed=texts.NO_REFERENCES(), count=len(strangers)))
        return fields


def _refuse_elsewhere(
    fields: Fields, names: Collection[str], model: str, elsewhere: Mapping[str, Sequence[str]]
) -> None:
    for name, models in elsewhere.items():
        if name not in names and fields.has(name):
            takers = texts.TAKERS(models=", ".join(models)) if models else texts.NO_TAKERS()
            fields.refuse(name, texts.NOT_TAKEN(model=model, takers=takers))
    fields.refuse_unknown([*names, *elsewhere], lambda: names)
