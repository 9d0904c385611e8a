"""What a user may do to a task that exists: cancel it, try it again, give it another turn, delete it."""

from __future__ import annotations

from collections.abc import Callable, Hashable

import attrs

from danqing_plugins import Message
from danqing_server.access.caller import Caller
from danqing_server.clock import Clock
from danqing_server.desk.budgets import Budgets
from danqing_server.desk.models import check_model
from danqing_server.desk.recent import Recent, RecentTasks
from danqing_server.errors import BudgetExceeded, Conflict, NotFound, Overloaded
from danqing_server.life.billing import billed_of, whole_orders
from danqing_server.life.cancelled import Cancelled
from danqing_server.life.moves import Deleted, Transition
from danqing_server.life.prioritised import Prioritised
from danqing_server.life.register import Register
from danqing_server.life.retried import Retried
from danqing_server.log import get_logger
from danqing_server.loops.shared import CarriedThrough, outcome_of
from danqing_server.records.outputs import Output, OutputState, TaskError
from danqing_server.records.tasks import FINISHED, WAITING, Priority, Status, Task
from danqing_server.store.tasks import TaskStore

__all__ = ["Control", "asked_again", "is_retryable"]

RACES = 5
MOST_ANSWERS = 16

CANCELLED = Message(key="cancelled", en="cancelled by its user", zh="任务已取消")
FINISHED_ALREADY = Message(
    key="finished_already", en="the task is {status} already", zh="任务已结束（{status}），无法取消"
)
NOT_RETRYABLE = Message(
    key="not_retryable",
    en="only a task that failed, was cancelled or lacks outputs can be retried; this one is {status}",
    zh="只有失败、已取消或缺少成品的任务可以重试，此任务的状态为 {status}",
)
CHANGED = Message(
    key="changed_meanwhile",
    en="the task changed meanwhile; look at it again",
    zh="任务状态刚刚发生变化，请重新查询后再试",
)

NOT_WAITING = Message(
    key="not_waiting",
    en="only a task that waits has a turn to change; this one is {status}",
    zh="只有等待中的任务可以调整优先级，此任务的状态为 {status}",
)

log = get_logger(__name__)


