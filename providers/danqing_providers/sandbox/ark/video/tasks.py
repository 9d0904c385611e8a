"""`POST`, `GET`, `DELETE` and list of `/api/v3/contents/generations/tasks`.

Source: volcengine.com/docs/82379/1520757, 1521309, 1521675 and 1521720; read 2026-11-28. The code of an unknown id
is not known; that of a cancelled task that is deleted is ours. `callback_url` is taken, and nobody is called.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs
import orjson
from aiohttp import web

from danqing_providers.sandbox.ark import errors
from danqing_providers.sandbox.ark.errors import ArkError
from danqing_providers.sandbox.ark.fields import parse_body
from danqing_providers.sandbox.ark.keys import CLIENT_REQUEST_ID, REQUEST_ID
from danqing_providers.sandbox.ark.links import tos_links
from danqing_providers.sandbox.ark.orders import Caller
from danqing_providers.sandbox.ark.studio import Studio
from danqing_providers.sandbox.ark.video.answers import show_task
from danqing_providers.sandbox.ark.video.models import VideoCatalogue
from danqing_providers.sandbox.ark.video.orders import (
    FilmOrder,
    constraint_issues,
    new_task_id,
    settle_film,
)
from danqing_providers.sandbox.ark.video.validation import VideoRequest, read_order
from danqing_providers.sandbox.faults import Target
from danqing_providers.sandbox.gallery import Work
from danqing_providers.sandbox.jobs import Job, JobState
from danqing_providers.sandbox.links import base_url
from danqing_providers.sandbox.references import Reference
from danqing_providers.sandbox.troubles import Trouble

__all__ = ["VideoTasks"]

_CREATES_PER_MINUTE: Final = 600
_MOST_RUNNING: Final = 10
"""Of one model; an account of a company."""

_CANCELLED_KEPT_S: Final = 86_400
_LEAST_KEPT_S: Final = 86_400
_MOST_PAGE: Final = 500


class VideoTasks:
    """The tasks of one sandbox."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._house = studio.house
        config = studio.house.config
        self.catalogue = VideoCatalogue(shut_down_too=config.enable_3_0, endpoints=config.endpoints)

    def routes(self, path: str) -> list[web.RouteDef]:
        """Return the routes under *path*."""
        return [
            web.post(path, self._create),
            web.get(path, self._list),
            web.get(path + "/{id}", self._get),
            web.delete(path + "/{id}", self._delete),
        ]

    async def _create(self, request: web.Request) -> web.StreamResponse:
        caller = self._caller(request)
        wanted = read_order(parse_body(await request.read()), self.catalogue)
        if wanted.content.draft_id:
            order = await self._of_draft(wanted, caller)
        else:
            order = await self._of(wanted, caller, request.host)
        urls = [reference.url for reference in order.references if reference.url]
        await self._house.admit(request, order.target, reference_url=urls[0] if urls else "")
        self._count(order)
        now_s = self._house.clock()
        kept_s = max(self._house.config.url_ttl_s, _LEAST_KEPT_S)
        job = order.as_job(self._house.plan_job(order.target), new_task_id(now_s), now_s, kept_s)
        await self._house.jobs.submit(job, most_running=_MOST_RUNNING)
        return await self._house.answer(request, order.target, orjson.dumps({"id": job.id}))

    def _caller(self, request: web.Request) -> Caller:
        return Caller(
            request_id=request[REQUEST_ID],
            client_request_id=request[CLIENT_REQUEST_ID],
            api_key=self._studio.check_key(request),
            base_url=base_url(request),
        )

    def _count(self, order: FilmOrder) -> None:
        try:
            self._house.rate.take(f"ark/create/{order.request.model.id}", 1, _CREATES_PER_MINUTE)
        except Trouble as trouble:
            message = "The requests per minute (RPM) limit of the associated endpoint for your account is exceeded."
            raise ArkError(
                429, "RateLimitExceeded.EndpointRPMExceeded", message, kind="TooManyRequests"
            ) from trouble

    async def _of(self, wanted: VideoRequest, caller: Caller, host: str) -> FilmOrder:
        _check_task_type(wanted)
        seen = [picture for picture in wanted.content.pictures if not picture.startswith("asset://")]
        references: list[Reference] = await self._studio.look_at(wanted.model, seen, host)
        assets = [picture for picture in wanted.content.pictures if picture.startswith("asset://")]
        references += [Reference.elsewhere(asset) for asset in assets]
        films = [await self._studio.own_work(film, host) for film in wanted.content.films]
        return settle_film(wanted, caller, references, films)

    async def _of_draft(self, wanted: VideoRequest, caller: Caller) -> FilmOrder:
        """Return the order for a draft's film, with its text, pictures, sound, seed, ratio and length."""
        draft_id = wanted.content.draft_id
        draft = await self._house.jobs.find("ark", draft_id)
        is_whole = draft is not None and self._house.jobs.state(draft) is JobState.SUCCEEDED
        if draft is None or not is_whole or not draft.request["draft"] or draft.model != wanted.model.id:
            raise errors.invalid_parameter("content", f"the draft task {draft_id} cannot be used")
        said = draft.request
        same = attrs.evolve(
            wanted,
            prompt=draft.prompt,
            ratio=said["ratio"],
            duration=None,
            frames=said["frames"],
            audio=said["generate_audio"],
            seed=said["seed"],
        )
        references = [Reference(token=token) for token in said["references"]]
        order = settle_film(same, caller, references, [])
        same = attrs.evolve(order.request, frames=None)
        return attrs.evolve(order, request=same, input_s=said["input_s"], draft_id=draft_id)

    async def _get(self, request: web.Request) -> web.StreamResponse:
        self._studio.check_key(request)
        job = await self._find(request.match_info["id"])
        self._house.admit_poll(Target(prompt=job.prompt, models=(job.model,), dialect="ark"))
        return _json(self._show(job, request))

    async def _find(self, task_id: str) -> Job:
        job = await self._house.jobs.find("ark", task_id)
        if job is None or self._has_vanished(job):
            message = f"The specified task {task_id} is not found."
            raise ArkError(404, "ResourceNotFound", message, kind="Not Found")
        return job

    def _has_vanished(self, job: Job) -> bool:
        return job.cancelled_s is not None and self._house.clock() >= job.cancelled_s + _CANCELLED_KEPT_S

    def _show(self, job: Job, request: web.Request) -> dict[str, Any]:
        links, base = tos_links(self._house), base_url(request)

        def link(work: Work, made_s: float) -> str:
            return base + links.sign(work.path, made_s)

        return show_task(job, self._house.clock(), link)

    async def _list(self, request: web.Request) -> web.StreamResponse:
        self._studio.check_key(request)
        number, size = _page(request.query, "page_num", 1), _page(request.query, "page_size", 20)
        jobs = [job for job in await self._house.jobs.all_of("ark") if self._is_listed(job, request)]
        page = jobs[(number - 1) * size : number * size]
        return _json({"items": [self._show(job, request) for job in page], "total": len(jobs)})

    def _is_listed(self, job: Job, request: web.Request) -> bool:
        """Say whether the filters let *job* through: tasks that are made offline only where they are asked for."""
        query = request.query
        ids = query.getall("filter.task_ids", [])
        model = query.get("filter.model")
        return (
            not self._has_vanished(job)
            and job.request["service_tier"] == query.get("filter.service_tier", "default")
            and query.get("filter.status") in (None, str(self._house.jobs.state(job)))
            and model in (None, job.model, job.request["model"])
            and (not ids or job.id in ids)
        )

    async def _delete(self, request: web.Request) -> web.StreamResponse:
        self._studio.check_key(request)
        job = await self._find(request.match_info["id"])
        state = self._house.jobs.state(job)
        if state is JobState.RUNNING:
            message = f"Cannot delete task `{job.id}` because it is currently running."
            raise ArkError(409, "InvalidAction.RunningTaskDeletion", message, kind="Conflict")
        if state is JobState.CANCELLED:
            raise errors.invalid_parameter("id", "a cancelled task cannot be deleted")
        if state is JobState.QUEUED:
            await self._house.jobs.cancel(job)
        else:
            await self._house.jobs.delete(job)
        return _json({})


def _check_task_type(request: VideoRequest) -> None:
    """Refuse at once what is known to be of a kind of task, and is not as that must be."""
    if not request.model.task_types:
        return
    kind = request.task_type if request.content.mode == "reference" else request.content.mode
    if issues := constraint_issues(request, kind):
        raise errors.invalid_parameter(
            "omni_reference_task_type",
            f"the task type {kind} needs {issues}",
            code="InvalidParameter.TaskTypeConstraint",
        )


def _page(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name, str(default))
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= _MOST_PAGE:
        raise errors.invalid_parameter(name, f"must be between 1 and {_MOST_PAGE}")
    return int(text)


def _json(body: Any) -> web.Response:
    return web.Response(body=orjson.dumps(body), content_type="application/json")
