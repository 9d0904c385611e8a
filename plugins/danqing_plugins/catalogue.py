"""What a provider says of itself and its models."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from functools import cached_property
from typing import Any, Literal

import attrs

__all__ = ["Limits", "ModelInfo", "OutputKind", "Price", "ProviderInfo"]


class OutputKind(StrEnum):
    """What an output is. Texts and other data are no outputs: they are a `Result`."""

    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"
    MODEL = "model"
    FILE = "file"


@attrs.frozen(kw_only=True)
class Price:
    """What one `unit` costs, in millionths of a unit of `currency` (ISO 4217), so that sums are exact.

    A model's list price may be by any unit; what `Prepared` says is for one output of that very request, or for the
    call of a task without outputs. `most_micro` is the upper end of an estimate, None when the price is exact.
    """

    amount_micro: int
    currency: str
    unit: Literal["output", "megapixel", "second", "token", "call"] = "output"
    most_micro: int | None = None

    @property
    def dearest_micro(self) -> int:
        """What it comes to at the most."""
        return self.amount_micro if self.most_micro is None else self.most_micro


def several(told: str | Iterable[str]) -> tuple[str, ...]:
    """Return texts as a tuple; one alone, as in `("image")`, is that one and not its letters."""
    return (told,) if isinstance(told, str) else tuple(told)


@attrs.frozen(kw_only=True)
class ModelInfo:
    """One model of a provider, as listed by `GET /api/v1/providers`.

    `parameters` is a JSON Schema (2020-12) of the `input` object, for forms and documentation: an object with
    `properties` and `required`. `price` is None when unknown. `kind` is what its outputs are. `lane` is a word that
    models share whose limits are their own (see `ProviderInfo.lanes`), None where the provider's hold.
    `finds_orders`: `Provider.find_order` may tell what became of a call whose answer was lost.
    """

    id: str
    title: str
    types: tuple[str, ...] = attrs.field(default=("image",), converter=several)
    aliases: tuple[str, ...] = attrs.field(default=(), converter=several)
    parameters: Mapping[str, Any] = attrs.field(factory=dict)
    price: Price | None = None
    kind: OutputKind = attrs.field(default=OutputKind.IMAGE, converter=OutputKind)
    lane: str | None = None
    finds_orders: bool = False


@attrs.frozen(kw_only=True)
class Limits:
    """What a service allows: tasks that one process runs at once; outputs and calls a minute over all of them.

    None: no limit of that kind is known.
    """

    concurrency: int = 64
    outputs_per_minute: int | None = None
    calls_per_minute: int | None = None


@attrs.frozen(kw_only=True)
class ProviderInfo:
    """What a plugin says of one provider it brings.

    `name` is what clients send as `provider`: lower-case letters, digits and `_`, beginning with a letter.
    `reference_fields` names the input keys that hold reference pictures (a string or a list of strings: URL, data
    URI or one of our own pictures); the server takes them out of the input before `danqing_prepare`.
    `concurrency` is how many tasks one process runs at once, `images_per_minute` and `calls_per_minute` the
    service's own limits, kept over all processes (None: none known); `lanes` has those of models that name a lane
    of their own. `parameters` names what the service knows beside the schemas of its models, so that whoever sends
    it in the wrong place is told where it belongs.
    `sandbox` is True when calls go to a simulator and cost nothing. `endpoint` is the service's base URL: when that
    is public, pictures are fetched from public addresses and from its own host only (None: from anywhere).
    """

    name: str
    title: str
    models: tuple[ModelInfo, ...]
    default_model: str
    reference_fields: tuple[str, ...] = attrs.field(default=(), converter=several)
    parameters: tuple[str, ...] = attrs.field(default=(), converter=several)
    concurrency: int = 64
    images_per_minute: int | None = None
    calls_per_minute: int | None = None
    sandbox: bool = False
    endpoint: str | None = None
    homepage: str | None = None
    lanes: Mapping[str, Limits] = attrs.field(factory=dict)

    @cached_property
    def types(self) -> tuple[str, ...]:
        """Every task type that some model of this provider takes, in the order first named."""
        return tuple(dict.fromkeys(type_ for model in self.models for type_ in model.types))
