"""One attempt at one task, from the start that was won to the change that ends it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any

import attrs

from danqing_plugins import AccountProblem, PluginError, Result
from danqing_server.codec.bodies import storable
from danqing_server.errors import AttemptLost, DanqingError, StoreUnavailable
from danqing_server.life.billing import is_on_its_way, under_way
from danqing_server.life.decision import Decision, Failure, Finish, ends_at
from danqing_server.life.moves import Transition
from danqing_server.life.onward import Onward, Opening
from danqing_server.life.telling import job_of
from danqing_server.log import Logger, get_logger
from danqing_server.loops.steps import step
from danqing_server.plugins.installed import staying
from danqing_server.records.tasks import CallOutcome, Status, Task
from danqing_server.worker import aftermath, texts
from danqing_server.worker.dropping import Dropping
from danqing_server.worker.ending import Ending
from danqing_server.worker.failures import Interruption, failure_of, interruption_of, picture_lost
from danqing_server.worker.keeping import Keeper, Slots
from danqing_server.worker.leaving import leave
from danqing_server.worker.ledger import Ledger
from danqing_server.worker.lookup import look_up_orders
from danqing_server.worker.previews import forget_preview
from danqing_server.worker.rerouting import look_ahead
from danqing_server.worker.run import TaskRun
from danqing_server.worker.spending import SPEND_LIMIT, Allowance
from danqing_server.worker.tools import Tools, Tracing

__all__ = ["Execution"]

UNWIND_S = 10.0

_levels = logging.getLogger(__name__)


@attrs.define(eq=False)
class Execution:
    """Carries one task out, from `start` on. It ends with the task's end written; `interrupt` ends it early.

    Nothing is written of a task that is in other hands by then, nor when the event loop itself is taken down.
    *on_asked* is called when the provider and the downloads are done and only the end is still to be written,
    *on_ended* when that is done too.
    """

    task: Task
    tools: Tools
    download_slots: Slots
    on_asked: Callable[[Execution], None]
    on_ended: Callable[[Execution], None]
    ledger: Ledger = attrs.field(init=False)
    keeper: Keeper = attrs.field(init=False)
    _runner: asyncio.Task[None] = attrs.field(init=False)
    _asking: bool = attrs.field(default=False, init=False)
    _generating: bool = attrs.field(default=False, init=False)
    _interruption: Interruption | None = attrs.field(default=None, init=False)
    _task_run: TaskRun | None = attrs.field(default=None, init=False)
    _timer: asyncio.TimerHandle = attrs.field(init=False)
    _dropping: Dropping = attrs.field(factory=Dropping, init=False)

    def __attrs_post_init__(self) -> None:
        tools = self.tools
        self.ledger = Ledger(tools.store, tools.insisting, self.task)
        self.keeper = Keeper(
            self.ledger, tools.assets, tools.clock, self.download_slots, tools.link_patience, self._link_waits
        )
        if self.task.status is Status.CANCELLED:
            self._begin_late()

    @property
    def call_is_open(self) -> bool:
        """Whether a call or an order may be under way, or brought what is not written down yet, or not ours."""
        task = self.ledger.task
        return self.ledger.is_ahead or bool(under_way(task)) or is_on_its_way(task)

    def start(self) -> None:
        """Begin, in an asyncio task of its own."""
        tracing = self.tools.tracing
        self._run(self._carry_out() if tracing is None else self._traced(tracing))

    def interrupt(self, why: Interruption) -> None:
        """End the attempt soon; the first reason counts."""
        if self._interruption is None:
            self._interruption = why
            if self._asking:
                self._runner.cancel()
                asyncio.get_running_loop().call_later(UNWIND_S, self._leave_behind)

    def cancel(self) -> None:
        """The task was cancelled: stop, unless a paid call is under way, whose picture is then kept as late.

        Where an order is, or comes of that call, the service is asked to drop it; when it does, there is nothing
        more to wait for.
        """
        if not self.call_is_open:
            self.interrupt(Interruption.LOST)
            return
        self.ledger.late = True
        self._drop_orders()

    def _drop_orders(self) -> None:
        if self._asking and self._task_run is not None:
            self._dropping.begin(self._task_run, lambda: self.interrupt(Interruption.LOST))

    def _begin_late(self) -> None:
        """The task was cancelled between its start and its being read: the call that was announced is not made."""
        self.ledger.late = True
        announced = self.task.calls.get(self.task.attempt.id) if self.task.attempt is not None else None
        if announced is not None and announced.outcome is CallOutcome.OPEN:
            self.ledger.note_call(announced.changed(outcome=CallOutcome.UNSENT))

    @property
    def _logger(self) -> Logger:
        return get_logger(__name__, task_id=self.task.id, provider=self.task.provider)

    def _run(self, steps: Coroutine[Any, Any, None]) -> None:
        self._runner = asyncio.create_task(steps)
        self._runner.add_done_callback(self._ran)

    def _ran(self, done: asyncio.Task[None]) -> None:
        if done is self._runner:
            self.on_ended(self)
            if done.cancelled():
                self._logger.error("attempt_cancelled")
            elif done.exception() is not None:
                self._logger.error("attempt_died", exc_info=done.exception())

    def _leave_behind(self) -> None:
        """Go on without a plugin that swallows its cancellation; it can write nothing any more."""
        if self._asking:
            self._asking = False
            self._run(self._end(asyncio.CancelledError()))

    async def _traced(self, tracing: Tracing) -> None:
        with tracing.attempt(self.task):
            await self._carry_out()

    async def _carry_out(self) -> None:
        error = await self._attempt()
        if self._runner is asyncio.current_task():  # else it was left behind
            await self._end(error)

    async def _attempt(self) -> BaseException | None:
        """Run the provider and keep what it makes; return what cut that short, None when nothing did."""
        left_s = self._seconds_left()
        if not left_s:
            self.interrupt(Interruption.DEADLINE)
        if self._interruption is not None:
            return asyncio.CancelledError()
        runner = self._runner
        self._watch_deadline(left_s)
        self._asking = True
        try:
            with staying():
                await self._generate()
        except asyncio.CancelledError as cancelled:
            ours = int(self._interruption is not None)
            if runner.cancelling() > ours:
                raise  # the event loop is being taken down
            return cancelled
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 — a plugin's: `_failure_of` logs what was not planned
            return error
        finally:
            self._timer.cancel()
            if self._interruption is not None:
                runner.uncancel()
            self._asking = False
        return None

    async def _end(self, error: BaseException | None) -> None:
        """Decide what follows, and have it carried out."""
        await self.keeper.abandon()
        self.on_asked(self)
        ended = False
        try:
            failure = self._failure_of(error)
            if not self.ledger.late:
                ended = await self._conclude(failure, answered=error is None)
        except AttemptLost:
            pass
        except StoreUnavailable as refusal:
            ended = await self._give_up(refusal)
        if not ended:
            await leave(self.ledger, self.tools, self._dropping, self._task_run)

    def _watch_deadline(self, left_s: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(left_s, self._meet_deadline)

    def _meet_deadline(self) -> None:
        """Stop, unless what is left by now is only to fetch, which has longer."""
        left_s = self._seconds_left()
        if self.task.deadline_at is not None and left_s:
            self._watch_deadline(left_s)
        else:
            self.interrupt(Interruption.DEADLINE)

    def _seconds_left(self) -> float:
        task = self.ledger.task
        ends = task.deadline_at if task.missing else ends_at(task, self.tools.policy)
        if ends is None:
            return self.tools.task_timeout_s
        return max(0.0, (ends - self.tools.clock.now()).total_seconds())

    async def _generate(self) -> None:
        self.keeper.resume()
        try:
            if self.ledger.task.missing or not (self.task.images or self.task.is_answered):
                await self._ask_provider()
        except Exception:
            await self.keeper.settle()  # what was made before the trouble is paid for
            raise
        await self.keeper.settle()

    async def _ask_provider(self) -> None:
        allowance = Allowance(self.tools.guard, self.tools.guard.watches(self.task))
        run = self._task_run = TaskRun(self.ledger, self.keeper, self.tools, allowance, self._drop_orders)
        if self.task.finds_orders:
            await look_up_orders(job_of(self.task), run)
        if not await allowance.begin(self.ledger):
            if not self.ledger.task.calls:  # it is tomorrow's, and has all of its time then
                self.ledger.note(deadline_at=None)
            raise AccountProblem(texts.SPEND_LIMIT(), code=SPEND_LIMIT)
        if self.task.preview is not None:
            await forget_preview(self.ledger, self.tools.assets)
        self._generating = True
        try:
            result = await self.tools.registry.generate(job_of(self.ledger.task), run)
        finally:
            self._generating = False
            run.on_late_order = None  # whose method it is holds the run: a ring would wait for the collector
            if run.previews is not None:
                await run.previews.end()
            if self.keeper.waiting:
                self.on_asked(self)
        self._note_result(result)

    def _link_waits(self) -> None:
        """Make room for the next task while a link is asked again and again."""
        if not self._generating:
            self.on_asked(self)

    def _note_result(self, result: Result | None) -> None:
        if result is not None and result.output:
            self.ledger.note(result=storable(result.output))
        if result is not None and result.usage:
            self.ledger.note(usage=storable(result.usage))

    def _failure_of(self, error: BaseException | None) -> Failure | None:
        if self._interruption is Interruption.LOST:
            raise AttemptLost(self.task.id)
        if isinstance(error, AttemptLost):
            raise error
        if isinstance(error, asyncio.CancelledError) and self._interruption is not None:
            return interruption_of(self._interruption)
        if error is not None:
            if not isinstance(error, PluginError | DanqingError):
                self._logger.error("plugin_failed", exc_info=error)
            return failure_of(error, call_open=self._cut_a_call())
        if self.keeper.failures:
            return failure_of(self.keeper.failures[0], call_open=False)
        return picture_lost() if self.keeper.lost and self.ledger.task.missing else None

    def _cut_a_call(self) -> bool:
        calls = self.ledger.task.calls.values()
        return any(call.outcome is CallOutcome.UNKNOWN and call.attempt == self.task.attempts for call in calls)

    @step("work.conclude")
    async def _conclude(self, failure: Failure | None, *, answered: bool) -> bool:
        """Carry out the end of the attempt; False when the task turned out to be in other hands."""
        ending = Ending(self.ledger, self.tools.policy, self.tools.clock)
        self.ledger.unsend_announced()
        failure = ending.settle_calls(failure, answered=answered)
        if failure is not None or self.tools.gates.is_suspect(self.task.lane):
            failure = await aftermath.report(self.tools, self.task, failure)
        decision = ending.decide(failure, await self._look_ahead(failure))
        self._log_finish(decision)
        return await self._carry_out_end(ending.move_for(decision))

    async def _look_ahead(self, failure: Failure | None) -> Sequence[Opening] | None:
        """Return how the targets of the task's route stand, None when it needs none other."""
        task = self.ledger.task
        if task.route is None or (failure is None and not task.failed_outputs):
            return None
        return await look_ahead(self.tools, task.route)

    async def _carry_out_end(self, move: Transition) -> bool:
        """Carry the end out, however long MongoDB is away. Raises StoreUnavailable when it refuses it for good."""
        task = self.ledger.task
        settle = None if task.reserved is None else partial(aftermath.settle_spending, self.tools, task)
        return await self.tools.register.carry_out(move, insist=self.ledger.insist, settle=settle)

    async def _give_up(self, refusal: StoreUnavailable) -> bool:
        """End a task whose own end MongoDB refuses for good, with as much of it as it takes; False: in other hands.

        What it refuses even so is left to the sweep, which ends the task at its deadline.
        """
        self._logger.error("end_refused", reason=str(refusal))
        ending = Ending(self.ledger, self.tools.policy, self.tools.clock)
        try:
            return await self._carry_out_end(ending.reduced())
        except StoreUnavailable as error:
            reason = str(error)
            self._logger.error("task_left_to_the_sweep", reason=reason)  # noqa: TRY400 — the driver's text may quote it
            return False

    def _log_finish(self, decision: Decision | Onward) -> None:
        if not isinstance(decision, Finish):
            return
        code = decision.error.code if decision.error else None
        level = logging.DEBUG if decision.status is Status.COMPLETED else logging.INFO
        if _levels.isEnabledFor(level):
            self._logger.log(level, "task_finished", status=decision.status.value, error_code=code)
