"""Projects, for administrators."""

from __future__ import annotations

from sanic import Blueprint, HTTPResponse

from danqing_plugins import Message
from danqing_server.doors.access_bodies import new_project, project_change
from danqing_server.doors.access_shapes import (
    MOST_ENTRIES,
    ProjectChange,
    ProjectListShape,
    ProjectRequest,
    ProjectShape,
)
from danqing_server.doors.access_views import project_view
from danqing_server.doors.documentation import CURSOR, Answer, described
from danqing_server.http.answers import success
from danqing_server.http.entry import admit, admit_change, hear_of_keys
from danqing_server.http.messages import language_of
from danqing_server.http.receiving import ReceivedObject, discard_body
from danqing_server.http.requests import ApiRequest
from danqing_server.http.routing import on_get, on_post, on_put
from danqing_server.records.tenancy import Project, Scope

__all__ = ["routes"]

CREATED = Message(key="project.created", zh="项目创建成功", en="Project created")
FOUND = Message(key="project.found", zh="获取项目成功", en="Project found")
LISTED = Message(key="project.listed", zh="获取项目列表成功", en="Projects listed")
UPDATED = Message(key="project.updated", zh="项目更新成功", en="Project updated")
ARCHIVED = Message(key="project.archived", zh="项目已归档", en="Project archived")
RESTORED = Message(key="project.restored", zh="项目已恢复", en="Project restored")

routes = Blueprint("projects", url_prefix="/api/v1/projects")


@on_post(routes, "/", needs=Scope.ADMIN)
@described(
    "创建项目 · Create a project",
    {201: Answer(description="项目创建成功", shape=ProjectShape)},
    errors=(400, 409, 413),
    body=ProjectRequest,
)
async def create_project(request: ApiRequest) -> HTTPResponse:
    """Make a project, which owns tasks, users and keys."""
    services, caller = admit_change(request)
    async with ReceivedObject(request) as body:
        said = new_project(body)
    made = await services.administration.create_project(caller.key, said.name, id_=said.id, limits=said.limits)
    await hear_of_keys(services)
    return _answer(request, made, CREATED, 201)


@on_get(routes, "/", needs=Scope.ADMIN)
@described(
    "获取项目列表 · List projects",
    {200: Answer(description="获取项目列表成功", shape=ProjectListShape)},
    parameters=[CURSOR],
)
async def list_projects(request: ApiRequest) -> HTTPResponse:
    """List the projects that were made here, a hundred at a time."""
    services, _ = admit(request)
    found = await services.administration.projects.list(limit=MOST_ENTRIES + 1, after=request.args.get("cursor"))
    shown = found[:MOST_ENTRIES]
    data: ProjectListShape = {
        "projects": [project_view(each) for each in shown],
        "next_cursor": shown[-1].id if len(found) > MOST_ENTRIES else None,
    }
    return success(data, LISTED.to(language_of(request.headers)))


@on_get(routes, "/<project>", needs=Scope.ADMIN)
@described(
    "获取项目 · Show a project", {200: Answer(description="获取项目成功", shape=ProjectShape)}, errors=(404,)
)
async def get_project(request: ApiRequest, project: str) -> HTTPResponse:
    """Show a project, by id or name."""
    services, _ = admit(request)
    return _answer(request, await services.administration.project(project), FOUND)


@on_put(routes, "/<project>", needs=Scope.ADMIN)
@described(
    "更新项目 · Change a project",
    {200: Answer(description="项目更新成功", shape=ProjectShape)},
    errors=(400, 404, 409, 413),
    body=ProjectChange,
)
async def update_project(request: ApiRequest, project: str) -> HTTPResponse:
    """Change a project's name, or all of its limits."""
    services, caller = admit_change(request)
    async with ReceivedObject(request) as body:
        sets = project_change(body)
    changed = await services.administration.update_project(caller.key, project, **sets)
    await hear_of_keys(services)
    return _answer(request, changed, UPDATED)


@on_post(routes, "/<project>/archive", needs=Scope.ADMIN)
@described(
    "归档项目 · Archive a project", {200: Answer(description="项目已归档", shape=ProjectShape)}, errors=(404,)
)
async def archive_project(request: ApiRequest, project: str) -> HTTPResponse:
    """Refuse a project's keys from now on; what it made is kept."""
    return await _archive(request, project, ARCHIVED, archived=True)


@on_post(routes, "/<project>/restore", needs=Scope.ADMIN)
@described(
    "恢复项目 · Restore a project", {200: Answer(description="项目已恢复", shape=ProjectShape)}, errors=(404,)
)
async def restore_project(request: ApiRequest, project: str) -> HTTPResponse:
    """Take the keys of an archived project again."""
    return await _archive(request, project, RESTORED, archived=False)


async def _archive(request: ApiRequest, project: str, message: Message, *, archived: bool) -> HTTPResponse:
    services, caller = admit_change(request)
    await discard_body(request)
    changed = await services.administration.archive_project(caller.key, project, archived=archived)
    await hear_of_keys(services)
    return _answer(request, changed, message)


def _answer(request: ApiRequest, project: Project, message: Message, status: int = 200) -> HTTPResponse:
    return success(project_view(project), message.to(language_of(request.headers)), status)
