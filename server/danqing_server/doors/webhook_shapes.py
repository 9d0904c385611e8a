"""What is sent of webhooks, and what they are sent."""

from __future__ import annotations

from typing import Annotated, NotRequired, TypedDict

from danqing_server.delivery.webhooks.events import EVENT_TYPES
from danqing_server.doors.task_shapes import ToldTaskShape
from danqing_server.http.shapes import Moment, said
from danqing_server.records.deliveries import DeliveryState

__all__ = [
    "DeliveryListShape",
    "DeliveryShape",
    "ResentShape",
    "TryShape",
    "WebhookEventShape",
    "WebhookListShape",
    "WebhookSecretShape",
    "WebhookShape",
]

_WebhookId = Annotated[str, said("opaque", "wh_019ab3f2c1d4k7m2p9qxw4et6bz3")]
_Secret = Annotated[
    str, said("what signatures are made with; not shown again", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
]
_REASONS = ("by_hand", "gone", "failing", None)


class WebhookShape(TypedDict):
    """An endpoint: where a project's events go."""

    id: _WebhookId
    url: Annotated[str | None, said("null: stands for the webhooks that tasks bring", "https://example.com/hooks")]
    events: Annotated[list[str], said("what is told, with `*`", ["task.completed", "task.failed"])]
    description: Annotated[str, said("for people", "orders")]
    enabled: Annotated[bool, said("whether anything is sent", True)]
    disabled_at: Annotated[Moment | None, said("when it was turned off", None)]
    disabled_because: Annotated[
        str | None,
        said("`gone`: it answered 410; `failing`: for three days nothing got through", None, enum=list(_REASONS)),
    ]
    last_success_at: Annotated[Moment | None, said("right to a minute; null when nothing got through", None)]
    old_secrets: Annotated[list[Moment], said("until when each secret that was replaced signs as well", [])]
    created_at: Moment
    updated_at: Moment
    secret: NotRequired[_Secret]


class WebhookListShape(TypedDict):
    """A project's endpoints, oldest first."""

    webhooks: list[WebhookShape]


class WebhookSecretShape(TypedDict):
    """What signs the webhooks that a project's tasks bring."""

    secret: _Secret
    old_secrets: Annotated[list[Moment], said("until when each secret that was replaced signs as well", [])]


class TryShape(TypedDict):
    """One try at a delivery."""

    at: Moment
    ms: Annotated[int, said("milliseconds until the answer's head, or until it was given up", 84)]
    status: Annotated[int | None, said("of the answer; null when none came", 503)]
    error: Annotated[str | None, said("why none came", None)]
    answer: Annotated[str | None, said("how it began, escaped; never of a private target", "busy")]


class DeliveryShape(TypedDict):
    """One event for one endpoint, and what became of it."""

    id: Annotated[str, said("the header `webhook-id` of each try", "msg_9f2feb0f1ef425b292f2f94bc8482494")]
    type: Annotated[str, said("the event's", "task.completed", enum=list(EVENT_TYPES))]
    task_id: Annotated[str | None, said("the task it tells of", "volcengine_img_019ab3f2c1d4k7m2p9qxw4et6bz3")]
    url: Annotated[str | None, said("of a task's own webhook; null: the endpoint's", None)]
    state: Annotated[DeliveryState, said("how far it is", "delivered")]
    failed_because: Annotated[str | None, said("why it was given up", None)]
    created_at: Moment
    due_at: Annotated[Moment | None, said("when it is tried next; null when it has ended", None)]
    ended_at: Annotated[Moment | None, said("when it arrived or was given up", None)]
    attempts: Annotated[list[TryShape], said("oldest first, the last 40")]


class DeliveryListShape(TypedDict):
    """A page of deliveries, newest first."""

    deliveries: list[DeliveryShape]
    next_cursor: Annotated[str | None, said("pass as `cursor` for the next page; null on the last", None)]


class ResentShape(TypedDict):
    """How many deliveries are sent again."""

    count: Annotated[int, said("deliveries", 3)]


class WebhookEventShape(TypedDict):
    """What a webhook is sent of a task's change. `data` of other events is theirs."""

    type: Annotated[str, said("what happened", "task.completed", enum=list(EVENT_TYPES))]
    timestamp: Moment
    data: ToldTaskShape
