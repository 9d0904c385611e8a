"""Orders at DashScope: placed, asked for, fetched, and looked for when the answer to one was lost.

    PENDING ─ RUNNING ─┬─ SUCCEEDED: deliver, reject the pictures that failed
                       ├─ FAILED: unbilled; final, or ordered again in another attempt
                       ├─ CANCELED: unbilled, final
                       └─ UNKNOWN: older than 24 hours or never heard of: it may have been billed

Source: help.aliyun.com/zh/model-studio/manage-asynchronous-tasks (20 questions a second for a whole account;
results are kept for 24 hours), dashscope 2.0.2 `client/base_api.py` (asks after 1 s, doubling every third time up
to 5 s), and the video pages, which advise 15 s; read 2026-11-28.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs

from danqing_plugins import (
    Call,
    InvalidRequest,
    Job,
    LostCall,
    NeverPlaced,
    OutcomeUnknown,
    PluginError,
    Price,
    Result,
    Run,
)
from danqing_plugins.kit.http import Service
from danqing_plugins.kit.orders import (
    AsyncOrders,
    Failed,
    Found,
    Made,
    Order,
    Pace,
    Working,
    is_just_placed,
    of_the_question,
)
from danqing_plugins.kit.reading import Answer
from danqing_providers.dashscope import texts
from danqing_providers.dashscope.answers import (
    OrderState,
    cost_of,
    id_of,
    output_of,
    sources_of,
    state_of,
    usage_of,
)
from danqing_providers.dashscope.catalogue import Model
from danqing_providers.dashscope.failures import failure_of
from danqing_providers.dashscope.finding import Search
from danqing_providers.dashscope.wire import ASYNC_HEADER, body_of, links_of, prompt_of

__all__ = ["IMAGE_PACE", "VIDEO_PACE", "DashScopeOrders"]

_GROWTH: Final = 2 ** (1 / 3)
IMAGE_PACE: Final = Pace(first_s=1.0, growth=_GROWTH, longest_s=5.0)
VIDEO_PACE: Final = Pace(first_s=5.0, growth=_GROWTH, longest_s=15.0)


@attrs.define(eq=False, kw_only=True)
class DashScopeOrders(AsyncOrders):
    """The orders of one job. `placed` remembers the ids of this process's orders, those of other jobs too.

    `price` is that of the model, None where it is not known.
    """

    model: Model
    price: Price | None
    service: Service
    pace: Pace
    placed: deque[str]

    _pictures: dict[str, str] = attrs.field(factory=dict, init=False)

    async def carry_out(self, job: Job, run: Run) -> Result | None:
        """Order what is missing, and see it to its end; its pictures are read before anything is paid for."""
        await _renew(run)
        if run.missing and not run.saved:
            self._pictures = await links_of(job, run)
        return await super().carry_out(job, run)

    async def cancel_order(self, job: Job, run: Run) -> bool:
        await _renew(run)
        return await super().cancel_order(job, run)

    async def submit(self, job: Job, run: Run, call: Call, indexes: Sequence[int]) -> Mapping[str, Any]:
        pictures = self._pictures or await links_of(job, run)
        body = body_of(self.model, job.input, pictures, len(indexes))
        answer = await self.service.post(
            run.session, self.model.route.path, body, headers=ASYNC_HEADER, call=call, prompt=prompt_of(job)
        )
        call.request_id = answer.request_id
        id_ = id_of(answer.document)
        if id_ is None:
            raise OutcomeUnknown(texts.NO_RESULT(), code="unreadable_answer", request_id=answer.request_id)
        return {"id": id_, "placed_s": time.time()}

    async def poll(self, job: Job, run: Run, order: Mapping[str, Any]) -> Found:
        if order["id"] not in self.placed:  # only now that it is saved: until then a search must find it
            self.placed.append(order["id"])
        try:
            answer = await self._look(run, order["id"], prompt_of(job))
        except (InvalidRequest, OutcomeUnknown) as error:  # the question's trouble: the order may go on
            raise of_the_question(error) from error
        return self._found(order, answer)

    async def drop(self, job: Job, run: Run, order: Mapping[str, Any]) -> bool:
        """Drop the order. Only one that waits can be dropped; that it then charges nothing follows from that."""
        try:
            await self.service.post(run.session, f"/tasks/{order['id']}/cancel", paid=False)
        except PluginError:
            return False
        return True

    async def find(self, job: Job, run: Run, lost: LostCall) -> Mapping[str, Any] | NeverPlaced | None:
        search = Search(service=self.service, run=run, job=job, lost=lost, pace=self.pace, known=self.placed)
        id_ = await search.find()
        return None if id_ is None else {"id": id_, "placed_s": lost.sent_at.timestamp()}

    async def _look(self, run: Run, id_: str, prompt: str) -> Answer:
        return await self.service.get(run.session, f"/tasks/{id_}", prompt=prompt)

    def _found(self, order: Mapping[str, Any], answer: Answer) -> Found:
        match state_of(answer.document):
            case OrderState.SUCCEEDED:
                outputs = sources_of(answer)
                if not outputs:
                    error = OutcomeUnknown(
                        texts.NO_RESULT(), code="unreadable_answer", request_id=answer.request_id
                    )
                    return Failed(error)
                cost_micro = cost_of(answer.document, self.price)
                return Made(outputs=outputs, usage=usage_of(answer.document), cost_micro=cost_micro)
            case OrderState.FAILED:
                return Failed(failure_of(output_of(answer.document), answer.answered))
            case OrderState.CANCELED:
                cancelled = InvalidRequest(texts.CANCELLED(), code="order_cancelled", request_id=answer.request_id)
                return Failed(cancelled)
            case OrderState.UNKNOWN if not is_just_placed(order):
                return Failed(OutcomeUnknown(texts.ORDER_GONE(), code="order_gone"))
        return Working(fraction=_fraction(answer))


def _fraction(answer: Answer) -> float | None:
    """Return how much of the order is done, by its count of pictures; None: it does not tell."""
    metrics = output_of(answer.document).get("task_metrics")
    if not isinstance(metrics, Mapping):
        return None
    total, done = metrics.get("TOTAL"), metrics.get("SUCCEEDED")
    if not (isinstance(total, int) and isinstance(done, int) and 0 < done < total):
        return None
    return done / total


async def _renew(run: Run) -> None:
    """Bring an order that was saved before orders were the kit's into the kit's form."""
    saved = run.saved.get("order")
    if isinstance(saved, Mapping) and "id" in saved:
        kept = {"id": saved["id"], "placed_s": saved["placed_s"]}
        await run.checkpoint(Order(tuple(saved["indexes"]), kept).entry())
