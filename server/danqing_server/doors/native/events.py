"""What happens to tasks, as server-sent events: each has the whole state of a task, and none needs another."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

import attrs
from sanic import Blueprint, HTTPResponse

from danqing_plugins import Message
from danqing_server.access.caller import Caller
from danqing_server.access.event_tokens import LONGEST_LIFE_S, SHORTEST_LIFE_S
from danqing_server.codec.bodies import dump_json
from danqing_server.delivery.event_ids import moment_of
from danqing_server.delivery.followers import MOST_OWED, Follower, Sight, Turned
from danqing_server.delivery.watchers import Watch
from danqing_server.doors.documentation import Answer, described, plain_query, query
from danqing_server.doors.fields import REQUIRED, Fields
from danqing_server.doors.filters import members_of_query, read_filter
from danqing_server.doors.lane_views import lane_event
from danqing_server.doors.server_shapes import EventTokenShape
from danqing_server.doors.task_shapes import TaskShape
from danqing_server.doors.views import Viewer
from danqing_server.errors import NotFound, ServiceUnavailable
from danqing_server.http.answers import success
from danqing_server.http.entry import admit, admit_change
from danqing_server.http.event_stream import (
    BAD_EVENT_ID,
    EventStream,
    event_stream,
    head_of_stream,
    last_event_id,
)
from danqing_server.http.links import base_url
from danqing_server.http.messages import language_of
from danqing_server.http.receiving import discard_body
from danqing_server.http.requests import ApiRequest
from danqing_server.http.routing import on_get, on_post
from danqing_server.http.services import Services
from danqing_server.records.tasks import FINISHED, Task
from danqing_server.records.tenancy import Scope
from danqing_server.store.watching import version_of

__all__ = ["routes"]

PROGRESS_EVERY_S = 2.0
SMALLEST_PROGRESS = 0.01
DEFAULT_LIFE_S = 300
MOST_IDS, LONGEST_IDS = 100, 8_192
MOST_AT_ONCE = 32
MOST_PER_S = 1_000
TASK, DONE, PROGRESS, DELETED, LANE = "task", "done", "progress", "deleted", "lane"

TOKEN_MADE = Message(key="events.token_made", zh="令牌创建成功", en="Token made")
TOO_MANY_IDS = Message(key="too_many_ids", zh="最多 {most} 个任务 id", en="may name {most} tasks at most")

LAST_EVENT: tuple[Mapping[str, Any], ...] = (
    {
        "name": "Last-Event-ID",
        "location": "header",
        "description": "the id of the last event you had, which browsers send by themselves",
        "schema": {"type": "string", "maxLength": 300},
    },
    query("last_event_id", "the same, where no header can be sent", type="string", maxLength=300),
)
TOKEN = query("token", "from `POST /api/v1/events/token`, where no key can be sent", type="string", maxLength=1024)

routes = Blueprint("events", url_prefix="/api/v1")


@on_get(routes, "/tasks/<task_id>/events", needs=Scope.READ, tokens=True)
@described(
    "任务的事件流 · A task's events",
    {
        200: Answer(
            description="事件流：task、progress、done、deleted · events, whose data is the task",
            shape=TaskShape,
            is_stream=True,
        ),
        204: Answer(description="任务已结束，且已收到最后的事件 · you had the last one", shape=None, empty=True),
    },
    errors=(400, 404, 429),
    parameters=[*LAST_EVENT, TOKEN],
)
async def get_task_events(request: ApiRequest, task_id: str) -> HTTPResponse | None:
    """Stream a task's changes until it is finished: `task` for each, `done` for the last."""
    services, caller = admit(request)
    known = last_event_id(request)
    task = await services.control.find(task_id, caller)
    if task.status in FINISHED and version_of(task) == known:
        return HTTPResponse(status=204)
    if request.method == "HEAD":
        return head_of_stream()
    viewer = Viewer(base_url(request), services.registry, language_of(request.headers))
    with services.watchers.watch(task, caller) as watch:
        async with event_stream(request) as stream:
            await _Told(services, viewer, stream, task).follow(watch, known)
    return None


