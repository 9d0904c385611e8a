"""The gate of each lane: closed for a while when the service asks for it, is broken, or refuses the account.

It opens by itself: after the time is up one task tries, and the lane follows what becomes of it. All processes
share the gate. (In a circuit breaker's words `open` means that nothing passes; so it does here.)
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

import attrs

from danqing_server.queue import scripts
from danqing_server.queue.connection import Connection
from danqing_server.queue.lanes import Queue

__all__ = ["Gate", "Gates", "Pace", "Report"]

FAILURES_IN_A_ROW = 10
SERVICE_MS = (1_000, 60_000)
ACCOUNT_MS = (30_000, 600_000)


class Report(StrEnum):
    """What became of a call, as far as the service's health goes."""

    SUCCESS = "success"
    FAILURE = "failure"
    ACCOUNT = "account"


@attrs.frozen(kw_only=True)
class Gate:
    """A lane's gate. `state` is `closed` (all is well), `open` or `half_open`, as of a circuit breaker.

    `until_ms` is by this process's clock, 0: nothing is held back. `reason` is a stable word: a provider's code,
    `rate_limited`, `spend_limit`.
    """

    state: str = "closed"
    until_ms: int = 0
    reason: str | None = None
    failures: int = 0


@attrs.frozen(kw_only=True)
class Pace:
    """How fast a lane worked over the last minutes: tasks finished a second, and how long one ran, in seconds.

    Both are None when nothing finished.
    """

    per_s: float | None = None
    mean_s: float | None = None


@attrs.define(eq=False)
class Gates:
    """The gates of all lanes. Every method raises QueueUnavailable when Redis does not answer."""

    connection: Connection
    queue: Queue

    async def hold(self, lane: str, for_s: float, reason: str) -> None:
        """Let nothing of *lane* begin for *for_s* seconds; a longer hold stays."""
        await self.connection.run(scripts.HOLD, lane, [int(for_s * 1000), reason])

    def is_suspect(self, lane: str) -> bool:
        """Tell whether *lane*'s gate has seen failures: only then is a success worth a report."""
        return lane in self.queue.suspect

    async def report(self, lane: str, kind: Report, reason: str = "") -> bool:
        """Count a call towards the breaker; True while it is not closed. A success in good times costs nothing."""
        if kind is Report.SUCCESS and not self.is_suspect(lane):
            return False
        first_ms, longest_ms = ACCOUNT_MS if kind is Report.ACCOUNT else SERVICE_MS
        arguments: list[str | int] = [kind.value, reason, FAILURES_IN_A_ROW, first_ms, longest_ms]
        if kind is not Report.SUCCESS:
            self.queue.suspect.add(lane)
        return bool(await self.connection.run(scripts.REPORT, lane, arguments))

    async def look(self, lane: str) -> Gate:
        """Return how a lane's gate stands."""
        return (await self.look_with_pace(lane))[0]

    async def pace(self, lane: str) -> Pace:
        """Return how fast a lane worked, from the minutes just past."""
        return (await self.look_with_pace(lane))[1]

    async def look_with_pace(self, lane: str) -> tuple[Gate, Pace]:
        """Return what `look` and `pace` do, in one round trip."""
        answer = await self.connection.run(scripts.LOOK, lane, [])
        return self._gate(answer[:4]), _pace(answer[4], [int(count) for count in answer[5:]])

    def _gate(self, answer: Sequence[Any]) -> Gate:
        state, left_ms, reason, failures = answer
        state = {b"": "closed", b"open": "open", b"half": "half_open"}[state]
        return Gate(
            state=state,
            until_ms=self.connection.clock.now_ms() + left_ms if left_ms else 0,
            reason=reason.decode() if reason and (left_ms or state != "closed") else None,
            failures=int(failures),
        )


def _pace(second: int, counts: Sequence[int]) -> Pace:
    """Return the pace from the *second* that this minute has come to and, latest minute first, n and ms of each."""
    minutes = [(n, ms) for n, ms in zip(counts[::2], counts[1::2], strict=True) if n]
    finished = sum(n for n, _ in minutes)
    if not finished:
        return Pace()
    span_s = max(1.0, (len(minutes) - 1) * 60 + second)
    return Pace(per_s=finished / span_s, mean_s=sum(ms for _, ms in minutes) / finished / 1000)
