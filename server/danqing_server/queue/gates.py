"""The gate of each lane: closed for a while when the service asks for it, is broken, or refuses the account.

It opens by itself: after the time is up one task tries, and the lane follows what becomes of it. All processes
share the gate. (In a circuit breaker's words `open` means that nothing passes; so it does here.)
"""

from __future__ import annotations

from collections.abc import Awaitable
from enum import StrEnum
from typing import cast

import attrs

from danqing_server.queue import scripts
from danqing_server.queue.connection import Connection, translated
from danqing_server.queue.lanes import Queue

__all__ = ["Gate", "Gates", "Pace", "Report"]

FAILURES_IN_A_ROW = 10
SERVICE_MS = (1_000, 60_000)
ACCOUNT_MS = (30_000, 600_000)
PACE_MINUTES = 5


class Report(StrEnum):
    """What became of a call, as far as the service's health goes."""

    SUCCESS = "success"
    FAILURE = "failure"
    ACCOUNT = "account"


@attrs.frozen(kw_only=True)
class Gate:
    """A lane's gate. `state` is `closed` (all is well), `open` or `half_open`, as of a circuit breaker.

    `until_ms` 0: nothing is held back. `reason` is a stable word: a provider's code, `rate_limited`, `spend_limit`.
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
        until_ms = self.connection.clock.now_ms() + int(for_s * 1000)
        await self.connection.run(scripts.HOLD, lane, [until_ms, reason])

    def is_suspect(self, lane: str) -> bool:
        """Tell whether *lane*'s gate has seen failures: only then is a success worth a report."""
        return lane in self.queue.suspect

    async def report(self, lane: str, kind: Report, reason: str = "") -> bool:
        """Count a call towards the breaker; True while it is not closed. A success in good times costs nothing."""
        if kind is Report.SUCCESS and not self.is_suspect(lane):
            return False
        first_ms, longest_ms = ACCOUNT_MS if kind is Report.ACCOUNT else SERVICE_MS
        arguments: list[str | int] = [self.connection.clock.now_ms(), kind.value, reason]
        arguments += [FAILURES_IN_A_ROW, first_ms, longest_ms]
        if kind is not Report.SUCCESS:
            self.queue.suspect.add(lane)
        return bool(await self.connection.run(scripts.REPORT, lane, arguments))

    async def look(self, lane: str) -> Gate:
        """Return how a lane's gate stands."""
        with translated():
            found = await cast(
                "Awaitable[dict[bytes, bytes]]", self.connection.hot.hgetall(f"{self.connection.base(lane)}:gate")
            )
        fields = {key.decode(): value.decode() for key, value in found.items()}
        until_ms = int(float(fields.get("until", 0)))
        held = until_ms > self.connection.clock.now_ms()
        state = {None: "closed", "open": "open", "half": "half_open"}[fields.get("state")]
        return Gate(
            state=state,
            until_ms=until_ms if held else 0,
            reason=fields.get("reason") if held or state != "closed" else None,
            failures=int(fields.get("failures", 0)),
        )

    async def pace(self, lane: str) -> Pace:
        """Return how fast a lane worked, from the minutes just past."""
        minute = self.connection.clock.now_ms() // 60_000
        base = self.connection.base(lane)
        with translated():
            async with self.connection.hot.pipeline(transaction=False) as pipeline:
                for back in range(PACE_MINUTES):
                    pipeline.hmget(f"{base}:pace:{minute - back}", ["n", "ms"])
                rows = await pipeline.execute()
        counted = [(int(n), int(ms)) for n, ms in rows if n is not None]
        finished = sum(n for n, _ in counted)
        if not finished:
            return Pace()
        seconds_of_this_minute = self.connection.clock.now_ms() % 60_000 / 1000
        span_s = max(1.0, (len(counted) - 1) * 60 + seconds_of_this_minute)
        return Pace(per_s=finished / span_s, mean_s=sum(ms for _, ms in counted) / finished / 1000)
