"""A `run` that records what a provider does with it, under the server's rules: the fake of the conformance kit."""

from __future__ import annotations

import asyncio
import copy
import json
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import attrs

from danqing_plugins.billing import Books, CallOutcome, outcome_of
from danqing_plugins.errors import InvalidRequest, PluginError
from danqing_plugins.models import FoundOrder, Job, Reference, ReferenceData, Source

if TYPE_CHECKING:
    import aiohttp

__all__ = ["RecordedCall", "RecordingLog", "RecordingRun", "require_json"]


@attrs.define(eq=False, kw_only=True)
class RecordedCall:
    """One paid call. `ended_by` names the error that ended it, None while it is open and after an answer.

    `resumable`: the provider saved a checkpoint inside its block, so that its order can be asked for.
    `answered`: the block ended without an error.
    """

    id: str
    attempt: int
    indexes: tuple[int, ...]
    fingerprint: str
    request_id: str | None = None
    usage: Mapping[str, Any] = attrs.field(factory=dict)
    cost_micro: int | None = None
    outcome: CallOutcome = CallOutcome.OPEN
    resumable: bool = False
    answered: bool = False
    ended_by: str | None = None
    sent_at: datetime = attrs.field(factory=lambda: datetime.now(UTC))

    def release(self, indexes: Sequence[int]) -> None:
        """Take *indexes* out of the call."""
        self.indexes = tuple(index for index in self.indexes if index not in indexes)


@attrs.define
class RecordingLog:
    """Keeps every line as `(event, fields)`."""

    lines: list[tuple[str, Mapping[str, object]]] = attrs.field(factory=list)

    def info(self, event: str, **fields: object) -> None:
        """Keep the line."""
        self.lines.append((event, fields))

    def warning(self, event: str, **fields: object) -> None:
        """Keep the line."""
        self.lines.append((event, fields))


