"""Predictions: created, asked for, found again.

    starting ─ processing ─┬─ succeeded   `output`, for an hour (then `data_removed`)
        │                  ├─ failed      `error`
        │                  └─ canceled    while it ran: billed for its time
        └─ aborted                        before it ran: not billed

Sources: replicate.com/docs/reference/http, /docs/topics/predictions and replicate 1.0.7; read 2026-11-28.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from typing import Any, Final
from urllib.parse import quote

import attrs

from danqing_plugins import (
    Call,
    InvalidRequest,
    Job,
    LostCall,
    NeverPlaced,
    OutcomeUnknown,
    Run,
    Source,
    Unavailable,
)
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
from danqing_providers.replicate import texts
from danqing_providers.replicate.failures import FAILURES, NOT_FOUND, failure_of_run
from danqing_providers.replicate.finding import Search

__all__ = ["ReplicateOrders", "service_at"]

OWN_SEED: Final = "own_seed"
"""In a task's input: its seed was drawn when it was prepared, and is in no other task."""

SHORTEST_S: Final = 5
_LINKS: Final = ("http://", "https://", "data:")


def service_at(base_url: str, token: str, timeout_s: float) -> Service:
    """Return Replicate's API at *base_url*."""
    return Service(
        failures=FAILURES,
        base_url=base_url,
        headers={"Authorization": f"Bearer {token}"},
        secrets=(token,),
        timeout_s=timeout_s,
        call_id_header=None,
    )


@attrs.define(eq=False, kw_only=True)
class ReplicateOrders(AsyncOrders):
    """The orders of one model. `placed` has, for predictions of this process, task and call of each."""

    service: Service
    offer: Offer
    placed: MutableMapping[str, tuple[str, str]]
    pace: Pace = attrs.field(factory=lambda: Pace(first_s=0.5, growth=1.4, longest_s=5.0))

    async def submit(self, job: Job, run: Run, call: Call, indexes: Sequence[int]) -> Mapping[str, Any]:
        """Create a prediction, which Replicate itself ends when the task's time is over."""
        references = [await link_of(run, each) for each in job.references]
        sent = self._input(job, references, len(indexes))
        name, _, version = job.model.partition(":")
        path = "/predictions" if version else f"/models/{name}/predictions"
        answer = await self.service.post(
            run.session,
            path,
            {"version": job.model, "input": sent} if version else {"input": sent},
            headers={"Cancel-After": f"{max(SHORTEST_S, int(run.remaining_s))}s"},
            call=call,
            prompt=_prompt_of(job),
        )
        if not answer.document.get("id"):
            raise OutcomeUnknown(texts.NO_ID(), code="unreadable_answer", request_id=answer.request_id)
        order = _order_of(answer.document)
        self.placed[order["id"]] = (job.task_id, call.id)
        call.request_id = order["id"]
        return {**order, "placed_s": time.time()}

    async def poll(self, job: Job, run: Run, order: Mapping[str, Any]) -> Found:
        """Ask for the prediction."""
        try:
            answer = await self.service.get(run.session, _place_of(order["id"]), prompt=_prompt_of(job))
        except InvalidRequest as error:
            if error.code == NOT_FOUND and is_just_placed(order):
                return Working()
            if error.code == NOT_FOUND:
                return Failed(OutcomeUnknown(texts.GONE(), code="prediction_gone"))
            # A gateway's: the question's trouble, and not the prediction's.
            raise of_the_question(error) from error
        return self._state_of(job, answer.document)

    async def drop(self, job: Job, run: Run, order: Mapping[str, Any]) -> bool:
        """Cancel the prediction; only one that had not begun costs nothing."""
        answer = await self.service.post(run.session, f"{_place_of(order['id'])}/cancel", paid=False)
        return answer.document.get("status") == "aborted"

    async def find(self, job: Job, run: Run, lost: LostCall) -> Mapping[str, Any] | NeverPlaced | None:
        """Look for the prediction of *lost*, by the seed that no other task has."""
        if job.input.get(OWN_SEED) is not True:
            return None
        name, _, version = job.model.partition(":")
        pictures = job.input.get("pictures", ())
        sent = self._input(job, ["" for _ in pictures], len(lost.indexes))
        search = Search(
            service=self.service,
            run=run,
            model=name,
            version=version or None,
            # Replicate may tell another address of a picture than the one it was sent.
            sent={field: value for field, value in sent.items() if field not in pictures},
            sent_s=lost.sent_at.timestamp(),
            timeout_s=self.service.timeout_s,
            known=[id_ for id_, call in self.placed.items() if call != (job.task_id, lost.id)],
        )
        found = await search.find()
        return _order_of(found) if isinstance(found, Mapping) else found

    def _input(self, job: Job, references: Sequence[str], count: int) -> dict[str, Any]:
        kept = {name: value for name, value in job.input.items() if name != OWN_SEED}
        return self.offer.body(kept, references, count)

    def _state_of(self, job: Job, told: Mapping[str, Any]) -> Found:
        status, output = told.get("status"), told.get("output")
        if status == "aborted":
            return Failed(Unavailable(texts.ABORTED(), code="aborted"))
        if status == "canceled":
            return Failed(OutcomeUnknown(texts.CANCELED(), code="canceled"))
        if status == "failed":
            official = ":" not in job.model
            said = str(told.get("error") or texts.FAILED(said="-"))
            prompt = _prompt_of(job)
            return Failed(failure_of_run(said, official=official, secrets=self.service.secrets, prompt=prompt))
        if status == "succeeded" and told.get("data_removed") is True:
            return Failed(OutcomeUnknown(texts.REMOVED(), code="data_removed"))
        if status != "succeeded":  # `processing` may have an output, too: what there is of it by now
            return Working()
        links = [text for text in _texts_in(output) if text.lower().startswith(_LINKS)]
        return Made(
            outputs=[Source.from_url(link) for link in links][: job.outputs],
            output=_data_of(job, output),
            usage=_usage_of(told),
        )


def _order_of(told: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is saved of a prediction: its id, and for releases that look there, where it is asked for.

    Its own `urls` are Replicate's, and may not be where the endpoint is.
    """
    id_ = str(told["id"])
    return {"id": id_, "get": _place_of(id_)}


def _place_of(id_: str) -> str:
    """Return the path of a prediction."""
    return f"/predictions/{quote(id_, safe='')}"


def _texts_in(output: Any) -> Iterator[str]:
    """Yield every string of an output: a string, a list, or an object, as the model's schema has it."""
    if isinstance(output, str):
        yield output
    elif isinstance(output, Mapping | list):
        for value in output.values() if isinstance(output, Mapping) else output:
            yield from _texts_in(value)


def _data_of(job: Job, output: Any) -> dict[str, Any]:
    """Return what is no file of an output (a language model's text comes in pieces), and the seed."""
    words = "".join(text for text in _texts_in(output) if not text.lower().startswith(_LINKS))
    seed = job.input.get("seed")
    return {**({"text": words} if words else {}), **({"seed": seed} if type(seed) is int else {})}


def _usage_of(told: Mapping[str, Any]) -> dict[str, Any]:
    """Return the numbers among the metrics: `predict_time` and `total_time` are seconds."""
    metrics = told.get("metrics")
    found = metrics.items() if isinstance(metrics, Mapping) else ()
    return {name: value for name, value in found if type(value) in (int, float)}


def _prompt_of(job: Job) -> str:
    return str(job.input.get("prompt", ""))