@attrs.define(eq=False)
class Control:
    """The users' hands on their tasks. A *caller* touches what it sees, and nothing else.

    What is begun is carried through: a client that hangs up leaves no worker untold. Every method raises NotFound
    for a task that is not there or not theirs.
    """

    store: TaskStore
    register: Register
    clock: Clock
    recent: RecentTasks
    budgets: Budgets
    _moves: CarriedThrough = attrs.field(factory=CarriedThrough, init=False)

    async def drain(self) -> None:
        """Wait for the moves under way."""
        await self._moves.drain()

    async def find(self, task_id: str, caller: Caller) -> Task:
        """Return the task; one that is completed may have been deleted elsewhere up to two seconds ago."""
        held = self.recent.get(task_id)
        if held is not None and caller.sees(held.task):
            return held.task
        task = _theirs(task_id, await self._there(task_id, await self.store.get_durable(task_id)), caller)
        self.recent.put(task)
        return task

    def answer(self, task: Task, key: Hashable, make: Callable[[], bytes]) -> tuple[bytes, Recent | None]:
        """Return what *make* makes of *task*, and what holds it; while one does, it is made once for each *key*."""
        held = self.recent.get(task.id)
        if held is None or held.task is not task:
            return make(), None
        found = held.answers.get(key)
        if found is None:
            found = make()
            if len(held.answers) < MOST_ANSWERS:
                held.answers[key] = found
        return found, held

    async def cancel(self, task_id: str, caller: Caller) -> Task:
        """End an unfinished task as `cancelled`; a call that has left already may be billed all the same.

        Raises:
            Conflict: it is finished.
        """
        for _ in range(RACES):
            task = await self._look(task_id, caller)
            if task.status in FINISHED:
                raise Conflict(FINISHED_ALREADY(status=task.status), code=f"task_{task.status}")
            move = Cancelled(task=task, at=self.clock.now(), error=_cancellation(task))
            if await self._carry_through(move):
                return await self._look(task_id, caller)
        raise Conflict(CHANGED(), code="task_busy")

    async def prioritise(self, task_id: str, priority: Priority, caller: Caller) -> Task:
        """Give a waiting task another priority; one that has it already keeps its place.

        Raises:
            Conflict: it does not wait any more.
        """
        for _ in range(RACES):
            task = await self._look(task_id, caller)
            if task.status not in WAITING:
                raise Conflict(NOT_WAITING(status=task.status), code=f"task_{task.status}")
            if task.priority is priority:
                return task
            move = Prioritised(task=task, at=self.clock.now(), priority=priority)
            if await self._carry_through(move):
                return move.waiting
        raise Conflict(CHANGED(), code="task_busy")

    async def retry(
        self,
        task_id: str,
        caller: Caller,
        check: Callable[[Task], None] = lambda _: None,
        *,
        repeat_key: str | None = None,
    ) -> tuple[Task, bool]:
        """Queue a task again that failed, was cancelled or lacks outputs; what it has is not asked for again.

        It is counted to the key that asks. *check* sees the very task that is retried, and may raise. It is done
        once for *repeat_key*, the name of an Idempotency-Key (None: each time); True beside the task: an earlier
        request of that key has had it tried again.

        Raises:
            Conflict: it is not finished, or lacks nothing; or a call of the cancelled attempt is not over.
            ModelNotAllowed: *caller* could not have asked for it.
            BudgetExceeded, Overloaded: a limit of *caller* leaves no room for it.
        """
        task = await self._look(task_id, caller)
        if repeat_key in task.retry_keys:
            return task, True
        try:
            return await self._retry(task, caller, repeat_key, check), False
        except (Conflict, BudgetExceeded, Overloaded):
            if repeat_key is None:
                raise
            task = await self._look(task_id, caller)
            if repeat_key not in task.retry_keys:
                raise
            return task, True  # another request of the key was faster, and what it set aside takes the room

    async def _retry(
        self, task: Task, caller: Caller, repeat_key: str | None, check: Callable[[Task], None]
    ) -> Task:
        if not is_retryable(task):
            message = NOT_RETRYABLE(status=task.status)
            raise Conflict(message, code=f"task_{task.status}")
        check(task)
        check_model(caller, task.provider, task.model, None if task.route is None else task.route.model)
        at_hand, now = _pictures_at_hand(task), self.clock.now()
        orders = whole_orders(task.changed(outputs=at_hand))
        outputs = task.images - len(at_hand)
        hold = await self.budgets.hold(caller, task, outputs, again_at=now, orders=orders)
        key = None if caller.owner is None else caller.key
        try:
            move = Retried(task=task, at=now, at_hand=at_hand, hold=hold, key=key, repeat_key=repeat_key)
            is_carried_out = await self._carry_through(move)
        except Conflict:
            await self.budgets.give_back(hold)
            raise
        except BaseException:
            self.budgets.let_be(hold)
            raise
        if not is_carried_out:
            await self.budgets.give_back(hold)
            raise Conflict(CHANGED(), code="task_busy")
        self.budgets.stored(hold)
        self.recent.drop(task.id)
        return await self._look(task.id, caller)

    async def delete(self, task_id: str, caller: Caller) -> None:
        """Remove a task and its pictures; one that is not finished is cancelled first.

        What made it, sent again with its Idempotency-Key, makes no other: that is noted before it is gone.

        Raises:
            Conflict: it is cancelled and tried again all the time.
        """
        for _ in range(RACES):
            task = await self._look(task_id, caller)
            if task.status not in FINISHED:
                await self._end(task_id, caller)
            elif await self.register.delete(Deleted(task=task, at=self.clock.now())):
                self.recent.drop(task_id)
                log.info("task_deleted", task_id=task_id, billed=billed_of(task).value)
                return
        raise Conflict(CHANGED(), code="task_busy")

    async def _carry_through(self, move: Transition) -> bool:
        return await outcome_of(self._moves.begin(self.register.carry_out(move)))

    async def _end(self, task_id: str, caller: Caller) -> None:
        """Cancel a task, unless it ends by itself meanwhile. Raises Conflict: it changes all the time."""
        try:
            await self.cancel(task_id, caller)
        except Conflict as error:
            if error.code == "task_busy":
                raise

    async def _look(self, task_id: str, caller: Caller) -> Task:
        """Return the task as it is stored now."""
        return _theirs(task_id, await self._there(task_id, await self.store.get(task_id)), caller)

    async def _there(self, task_id: str, found: Task | None) -> Task | None:
        return await self.store.confirm_absent(task_id) if found is None else found


def _theirs(task_id: str, found: Task | None, caller: Caller) -> Task:
    if found is None or not caller.sees(found):
        raise NotFound("task", task_id)
    return found


def is_retryable(task: Task) -> bool:
    """Tell whether `retry` takes *task*: it ended without all that was asked for."""
    if task.status is Status.COMPLETED:
        return bool(task.failed_outputs)
    return task.status in (Status.FAILED, Status.CANCELLED)


def asked_again(task: Task) -> tuple[int, ...]:
    """Return which outputs a retry of *task* asks for; none of a task without any, which is asked as a whole."""
    at_hand = _pictures_at_hand(task)
    return tuple(index for index in range(task.images) if str(index) not in at_hand)


def _pictures_at_hand(task: Task) -> dict[str, Output]:
    """Return what is not asked for again: pictures kept, or with an upstream URL to fetch from; late ones, too.

    Nor what the provider chose not to make, of a task that is completed, and what its user deleted of any.
    """
    found: dict[str, Output] = {}
    for key, output in (*task.late.items(), *task.outputs.items()):
        is_omitted = output.state is OutputState.OMITTED
        is_left_out = is_omitted and (output.deleted or task.status is Status.COMPLETED)
        if output.state is OutputState.KEPT or is_left_out:
            found[key] = output
        elif output.source_url is not None and key not in found:
            found[key] = attrs.evolve(output, state=OutputState.SOURCED, error=None)
    return found


def _cancellation(task: Task) -> TaskError:
    return TaskError(code="cancelled", message=CANCELLED(), retryable=True, billed=billed_of(task))