@attrs.define(eq=False, kw_only=True)
class RecordingRun:
    """A `danqing_plugins.Run` that keeps what a provider does with it, under the server's rules.

    `references` are the bytes of each reference, by its `field`. `holds_after` makes `deliver` stand still once so
    many pictures were delivered in this run, as if the process stopped there, and `holds_at_order` the first
    (second, …) `checkpoint` inside a call, which with `loses_order` saves nothing, so that its `lost_call` is of
    unknown outcome. `held` is set when one stands still, `ordered` when a checkpoint was saved inside a call.
    `delivered_before_call` are the pictures that came without any paid call for them, `unsaved_orders` those whose
    call was over before they were delivered, with nothing saved to ask for them by. `extended_s` is the longest
    time that was asked for, `patience_s` how long a whole generation may take.
    """

    job: Job
    http: aiohttp.ClientSession | None = None
    references: Mapping[str, ReferenceData] = attrs.field(factory=dict)
    holds_after: int | None = None
    holds_at_order: int = 0
    loses_order: bool = False
    remaining_s: float = 600.0
    patience_s: float = 120.0
    extended_s: float = 0.0
    pictures: dict[int, Source] = attrs.field(factory=dict)
    rejected: dict[int, PluginError] = attrs.field(factory=dict)
    omitted: set[int] = attrs.field(factory=set)
    saved: dict[str, Any] = attrs.field(factory=dict)
    earlier_calls: tuple[RecordedCall, ...] = ()
    calls: list[RecordedCall] = attrs.field(factory=list)
    fractions: list[float] = attrs.field(factory=list)
    previews: list[tuple[int, Source]] = attrs.field(factory=list)
    log: RecordingLog = attrs.field(factory=RecordingLog)
    held: asyncio.Event = attrs.field(factory=asyncio.Event)
    ordered: asyncio.Event = attrs.field(factory=asyncio.Event)
    delivered_before_call: list[int] = attrs.field(factory=list)
    unsaved_orders: list[int] = attrs.field(factory=list)
    lost_call: RecordedCall | None = None
    _delivered_here: int = 0

    @property
    def session(self) -> aiohttp.ClientSession:
        """The session that the test gave."""
        assert self.http is not None, "the provider uses run.session: give the check a session"
        return self.http

    @property
    def delivered(self) -> frozenset[int]:
        """See `danqing_plugins.Run`."""
        return frozenset(self.pictures) | frozenset(self.rejected) | frozenset(self.omitted)

    @property
    def missing(self) -> tuple[int, ...]:
        """See `danqing_plugins.Run`."""
        return tuple(index for index in range(self.job.outputs) if index not in self.delivered)

    @asynccontextmanager
    async def call(self, indexes: Sequence[int], fingerprint: str) -> AsyncIterator[RecordedCall]:
        """Record a call, and how its block ended."""
        call = RecordedCall(
            id=f"call-{len(self.earlier_calls) + len(self.calls)}",
            attempt=self.job.attempt,
            indexes=tuple(indexes),
            fingerprint=fingerprint,
        )
        self._check_index(*call.indexes)
        self.calls.append(call)
        try:
            yield call
        except BaseException as error:
            call.ended_by = type(error).__name__
            self._close(call, outcome_of(error))
            raise
        call.answered = True
        self._close(call, CallOutcome.DELIVERED)

    def _close(self, call: RecordedCall, outcome: CallOutcome) -> None:
        left = [index for index in call.indexes if index in self.missing]
        if call.resumable and outcome in (CallOutcome.DELIVERED, CallOutcome.UNKNOWN) and left:
            return  # an order, open until its pictures are here
        call.outcome = outcome
        if outcome is CallOutcome.DELIVERED:
            self.unsaved_orders += left

    async def deliver(self, index: int, source: Source) -> None:
        """Keep the picture; one that is delivered already is ignored."""
        self._check_index(index)
        if index not in self.missing:
            return
        if self.holds_after is not None and self._delivered_here >= self.holds_after:
            self.held.set()
            await asyncio.Event().wait()
        if not any(index in call.indexes for call in (*self.earlier_calls, *self.calls)):
            self.delivered_before_call.append(index)
        self._delivered_here += 1
        self.pictures[index] = source

    async def reject(self, index: int, error: PluginError) -> None:
        """Keep the error."""
        self._check_index(index)
        assert isinstance(error, PluginError), f"run.reject was given a {type(error).__name__}, no PluginError"
        if index in self.missing:
            self.rejected[index] = error

    async def omit(self, indexes: Sequence[int]) -> None:
        """Keep the indexes."""
        self._check_index(*indexes)
        self.omitted |= set(indexes) & set(self.missing)

    async def settle(self, indexes: Sequence[int], error: PluginError) -> None:
        """Keep what became of the order."""
        for call in (*self.earlier_calls, *self.calls):
            if call.resumable and set(call.indexes) == set(indexes):
                call.outcome, call.ended_by = outcome_of(error), type(error).__name__

    async def charge(
        self, indexes: Sequence[int], cost_micro: int | None, usage: Mapping[str, Any] | None = None
    ) -> None:
        """Keep what the order cost."""
        for call in (*self.earlier_calls, *self.calls):
            if call.resumable and set(call.indexes) == set(indexes):
                call.cost_micro, call.usage = cost_micro, call.usage if usage is None else usage

    async def progress(self, fraction: float) -> None:
        """Keep the fraction."""
        assert 0 <= fraction <= 1, f"progress is from 0 to 1, not {fraction}"
        self.fractions.append(fraction)

    async def preview(self, index: int, source: Source) -> None:
        """Keep the partial picture."""
        self._check_index(index)
        self.previews.append((index, source))

    async def checkpoint(self, data: Mapping[str, Any]) -> None:
        """Keep the data in the place of what was saved before."""
        require_json(data, "checkpoint")
        orders = [call for call in self.calls if call.outcome is CallOutcome.OPEN and not call.answered]
        known = sum(call.resumable for call in self.calls)
        held = bool(orders) and 0 < self.holds_at_order <= known + 1
        if not (held and self.loses_order):
            self.saved = copy.deepcopy(dict(data))
            for call in orders:
                call.resumable = True
            if orders:
                self.ordered.set()
        if held:
            self.lost_call = orders[-1]
            self.held.set()
            await asyncio.Event().wait()

    def find(self, lost: RecordedCall, found: FoundOrder) -> None:
        """Do what the server does when the order of a lost call was found: the call is an order again."""
        lost.outcome, lost.resumable = CallOutcome.OPEN, True
        self.saved |= copy.deepcopy(dict(found.saved))

    @property
    def books(self) -> Books:
        """What the calls of this attempt and of those before it amount to."""
        calls = (*self.earlier_calls, *self.calls)
        return Books(calls=calls, pictures=self.job.outputs, at_hand=self.pictures)

    async def extend(self, seconds: float) -> None:
        """Keep the time that was asked for."""
        self.extended_s = max(self.extended_s, seconds)

    async def open_reference(self, reference: Reference) -> ReferenceData:
        """Return the bytes that the test gave. Raises InvalidRequest when it gave none."""
        found = self.references.get(reference.field)
        if found is None:
            raise InvalidRequest(f"{reference.field}: the test gave no bytes for it")
        return found

    def anew(self, **changes: Any) -> RecordingRun:
        """Return a run of another task with the same request, with *changes* to its fields."""
        job = attrs.evolve(self.job, task_id=f"{self.job.task_id}_{secrets.token_hex(4)}")
        same = {"job": job, "http": self.http, "references": self.references, "patience_s": self.patience_s}
        return RecordingRun(**{**same, **changes})

    def next_attempt(self) -> RecordingRun:
        """Return the run of the attempt after this one: what is delivered and saved is there again."""
        return RecordingRun(
            job=attrs.evolve(self.job, attempt=self.job.attempt + 1),
            http=self.http,
            references=self.references,
            patience_s=self.patience_s,
            pictures=dict(self.pictures),
            rejected=dict(self.rejected),
            omitted=set(self.omitted),
            saved=copy.deepcopy(self.saved),
            earlier_calls=(*self.earlier_calls, *self.calls),
        )

    def _check_index(self, *indexes: int) -> None:
        strangers = [index for index in indexes if not 0 <= index < max(self.job.outputs, 1)]
        assert not strangers, f"picture {strangers} of a task of {self.job.outputs}"


def require_json(value: object, what: str) -> None:
    """Raise AssertionError unless *value* is a JSON object; *what* names it."""
    try:
        plain = json.loads(json.dumps(value, allow_nan=False, default=dict))
    except (TypeError, ValueError) as error:
        raise AssertionError(f"{what} holds something that is no JSON value: {error}") from error
    assert isinstance(plain, dict), f"{what} is no JSON object"
