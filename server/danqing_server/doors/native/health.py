"""Whether this process can work: `GET /health`, and for orchestrators `/health/ready` and `/health/live`."""

from __future__ import annotations

import asyncio
import importlib.metadata
import os
from collections.abc import Mapping

import attrs
from sanic import Blueprint, HTTPResponse

from danqing_plugins import Message
from danqing_server.doors.documentation import Answer, described
from danqing_server.doors.server_shapes import GateShape, HealthShape, LiveShape, ReadyShape
from danqing_server.doors.views import gate_view
from danqing_server.errors import DanqingError, QueueUnavailable
from danqing_server.http.answers import json_answer
from danqing_server.http.entry import services_of
from danqing_server.http.messages import language_of
from danqing_server.http.requests import ApiRequest
from danqing_server.http.routing import on_get
from danqing_server.http.services import HealthCheck, Services
from danqing_server.log import get_logger
from danqing_server.loops.shared import outcome_of

__all__ = ["checks_of", "new_round", "routes"]

CHECK_TIMEOUT_S = 1.0
OK = "ok"

WORKING = Message(key="health.working", zh="服务正常运行", en="The service works")
FAILING = Message(key="health.failing", zh="服务不可用", en="The service is unavailable")
DRAINING = Message(key="health.draining", zh="服务正在停止", en="The service is stopping")
SILENT = Message(key="health.silent", zh="未在限定时间内响应", en="does not answer in time")
BROKEN = Message(key="health.broken", zh="不可用", en="does not work")

_VERSION = importlib.metadata.version("danqing")

log = get_logger(__name__)

routes = Blueprint("health")


@attrs.define(eq=False)
class _Round:
    """One round of checks, shared by everyone who asks while it runs: asking costs the outside systems nothing."""

    running: asyncio.Task[dict[str, Message | None]] | None = None

    async def ask(self, checks: Mapping[str, HealthCheck]) -> dict[str, Message | None]:
        """Return what is wrong with each part, None for nothing."""
        if self.running is None or self.running.done():
            self.running = asyncio.create_task(_check_all(checks))
        return await outcome_of(self.running)


@on_get(routes, "/health", public=True)
@described(
    "健康检查 · Health",
    {
        200: Answer(description="服务正常运行", shape=HealthShape, enveloped=False),
        503: Answer(description="服务不可用", shape=HealthShape, enveloped=False),
    },
)
async def get_health(request: ApiRequest) -> HTTPResponse:
    """Say whether the process and all it stands on work; 503 when not."""
    services = services_of(request)
    language = language_of(request.headers)
    ready, lanes = await asyncio.gather(_ready(request, services, language), _lanes(services))
    body: HealthShape = {
        **ready,
        "message": _message(services, ready).to(language),
        "lanes": lanes,
        "version": _VERSION,
        "sandbox": any(provider.sandbox for provider in services.registry.providers.values()),
        "pid": os.getpid(),
    }
    return _answer(body)


@on_get(routes, "/health/ready", public=True)
@described(
    "就绪检查 · Readiness",
    {
        200: Answer(description="可以接收请求 · send requests here", shape=ReadyShape, enveloped=False),
        503: Answer(description="暂时不要发来请求 · send none for now", shape=ReadyShape, enveloped=False),
    },
)
async def get_ready(request: ApiRequest) -> HTTPResponse:
    """Say whether requests should be sent here: 503 while a part does not work, and from the stop signal on."""
    return _answer(await _ready(request, services_of(request), language_of(request.headers)))


@on_get(routes, "/health/live", public=True)
@described(
    "存活检查 · Liveness",
    {200: Answer(description="进程有响应 · the process answers", shape=LiveShape, enveloped=False)},
)
async def get_live(request: ApiRequest) -> HTTPResponse:
    """Say that this process answers, whatever it stands on: a restart would not mend an outage of MongoDB's."""
    body: LiveShape = {"status": OK, "pid": os.getpid()}
    return json_answer(body, 200)


async def checks_of(request: ApiRequest, language: str) -> dict[str, str]:
    """Return `ok`, or what is wrong, of each part, as `/health` does."""
    found: dict[str, Message | None] = await request.app.ctx.health.ask(services_of(request).checks)
    return {name: OK if wrong is None else wrong.to(language) for name, wrong in found.items()}


async def _ready(request: ApiRequest, services: Services, language: str) -> ReadyShape:
    checks = await checks_of(request, language)
    is_ready = not services.draining and all(found == OK for found in checks.values())
    return {"status": OK if is_ready else "unavailable", "checks": checks}


def _answer(body: ReadyShape) -> HTTPResponse:
    return json_answer(body, 200) if body["status"] == OK else json_answer(body, 503, {"retry-after": "2"})


async def _lanes(services: Services) -> dict[str, GateShape]:
    """Return the state of each lane; a closed one does not make the process unhealthy."""
    names = sorted(services.registry.lanes)
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_S):
            seen = await asyncio.gather(*(services.forecast.lane(name) for name in names))
    except (QueueUnavailable, TimeoutError):
        return {}
    return {name: gate_view(view.gate) for name, view in zip(names, seen, strict=True)}


def new_round() -> _Round:
    """Return what a server's health questions share."""
    return _Round()


def _message(services: Services, ready: ReadyShape) -> Message:
    if ready["status"] == OK:
        return WORKING
    return DRAINING if services.draining else FAILING


async def _check_all(checks: Mapping[str, HealthCheck]) -> dict[str, Message | None]:
    found = await asyncio.gather(*(_check(name, check) for name, check in checks.items()))
    return dict(zip(checks, found, strict=True))


async def _check(name: str, check: HealthCheck) -> Message | None:
    """Return what is wrong, in words that name no address."""
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_S):
            await check()
    except TimeoutError:
        return SILENT
    except DanqingError as error:
        log.warning("health_check_failed", check=name, reason=str(error))
        return BROKEN
    except Exception:  # a check is someone else's code, and health must answer
        log.exception("health_check_failed", check=name)
        return BROKEN
    return None
