"""Webhooks: endpoints, their secrets, what became of deliveries, and sending them again."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import attrs
from sanic import Blueprint, HTTPResponse

from danqing_plugins import Message
from danqing_server.codec.bodies import without_nulls
from danqing_server.delivery.webhooks.events import EVENT_TYPES
from danqing_server.doors.body_shapes import ResendRequest, RotateRequest, WebhookChange, WebhookRequest
from danqing_server.doors.documentation import Answer, described, plain_query, query
from danqing_server.doors.fields import Fields
from danqing_server.doors.filters import CURSOR, cursor_of, members_of_query, read_cursor
from danqing_server.doors.server_shapes import DeletedShape
from danqing_server.doors.webhook_bodies import (
    new_webhook,
    resend_since,
    rotation_overlap,
    webhook_change,
)
from danqing_server.doors.webhook_shapes import (
    DeliveryListShape,
    DeliveryShape,
    ResentShape,
    TryShape,
    WebhookListShape,
    WebhookSecretShape,
    WebhookShape,
)
from danqing_server.http.answers import success
from danqing_server.http.entry import admit, admit_change
from danqing_server.http.links import base_url, location_of
from danqing_server.http.messages import language_of
from danqing_server.http.receiving import ReceivedObject, discard_body
from danqing_server.http.requests import ApiRequest
from danqing_server.http.routing import on_delete, on_get, on_post, on_put
from danqing_server.records.deliveries import Delivery, DeliveryState, Try
from danqing_server.records.tenancy import Scope
from danqing_server.store.endpoints import TASKS, Endpoint

__all__ = ["routes"]

MOST_LISTED = 100
DEFAULT_LISTED = 20
LONGEST_TASK_ID = 300
STATES = tuple(state.value for state in DeliveryState)

CREATED = Message(key="webhook.created", zh="webhook 创建成功", en="Webhook created")
LISTED = Message(key="webhook.listed", zh="获取 webhook 列表成功", en="Webhooks listed")
FOUND = Message(key="webhook.found", zh="获取 webhook 成功", en="Webhook found")
CHANGED = Message(key="webhook.changed", zh="webhook 更新成功", en="Webhook changed")
DELETED = Message(key="webhook.deleted", zh="webhook 删除成功", en="Webhook deleted")
ROTATED = Message(key="webhook.rotated", zh="密钥已更换", en="Secret replaced")
SECRET = Message(key="webhook.secret", zh="获取密钥成功", en="Secret found")
TESTED = Message(key="webhook.tested", zh="测试事件已发出", en="Test event sent")
DELIVERIES = Message(key="webhook.deliveries", zh="获取投递记录成功", en="Deliveries listed")
RESENT = Message(key="webhook.resent", zh="已重新投递", en="Sent again")

routes = Blueprint("webhooks", url_prefix="/api/v1/webhooks")


@attrs.frozen(kw_only=True)
class _Page:
    limit: int
    wanted: dict[str, str]
    before: tuple[datetime, str] | None


@on_post(routes, "/", needs=Scope.WEBHOOKS)
@described(
    "创建 webhook · Create a webhook",
    {201: Answer(description="webhook 创建成功", shape=WebhookShape)},
    errors=(400, 409, 413),
    body=WebhookRequest,
)
async def create_webhook(request: ApiRequest) -> HTTPResponse:
    """Name a URL that is told of the project's events. Its secret is shown in this answer, and in no other."""
    services, caller = admit_change(request)
    async with ReceivedObject(request) as body:
        asked = new_webhook(without_nulls(body))
    await services.webhooks.targets.require(asked.url, "url")
    made = await services.webhooks.create(
        caller,
        url=asked.url,
        events=asked.events,
        description=asked.description,
        enabled=asked.enabled,
        base=base_url(request),
    )
    headers = {"location": location_of(request, f"/api/v1/webhooks/{made.id}")}
    return success(_with_secret(made), CREATED.to(language_of(request.headers)), 201, headers)


@on_get(routes, "/", needs=Scope.WEBHOOKS)
@described(
    "获取 webhook 列表 · List webhooks", {200: Answer(description="获取 webhook 列表成功", shape=WebhookListShape)}
)
async def list_webhooks(request: ApiRequest) -> HTTPResponse:
    """List the project's webhooks, oldest first."""
    services, caller = admit(request)
    listed: WebhookListShape = {"webhooks": [_webhook(each) for each in await services.webhooks.list_for(caller)]}
    return success(listed, LISTED.to(language_of(request.headers)))


