"""DashScope: its routes, its words.

Sources: help.aliyun.com/zh/model-studio/manage-asynchronous-tasks and the pages of `models`; dashscope 2.0.2;
read 2026-11-28.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import attrs
import orjson
from aiohttp import web

from danqing_providers.sandbox.dashscope import answers, errors
from danqing_providers.sandbox.dashscope.models import (
    ALL,
    IMAGE_GENERATION,
    MULTIMODAL,
    TEXT2IMAGE,
    VIDEO,
)
from danqing_providers.sandbox.dashscope.requests import Wanted, read
from danqing_providers.sandbox.dialect import Dialect
from danqing_providers.sandbox.faults import Target
from danqing_providers.sandbox.gallery import Work
from danqing_providers.sandbox.house import House
from danqing_providers.sandbox.jobs import Job, JobState
from danqing_providers.sandbox.ledger import Purchase
from danqing_providers.sandbox.references import Reference, look_at
from danqing_providers.sandbox.troubles import Refusal, Trouble, TroubleKind

__all__ = ["DashScope", "create"]

KEPT_S: Final = 86_400
"""Results and tasks are kept for 24 hours."""

POLLS_PER_MINUTE: Final = 20 * 60
"""A whole account asks for its tasks 20 times a second."""

_API: Final = "/api/v1"
_REQUEST_ID: Final = web.RequestKey("dashscope_request_id", str)
_PLACES: Final = {
    route: f"{_API}/services/aigc/{route}" for route in (MULTIMODAL, IMAGE_GENERATION, TEXT2IMAGE, VIDEO)
}


def create(house: House) -> Dialect:
    """Return the dialect."""
    return DashScope(house)


class DashScope(Dialect):
    """Version 1 of the API, with the models of Beijing."""

    name = "dashscope"

    def routes(self) -> Iterable[web.RouteDef]:
        """Return the API's paths."""
        return [
            web.post(_PLACES[MULTIMODAL], self._answer_at_once),
            web.post(_PLACES[IMAGE_GENERATION], self._take_order),
            web.post(_PLACES[TEXT2IMAGE], self._take_order),
            web.post(_PLACES[VIDEO], self._take_order),
            web.get(f"{_API}/tasks/{{id}}", self._show_task),
            web.post(f"{_API}/tasks/{{id}}/cancel", self._cancel_task),
            web.get(f"{_API}/tasks", self._list_tasks),
            web.get(f"{_API}/tasks/", self._list_tasks),
        ]

    def receive(self, request: web.Request) -> None:
        """Give *request* its id."""
        request[_REQUEST_ID] = str(uuid.uuid4())

    def refuse(self, request: web.Request, refusal: Refusal) -> web.Response:
        """Return the JSON object of DashScope's errors."""
        error = errors.worded(refusal) if isinstance(refusal, Trouble) else refusal
        if not isinstance(error, errors.DashScopeError):
            error = errors.worded(Trouble(TroubleKind.INTERNAL))
        body = orjson.dumps(errors.body_of(error, request[_REQUEST_ID]))
        return web.Response(body=body, status=error.status, content_type="application/json")

    def describe(self) -> Mapping[str, Any]:
        """Return the models."""
        return {"models": [{"id": model.id, "routes": model.routes} for model in ALL.values()]}

    def _check_key(self, request: web.Request) -> str:
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        return self.house.check_key(key.strip() if scheme == "Bearer" else "")

    async def _read(self, request: web.Request, route: str) -> tuple[Wanted, list[Reference]]:
        resolves = request.headers.get("X-DashScope-OssResourceResolve") == "enable"
        wanted = read(await request.read(), route, resolves_oss=resolves)
        references = []
        for picture in wanted.pictures:
            reference = Reference.elsewhere(picture) if isinstance(picture, str) else await self._look_at(picture)
            await self.house.keep_reference(reference)
            references.append(reference)
        return wanted, references

    async def _look_at(self, content: bytes) -> Reference:
        try:
            seen, _, _ = await self.house.in_thread(look_at, content)
        except ValueError as error:
            raise errors.invalid(f"The image cannot be read: {error}.") from error  # our words
        return seen

    async def _answer_at_once(self, request: web.Request) -> web.StreamResponse:
        key = self._check_key(request)
        if request.headers.get("X-DashScope-Async") == "enable":
            raise errors.not_asynchronous()
        wanted, references = await self._read(request, MULTIMODAL)
        target = self._target(wanted)
        await self.house.admit(request, target, reference_url=_first_url(references))
        self._count(wanted)
        troubles = []
        for index in range(wanted.n):
            await self.house.take_time()
            troubles.append(self.house.output_trouble(target, index))
        # An answer at once tells no single picture's failure: it succeeds or fails as a whole.
        if trouble := next((each for each in troubles if each is not None), None):
            raise trouble
        works = self._works(wanted, references, self.house.clock(), range(wanted.n))
        request_id = request[_REQUEST_ID]
        bought = [self._purchase(wanted, work, key, request_id, job="") for work in works]
        await self.house.bill(bought, works)
        links = [self.house.link(request, work, KEPT_S) for work in works]
        body = answers.whole(wanted, links, request_id)
        return await self.house.answer(request, target, orjson.dumps(body))

    async def _take_order(self, request: web.Request) -> web.StreamResponse:
        key = self._check_key(request)
        if request.headers.get("X-DashScope-Async") != "enable":
            raise errors.not_synchronous()
        wanted, references = await self._read(request, _route_of(request))
        target = self._target(wanted)
        await self.house.admit(request, target, reference_url=_first_url(references))
        self._count(wanted)
        job = self._job(wanted, references, key, request[_REQUEST_ID])
        await self.house.jobs.submit(job)
        body = {"output": {"task_status": "PENDING", "task_id": job.id}, "request_id": request[_REQUEST_ID]}
        return await self.house.answer(request, target, orjson.dumps(body))

    def _job(self, wanted: Wanted, references: Sequence[Reference], key: str, request_id: str) -> Job:
        target, now_s = self._target(wanted), self.house.clock()
        troubles = [self.house.output_trouble(target, index) for index in range(wanted.n)]
        made = [index for index, trouble in enumerate(troubles) if trouble is None]
        plan = self.house.plan_job(target)
        if len(made) < wanted.n:
            first = next(trouble for trouble in troubles if trouble is not None)
            plan = attrs.evolve(plan, trouble=None if made else first.kind)
        id_ = str(uuid.uuid4())
        works = self._works(wanted, references, now_s, made)
        return Job.planned(
            plan,
            now_s=now_s,
            id=id_,
            dialect=self.name,
            model=wanted.model.id,
            prompt=wanted.prompt,
            works=tuple(works),
            purchases=tuple(self._purchase(wanted, work, key, request_id, job=id_) for work in works),
            kept_s=KEPT_S,
            request=answers.remembered(wanted, troubles, request_id),
        )

    def _works(
        self, wanted: Wanted, references: Sequence[Reference], made_s: float, indexes: Iterable[int]
    ) -> list[Work]:
        order = uuid.uuid4().hex
        width, height = _shape(wanted, references)
        return [
            Work(
                name=f"{order}-{index}",
                dialect=self.name,
                model=wanted.model.id,
                prompt=wanted.prompt,
                form="mp4" if wanted.model.is_video else "png",
                made_s=made_s,
                index=index,
                seed=wanted.seed,
                width=width,
                height=height,
                seconds=wanted.seconds,
                sound=wanted.model.is_video,
                watermark=wanted.watermark,
                tokens=tuple(reference.token for reference in references),
                kept_s=2 * KEPT_S,
            )
            for index in indexes
        ]

    def _purchase(self, wanted: Wanted, work: Work, key: str, request_id: str, *, job: str) -> Purchase:
        return Purchase(
            time_s=work.made_s,
            dialect=self.name,
            model=wanted.model.id,
            prompt=wanted.prompt,
            request_id=request_id,
            api_key=key,
            kind="video" if wanted.model.is_video else "image",
            image_index=work.index,
            size=f"{work.width}x{work.height}",
            quantity=wanted.seconds or 1,
            unit="second" if wanted.model.is_video else "output",
            cost_micro=wanted.model.costs(work.width, work.height),
            currency="CNY",
            job=job,
            work=work.name,
        )

    async def _show_task(self, request: web.Request) -> web.StreamResponse:
        self._check_key(request)
        self.house.rate.take("dashscope/tasks", 1, POLLS_PER_MINUTE)
        id_ = request.match_info["id"]
        job = await self.house.jobs.find(self.name, id_)
        if job is None or self.house.jobs.state(job) is JobState.EXPIRED:
            return _json(answers.unknown(id_, request[_REQUEST_ID]))
        self.house.admit_poll(self._target_of(job))
        left_s = job.ends_s + KEPT_S - self.house.clock()
        links = [self.house.link(request, work, left_s) for work in job.works]
        body = answers.task(job, self.house.jobs.state(job), links, request[_REQUEST_ID])
        return _json(body)

    async def _cancel_task(self, request: web.Request) -> web.StreamResponse:
        self._check_key(request)
        job = await self.house.jobs.find(self.name, request.match_info["id"])
        if (
            job is None
            or self.house.jobs.state(job) is not JobState.QUEUED
            or not await self.house.jobs.cancel(job)
        ):
            raise errors.not_pending()
        return _json({"request_id": request[_REQUEST_ID]})

    async def _list_tasks(self, request: web.Request) -> web.StreamResponse:
        key = self._check_key(request)
        self.house.rate.take("dashscope/tasks", 1, POLLS_PER_MINUTE)
        jobs = await self.house.jobs.all_of(self.name)
        now_s = self.house.clock()
        return _json(answers.listing(jobs, request.query, key, now_s, request[_REQUEST_ID]))

    def _target(self, wanted: Wanted) -> Target:
        return Target(prompt=wanted.prompt, models=(wanted.model.id,), dialect=self.name)

    def _target_of(self, job: Job) -> Target:
        return Target(prompt=job.prompt, models=(job.model,), dialect=self.name)

    def _count(self, wanted: Wanted) -> None:
        self.house.rate.take(f"dashscope/{wanted.model.id}", 1, self.house.config.images_per_minute)


def _route_of(request: web.Request) -> str:
    return next(route for route, place in _PLACES.items() if request.path.endswith(place))


def _first_url(references: Sequence[Reference]) -> str:
    return next((reference.url for reference in references if reference.url), "")


def _shape(wanted: Wanted, references: Sequence[Reference]) -> tuple[int, int]:
    """Return the sides of what is made: near to the shape of a picture that was given, when no size was."""
    ratios = [reference.ratio for reference in references if reference.ratio is not None]
    if wanted.size_given or not ratios:
        return wanted.width, wanted.height
    ratio = ratios[0] if wanted.model.is_video else ratios[-1]
    pixels = wanted.width * wanted.height
    width = round((pixels * ratio) ** 0.5 / 16) * 16
    return width, max(16, round(pixels / max(width, 16) / 16) * 16)


def _json(body: Any) -> web.Response:
    return web.Response(body=orjson.dumps(body), content_type="application/json")
