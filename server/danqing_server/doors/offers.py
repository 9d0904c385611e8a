"""Which model a name means to clients that know no providers: a route, a model, `provider/model`, an alias.

Many clients have the names of one service written into them; those mean the default provider's default model,
unless the operator says otherwise (`DANQING_MODEL_ALIASES`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from danqing_plugins import ModelInfo, OutputKind, ProviderInfo
from danqing_server.errors import NotFound
from danqing_server.plugins.registry import Registry
from danqing_server.settings.routes import Route

__all__ = ["COUNTS", "USUAL_NAMES", "USUAL_VIDEO_NAMES", "Offer", "Offers", "makes"]

COUNTS = ("n", "num_outputs", "num_images", "batch_size")
"""What models call how many pictures are made, ours first (Replicate's, fal's, ComfyUI's; read 2026-11-30)."""

USUAL_NAMES = (
    "dall-e-3",
    "dall-e-2",
    "gpt-image-1",
    "gpt-image-1.5",
    "gpt-image-1-mini",
    "gpt-image-2",
    "chatgpt-image-latest",
)
"""What clients have written into them (Open WebUI, NextChat, LangChain, Dify, n8n, Chatbox; read 2026-11-28)."""

USUAL_VIDEO_NAMES = ("sora-2", "sora-2-pro")
"""What openai-python 3.57.0 names as models of videos, read 2026-11-28."""


@attrs.frozen(kw_only=True)
class Offer:
    """What a name stands for: `provider` None is a route, whose name `model` is then.

    `info` is the model as its provider describes it, of a route that of the first target which is there.
    """

    provider: str | None
    model: str
    info: ModelInfo
    reference_fields: tuple[str, ...] = ()

    @property
    def takes(self) -> Mapping[str, Any]:
        """The parameters of the model as JSON schemas, by name; empty when it describes none."""
        found = self.info.parameters.get("properties", {})
        return found if isinstance(found, Mapping) else {}

    @property
    def count_name(self) -> str | None:
        """The parameter that says how many pictures are made; None: one for each request, or nobody says."""
        takes = self.takes
        return next((name for name in COUNTS if name in takes and takes[name].get("maximum") != 1), None)


@attrs.frozen
class Offers:
    """Everything that can be asked for by a name alone."""

    registry: Registry
    routes: Mapping[str, Route]
    aliases: Mapping[str, str]

    def find(self, name: str | None, kind: OutputKind = OutputKind.IMAGE) -> Offer:
        """Return what *name* means, None the default. Raises NotFound: no model that makes outputs of *kind*."""
        found = self._named(self.aliases.get(name, name)) if name else self._usual(kind)
        if found is None and name in _USUAL.get(kind, ()):
            found = self._usual(kind)
        if found is None or not makes(found.info, kind):
            raise NotFound("model", name or "")
        return found

    def named(self, name: str) -> Offer | None:
        """Return what *name* means, whatever it makes; None: nothing."""
        found = self._named(self.aliases.get(name, name))
        usual = next((kind for kind, names in _USUAL.items() if name in names), None)
        return self._usual(usual) if found is None and usual is not None else found

    def names(self) -> Iterator[tuple[str, Offer]]:
        """Yield names for a menu, each once, with what it means: routes and aliases first."""
        told = set()
        usual = (name for names in _USUAL.values() for name in names)
        for name in (*self.routes, *self.aliases, *self._models(), *usual):
            found = self.named(name)
            if found is not None and name not in told:
                told.add(name)
                yield name, found

    def _models(self) -> Iterator[str]:
        for provider in self._providers():
            yield from (model.id for model in provider.models)

    def _providers(self) -> list[ProviderInfo]:
        """Return the providers, the default one first."""
        names = sorted(self.registry.providers, key=lambda name: (name != self.registry.default_provider, name))
        return [self.registry.providers[name] for name in names]

    def _usual(self, kind: OutputKind) -> Offer | None:
        """Return what is meant by nothing: of videos the first model, the default provider's before others'."""
        if kind is not OutputKind.VIDEO:
            return self._default()
        models = ((provider, model) for provider in self._providers() for model in provider.models)
        return next((_of(provider, model.id) for provider, model in models if makes(model, kind)), None)

    def _default(self) -> Offer | None:
        provider = self.registry.find_provider(self.registry.default_provider)
        return None if provider is None else _of(provider, provider.default_model)

    def _named(self, name: str) -> Offer | None:
        route = self.routes.get(name)
        if route is not None:
            return self._of_route(route)
        for provider in self._providers():
            found = _of(provider, name)
            if found is not None:
                return found
        first, _, rest = name.partition("/")
        named = self.registry.find_provider(first)
        return None if named is None else _of(named, rest)

    def _of_route(self, route: Route) -> Offer | None:
        for target in route.targets:
            provider = self.registry.find_provider(target.provider)
            found = None if provider is None else _of(provider, target.model)
            if found is not None:
                return attrs.evolve(found, provider=None, model=route.model)
        return None


_USUAL: Mapping[OutputKind, tuple[str, ...]] = {
    OutputKind.IMAGE: USUAL_NAMES,
    OutputKind.VIDEO: USUAL_VIDEO_NAMES,
}


def makes(model: ModelInfo, kind: OutputKind) -> bool:
    """Tell whether *model* makes outputs of *kind*. One that answers in words says so by its task types alone."""
    return model.kind is kind and (kind is not OutputKind.IMAGE or kind.value in model.types)


def _of(provider: ProviderInfo, name: str) -> Offer | None:
    for model in provider.models:
        if name == model.id or name in model.aliases:
            fields = tuple(provider.reference_fields)
            return Offer(provider=provider.name, model=model.id, info=model, reference_fields=fields)
    return None
