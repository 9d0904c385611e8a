"""Replicate's predictions: created, waited for, listed, cancelled.

Sources: replicate.com/docs/reference/http, /docs/topics/predictions, replicate 1.0.7; read 2026-11-28. Official
models have a path of their own, others are run by version. There is no idempotency key: what is posted twice is
made, and billed, twice. Input and output are deleted an hour after the end. With `Prefer: wait` a finished
prediction comes as `processing` with its output, small files as data URIs.
"""

from __future__ import annotations

import asyncio
import base64
import re
import secrets
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import attrs
import orjson
from aiohttp import web

from danqing_providers.sandbox.dialect import Dialect
from danqing_providers.sandbox.faults import Target
from danqing_providers.sandbox.gallery import MEDIA_TYPES, Work
from danqing_providers.sandbox.house import House
from danqing_providers.sandbox.jobs import ENDS, Job, JobState
from danqing_providers.sandbox.links import base_url
from danqing_providers.sandbox.replicate.inputs import Ask, Problem, read
from danqing_providers.sandbox.replicate.waiting import cancelled_after_s, waits_s
from danqing_providers.sandbox.replicate.words import error_of, refusal_of
from danqing_providers.sandbox.replicate.works import REMOVED_S, purchase_of, work_of
from danqing_providers.sandbox.troubles import Refusal, Trouble, TroubleKind

__all__ = ["Replicate", "create"]

_OFFICIAL: Final = frozenset(
    {"black-forest-labs", "bytedance", "google", "ideogram-ai", "kwaivgi", "meta", "minimax", "recraft-ai"}
)
_VERSION: Final = re.compile(r"(?:(?P<model>[\w.-]+/[\w.-]+):)?(?P<id>[0-9a-f]{64})")
_MODEL: Final = re.compile(r"[\w.-]+/[\w.-]+")
_COMMUNITY: Final = "sandbox/pictures"
_KEPT_S: Final = 30 * 86_400.0
_PAGE: Final = 100
_SMALL_BYTES: Final = 256 * 1024
_LETTERS: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_RUN_TROUBLES: Final = (TroubleKind.MODERATION, TroubleKind.REFERENCE_TIMEOUT, TroubleKind.REFERENCE_AWAY)
_STATES: Final = {
    JobState.QUEUED: "starting",
    JobState.RUNNING: "processing",
    JobState.SUCCEEDED: "succeeded",
    JobState.FAILED: "failed",
    JobState.EXPIRED: "aborted",
}


def create(house: House) -> Dialect:
    """Return the dialect."""
    return Replicate(house)


