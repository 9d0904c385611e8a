"""What the server keeps of tasks and their calls. All values are frozen.

A task's life:

    scheduled ──┐
                ├─→ processing ─→ completed
    pending ────┘    │   │  └───→ failed ────┐
       ↑  └──────────│───│──────→ cancelled ─┤   (cancel: from pending, scheduled or processing)
       ├─────────────┘   │                   │
       │  back to the    └─→ cancelled       │
       │  queue                              │
       └──────────── the user's retry ───────┘
                     (also of one that is completed without some of its outputs)
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, TypeVar

import attrs

from danqing_plugins import OutputKind, Price, Reference
from danqing_plugins.billing import Billed, CallOutcome
from danqing_server.records.lanes import lane_name
from danqing_server.records.outputs import Output, OutputState, Preview, TaskError
from danqing_server.records.routing import TaskRoute

__all__ = [
    "FINISHED",
    "NOBODY",
    "STANDING",
    "WAITING",
    "Attempt",
    "BatchPlace",
    "Billed",
    "CallOutcome",
    "CallRecord",
    "Hold",
    "JsonObject",
    "Priority",
    "Reserved",
    "Status",
    "Task",
    "TaskWebhook",
]

JsonObject = Mapping[str, Any]
"""What a client, a provider or a plugin says, as they said it: a JSON object, whose values are JSON's."""

T = TypeVar("T", "Task", "CallRecord")


class Status(StrEnum):
    """Where a task stands; the words are those of the HTTP API."""

    PENDING = "pending"
    SCHEDULED = "scheduled"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


WAITING = frozenset({Status.PENDING, Status.SCHEDULED})
FINISHED = frozenset({Status.COMPLETED, Status.FAILED, Status.CANCELLED})


STANDING = (CallOutcome.OPEN, CallOutcome.UNKNOWN, CallOutcome.DELIVERED)
"""With what outcome an order stands for what it has not brought: also one in doubt when its user tried again."""


class Priority(StrEnum):
    """Whose turn comes first inside a lane."""

    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


@attrs.frozen(kw_only=True, slots=False)
class CallRecord:
    """One paid upstream call, written before it leaves and again when its outcome is known.

    `indexes` are the pictures it is to be paid for: what the service refused or left out of it is taken out.
    `resumable`: the provider saved what it needs to ask for the outcome later: an order, which stays open until it
    is settled, whoever dies meanwhile.
    `late_outcome` is what the answer said that came after the attempt had been given up, None when none came; the
    `outcome` stays `unknown`, since that is what the policy acted on. `target` is the place on the task's route of
    whom it was sent to; 0 for a task without one.
    `cost_micro` is what the service said that it cost, in millionths of the currency of the task's price; None: as
    was estimated.
    `looked_up`: its answer was lost, and the service has said what it knows of it; it is not asked again.
    `simulated`: it went to a simulator, which nobody pays; None where that was not written down.
    """

    id: str
    attempt: int
    indexes: tuple[int, ...]
    fingerprint: str
    sent_at: datetime
    outcome: CallOutcome = CallOutcome.OPEN
    ended_at: datetime | None = None
    request_id: str | None = None
    error_code: str | None = None
    usage: JsonObject = attrs.field(factory=dict)
    resumable: bool = False
    late_outcome: CallOutcome | None = None
    looked_up: bool = False
    target: int = 0
    cost_micro: int | None = None
    simulated: bool | None = None

    def changed(self, **fields: Any) -> CallRecord:
        """Return a copy with *fields* in place of its own."""
        return _changed(self, fields)


@attrs.frozen(kw_only=True)
class Attempt:
    """Who carries a task out now. `id` is shared by the tasks of one batch; with the task's id it is unique."""

    id: str
    worker: str
    started_at: datetime


NOBODY: Final = "nobody"
"""Stands for the worker of a cancelled task whose pictures are still to be fetched, once its process has let go of
it: no worker is called so, and whoever looks after what is left takes it up."""


@attrs.frozen(kw_only=True)
class BatchPlace:
    """Where in a batch a task stands: on which line, counted from 1, and what its client calls it there."""

    id: str
    line: int
    custom_id: str | None = None


@attrs.frozen(kw_only=True)
class Reserved:
    """What an attempt set aside of its provider's daily limit, in millionths of the price's currency.

    `at` says of which day; `before_micro` is what the task had cost at the worst until then. `provider` is whose
    limit it is: by the time that it is settled the task may be at another target of its route. None: the task's.
    """

    at: datetime
    amount_micro: int
    before_micro: int
    provider: str | None = None


@attrs.frozen(kw_only=True)
class TaskWebhook:
    """Whom a task tells of itself: a URL, filters of events (`task.*`), and what links to outputs begin with.

    `form` is in whose words it is told, a door's; None: our own.
    """

    url: str = attrs.field(repr=False)
    events: tuple[str, ...]
    base: str = ""
    form: str | None = None


@attrs.frozen(kw_only=True)
class Hold:
    """What was set aside of its project's and its key's limits when a task was accepted, or tried again.

    `at` is that moment, whose day and month it counts to; `amounts_micro` are the most that it may cost, by
    currency, in millionths. `outputs` is how many it is for, None: all of the task's. It stands until what the task
    cost is in the books.
    `orders` are ids of calls whose price is not in it: they stand in doubt at their service, and in the books as
    what may have been paid. While they do, nothing is bought in their place.
    """

    id: str
    at: datetime
    amounts_micro: Mapping[str, int] = attrs.field(factory=dict)
    outputs: int | None = None
    orders: tuple[str, ...] = ()


