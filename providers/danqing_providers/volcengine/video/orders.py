"""Videos by way of Ark's tasks: ordered once, asked for until they end, found again by our own mark.

queued ─ running ─┬─ succeeded: deliver the video, and its last frame where asked for; billed by its tokens
                  ├─ failed: unbilled; final, or ordered again in another attempt
                  ├─ cancelled: unbilled, final
                  └─ expired, or not known any more: nobody says whether it was billed

Every order carries a `safety_identifier` that is a hash of the task and the call: the list of tasks shows it, so
that an order whose answer was lost is found. How soon a new order is listed is not documented: its absence proves
nothing.

Source: volcengine.com/docs/82379/1520757, 1521309, 1521675 and 1521720, read 2026-11-28 (20 questions a second, one
list a second; the list has flex tasks only where they are asked for; deleting a running task is refused).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

import attrs

from danqing_plugins import (
    Call,
    ContentRejected,
    InvalidRequest,
    Job,
    LostCall,
    NeverPlaced,
    OutcomeUnknown,
    OutputKind,
    PluginError,
    Result,
    Run,
    Source,
    Unavailable,
)
from danqing_plugins.kit.documents import LARGEST_COUNT, plain
from danqing_plugins.kit.failures import Answered, Complaint
from danqing_plugins.kit.http import Service
from danqing_plugins.kit.links import link_of
from danqing_plugins.kit.orders import (
    AsyncOrders,
    Failed,
    Found,
    Made,
    Pace,
    Working,
    is_just_placed,
    of_the_question,
)
from danqing_plugins.kit.reading import Answer
from danqing_providers.volcengine.failures import FAILURES, find_error
from danqing_providers.volcengine.video import texts
from danqing_providers.volcengine.video.models import VideoModel
from danqing_providers.volcengine.video.pricing import TokenPrices, cost_of
from danqing_providers.volcengine.video.wire import body_of, marker_of

__all__ = ["VideoOrders"]

TASKS: Final = "/contents/generations/tasks"
PAGE_SIZE: Final = 100
MOST_PAGES: Final = 10
BETWEEN_LISTS_S: Final = 1.0
LOOKS: Final = 3
EXPIRES_S: Final = 172_800
"""When Ark gives an order up that was given no `execution_expires_after`."""

TO_FETCH_S: Final = 600.0
"""For asking once more, and for fetching what came at the last moment."""

_PLACES: Final = ("video_url", "last_frame_url")
_KINDS: Final = (OutputKind.VIDEO, OutputKind.IMAGE)


@attrs.define(eq=False, kw_only=True)
class VideoOrders(AsyncOrders):
    """The orders of one job. `name` is the model's id at the endpoint."""

    model: VideoModel
    name: str
    service: Service
    prices: TokenPrices
    pace: Pace

    _pictures: list[tuple[str, str]] = attrs.field(factory=list, init=False)

    async def carry_out(self, job: Job, run: Run) -> Result | None:
        """Order what is missing, and see it to its end; a draft's result names what its video is made of.

        Tier flex is done when Ark finds the time: the task's deadline is then the order's own.
        """
        if run.missing and job.input.get("service_tier") == "flex":
            await run.extend(_ends_s(job, run) - time.time())
        if run.missing and not run.saved:
            await self._read_pictures(job, run)
        await super().carry_out(job, run)
        drafts = [entry["order"]["id"] for entry in _orders_in(run)] if job.input.get("draft") else []
        return Result(output={"draft_task": drafts[-1]}) if drafts else None

    async def submit(self, job: Job, run: Run, call: Call, indexes: Sequence[int]) -> Mapping[str, Any]:
        if job.references and not self._pictures:
            await self._read_pictures(job, run)
        body = body_of(self.name, job.input, self._pictures, marker_of(job.task_id, call.id))
        answer = await self.service.post(run.session, TASKS, body, call=call, prompt=_prompt(job))
        id_ = answer.document.get("id")
        if not isinstance(id_, str) or not id_:
            raise OutcomeUnknown(texts.NO_ORDER_ID(), code="unreadable_answer", request_id=answer.request_id)
        return {"id": id_, "placed_s": time.time(), "indexes": list(indexes)}

    async def poll(self, job: Job, run: Run, order: Mapping[str, Any]) -> Found:
        try:
            answer = await self._look(run, order["id"], _prompt(job))
        except (InvalidRequest, ContentRejected) as error:  # the question's trouble: the order goes on
            raise of_the_question(error) from error
        if answer is not None:
            return self._found(job, order, answer)
        if is_just_placed(order):
            return Working()
        return Failed(OutcomeUnknown(texts.ORDER_GONE(), code="order_gone"))

    async def drop(self, job: Job, run: Run, order: Mapping[str, Any]) -> bool:
        """Drop an order that waits. One that has ended is left alone: deleting it would lose what was paid for."""
        try:
            before = await self._look(run, order["id"])
            if before is None or before.document.get("status") != "queued":
                return False
            await self.service.delete(run.session, f"{TASKS}/{order['id']}")
            after = await self._look(run, order["id"])
        except PluginError:
            return False
        return after is not None and after.document.get("status") == "cancelled"

    async def find(self, job: Job, run: Run, lost: LostCall) -> Mapping[str, Any] | NeverPlaced | None:
        """Look for the order with our mark, a few times: a new one may be listed late.

        Among those of its model, and among all: `filter.model` is said to take the id of an endpoint, and may let
        nothing through, or be refused, where it is a model's.
        """
        marker = marker_of(job.task_id, lost.id)
        filters = {"filter.service_tier": str(job.input.get("service_tier", "default"))}
        for look in range(LOOKS):
            if look:
                await asyncio.sleep(self.pace.first_s)
            of_model = {} if look % 2 else {"filter.model": self.name}
            try:
                id_ = await self._marked(run, marker, {**filters, **of_model})
            except InvalidRequest:
                continue
            if id_ is not None:
                return {"id": id_, "placed_s": lost.sent_at.timestamp(), "indexes": list(lost.indexes)}
        return None

    async def _marked(self, run: Run, marker: str, filters: Mapping[str, str]) -> str | None:
        """Return the id of the listed order with *marker*, None when there is none."""
        params = {**filters, "page_size": str(PAGE_SIZE)}
        for page in range(1, MOST_PAGES + 1):
            if page > 1:
                await asyncio.sleep(min(BETWEEN_LISTS_S, self.pace.first_s))
            answer = await self.service.get(run.session, TASKS, params={**params, "page_num": str(page)})
            items, total = answer.document.get("items"), answer.document.get("total")
            if not isinstance(items, list):
                return None
            for item in items:
                if isinstance(item, Mapping) and item.get("safety_identifier") == marker:
                    id_ = item.get("id")
                    return id_ if isinstance(id_, str) and id_ else None
            if not items or (type(total) is int and page * PAGE_SIZE >= total):
                return None
        return None

    async def _read_pictures(self, job: Job, run: Run) -> None:
        self._pictures += [(reference.key, await link_of(run, reference)) for reference in job.references]

    async def _look(self, run: Run, id_: str, prompt: str = "") -> Answer | None:
        """Ask for an order; None: Ark says that there is none. Its own error is left in its document."""
        path = f"{TASKS}/{quote(id_, safe='')}"
        async with self.service.open(run.session, "GET", path, prompt=prompt, paid=False) as reply:
            if reply.accepted:
                return Answer(await reply.document(), reply.answered)
            if reply.response.status == HTTPStatus.NOT_FOUND:
                if any(find_error(said) is not None for said in await reply.said()):
                    return None
                raise FAILURES.silent(reply.answered)
            raise await reply.refusal()

    def _found(self, job: Job, order: Mapping[str, Any], answer: Answer) -> Found:
        told = answer.document
        match told.get("status"):
            case "succeeded":
                return Made(
                    outputs=_sources(told, order["indexes"]),
                    usage=_usage(told),
                    cost_micro=cost_of(self.model, job.input, self.prices, told),
                )
            case "failed":
                return Failed(_failure(told, answer.answered))
            case "expired":
                return Failed(OutcomeUnknown(texts.EXPIRED(), code="order_expired"))
            case "cancelled":
                return Failed(InvalidRequest(texts.CANCELLED(), code="order_cancelled"))
        return Working()  # queued, running, and what a later Ark may call them