@on_get(routes, "/<webhook_id>", needs=Scope.WEBHOOKS)
@described(
    "获取 webhook · Show a webhook",
    {200: Answer(description="获取 webhook 成功", shape=WebhookShape)},
    errors=(404,),
)
async def get_webhook(request: ApiRequest, webhook_id: str) -> HTTPResponse:
    """Show a webhook; `tasks` stands for the webhooks that tasks bring."""
    services, caller = admit(request)
    found = await services.webhooks.find(caller, webhook_id)
    return success(_webhook(found), FOUND.to(language_of(request.headers)))


@on_put(routes, "/<webhook_id>", needs=Scope.WEBHOOKS)
@described(
    "更新 webhook · Change a webhook",
    {200: Answer(description="webhook 更新成功", shape=WebhookShape)},
    errors=(400, 404, 413),
    body=WebhookChange,
)
async def change_webhook(request: ApiRequest, webhook_id: str) -> HTTPResponse:
    """Change a webhook's URL, events or description, turn it off, or on again."""
    services, caller = admit_change(request)
    async with ReceivedObject(request) as body:
        sets = webhook_change(without_nulls(body))
    if "url" in sets:
        await services.webhooks.targets.require(sets["url"], "url")
    changed = await services.webhooks.change(caller, webhook_id, sets)
    return success(_webhook(changed), CHANGED.to(language_of(request.headers)))


@on_delete(routes, "/<webhook_id>", needs=Scope.WEBHOOKS)
@described(
    "删除 webhook · Delete a webhook",
    {200: Answer(description="webhook 删除成功", shape=DeletedShape)},
    errors=(404,),
)
async def delete_webhook(request: ApiRequest, webhook_id: str) -> HTTPResponse:
    """Delete a webhook, and what was still to be sent to it."""
    services, caller = admit_change(request)
    await discard_body(request)
    await services.webhooks.delete(caller, webhook_id)
    deleted: DeletedShape = {"id": webhook_id}
    return success(deleted, DELETED.to(language_of(request.headers)))


@on_get(routes, f"/{TASKS}/secret", needs=Scope.WEBHOOKS)
@described(
    "获取任务 webhook 的密钥 · Show the secret of tasks' webhooks",
    {200: Answer(description="获取密钥成功", shape=WebhookSecretShape)},
)
async def get_task_secret(request: ApiRequest) -> HTTPResponse:
    """Show what signs the webhooks that the project's tasks bring."""
    services, caller = admit(request)
    found = await services.webhooks.secret_of_tasks(caller)
    secret: WebhookSecretShape = {"secret": found.secret, "old_secrets": [old.until for old in found.old_secrets]}
    return success(secret, SECRET.to(language_of(request.headers)))


@on_post(routes, "/<webhook_id>/rotate", needs=Scope.WEBHOOKS)
@described(
    "更换密钥 · Replace a secret",
    {200: Answer(description="密钥已更换", shape=WebhookShape)},
    errors=(400, 404, 413),
    body=RotateRequest,
    body_optional=True,
)
async def rotate_secret(request: ApiRequest, webhook_id: str) -> HTTPResponse:
    """Replace a webhook's secret. For a while both sign, so that the receiver can change its own in its time."""
    services, caller = admit_change(request)
    async with ReceivedObject(request, optional=True) as body:
        overlap = rotation_overlap(without_nulls(body))
    rotated = await services.webhooks.rotate(caller, webhook_id, overlap)
    return success(_with_secret(rotated), ROTATED.to(language_of(request.headers)))


@on_post(routes, "/<webhook_id>/test", needs=Scope.WEBHOOKS)
@described(
    "发送测试事件 · Send a test event",
    {202: Answer(description="测试事件已发出", shape=DeliveryShape)},
    errors=(404,),
)
async def test_webhook(request: ApiRequest, webhook_id: str) -> HTTPResponse:
    """Send a webhook an event `webhook.test`; its deliveries tell what became of it."""
    services, caller = admit_change(request)
    await discard_body(request)
    sent = await services.webhooks.test(caller, webhook_id)
    return success(_delivery(sent), TESTED.to(language_of(request.headers)), 202)


