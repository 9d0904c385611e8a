"""Keys of projects, for administrators."""

from __future__ import annotations

from datetime import timedelta

from sanic import Blueprint, HTTPResponse

from danqing_plugins import Message
from danqing_server.access.administration import GRACE
from danqing_server.doors.access_bodies import grace_of, key_change, new_key
from danqing_server.doors.access_shapes import (
    LONGEST_GRACE_S,
    LONGEST_LABEL,
    MOST_ENTRIES,
    KeyChange,
    KeyListShape,
    KeyRequest,
    KeyShape,
    NewKeyShape,
)
from danqing_server.doors.access_views import key_view
from danqing_server.doors.documentation import CURSOR, Answer, described, plain_query, query
from danqing_server.doors.fields import Fields
from danqing_server.doors.filters import members_of_query
from danqing_server.http.answers import success
from danqing_server.http.entry import admit, admit_change, hear_of_keys
from danqing_server.http.messages import language_of
from danqing_server.http.receiving import ReceivedObject, discard_body
from danqing_server.http.requests import ApiRequest
from danqing_server.http.routing import on_get, on_post, on_put
from danqing_server.http.services import Services
from danqing_server.records.tenancy import Scope, StoredKey

__all__ = ["routes"]

CREATED = Message(
    key="key.created", zh="API 密钥创建成功，只显示这一次", en="API key created; its secret is shown once"
)
FOUND = Message(key="key.found", zh="获取 API 密钥成功", en="API key found")
LISTED = Message(key="key.listed", zh="获取 API 密钥列表成功", en="API keys listed")
UPDATED = Message(key="key.updated", zh="API 密钥更新成功", en="API key updated")
ROTATED = Message(
    key="key.rotated", zh="API 密钥已轮换，新密钥只显示这一次", en="API key rotated; its new secret is shown once"
)
REVOKED = Message(key="key.revoked", zh="API 密钥已吊销", en="API key revoked")

routes = Blueprint("api_keys", url_prefix="/api/v1/keys")


@on_post(routes, "/", needs=Scope.ADMIN)
@described(
    "创建 API 密钥 · Create an API key",
    {201: Answer(description="API 密钥创建成功", shape=NewKeyShape)},
    errors=(400, 404, 413),
    body=KeyRequest,
)
async def create_key(request: ApiRequest) -> HTTPResponse:
    """Make a key of a project. Its secret stands in this answer and nowhere else."""
    services, caller = admit_change(request)
    async with ReceivedObject(request) as body:
        said = new_key(body)
    made, secret = await services.administration.create_key(
        caller.key, said.project, said.name, scopes=said.scopes, limits=said.limits
    )
    await hear_of_keys(services)
    return _secret(request, services, made, secret, CREATED, 201)


@on_get(routes, "/", needs=Scope.ADMIN)
@described(
    "获取 API 密钥列表 · List API keys",
    {200: Answer(description="获取 API 密钥列表成功", shape=KeyListShape)},
    errors=(400, 404),
    parameters=[
        plain_query("project", "a project's id or name; of all when missing", LONGEST_LABEL),
        CURSOR,
    ],
)
async def list_keys(request: ApiRequest) -> HTTPResponse:
    """List keys, a hundred at a time."""
    services, _ = admit(request)
    fields = Fields(members=members_of_query(request))
    named = fields.text("project", 1, LONGEST_LABEL)
    fields.finish()
    administration = services.administration
    project = None if named is None else (await administration.project(named)).id
    found = await administration.keys.list(project, limit=MOST_ENTRIES + 1, after=request.args.get("cursor"))
    shown, now = found[:MOST_ENTRIES], services.clock.now()
    data: KeyListShape = {
        "keys": [key_view(each, now) for each in shown],
        "next_cursor": shown[-1].id if len(found) > MOST_ENTRIES else None,
    }
    return success(data, LISTED.to(language_of(request.headers)))


@on_get(routes, "/<key>", needs=Scope.ADMIN)
@described(
    "获取 API 密钥 · Show an API key",
    {200: Answer(description="获取 API 密钥成功", shape=KeyShape)},
    errors=(404,),
)
async def get_key(request: ApiRequest, key: str) -> HTTPResponse:
    """Show a key, by its id."""
    services, _ = admit(request)
    return _answer(request, services, await services.administration.key(key), FOUND)


@on_put(routes, "/<key>", needs=Scope.ADMIN)
@described(
    "更新 API 密钥 · Change an API key",
    {200: Answer(description="API 密钥更新成功", shape=KeyShape)},
    errors=(400, 404, 409, 413),
    body=KeyChange,
)
async def update_key(request: ApiRequest, key: str) -> HTTPResponse:
    """Change a key's name or scopes, or all of its limits."""
    services, caller = admit_change(request)
    async with ReceivedObject(request) as body:
        sets = key_change(body)
    changed = await services.administration.update_key(caller.key, key, **sets)
    await hear_of_keys(services)
    return _answer(request, services, changed, UPDATED)


@on_post(routes, "/<key>/rotate", needs=Scope.ADMIN)
@described(
    "轮换 API 密钥 · Rotate an API key",
    {200: Answer(description="API 密钥已轮换", shape=NewKeyShape)},
    errors=(400, 404, 409),
    parameters=[
        query(
            "grace_s",
            "seconds for which the secret before stays good",
            type="integer",
            minimum=0,
            maximum=LONGEST_GRACE_S,
            default=int(GRACE.total_seconds()),
        )
    ],
)
async def rotate_key(request: ApiRequest, key: str) -> HTTPResponse:
    """Give a key a new secret under the same id; the one before stays good for a while."""
    services, caller = admit_change(request)
    await discard_body(request)
    grace_s = request.args.get("grace_s")
    grace = GRACE if grace_s is None else timedelta(seconds=grace_of(grace_s))
    changed, secret = await services.administration.rotate_key(caller.key, key, grace)
    await hear_of_keys(services)
    return _secret(request, services, changed, secret, ROTATED)


@on_post(routes, "/<key>/revoke", needs=Scope.ADMIN)
@described(
    "吊销 API 密钥 · Revoke an API key",
    {200: Answer(description="API 密钥已吊销", shape=KeyShape)},
    errors=(404,),
)
async def revoke_key(request: ApiRequest, key: str) -> HTTPResponse:
    """Take a key back for good: at once here, within ten seconds in every process."""
    services, caller = admit_change(request)
    await discard_body(request)
    changed = await services.administration.revoke_key(caller.key, key)
    await hear_of_keys(services)
    return _answer(request, services, changed, REVOKED)


def _answer(request: ApiRequest, services: Services, key: StoredKey, message: Message) -> HTTPResponse:
    return success(key_view(key, services.clock.now()), message.to(language_of(request.headers)))


def _secret(
    request: ApiRequest, services: Services, key: StoredKey, secret: str, message: Message, status: int = 200
) -> HTTPResponse:
    data: NewKeyShape = {"key": key_view(key, services.clock.now()), "secret": secret}
    return success(data, message.to(language_of(request.headers)), status)
