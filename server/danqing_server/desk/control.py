"""What a user may do to a task that exists: cancel it, try it again, delete it."""

from __future__ import annotations

from collections.abc import Callable, Hashable

import attrs

from danqing_plugins import Message
from danqing_server.access.caller import Caller
from danqing_server.clock import Clock
from danqing_server.desk.budgets import Budgets
from danqing_server.desk.recent import Recent, RecentTasks
from danqing_server.errors import Conflict, NotFound
from danqing_server.life.billing import billed_of
from danqing_server.life.moves import Cancelled, Deleted, Retried
from danqing_server.life.register import Register
from danqing_server.log import get_logger
from danqing_server.models import FINISHED, Output, OutputState, Status, Task, TaskError
from danqing_server.store.tasks import TaskStore

__all__ = ["Control", "to_buy_again"]

RACES = 5
MOST_ANSWERS = 16

CANCELLED = Message(key="cancelled", en="cancelled by its user", zh="任务已取消")
FINISHED_ALREADY = Message(
    key="finished_already", en="the task is {status} already", zh="任务已结束（{status}），无法取消"
)
NOT_RETRYABLE = Message(
    key="not_retryable",
    en="only a failed or cancelled task can be retried; this one is {status}",
    zh="只有失败或已取消的任务可以重试，此任务的状态为 {status}",
)
CHANGED = Message(
    key="changed_meanwhile",
    en="the task changed meanwhile; look at it again",
    zh="任务状态刚刚发生变化，请重新查询后再试",
)

log = get_logger(__name__)


@attrs.define(eq=False)
class Control:
    """The users' hands on their tasks. A *caller* touches what it sees, and nothing else.

    Every method raises NotFound for a task that is not there or not theirs.
    """

    store: TaskStore
    register: Register
    clock: Clock
    recent: RecentTasks
    budgets: Budgets

    async def find(self, task_id: str, caller: Caller) -> Task:
        """Return the task; one that is completed may have been deleted elsewhere up to two seconds ago."""
        held = self.recent.get(task_id)
        task = held.task if held is not None else await self.store.get(task_id)
        if task is None or not caller.sees(task):
            raise NotFound("task", task_id)
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
            task = await self.find(task_id, caller)
            if task.status in FINISHED:
                raise Conflict(FINISHED_ALREADY(status=task.status), code=f"task_{task.status}")
            move = Cancelled(task=task, at=self.clock.now(), error=_cancellation(task))
            if await self.register.carry_out(move):
                return await self.find(task_id, caller)
        raise Conflict(CHANGED(), code="task_busy")

    async def retry(self, task_id: str, caller: Caller) -> Task:
        """Queue a failed or cancelled task again; pictures it has, late ones too, are not asked for again.

        It is counted to the key that asks.

        Raises:
            Conflict: it is not finished, or completed; or a call of the cancelled attempt is not over.
            BudgetExceeded, Overloaded: a limit of *caller* leaves no room for it.
        """
        task = await self.find(task_id, caller)
        if task.status not in (Status.FAILED, Status.CANCELLED):
            message = NOT_RETRYABLE(status=task.status)
            raise Conflict(message, code=f"task_{task.status}")
        at_hand = _pictures_at_hand(task)
        hold = await self.budgets.hold(caller, task, task.images - len(at_hand), again=True)
        key = None if caller.owner is None else caller.key
        try:
            move = Retried(task=task, at=self.clock.now(), at_hand=at_hand, hold=hold, key=key)
            is_carried_out = await self.register.carry_out(move)
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
        return await self.find(task_id, caller)

    async def delete(self, task_id: str, caller: Caller) -> None:
        """Remove a task and its pictures; one that is not finished is cancelled first.

        What made it, sent again with its Idempotency-Key, makes no other: that is noted before it is gone.
        """
        task = await self.find(task_id, caller)
        if task.status not in FINISHED:
            try:
                await self.cancel(task_id, caller)
            except Conflict as error:
                if error.code == "task_busy":
                    raise
        await self.register.delete(Deleted(task=task, at=self.clock.now()))
        self.recent.drop(task_id)
        log.info("task_deleted", task_id=task_id, billed=billed_of(task).value)


def to_buy_again(task: Task) -> int:
    """Return how many outputs (calls of a task without any) a retry of *task* asks for at the most."""
    return task.images - len(_pictures_at_hand(task)) if task.images else 1


def _pictures_at_hand(task: Task) -> dict[str, Output]:
    """Return what need not be paid for again: pictures kept, kept late, or with an upstream URL to fetch from."""
    found = {key: output for key, output in task.late.items() if output.state is OutputState.KEPT}
    for key, output in task.outputs.items():
        if output.state is OutputState.KEPT:
            found[key] = output
        elif output.source_url is not None and key not in found:
            found[key] = attrs.evolve(output, state=OutputState.SOURCED, error=None)
    return found


def _cancellation(task: Task) -> TaskError:
    return TaskError(code="cancelled", message=CANCELLED(), retryable=True, billed=billed_of(task))