@attrs.frozen(kw_only=True, slots=False)
class Task:
    """A task as it is stored. Mappings `calls` and `outputs` are keyed by call id and by index as text.
    `images` is how many outputs it makes, of `kind` unless one says otherwise.
    `usage` is what the provider reports for the whole; each call has its own.

    `attempts` counts starts, `failures` the retryable failures among them, `leases_lost` the workers that died
    holding it before a call was sent. `waiting` orders what is not yet started (milliseconds of its creation); it
    is None from the start on. `run_at` None: as soon as there is room. `owner` is the API key's name, None when
    authentication was off. `attempt` is None unless the task is processing, or was cancelled while a call was under
    way that is not over yet, or money set aside that is not settled yet: then `late_attempt` has that attempt's id.
    `late` are the pictures that such a call brought all the same, by index as text. `retried_at` is when its user
    last asked for another try; what was in doubt before counts no more. `reserved` is what its attempt has set
    aside of a spend limit, None without one.
    `lane_word` names what it shares limits with among its provider's models, None: the others. `route` has the
    targets behind a public model name; `provider`, `model` and what goes with them are of the current one.
    `webhook` is who is told of it beside its project's own endpoints.
    `finds_orders`: its provider may be asked what became of a call whose answer was lost. `key` is the id of the
    API key that it came with, None without. `hold` is None where no limit of a project or key applies. `batch` is
    where it came from, None for a task that was submitted alone. `stars` are the indexes of the outputs that have
    one. `repeat_key` is the name under which `KeyStore` has the key that it was submitted with, None without one;
    `retry_keys` are names of those with which it was last asked to be tried again.

    `trace` is where its trace goes on (a `traceparent`), None of what is not traced.

    It has no slots: without them a task is made in half the time, and copied in a quarter.
    """

    id: str
    user_id: str
    type: str
    provider: str
    model: str
    input: JsonObject = attrs.field(repr=False)
    status: Status
    transition_id: str
    created_at: datetime
    updated_at: datetime
    images: int
    owner: str | None = None
    references: tuple[Reference, ...] = attrs.field(default=(), repr=False)
    single_call: bool = False
    finds_orders: bool = False
    notes: tuple[str, ...] = ()
    price: Price | None = None
    priority: Priority = Priority.NORMAL
    on_ambiguous: str | None = None
    waiting: int | None = None
    run_at: datetime | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    deadline_at: datetime | None = None
    attempt: Attempt | None = None
    attempts: int = 0
    failures: int = 0
    leases_lost: int = 0
    calls: Mapping[str, CallRecord] = attrs.field(factory=dict)
    outputs: Mapping[str, Output] = attrs.field(factory=dict)
    saved: JsonObject = attrs.field(factory=dict)
    progress: float = 0.0
    result: JsonObject = attrs.field(factory=dict)
    usage: JsonObject = attrs.field(factory=dict)
    error: TaskError | None = None
    retried_at: datetime | None = None
    late_attempt: str | None = None
    late: Mapping[str, Output] = attrs.field(factory=dict)
    reserved: Reserved | None = None
    lane_word: str | None = None
    kind: OutputKind = OutputKind.IMAGE
    route: TaskRoute | None = None
    preview: Preview | None = None
    webhook: TaskWebhook | None = None
    key: str | None = None
    hold: Hold | None = None
    batch: BatchPlace | None = None
    stars: tuple[int, ...] = ()
    repeat_key: str | None = None
    retry_keys: tuple[str, ...] = ()
    trace: str | None = None

    def changed(self, **fields: Any) -> Task:
        """Return a copy with *fields* in place of its own."""
        return _changed(self, fields)

    @property
    def lane(self) -> str:
        """The lane it waits in, and whose places and rates it takes."""
        return self.provider if self.lane_word is None else lane_name(self.provider, self.lane_word)

    @property
    def missing(self) -> tuple[int, ...]:
        """The indexes nothing is known of yet: those a provider is still to be asked for."""
        if not self.outputs:
            return tuple(range(self.images))
        return tuple(index for index in range(self.images) if str(index) not in self.outputs)

    @property
    def is_answered(self) -> bool:
        """Whether the answer in words is there that is all it asks for: one that came after it was cancelled."""
        return not self.images and bool(self.result)

    @property
    def is_held(self) -> bool:
        """Whether a process works at it, or died at it; not where links alone are left to be asked again."""
        return self.attempt is not None and self.attempt.worker != NOBODY

    @property
    def kept(self) -> tuple[Output, ...]:
        """The outputs in our storage, by index."""
        return self._in_state(OutputState.KEPT)

    @property
    def failed_outputs(self) -> tuple[Output, ...]:
        """The outputs that will not come, by index."""
        return self._in_state(OutputState.FAILED)

    def _in_state(self, state: OutputState) -> tuple[Output, ...]:
        found = [output for output in self.outputs.values() if output.state is state]
        return tuple(sorted(found, key=lambda output: output.index))


def _changed(value: T, fields: dict[str, Any]) -> T:
    """Do what `attrs.evolve` does, for values without slots and at an eighth of the cost."""
    own = vars(value)
    if not fields.keys() <= own.keys():
        raise KeyError(*(fields.keys() - own.keys()))
    copy: T = object.__new__(type(value))
    vars(copy).update(own, **fields)
    return copy
