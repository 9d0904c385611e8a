"""What can be asked for: the providers, their models and their parameters."""

from __future__ import annotations

from sanic import Blueprint, HTTPResponse

from danqing_plugins import Message, ModelInfo, OutputKind, Price, ProviderInfo
from danqing_plugins.messages import spoken
from danqing_server.doors.costs import price_text
from danqing_server.doors.documentation import Answer, described
from danqing_server.doors.server_shapes import (
    ModelShape,
    PluginShape,
    PriceShape,
    ProviderShape,
    ProvidersShape,
    RoutedModelShape,
    RouteTargetShape,
)
from danqing_server.http.answers import success
from danqing_server.http.entry import admit
from danqing_server.http.messages import language_of
from danqing_server.http.requests import ApiRequest
from danqing_server.http.routing import on_get
from danqing_server.plugins.registry import Plugin, Registry
from danqing_server.records.tenancy import Scope
from danqing_server.settings.routes import Route

__all__ = ["routes"]

LISTED = Message(key="providers.listed", zh="获取服务商成功", en="Providers listed")

routes = Blueprint("providers", url_prefix="/api/v1/providers")


@on_get(routes, "/", needs=Scope.READ)
@described("获取服务商 · List providers", {200: Answer(description="获取服务商成功", shape=ProvidersShape)})
async def list_providers(request: ApiRequest) -> HTTPResponse:
    """List the providers that work, and every installed plugin with what is wrong with it."""
    services, _ = admit(request)
    registry, language = services.registry, language_of(request.headers)
    data: ProvidersShape = {
        "default": registry.default_provider,
        "providers": [_provider(registry.providers[name], language) for name in sorted(registry.providers)],
        "routes": [_route(route, registry) for route in services.settings.routes],
        "plugins": [_plugin(plugin) for plugin in registry.plugins],
    }
    return success(data, LISTED.to(language))


def _provider(provider: ProviderInfo, language: str) -> ProviderShape:
    return {
        "name": provider.name,
        "title": provider.title,
        "sandbox": provider.sandbox,
        "homepage": provider.homepage,
        "default_model": provider.default_model,
        "types": list(provider.types),
        "reference_fields": list(provider.reference_fields),
        "images_per_minute": provider.images_per_minute,
        "models": [_model(model, language) for model in provider.models],
    }


def _route(route: Route, registry: Registry) -> RoutedModelShape:
    providers = [(target, registry.find_provider(target.provider)) for target in route.targets]
    targets: list[RouteTargetShape] = [
        {"provider": target.provider, "model": target.model, "present": provider is not None}
        for target, provider in providers
    ]
    types = [type_ for target, provider in providers if provider for type_ in _types(provider, target.model)]
    return {"model": route.model, "types": list(dict.fromkeys(types)), "targets": targets}


def _types(provider: ProviderInfo, name: str) -> tuple[str, ...]:
    return next((model.types for model in provider.models if name in (model.id, *model.aliases)), provider.types)


def _model(model: ModelInfo, language: str) -> ModelShape:
    return {
        "id": model.id,
        "title": model.title,
        "types": list(model.types),
        "aliases": list(model.aliases),
        "kind": model.kind,
        "price": None if model.price is None else _price(model.price, model.kind),
        "parameters": spoken(model.parameters, language),
    }


def _price(price: Price, kind: OutputKind) -> PriceShape:
    per = kind.value if price.unit == "output" else price.unit
    shown: PriceShape = {"amount": price_text(price.amount_micro), "currency": price.currency, "per": per}
    if price.most_micro is not None:
        shown["at_most"] = price_text(price.most_micro)
    return shown


def _plugin(plugin: Plugin) -> PluginShape:
    return {
        "name": plugin.name,
        "version": plugin.version,
        "distribution": plugin.distribution,
        "providers": list(plugin.providers),
        "missing": list(plugin.missing),
        "wanted": list(plugin.wanted),
        "error": plugin.error,
    }
