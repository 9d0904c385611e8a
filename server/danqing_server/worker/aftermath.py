"""What follows an attempt outside its own document: the lane's gate, the day's spending, the queue, the plugins."""

from __future__ import annotations

import attrs

from danqing_plugins import TaskEventKind
from danqing_server.errors import QueueUnavailable, StoreUnavailable
from danqing_server.log import Logger
from danqing_server.models import Status, Task
from danqing_server.queue.gates import Report
from danqing_server.retry import Again, Decision, Failure, FailureKind
from danqing_server.worker.spending import Reserved
from danqing_server.worker.telling import entry_of, event_of
from danqing_server.worker.tools import Tools

__all__ = ["Aftermath"]

RATE_LIMITED_PAUSE_S = 2.0


@attrs.frozen(eq=False)
class Aftermath:
    """Tells everyone else. What Redis misses the janitor heals; what MongoDB misses errs on the safe side."""

    tools: Tools
    logger: Logger
    lane: str

    async def report(self, failure: Failure | None) -> Failure | None:
        """Tell the lane's gate how the service fares; while it is shut no failure is held against a task."""
        gates, lane = self.tools.gates, self.lane
        try:
            if failure is None:
                await gates.report(lane, Report.SUCCESS)
            elif failure.kind is FailureKind.RATE_LIMITED:
                await gates.hold(lane, failure.retry_after_s or RATE_LIMITED_PAUSE_S, "rate_limited")
            elif failure.error.provider_code == "spend_limit":
                self.logger.warning("spend_limit_reached")  # the guard has closed the lane already
            elif failure.kind is FailureKind.ACCOUNT:
                self.logger.error("account_problem", code=failure.error.provider_code)
                await gates.report(lane, Report.ACCOUNT, failure.error.provider_code or "account_problem")
            elif failure.is_outage and await gates.report(lane, Report.FAILURE, failure.error.code):
                return attrs.evolve(failure, counted=False)
        except QueueUnavailable as error:
            self.logger.warning("gate_not_told", reason=str(error))
        return failure

    async def follow(self, before: Task, after: Task, decision: Decision, reserved: Reserved | None) -> None:
        """Carry on from the written end of an attempt that began as *before*."""
        await self._settle_spending(before, after, reserved)
        await self._tell_queue(after, decision)
        await self._tell_plugins(after, decision)

    async def _tell_queue(self, task: Task, decision: Decision) -> None:
        queue, worker = self.tools.queue, self.tools.lease.worker
        try:
            if isinstance(decision, Again):
                await queue.release(worker, entry_of(task.changed(run_at=decision.run_at)))
            else:
                await queue.acknowledge(self.lane, worker, task.id, self._ran_ms(task))
        except QueueUnavailable as error:
            self.logger.warning("queue_not_told", reason=str(error))

    async def _settle_spending(self, before: Task, after: Task, reserved: Reserved | None) -> None:
        try:
            if reserved is not None:
                await self.tools.guard.settle(before, after, reserved)
        except StoreUnavailable as error:
            self.logger.warning("spending_not_settled", reason=str(error))

    async def _tell_plugins(self, task: Task, decision: Decision) -> None:
        if not self.tools.registry.has_listeners:
            return
        error = decision.error
        if isinstance(decision, Again):
            kind = TaskEventKind.RETRYING
        else:
            kind = TaskEventKind.COMPLETED if decision.status is Status.COMPLETED else TaskEventKind.FAILED
        await self.tools.registry.tell(event_of(task, kind, error.code if error else None))

    def _ran_ms(self, task: Task) -> int:
        now = self.tools.clock.now()
        started_at = task.attempt.started_at if task.attempt else now
        return max(1, round((now - started_at).total_seconds() * 1000))
