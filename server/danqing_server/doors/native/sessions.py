"""Signing in to the studio: a key in, a cookie out; who is signed in, and signing out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from typing import Any

from sanic import Blueprint, HTTPResponse

from danqing_plugins import Message
from danqing_server.access.caller import Caller
from danqing_server.access.sessions import LIFE
from danqing_server.codec.bodies import without_nulls
from danqing_server.doors.body_shapes import LONGEST_USER_ID
from danqing_server.doors.documentation import Answer, described
from danqing_server.doors.fields import Fields
from danqing_server.doors.server_shapes import DeletedShape
from danqing_server.doors.session_shapes import MeShape, SessionListShape, SessionShape, SignInRequest
from danqing_server.errors import Draining, Unauthenticated, UnknownKey
from danqing_server.http.answers import success
from danqing_server.http.cookies import clearing_cookie, session_cookie, token_of
from danqing_server.http.entry import admit_change, hold_to_addresses, identify, services_of
from danqing_server.http.links import address_of
from danqing_server.http.messages import language_of
from danqing_server.http.own_pages import check_page
from danqing_server.http.receiving import ReceivedObject, discard_body
from danqing_server.http.requests import ApiRequest
from danqing_server.http.routing import on_delete, on_get, on_post
from danqing_server.http.services import Services
from danqing_server.log import get_logger
from danqing_server.records.tenancy import StudioSession

__all__ = ["routes"]

LIFE_S = int(LIFE.total_seconds())
LONGEST_KEY = 512
NOBODY_NAMED = "studio"

SIGNED_IN = Message(key="session.begun", zh="登录成功", en="Signed in")
SIGNED_OUT = Message(key="session.ended", zh="已退出登录", en="Signed out")
FOUND = Message(key="session.found", zh="获取登录状态成功", en="Sign-in found")
LISTED = Message(key="sessions.listed", zh="获取登录列表成功", en="Sign-ins listed")

log = get_logger(__name__)

routes = Blueprint("sessions", url_prefix="/studio")


@on_post(routes, "/session", public=True)
@described(
    "登录 · Sign in to the studio",
    {201: Answer(description="登录成功", shape=MeShape)},
    errors=(400, 401, 403, 413, 429),
    body=SignInRequest,
)
async def sign_in(request: ApiRequest) -> HTTPResponse:
    """Take a key, and give the studio's page a cookie that stands for it: for 12 hours from its last use on."""
    services = _changing(request)
    check_page(request)
    async with ReceivedObject(request) as body:
        secret, user = _read(without_nulls(body))
    address = address_of(request)
    caller = await services.sessions.key_shown(secret, address)
    await hold_to_addresses(request, caller)
    before = token_of(request)
    if before is not None:
        await services.sessions.forget(before)
    token, session = await services.sessions.begin(caller, secret, user, address, request.headers.get("user-agent"))
    log.info("signed_in", key=caller.key, session=session.id[:12])
    me = await _me(services, caller, session)
    headers = {"set-cookie": session_cookie(request, token, LIFE_S)}
    return success(me, SIGNED_IN.to(language_of(request.headers)), 201, headers)


@on_get(routes, "/session", public=True)
@described(
    "登录状态 · Who is signed in", {200: Answer(description="获取登录状态成功", shape=MeShape)}, errors=(403,)
)
async def get_session(request: ApiRequest) -> HTTPResponse:
    """Say who asks and what they may do; who is signed in stays so for another 12 hours."""
    services, token = services_of(request), token_of(request)
    headers: dict[str, str] = {}
    caller: Caller | None = None
    try:
        caller = await identify(request)
    except Unauthenticated:
        if token is not None:
            headers["set-cookie"] = clearing_cookie(request)
    if request.session is not None and token is not None:
        headers["set-cookie"] = session_cookie(request, token, LIFE_S)
    me = await _me(services, caller, request.session)
    return success(me, FOUND.to(language_of(request.headers)), headers=headers)


