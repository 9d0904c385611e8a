"""`GET /models`: what can be asked for.

Source: volcengine/ark-cli 551d6a6 and volcengine-go-sdk cf20b61b, `service/arkruntime`, read 2026-11-23.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from sanic import HTTPResponse

from danqing_plugins import ModelInfo, OutputKind
from danqing_server.access.caller import Caller
from danqing_server.desk.checking import Checker
from danqing_server.desk.models import may_ask
from danqing_server.doors.ark.addressing import address_of, offers_of
from danqing_server.doors.ark.echoing import blueprint
from danqing_server.doors.ark_shapes import ArkErrorShape, ArkModelListShape, ArkModelShape
from danqing_server.doors.documentation import Answer, described
from danqing_server.http.answers import json_answer
from danqing_server.http.entry import admit
from danqing_server.http.requests import ApiRequest
from danqing_server.http.routing import on_get
from danqing_server.records.tenancy import Scope

__all__ = ["routes"]

_DATED = re.compile(r"(.+)-(\d{6})")
_PICTURES = ("image", "last_frame", "reference_image")
_KINDS = {OutputKind.IMAGE: "Image", OutputKind.VIDEO: "Video"}

routes = blueprint("ark_models")


@on_get(routes, "/models", needs=Scope.READ)
@described(
    "模型列表（方舟格式） · List models, in Ark's words",
    {200: Answer(description="模型列表 · the models", shape=ArkModelListShape, enveloped=False)},
    refused_as=ArkErrorShape,
)
async def list_ark_models(request: ApiRequest) -> HTTPResponse:
    """List the routes, and every provider's models of pictures and videos, that this key may ask for; each once."""
    services, caller = admit(request)
    checker = services.submissions.checker
    found = {shape["id"]: shape for shape in [*_routes(checker, caller), *_models(checker, caller)][::-1]}
    shown: ArkModelListShape = {"object": "list", "data": list(found.values())[::-1]}
    return json_answer(shown)


def _routes(checker: Checker, caller: Caller) -> list[ArkModelShape]:
    found = []
    for name in checker.routes:
        if not may_ask(caller, None, name):
            continue
        for kind in _KINDS:
            address = address_of(checker, name, kind)
            if address.names:
                found.append(_shape(name, kind, takes_pictures=any(address.names.get(each) for each in _PICTURES)))
    return found


def _models(checker: Checker, caller: Caller) -> list[ArkModelShape]:
    return [
        _shape(model.id, kind, takes_pictures=_takes_pictures(model))
        for kind in _KINDS
        for info, model in offers_of(checker, kind)
        if may_ask(caller, info.name, model.id)
    ]


def _takes_pictures(model: ModelInfo) -> bool:
    properties = model.parameters.get("properties", {})
    return any(name in properties for name in _PICTURES)


def _shape(id_: str, kind: OutputKind, *, takes_pictures: bool) -> ArkModelShape:
    word = _KINDS[kind]
    dated = _DATED.fullmatch(id_)
    family, version = (id_, "") if dated is None else dated.groups()
    return {
        "id": id_,
        "object": "model",
        "name": family,
        "version": version,
        "created": _day(version),
        "domain": f"{word}Generation",
        "status": "",
        "task_type": [f"TextTo{word}", *([f"ImageTo{word}"] if takes_pictures else [])],
        "modalities": {
            "input_modalities": ["text", *(["image"] if takes_pictures else [])],
            "output_modalities": [kind.value],
        },
    }


def _day(version: str) -> int:
    """Return when the day of a dated id began, in seconds since 1970; 0 for one without."""
    try:
        return int(datetime.strptime(version, "%y%m%d").replace(tzinfo=UTC).timestamp())
    except ValueError:
        return 0
