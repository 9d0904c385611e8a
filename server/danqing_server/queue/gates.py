"""The gate of each lane: held for a while when somebody asks for it, shut when the service is broken or refuses us.

These are three facts. A pause is a person's, kept in MongoDB; here stands what of it stops all processes at once. A
hold (the service's rate, a spend limit) ends with its time and nothing else. The breaker
opens after a run of failures or a refusal of the account; after a while one task tries, and the lane follows what
becomes of it. Whoever tried in vain leaves the next try to another: what the service refuses may be that task
alone. All processes share the gate. (In a circuit breaker's words `open` means that nothing passes; so it does
here.)

    closed ── a run of failures, the account refused, two tasks refused alike ──→ open
      ↑                                                                          ↑   │ its time is up
      └──────────────── a success ──────────────── half-open ── it failed ───────┘   │
                                                       ↑──── one task tries ─────────┘
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any
from urllib.parse import unquote

import attrs

from danqing_server.queue import gate_scripts as scripts
from danqing_server.queue.connection import RedisConnection
from danqing_server.queue.entries import quoted
from danqing_server.queue.lanes import Queue

__all__ = ["PAUSED", "RATE_LIMITED", "Gate", "Gates", "Halt", "Hold", "Report", "Story", "Throughput", "Turn"]

FAILURES_IN_A_ROW = 10
LONGEST_RATE_HOLD_S = 300.0
LONE_HOLD_MS = 2_000
SERVICE_MS = (1_000, 30_000)
ACCOUNT_MS = (15_000, 60_000)  # one refused call costs nothing; who paid the bill waits no longer than this
RATE_LIMITED = "rate_limited"
PAUSED = "paused"
STATES = {b"": "closed", b"open": "open", b"half": "half_open"}


class Report(StrEnum):
    """What became of a call, as far as the service's health goes.

    `account`: the account is refused, for certain. `refusal`: it may be the account, or this one request.
    """

    SUCCESS = "success"
    FAILURE = "failure"
    ACCOUNT = "account"
    REFUSAL = "refusal"


@attrs.frozen(kw_only=True)
class Hold:
    """Until when nothing may begin, by this process's clock, and why: `rate_limited`, `spend_limit`."""

    until_ms: int
    reason: str
    since_ms: int = 0


@attrs.frozen(kw_only=True)
class Halt:
    """A person's pause, as far as Redis knows it; `until_ms` None: until somebody resumes the lane."""

    until_ms: int | None


@attrs.frozen(kw_only=True)
class Turn:
    """A turn of a gate: `closed`, `open` or `held`, until when at first (None: at once), and a stable word why."""

    at_ms: int
    word: str
    until_ms: int | None
    reason: str


@attrs.frozen(kw_only=True)
class Story:
    """What Redis remembers of a lane: turns of its gate for a day, and of each minute of the last hour, the latest
    first, how many tasks ended, and how many of them failed."""

    turns: Sequence[Turn]
    ended: Sequence[int]
    failed: Sequence[int]


@attrs.frozen(kw_only=True)
class Gate:
    """A lane's gate: its breaker, the hold beside it, None for none, and until when single models are held.

    `state` is `closed` (all is well), `open` or `half_open`. `until_ms` is when an open one lets one task try, by
    this process's clock, 0 when that is now. `reason` is what opened it: a provider's code, a stable word, at
    `since_ms`. `halt` is a person's pause.
    """

    state: str = "closed"
    until_ms: int = 0
    reason: str | None = None
    failures: int = 0
    hold: Hold | None = None
    models: Mapping[str, int] = attrs.field(factory=dict)
    since_ms: int = 0
    halt: Halt | None = None

    @property
    def shut_until_ms(self) -> int:
        """When anything of the lane may begin, 0: now, or when a pause `is_endless` that a person has to end."""
        halt_ms = 0 if self.halt is None or self.halt.until_ms is None else self.halt.until_ms
        return max(self.until_ms, self.hold.until_ms if self.hold else 0, halt_ms)

    @property
    def is_endless(self) -> bool:
        """Whether it is paused without an end."""
        return self.halt is not None and self.halt.until_ms is None

    @property
    def accepting(self) -> bool:
        """Whether the lane gives tasks out."""
        return self.halt is None and not self.shut_until_ms

    @property
    def shut_by(self) -> str | None:
        """What keeps the lane shut for longest, None when nothing does."""
        if self.halt is not None:
            return PAUSED
        if self.hold is not None and self.hold.until_ms >= self.until_ms:
            return self.hold.reason
        return self.reason


@attrs.frozen(kw_only=True)
class Throughput:
    """How fast a lane worked over the last minutes: tasks finished a second, and how long one ran, in seconds.

    Both are None when nothing finished.
    """

    per_s: float | None = None
    mean_s: float | None = None


