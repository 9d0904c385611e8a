"""What clients say of webhooks: where to, and of what."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs

from danqing_plugins import Message, Problem
from danqing_server.codec.bodies import shorten
from danqing_server.delivery.webhooks.events import DEFAULT_EVENTS, EVENT_TYPES, TASK_TYPES, types_among
from danqing_server.doors.body_shapes import (
    LONGEST_DESCRIPTION,
    LONGEST_OVERLAP_S,
    LONGEST_TARGET,
    MOST_FILTERS,
    ResendRequest,
    RotateRequest,
    WebhookChange,
    WebhookRequest,
)
from danqing_server.doors.fields import REQUIRED, Fields
from danqing_server.errors import InvalidSubmission
from danqing_server.http.shapes import members_of
from danqing_server.records.tasks import JsonObject, TaskWebhook

__all__ = [
    "NewWebhook",
    "new_webhook",
    "resend_since",
    "rotation_overlap",
    "task_webhook",
    "webhook_change",
]

WEBHOOK_KEYS, CHANGE_KEYS, ROTATE_KEYS, RESEND_KEYS = (
    tuple(members_of(shape)) for shape in (WebhookRequest, WebhookChange, RotateRequest, ResendRequest)
)
TASK_WEBHOOK_KEYS = ("url", "events")
DEFAULT_OVERLAP_S = 86400
LONGEST_FILTER = 64

NOT_BOOLEAN = Message(key="not_boolean", zh="必须是 true 或 false", en="must be true or false")
NOT_FILTERS = Message(
    key="not_filters",
    zh="必须是 1 到 {most} 个事件名组成的数组",
    en="must be a list of 1 to {most} names of events",
)
NO_SUCH_EVENT = Message(
    key="no_such_event",
    zh="没有匹配 {given} 的事件；事件有：{known}",
    en="no event is called {given}; there are: {known}",
)
NOT_WEBHOOK = Message(
    key="not_webhook", zh="必须是 URL，或含有 url 的 JSON 对象", en="must be a URL, or an object with a url"
)
NOT_MOMENT = Message(
    key="since_not_moment",
    zh="必须是 RFC 3339 时间，如 2026-11-28T02:00:00Z",
    en="must be a moment by RFC 3339, such as 2026-11-28T02:00:00Z",
)

_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)")


@attrs.frozen(kw_only=True)
class NewWebhook:
    """An endpoint as a client asks for it."""

    url: str
    events: tuple[str, ...]
    description: str
    enabled: bool


def new_webhook(body: JsonObject) -> NewWebhook:
    """Read the body of `POST /api/v1/webhooks`. Raises InvalidSubmission."""
    fields = Fields(members=body)
    fields.check_known(WEBHOOK_KEYS)
    url = fields.text("url", 1, LONGEST_TARGET, required=True)
    events = _filters(fields, EVENT_TYPES)
    description, enabled = fields.text("description", 0, LONGEST_DESCRIPTION), _flag(fields, "enabled")
    fields.finish()
    return NewWebhook(
        url=url or "",
        events=DEFAULT_EVENTS if events is None else events,
        description=description or "",
        enabled=enabled is not False,
    )


def webhook_change(body: JsonObject) -> dict[str, Any]:
    """Read the body of `PUT /api/v1/webhooks/:id`: what is to be changed, by name. Raises InvalidSubmission."""
    fields = Fields(members=body)
    fields.check_known(CHANGE_KEYS)
    said = {
        "url": fields.text("url", 1, LONGEST_TARGET),
        "events": _filters(fields, EVENT_TYPES),
        "description": fields.text("description", 0, LONGEST_DESCRIPTION),
        "enabled": _flag(fields, "enabled"),
    }
    fields.finish()
    return {name: value for name, value in said.items() if value is not None}


def rotation_overlap(body: JsonObject) -> timedelta:
    """Read the body of a rotation: for how long the old secret signs as well. Raises InvalidSubmission."""
    fields = Fields(members=body)
    fields.check_known(ROTATE_KEYS)
    overlap_s = fields.whole("overlap_s", 0, LONGEST_OVERLAP_S)
    fields.finish()
    return timedelta(seconds=DEFAULT_OVERLAP_S if overlap_s is None else overlap_s)


def resend_since(body: JsonObject) -> datetime:
    """Read since when what failed is to be sent again. Raises InvalidSubmission."""
    fields = Fields(members=body)
    fields.check_known(RESEND_KEYS)
    raw = fields.text("since", 1, LONGEST_FILTER, required=True)
    since = None
    if raw is not None:
        since = _moment(raw)
        if since is None:
            fields.report("since", NOT_MOMENT)
    fields.finish()
    if since is None:  # reported above
        raise InvalidSubmission([Problem(field="since", message=REQUIRED())])
    return since


def task_webhook(fields: Fields, base: str) -> TaskWebhook | None:
    """Read the member `webhook` of a task: a URL, or an object with a URL and filters; links begin with *base*."""
    given = fields.given("webhook")
    if isinstance(given, str):
        url = fields.text("webhook", 1, LONGEST_TARGET)
        return None if url is None else TaskWebhook(url=url, events=DEFAULT_EVENTS, base=base)
    if not isinstance(given, dict):
        if given is not None:
            fields.report("webhook", NOT_WEBHOOK)
        return None
    inner = Fields(members=given, prefix="webhook.")
    inner.check_known(TASK_WEBHOOK_KEYS)
    url, events = inner.text("url", 1, LONGEST_TARGET, required=True), _filters(inner, TASK_TYPES)
    fields.problems += inner.problems
    return TaskWebhook(url=url or "", events=DEFAULT_EVENTS if events is None else events, base=base)


def _filters(fields: Fields, known: Sequence[str]) -> tuple[str, ...] | None:
    given = fields.given("events")
    if given is None:
        return None
    if not isinstance(given, list) or not 1 <= len(given) <= MOST_FILTERS:
        fields.report("events", NOT_FILTERS, most=MOST_FILTERS)
        return None
    if not fields.are_sound("events", given, _is_filter, NOT_FILTERS, most=MOST_FILTERS):
        return None
    for each in given:
        if not types_among([each], known):
            fields.report_entry("events", each, NO_SUCH_EVENT, given=shorten(each), known=", ".join(known))
    return tuple(dict.fromkeys(given))


def _is_filter(given: object) -> bool:
    return isinstance(given, str) and 1 <= len(given) <= LONGEST_FILTER


def _flag(fields: Fields, name: str) -> bool | None:
    value = fields.given(name)
    if value is None or isinstance(value, bool):
        return value
    fields.report(name, NOT_BOOLEAN)
    return None


def _moment(raw: str) -> datetime | None:
    if _MOMENT.fullmatch(raw) is None:
        return None
    try:
        return datetime.fromisoformat(raw.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
