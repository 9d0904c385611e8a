"""What clients send, read into what the server works with."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import attrs

from danqing_plugins import Message
from danqing_server.access.caller import Caller
from danqing_server.codec.bodies import holds_null, without_nulls
from danqing_server.desk.request import Submission
from danqing_server.doors.body_shapes import (
    LONGEST_EMAIL,
    LONGEST_NAME,
    LONGEST_PERSON,
    LONGEST_USER_ID,
    POLICIES,
    SHORTEST_EMAIL,
    SHORTEST_PERSON,
    ImageTaskRequest,
    TaskRequest,
    UserRequest,
)
from danqing_server.doors.fields import Fields
from danqing_server.doors.unknown import Inner
from danqing_server.doors.webhook_bodies import task_webhook
from danqing_server.http.shapes import members_of
from danqing_server.records.tasks import JsonObject, Priority

__all__ = [
    "PASSED_ON",
    "SERVER_OPTIONS",
    "UserFields",
    "image_meaning",
    "image_submission",
    "new_user",
    "task_meaning",
    "task_submission",
    "user_change",
]

IMAGE_KEYS, TASK_KEYS, USER_KEYS = (
    tuple(members_of(shape)) for shape in (ImageTaskRequest, TaskRequest, UserRequest)
)
PASSED_ON = ("prompt", "size", "n", "quality", "style")
SERVER_OPTIONS = ("priority", "on_ambiguous")
PRIORITIES = tuple(priority.value for priority in Priority)
EMPTY_IMAGE: Mapping[str, str | int] = {"model": "", "size": "", "n": 0, "quality": "", "style": ""}
"""What the old server's own clients send for absence: a Go struct without `omitempty` (its image door's)."""
EMPTY_TASK: Mapping[str, str | int] = {"provider": ""}
EMPTY_CHANGE: Mapping[str, str | int] = {"email": "", "name": ""}

TWICE = Message(
    key="twice", zh="与顶层字段 {other} 重复，请只填写一处", en="is also given as {other}; give it once"
)
BELONGS_OUTSIDE = Message(
    key="belongs_outside",
    en="belongs beside options, not into it: write {other} at the top level",
    zh="不属于 options，请写为顶层字段 {other}",
)
NO_EMAIL = Message(key="no_email", zh="不是有效的邮箱地址", en="is no e-mail address")

_EMAIL = re.compile(r"[^\s@\"(),:;<>\[\\\]]+@(?:[^\s@.\"(),:;<>\[\\\]]+\.)+[^\s@.\"(),:;<>\[\\\]]{2,}")


@attrs.frozen(kw_only=True)
class UserFields:
    """What a client says of a user; None is not said."""

    email: str | None
    name: str | None


@attrs.frozen
class _InImageBody:
    """Names a key of the input as the image door's client knows it."""

    options: frozenset[str]

    def __call__(self, path: str) -> str:
        key = re.split(r"[.\[]", path, maxsplit=1)[0]
        return f"options.{path}" if key in self.options else path


Parameters = Callable[[object, object], Mapping[str, bool]]
"""Given a provider and a model, as sent: the names of parameters, and whether that model takes them."""


def _none(_provider: object, _model: object) -> Mapping[str, bool]:
    return {}


def _in_task_body(path: str) -> str:
    return f"input.{path}"


def _options(body: JsonObject, parameters: Parameters) -> Inner:
    """Return what belongs into `options`: what the model takes and has no place of its own, and what we take."""
    known = {name: taken for name, taken in parameters(None, body.get("model")).items() if name not in IMAGE_KEYS}
    return Inner("options", {**known, **dict.fromkeys(SERVER_OPTIONS, True)})


def image_meaning(body: JsonObject) -> JsonObject:
    """Return a body of `POST /api/v1/ai/image/task` without what means absence; itself when it has nothing so.

    Null does everywhere, and so do the zero values of the old server's own optional keys, which took them thus.
    """
    return body if _says_all(body) else _without(without_nulls(body), EMPTY_IMAGE)


def task_meaning(body: JsonObject) -> JsonObject:
    """Return a body of `POST /api/v1/ai/tasks` without what means absence: nulls, an empty `provider`."""
    return body if _says_all(body) else _without(without_nulls(body), EMPTY_TASK)


def _says_all(body: JsonObject) -> bool:
    """Tell whether *body*, like most, holds nothing that could mean absence; each submission is looked at so."""
    for value in body.values():
        if not value:
            return False
        kind = type(value)
        if (kind is dict or kind is list) and holds_null(value):
            return False
    return True


