"""Answers as server-sent events: unfinished pictures, then the finished one.

An event is `event: <type>` and `data: <bare object>`; its time is `created_at`. Fewer partial pictures than asked
may come: here all do. With several pictures there is one `completed` for each [not confirmed by OpenAI]. What an
error looks like once the stream has begun is not documented either: this is what gateways send, and what the
official client raises.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs
import orjson
from aiohttp import web

from danqing_providers.sandbox import mischief
from danqing_providers.sandbox.faults import AFTER_BILLING, Fault, FaultKind
from danqing_providers.sandbox.gallery import Work
from danqing_providers.sandbox.openai.errors import worded
from danqing_providers.sandbox.openai.orders import Order
from danqing_providers.sandbox.openai.studio import Studio, described

__all__ = ["stream_answer"]

_PARTIAL_SHARE: Final = 4


async def stream_answer(request: web.Request, studio: Studio, order: Order) -> web.StreamResponse:
    """Send the events of *order*. Raises: Trouble, when nothing was sent yet."""
    works = await studio.make(order)
    await studio.bill(order, works)
    fault = studio.house.strike(AFTER_BILLING, order.target, stage="answer")
    if fault is not None:
        return await mischief.misbehave(request, fault, b"".join(await _events(studio, order, works)), _TYPE)
    answer = web.StreamResponse(headers={"Content-Type": f"{_TYPE}; charset=utf-8", "Cache-Control": "no-cache"})
    await answer.prepare(request)
    for work in works:
        if (fault := _stream_fault(studio, order, work)) is not None:
            return await _break_off(request, answer, fault)
        *partials, finished = await _events(studio, order, [work])
        for event in partials:
            await answer.write(event)
            await studio.house.take_time()
        await answer.write(finished)
    studio.house.ledger.note_delivery([order.request_id])
    await answer.write_eof()
    return answer


_TYPE: Final = "text/event-stream"
_ENDS: Final = (FaultKind.STREAM_ERROR, FaultKind.STREAM_CUT, FaultKind.STREAM_NO_COMPLETED)


def _stream_fault(studio: Studio, order: Order, work: Work) -> Fault | None:
    struck = (studio.house.strike({kind}, order.target, image_index=work.index) for kind in _ENDS)
    return next((fault for fault in struck if fault is not None), None)


async def _break_off(request: web.Request, answer: web.StreamResponse, fault: Fault) -> web.StreamResponse:
    if fault.kind is FaultKind.STREAM_ERROR:
        await answer.write(_event("error", worded(fault.as_trouble()).body()))
    if fault.kind is FaultKind.STREAM_CUT:
        mischief.cut(request)
    else:
        await answer.write_eof()
    return answer


async def _events(studio: Studio, order: Order, works: Sequence[Work]) -> list[bytes]:
    route = "image_edit" if order.edits else "image_generation"
    common = {"created_at": int(order.now_s), **described(order)}
    events = []
    for work in works:
        for number in range(order.wish.partials):
            draft = attrs.evolve(
                work,
                name=f"{work.name}p{number}",
                seed=number + 1_000_000,
                width=order.width // _PARTIAL_SHARE,
                height=order.height // _PARTIAL_SHARE,
            )
            partial = {"b64_json": await studio.encoded(draft), "partial_image_index": number, **common}
            events.append(_event(f"{route}.partial_image", partial))
        finished = {"b64_json": await studio.encoded(work), **common, "usage": order.usage(1)}
        events.append(_event(f"{route}.completed", finished))
    return events


def _event(kind: str, data: Mapping[str, Any]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), orjson.dumps({"type": kind, **data}))
