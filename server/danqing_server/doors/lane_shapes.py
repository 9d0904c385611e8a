"""What is sent and taken of lanes, for people who look after them."""

from __future__ import annotations

from typing import Annotated, NotRequired, TypedDict

from danqing_server.doors.body_shapes import PLAIN
from danqing_server.doors.server_shapes import LaneShape
from danqing_server.http.shapes import Moment, closed, said

__all__ = [
    "LONGEST_REASON",
    "MOST_REVISIONS",
    "LaneDetailShape",
    "LaneEventShape",
    "LaneListShape",
    "LaneStandingShape",
    "LaneTurnShape",
    "LaneUserShape",
    "PauseRequest",
    "PauseShape",
    "ProbeRequest",
    "ResumeRequest",
]

LONGEST_REASON = 200

_State = Annotated[
    str,
    said(
        "`paused` by a person, `closed` by its breaker, `half_open` while a task tries, `held` for a while",
        "open",
        enum=["open", "closed", "half_open", "held", "paused"],
    ),
]
MOST_REVISIONS = 2**53

_Reason = Annotated[str, said("for whoever wonders", "price check", minLength=1, maxLength=LONGEST_REASON, **PLAIN)]
_Revision = Annotated[
    int, said("`revision` as it was seen: refused when somebody acted since", 3, minimum=0, maximum=MOST_REVISIONS)
]


class PauseShape(TypedDict):
    """A person's wish that nothing of a lane begins."""

    by: Annotated[str | None, said("who; operators are told", "chen")]
    since: Moment
    reason: _Reason
    until: Annotated[Moment | None, said("null until somebody resumes it", None)]


class LaneHourShape(TypedDict):
    """Tasks that ended in the last hour, every two minutes, the oldest first."""

    finished: Annotated[list[int], said("that did not fail", [0, 3, 5])]
    failed: Annotated[list[int], said("that failed", [0, 0, 1])]


class LaneStandingShape(LaneShape):
    """A lane: what shares limits, how it stands, and why."""

    name: Annotated[str, said("`provider` or `provider:word`", "volcengine")]
    provider: Annotated[str, said("whose tasks go through it", "volcengine")]
    model_ids: Annotated[list[str], said("whose tasks go through it", ["doubao-seedream-4-0-250828"])]
    concurrency: Annotated[int, said("tasks that one process carries out at once, as the provider asks", 64)]
    images_per_minute: Annotated[int | None, said("the service's own limit", 500)]
    calls_per_minute: Annotated[int | None, said("the service's own limit", None)]
    state: _State
    since: Annotated[Moment | None, said("null of an open one", None)]
    opens_at: Annotated[Moment | None, said("null: it is open, or nobody knows", None)]
    pause: PauseShape | None
    revision: Annotated[int, said("how often people acted on it", 0)]
    oldest_at: Annotated[
        Moment | None, said("since when a task waits that may start: none scheduled for later", None)
    ]
    last_hour: Annotated[LaneHourShape | None, said("operators are told", None)]


class LaneListShape(TypedDict):
    """Every lane."""

    lanes: list[LaneStandingShape]


class LaneUserShape(TypedDict):
    """Who waits in a lane."""

    project: Annotated[str | None, said("null: made without a key", "shop")]
    user_id: Annotated[str, said("as the task names it", "lin")]
    tasks: Annotated[int, said("ready, or waiting for their time", 204)]
    turn: Annotated[int | None, said("how many turns come first; operators are told", 0)]


class LaneTurnShape(TypedDict):
    """Something that happened to a lane's gate."""

    at: Moment
    kind: Annotated[
        str,
        said(
            "what the gate did, or a person",
            "closed",
            enum=["closed", "open", "held", "paused", "resumed", "opened", "probed"],
        ),
    ]
    reason: Annotated[str | None, said("a provider's code, a stable word, or a person's words", "account_problem")]
    by: Annotated[str | None, said("who; operators are told", None)]
    until: Annotated[Moment | None, said("as it was meant then", None)]


class LaneDetailShape(LaneStandingShape):
    """A lane, who waits there, and what happened within a day."""

    waiting: Annotated[list[LaneUserShape], said("those with the most tasks, at most fifty", [])]
    history: Annotated[list[LaneTurnShape], said("the latest first", [])]


class LaneEventShape(TypedDict):
    """A lane whose gate turned, as the event `lane` tells it."""

    name: Annotated[str, said("`provider` or `provider:word`", "volcengine")]
    state: _State
    since: Annotated[Moment | None, said("null of an open one", None)]
    reason: Annotated[str | None, said("what keeps it shut: a stable word", None)]
    opens_at: Annotated[Moment | None, said("null: it is open, or nobody knows", None)]
    pause: PauseShape | None


@closed
class PauseRequest(TypedDict):
    """Pause a lane."""

    reason: _Reason
    until: NotRequired[Annotated[Moment | None, said("it resumes by itself then; null: a person resumes it", None)]]
    revision: NotRequired[_Revision | None]


@closed
class ResumeRequest(TypedDict):
    """Let a lane go on."""

    open: NotRequired[
        Annotated[
            bool | None,
            said("forget what else shuts it: its breaker, and every hold. A pause ends in any case", False),
        ]
    ]
    reason: NotRequired[_Reason | None]
    revision: NotRequired[_Revision | None]


@closed
class ProbeRequest(TypedDict):
    """Have one task try whether a lane's service is back."""

    reason: NotRequired[_Reason | None]