class Replicate(Dialect):
    """The API of Replicate."""

    name = "replicate"

    def routes(self) -> Iterable[web.RouteDef]:
        """Return the paths, behind `/v1` as on Replicate's own host."""
        return [
            web.get("/v1/account", self._account),
            web.post(r"/v1/models/{owner:[\w.-]+}/{model:[\w.-]+}/predictions", self._create_official),
            web.post("/v1/predictions", self._create),
            web.get("/v1/predictions", self._list),
            web.get("/v1/predictions/{id}", self._get),
            web.post("/v1/predictions/{id}/cancel", self._cancel),
        ]

    def refuse(self, request: web.Request, refusal: Refusal) -> web.Response:
        """Return the refusal as problem JSON, or as a `detail` alone."""
        status, body = refusal_of(refusal)
        return web.json_response(body, status=status)

    async def _account(self, request: web.Request) -> web.Response:
        self._key(request)
        return web.json_response({"type": "organization", "username": "sandbox", "name": "Sandbox"})

    async def _create_official(self, request: web.Request) -> web.StreamResponse:
        key = self._key(request)
        if request.match_info["owner"] not in _OFFICIAL:
            raise Trouble(TroubleKind.ROUTE_NOT_FOUND)
        model = f"{request.match_info['owner']}/{request.match_info['model']}"
        return await self._begin(request, key, model, "hidden", await _json(request))

    async def _create(self, request: web.Request) -> web.StreamResponse:
        key = self._key(request)
        body = await _json(request)
        model, version = _named(body.get("version"))
        return await self._begin(request, key, model, version, body)

    async def _begin(
        self, request: web.Request, key: str, model: str, version: str, body: Mapping[str, Any]
    ) -> web.StreamResponse:
        given = body.get("input")
        ask = read(model, given)
        ends_s = cancelled_after_s(request.headers.get("Cancel-After"))
        target = Target(prompt=ask.prompt, models=(model,), dialect=self.name)
        trouble = None
        try:
            await self.house.admit(request, target)
        except Trouble as refused:
            if refused.kind not in _RUN_TROUBLES:
                raise
            trouble = refused.kind  # the model finds it, not the API
        job = self._job(model, version, ask, key, given, target, ends_s, trouble)
        await self.house.jobs.submit(job)
        waited = await self._wait(job, waits_s(request.headers.get("Prefer", "")))
        told = await self._told(request, waited, held=waited is not job)
        return await self.house.answer(request, target, orjson.dumps(told), status=201)

    def _job(
        self,
        model: str,
        version: str,
        ask: Ask,
        key: str,
        given: Any,
        target: Target,
        deadline_s: float,
        trouble: TroubleKind | None,
    ) -> Job:
        id_ = "".join(secrets.choice(_LETTERS) for _ in range(26))
        now_s = self.house.clock()
        works = tuple(work_of(id_, model, ask, index, now_s) for index in range(ask.count))
        plan = self.house.plan_job(target)
        if trouble is not None:
            plan = attrs.evolve(plan, trouble=trouble)
        job = Job.planned(
            plan,
            id=id_,
            dialect=self.name,
            model=model,
            prompt=ask.prompt,
            now_s=now_s,
            expires_after_s=deadline_s,
            request={"input": given, "version": version, "shape": ask.shape, "deadline_s": now_s + deadline_s},
            works=works if ask.kind != "text" else (),
            purchases=tuple(purchase_of(work, ask, key) for work in works),
            kept_s=_KEPT_S,
        )
        if job.starts_s <= now_s + deadline_s < job.ends_s:  # it will be cancelled while it runs
            job = attrs.evolve(job, ends_s=now_s + 2 * _KEPT_S)
        return job

    async def _wait(self, job: Job, wait_s: float) -> Job:
        """Return *job* when *wait_s* are over, or before when it has ended."""
        if not wait_s:
            return job
        left_s = job.ends_s - self.house.clock()
        await asyncio.sleep(max(0.0, min(wait_s, left_s)))
        found = await self.house.jobs.find(self.name, job.id)
        return found if found is not None and self.house.jobs.state(found) in ENDS else job

    async def _get(self, request: web.Request) -> web.Response:
        job = await self._find(request)
        self.house.admit_poll(Target(prompt=job.prompt, models=(job.model,), dialect=self.name))
        return web.json_response(await self._told(request, job))

    async def _list(self, request: web.Request) -> web.Response:
        self._key(request)
        jobs = [await self._on_time(job) for job in await self.house.jobs.all_of(self.name)]
        begin = _after(jobs, request.query.get("cursor"))
        page = jobs[begin : begin + _PAGE]
        more = begin + _PAGE < len(jobs)
        url = f"{base_url(request)}/v1/predictions"
        return web.json_response(
            {
                "previous": None,
                "next": f"{url}?cursor={page[-1].id}" if more else None,
                "results": [await self._told(request, job) for job in page],
            }
        )

    async def _cancel(self, request: web.Request) -> web.Response:
        job = await self._find(request)
        if self.house.jobs.state(job) not in ENDS:
            job = await self._stop(job, self.house.clock())
        return web.json_response(await self._told(request, job))

    async def _find(self, request: web.Request) -> Job:
        self._key(request)
        job = await self.house.jobs.find(self.name, request.match_info["id"])
        if job is None:
            raise Trouble(TroubleKind.ROUTE_NOT_FOUND)
        return await self._on_time(job)

    async def _on_time(self, job: Job) -> Job:
        """Return *job*, cancelled when it runs past its deadline."""
        deadline_s = job.request["deadline_s"]
        if self.house.jobs.state(job) is JobState.RUNNING and self.house.clock() >= deadline_s:
            return await self._stop(job, deadline_s)
        return job

    async def _stop(self, job: Job, at_s: float) -> Job:
        """Cancel *job*. The time of one that ran is charged, except by official models, which charge by output."""
        if at_s >= job.starts_s and job.request["version"] != "hidden":
            await self.house.ledger.bill([attrs.evolve(each, time_s=at_s) for each in job.purchases[:1]])
        return await self.house.jobs.change(job, cancelled_s=at_s)

    async def _told(self, request: web.Request, job: Job, *, held: bool = False) -> dict[str, Any]:
        """Return the prediction; *held* for an answer that waited for its end."""
        now_s, state = self.house.clock(), self.house.jobs.state(job)
        ended_s = job.updated_s(now_s) if state in ENDS else None
        removed = ended_s is not None and now_s >= ended_s + REMOVED_S
        status = _STATES.get(state) or ("aborted" if (job.cancelled_s or 0) < job.starts_s else "canceled")
        began = status not in ("starting", "aborted")
        made = state is JobState.SUCCEEDED
        url = f"{base_url(request)}/v1/predictions/{job.id}"
        told = {
            "id": job.id,
            "model": job.model,
            "version": job.request["version"],
            "input": {} if removed else job.request["input"],
            "logs": "",
            "output": await self._output(request, job, held=held) if made and not removed else None,
            "data_removed": removed,
            "error": error_of(job.trouble or TroubleKind.INTERNAL) if state is JobState.FAILED else None,
            "source": "api",
            "status": "processing" if held and made else status,
            "created_at": _time(job.created_s),
            "urls": {"cancel": f"{url}/cancel", "get": url, "web": f"https://replicate.com/p/{job.id}"},
        }
        told |= {"started_at": _time(job.starts_s) if began else None}
        if ended_s is not None and not (held and made):
            told |= {"completed_at": _time(ended_s), "metrics": _metrics(job, ended_s, began=began)}
        return told

    async def _output(self, request: web.Request, job: Job, *, held: bool) -> Any:
        shape = job.request["shape"]
        if shape == "text":
            return [f"{word} " for word in f"An answer to: {job.prompt}".split()]
        links = [await self._place(request, work, held=held) for work in job.works]
        if shape == "object":
            return {"image": links[0], "others": links[1:]}
        return links[0] if shape == "string" else links

    async def _place(self, request: web.Request, work: Work, *, held: bool) -> str:
        content = await self.house.gallery.bytes_of(work) if held and work.is_plain_picture else b""
        if content and len(content) <= _SMALL_BYTES:
            return f"data:{MEDIA_TYPES[work.form]};base64,{base64.b64encode(content).decode()}"
        return self.house.link(request, work, REMOVED_S)

    def _key(self, request: web.Request) -> str:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        return self.house.check_key(token if scheme in ("Bearer", "Token") else "")