@on_get(routes, "/events", needs=Scope.READ, tokens=True)
@described(
    "全部任务的事件流 · Events of all your tasks",
    {
        200: Answer(
            description="事件流：task、progress、lane · events, whose data is a task; of `lane` a LaneEvent",
            shape=TaskShape,
            is_stream=True,
        )
    },
    errors=(400, 429),
    parameters=[
        plain_query("user_id", "of this user alone", 128),
        query("status", "in one of these alone, with commas", type="string"),
        query("task_ids", f"of these alone, with commas; at most {MOST_IDS}", type="string"),
        query(
            "per_second",
            "tell of that many tasks a second at most: of what changed last first, of the rest when there is room, "
            f"and of more than {MOST_OWED} that wait for it not at all",
            type="integer",
            minimum=1,
            maximum=MOST_PER_S,
        ),
        *LAST_EVENT,
        TOKEN,
    ],
)
async def get_events(request: ApiRequest) -> HTTPResponse | None:
    """Stream what happens to all tasks of the caller's project from now on, or since the last event it had."""
    services, caller = admit(request)
    wants, since, per_s = _wishes_of(request)
    if request.method == "HEAD":
        return head_of_stream()
    viewer = Viewer(base_url(request), services.registry, language_of(request.headers))
    async with services.feeds.follow(caller, wants, per_s) as follower:
        mark = services.feeds.mark()
        async with event_stream(request) as stream:
            with suppress(ServiceUnavailable):  # the client comes again, and goes on where it was
                if since is None:
                    await stream.mark(mark)
                elif per_s is not None:
                    await services.feeds.owe(caller, since, follower)
                else:
                    async for sight in services.feeds.replay(caller, since, wants):
                        await stream.send(*_shown(viewer, sight))
                await _follow(services, caller, stream, viewer, follower)
    return None


@on_post(routes, "/events/token", needs=Scope.READ)
@described(
    "获取浏览器用的短期令牌 · Get a token for a browser's event stream",
    {201: Answer(description="令牌创建成功", shape=EventTokenShape)},
    errors=(400,),
    parameters=[
        query(
            "expires_in_s",
            "how long it is good for",
            type="integer",
            minimum=SHORTEST_LIFE_S,
            maximum=LONGEST_LIFE_S,
            default=DEFAULT_LIFE_S,
        )
    ],
)
async def create_event_token(request: ApiRequest) -> HTTPResponse:
    """Make a token that a page may put into the URL of an event stream, and that is good for nothing else."""
    services, caller = admit_change(request)
    await discard_body(request)
    fields = Fields(members=members_of_query(request))
    life_s = fields.whole_text("expires_in_s", SHORTEST_LIFE_S, LONGEST_LIFE_S) or DEFAULT_LIFE_S
    fields.finish()
    token, expires_at = await services.event_tokens.issue(caller, life_s)
    made: EventTokenShape = {"token": token, "expires_at": expires_at, "expires_in_s": life_s}
    return success(made, TOKEN_MADE.to(language_of(request.headers)), 201)


def _wishes_of(request: ApiRequest) -> tuple[Callable[[Task], bool] | None, datetime | None, int | None]:
    """Return which tasks are wanted (None: all), since when (None: from now on), and how many a second (None: all).

    Raises:
        InvalidSubmission: with a problem for each wish that makes no sense.
    """
    fields = Fields(members=members_of_query(request))
    fields.check_known(("user_id", "status", "task_ids", "per_second", "last_event_id", "token"))
    wanted, since = read_filter(fields), None
    named = fields.text("task_ids", 1, LONGEST_IDS)
    ids = frozenset(filter(None, (named or "").split(",")))
    if named is not None and not ids:  # no task is not all tasks
        fields.report("task_ids", REQUIRED)
    if len(ids) > MOST_IDS:
        fields.report("task_ids", TOO_MANY_IDS, most=MOST_IDS)
    per_s = fields.whole_text("per_second", 1, MOST_PER_S)
    last = last_event_id(request)
    if last is not None:
        since = moment_of(last)
        if since is None:
            fields.report("last_event_id", BAD_EVENT_ID)
    fields.finish()

    def wants(task: Task) -> bool:
        return (
            (wanted.user_id is None or task.user_id == wanted.user_id)
            and (not wanted.statuses or task.status in wanted.statuses)
            and (not ids or task.id in ids)
        )

    chooses = wanted.user_id is not None or wanted.statuses or ids
    return wants if chooses else None, since, per_s


