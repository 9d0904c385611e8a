"""From a job to its outputs: asked for at once, or ordered and waited for.

order placed ─ id saved ─┬─ SUCCEEDED: deliver, reject the pictures that failed
                         ├─ FAILED: unbilled; final, or ordered again in another attempt
                         ├─ CANCELED: unbilled, final
                         └─ UNKNOWN: older than 24 hours or never heard of: it may have been billed
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs

from danqing_plugins import (
    ContentRejected,
    InvalidRequest,
    Job,
    OutcomeUnknown,
    OutputKind,
    PluginError,
    Result,
    Run,
    Source,
)
from danqing_plugins.kit.fingerprint import fingerprint_of
from danqing_plugins.kit.http import Service
from danqing_plugins.kit.links import link_of
from danqing_plugins.kit.reading import Answer
from danqing_providers.dashscope import texts
from danqing_providers.dashscope.answers import (
    Item,
    OrderState,
    id_of,
    items_of,
    output_of,
    state_of,
    usage_of,
)
from danqing_providers.dashscope.catalogue import Model
from danqing_providers.dashscope.failures import failure_of
from danqing_providers.dashscope.orders import Order, Pace, wait
from danqing_providers.dashscope.wire import ASYNC_HEADER, body_of

__all__ = ["Generation"]

_FINAL: Final = (InvalidRequest, ContentRejected)


@attrs.define(eq=False, kw_only=True)
class Generation:
    """Carries one job out. `placed` remembers the ids of this process's orders."""

    job: Job
    run: Run
    model: Model
    service: Service
    pace: Pace
    placed: deque[str]

    async def carry_out(self) -> Result | None:
        """Make every missing output.

        Raises:
            PluginError: some are still missing, and what that means.
        """
        if not self.run.missing:
            return None
        if not self.model.route.orders:
            return await self._at_once()
        order = Order.of(self.run.saved) or await self._place()
        self.placed.append(order.id)  # only now that it is saved: until then a search must find it
        answer = await wait(self.service, self.run, order, self.pace)
        if state_of(answer.document) is OrderState.UNKNOWN:
            # Whether one more order may be placed is for the task's policy to say, in `run.call`.
            await self._give_up(order, OutcomeUnknown(texts.ORDER_GONE(), code="order_gone"))
            order = await self._place()
            self.placed.append(order.id)
            answer = await wait(self.service, self.run, order, self.pace)
        return await self._take(order, answer)

    async def _at_once(self) -> Result | None:
        indexes = self.run.missing
        body = await self._body(len(indexes))
        async with self.run.call(indexes, fingerprint_of(self.job, indexes)) as call:
            answer = await self.service.post(
                self.run.session, self.model.route.path, body, call=call, prompt=self._prompt
            )
            call.request_id, call.usage = answer.request_id, usage_of(answer.document)
            items = items_of(answer)
            if not items:
                raise OutcomeUnknown(texts.NO_RESULT(), code="unreadable_answer", request_id=answer.request_id)
            call.release(indexes[len(items) :])
            await self._deliver(indexes, items)
        return None

    async def _place(self) -> Order:
        """Place an order for what is missing, and save its id before anything else can happen."""
        indexes = self.run.missing
        body = await self._body(len(indexes))
        async with self.run.call(indexes, fingerprint_of(self.job, indexes)) as call:
            answer = await self.service.post(
                self.run.session,
                self.model.route.path,
                body,
                headers=ASYNC_HEADER,
                call=call,
                prompt=self._prompt,
            )
            call.request_id = answer.request_id
            id_ = id_of(answer.document)
            if id_ is None:
                raise OutcomeUnknown(texts.NO_RESULT(), code="unreadable_answer", request_id=answer.request_id)
            order = Order(id=id_, indexes=tuple(indexes), placed_s=time.time())
            await self.run.checkpoint(order.saved)
        return order

    async def _take(self, order: Order, answer: Answer) -> Result | None:
        """Deliver what the order brought. Raises: it brought nothing."""
        state = state_of(answer.document)
        if state is OrderState.SUCCEEDED:
            items = items_of(answer)
            if not items:
                raise OutcomeUnknown(texts.NO_RESULT(), code="unreadable_answer", request_id=answer.request_id)
            await self._deliver(order.indexes, items)
            return Result(usage=usage_of(answer.document))
        if state is OrderState.UNKNOWN:
            error: PluginError = OutcomeUnknown(texts.ORDER_GONE(), code="order_gone")
        elif state is OrderState.CANCELED:
            error = InvalidRequest(texts.CANCELLED(), code="order_cancelled", request_id=answer.request_id)
        else:
            error = failure_of(output_of(answer.document), answer.answered)
        await self._give_up(order, error)
        raise error

    async def _give_up(self, order: Order, error: PluginError) -> None:
        await self.run.settle(order.indexes, error)
        if not isinstance(error, _FINAL):
            await self.run.checkpoint({})

    async def _deliver(self, indexes: Sequence[int], items: Sequence[Item]) -> None:
        """Hand over what came; pictures that the service left out were not charged for."""
        kind = OutputKind.VIDEO if self.model.is_video else None
        for index, item in zip(indexes, items, strict=False):
            if item.url is not None:
                await self.run.deliver(index, Source.from_url(item.url, kind))
            elif item.error is not None:
                await self.run.reject(index, item.error)
        left = [index for index in indexes[len(items) :] if index in self.run.missing]
        if left:
            await self.run.omit(left)

    async def _body(self, count: int) -> Mapping[str, Any]:
        pictures = {reference.field: await link_of(self.run, reference) for reference in self.job.references}
        return body_of(self.model, self.job.input, pictures, count)

    @property
    def _prompt(self) -> str:
        return str(self.job.input.get("prompt") or "")
