"""The `run` that a provider is given: the server's side of `danqing_plugins.Run`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any

import aiohttp
import attrs

from danqing_plugins import (
    AccountProblem,
    ContentRejected,
    InvalidRequest,
    Log,
    OutcomeUnknown,
    PluginError,
    RateLimited,
    Reference,
    ReferenceData,
    Source,
    Text,
    Unavailable,
)
from danqing_server.assets.fetching import fetch_public
from danqing_server.assets.keys import media_type_of
from danqing_server.assets.texts import NOT_HERE
from danqing_server.errors import AttemptLost, NotFound, PictureRejected, SourceUnavailable
from danqing_server.ids import new_token
from danqing_server.log import get_logger
from danqing_server.models import CallOutcome, CallRecord, Output, OutputState
from danqing_server.retry import LEASE_IN_DOUBT, REFERENCE_UNAVAILABLE, ambiguity_allows
from danqing_server.worker import texts
from danqing_server.worker.failures import error_of
from danqing_server.worker.keeping import Keeper
from danqing_server.worker.ledger import Ledger
from danqing_server.worker.tools import Tools

__all__ = ["OpenCall", "TaskRun"]

PROGRESS_EVERY_S = 1.0
REFERENCE_TIMEOUT_S = 30.0


@attrs.define(eq=False)
class OpenCall:
    """A paid call while its block runs; see `danqing_plugins.Call`."""

    id: str
    request_id: str | None = None
    usage: Mapping[str, Any] = attrs.field(factory=dict)
    released: set[int] = attrs.field(factory=set, init=False)

    def release(self, indexes: Sequence[int]) -> None:
        self.released.update(indexes)


@attrs.define(eq=False)
class TaskRun:
    """One attempt at one task, from the provider's side; the names are those of `danqing_plugins.Run`."""

    ledger: Ledger
    keeper: Keeper
    tools: Tools
    _told_progress_s: float = attrs.field(default=float("-inf"), init=False)
    _open: dict[str, CallRecord] = attrs.field(factory=dict, init=False)
    _handed_over: set[int] = attrs.field(factory=set, init=False)

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
    def saved(self) -> Mapping[str, Any]:
        return self.ledger.task.saved

    @property
    def remaining_s(self) -> float:
        deadline_at = self.ledger.task.deadline_at
        if deadline_at is None:
            return self.tools.task_timeout_s
        return max(0.0, (deadline_at - self.tools.clock.now()).total_seconds())

    def call(self, indexes: Sequence[int], fingerprint: str) -> AbstractAsyncContextManager[OpenCall]:
        return _CallBlock(self, tuple(indexes), fingerprint)

    async def deliver(self, index: int, source: Source) -> None:
        self._handed_over.add(index)
        if not self._awaited(index):
            return
        if source.url is None:
            await self.keeper.keep(index, source)
        else:
            now = self.tools.clock.now()
            self.ledger.note_output(Output(index=index, state=OutputState.SOURCED, at=now, source_url=source.url))
            await self.ledger.save()
            self.keeper.begin(index, source)

    async def reject(self, index: int, error: PluginError) -> None:
        if self._awaited(index):
            now = self.tools.clock.now()
            self.ledger.note_output(Output(index=index, state=OutputState.FAILED, at=now, error=error_of(error)))
            await self.ledger.save()

    async def omit(self, indexes: Sequence[int]) -> None:
        for index in indexes:
            if self._awaited(index):
                self.ledger.note_output(Output(index=index, state=OutputState.OMITTED, at=self.tools.clock.now()))
        await self.ledger.save()

    async def progress(self, fraction: float) -> None:
        now_s = self.tools.clock.monotonic_s()
        if now_s - self._told_progress_s >= PROGRESS_EVERY_S:
            self._told_progress_s = now_s
            self.ledger.note(progress=min(1.0, max(0.0, float(fraction))))
            await self.ledger.save()

    async def checkpoint(self, data: Mapping[str, Any]) -> None:
        for record in self._open.values():
            self._open[record.id] = record.changed(resumable=True)
            self.ledger.note_call(self._open[record.id])
        self.ledger.note(saved=dict(data))
        await self.ledger.save()

    async def open_reference(self, reference: Reference) -> ReferenceData:
        try:
            if reference.asset is not None:
                body = await self.tools.assets.read(reference.asset)
                return ReferenceData(body=body, media_type=media_type_of(reference.asset))
            body, media_type = await fetch_public(
                reference.url or "",
                session=self.tools.public_session,
                limit_bytes=self.tools.max_picture_bytes,
                timeout_s=REFERENCE_TIMEOUT_S,
            )
        except SourceUnavailable as error:
            if not (error.gone or error.refused):
                raise Unavailable(_about(reference, error.message), code=REFERENCE_UNAVAILABLE) from error
            raise InvalidRequest(_about(reference, error.message), code="reference_refused") from error
        except PictureRejected as error:
            raise InvalidRequest(_about(reference, error.message), code="reference_refused") from error
        except NotFound as error:
            raise InvalidRequest(_about(reference, NOT_HERE()), code="reference_refused") from error
        return ReferenceData(body=body, media_type=media_type)

    def _awaited(self, index: int) -> bool:
        if not 0 <= index < self.ledger.task.images:
            raise ValueError(f"picture {index} of a task of {self.ledger.task.images}")
        return index in self.missing

    async def open_call(self, indexes: tuple[int, ...], fingerprint: str) -> CallRecord:
        """Write a call down, unless the task's own start announced it, and return its record."""
        task = self.ledger.task
        if self.ledger.late:
            raise AttemptLost(task.id)
        if not ambiguity_allows(task, indexes, self.tools.policy):
            raise OutcomeUnknown(texts.CALL_LEFT_OPEN())
        self._require_lease()
        self._handed_over.difference_update(indexes)
        if task.single_call and task.attempt is not None and task.attempt.id not in task.calls:
            # Its start is on disk; the record travels with the next write.
            record = self._new_record(task.attempt.id, indexes, fingerprint)
            self.ledger.note_call(record)
        else:
            record = self._new_record(new_token(), indexes, fingerprint)
            self.ledger.note_call(record)
            await self.ledger.save()
            self._require_lease(record)
        self._open[record.id] = record
        return record

    def has_handed_over(self, indexes: Iterable[int]) -> bool:
        """Tell whether the provider delivered any of *indexes*, kept or not."""
        return not self._handed_over.isdisjoint(indexes)

    def close_call(self, call: OpenCall, outcome: CallOutcome, code: str | None) -> None:
        """Note how a call ended. The note travels with the next write, and until then the call counts as open."""
        record = self._open.pop(call.id)
        if record.resumable and outcome is CallOutcome.UNKNOWN:
            outcome = CallOutcome.DELIVERED
        closed = record.changed(
            indexes=tuple(index for index in record.indexes if index not in call.released),
            outcome=outcome,
            ended_at=self.tools.clock.now(),
            request_id=call.request_id,
            error_code=code,
            usage=dict(call.usage),
        )
        self.ledger.note_call(closed)

    def _new_record(self, id_: str, indexes: tuple[int, ...], fingerprint: str) -> CallRecord:
        now = self.tools.clock.now()
        return CallRecord(
            id=id_, attempt=self.ledger.task.attempts, indexes=indexes, fingerprint=fingerprint, sent_at=now
        )

    def _require_lease(self, record: CallRecord | None = None) -> None:
        if self.tools.lease.fresh:
            return
        if record is not None:
            self.ledger.note_call(record.changed(outcome=CallOutcome.UNSENT))
        raise Unavailable(texts.LEASE_DOUBTED(), code=LEASE_IN_DOUBT)


