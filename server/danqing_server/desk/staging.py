"""A batch as it comes in: its lines checked, kept aside, and taken in together or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from hashlib import sha256

import attrs

from danqing_plugins import Message, Problem, Text
from danqing_server.access.caller import Caller
from danqing_server.clock import Clock
from danqing_server.codec.bodies import shorten
from danqing_server.desk.admission import Submissions
from danqing_server.desk.checking import Checked
from danqing_server.desk.repeats import KEY_IN_USE, PAUSE_S, RACES
from danqing_server.desk.request import Submission
from danqing_server.errors import (
    BudgetExceeded,
    Conflict,
    InvalidSubmission,
    KeyReused,
    StoreUnavailable,
)
from danqing_server.ids import new_token, task_id_of
from danqing_server.log import get_logger
from danqing_server.records.batches import Batch, BatchStatus, LineProblem, Mode
from danqing_server.records.tasks import BatchPlace, Hold, Task
from danqing_server.store.batches import BatchStore
from danqing_server.store.reach import Reach
from danqing_server.store.task_documents import encode

__all__ = ["MOST_LINES", "PREFIX", "Staging", "reused"]

MOST_LINES = 10_000
MOST_PROBLEMS = 1_000
SLICE = 100
SLICE_BYTES = 1024 * 1024
YIELD_EVERY = 20
STAGED_WITHIN = timedelta(minutes=50)
"""How long ago a line of a batch that becomes valid may have come: after an hour the sweep removes it."""
PREFIX = "batch_"
PROMPTS = frozenset({"prompt", "input.prompt", "options.prompt"})

TOO_MANY_LINES = Message(key="batch_too_long", en="has more than {most} lines", zh="超过 {most} 行")
NO_LINES = Message(key="batch_empty", en="has no line", zh="没有任何一行")

_Named = tuple[str | None, Callable[[], Submission]]
"""What its client calls a line, and what makes a submission of it."""

log = get_logger(__name__)


@attrs.define(eq=False)
class Staging:
    """One batch being taken in. `known` is what an earlier request of the same key made: then nothing is kept.

    `begin` is given the id of one that is valid. `void` is given one that nobody knows to be, and that no repeat
    would find, before its client is told; None: a key does.
    """

    store: BatchStore
    submissions: Submissions
    clock: Clock
    caller: Caller
    mode: Mode
    batch_id: str
    begin: Callable[[str], None]
    known: Batch | None = None
    void: Callable[[Batch], Awaitable[None]] | None = None
    lines: int = 0
    accepted: int = 0
    rejected: int = 0
    problems: list[LineProblem] = attrs.field(factory=list)
    _token: str = attrs.field(factory=new_token, init=False)
    _holds: list[Hold] = attrs.field(factory=list, init=False)
    _slice: dict[int, bytes] = attrs.field(factory=dict, init=False)
    _slice_bytes: int = attrs.field(default=0, init=False)

    async def take(self, line: int, read: Callable[[], Awaitable[_Named]]) -> None:
        """Check one line, and keep it, or why it is wrong.

        *read* names it, unless nothing is kept; it and what makes the submission may raise InvalidSubmission.

        Raises:
            InvalidSubmission: there are too many.
        """
        self.lines += 1
        if self.lines > MOST_LINES:
            raise InvalidSubmission([Problem(field="lines", message=TOO_MANY_LINES(most=MOST_LINES))])
        if self.lines % YIELD_EVERY == 0:
            await asyncio.sleep(0)  # most lines are checked without waiting for anything
        if self.known is not None:
            return
        custom_id = None
        try:
            custom_id, submitted = await read()
            submission = submitted()
            checked = await self.submissions.examine(submission)
            if self._is_refused:
                return
            body = await self._document(line, custom_id, submission, checked)
        except InvalidSubmission as error:
            self._reject(line, custom_id, error.problems)
            return
        self.accepted += 1
        self._slice[line] = body
        self._slice_bytes += len(body)
        if len(self._slice) >= SLICE or self._slice_bytes >= SLICE_BYTES:
            await self._keep_slice()

    async def commit(self, fingerprint: str, *alike: str) -> tuple[Batch, bool]:
        """Make the batch valid, and return it, and whether it is new.

        An earlier one of its key is the same if its fingerprint is this one or one of *alike*.

        Raises:
            InvalidSubmission: it has no line, or none that is right, or a wrong one where all have to be right.
            KeyReused: its key was used for another one.
            BudgetExceeded: its caller has not the money for all of it.
            StoreUnavailable: it is not known to be valid. Without a key it is voided; with one a repeat finds it.
        """
        if self.known is not None:
            return _require_alike(self.known, fingerprint, *alike), False
        await self._keep_slice()  # of a refused one, too: the sweep removes it with its reference pictures
        self._require_acceptable()
        if await self.store.count_staged(self._token, self.clock.now() - STAGED_WITHIN) != self.accepted:
            raise StoreUnavailable("lines of the batch are gone, or about to be")
        budgets = self.submissions.budgets
        hold, is_there = await self._hold()
        batch = self._batch(fingerprint)
        try:
            is_new = not is_there and await self.store.commit(batch)
        except StoreUnavailable:
            budgets.let_be(hold)
            if self.void is not None:
                await self.void(batch)
            raise
        except BaseException:
            budgets.let_be(hold)
            raise
        if is_new:
            budgets.let_be(hold)
            self.begin(batch.id)
            log.info("batch_taken_in", batch_id=batch.id, accepted=batch.accepted, rejected=batch.rejected)
            return batch, True
        await budgets.give_back(hold)
        await self.store.discard(self._token)
        known = await self._find()
        if known is None:
            raise StoreUnavailable("the batch was there and is gone")
        return _require_alike(known, fingerprint, *alike), False

    async def _hold(self) -> tuple[Hold | None, bool]:
        """Set aside what all lines may cost; or tell that a request of the same key has taken the batch in."""
        for _ in range(RACES):
            try:
                return await self.submissions.budgets.hold_batch(self.caller, self.batch_id, self._holds), False
            except BudgetExceeded:
                if await self._find() is None:  # else it is the batch itself that takes the room
                    raise
                return None, True
            except Conflict:
                if await self._find() is not None:
                    return None, True
                await asyncio.sleep(PAUSE_S)
        raise StoreUnavailable(KEY_IN_USE())

    async def _find(self) -> Batch | None:
        """Return the batch, which a request of the same key may have taken in meanwhile."""
        return await self.store.find(self.batch_id, Reach.of(self.caller.owner))

    def _batch(self, fingerprint: str) -> Batch:
        now = self.clock.now()
        return Batch(
            id=self.batch_id,
            token=self._token,
            fingerprint=fingerprint,
            mode=self.mode,
            status=BatchStatus.CREATING,
            owner=self.caller.owner,
            created_at=now,
            updated_at=now,
            lines=self.lines,
            accepted=self.accepted,
            rejected=self.rejected,
            problems=tuple(self.problems),
        )

    @property
    def _is_refused(self) -> bool:
        return self.mode is Mode.ALL_OR_NOTHING and self.rejected > 0

    async def _document(self, line: int, custom_id: str | None, submission: Submission, checked: Checked) -> bytes:
        tail = sha256(f"{self.batch_id}:{line}".encode()).hexdigest()[:20]
        made_ms = int(self.batch_id.removeprefix(PREFIX)[:12], 16)
        task_id = task_id_of(checked.provider.name, submission.type, made_ms, tail)
        task: Task = await self.submissions.draft(task_id, submission, checked)
        place = BatchPlace(id=self.batch_id, line=line, custom_id=custom_id)
        hold = self.submissions.budgets.hold_of_line(self.caller, task)
        if hold is not None:
            self._holds.append(hold)
        return bytes(encode(task.changed(batch=place, hold=hold)).raw)

    async def _keep_slice(self) -> None:
        if self._slice:
            kept, self._slice, self._slice_bytes = self._slice, {}, 0
            await self.store.stage(self.batch_id, self._token, kept, self.clock.now())

    def _reject(self, line: int, custom_id: str | None, problems: Sequence[Problem]) -> None:
        self.rejected += 1
        for problem in problems:
            if len(self.problems) < MOST_PROBLEMS:
                self.problems.append(_line_problem(line, custom_id, problem))

    def _require_acceptable(self) -> None:
        if not self.lines:
            raise InvalidSubmission([Problem(field="lines", message=NO_LINES())])
        if self._is_refused or not self.accepted:
            named = [
                Problem(field=f"lines[{each.line}].{each.field}", message=each.message, value=each.value)
                for each in self.problems
            ]
            raise InvalidSubmission(named)


def _require_alike(known: Batch, *fingerprints: str) -> Batch:
    if known.fingerprint not in fingerprints:
        raise reused()
    return known


def reused() -> KeyReused:
    """Return the refusal of a key that was used for something else."""
    return KeyReused("this Idempotency-Key was used for a different request")


def _line_problem(line: int, custom_id: str | None, problem: Problem) -> LineProblem:
    shown = None if problem.field in PROMPTS and isinstance(problem.value, str) else shorten(problem.value)
    code = problem.message.key or None if isinstance(problem.message, Text) else None
    value = str(shown) if isinstance(shown, str) else shown
    return LineProblem(
        line=line, field=problem.field, message=problem.message, code=code, value=value, custom_id=custom_id
    )