def _without(body: JsonObject, empty: Mapping[str, str | int]) -> JsonObject:
    left_out = [
        name for name in body.keys() & empty.keys() if not body[name] and type(body[name]) is type(empty[name])
    ]
    return {name: value for name, value in body.items() if name not in left_out} if left_out else body


def image_submission(body: JsonObject, caller: Caller, parameters: Parameters = _none) -> Submission:
    """Read the body of `POST /api/v1/ai/image/task`; `options` are laid beside the old server's own keys.

    *body* is as `image_meaning` returns it. *parameters* tells of what belongs into `options`.

    Raises:
        InvalidSubmission: its shape is wrong; what the values mean is the provider's to judge.
    """
    fields = Fields(members=body)
    fields.check_known(IMAGE_KEYS, lambda: _options(body, parameters))
    fields.given("prompt", required=True)
    user_id = _user_id(fields, caller)
    model = fields.text("model", 1, LONGEST_NAME)
    given = {name: body[name] for name in PASSED_ON if name in body}
    options = Fields(members=fields.json_object("options"), prefix="options.")
    for name in options.members:
        if name in given or name in ("user_id", "model"):
            options.report(name, TWICE if name in body else BELONGS_OUTSIDE, other=name)
    priority, on_ambiguous = _priority(options), options.choice("on_ambiguous", POLICIES)
    fields.problems += options.problems
    fields.finish()
    passed = {name: value for name, value in options.members.items() if name not in SERVER_OPTIONS}
    return Submission(
        provider=None,
        type="image",
        model=model,
        input={**given, **passed},
        user_id=user_id,
        caller=caller,
        priority=priority,
        on_ambiguous=on_ambiguous,
        name=_InImageBody(frozenset(passed)),
    )


def task_submission(
    body: JsonObject, caller: Caller, max_delay_s: int, parameters: Parameters = _none, *, base: str = ""
) -> Submission:
    """Read the body of `POST /api/v1/ai/tasks`, as `task_meaning` returns it.

    *base* is how its client reaches this server: what its webhook is told begins with it.

    Raises:
        InvalidSubmission: its shape is wrong.
    """
    fields = Fields(members=body)
    fields.check_known(TASK_KEYS, lambda: Inner("input", parameters(body.get("provider"), body.get("model"))))
    type_ = fields.text("type", 1, LONGEST_NAME, required=True)
    model = fields.text("model", 1, LONGEST_NAME, required=True)
    given = fields.json_object("input", required=True)
    user_id = _user_id(fields, caller)
    provider = fields.text("provider", 1, LONGEST_NAME)
    delay_s = fields.whole("delay", 0, max_delay_s)
    priority, on_ambiguous = _priority(fields), fields.choice("on_ambiguous", POLICIES)
    webhook = task_webhook(fields, base) if "webhook" in body else None
    fields.finish()
    return Submission(
        provider=provider,
        type=type_ or "",
        model=model,
        input=given,
        user_id=user_id,
        caller=caller,
        delay_s=delay_s or 0,
        priority=priority,
        on_ambiguous=on_ambiguous,
        name=_in_task_body,
        webhook=webhook,
    )


def _user_id(fields: Fields, caller: Caller) -> str:
    """Return for whom it is: who signed in to the studio says so there, once."""
    said = fields.text("user_id", 1, LONGEST_USER_ID, required=caller.user is None)
    return caller.user or said or ""


def new_user(body: JsonObject) -> UserFields:
    """Read the body of `POST /api/v1/users`. Raises InvalidSubmission."""
    return _user(body, required=True)


def user_change(body: JsonObject) -> UserFields:
    """Read the body of `PUT /api/v1/users/:id`. Raises InvalidSubmission."""
    return _user(_without(without_nulls(body), EMPTY_CHANGE), required=False)


def _user(body: JsonObject, *, required: bool) -> UserFields:
    fields = Fields(members=body)
    fields.check_known(USER_KEYS)
    email = fields.text("email", SHORTEST_EMAIL, LONGEST_EMAIL, required=required)
    if email is not None and not _EMAIL.fullmatch(email):
        fields.report("email", NO_EMAIL)
    name = fields.text("name", SHORTEST_PERSON, LONGEST_PERSON, required=required)
    fields.finish()
    return UserFields(email=email, name=name)


def _priority(fields: Fields) -> Priority:
    chosen = fields.choice("priority", PRIORITIES)
    return Priority.NORMAL if chosen is None else Priority(chosen)
