"""The dialect that the sandbox's README shows, whole."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson
from aiohttp import web

from danqing_providers.sandbox.dialect import Dialect
from danqing_providers.sandbox.faults import Target
from danqing_providers.sandbox.gallery import Work
from danqing_providers.sandbox.house import House
from danqing_providers.sandbox.jobs import Job
from danqing_providers.sandbox.ledger import Purchase
from danqing_providers.sandbox.troubles import Refusal, Trouble, TroubleKind


def create(house: House) -> Dialect:
    """Return the dialect."""
    return Example(house)


class Example(Dialect):
    """One route that answers at once, and three for jobs."""

    name = "example"

    def routes(self) -> Iterable[web.RouteDef]:
        """Return the paths."""
        return [
            web.post("/v1/images", self._images),
            web.post("/v1/jobs", self._submit),
            web.get("/v1/jobs/{id}", self._job),
            web.delete("/v1/jobs/{id}", self._cancel),
        ]

    def refuse(self, request: web.Request, refusal: Refusal) -> web.Response:
        """Return the kind as the code."""
        trouble = refusal if isinstance(refusal, Trouble) else Trouble(TroubleKind.INTERNAL)
        body = {"error": {"code": trouble.code or trouble.kind, "message": trouble.message, "param": trouble.param}}
        return web.json_response(body, status=trouble.status)

    async def _images(self, request: web.Request) -> web.StreamResponse:
        prompt, target, key = await self._read(request)
        await self.house.admit(request, target)
        self.house.rate.take("example/m", 1, most=60)
        await self.house.take_time()
        if trouble := self.house.output_trouble(target, 0):
            raise trouble
        work, bought = self._order(prompt, key, f"w{self.house.counters['requests']}")
        await self.house.bill([bought], [work])
        answer = orjson.dumps({"url": self.house.link(request, work, ttl_s=3600)})
        return await self.house.answer(request, target, answer)

    async def _submit(self, request: web.Request) -> web.StreamResponse:
        prompt, target, key = await self._read(request)
        await self.house.admit(request, target)
        job_id = f"j{self.house.counters['requests']}"
        work, bought = self._order(prompt, key, job_id)
        job = Job.planned(
            self.house.plan_job(target),
            id=job_id,
            dialect=self.name,
            model="m",
            prompt=prompt,
            now_s=self.house.clock(),
            expires_after_s=600,
            kept_s=86_400,
            works=(work,),
            purchases=(bought,),
        )
        await self.house.jobs.submit(job)
        return await self.house.answer(request, target, orjson.dumps({"id": job.id}))

    async def _job(self, request: web.Request) -> web.StreamResponse:
        job = await self._find(request)
        self.house.admit_poll(Target(prompt=job.prompt, models=(job.model,), dialect=self.name))
        state = self.house.jobs.state(job)
        body: dict[str, Any] = {"id": job.id, "state": state, "trouble": job.trouble}
        if state == "succeeded":
            body["url"] = self.house.link(request, job.works[0], ttl_s=3600)
        return web.json_response(body)

    async def _cancel(self, request: web.Request) -> web.StreamResponse:
        return web.json_response({"cancelled": await self.house.jobs.cancel(await self._find(request))})

    async def _find(self, request: web.Request) -> Job:
        job = await self.house.jobs.find(self.name, request.match_info["id"])
        if job is None:
            raise Trouble(TroubleKind.ROUTE_NOT_FOUND, "no such job")
        return job

    async def _read(self, request: web.Request) -> tuple[str, Target, str]:
        key = self.house.check_key(request.headers.get("Authorization", "").removeprefix("Bearer "))
        prompt = str((await request.json())["prompt"])
        return prompt, Target(prompt=prompt, models=("m",), dialect=self.name), key

    def _order(self, prompt: str, key: str, name: str) -> tuple[Work, Purchase]:
        now_s = self.house.clock()
        work = Work(
            name=name,
            dialect=self.name,
            model="m",
            prompt=prompt,
            form="png",
            width=64,
            height=48,
            made_s=now_s,
            kept_s=7200,
        )
        bought = Purchase(
            time_s=now_s,
            dialect=self.name,
            model="m",
            prompt=prompt,
            request_id=name,
            api_key=key,
            size="64x48",
            cost_micro=40_000,
            currency="USD",
            job=name if name.startswith("j") else "",
            work=name,
        )
        return work, bought