def _named(version: Any) -> tuple[str, str]:
    """Return model and version of what a request calls `version`. Raises: Problem."""
    found = _VERSION.fullmatch(version) if isinstance(version, str) else None
    if found is not None:
        return found["model"] or _COMMUNITY, found["id"]
    if isinstance(version, str) and _MODEL.fullmatch(version) and version.partition("/")[0] in _OFFICIAL:
        return version, "hidden"
    detail = "The specified version does not exist (or perhaps you don't have permission to use it?)"
    raise Problem(422, "Invalid version or not permitted", detail)


def _after(jobs: list[Job], cursor: str | None) -> int:
    return next((number + 1 for number, job in enumerate(jobs) if job.id == cursor), 0)


def _metrics(job: Job, ended_s: float, *, began: bool) -> dict[str, float]:
    ran_s = ended_s - job.starts_s if began else 0.0
    return {"predict_time": max(0.0, ran_s), "total_time": ended_s - job.created_s}


def _time(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


async def _json(request: web.Request) -> dict[str, Any]:
    try:
        body = orjson.loads(await request.read())
    except orjson.JSONDecodeError as error:
        raise Trouble(TroubleKind.INVALID) from error
    if not isinstance(body, dict):
        raise Trouble(TroubleKind.INVALID, "The request body must be an object.")
    return body
