"""How full the queue is."""

from __future__ import annotations

import asyncio

from sanic import Blueprint, HTTPResponse

from danqing_plugins import Message
from danqing_server.doors.documentation import Answer, described
from danqing_server.doors.server_shapes import QueueStatsShape
from danqing_server.doors.views import lane_view
from danqing_server.http.answers import success
from danqing_server.http.entry import admit
from danqing_server.http.messages import language_of
from danqing_server.http.requests import ApiRequest
from danqing_server.http.routing import on_get

__all__ = ["routes"]

FOUND = Message(key="queue.found", zh="获取队列状态成功", en="Queue statistics")

routes = Blueprint("queue", url_prefix="/api/v1/queue")


@on_get(routes, "/stats")
@described("获取队列状态 · Queue statistics", {200: Answer(description="获取队列状态成功", shape=QueueStatsShape)})
async def get_queue_stats(request: ApiRequest) -> HTTPResponse:
    """Count what waits (`queued`), waits for its time (`delayed`) and is with a worker (`held`), by provider.

    Each provider's lane also says whether it is open, what closed it, and how fast it works.
    """
    services, _ = admit(request)
    names = sorted(services.registry.providers)
    views = await asyncio.gather(*(services.forecast.look(name) for name in names))
    lanes = {name: lane_view(view) for name, view in zip(names, views, strict=True)}
    stats: QueueStatsShape = {
        "queued": sum(lane["queued"] for lane in lanes.values()),
        "delayed": sum(lane["delayed"] for lane in lanes.values()),
        "held": sum(lane["held"] for lane in lanes.values()),
        "lanes": lanes,
    }
    return success(stats, FOUND.to(language_of(request.headers)))
