"""`POST /api/v3/images/generations`."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
from aiohttp import web

from danqing_providers.sandbox import mischief
from danqing_providers.sandbox.ark import errors
from danqing_providers.sandbox.ark.answers import inner_error, usage
from danqing_providers.sandbox.ark.errors import error_body
from danqing_providers.sandbox.ark.oddities import Oddities
from danqing_providers.sandbox.ark.orders import Caller, Order, settle
from danqing_providers.sandbox.ark.streaming import stream_answer
from danqing_providers.sandbox.ark.validation import parse_body, validate
from danqing_providers.sandbox.faults import AFTER_BILLING, BEFORE_WORK, Fault, FaultKind
from danqing_providers.sandbox.keys import CLIENT_REQUEST_ID, REQUEST_ID, STUDIO
from danqing_providers.sandbox.ledger import fingerprint
from danqing_providers.sandbox.studio import Made, Refused, Studio

__all__ = ["generate"]


async def generate(request: web.Request) -> web.StreamResponse:
    """Answer as Ark does. A client that leaves does not stop the work: it is billed all the same."""
    studio = request.app[STUDIO]
    studio.counters["requests"] += 1
    order = await _accept(request, studio)
    if fault := await _first_fault(studio, order):
        return _refuse(request, order, fault)
    studio.admit(order)
    if order.request.stream:
        return await stream_answer(request, studio, order)
    return await _whole_answer(request, studio, order)


async def _accept(request: web.Request, studio: Studio) -> Order:
    key = studio.check_key(request.headers.get("Authorization", ""))
    wanted = validate(parse_body(await request.read()), studio.catalogue)
    references = await studio.look_at(wanted, request.host)
    caller = Caller(
        request_id=request[REQUEST_ID],
        client_request_id=request[CLIENT_REQUEST_ID],
        api_key=fingerprint(key),
        base_url=f"{request.scheme}://{request.host}",
    )
    return settle(wanted, caller, references, vary=studio.config.vary)


async def _first_fault(studio: Studio, order: Order) -> Fault | None:
    if delay := studio.strike_order({FaultKind.LATENCY}, order):
        await asyncio.sleep(delay.seconds)
    return studio.strike_order(BEFORE_WORK, order, stage="input")


def _refuse(request: web.Request, order: Order, fault: Fault) -> web.Response:
    if fault.kind is FaultKind.RESET_BEFORE_BILLING:
        return mischief.reset(request)
    headers = {} if fault.retry_after_s is None else {"Retry-After": str(fault.retry_after_s)}
    if fault.kind in (FaultKind.HTML_502, FaultKind.HTML):
        status = 502 if fault.kind is FaultKind.HTML_502 else fault.status
        return web.Response(status=status, text=mischief.page(status), content_type="text/html", headers=headers)
    if fault.kind is FaultKind.MODERATION:
        raise errors.text_refused()
    if fault.kind is FaultKind.DOWNLOAD_TIMEOUT_REFERENCE:
        urls = [reference.url for reference in order.references if reference.url]
        raise errors.download_timeout(urls[0] if urls else "https://example.com/reference.png")
    body = error_body(fault.error(), request[REQUEST_ID], unwrapped=fault.unwrapped)
    return _json(body, fault.status, headers)


def _json(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(body=orjson.dumps(body), status=status, content_type="application/json", headers=headers)


async def _whole_answer(request: web.Request, studio: Studio, order: Order) -> web.StreamResponse:
    outcomes = [outcome async for outcome in studio.produce(order)]
    made = [outcome.picture for outcome in outcomes if isinstance(outcome, Made)]
    if not made:
        raise next(outcome.error for outcome in outcomes if isinstance(outcome, Refused))
    oddities = studio.oddities(order)
    data = [await _item(studio, order, outcome, oddities) for outcome in outcomes]
    body = {
        "model": order.request.model_name,
        "created": int(studio.clock()),
        "data": data,
        "usage": usage(order, len(made)),
    }
    if order.request.web_search:
        body["tools"] = [{"type": "web_search"}]
    await studio.bill(order, made)
    if fault := studio.strike_order(AFTER_BILLING, order, stage="answer"):
        return await mischief.misbehave(request, fault, orjson.dumps(body), "application/json")
    return await oddities.send(request, orjson.dumps(body)) if oddities else _json(body)


async def _item(studio: Studio, order: Order, outcome: Made | Refused, oddities: Oddities) -> dict[str, Any]:
    if isinstance(outcome, Made):
        return await studio.item(order, outcome.picture, oddities)
    return {"error": inner_error(error_body(outcome.error, order.caller.request_id))}
