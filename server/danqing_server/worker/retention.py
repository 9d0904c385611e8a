"""Lets tasks go that were kept for long enough, by the rules of the settings. One process of all does so at a time.

Whether a task goes is decided once more by the write that removes it (`Register.delete`): what was tried again, or
got a star, since it was looked at stays.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

import attrs

from danqing_plugins.billing import Billed, CallOutcome
from danqing_server.assets.places import Space
from danqing_server.assets.storage import Assets
from danqing_server.clock import Clock
from danqing_server.errors import StorageUnavailable
from danqing_server.life.billing import billed_of
from danqing_server.life.moves import Deleted
from danqing_server.life.register import Register
from danqing_server.log import get_logger
from danqing_server.queue.lanes import Queue
from danqing_server.records.tasks import FINISHED, Status, Task
from danqing_server.settings.retention import NO_PROJECT, RetentionRule
from danqing_server.store.old_tasks import Kinds, OldTasks
from danqing_server.store.reach import Reach

__all__ = ["LOOK_EVERY_S", "Retention", "is_settled"]

LOOK_EVERY_S = 15.0
PASS_EVERY_S = 600.0
SHARE = 20
"""After a look that took long the next one comes so many times as long later: most tasks stay every time."""
LEASE_S = 120
AT_ONCE = 8
TOLD_AFTER_S = 120.0
"""How late a file system may tell what was freed: btrfs does with its next commit, after 30 s by default."""

SET_ASIDE_FOR = timedelta(days=2)
"""How long what was set aside of a day's limit matters, wherever that day is."""

T = TypeVar("T")

log = get_logger(__name__)


def is_settled(task: Task, reserved_before: datetime) -> bool:
    """Tell whether nothing is open of a task: it has ended, so have its calls, and it is known what was paid.

    What was set aside before *reserved_before* is no matter: the day whose limit it is of is over.
    """
    if task.status not in FINISHED or task.attempt is not None:
        return False
    if task.reserved is not None and task.reserved.at >= reserved_before:
        return False
    calls = task.calls.values()
    is_open = any(call.outcome is CallOutcome.OPEN and call.late_outcome is None for call in calls)
    return not is_open and billed_of(task) is not Billed.UNKNOWN


@attrs.define
class _Freed:
    """What went for the disk's sake since it had `used_before` in use, the last of it at `at_s`."""

    used_before: int
    at_s: float
    size_bytes: int = 0

    def seen_in(self, space: Space) -> Space:
        """Return *space* as it is once its file system tells of all that went."""
        untold = min(max(0, self.size_bytes - max(0, self.used_before - space.used)), space.used)
        return attrs.evolve(space, free=space.free + untold, used=space.used - untold)


