"""fal's queue: requests under ids of its own, their state, their answer.

Sources: docs.fal.ai/model-apis/model-endpoints/queue, docs.fal.ai/errors, fal-client 1.0.3; read 2026-11-28.
The path below an application belongs to the submission alone. COMPLETED does not mean that it went well. What is
submitted twice is made, and billed, twice.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from typing import Any, Final

import attrs
import orjson
from aiohttp import web

from danqing_providers.sandbox.dialect import Dialect
from danqing_providers.sandbox.fal.inputs import Ask, Refused, read
from danqing_providers.sandbox.faults import Target
from danqing_providers.sandbox.gallery import MEDIA_TYPES, Work
from danqing_providers.sandbox.house import House
from danqing_providers.sandbox.jobs import Job, JobState
from danqing_providers.sandbox.ledger import Purchase
from danqing_providers.sandbox.links import base_url
from danqing_providers.sandbox.troubles import Refusal, Trouble, TroubleKind

__all__ = ["Fal", "create"]

_REQUEST_ID: Final = web.RequestKey("fal_request_id", str)
_APP: Final = r"/{owner:[\w.-]+}/{app:[\w.-]+}"
_KEPT_S: Final = 30 * 86_400.0
_FOR_EVER_S: Final = 10 * 365 * 86_400.0
_STATES: Final = {JobState.QUEUED: "IN_QUEUE", JobState.RUNNING: "IN_PROGRESS"}
_WORDS: Final[Mapping[TroubleKind, tuple[int, str, str]]] = {
    TroubleKind.KEY_MISSING: (401, "", "Authentication is required to access this application"),
    TroubleKind.KEY_UNKNOWN: (401, "", "Cannot access application. Authentication is required."),
    TroubleKind.OVERDUE: (
        403,
        "",
        "User is locked. Reason: Exhausted balance. Top up at fal.ai/dashboard.",
    ),
    TroubleKind.MODEL_CLOSED: (403, "", "User is locked. Reason: Admin lock."),
    TroubleKind.QUOTA: (403, "", "User is locked. Reason: Exhausted balance."),
    TroubleKind.RATE_LIMITED: (429, "concurrent_requests_limit", "Too many concurrent requests."),
    TroubleKind.OVERLOADED: (503, "runner_scheduling_failure", "No runner available."),
    TroubleKind.UNAVAILABLE: (503, "runner_connection_error", "The runner could not be reached."),
    TroubleKind.INTERNAL: (500, "internal_error", "Internal error."),
    TroubleKind.ROUTE_NOT_FOUND: (404, "", "Not Found"),
    TroubleKind.METHOD_NOT_ALLOWED: (405, "", "Method Not Allowed"),
    TroubleKind.BODY_TOO_LARGE: (413, "", "Request Entity Too Large"),
    TroubleKind.INVALID: (400, "bad_request", "Bad request."),
}
_POLICY: Final = "The content could not be processed because it was flagged by a content checker."
_LOADED: Final = "Could not load the image from the url."


def create(house: House) -> Dialect:
    """Return the dialect."""
    return Fal(house)


class Fal(Dialect):
    """The queue of fal."""

    name = "fal"

    def routes(self) -> Iterable[web.RouteDef]:
        """Return the queue's paths; a submission's may go on below the application."""
        return [
            web.get(f"{_APP}/requests/{{id}}/status", self._status),
            web.put(f"{_APP}/requests/{{id}}/cancel", self._cancel),
            web.get(f"{_APP}/requests/{{id}}/response", self._response),
            web.get(f"{_APP}/requests/{{id}}", self._response),
            web.post(f"{_APP}{{sub:(/.*)?}}", self._submit),
        ]

    def refuse(self, request: web.Request, refusal: Refusal) -> web.Response:
        """Return the refusal as a model's `detail`, or as the platform's."""
        status, body, headers = _refusal(refusal)
        return web.json_response(body, status=status, headers=headers)

    def headers(self, request: web.Request) -> Mapping[str, str]:
        """Every answer names the request."""
        return {"x-fal-request-id": request.get(_REQUEST_ID) or str(uuid.uuid4())}

    async def _submit(self, request: web.Request) -> web.StreamResponse:
        key = self._key(request)
        model = f"{request.match_info['owner']}/{request.match_info['app']}{request.match_info['sub']}"
        body = await _json(request)
        ask = read(model, body)
        target = Target(prompt=ask.prompt, models=(model,), dialect=self.name)
        await self.house.admit(request, target)
        id_ = request[_REQUEST_ID] = str(uuid.uuid4())
        await self.house.jobs.submit(self._job(id_, model, ask, key, target, body))
        answer = {"status": "IN_QUEUE", **self._places(request, id_, model), "queue_position": 0}
        return await self.house.answer(request, target, orjson.dumps(answer))

    def _job(self, id_: str, model: str, ask: Ask, key: str, target: Target, body: Mapping[str, Any]) -> Job:
        now_s = self.house.clock()
        works = tuple(self._work(id_, model, ask, index, now_s) for index in range(ask.count))
        bought = tuple(_purchase(work, ask, key) for work in works)
        plan = self.house.plan_job(target)
        unsafe = plan.trouble is TroubleKind.MODERATION_OUTPUT
        if unsafe:  # the checker's finding is an answer like others, and billed
            plan = attrs.evolve(plan, trouble=None)
        return Job.planned(
            plan,
            id=id_,
            dialect=self.name,
            model=model,
            prompt=ask.prompt,
            now_s=now_s,
            request={"seed": body.get("seed", 1), "unsafe": unsafe},
            works=works,
            purchases=bought,
            kept_s=_KEPT_S,
        )

    def _work(self, id_: str, model: str, ask: Ask, index: int, now_s: float) -> Work:
        return Work(
            name=f"{id_}-{index}",
            dialect=self.name,
            model=model,
            prompt=ask.prompt,
            form=ask.form,
            made_s=now_s,
            index=index,
            seed=ask.seed,
            width=ask.width,
            height=ask.height,
            seconds=3.0 if ask.film else 0,
            kept_s=_KEPT_S,
        )

    def _places(self, request: web.Request, id_: str, model: str) -> dict[str, str]:
        owner, app = model.split("/")[:2]
        url = f"{base_url(request)}/{owner}/{app}/requests/{id_}"
        return {
            "request_id": id_,
            "response_url": url,
            "status_url": f"{url}/status",
            "cancel_url": f"{url}/cancel",
        }

    async def _status(self, request: web.Request) -> web.Response:
        job = await self._find(request)
        if job is None:
            return web.json_response({"status": "NOT_FOUND"}, status=404)
        self.house.admit_poll(Target(prompt=job.prompt, models=(job.model,), dialect=self.name))
        state = self.house.jobs.state(job)
        told: dict[str, Any] = {
            "status": _STATES.get(state, "COMPLETED"),
            **self._places(request, job.id, job.model),
        }
        if state is JobState.QUEUED:
            return web.json_response({**told, "queue_position": 0}, status=202)
        told["logs"] = []
        if state is JobState.RUNNING:
            return web.json_response(told, status=202)
        failure = _failure_of(job, state)
        told["metrics"] = {"inference_time": job.ends_s - job.starts_s}
        if failure is not None:
            _, body, _ = _refusal(failure)
            error_type = body.get("error_type") or "content_policy_violation"
            told |= {"error": str(failure), "error_type": error_type}
        return web.json_response(told)

    async def _response(self, request: web.Request) -> web.Response:
        job = await self._find(request)
        if job is None:
            return web.json_response({"status": "NOT_FOUND"}, status=404)
        state = self.house.jobs.state(job)
        if state in _STATES:
            return web.json_response({"detail": "Request is still in progress"}, status=400)
        failure = _failure_of(job, state)
        if failure is not None:
            return self.refuse(request, failure)
        return web.json_response(self._answer(request, job))

    def _answer(self, request: web.Request, job: Job) -> dict[str, Any]:
        files = [
            {
                "url": self.house.link(request, work, _FOR_EVER_S),
                "width": work.width,
                "height": work.height,
                "content_type": MEDIA_TYPES[work.form],
            }
            for work in job.works
        ]
        if job.works[0].form == "mp4":
            film = {name: files[0][name] for name in ("url", "content_type")}
            return {"video": {**film, "file_name": "output.mp4"}, "seed": job.request["seed"]}
        return {
            "images": files,
            "timings": {"inference": job.ends_s - job.starts_s},
            "seed": job.request["seed"],
            "has_nsfw_concepts": [bool(job.request["unsafe"]) for _ in files],
            "prompt": job.prompt,
        }

    async def _cancel(self, request: web.Request) -> web.Response:
        job = await self._find(request)
        if job is None:
            return web.json_response({"status": "NOT_FOUND"}, status=404)
        if await self.house.jobs.cancel(job):
            return web.json_response({"status": "CANCELLATION_REQUESTED"}, status=202)
        return web.json_response({"status": "ALREADY_COMPLETED"}, status=400)

    async def _find(self, request: web.Request) -> Job | None:
        self._key(request)
        job = await self.house.jobs.find(self.name, request.match_info["id"])
        app = f"{request.match_info['owner']}/{request.match_info['app']}"
        if job is None or "/".join(job.model.split("/")[:2]) != app:
            return None
        request[_REQUEST_ID] = job.id
        return job

    def _key(self, request: web.Request) -> str:
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        return self.house.check_key(key if scheme == "Key" else "")


def _refusal(refusal: Refusal) -> tuple[int, dict[str, Any], dict[str, str]]:
    """Return status, body and headers of *refusal*."""
    if isinstance(refusal, Refused):
        return 422, {"detail": refusal.detail}, {"X-Fal-Retryable": "false"}
    if isinstance(refusal, _Unfinished):
        headers = {"X-Fal-Error-Type": refusal.error_type, "X-Fal-Retryable": "false"}
        return refusal.status, {"detail": str(refusal), "error_type": refusal.error_type}, headers
    trouble = refusal if isinstance(refusal, Trouble) else Trouble(TroubleKind.INTERNAL)
    if trouble.kind in (TroubleKind.MODERATION, TroubleKind.MODERATION_OUTPUT):
        return 422, {"detail": [_model_error("content_policy_violation", _POLICY)]}, {"X-Fal-Retryable": "false"}
    if trouble.kind in (TroubleKind.REFERENCE_TIMEOUT, TroubleKind.REFERENCE_AWAY):
        return 422, {"detail": [_model_error("file_download_error", _LOADED)]}, {"X-Fal-Retryable": "false"}
    status, error_type, words = _WORDS[trouble.kind]
    status = trouble.status if trouble.has_own_status else status
    body: dict[str, Any] = {"detail": trouble.message or words}
    if not error_type:
        return status, body, {}
    headers = {"X-Fal-Error-Type": error_type, "X-Fal-Retryable": "true" if status >= 500 else "false"}
    return status, {**body, "error_type": error_type}, headers


def _model_error(type_: str, message: str) -> dict[str, Any]:
    return {"loc": ["body", "prompt"], "msg": message, "type": type_, "url": f"https://docs.fal.ai/errors#{type_}"}


def _failure_of(job: Job, state: JobState) -> Refusal | None:
    if state is JobState.SUCCEEDED:
        return None
    if state is JobState.FAILED:
        return Trouble(job.trouble or TroubleKind.INTERNAL)
    return _Unfinished(state)


class _Unfinished(Refusal):
    """Of one that was cancelled, or that was not begun in time. The words are ours."""

    def __init__(self, state: JobState) -> None:
        is_cancelled = state is JobState.CANCELLED
        super().__init__("Request was cancelled." if is_cancelled else "Request timed out.")
        self.status, self.error_type = (499, "client_cancelled") if is_cancelled else (504, "request_timeout")


def _purchase(work: Work, ask: Ask, key: str) -> Purchase:
    return Purchase(
        time_s=work.made_s,
        dialect="fal",
        model=work.model,
        prompt=work.prompt,
        api_key=key,
        request_id=work.name.rpartition("-")[0],
        kind="video" if ask.film else "image",
        image_index=work.index,
        size=f"{work.width}x{work.height}",
        cost_micro=ask.cost_micro,
        currency="USD",
        job=work.name.rpartition("-")[0],
        work=work.name,
    )


async def _json(request: web.Request) -> dict[str, Any]:
    try:
        body = orjson.loads(await request.read())
    except orjson.JSONDecodeError as error:
        raise Trouble(TroubleKind.INVALID, "JSON decode error") from error
    if not isinstance(body, dict):
        raise Trouble(TroubleKind.INVALID, "The body must be an object")
    return body
