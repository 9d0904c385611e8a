"""Lanes: how they stand, and what people who look after them do with them."""

from __future__ import annotations

from sanic import Blueprint, HTTPResponse

from danqing_plugins import Limits, Message, ProviderInfo
from danqing_server.doors.documentation import Answer, described
from danqing_server.doors.fields import Fields
from danqing_server.doors.filters import moment_of
from danqing_server.doors.lane_shapes import (
    LONGEST_REASON,
    MOST_REVISIONS,
    LaneDetailShape,
    LaneListShape,
    PauseRequest,
    ProbeRequest,
    ResumeRequest,
)
from danqing_server.doors.lane_views import lane_detail, lane_standing
from danqing_server.errors import NotFound
from danqing_server.http.answers import success
from danqing_server.http.entry import admit, admit_change
from danqing_server.http.messages import language_of
from danqing_server.http.receiving import ReceivedObject
from danqing_server.http.requests import ApiRequest
from danqing_server.http.routing import on_get, on_post
from danqing_server.http.services import Services
from danqing_server.http.shapes import members_of
from danqing_server.records.lanes import lanes_of
from danqing_server.records.tasks import JsonObject
from danqing_server.records.tenancy import Scope

__all__ = ["routes"]


LISTED = Message(key="lanes.listed", zh="获取通道列表成功", en="Lanes listed")
FOUND = Message(key="lane.found", zh="获取通道成功", en="Lane found")
PAUSED = Message(key="lane.paused", zh="通道已暂停：进行中的任务会完成，不再开始新任务", en="Lane paused")
RESUMED = Message(key="lane.resumed", zh="通道已恢复", en="Lane resumed")
PROBED = Message(key="lane.probed", zh="将由一个任务试探服务是否恢复", en="One task will try")

routes = Blueprint("lanes", url_prefix="/api/v1/lanes")


@on_get(routes, "/", needs=Scope.READ)
@described("获取通道列表 · List lanes", {200: Answer(description="获取通道列表成功", shape=LaneListShape)})
async def list_lanes(request: ApiRequest) -> HTTPResponse:
    """List what shares limits: each provider's lane, and those of models whose limits are their own.

    Who comes with a project's key is told what that project has there.
    """
    services, caller = admit(request)
    providers = services.registry.providers.values()
    listed = [(info, name, limits) for info in providers for name, limits in sorted(lanes_of(info).items())]
    standings = await services.standings.of(caller, [name for _, name, _ in listed])
    lanes = [
        lane_standing(info, limits, standing) for (info, _, limits), standing in zip(listed, standings, strict=True)
    ]
    return success({"lanes": lanes}, LISTED.to(language_of(request.headers)))


@on_get(routes, "/<name>", needs=Scope.READ)
@described(
    "获取通道 · Show a lane",
    {200: Answer(description="获取通道成功", shape=LaneDetailShape)},
    errors=(404,),
)
async def get_lane(request: ApiRequest, name: str) -> HTTPResponse:
    """Show a lane, who waits there, and what happened to it within a day."""
    return await _shown(request, name, FOUND)


@on_post(routes, "/<name>/pause", needs=Scope.OPERATE)
@described(
    "暂停通道 · Pause a lane",
    {200: Answer(description="通道已暂停", shape=LaneDetailShape)},
    errors=(400, 404, 409, 413),
    body=PauseRequest,
)
async def pause_lane(request: ApiRequest, name: str) -> HTTPResponse:
    """Let nothing of a lane begin, over all processes and restarts, until it is resumed; what runs ends."""
    services, caller = admit_change(request)
    async with ReceivedObject(request) as body:
        fields = _fields(body, PauseRequest)
        reason = fields.text("reason", 1, LONGEST_REASON, required=True) or ""
        until, revision = moment_of(fields, "until"), fields.whole("revision", 0, MOST_REVISIONS)
        fields.finish()
    await services.lane_control.pause(name, caller, reason, until, revision)
    return await _shown(request, name, PAUSED)


@on_post(routes, "/<name>/resume", needs=Scope.OPERATE)
@described(
    "恢复通道 · Resume a lane",
    {200: Answer(description="通道已恢复", shape=LaneDetailShape)},
    errors=(400, 404, 409, 413),
    body=ResumeRequest,
    body_optional=True,
)
async def resume_lane(request: ApiRequest, name: str) -> HTTPResponse:
    """End a person's pause. With `open` the breaker and every hold are forgotten too: the lane is open at once."""
    services, caller = admit_change(request)
    async with ReceivedObject(request, optional=True) as body:
        fields = _fields(body, ResumeRequest)
        reason, opens = fields.text("reason", 1, LONGEST_REASON), fields.boolean("open")
        revision = fields.whole("revision", 0, MOST_REVISIONS)
        fields.finish()
    await services.lane_control.resume(name, caller, reason, opens=bool(opens), revision=revision)
    return await _shown(request, name, RESUMED)


@on_post(routes, "/<name>/probe", needs=Scope.OPERATE)
@described(
    "试探通道 · Probe a lane",
    {200: Answer(description="将由一个任务试探", shape=LaneDetailShape)},
    errors=(400, 404, 409, 413),
    body=ProbeRequest,
    body_optional=True,
)
async def probe_lane(request: ApiRequest, name: str) -> HTTPResponse:
    """Have one task try at once whether the service is back; the lane follows what becomes of it."""
    services, caller = admit_change(request)
    async with ReceivedObject(request, optional=True) as body:
        fields = _fields(body, ProbeRequest)
        reason = fields.text("reason", 1, LONGEST_REASON)
        fields.finish()
    await services.lane_control.probe(name, caller, reason)
    return await _shown(request, name, PROBED)


def _fields(body: JsonObject, shape: type) -> Fields:
    fields = Fields(members=body)
    fields.check_known(tuple(members_of(shape)))
    return fields


async def _shown(request: ApiRequest, name: str, message: Message) -> HTTPResponse:
    services, caller = admit(request)
    info, limits = _find(services, name)
    detail = await services.standings.detail(caller, name)
    return success(lane_detail(info, limits, detail), message.to(language_of(request.headers)))


def _find(services: Services, name: str) -> tuple[ProviderInfo, Limits]:
    for info in services.registry.providers.values():
        limits = lanes_of(info).get(name)
        if limits is not None:
            return info, limits
    raise NotFound("lane", name)
