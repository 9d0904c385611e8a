"""What clients fill their menus from: the models, and lists of one entry for what services do not let choose.

Source: AUTOMATIC1111/stable-diffusion-webui, modules/api/models.py; SillyTavern ba6f7b7a and Open WebUI 02530d50,
which ask for them; read 2026-11-28.
"""

from __future__ import annotations

from typing import Any

from sanic import Blueprint, HTTPResponse

from danqing_plugins import OutputKind
from danqing_server.codec.bodies import without_nulls
from danqing_server.desk.models import may_ask
from danqing_server.doors.a1111.reading import CHECKPOINT
from danqing_server.doors.a1111.refusing import PREFIX
from danqing_server.doors.a1111_shapes import (
    A1111EntryShape,
    A1111ErrorShape,
    A1111ModelShape,
    A1111NothingShape,
    A1111OptionsChange,
    A1111OptionsShape,
    A1111ProgressShape,
)
from danqing_server.doors.body_shapes import LONGEST_NAME
from danqing_server.doors.documentation import Answer, described
from danqing_server.doors.fields import Fields
from danqing_server.doors.foreign import ReceivedForeign
from danqing_server.doors.offers import Offers, makes
from danqing_server.errors import NotFound
from danqing_server.http.answers import json_answer
from danqing_server.http.entry import Admitted, admit, admit_change
from danqing_server.http.receiving import discard_body
from danqing_server.http.requests import ApiRequest
from danqing_server.http.routing import on_get, on_post
from danqing_server.records.tenancy import Scope
from danqing_server.store.choices import ChoiceStore

__all__ = ["MENUS", "routes"]

MENUS: dict[str, list[dict[str, Any]]] = {
    "samplers": [{"name": "Automatic", "aliases": [], "options": {}}],
    "schedulers": [
        {
            "name": "automatic",
            "label": "Automatic",
            "aliases": None,
            "default_rho": None,
            "need_inner_model": None,
        }
    ],
    "upscalers": [{"name": "None", "model_name": None, "model_path": None, "model_url": None, "scale": 4}],
    "latent-upscale-modes": [{"name": "Latent"}],
    "sd-vae": [],
}

routes = Blueprint("a1111_menus", url_prefix=PREFIX)


@on_get(routes, "/options", needs=Scope.READ)
@described(
    "查看选项（A1111 格式） · Show what is set",
    {200: Answer(description="选项 · the options", shape=A1111OptionsShape, enveloped=False)},
    refused_as=A1111ErrorShape,
)
async def get_a1111_options(request: ApiRequest) -> HTTPResponse:
    """Show which model this key asks."""
    admitted = admit(request)
    chosen = await _choices(admitted).model_of(admitted.caller.project, admitted.caller.key)
    shown: A1111OptionsShape = {
        "sd_model_checkpoint": chosen or _offers(admitted).find(None).model,
        "samples_format": "png",
    }
    return json_answer(shown)


@on_post(routes, "/options", needs=Scope.GENERATE)
@described(
    "设置选项（A1111 格式） · Set options",
    {200: Answer(description="已设置 · it is set", shape=A1111NothingShape, enveloped=False)},
    errors=(400, 404, 413),
    refused_as=A1111ErrorShape,
    body=A1111OptionsChange,
)
async def set_a1111_options(request: ApiRequest) -> HTTPResponse:
    """Choose the model of this key, which its later calls ask; options that mean nothing here are left out."""
    admitted = admit_change(request)
    async with ReceivedForeign(request) as body:
        fields = Fields(members=without_nulls(body))
        model = fields.text(CHECKPOINT, 1, LONGEST_NAME)
        fields.finish()
    if model is not None:
        _offers(admitted).find(model)
        await _choices(admitted).choose(admitted.caller.project, admitted.caller.key, model)
    nothing: A1111NothingShape = {}
    return json_answer(nothing)


@on_get(routes, "/sd-models", needs=Scope.READ)
@described(
    "模型列表（A1111 格式） · List models",
    {200: Answer(description="模型 · the models", shape=A1111ModelShape, enveloped=False, listed=True)},
    refused_as=A1111ErrorShape,
)
async def list_a1111_models(request: ApiRequest) -> HTTPResponse:
    """List routes, aliases and the models of pictures of every provider that this key may ask for."""
    admitted = admit(request)
    shown: list[A1111ModelShape] = [
        {"title": name, "model_name": name, "hash": None, "sha256": None, "filename": name, "config": None}
        for name, offer in _offers(admitted).names()
        if makes(offer.info, OutputKind.IMAGE) and may_ask(admitted.caller, offer.provider, offer.model)
    ]
    return json_answer(shown)


@on_get(routes, "/progress", needs=Scope.READ)
@described(
    "进度（A1111 格式） · Tell of progress",
    {200: Answer(description="进度 · how far it is", shape=A1111ProgressShape, enveloped=False)},
    refused_as=A1111ErrorShape,
)
async def get_a1111_progress(request: ApiRequest) -> HTTPResponse:
    """Tell that nothing is known: many calls are under way at once, and this question names none."""
    admit(request)
    shown: A1111ProgressShape = {
        "progress": 0.0,
        "eta_relative": 0.0,
        "state": {"skipped": False, "interrupted": False, "job": "", "job_count": 0, "job_no": 0},
        "current_image": None,
        "textinfo": None,
    }
    return json_answer(shown)


@on_post(routes, "/interrupt", needs=Scope.GENERATE)
@described(
    "中断（A1111 格式） · Interrupt",
    {200: Answer(description="无操作 · nothing is done", shape=A1111NothingShape, enveloped=False)},
    refused_as=A1111ErrorShape,
)
async def interrupt_a1111(request: ApiRequest) -> HTTPResponse:
    """Do nothing: the question names no call, and another's may not be stopped."""
    admit_change(request)
    await discard_body(request)
    nothing: A1111NothingShape = {}
    return json_answer(nothing)


@on_get(routes, "/<menu>", needs=Scope.READ)
@described(
    "其他列表（A1111 格式） · Other lists",
    {200: Answer(description="列表 · a list", shape=A1111EntryShape, enveloped=False, listed=True)},
    errors=(404,),
    refused_as=A1111ErrorShape,
)
async def get_a1111_menu(request: ApiRequest, menu: str) -> HTTPResponse:
    """List what services do not let choose: samplers, schedulers, upscalers, latent-upscale-modes, sd-vae."""
    admit(request)
    if menu not in MENUS:
        raise NotFound("route", menu)
    return json_answer(MENUS[menu])


def _offers(admitted: Admitted) -> Offers:
    services = admitted.services
    return Offers(services.registry, services.submissions.checker.routes, services.settings.model_aliases)


def _choices(admitted: Admitted) -> ChoiceStore:
    return ChoiceStore(admitted.services.store.database)