@on_delete(routes, "/session", public=True)
@described("退出登录 · Sign out", {200: Answer(description="已退出登录", shape=DeletedShape)}, errors=(403,))
async def sign_out(request: ApiRequest) -> HTTPResponse:
    """End this browser's sign-in, everywhere at once."""
    services, token = _changing(request), token_of(request)
    check_page(request)
    await discard_body(request)
    if token is not None:
        await services.sessions.forget(token)
    ended: DeletedShape = {"id": "session"}
    headers = {"set-cookie": clearing_cookie(request)}
    return success(ended, SIGNED_OUT.to(language_of(request.headers)), headers=headers)


@on_get(routes, "/sessions", public=True)
@described(
    "登录列表 · Who is signed in with this key",
    {200: Answer(description="获取登录列表成功", shape=SessionListShape)},
    errors=(401, 403),
)
async def list_sessions(request: ApiRequest) -> HTTPResponse:
    """List the browsers that are signed in with the caller's key; an administrator sees those of every key."""
    caller = await identify(request)
    found = await services_of(request).sessions.of(caller)
    data: SessionListShape = {"sessions": [_view(each, caller.session) for each in found]}
    return success(data, LISTED.to(language_of(request.headers)))


@on_delete(routes, "/sessions/<session>", public=True)
@described(
    "结束登录 · Sign a browser out",
    {200: Answer(description="已退出登录", shape=DeletedShape)},
    errors=(401, 403, 404),
)
async def end_session(request: ApiRequest, session: str) -> HTTPResponse:
    """Sign one of them out, everywhere at once."""
    await identify(request)
    services, caller = admit_change(request)
    await discard_body(request)
    found = await services.sessions.one_of(session, caller)
    if found.key != caller.key:
        by = await services.administration.name_of(caller)
        said = {"key": found.key, "user": found.user, "by": by}
        await services.administration.note(caller.key, "session.ended", session, said)
    await services.sessions.end(session, caller)
    ended: DeletedShape = {"id": session}
    return success(ended, SIGNED_OUT.to(language_of(request.headers)))


def _changing(request: ApiRequest) -> Services:
    services = services_of(request)
    if services.draining:
        raise Draining("this process is stopping")
    return services


def _read(given: Mapping[str, Any]) -> tuple[str, str]:
    """Return the key and who shows it. What is wrong with a key is not told: it would be repeated in the answer.

    Raises:
        UnknownKey: it can be nobody's.
        InvalidSubmission: the rest is wrong.
    """
    secret = given.get("key")
    fields = Fields(members={name: value for name, value in given.items() if name != "key"})
    fields.check_known(("user_id",))
    user = fields.text("user_id", 1, LONGEST_USER_ID)
    fields.finish()
    if not isinstance(secret, str) or not 0 < len(secret.strip()) <= LONGEST_KEY:
        raise UnknownKey("the API key is unknown")
    return secret.strip(), user or NOBODY_NAMED


async def _me(services: Services, caller: Caller | None, session: StudioSession | None) -> MeShape:
    project, key = (None, None) if caller is None else await _names_of(services, caller)
    providers = services.registry.providers.values()
    scopes = frozenset() if caller is None else caller.scopes
    return {
        "needs_key": services.gatekeeper.guards,
        "signed_in": caller is not None,
        "name": session.user if session is not None else None,
        "project": project,
        "key": key,
        "scopes": sorted(scopes),
        "operator": caller is not None and caller.operator,
        "viewer": caller is not None and caller.viewer,
        "sandbox": bool(providers) and all(each.sandbox for each in providers),
        "zone": None if services.settings.budget_zone is UTC else str(services.settings.budget_zone),
        "idempotency_kept_s": services.settings.idempotency_kept_s,
        "session": None if session is None else _view(session, session.id),
    }


async def _names_of(services: Services, caller: Caller) -> tuple[str, str]:
    """Return what people call the project and the key; their ids where nobody named them."""
    if not caller.key.startswith("key_"):
        return caller.project, caller.key
    administration = services.administration
    projects = await administration.projects.find_all({caller.project})
    project = projects[caller.project].name if caller.project in projects else caller.project
    return project, await administration.name_of_key(caller.key)


def _view(session: StudioSession, own: str | None) -> SessionShape:
    return {
        "id": session.id,
        "user_id": session.user,
        "key": session.key,
        "project": session.project,
        "created_at": session.created_at,
        "seen_at": session.seen_at,
        "expires_at": session.expires_at,
        "address": session.address,
        "agent": session.agent,
        "current": session.id == own,
    }