@on_get(routes, "/<webhook_id>/deliveries", needs=Scope.WEBHOOKS)
@described(
    "获取投递记录 · List deliveries",
    {200: Answer(description="获取投递记录成功", shape=DeliveryListShape)},
    errors=(400, 404),
    parameters=[
        query("state", "how far they are", type="string", enum=list(STATES)),
        query("type", "the event's", type="string", enum=list(EVENT_TYPES)),
        plain_query("task_id", "the task they tell of", LONGEST_TASK_ID),
        query(
            "limit", "deliveries per page", type="integer", minimum=1, maximum=MOST_LISTED, default=DEFAULT_LISTED
        ),
        query("cursor", "next_cursor of the page before", type="string", pattern=f"^{CURSOR.pattern}$"),
    ],
)
async def list_deliveries(request: ApiRequest, webhook_id: str) -> HTTPResponse:
    """List what was sent to a webhook and what is to be, newest first, with every try; ended ones for two weeks."""
    services, caller = admit(request)
    page = _read_page(members_of_query(request))
    found = await services.webhooks.list_deliveries(
        caller, webhook_id, limit=page.limit + 1, wanted=page.wanted, before=page.before
    )
    shown = found[: page.limit]
    listed: DeliveryListShape = {
        "deliveries": [_delivery(each) for each in shown],
        "next_cursor": cursor_of((shown[-1].created_at, shown[-1].id)) if len(found) > page.limit else None,
    }
    return success(listed, DELIVERIES.to(language_of(request.headers)))


@on_post(routes, "/<webhook_id>/deliveries/<delivery_id>/resend", needs=Scope.WEBHOOKS)
@described(
    "重新投递 · Send a delivery again",
    {202: Answer(description="已重新投递", shape=DeliveryShape)},
    errors=(404,),
)
async def resend_delivery(request: ApiRequest, webhook_id: str, delivery_id: str) -> HTTPResponse:
    """Send a delivery that has ended once more, under the same id. One that is under way is left to itself."""
    services, caller = admit_change(request)
    await discard_body(request)
    resent = await services.webhooks.resend(caller, webhook_id, delivery_id)
    return success(_delivery(resent), RESENT.to(language_of(request.headers)), 202)


@on_post(routes, "/<webhook_id>/resend", needs=Scope.WEBHOOKS)
@described(
    "重新投递失败的事件 · Send what failed again",
    {202: Answer(description="已重新投递", shape=ResentShape)},
    errors=(400, 404, 413),
    body=ResendRequest,
)
async def resend_failed(request: ApiRequest, webhook_id: str) -> HTTPResponse:
    """Send all that failed since a moment once more, each under its own id."""
    services, caller = admit_change(request)
    async with ReceivedObject(request) as body:
        since = resend_since(without_nulls(body))
    resent: ResentShape = {"count": await services.webhooks.resend_failed(caller, webhook_id, since)}
    return success(resent, RESENT.to(language_of(request.headers)), 202)


def _webhook(endpoint: Endpoint) -> WebhookShape:
    return {
        "id": TASKS if endpoint.url is None else endpoint.id,
        "url": endpoint.url,
        "events": list(endpoint.events),
        "description": endpoint.description,
        "enabled": endpoint.enabled,
        "disabled_at": endpoint.disabled_at,
        "disabled_because": endpoint.disabled_because,
        "last_success_at": endpoint.last_success_at,
        "old_secrets": [old.until for old in endpoint.old_secrets],
        "created_at": endpoint.created_at,
        "updated_at": endpoint.updated_at,
    }


def _with_secret(endpoint: Endpoint) -> WebhookShape:
    return {**_webhook(endpoint), "secret": endpoint.secret}


def _delivery(delivery: Delivery) -> DeliveryShape:
    return {
        "id": delivery.id,
        "type": delivery.type,
        "task_id": delivery.task_id,
        "url": delivery.url,
        "state": delivery.state,
        "failed_because": delivery.failed_because,
        "created_at": delivery.created_at,
        "due_at": delivery.due_at,
        "ended_at": delivery.ended_at,
        "attempts": [_try(each) for each in delivery.attempts],
    }


def _try(attempt: Try) -> TryShape:
    return {
        "at": attempt.at,
        "ms": attempt.ms,
        "status": attempt.status,
        "error": attempt.error,
        "answer": attempt.answer,
    }


def _read_page(given: dict[str, Any]) -> _Page:
    """Read the filters, `limit` and `cursor`; others are ignored. Raises InvalidSubmission."""
    fields = Fields(members=given)
    wanted = {
        "state": fields.choice("state", STATES),
        "type": fields.choice("type", EVENT_TYPES),
        "task_id": fields.text("task_id", 1, LONGEST_TASK_ID),
    }
    limit, before = fields.whole_text("limit", 1, MOST_LISTED), read_cursor(fields)
    fields.finish()
    return _Page(
        limit=limit or DEFAULT_LISTED,
        wanted={name: value for name, value in wanted.items() if value is not None},
        before=before,
    )
