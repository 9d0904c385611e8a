"""The streamed answer: one server-sent event for each finished picture.

Source: volcengine.com/docs/82379/1824137, read 2026-11-23. `data: [DONE]` is not documented there; the official
client library stops at it when it comes, so that both ways can be asked for.
"""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from danqing_providers.sandbox import mischief
from danqing_providers.sandbox.ark.answers import inner_error, usage
from danqing_providers.sandbox.ark.errors import error_body, worded
from danqing_providers.sandbox.ark.oddities import Oddities, encode_event
from danqing_providers.sandbox.ark.orders import Order
from danqing_providers.sandbox.ark.studio import Made, Refused, Studio
from danqing_providers.sandbox.faults import AFTER_BILLING, Fault, FaultKind
from danqing_providers.sandbox.gallery import Work

__all__ = ["stream_answer"]

_DONE: Final = b"data: [DONE]\n\n"


class _Broken(Exception):
    """The stream was broken on purpose."""


async def stream_answer(request: web.Request, studio: Studio, order: Order) -> web.StreamResponse:
    """Answer *order* with a stream; each picture is billed before its event is sent."""
    oddities = studio.oddities(order)
    headers = {"Content-Type": oddities.stream_type, "Cache-Control": "no-cache"}
    answer = web.StreamResponse(status=oddities.status, headers=headers)
    await answer.prepare(request)
    stream = _Stream(request, answer, studio, order, oddities)
    try:
        if oddities.mark:
            await answer.write(oddities.mark)
        await stream.send_pictures()
        await stream.send_end()
    except (_Broken, ConnectionError):
        # Broken on purpose, or the client has gone: what was made is billed, as Ark does.
        pass
    return answer


class _Stream:
    def __init__(
        self, request: web.Request, answer: web.StreamResponse, studio: Studio, order: Order, oddities: Oddities
    ) -> None:
        self._request = request
        self._answer = answer
        self._studio = studio
        self._order = order
        self._oddities = oddities
        self._made: list[Work] = []

    async def send_pictures(self) -> None:
        async for outcome in self._studio.produce(self._order):
            if isinstance(outcome, Refused):
                await self._send("partial_failed", image_index=outcome.index, error=self._error(outcome))
            else:
                await self._send_picture(outcome)

    async def _send_picture(self, made: Made) -> None:
        index = made.picture.index
        if fault := self._studio.strike({FaultKind.STREAM_ERROR}, self._order, index):
            body = error_body(worded(fault.as_trouble()), self._order.caller.request_id)
            await self._answer.write(encode_event("error", {"error": inner_error(body)}))
            raise _Broken
        item = await self._studio.item(self._order, made.picture, self._oddities)
        await self._studio.bill(self._order, [made.picture])
        self._made.append(made.picture)
        if self._studio.strike({FaultKind.STREAM_CUT}, self._order, index):
            mischief.cut(self._request)
            raise _Broken
        if fault := self._studio.strike(AFTER_BILLING, self._order, index, "answer"):
            await self._break(fault)
        await self._send("partial_succeeded", image_index=index, **item)

    async def _break(self, fault: Fault) -> None:
        if fault.kind is FaultKind.RESET_AFTER_BILLING:
            mischief.reset(self._request)
        elif fault.kind is FaultKind.TRUNCATE:
            await self._answer.write(b"event: image_generation.partial_succ")
            mischief.cut(self._request)
        else:
            await mischief.keep_silent(self._request, fault.seconds)
            if fault.kind is FaultKind.SLOW:
                return
            mischief.cut(self._request)
        raise _Broken

    async def send_end(self) -> None:
        """Send the `completed` event and the end mark, where neither is switched off."""
        completed = self._studio.house.config.stream_completed
        if completed and not self._studio.strike({FaultKind.STREAM_NO_COMPLETED}, self._order):
            tools = {"tools": [{"type": "web_search"}]} if self._order.request.web_search else {}
            await self._send("completed", usage=usage(self._order, len(self._made)), **tools)
        done = self._studio.house.config.stream_done
        if done and not self._studio.strike({FaultKind.STREAM_NO_DONE}, self._order):
            await self._answer.write(_DONE)

    async def _send(self, event: str, **fields: Any) -> None:
        name = f"image_generation.{event}"
        created = int(self._studio.house.clock())
        data = {"type": name, "model": self._order.request.model_name, "created": created, **fields}
        await self._answer.write(self._oddities.event(name, data))

    def _error(self, refused: Refused) -> dict[str, str]:
        return inner_error(error_body(refused.error, self._order.caller.request_id))
