"""Requests in fal's queue: placed, asked for, fetched.

Sources: docs.fal.ai/model-apis/model-endpoints/queue and fal-client 1.0.3, read 2026-11-28. fal knows no
idempotency key and no list of requests: whether a submission whose answer is lost is in its queue, nobody can tell.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

import attrs

from danqing_plugins import (
    AccountProblem,
    Call,
    ContentRejected,
    InvalidRequest,
    Job,
    OutcomeUnknown,
    OutputKind,
    PluginError,
    RateLimited,
    Run,
    Source,
    Unavailable,
)
from danqing_plugins.billing import Billed
from danqing_plugins.kit.http import Service
from danqing_plugins.kit.links import link_of
from danqing_plugins.kit.offers import Offer
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
from danqing_providers.fal import texts
from danqing_providers.fal.catalogue import size_on_the_wire
from danqing_providers.fal.failures import FAILURES, NOT_FOUND

__all__ = ["FalOrders", "service_at"]

_TOO_EARLY: Final = re.compile("still in progress", re.IGNORECASE)
_PLACES: Final = ("request_id", "status_url", "response_url")
_UNSAFE: Final = ("has_nsfw_concepts", "nsfw_content_detected")
_FORMS: Final = {"image": OutputKind.IMAGE, "video": OutputKind.VIDEO, "audio": OutputKind.AUDIO}


def service_at(base_url: str, key: str, timeout_s: float) -> Service:
    """Return fal's queue at *base_url*."""
    return Service(
        failures=FAILURES,
        base_url=base_url,
        headers={"Authorization": f"Key {key}"},
        secrets=(key,),
        timeout_s=timeout_s,
        request_ids=("x-fal-request-id",),
        call_id_header=None,
    )


@attrs.define(eq=False, kw_only=True)
class FalOrders(AsyncOrders):
    """The orders of one model."""

    service: Service
    offer: Offer
    pace: Pace = attrs.field(factory=lambda: Pace(first_s=0.5, growth=1.4, longest_s=5.0))

    async def submit(self, job: Job, run: Run, call: Call, indexes: Sequence[int]) -> Mapping[str, Any]:
        """Put the request into the queue; fal's own addresses are what it is asked for by.

        The time to wait for its start is the task's: else it would wait for ever. No other endpoint may stand in
        for the one that was chosen.
        """
        body = self.offer.body(job.input, [await link_of(run, each) for each in job.references], len(indexes))
        if isinstance(body.get("image_size"), str):
            body["image_size"] = size_on_the_wire(body["image_size"].lower())
        headers = {
            "X-Fal-Request-Timeout": str(max(1, int(run.remaining_s))),
            "x-app-fal-disable-fallback": "true",
        }
        answer = await self.service.post(
            run.session, f"/{job.model}", body, headers=headers, call=call, prompt=_prompt_of(job)
        )
        told = answer.document
        call.request_id = str(told.get("request_id") or "") or call.request_id
        if not all(isinstance(told.get(name), str) for name in _PLACES):
            raise OutcomeUnknown(texts.NO_REQUEST(), code="unreadable_answer", request_id=call.request_id)
        places = {name: told[name] for name in (*_PLACES, "cancel_url") if name in told}
        return {**places, "placed_s": time.time()}

    async def poll(self, job: Job, run: Run, order: Mapping[str, Any]) -> Found:
        """Ask for the state, then for the answer. COMPLETED alone does not mean that it went well."""
        try:
            told = (await self.service.get(run.session, order["status_url"], prompt=_prompt_of(job))).document
            if told.get("status") != "COMPLETED":
                return Working()
            return await self._answer_of(job, run, order, failed=bool(told.get("error")))
        except InvalidRequest as error:
            if error.code == NOT_FOUND:
                return _unknown(order)
            # A gateway's: the question's trouble, and not the work's.
            raise of_the_question(error) from error

    async def _answer_of(self, job: Job, run: Run, order: Mapping[str, Any], *, failed: bool) -> Found:
        """Ask for the answer: the output, or with *failed* why there is none.

        Raises:
            PluginError: it cannot be had now; of the work that says nothing.
        """
        prompt = _prompt_of(job)
        async with self.service.open(run.session, "GET", order["response_url"], prompt=prompt, paid=False) as reply:
            if reply.accepted:
                return _found(job, await reply.document())
            said = [found for each in await reply.said() if (found := FAILURES.find(each)) is not None]
            if not said:
                raise FAILURES.silent(reply.answered)
        error = FAILURES.meaning_of(said[0], reply.answered)
        if _TOO_EARLY.search(said[0].message):
            return Working()
        if isinstance(error, AccountProblem | RateLimited) or error.code == NOT_FOUND:
            raise error
        if isinstance(error, Unavailable) and not failed:
            raise error
        return Failed(error)

    async def drop(self, job: Job, run: Run, order: Mapping[str, Any]) -> bool:
        """Ask for the cancellation. fal only says that it was asked: one that runs may be billed.

        One that is done already (400, ALREADY_COMPLETED) is not dropped by it.
        """
        if "cancel_url" in order:
            with suppress(InvalidRequest):
                await self.service.put(run.session, order["cancel_url"])
        return False


def _unknown(order: Mapping[str, Any]) -> Found:
    """Return what it means that fal does not know a request: it forgot it, or has not noted it yet."""
    if is_just_placed(order):
        return Working()
    return Failed(OutcomeUnknown(texts.GONE(), code="not_found"))


def _found(job: Job, answer: Mapping[str, Any]) -> Found:
    outputs = _outputs_of(answer)
    if not outputs:  # the model ran, and it would again
        nothing = ContentRejected(texts.NO_OUTPUT(), code="no_media_generated", billed=Billed.UNKNOWN)
        return Failed(nothing)
    return Made(outputs=outputs[: job.outputs], output=_data_of(answer))


def _outputs_of(answer: Mapping[str, Any]) -> list[Source | PluginError]:
    """Return every file that the answer names, or why it is worth nothing."""
    flags: Sequence[object] = next((answer[name] for name in _UNSAFE if isinstance(answer.get(name), list)), [])
    found: list[Source | PluginError] = []
    for number, file in enumerate(_files_in(answer)):
        if number < len(flags) and flags[number] is True:
            found.append(ContentRejected(texts.UNSAFE(), code="has_nsfw_concepts", billed=Billed.YES))
        else:
            form = str(file.get("content_type") or "").partition("/")[0]
            found.append(Source.from_url(file["url"], _FORMS.get(form)))
    return found


def _files_in(answer: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield what has a URL, in the places where models put it: `images`, `image`, `video`, `audio`, …"""
    for value in answer.values():
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, Mapping) and isinstance(item.get("url"), str):
                yield item


def _data_of(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the answer says beside its files; the prompt is the client's own."""
    return {"seed": answer["seed"]} if type(answer.get("seed")) is int else {}


def _prompt_of(job: Job) -> str:
    return str(job.input.get("prompt", ""))