@attrs.define(eq=False)
class Retention:
    """Lets tasks go by *rules*, of which the first that is for a task decides."""

    rules: Sequence[RetentionRule]
    old: OldTasks
    register: Register
    queue: Queue
    assets: Assets
    clock: Clock
    worker: str
    _freed: _Freed = attrs.field(factory=lambda: _Freed(0, float("-inf")), init=False)
    _looked_for_s: float = attrs.field(default=0.0, init=False)
    _next_pass_s: float = attrs.field(default=float("-inf"), init=False)
    _next_room_s: float = attrs.field(default=float("-inf"), init=False)
    _prepared: bool = attrs.field(default=False, init=False)

    async def look(self) -> None:
        """Let the oldest go while the disk is too full; now and then, what is too old or too much."""
        if not await self._is_mine():
            return
        await self._prepare()
        if self.clock.monotonic_s() >= self._next_pass_s:
            self._looked_for_s = 0.0
            await self.let_go()
            self._next_pass_s = self.clock.monotonic_s() + max(PASS_EVERY_S, self._looked_for_s * SHARE)
        if self.clock.monotonic_s() >= self._next_room_s:
            self._looked_for_s = 0.0
            await self.make_room()
            self._next_room_s = self.clock.monotonic_s() + min(PASS_EVERY_S, self._looked_for_s * SHARE)

    async def let_go(self) -> int:
        """Let go what is too old or too much; returns how many tasks went."""
        gone = 0
        for rule, kinds in self._kinds():
            if rule.keep_for_s is not None:
                until = self.clock.now() - timedelta(seconds=rule.keep_for_s)
                gone += await self._let_all_go(rule, kinds, "age", until, ended_before=until)
            if rule.keep_tasks is not None:
                gone += await self._let_surplus_go(rule, kinds, rule.keep_tasks)
        return gone

    async def make_room(self) -> int:
        """Let the oldest go while the disk is fuller than a rule allows; returns how many tasks went."""
        gone = 0
        for rule, kinds in self._kinds():
            if rule.keep_disk_below is not None and await self._is_too_full(rule.keep_disk_below):
                until = self.clock.now() - timedelta(seconds=rule.disk_spares_s)
                went = await self._let_all_go(rule, kinds, "disk", until, while_full=rule.keep_disk_below)
                if await self._is_too_full(rule.keep_disk_below):
                    log.warning("retention_made_too_little_room", rule=rule.where, count=went)
                gone += went
        return gone

    async def _let_surplus_go(self, rule: RetentionRule, kinds: Kinds, most: int) -> int:
        gone = 0
        for owner in await self._owners_of(rule):
            own = attrs.evolve(kinds, reach=Reach.of(owner))
            border = await self._looked(self.old.newest(own, most))
            if border is not None:
                gone += await self._let_all_go(rule, own, "count", border)
        return gone

    async def _let_all_go(
        self,
        rule: RetentionRule,
        kinds: Kinds,
        reason: str,
        made_before: datetime,
        *,
        ended_before: datetime | None = None,
        while_full: int | None = None,
    ) -> int:
        gone = 0
        async for some in self._some(kinds, made_before, ended_before):
            if while_full is not None and not await self._is_too_full(while_full):
                break
            went = await asyncio.gather(*map(self._delete, some))
            gone += sum(went)
            self._note_freed([task for task, is_gone in zip(some, went, strict=True) if is_gone])
        if gone:
            log.info("tasks_let_go", rule=rule.where, reason=reason, count=gone)
        return gone

    async def _some(
        self, kinds: Kinds, made_before: datetime, ended_before: datetime | None
    ) -> AsyncIterator[Sequence[Task]]:
        """Yield the tasks that may go, a few at a time, while it is this process's turn."""
        after, reserved_before = None, self.clock.now() - SET_ASIDE_FOR
        while await self._is_mine():
            page = self.old.page(
                kinds,
                after=after,
                made_before=made_before,
                reserved_before=reserved_before,
                ended_before=ended_before,
            )
            tasks, after = await self._looked(page)
            settled = [task for task in tasks if is_settled(task, reserved_before)]
            for start in range(0, len(settled), AT_ONCE):
                yield settled[start : start + AT_ONCE]
            if after is None:
                return

    async def _looked(self, looking: Awaitable[T]) -> T:
        """Return what was looked for, and note for how long it was: not for how long tasks were deleted."""
        began_s = self.clock.monotonic_s()
        found = await looking
        self._looked_for_s += self.clock.monotonic_s() - began_s
        return found

    async def _delete(self, task: Task) -> bool:
        return await self.register.delete(Deleted(task=task, at=self.clock.now()), guarded=True)

    async def _is_too_full(self, percent: int) -> bool:
        """Tell whether more of the storage's disk is in use than *percent*; never of one that does not say.

        What went counts as free, whether the file system says so yet or not.
        """
        try:
            space = await self.assets.space()
        except StorageUnavailable:
            return False
        if space is None:
            return False
        now_s = self.clock.monotonic_s()
        if now_s - self._freed.at_s > TOLD_AFTER_S:
            self._freed = _Freed(used_before=space.used, at_s=now_s)
        return self._freed.seen_in(space).is_fuller_than(percent)

    def _note_freed(self, tasks: Sequence[Task]) -> None:
        """Count what went: a disk that does not tell so at once must not cost more tasks than it has to."""
        outputs = (output for task in tasks for output in (*task.outputs.values(), *task.late.values()))
        self._freed.size_bytes += sum(output.asset.size_bytes for output in outputs if output.asset is not None)
        if tasks:
            self._freed.at_s = self.clock.monotonic_s()

    async def _owners_of(self, rule: RetentionRule) -> Sequence[str | None]:
        return [_owner(rule.project)] if rule.project else await self.old.owners()

    def _kinds(self) -> Sequence[tuple[RetentionRule, Kinds]]:
        """Return what each rule is for: what those before it leave."""
        plain = [Kinds(reach=_reach(rule), statuses=tuple(map(Status, rule.statuses))) for rule in self.rules]
        return [
            (rule, attrs.evolve(kinds, but=tuple(plain[:number])))
            for number, (rule, kinds) in enumerate(zip(self.rules, plain, strict=True))
        ]

    async def _is_mine(self) -> bool:
        return await self.queue.claim_sweep(self.worker, LEASE_S, "retention")

    async def _prepare(self) -> None:
        if not self._prepared:
            for reach in {_reach(rule).is_everybody: _reach(rule) for rule in self.rules}.values():
                await self.old.prepare(reach)
            if any(rule.keep_tasks is not None for rule in self.rules):
                await self.old.prepare(Reach.of(""))
            self._prepared = True


def _owner(project: str) -> str | None:
    return None if project == NO_PROJECT else project


def _reach(rule: RetentionRule) -> Reach:
    return Reach.of(_owner(rule.project)) if rule.project else Reach.everybody()