@attrs.define(eq=False)
class Gates:
    """The gates of all lanes. Every method raises QueueUnavailable when Redis does not answer."""

    connection: RedisConnection
    queue: Queue

    async def hold(self, lane: str, for_s: float, reason: str) -> None:
        """Let nothing of *lane* begin for *for_s* seconds; a longer hold stays."""
        await self.connection.run(scripts.HOLD, lane, [int(for_s * 1000), reason, "", "", 0])

    async def hold_for_rate(self, lane: str, for_s: float, task_id: str, model: str | None = None) -> None:
        """The service told *task_id* to wait for *for_s* seconds, which is never prolonged.

        A service that says so is there: what failures shut is open again. With *model* it is that model's limit,
        and tasks of others go on. Until another task is told the same meanwhile, the others wait for two seconds at
        most: it may be one task's trouble.
        """
        for_ms = int(min(for_s, LONGEST_RATE_HOLD_S) * 1000)
        arguments: list[str | int] = [for_ms, RATE_LIMITED, quoted(model or ""), task_id, LONE_HOLD_MS]
        await self.connection.run(scripts.HOLD, lane, arguments)

    def is_suspect(self, lane: str) -> bool:
        """Tell whether *lane*'s gate has seen failures: only then is a success worth a report."""
        return lane in self.queue.suspect

    async def report(self, lane: str, kind: Report, reason: str = "", task_id: str = "") -> bool:
        """Count a call of *task_id* towards the breaker; True while it is not closed.

        A success in good times costs nothing. A refusal opens the breaker when another task was refused for the
        same *reason* with no success since.
        """
        if kind is Report.SUCCESS and not self.is_suspect(lane):
            return False
        first_ms, longest_ms = ACCOUNT_MS if kind is Report.ACCOUNT else SERVICE_MS
        arguments: list[str | int] = [kind.value, task_id, reason, FAILURES_IN_A_ROW, first_ms, longest_ms]
        if kind is not Report.SUCCESS:
            self.queue.suspect.add(lane)
        return bool(await self.connection.run(scripts.REPORT, lane, arguments))

    async def pause(self, lane: str, revision: int, until_ms: int | None) -> None:
        """Let nothing of *lane* begin, until *until_ms* by this process's clock or for ever when None.

        What a newer *revision* said stays.
        """
        left_ms = -1 if until_ms is None else max(0, until_ms - self.connection.clock.now_ms())
        await self.connection.run(scripts.PAUSE, lane, [revision, left_ms])

    async def end_pause(self, lane: str, revision: int) -> None:
        """Let *lane* begin tasks again, as far as the other facts of its gate allow it; of no use twice."""
        if await self.connection.run(scripts.PAUSE, lane, [revision, 0]):
            await self.queue.wake(lane)

    async def probe(self, lane: str) -> bool:
        """Let one task try at once whether the service is back; False when the breaker is closed."""
        found = await self.connection.run(scripts.PROBE, lane, [])
        await self.queue.wake(lane)
        return bool(found)

    async def end_hold(self, lane: str, reason: str) -> None:
        """Let *lane* begin tasks again that is held for this *reason*, as far as the other facts of its gate do."""
        if await self.connection.run(scripts.END_HOLD, lane, [reason]):
            await self.queue.wake(lane)

    async def open(self, lane: str) -> None:
        """Forget what shuts *lane*, breaker and holds; not a person's pause."""
        await self.connection.run(scripts.OPEN, lane, [])
        await self.queue.wake(lane)

    async def story(self, lane: str) -> Story:
        """Return what is remembered of *lane*."""
        then_ms, turns, *counts = await self.connection.run(scripts.STORY, lane, [])
        ahead_ms = self.connection.clock.now_ms() - int(then_ms)
        ended = [int(count) for count in counts[::2]]
        return Story(
            turns=[_turn(line.decode(), ahead_ms) for line in turns],
            ended=ended,
            failed=[int(count) for count in counts[1::2]],
        )

    async def look(self, lane: str) -> Gate:
        """Return how a lane's gate stands."""
        return (await self.look_with_throughput(lane))[0]

    async def throughput(self, lane: str) -> Throughput:
        """Return how fast a lane worked, from the minutes just past."""
        return (await self.look_with_throughput(lane))[1]

    async def look_with_throughput(self, lane: str) -> tuple[Gate, Throughput]:
        """Return what `look` and `throughput` do, in one round trip."""
        answer = await self.connection.run(scripts.LOOK, lane, [])
        pace = [int(count) for count in answer[10:20]]
        return self._gate(answer[:9], answer[20:]), _throughput(answer[9], pace)

    def _gate(self, answer: Sequence[Any], models: Sequence[Any]) -> Gate:
        state, shut_ms, reason, failures, held_ms, hold_reason, paused_ms, open_ms, hold_ms = answer
        now_ms = self.connection.clock.now_ms()
        hold = Hold(until_ms=now_ms + held_ms, reason=hold_reason.decode(), since_ms=now_ms - hold_ms)
        return Gate(
            state=STATES[state],
            until_ms=now_ms + shut_ms if shut_ms else 0,
            reason=reason.decode() or None,
            failures=int(failures),
            hold=hold if held_ms else None,
            since_ms=now_ms - open_ms if state else 0,
            halt=Halt(until_ms=None if paused_ms < 0 else now_ms + paused_ms) if paused_ms else None,
            models={
                unquote(name.decode()): now_ms + ms for name, ms in zip(models[::2], models[1::2], strict=True)
            },
        )


def _turn(line: str, ahead_ms: int) -> Turn:
    """Return what one line of a story says; this process's clock is *ahead_ms* ahead of Redis' own."""
    at_ms, word, left_ms, reason = line.split(" ", 3)
    at = int(at_ms) + ahead_ms
    return Turn(at_ms=at, word=word, until_ms=at + int(left_ms) if int(left_ms) else None, reason=reason)


def _throughput(second: int, counts: Sequence[int]) -> Throughput:
    """Return it from the *second* that this minute has come to and, latest minute first, n and ms of each."""
    spans = (max(1, second), 60, 60, 60, 60)
    minutes = [(n, ms, s) for n, ms, s in zip(counts[::2], counts[1::2], spans, strict=True) if n]
    finished = sum(n for n, _, _ in minutes)
    if not finished:
        return Throughput()
    span_s, ran_ms = sum(s for _, _, s in minutes), sum(ms for _, ms, _ in minutes)
    return Throughput(per_s=finished / span_s, mean_s=ran_ms / finished / 1000)
