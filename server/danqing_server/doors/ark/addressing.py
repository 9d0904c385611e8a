"""Which provider has the model that a client names, for doors whose clients name no provider."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from danqing_plugins import ModelInfo, OutputKind, ProviderInfo
from danqing_server.desk.checking import Checker
from danqing_server.doors.offers import makes

__all__ = ["ARK_WORD", "Address", "address_of", "offers_of"]

ENDPOINT_MARK = "ep-"
"""How Ark's own endpoint ids begin: they stand for models that only Ark knows."""

ARK_WORD = "sequential_image_generation"
"""Who knows this word speaks Ark's language. Source: Volcengine's page 82379/1541523, read 2026-11-23."""


@attrs.frozen(kw_only=True)
class Address:
    """Where a request goes: `provider` None is a route's choice, or that of the default provider.

    `type` is the task type that the model takes. `names` are all parameters that the provider knows, and whether
    the model takes each; `schemas` are the model's own, by name. Both are empty where nobody has the model.
    `references` are the names that hold pictures.
    """

    provider: str | None
    model: str
    type: str
    names: Mapping[str, bool]
    schemas: Mapping[str, Mapping[str, Any]]
    references: tuple[str, ...] = ()

    @property
    def speaks_ark(self) -> bool:
        """Whether it judges Ark's parameters itself, as Ark would."""
        return ARK_WORD in self.names


def offers_of(checker: Checker, kind: OutputKind) -> Iterator[tuple[ProviderInfo, ModelInfo]]:
    """Yield every model that makes outputs of *kind*, the default provider's first."""
    providers = checker.registry.providers.values()
    for info in sorted(providers, key=lambda info: (info.name != checker.default_provider, info.name)):
        yield from ((info, model) for model in info.models if makes(model, kind))


def address_of(checker: Checker, model: str, kind: OutputKind) -> Address:
    """Return where a request for *model* goes; nobody has it: to the default provider, which says so."""
    route = checker.routes.get(model)
    for target in route.targets if route is not None else ():
        found = _find(checker, target.model, kind, target.provider)
        if found is not None:
            return _address(checker, None, model, kind, *found)
    found = _find(checker, model, kind) or (
        _first_of_ark(checker, kind) if model.startswith(ENDPOINT_MARK) else None
    )
    if found is not None:
        return _address(checker, found[0].name, model, kind, *found)
    return Address(provider=None, model=model, type=str(kind), names={}, schemas={})


def _address(
    checker: Checker, provider: str | None, wanted: str, kind: OutputKind, info: ProviderInfo, model: ModelInfo
) -> Address:
    return Address(
        provider=provider,
        model=wanted,
        type=kind.value if kind.value in model.types else model.types[0],
        names=checker.parameters(info.name, model.id),
        schemas=model.parameters.get("properties", {}),
        references=info.reference_fields,
    )


def _find(
    checker: Checker, name: str, kind: OutputKind, provider: str | None = None
) -> tuple[ProviderInfo, ModelInfo] | None:
    for info, model in offers_of(checker, kind):
        if provider in (None, info.name) and name in (model.id, *model.aliases):
            return info, model
    return None


def _first_of_ark(checker: Checker, kind: OutputKind) -> tuple[ProviderInfo, ModelInfo] | None:
    """Return the first model of a provider that speaks Ark's language: it may know an endpoint by its id."""
    for info, model in offers_of(checker, kind):
        if ARK_WORD in info.parameters:
            return info, model
    return None
