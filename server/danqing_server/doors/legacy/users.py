"""The users of the old API."""

from __future__ import annotations

import attrs
from sanic import Blueprint, HTTPResponse

from danqing_plugins import Message, Problem
from danqing_server.codec.bodies import without_nulls
from danqing_server.doors.bodies import new_user, user_change
from danqing_server.doors.body_shapes import UserChange, UserRequest
from danqing_server.doors.documentation import KEY_HEADER, Answer, described, query
from danqing_server.doors.fields import REQUIRED
from danqing_server.doors.idempotency import HEADER, REPLAYED, repeat_of
from danqing_server.doors.server_shapes import DeletedShape, UserShape
from danqing_server.doors.views import user_view
from danqing_server.errors import InvalidSubmission, KeyReused, NotFound
from danqing_server.http.answers import success
from danqing_server.http.entry import admit, admit_change
from danqing_server.http.links import location_of
from danqing_server.http.messages import language_of
from danqing_server.http.receiving import ReceivedObject, discard_body
from danqing_server.http.requests import ApiRequest
from danqing_server.http.routing import on_delete, on_get, on_post, on_put
from danqing_server.ids import new_id
from danqing_server.records.tenancy import Scope
from danqing_server.records.users import User

__all__ = ["routes"]

CREATED = Message(key="user.created", zh="用户创建成功", en="User created")
FOUND = Message(key="user.found", zh="获取用户成功", en="User found")
UPDATED = Message(key="user.updated", zh="用户更新成功", en="User updated")
DELETED = Message(key="user.deleted", zh="用户删除成功", en="User deleted")

routes = Blueprint("users", url_prefix="/api/v1/users")


@on_post(routes, "/", needs=Scope.GENERATE)
@described(
    "创建用户 · Create a user",
    {201: Answer(description="用户创建成功", shape=UserShape)},
    errors=(400, 409, 413, 422),
    body=UserRequest,
    parameters=[KEY_HEADER],
)
async def create_user(request: ApiRequest) -> HTTPResponse:
    """Create a user."""
    services, caller = admit_change(request)
    async with ReceivedObject(request) as body:
        meant = without_nulls(body)
        fields = new_user(meant)
    now = services.clock.now()
    user = User(
        id=new_id(services.clock.now_ms()),
        email=fields.email or "",
        name=fields.name or "",
        created_at=now,
        updated_at=now,
        owner=caller.owner,
    )
    repeat = repeat_of(request.headers.get(HEADER), "/api/v1/users", body, caller, 0, meant=meant)
    if repeat is not None:
        record = await services.submissions.keys.claim(repeat.key, repeat.fingerprint, user.id, repeat.meaning)
        if not record.answers(repeat.fingerprint, repeat.meaning):
            raise KeyReused("this Idempotency-Key was used for a different request")
        known = await services.users.find(caller.reach, id=record.task_id)
        if known is not None:
            return _created(request, known, replayed=True)
        user = attrs.evolve(user, id=record.task_id)
    await services.users.insert(user)
    return _created(request, user)


def _created(request: ApiRequest, user: User, *, replayed: bool = False) -> HTTPResponse:
    headers = {"location": location_of(request, f"/api/v1/users/{user.id}"), **(REPLAYED if replayed else {})}
    return success(user_view(user), CREATED.to(language_of(request.headers)), 201, headers)


@on_get(routes, "/", needs=Scope.READ)
@described(
    "通过邮箱查询用户 · Find a user by e-mail address",
    {200: Answer(description="获取用户成功", shape=UserShape)},
    errors=(400, 404),
    parameters=[query("email", "the address", required=True, type="string", minLength=1)],
)
async def find_user(request: ApiRequest) -> HTTPResponse:
    """Find a user by e-mail address."""
    services, caller = admit(request)
    language = language_of(request.headers)
    email = request.args.get("email")
    if not email:
        raise InvalidSubmission([Problem(field="email", message=REQUIRED())])
    user = await services.users.find(caller.reach, email=email)
    if user is None:
        raise NotFound("user", email)
    return success(user_view(user), FOUND.to(language))


@on_get(routes, "/<user_id>", needs=Scope.READ)
@described("获取用户 · Show a user", {200: Answer(description="获取用户成功", shape=UserShape)}, errors=(404,))
async def get_user(request: ApiRequest, user_id: str) -> HTTPResponse:
    """Show a user."""
    services, caller = admit(request)
    user = await services.users.find(caller.reach, id=user_id)
    if user is None:
        raise NotFound("user", user_id)
    return success(user_view(user), FOUND.to(language_of(request.headers)))


@on_put(routes, "/<user_id>", needs=Scope.GENERATE)
@described(
    "更新用户 · Change a user",
    {200: Answer(description="用户更新成功", shape=UserShape)},
    errors=(400, 404, 409, 413),
    body=UserChange,
)
async def update_user(request: ApiRequest, user_id: str) -> HTTPResponse:
    """Change a user's address or name."""
    services, caller = admit_change(request)
    language = language_of(request.headers)
    async with ReceivedObject(request) as body:
        fields = user_change(body)
    said = {"email": fields.email, "name": fields.name}
    sets = {name: value for name, value in said.items() if value is not None}
    user = await services.users.update(caller.reach, user_id, {**sets, "updated_at": services.clock.now()})
    if user is None:
        raise NotFound("user", user_id)
    return success(user_view(user), UPDATED.to(language))


@on_delete(routes, "/<user_id>", needs=Scope.GENERATE)
@described("删除用户 · Delete a user", {200: Answer(description="用户删除成功", shape=DeletedShape)}, errors=(404,))
async def delete_user(request: ApiRequest, user_id: str) -> HTTPResponse:
    """Delete a user; tasks stay."""
    services, caller = admit_change(request)
    await discard_body(request)
    if not await services.users.delete(caller.reach, user_id):
        raise NotFound("user", user_id)
    deleted: DeletedShape = {"id": user_id}
    return success(deleted, DELETED.to(language_of(request.headers)))
