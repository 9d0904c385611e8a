"""The `run` that a provider is given: the server's side of `danqing_plugins.Run`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from math import ceil
from types import TracebackType

import aiohttp
import attrs

from danqing_plugins import (
    AccountProblem,
    Log,
    OutcomeUnknown,
    PluginError,
    Reference,
    ReferenceData,
    Source,
    Unavailable,
)
from danqing_plugins.billing import outcome_of
from danqing_server.codec.bodies import dump_json, storable, storable_object
from danqing_server.errors import AttemptLost
from danqing_server.ids import new_token
from danqing_server.life.billing import is_announced, lost_calls, may_buy, target_of
from danqing_server.life.decision import LEASE_IN_DOUBT, NO_FURTHER_CALL
from danqing_server.log import get_logger
from danqing_server.loops.steps import begins, ends, step
from danqing_server.records.outputs import Output, OutputState
from danqing_server.records.tasks import STANDING, CallOutcome, CallRecord, JsonObject
from danqing_server.store.changes import encodable
from danqing_server.worker import aftermath, texts
from danqing_server.worker.failures import error_of
from danqing_server.worker.keeping import Keeper, own_kind
from danqing_server.worker.ledger import Ledger, is_free
from danqing_server.worker.previews import Previews
from danqing_server.worker.references import open_reference
from danqing_server.worker.spending import SPEND_LIMIT, Allowance
from danqing_server.worker.tools import Tools

__all__ = ["OpenCall", "TaskRun", "require_storable"]

PROGRESS_EVERY_S = 1.0
LONGEST_EXTENSION_S = 7 * 86_400.0
LARGEST_CHECKPOINT_BYTES = 256 * 1024
MOST_MICRO = 10**15
"""A thousand million: beyond that no call cost, and sums of them fit 64 bits."""
_UNSETTLED = (CallOutcome.OPEN, CallOutcome.UNKNOWN)


@attrs.define(eq=False)
class OpenCall:
    """A paid call while its block runs, and as it was written down; see `danqing_plugins.Call`."""

    id: str
    record: CallRecord
    request_id: str | None = None
    usage: JsonObject = attrs.field(factory=dict)
    cost_micro: int | None = None
    released: frozenset[int] = attrs.field(default=frozenset(), init=False)

    def release(self, indexes: Sequence[int]) -> None:
        self.released |= frozenset(indexes)


@attrs.define(eq=False)
class TaskRun:
    """One attempt at one task, from the provider's side; the names are those of `danqing_plugins.Run`.

    *on_late_order* is called when something was saved for a task that is cancelled: it may be an order.
    """

    ledger: Ledger
    keeper: Keeper
    tools: Tools
    allowance: Allowance
    on_late_order: Callable[[], None] | None = None
    previews: Previews | None = attrs.field(default=None, init=False)
    _told_progress_s: float = attrs.field(default=float("-inf"), init=False)
    _open: dict[str, OpenCall] = attrs.field(factory=dict, init=False)
    _handed_over: frozenset[int] = attrs.field(default=frozenset(), init=False)

    @property
    def session(self) -> aiohttp.ClientSession:
        return self.tools.session

    @property
    def log(self) -> Log:
        task = self.ledger.task
        return get_logger(__name__, task_id=task.id, provider=task.provider)

    @property
    def delivered(self) -> frozenset[int]:
        return frozenset(range(self.ledger.task.images)) - frozenset(self.missing)

    @property
    def missing(self) -> tuple[int, ...]:
        return self.ledger.task.missing

    @property
    def saved(self) -> JsonObject:
        return self.ledger.task.saved

    @property
    def remaining_s(self) -> float:
        deadline_at = self.ledger.task.deadline_at
        if deadline_at is None:
            return self.tools.task_timeout_s
        return max(0.0, (deadline_at - self.tools.clock.now()).total_seconds())

    def call(self, indexes: Sequence[int], fingerprint: str) -> AbstractAsyncContextManager[OpenCall]:
        return _CallBlock(self, tuple(indexes), fingerprint)

    @step("work.deliver")
    async def deliver(self, index: int, source: Source) -> None:
        self._handed_over |= {index}
        if not self._awaited(index):
            return
        if self.previews is not None:
            await self.previews.end(index)
        if source.url is None:
            await self.keeper.take(index, source)
        else:
            now = self.tools.clock.now()
            kind = own_kind(self.ledger.task, source)
            sourced = Output(index=index, state=OutputState.SOURCED, at=now, source_url=source.url, kind=kind)
            self.ledger.note_output(sourced)
            await self.ledger.save()
            self.keeper.begin(index, source)

    async def reject(self, index: int, error: PluginError) -> None:
        if self._awaited(index):
            now = self.tools.clock.now()
            failed = Output(index=index, state=OutputState.FAILED, at=now, error=error_of(error))
            self.ledger.note_without(failed)
            await self.ledger.save()

    async def omit(self, indexes: Sequence[int]) -> None:
        for index in indexes:
            if self._awaited(index):
                omitted = Output(index=index, state=OutputState.OMITTED, at=self.tools.clock.now())
                self.ledger.note_without(omitted)
        await self.ledger.save()

    async def settle(self, indexes: Sequence[int], error: PluginError) -> None:
        """Settle the order for *indexes*. One of which nobody can say more is in doubt, and asked for no more."""
        for call in self._latest_order(indexes, _UNSETTLED):
            ended = call.changed(outcome=outcome_of(error), ended_at=self.tools.clock.now(), error_code=error.code)
            if ended.outcome is CallOutcome.UNKNOWN:
                ended = ended.changed(resumable=False, looked_up=True)
            self.ledger.note_call(ended)
        await self.ledger.save()

    async def charge(self, indexes: Sequence[int], cost_micro: int | None, usage: JsonObject | None = None) -> None:
        for call in self._latest_order(indexes, STANDING):
            told = {} if usage is None else {"usage": storable_object(usage)}
            self.ledger.note_call(call.changed(cost_micro=_money(cost_micro), **told))

    def _latest_order(self, indexes: Sequence[int], outcomes: Collection[CallOutcome]) -> list[CallRecord]:
        """Return the order for *indexes* that is asked for, if any: one before it was given up.

        That of an earlier attempt is without the pictures that are known not to be charged.
        """
        task = self.ledger.task
        whole = set(indexes)
        rest = whole - {output.index for output in task.outputs.values() if is_free(output)}
        found = [
            call
            for call in task.calls.values()
            if call.resumable
            and call.outcome in outcomes
            and (set(call.indexes) == whole or (call.attempt != task.attempts and set(call.indexes) == rest))
        ]
        return sorted(found, key=lambda call: call.sent_at)[-1:]

    async def progress(self, fraction: float) -> None:
        now_s = self.tools.clock.monotonic_s()
        if now_s - self._told_progress_s >= PROGRESS_EVERY_S:
            self._told_progress_s = now_s
            self.ledger.note(progress=min(1.0, max(0.0, float(fraction))))
            await self.ledger.save()

    async def preview(self, index: int, source: Source) -> None:
        if self.previews is None:
            tools = self.tools
            self.previews = Previews(self.ledger, tools.store, tools.assets, tools.clock)
        self.previews.show(index, source)

    async def checkpoint(self, data: JsonObject) -> None:
        require_storable(data)
        for call in self._open.values():  # a death before the block ends must not lose the service's own id
            call.record = call.record.changed(resumable=True, request_id=storable(call.request_id))
            self.ledger.note_call(call.record)
        self.ledger.note(saved=dict(data))
        await self.ledger.save()
        if self.ledger.late and self.on_late_order is not None:
            self.on_late_order()

    async def extend(self, seconds: float) -> None:
        until = self.tools.clock.now() + timedelta(seconds=ceil(min(float(seconds), LONGEST_EXTENSION_S)))
        deadline_at = self.ledger.task.deadline_at
        if deadline_at is None or until > deadline_at:
            self.ledger.note(deadline_at=until)
            await self.ledger.save()

    async def open_reference(self, reference: Reference) -> ReferenceData:
        return await open_reference(reference, self.tools)

    def _awaited(self, index: int) -> bool:
        if not 0 <= index < self.ledger.task.images:
            raise ValueError(f"picture {index} of a task of {self.ledger.task.images}")
        return index in self.missing

    async def open_call(self, indexes: tuple[int, ...], fingerprint: str) -> OpenCall:
        """Write a call down, unless the task's own start announced it, and return what the provider is given."""
        task = self.ledger.task
        if self.ledger.late:
            raise AttemptLost(task.id)
        if any(not call.indexes or set(indexes) & set(call.indexes) for call in lost_calls(task)):
            raise OutcomeUnknown(texts.LOOKED_UP_FIRST(), code=NO_FURTHER_CALL)
        if not may_buy(task, indexes, self.tools.policy.on_ambiguous):
            raise OutcomeUnknown(texts.CALL_LEFT_OPEN(), code=NO_FURTHER_CALL)
        self._require_lease()
        await self._require_allowance(indexes)
        self._handed_over -= frozenset(indexes)
        attempt = task.attempt
        if attempt is not None and is_announced(self.ledger.task):
            # Its start is on disk; the record travels with the next write.
            record = self._new_record(attempt.id, indexes, fingerprint)
            self.ledger.note_call(record)
        else:
            record = self._new_record(new_token(), indexes, fingerprint)
            await self._write_ahead(record)
            self._require_lease(record)
        call = self._open[record.id] = OpenCall(record.id, record)
        return call

    async def _write_ahead(self, record: CallRecord) -> None:
        self.ledger.note_call(record)
        try:
            await self.ledger.save()
            if self.ledger.late:  # the task was cancelled before that was written, and nothing is bought for it
                raise AttemptLost(self.ledger.task.id)
        except BaseException:  # a cancellation too: whatever cut this short, nothing has left
            self.ledger.note_call(record.changed(outcome=CallOutcome.UNSENT))
            raise

    async def _require_allowance(self, indexes: tuple[int, ...]) -> None:
        if not await self.allowance.take(self.ledger, len(indexes) or 1):
            raise AccountProblem(texts.SPEND_LIMIT(), code=SPEND_LIMIT)

    def has_handed_over(self, indexes: Iterable[int]) -> bool:
        """Tell whether the provider delivered any of *indexes*, kept or not."""
        return not self._handed_over.isdisjoint(indexes)

    def close_call(self, call: OpenCall, outcome: CallOutcome, code: str | None) -> None:
        """Note how a call ended; that travels with the next write, and until then the call counts as open.

        An order stays open: what it comes to is seen when its pictures are here, or it is settled.
        """
        record = call.record
        del self._open[record.id]
        is_order = record.resumable and outcome in (CallOutcome.DELIVERED, CallOutcome.UNKNOWN)
        closed = record.changed(
            indexes=tuple(index for index in record.indexes if index not in call.released),
            outcome=CallOutcome.OPEN if is_order else outcome,
            ended_at=None if is_order else self.tools.clock.now(),
            request_id=storable(call.request_id),
            error_code=storable(code),
            usage=storable_object(call.usage),
            cost_micro=_money(call.cost_micro),
        )
        self.ledger.note_call(closed)

    async def report_answer(self) -> None:
        """Tell a gate in doubt that the service works: before the pictures are here this worker may be gone."""
        if self.tools.gates.is_suspect(self.ledger.lane):
            await aftermath.report(self.tools, self.ledger.task, None)

    def _new_record(self, id_: str, indexes: tuple[int, ...], fingerprint: str) -> CallRecord:
        now = self.tools.clock.now()
        task = self.ledger.task
        return CallRecord(
            id=id_,
            attempt=task.attempts,
            indexes=indexes,
            fingerprint=fingerprint,
            sent_at=now,
            target=target_of(task),
            simulated=self.tools.registry.is_simulated(task.provider),
        )

    def _require_lease(self, record: CallRecord | None = None) -> None:
        if self.tools.lease.fresh:
            return
        if record is not None:
            self.ledger.note_call(record.changed(outcome=CallOutcome.UNSENT))
        raise Unavailable(texts.LEASE_DOUBTED(), code=LEASE_IN_DOUBT)