def _about(reference: Reference, why: str) -> Text:
    return texts.OF_REFERENCE(field=reference.field, why=why)


@attrs.define(eq=False)
class _CallBlock:
    """The block of `Run.call`."""

    run: TaskRun
    indexes: tuple[int, ...]
    fingerprint: str
    _call: OpenCall | None = attrs.field(default=None, init=False)

    async def __aenter__(self) -> OpenCall:
        record = await self.run.open_call(self.indexes, self.fingerprint)
        self._call = OpenCall(id=record.id)
        return self._call

    async def __aexit__(
        self, _type: type[BaseException] | None, error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        call, self._call = self._call, None
        if call is None:
            return
        outcome, code = CallOutcome.DELIVERED, None
        if isinstance(error, PluginError):
            outcome, code = _outcome_of(error), error.code
            call.request_id = call.request_id or error.request_id
        elif isinstance(error, AttemptLost) and self.run.has_handed_over(self.indexes):
            pass  # it was answered; only its task is in other hands
        elif error is not None:
            outcome = CallOutcome.UNKNOWN
        self.run.close_call(call, outcome, code)


def _outcome_of(error: PluginError) -> CallOutcome:
    if isinstance(error, RateLimited | Unavailable):
        return CallOutcome.FAILED_UNBILLED
    if isinstance(error, InvalidRequest | ContentRejected | AccountProblem):
        return CallOutcome.REJECTED
    return CallOutcome.UNKNOWN
