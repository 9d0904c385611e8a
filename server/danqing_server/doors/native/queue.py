"""How full the queue is."""

from __future__ import annotations

from sanic import Blueprint, HTTPResponse

from danqing_plugins import Message
from danqing_server.desk.overview import views_for
from danqing_server.doors.documentation import Answer, described
from danqing_server.doors.server_shapes import QueueStatsShape
from danqing_server.doors.views import lane_view
from danqing_server.http.answers import success
from danqing_server.http.entry import admit
from danqing_server.http.messages import language_of
from danqing_server.http.requests import ApiRequest
from danqing_server.http.routing import on_get
from danqing_server.records.tenancy import Scope

__all__ = ["routes"]

FOUND = Message(key="queue.found", zh="获取队列状态成功", en="Queue statistics")

routes = Blueprint("queue", url_prefix="/api/v1")


@on_get(routes, "/queue/stats", needs=Scope.READ)
@described("获取队列状态 · Queue statistics", {200: Answer(description="获取队列状态成功", shape=QueueStatsShape)})
async def get_queue_stats(request: ApiRequest) -> HTTPResponse:
    """Count what waits (`queued`), waits for its time (`delayed`) and is with a worker (`held`), by lane.

    `waited_s` is what to add workers by: it grows while there are too few of them, and not by what is scheduled for
    later, or waits for a service. Each lane also says whether it is open, what closed it, and how fast it works.
    Who comes with a project's key is told what that project has there.
    """
    services, caller = admit(request)
    names = sorted(services.registry.lanes)
    views = await views_for(caller, services.forecast, services.store, names)
    waited_s = await services.standings.waited_s(caller, dict(zip(names, views, strict=True)))
    lanes = {name: lane_view(view) for name, view in zip(names, views, strict=True)}
    stats: QueueStatsShape = {
        "queued": sum(lane["queued"] for lane in lanes.values()),
        "delayed": sum(lane["delayed"] for lane in lanes.values()),
        "held": sum(lane["held"] for lane in lanes.values()),
        "waited_s": waited_s,
        "lanes": lanes,
    }
    return success(stats, FOUND.to(language_of(request.headers)))
