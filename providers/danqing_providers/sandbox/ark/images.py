"""`POST /api/v3/images/generations`."""

from __future__ import annotations

from typing import Any, Final

import attrs
import orjson
from aiohttp import web

from danqing_providers.sandbox import mischief
from danqing_providers.sandbox.ark import errors
from danqing_providers.sandbox.ark.answers import inner_error, usage
from danqing_providers.sandbox.ark.catalogue import Model
from danqing_providers.sandbox.ark.errors import error_body
from danqing_providers.sandbox.ark.fields import parse_body
from danqing_providers.sandbox.ark.keys import CLIENT_REQUEST_ID, REQUEST_ID
from danqing_providers.sandbox.ark.oddities import Oddities
from danqing_providers.sandbox.ark.orders import Caller, Order, settle
from danqing_providers.sandbox.ark.streaming import stream_answer
from danqing_providers.sandbox.ark.studio import Made, Refused, Studio
from danqing_providers.sandbox.ark.validation import GenerationRequest, validate
from danqing_providers.sandbox.faults import AFTER_BILLING
from danqing_providers.sandbox.links import base_url

__all__ = ["generate"]

_LAYER_SIDES: Final = (511, 6000)
"""The sides of a picture that is taken apart."""


async def generate(studio: Studio, request: web.Request) -> web.StreamResponse:
    """Answer as Ark does. A client that leaves does not stop the work: it is billed all the same."""
    order = await _accept(request, studio)
    urls = [reference.url for reference in order.references if reference.url]
    await studio.house.admit(request, order.target, reference_url=urls[0] if urls else "")
    studio.admit(order)
    if order.request.stream:
        return await stream_answer(request, studio, order)
    return await _whole_answer(request, studio, order)


async def _accept(request: web.Request, studio: Studio) -> Order:
    key = studio.check_key(request)
    wanted = validate(parse_body(await request.read()), studio.catalogue)
    references = await studio.look_at(_limits(wanted), wanted.images, request.host)
    if wanted.transparent and references[0].has_alpha is False:
        reason = "a transparent background needs an image with an alpha channel"
        raise errors.invalid_parameter("background", reason)
    caller = Caller(
        request_id=request[REQUEST_ID],
        client_request_id=request[CLIENT_REQUEST_ID],
        api_key=key,
        base_url=base_url(request),
    )
    return settle(wanted, caller, references, vary=studio.house.config.vary)


def _limits(wanted: GenerationRequest) -> Model:
    return attrs.evolve(wanted.model, reference_sides=_LAYER_SIDES) if wanted.layers else wanted.model


async def _whole_answer(request: web.Request, studio: Studio, order: Order) -> web.StreamResponse:
    outcomes = [outcome async for outcome in studio.produce(order)]
    made = [outcome.picture for outcome in outcomes if isinstance(outcome, Made)]
    if not made:
        raise next(outcome.error for outcome in outcomes if isinstance(outcome, Refused))
    oddities = studio.oddities(order)
    data = [await _item(studio, order, outcome, oddities) for outcome in outcomes]
    body = {
        "model": order.request.model_name,
        "created": int(studio.house.clock()),
        "data": data,
        "usage": usage(order, len(made)),
    }
    if order.request.web_search:
        body["tools"] = [{"type": "web_search"}]
    await studio.bill(order, made)
    content = orjson.dumps(body)
    if fault := studio.strike(AFTER_BILLING, order, stage="answer"):
        return await mischief.misbehave(request, fault, content, "application/json")
    if order.request.inline:
        studio.house.ledger.note_delivery([order.caller.request_id])
    if oddities:
        return await oddities.send(request, content)
    return web.Response(body=content, content_type="application/json")


async def _item(studio: Studio, order: Order, outcome: Made | Refused, oddities: Oddities) -> dict[str, Any]:
    if isinstance(outcome, Made):
        return await studio.item(order, outcome.picture, oddities)
    return {"error": inner_error(error_body(outcome.error, order.caller.request_id))}
