"""Watches a run while it lasts: a task that should have ended by now is stuck, killed or not."""

from __future__ import annotations

import asyncio
import time

import attrs

from danqing_server.composition.workers import MOST_FETCHING_GRACE_S
from danqing_server.worker.janitor import OVERDUE_EVERY_S, OVERDUE_GRACE
from tests.chaos.clients import Clients
from tests.chaos.faults import FaultLog
from tests.chaos.submission import Submission
from tests.chaos.traffic import CAPPED

__all__ = ["Watch"]

LOOK_EVERY_S = 2.0
LONGEST_WAIT_S = 300.0
"""How long a task may wait for its first start while processes, MongoDB and Redis die around it."""

TAKEOVER_S = 45.0
"""How long a dead process's tasks may wait for another."""


@attrs.define(kw_only=True)
class Watch:
    """Keeps the tasks that are overdue, and why, by their nonces; a task's own time limit is *task_timeout_s*."""

    clients: Clients
    log: FaultLog
    task_timeout_s: float
    stuck: dict[str, tuple[Submission, str]] = attrs.field(factory=dict, init=False)

    async def keep(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            self.look()

    def look(self) -> None:
        """Note and print every task that is overdue now."""
        now_s = time.time()
        for submission in self.clients.unfinished:
            if submission.nonce in self.stuck or submission.kind.provider == CAPPED:
                continue
            if why := self._why_stuck(submission, now_s):
                self.stuck[submission.nonce] = submission, why
                print(f"chaos: stuck {submission.task_id} ({submission.kind.name}): {why}", flush=True)

    def longest_s(self) -> float:
        """Return how long after its user's last move a task may take, whatever happens."""
        fetching_s = min(self.task_timeout_s, MOST_FETCHING_GRACE_S)
        sweep_s = OVERDUE_GRACE.total_seconds() + OVERDUE_EVERY_S
        return LONGEST_WAIT_S + self.task_timeout_s + fetching_s + sweep_s + TAKEOVER_S

    def _why_stuck(self, submission: Submission, now_s: float) -> str | None:
        age_s = now_s - submission.last_moved_s
        if age_s > self.longest_s():
            return f"still {submission.status} {age_s:.0f} s after its user's last move"
        if not self.log.events and age_s > submission.kind.usual_s:
            return f"still {submission.status} after {age_s:.0f} s, and nothing was killed"
        return None
