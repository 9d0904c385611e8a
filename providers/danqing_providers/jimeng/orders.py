"""Tasks of 即梦: submitted, asked for, fetched.

    in_queue ─ generating ─ done ─┬─ code 10000   links: of pictures for 24 hours, of a film for one
                                  └─ another      it failed; nothing is billed
    not_found, expired: older than 12 hours, or never heard of

There is no idempotency key and no list: whether a submission whose answer is lost became a task, nobody can tell.
Source: volcengine.com/docs/85621, read 2026-11-28.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs

from danqing_plugins import Call, InvalidRequest, Job, OutcomeUnknown, PluginError, Run, Source, Unavailable
from danqing_plugins.kit.failures import Answered, Complaint
from danqing_plugins.kit.http import Service
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
from danqing_plugins.kit.signing import VolcengineV4
from danqing_providers.jimeng import texts
from danqing_providers.jimeng.failures import FAILURES, SUCCESS, is_of_the_work

__all__ = ["JimengOrders", "action", "service_at"]

VERSION: Final = "2022-08-31"
_RESULT: Final = '{"return_url":true}'


def service_at(base_url: str, key_id: str, secret: str, timeout_s: float) -> Service:
    """Return the service at *base_url*; every request is signed."""
    return Service(
        failures=FAILURES,
        base_url=base_url,
        secrets=(key_id, secret),
        timeout_s=timeout_s,
        request_ids=("x-tt-logid",),
        call_id_header=None,
        sign=VolcengineV4(key_id=key_id, secret=secret, region="cn-north-1", service="cv"),
    )


def action(name: str) -> dict[str, str]:
    """Return the parameters of a request that name what is to be done."""
    return {"Action": name, "Version": VERSION}


@attrs.define(eq=False, kw_only=True)
class JimengOrders(AsyncOrders):
    """The orders of one model. `takes_bytes`: its references may be sent as base64."""

    service: Service
    takes_bytes: bool
    pace: Pace = attrs.field(factory=lambda: Pace(first_s=1.0, growth=1.4, longest_s=5.0))

    async def submit(self, job: Job, run: Run, call: Call, indexes: Sequence[int]) -> Mapping[str, Any]:
        """Submit the task; what is asked for is told by the input alone, never by the number of *indexes*."""
        body = {"req_key": job.model, **_fields_of(job), **await self._pictures(job, run)}
        answer = await self._ask(run, "CVSync2AsyncSubmitTask", body, prompt=_prompt_of(job), call=call)
        call.request_id = answer.request_id
        data = answer.document.get("data")
        if not isinstance(data, Mapping) or not data.get("task_id"):
            raise OutcomeUnknown(texts.NO_TASK(), code="unreadable_answer", request_id=answer.request_id)
        return {"id": str(data["task_id"]), "placed_s": time.time()}

    async def poll(self, job: Job, run: Run, order: Mapping[str, Any]) -> Found:
        """Ask for the task. `done` alone does not mean that it went well."""
        body = {"req_key": job.model, "task_id": order["id"], "req_json": _RESULT}
        try:
            answer = await self._ask(run, "CVSync2AsyncGetResult", body, prompt=_prompt_of(job))
        except PluginError as error:
            if is_of_the_work(error.code):
                return Failed(error)
            if isinstance(error, InvalidRequest | OutcomeUnknown):  # the question's trouble: the order may go on
                raise of_the_question(error) from error
            raise
        return self._state_of(job, order, answer)

    def _state_of(self, job: Job, order: Mapping[str, Any], answer: Answer) -> Found:
        told = answer.document
        data = told["data"] if isinstance(told.get("data"), Mapping) else {}
        status, code = data.get("status"), told.get("code")
        if status == "done" and code != SUCCESS:
            return Failed(self._meaning(job, str(code), str(told.get("message", ""))))
        if status == "not_found" and not is_just_placed(order):
            return Failed(OutcomeUnknown(texts.GONE(), code="not_found"))
        if status == "expired":
            return Failed(OutcomeUnknown(texts.EXPIRED(), code="expired"))
        if status != "done":
            return Working()
        return Made(outputs=_outputs_of(data)[: job.outputs])

    def _meaning(self, job: Job, code: str, message: str) -> PluginError:
        """Return why a task failed. What no rule knows is the service's own trouble: only success is billed."""
        answered = Answered(status=None, secrets=self.service.secrets, prompt=_prompt_of(job))
        meaning = FAILURES.meaning_of(Complaint(code, message), answered)
        return Unavailable(meaning.message, code=code) if type(meaning) is PluginError else meaning

    async def _ask(
        self, run: Run, name: str, body: Mapping[str, Any], *, prompt: str, call: Call | None = None
    ) -> Answer:
        return await self.service.post(
            run.session,
            "/",
            body,
            params=action(name),
            prompt=prompt,
            call=call,
            paid=call is not None,
        )

    async def _pictures(self, job: Job, run: Run) -> dict[str, Any]:
        links = [each.url for each in job.references]
        if not links:
            return {}
        if None not in links or not self.takes_bytes:
            return {"image_urls": links}
        bodies = [(await run.open_reference(each)).body for each in job.references]
        return {"binary_data_base64": [base64.b64encode(body).decode("ascii") for body in bodies]}


def _fields_of(job: Job) -> dict[str, Any]:
    """Return the fields of the input as the service reads them: sides in the place of a size."""
    fields = {name: value for name, value in job.input.items() if name not in ("pictures", "size")}
    size = job.input.get("size")
    if size:
        width, height = size.lower().split("x")
        fields |= {"width": int(width), "height": int(height)}
    return fields


def _outputs_of(data: Mapping[str, Any]) -> list[Source]:
    """Return what was made: a film, the links of pictures, or their bytes; lists may be null or empty."""
    if isinstance(data.get("video_url"), str) and data["video_url"]:
        return [Source.from_url(data["video_url"])]
    links = data.get("image_urls") or []
    bodies = data.get("binary_data_base64") or []
    return [Source.from_url(link) for link in links] or [Source.from_base64(body) for body in bodies]


def _prompt_of(job: Job) -> str:
    return str(job.input.get("prompt", ""))