async def _follow(
    services: Services, caller: Caller, stream: EventStream, viewer: Viewer, follower: Follower
) -> None:
    lanes: dict[str, bytes] = {}
    while not follower.closed:
        sight = await follower.next(stream.heartbeat_s)
        if isinstance(sight, Turned):
            await _show_lane(services, caller, stream, sight.lane, lanes)
        elif sight is not None:
            await _show(stream, viewer, follower, [sight, *follower.at_hand(MOST_AT_ONCE - 1)])
        if not await stream.beat():
            return


async def _show_lane(
    services: Services, caller: Caller, stream: EventStream, lane: str, told: dict[str, bytes]
) -> None:
    """Send how a lane stands now, unless that is what was *told* last.

    One of another server on the same Redis is nobody's business here.
    """
    if lane not in services.registry.lanes:
        return
    with suppress(ServiceUnavailable):  # it turns again, or the client looks
        standing = await services.standings.glance(caller, lane)
        shown = dump_json(lane_event(standing))
        if told.get(lane) != shown and (lane in told or standing.state != "open"):
            told[lane] = shown
            await stream.send(LANE, shown)


async def _show(stream: EventStream, viewer: Viewer, follower: Follower, sights: Sequence[Sight]) -> None:
    """Send what *follower* took; what comes ahead of older changes is nothing to go on from."""
    shown = [_shown(viewer, sight) for sight in sights]
    if follower.per_s is not None:  # else it comes in order
        marks = [mark for mark in (*(sight.mark for sight in sights), follower.left_since()) if mark is not None]
        if marks != sorted(marks):
            await stream.mark(min(marks))
            shown = [(event, data, None) for event, data, _ in shown]
    await stream.send_all(shown)


def _shown(viewer: Viewer, sight: Sight) -> tuple[str, bytes, str | None]:
    """Return a sight as an event; what is sent to many is made once."""
    key = viewer.base, viewer.language
    if key not in sight.answers:
        sight.answers[key] = dump_json(viewer.task(sight.task))
    return PROGRESS if sight.id is None else TASK, sight.answers[key], sight.id


@attrs.define(eq=False)
class _Told:
    """What a client has been told of one task."""

    services: Services
    viewer: Viewer
    stream: EventStream
    task: Task
    progress: float = 0.0

    async def follow(self, watch: Watch, known: str | None) -> None:
        """Tell the task's state unless it is *known*, and each other one until it is finished."""
        if version_of(self.task) != known:
            await self._tell(self.task)
        step_s = min(PROGRESS_EVERY_S, self.stream.heartbeat_s)
        while self.task.status not in FINISHED and not watch.closed:
            try:
                changed = await watch.change(step_s)
            except NotFound:
                await self.stream.send(DELETED, dump_json({"id": self.task.id}))
                return
            if changed is not None:
                await self._tell(changed)
            else:
                await self._tell_progress()
            if not await self.stream.beat():
                return

    async def _tell(self, task: Task) -> None:
        self.task = task
        self.progress = await self._progress()
        shown = self.viewer.task(task.changed(progress=self.progress))
        kind = DONE if task.status in FINISHED else TASK
        await self.stream.send(kind, dump_json(shown), version_of(task))

    async def _tell_progress(self) -> None:
        """Tell how far the task is by now; an estimate is no state that a client could go on from."""
        progress = await self._progress()
        if progress - self.progress >= SMALLEST_PROGRESS:
            self.progress = progress
            await self.stream.send(PROGRESS, dump_json(self.viewer.task(self.task.changed(progress=progress))))

    async def _progress(self) -> float:
        if self.task.status in FINISHED:
            return self.task.progress
        return await self.services.forecast.progress(self.task)
