"""What clients send. A member that may be left out may also be null."""

from __future__ import annotations

from typing import Annotated, NotRequired, TypedDict

from danqing_server.http.shapes import closed, said
from danqing_server.records.tasks import JsonObject, Priority

__all__ = [
    "LONGEST_DESCRIPTION",
    "LONGEST_EMAIL",
    "LONGEST_NAME",
    "LONGEST_OVERLAP_S",
    "LONGEST_PERSON",
    "LONGEST_TARGET",
    "LONGEST_USER_ID",
    "MOST_FILTERS",
    "MOST_PICTURES",
    "PLAIN",
    "POLICIES",
    "SHORTEST_EMAIL",
    "SHORTEST_PERSON",
    "ImageTaskRequest",
    "ResendRequest",
    "RotateRequest",
    "TaskRequest",
    "TaskWebhookRequest",
    "UserChange",
    "UserRequest",
    "WebhookChange",
    "WebhookRequest",
]

LONGEST_USER_ID = 128
LONGEST_NAME = 128
SHORTEST_EMAIL, LONGEST_EMAIL = 3, 100
SHORTEST_PERSON, LONGEST_PERSON = 2, 50
MOST_PICTURES = 15
POLICIES = ("retry", "fail")
LONGEST_TARGET = 2048
MOST_FILTERS = 20
LONGEST_DESCRIPTION = 200
LONGEST_OVERLAP_S = 30 * 86400

PLAIN = {"pattern": r"^[^\u0000-\u001f\u007f-\u009f]*$"}
_NAME = {"minLength": 1, "maxLength": LONGEST_NAME, **PLAIN}
_PERSON = {"minLength": SHORTEST_PERSON, "maxLength": LONGEST_PERSON, **PLAIN}
_NO_EMAIL = r"\s@\"(),:;<>\[\\\]\u0000-\u001f\u007f-\u009f"
_EMAIL = {
    "minLength": SHORTEST_EMAIL,
    "maxLength": LONGEST_EMAIL,
    "pattern": f"^[^{_NO_EMAIL}]+@([^.{_NO_EMAIL}]+\\.)+[^.{_NO_EMAIL}]{{2,}}$",
}

_TARGET = {"minLength": 8, "maxLength": LONGEST_TARGET, "format": "uri"}
_FILTERS = {"minItems": 1, "maxItems": MOST_FILTERS}

_UserId = Annotated[
    str, said("free text: whose task it is", "user_123", minLength=1, maxLength=LONGEST_USER_ID, **PLAIN)
]


@closed
class ImageTaskRequest(TypedDict):
    """A picture, in the old server's words."""

    prompt: Annotated[
        str, said("what to paint", "一只可爱的小猫咪在花园里玩耍", minLength=1, pattern=r"^[^\u0000]*$")
    ]
    user_id: _UserId
    model: NotRequired[
        Annotated[str | None, said("a model or an alias, see /api/v1/providers; the default model when missing")]
    ]
    size: NotRequired[Annotated[str | None, said("1024x1024, 2K, …", "1024x1024")]]
    n: NotRequired[
        Annotated[
            int | None,
            said("how many independent pictures; 0 is the same as absent", minimum=0, maximum=MOST_PICTURES),
        ]
    ]
    quality: NotRequired[Annotated[str | None, said("standard or hd")]]
    style: NotRequired[Annotated[str | None, said("natural, anime, cyberpunk or realistic")]]
    options: NotRequired[
        Annotated[JsonObject | None, said("the model's own parameters; also priority and on_ambiguous")]
    ]


@closed
class TaskWebhookRequest(TypedDict):
    """Whom a task tells of itself."""

    url: Annotated[str, said("where it is posted", "https://example.com/hooks/danqing", **_TARGET)]
    events: NotRequired[
        Annotated[
            list[str] | None,
            said("what of the task is told, with `*`; its end when missing", ["task.*"], **_FILTERS),
        ]
    ]


@closed
class TaskRequest(TypedDict):
    """A task of any type, for any provider."""

    type: Annotated[str, said("a task type of the provider", "image", **_NAME)]
    model: Annotated[str, said("a model or an alias, see /api/v1/providers", "doubao-seedream-4-0-250828", **_NAME)]
    input: Annotated[
        JsonObject,
        said(
            "the model's parameters, see /api/v1/providers",
            {"prompt": "一只在竹林里的熊猫，水墨画", "size": "2K"},
        ),
    ]
    user_id: _UserId
    provider: NotRequired[Annotated[str | None, said("the default provider when missing", **_NAME)]]
    delay: NotRequired[Annotated[int | None, said("seconds until it may start", 60, minimum=0)]]
    priority: NotRequired[Annotated[Priority | None, said("whose turn comes first", default="normal")]]
    on_ambiguous: NotRequired[
        Annotated[
            str | None,
            said("after a call that may have been billed: one more, or failure", enum=list(POLICIES)),
        ]
    ]
    webhook: NotRequired[
        Annotated[
            str | TaskWebhookRequest | None,
            said("whom the task tells of itself, see docs/webhooks.md", "https://example.com/hooks/danqing"),
        ]
    ]


@closed
class WebhookRequest(TypedDict):
    """A new endpoint."""

    url: Annotated[str, said("https, public, see docs/webhooks.md", "https://example.com/hooks/danqing", **_TARGET)]
    events: NotRequired[
        Annotated[
            list[str] | None,
            said(
                "what is told, with `*`; the end of tasks when missing",
                ["task.completed", "task.failed"],
                **_FILTERS,
            ),
        ]
    ]
    description: NotRequired[
        Annotated[str | None, said("for people", "orders", maxLength=LONGEST_DESCRIPTION, **PLAIN)]
    ]
    enabled: NotRequired[Annotated[bool | None, said("whether anything is sent", default=True)]]


@closed
class WebhookChange(TypedDict):
    """What is to change of an endpoint."""

    url: NotRequired[Annotated[str | None, said("another target", **_TARGET)]]
    events: NotRequired[Annotated[list[str] | None, said("what is told from now on", ["task.*"], **_FILTERS)]]
    description: NotRequired[Annotated[str | None, said("for people", maxLength=LONGEST_DESCRIPTION, **PLAIN)]]
    enabled: NotRequired[Annotated[bool | None, said("whether anything is sent", True)]]


@closed
class RotateRequest(TypedDict):
    """How a secret is replaced."""

    overlap_s: NotRequired[
        Annotated[
            int | None,
            said(
                "seconds for which the old secret signs as well; a day when missing",
                86400,
                minimum=0,
                maximum=LONGEST_OVERLAP_S,
            ),
        ]
    ]


@closed
class ResendRequest(TypedDict):
    """What is to be sent again."""

    since: Annotated[str, said("RFC 3339: all that failed since", "2026-11-28T02:00:00Z", format="date-time")]


@closed
class UserRequest(TypedDict):
    """A new user."""

    email: Annotated[str, said("unique among a key's users", "user@example.com", **_EMAIL)]
    name: Annotated[str, said("what to call the user", "张三", **_PERSON)]


@closed
class UserChange(TypedDict):
    """What is to change of a user."""

    email: NotRequired[Annotated[str | None, said("another address", **_EMAIL)]]
    name: NotRequired[Annotated[str | None, said("another name", "李四", **_PERSON)]]
