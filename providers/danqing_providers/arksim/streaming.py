"""The events of a streamed answer. Source: Volcengine documentation 82379/1824137, read 2026-11-23."""

from __future__ import annotations

from typing import Any

import orjson
from aiohttp import web

from danqing_providers.arksim.delivery import reset
from danqing_providers.arksim.faults import Fault
from danqing_providers.arksim.making import Job, Outcome, make_images, usage_of
from danqing_providers.arksim.refusals import ImageError
from danqing_providers.arksim.simulator import Simulator

__all__ = ["stream_images"]


async def stream_images(request: web.Request, simulator: Simulator, job: Job) -> web.StreamResponse:
    """Send an event for each picture as it is made, then the usage."""
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
    await response.prepare(request)
    breaking = job.plan.first("stream_cut", "stream_error")
    outcomes: list[Outcome] = []
    if _breaks(breaking, 0):
        return await _break(request, response, breaking, job)
    async for outcome in make_images(simulator, job):
        outcomes.append(outcome)
        await _send(response, _event_of(outcome, job, simulator))
        if _breaks(breaking, len(outcomes)):
            return await _break(request, response, breaking, job)
    if job.plan.first("stream_no_completed") is None:
        completed = _head("completed", job, simulator) | {"usage": usage_of(job.order, outcomes)}
        await _send(response, completed)
    if job.plan.first("stream_no_done") is None:
        await response.write(b"data: [DONE]\n\n")
    await response.write_eof()
    return response


def _event_of(outcome: Outcome, job: Job, simulator: Simulator) -> dict[str, Any]:
    if outcome.error is not None:
        head = _head("partial_failed", job, simulator)
        return head | {"image_index": outcome.index, "error": outcome.error.as_json(job.request_id)}
    return _head("partial_succeeded", job, simulator) | {"image_index": outcome.index, **(outcome.content or {})}


def _head(name: str, job: Job, simulator: Simulator) -> dict[str, Any]:
    return {
        "type": f"image_generation.{name}",
        "model": job.order.model.id,
        "created": int(simulator.clock()),
    }


def _breaks(fault: Fault | None, sent: int) -> bool:
    return fault is not None and (1 if fault.index is None else fault.index) == sent


async def _break(
    request: web.Request, response: web.StreamResponse, fault: Fault | None, job: Job
) -> web.StreamResponse:
    if fault is None or fault.kind == "stream_cut":
        return reset(request)
    error = ImageError(
        code=fault.code or "InternalServiceError",
        message=fault.message or "The service encountered an unexpected internal error.",
    )
    await _send(response, {"error": error.as_json(job.request_id)}, "error")
    await response.write_eof()
    return response


async def _send(response: web.StreamResponse, data: dict[str, Any], name: str | None = None) -> None:
    event = name or data["type"]
    await response.write(b"event: %b\ndata: %b\n\n" % (event.encode(), orjson.dumps(data)))