def _money(amount_micro: int | None) -> int | None:
    """Check an amount of money. Raises ValueError: it is no whole number from 0 on."""
    if amount_micro is not None and (type(amount_micro) is not int or not 0 <= amount_micro <= MOST_MICRO):
        raise ValueError(f"cost_micro is {amount_micro!r}, not a whole number of millionths from 0 on")
    return amount_micro


def require_storable(data: JsonObject) -> None:
    """Check what a checkpoint is to save. Raises ValueError: it cannot be stored, or has more than 256 KiB."""
    if not encodable(data):
        raise ValueError("a checkpoint holds a value that cannot be stored: JSON values only, integers of 64 bits")
    size_bytes = len(dump_json(data))
    if size_bytes > LARGEST_CHECKPOINT_BYTES:
        raise ValueError(f"a checkpoint of {size_bytes} bytes, at most {LARGEST_CHECKPOINT_BYTES}")


@attrs.define(eq=False)
class _CallBlock:
    """The block of `Run.call`."""

    run: TaskRun
    indexes: tuple[int, ...]
    fingerprint: str
    _call: OpenCall | None = attrs.field(default=None, init=False)

    @begins("work.send")
    async def __aenter__(self) -> OpenCall:
        self._call = await self.run.open_call(self.indexes, self.fingerprint)
        return self._call

    @ends("work.send")
    async def __aexit__(
        self, _type: type[BaseException] | None, error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        call, self._call = self._call, None
        if call is None:
            return
        outcome, code = outcome_of(error), None
        if isinstance(error, PluginError):
            code = error.code
            call.request_id = call.request_id or error.request_id
        elif isinstance(error, AttemptLost) and self.run.has_handed_over(self.indexes):
            outcome = CallOutcome.DELIVERED  # it was answered; only its task is in other hands
        self.run.close_call(call, outcome, code)
        if outcome is CallOutcome.DELIVERED:
            await self.run.report_answer()
