"""`POST /images/generations`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import orjson
from aiohttp import web

from danqing_providers.arksim.delivery import reset, send
from danqing_providers.arksim.faults import Fault, Plan
from danqing_providers.arksim.groups import count_images
from danqing_providers.arksim.making import SENTENCES, Job, Outcome, make_images, usage_of
from danqing_providers.arksim.rates import ipm_exceeded
from danqing_providers.arksim.refusals import Refusal, client_request_id_of, request_id_of
from danqing_providers.arksim.simulator import SIMULATOR, Simulator
from danqing_providers.arksim.streaming import stream_images
from danqing_providers.arksim.validation import Order, find_model, read_body, read_order

__all__ = ["generate_images"]

_BAD_GATEWAY = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n"
_BAD_GATEWAY += "</body>\r\n</html>\r\n"


async def generate_images(request: web.Request) -> web.StreamResponse:
    """Make the pictures a request asks for, or refuse or break it as its faults say."""
    simulator = request.app[SIMULATOR]
    key = simulator.check_key(request.headers.get("Authorization", ""))
    body = read_body(await request.read())
    model = find_model(body, simulator.config)
    order = await asyncio.to_thread(read_order, body, model)
    plan = simulator.plan(order.prompt, model.id)
    broken = await _break_early(request, plan)
    if broken is not None:
        return broken
    _refuse_by(plan, order)
    count = count_images(order)
    simulator.rates.admit(model.id, count)
    job = Job(
        order=order,
        plan=plan,
        count=count,
        request_id=request_id_of(request),
        client_request_id=client_request_id_of(request),
        key=key,
        base_url=f"{request.scheme}://{request.host}",
    )
    if order.stream and plan.first("reset_after_billing") is None:
        return await stream_images(request, simulator, job)
    return await _answer(request, simulator, job)


async def _break_early(request: web.Request, plan: Plan) -> web.StreamResponse | None:
    latency = plan.first("latency")
    if latency is not None:
        await asyncio.sleep(latency.seconds or 0)
    if plan.first("reset_before_billing"):
        return reset(request)
    if plan.first("html_502"):
        return web.Response(status=502, text=_BAD_GATEWAY, content_type="text/html")
    return None


def _refuse_by(plan: Plan, order: Order) -> None:
    fault = plan.first("status", "unwrapped", "moderation", "reference_timeout")
    if fault is None:
        return
    if fault.kind == "moderation":
        raise _refusal(fault, 400, "InputTextSensitiveContentDetected")
    if fault.kind == "reference_timeout":
        url = next((reference.url for reference in order.references if reference.url), "")
        if url:
            raise Refusal(400, "InvalidParameter", f"Timeout while downloading url={url}.", param="image")
        return
    if fault.code == "ModelAccountIpmRateLimitExceeded" and not fault.message:
        raise ipm_exceeded(order.model.id)
    wrapped = fault.kind == "status"
    refusal = _refusal(fault, 500, "InternalServiceError") if wrapped else _refusal(fault, 400, "InvalidParameter")
    refusal.wrapped = wrapped
    raise refusal


def _refusal(fault: Fault, status: int, code: str) -> Refusal:
    code = fault.code or code
    return Refusal(fault.status or status, code, fault.message or SENTENCES.get(code, "The request failed."))


async def _answer(request: web.Request, simulator: Simulator, job: Job) -> web.StreamResponse:
    outcomes = [outcome async for outcome in make_images(simulator, job)]
    if job.plan.first("reset_after_billing"):
        return reset(request)
    _refuse_when_empty(outcomes)
    answer: dict[str, Any] = {
        "model": job.order.model.id,
        "created": int(simulator.clock()),
        "data": [_item(outcome, job.request_id) for outcome in outcomes],
        "usage": usage_of(job.order, outcomes),
    }
    if job.order.web_search:
        answer["tools"] = [{"type": "web_search"}]
    fault = job.plan.first("truncate", "stall", "slow")
    return await send(request, orjson.dumps(answer), "application/json; charset=utf-8", fault)


def _refuse_when_empty(outcomes: Sequence[Outcome]) -> None:
    if any(outcome.content is not None for outcome in outcomes):
        return
    error = outcomes[0].error
    if error is not None:
        status = 500 if error.code == "InternalServiceError" else 400
        raise Refusal(status, error.code, error.message)


def _item(outcome: Outcome, request_id: str) -> dict[str, Any]:
    if outcome.error is not None:
        return {"error": outcome.error.as_json(request_id)}
    return dict(outcome.content or {})
