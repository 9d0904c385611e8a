"""Tasks of every user, newest first: filtered, searched, a page at a time."""

from __future__ import annotations

from typing import Any

from sanic import Blueprint, HTTPResponse

from danqing_plugins import Message
from danqing_server.access.caller import Caller
from danqing_server.doors.body_shapes import LONGEST_NAME
from danqing_server.doors.documentation import Answer, described, plain_query, query
from danqing_server.doors.fields import Fields
from danqing_server.doors.filters import (
    BILLED,
    CURSOR,
    FILTERS,
    KINDS,
    LONGEST_SEARCH,
    STATUSES,
    cursor_of,
    members_of_query,
    read_cursor,
    read_filter,
)
from danqing_server.doors.list_shapes import TaskPageShape, TaskPartShape, TaskRowShape
from danqing_server.doors.rows import row_of
from danqing_server.doors.views import Viewer
from danqing_server.http.answers import success
from danqing_server.http.entry import admit
from danqing_server.http.links import base_url
from danqing_server.http.messages import language_of
from danqing_server.http.requests import ApiRequest
from danqing_server.http.routing import on_get
from danqing_server.http.shapes import members_of
from danqing_server.records.tenancy import Scope
from danqing_server.store.listing import TaskFilter
from danqing_server.store.reach import Reach

__all__ = ["routes"]

MOST_LISTED = 200
DEFAULT_LISTED = 50

LISTED = Message(key="tasks.listed", zh="获取任务列表成功", en="Tasks listed")

NO_FIELD = Message(
    key="no_row_field", zh="只能是以下字段中的一个或多个：{allowed}", en="must be one or more of: {allowed}"
)

ROW = tuple(members_of(TaskRowShape))

routes = Blueprint("lists", url_prefix="/api/v1")


@on_get(routes, "/tasks", needs=Scope.READ)
@described(
    "列出与搜索任务 · List and search tasks",
    {200: Answer(description="获取任务列表成功", shape=TaskPageShape)},
    errors=(400,),
    parameters=[
        query(
            "status",
            "one or more, with commas",
            type="string",
            pattern=f"^({'|'.join(STATUSES)})(,({'|'.join(STATUSES)}))*$",
        ),
        plain_query("provider", "who carries it out", 128),
        plain_query("model", "the model's own id", 128),
        plain_query("user_id", "whose they are", 128),
        plain_query("project", "of this project; operators list those of others, too", LONGEST_NAME),
        plain_query("type", "a task type", 128),
        query("kind", "what their outputs are", type="string", enum=list(KINDS)),
        plain_query("code", "of their error", 100),
        query("billed", "whether the provider charged for them", type="string", enum=list(BILLED)),
        query("partial", "completed without some of their outputs, or not so", type="boolean"),
        query("sandbox", "simulated, or not", type="boolean"),
        query("from", "made at this time or later", type="string", format="date-time"),
        query("to", "made before this time", type="string", format="date-time"),
        plain_query("batch", "of this batch", LONGEST_NAME),
        plain_query("q", "text anywhere in the prompt", LONGEST_SEARCH),
        query("limit", "tasks per page", type="integer", minimum=1, maximum=MOST_LISTED, default=DEFAULT_LISTED),
        query("cursor", "next_cursor of the page before", type="string", pattern=f"^({CURSOR.pattern})$"),
        query("count", "whether to count them all", type="boolean"),
        query(
            "fields",
            "members of each row that are wanted, with commas; its `id` is always there",
            type="string",
            pattern=f"^({'|'.join(ROW)})(,({'|'.join(ROW)}))*$",
        ),
    ],
)
async def list_all_tasks(request: ApiRequest) -> HTTPResponse:
    """List the tasks that the caller sees, newest first; an operator sees others' without prompt and picture."""
    services, caller = admit(request)
    language = language_of(request.headers)
    fields = Fields(members=members_of_query(request))
    fields.check_known((*FILTERS, "project", "limit", "cursor", "count", "fields"))
    wanted, after = read_filter(fields, services.registry.simulated), read_cursor(fields)
    limit = fields.whole_text("limit", 1, MOST_LISTED) or DEFAULT_LISTED
    counted = fields.choice("count", ("true", "false")) == "true"
    named, project = _named(fields), fields.text("project", 1, LONGEST_NAME)
    fields.finish()
    reach = _reach_of(caller, wanted, project)
    found = await services.task_list.find(wanted, reach, limit=limit, after=after)
    viewer = Viewer(base_url(request), services.registry, language)
    data: TaskPageShape = {
        "tasks": [_part(row_of(task, viewer, whole=caller.sees(task)), named) for task in found.tasks],
        "count": len(found.tasks),
        "next_cursor": cursor_of(found.next),
        "searched_to": found.searched_to,
    }
    if counted:
        data["total"] = await services.task_list.count(wanted, reach)
    return success(data, LISTED.to(language))


def _named(fields: Fields) -> frozenset[str]:
    """Return which members of a row are wanted, none for all."""
    given = fields.given("fields")
    words = [] if given is None else given.split(",")
    fields.are_among("fields", words, ROW, NO_FIELD)
    return frozenset(words)


def _part(row: TaskRowShape, named: frozenset[str]) -> TaskRowShape | TaskPartShape:
    if not named:
        return row
    part: Any = {name: value for name, value in row.items() if name in named or name == "id"}
    found: TaskPartShape = part
    return found


def _reach_of(caller: Caller, wanted: TaskFilter, project: str | None) -> Reach:
    """Return whose tasks are listed: an operator's search stays among its own, or it would tell others' prompts."""
    reach = caller.rows if wanted.text is None else caller.reach
    if project is None:
        return reach
    return Reach.of(project) if reach.covers(project) else Reach.nobody()
