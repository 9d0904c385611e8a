"""How the server is: `GET /api/v1/server`."""

from __future__ import annotations

import importlib.metadata
import os

from sanic import Blueprint, HTTPResponse

from danqing_plugins import Message
from danqing_server.doors.condition_shapes import BrokenPluginShape, ConditionShape, LoopShape, WorkerShape
from danqing_server.doors.documentation import Answer, described
from danqing_server.doors.language_gaps import gaps_of
from danqing_server.doors.native.health import checks_of
from danqing_server.http.answers import success
from danqing_server.http.entry import admit
from danqing_server.http.messages import language_of
from danqing_server.http.requests import ApiRequest
from danqing_server.http.routing import on_get
from danqing_server.loops.supervised import Supervised
from danqing_server.plugins.registry import Plugin
from danqing_server.records.tenancy import Scope
from danqing_server.store.leases import WorkerBeat

__all__ = ["routes"]

FOUND = Message(key="server.found", zh="获取服务器状态成功", en="The server's condition")

_VERSION = importlib.metadata.version("danqing")

routes = Blueprint("condition", url_prefix="/api/v1/server")


@on_get(routes, "/", needs=Scope.OPERATE)
@described(
    "服务器状态 · The server's condition", {200: Answer(description="获取服务器状态成功", shape=ConditionShape)}
)
async def get_condition(request: ApiRequest) -> HTTPResponse:
    """Say how the server is: versions, processes, loops, room, broken plugins, texts that lack a language."""
    services, _ = admit(request)
    language = language_of(request.headers)
    found = await services.condition.look()
    checks = await checks_of(request, language)
    providers = services.registry.providers
    space = found.space
    data: ConditionShape = {
        "version": _VERSION,
        "python": found.python,
        "mongodb": found.mongodb,
        "redis": found.redis,
        "pid": os.getpid(),
        "began_at": services.condition.began_at,
        "checks": checks,
        "loops": [_loop(each) for each in services.condition.loops],
        "workers": None if found.workers is None else [_worker(each) for each in found.workers],
        "storage": "folder" if services.assets.is_local else "bucket",
        "space": None if space is None else {"free_bytes": space.free, "total_bytes": space.total},
        "asks_for_keys": services.settings.asks_for_keys,
        "simulated": sorted(services.registry.simulated),
        "broken": [_broken(each, each.error) for each in services.registry.plugins if each.error is not None],
        "gaps": [gap for name in sorted(providers) for gap in gaps_of(providers[name])],
    }
    return success(data, FOUND.to(language))


def _loop(loop: Supervised) -> LoopShape:
    return {"name": loop.name, "alive": loop.alive, "deaths": loop.deaths}


def _worker(worker: WorkerBeat) -> WorkerShape:
    return {"host": worker.host, "pid": worker.pid, "started_at": worker.started_at, "seen_at": worker.seen_at}


def _broken(plugin: Plugin, error: str) -> BrokenPluginShape:
    return {
        "name": plugin.name,
        "version": plugin.version,
        "distribution": plugin.distribution,
        "stage": plugin.stage,
        "error": error,
        "where": plugin.where,
    }
