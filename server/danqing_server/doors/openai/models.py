"""What can be asked for by name, as OpenAI's clients list it; many fill their menus from it, and try keys."""

from __future__ import annotations

from urllib.parse import unquote

from sanic import Blueprint, HTTPResponse

from danqing_plugins import OutputKind
from danqing_server.access.caller import Caller
from danqing_server.desk.models import may_ask
from danqing_server.doors.documentation import Answer, described
from danqing_server.doors.offers import Offer, makes
from danqing_server.doors.openai.calls import offers_of
from danqing_server.doors.openai_shapes import OpenAIErrorShape, OpenAIModelListShape, OpenAIModelShape
from danqing_server.errors import NotFound
from danqing_server.http.answers import json_answer
from danqing_server.http.entry import Admitted, admit
from danqing_server.http.requests import ApiRequest
from danqing_server.http.routing import on_get
from danqing_server.records.tenancy import Scope

__all__ = ["routes"]

OF_NOBODY = "danqing"
LISTED = {
    OutputKind.IMAGE: ["image-generation", "openai"],
    OutputKind.VIDEO: ["openai-video"],
}
"""new-api's words for where a model is asked; Cherry Studio's painting page shows those with `image-generation`.

Source: QuantumNous/new-api, constant/endpoint_type.go, and Cherry Studio, read 2026-11-28.
"""

routes = Blueprint("openai_models", url_prefix="/v1/models")


@on_get(routes, "/", needs=Scope.READ)
@described(
    "列出模型（OpenAI 格式） · List models",
    {200: Answer(description="模型 · the models", shape=OpenAIModelListShape, enveloped=False)},
    refused_as=OpenAIErrorShape,
)
async def list_models(request: ApiRequest) -> HTTPResponse:
    """List routes, aliases and the models of every provider that this key may ask for."""
    shown: OpenAIModelListShape = {
        "object": "list",
        "data": [_view(name, offer) for name, offer in _allowed(admit(request))],
    }
    return json_answer(shown)


@on_get(routes, "/<name:path>", needs=Scope.READ)
@described(
    "查看模型（OpenAI 格式） · Show a model",
    {200: Answer(description="模型 · the model", shape=OpenAIModelShape, enveloped=False)},
    errors=(404,),
    refused_as=OpenAIErrorShape,
)
async def get_model(request: ApiRequest, name: str) -> HTTPResponse:
    """Show one model, by any name by which it can be asked for."""
    if not name:
        return await list_models(request)
    services, caller = admit(request)
    name = unquote(name)  # the libraries write a slash as %2F
    found = offers_of(services).named(name)
    if found is None or not _is_listed(found, caller):
        raise NotFound("model", name)
    return json_answer(_view(name, found))


def _allowed(admitted: Admitted) -> list[tuple[str, Offer]]:
    services, caller = admitted
    return [(name, offer) for name, offer in offers_of(services).names() if _is_listed(offer, caller)]


def _is_listed(offer: Offer, caller: Caller) -> bool:
    return any(makes(offer.info, kind) for kind in LISTED) and may_ask(caller, offer.provider, offer.model)


def _view(name: str, offer: Offer) -> OpenAIModelShape:
    return {
        "id": name,
        "object": "model",
        "created": 0,
        "owned_by": offer.provider or OF_NOBODY,
        "supported_endpoint_types": LISTED[offer.info.kind],
    }