def _ends_s(job: Job, run: Run) -> float:
    """Return when the latest order has ended, in Unix time, or would if it were placed now."""
    orders = [entry["order"]["placed_s"] for entry in _orders_in(run)]
    expires_s = job.input.get("execution_expires_after", EXPIRES_S)
    return float(max(orders, default=time.time()) + expires_s + TO_FETCH_S)


def _prompt(job: Job) -> str:
    return str(job.input.get("prompt") or "")


def _orders_in(run: Run) -> list[Mapping[str, Any]]:
    return [entry for entry in run.saved.values() if isinstance(entry, Mapping) and "order" in entry]


def _sources(told: Mapping[str, Any], indexes: Sequence[int]) -> list[Source]:
    """Return what was made for *indexes*: the video is 0, its last frame 1. None of it may have come."""
    content = told.get("content")
    content = content if isinstance(content, Mapping) else {}
    sources = []
    for index in indexes:
        url = content.get(_PLACES[index])
        if not isinstance(url, str) or not url:
            break
        sources.append(Source.from_url(url, _KINDS[index]))
    return sources


def _usage(told: Mapping[str, Any]) -> dict[str, int]:
    usage = told.get("usage")
    usage = usage if isinstance(usage, Mapping) else {}
    tools = usage.get("tool_usage")
    counts = {**usage, **(tools if isinstance(tools, Mapping) else {})}
    return {plain(name): value for name, value in counts.items() if type(value) is int and value <= LARGEST_COUNT}


def _failure(told: Mapping[str, Any], answered: Answered) -> PluginError:
    """Return what a failed order means: it was not made, and is not billed.

    What no rule knows is taken for a failure of the service, so that another try may succeed. The error has two
    names in two clients of Ark's own.
    """
    complaint = find_error({"error": told.get("error") or told.get("failure_reason")}) or Complaint("", "")
    error = FAILURES.meaning_of(complaint, attrs.evolve(answered, status=None))
    if type(error) is PluginError:
        return Unavailable(error.message, code=error.code, request_id=error.request_id)
    return error
