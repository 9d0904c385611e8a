"""Tasks go when they were kept for long enough, and none goes that anybody may still need."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from datetime import timedelta
from typing import Any

import attrs
import pytest

from danqing_server.access.caller import Caller
from danqing_server.records.tasks import (
    Attempt,
    CallOutcome,
    CallRecord,
    Reserved,
    Status,
    Task,
)
from danqing_server.settings.retention import RetentionRule
from danqing_server.store.old_tasks import Kinds, OldTasks
from danqing_server.store.reach import Reach
from danqing_server.worker.retention import Retention
from tests.support.providers import ScriptedProvider, picture
from tests.support.shelf import Shelf
from tests.support.system import MakeSettings, System, running_system
from tests.unit.api.tasks import NOW

DAY_S = 86400.0


@attrs.define(eq=False)
class Stock:
    """A process with tasks of all ages, whose retention a test hurries on."""

    system: System
    shelf: Shelf

    def retention(self, *rules: RetentionRule) -> Retention:
        """Return who lets tasks go by *rules*."""
        services = self.system.services
        return Retention(
            rules=rules,
            old=OldTasks(services.store.database, services.task_list),
            register=services.control.register,
            queue=services.queue,
            assets=services.assets,
            clock=services.clock,
            worker="w",
        )

    async def let_go(self, *rules: RetentionRule) -> int:
        """Let go what *rules* let go."""
        return await self.retention(*rules).let_go()

    async def put(self, name: str, days: float, **changes: Any) -> Task:
        """Store a task that was made, and ended, *days* ago."""
        at = self.system.services.clock.now() - timedelta(days=days)
        ended = {} if "status" in changes and changes["status"] is Status.PENDING else {"completed_at": at}
        return await self.shelf.put(name, picture(), **{"created_at": at, "updated_at": at, **ended, **changes})

    async def put_rows(self, count: int) -> None:
        """Store so many tasks, the oldest first, five made at each moment."""
        now = self.system.services.clock.now()
        for number in range(count):
            at = now - timedelta(days=40 - number // 5)
            await self.put(f"t{number:02}", 1, created_at=at, completed_at=at)

    async def asked_by(self, deed: Awaitable[object]) -> list[dict[str, Any]]:
        """Return what MongoDB notes of the questions about tasks that *deed* asks."""
        database = self.system.services.store.database
        await database.command("profile", 2)
        await deed
        await database.command("profile", 0)
        asked = {"op": "query", "ns": f"{database.name}.danqing_tasks", "command.find": "danqing_tasks"}
        return list(await database["system.profile"].find(asked).to_list(None))

    async def left(self) -> list[str]:
        """Return the names of what is there."""
        found = self.system.services.store.database["danqing_tasks"].find({}, ["_id"])
        return sorted([each["_id"] async for each in found])


@pytest.fixture
async def stock(make_settings: MakeSettings) -> AsyncIterator[Stock]:
    """A process that carries nothing out."""
    async with running_system(make_settings(), [ScriptedProvider()], workers=False) as system:
        yield Stock(system, Shelf(system.services.store, system.services.assets))


def call(outcome: CallOutcome) -> dict[str, CallRecord]:
    """Return the one call of a task that failed."""
    record = CallRecord(id="c", attempt=1, indexes=(0,), fingerprint="f", sent_at=NOW, outcome=outcome)
    return {"c": record}


class TestRules:
    async def test_age_counts_from_the_end(self, stock: Stock) -> None:
        """What was made long ago and ended just now stays."""
        await stock.put("old", 40)
        await stock.put("young", 20)
        await stock.put("lasted", 40, completed_at=stock.system.services.clock.now())
        assert await stock.let_go(RetentionRule(keep_for_s=30 * DAY_S)) == 1
        assert await stock.left() == ["lasted", "young"]

    async def test_files_go_with_their_tasks(self, stock: Stock) -> None:
        """As with every deletion."""
        task = await stock.put("old", 40)
        assert task.outputs["0"].asset is not None
        folder = stock.system.services.settings.data_dir / "pictures" / "old"
        assert list(folder.iterdir())
        await stock.let_go(RetentionRule(keep_for_s=30 * DAY_S))
        assert not folder.exists()

    async def test_the_first_rule_that_is_for_a_task_decides(self, stock: Stock) -> None:
        """Failures go after a day, one project keeps all, the others a month."""
        await stock.put("failed", 2, status=Status.FAILED)
        await stock.put("theirs", 400, owner="acme")
        await stock.put("theirs_failed", 2, owner="acme", status=Status.FAILED)
        await stock.put("others", 40, owner="other")
        await stock.put("ours", 2)
        rules = (
            RetentionRule(statuses=("failed",), keep_for_s=DAY_S),
            RetentionRule(project="acme"),
            RetentionRule(keep_for_s=30 * DAY_S),
        )
        assert await stock.let_go(*rules) == 3
        assert await stock.left() == ["ours", "theirs"]

    async def test_each_project_keeps_its_newest(self, stock: Stock) -> None:
        """So many of each, and of those without a key."""
        for number in range(4):
            await stock.put(f"a{number}", number + 1, owner="acme")
            await stock.put(f"l{number}", number + 1)
        await stock.put("b0", 99, owner="other")
        assert await stock.let_go(RetentionRule(keep_tasks=2)) == 4
        assert await stock.left() == ["a0", "a1", "b0", "l0", "l1"]

    async def test_a_rule_may_be_for_those_without_a_key(self, stock: Stock) -> None:
        """Under the name by which reports know them."""
        await stock.put("ours", 3)
        await stock.put("theirs", 3, owner="acme")
        await stock.let_go(RetentionRule(project="(local)", keep_for_s=DAY_S))
        assert await stock.left() == ["theirs"]

    async def test_more_than_a_page_goes(self, stock: Stock) -> None:
        """Kept ones between them are passed over."""
        await stock.shelf.fill(450, lambda number: f"t{number:03}")
        await stock.put("a", 4000, stars=(0,))
        assert await stock.let_go(RetentionRule(keep_for_s=60)) == 450
        assert await stock.left() == ["a"]


class TestLargeStocks:
    async def test_no_question_reads_very_many(self, stock: Stock) -> None:
        """Hardly any of them may go: of ten million, a question for the next ones found no end within its time."""
        await stock.shelf.fill(900, lambda number: f"t{number:03}", stars=(0,))
        await stock.put("a", 4000)
        await stock.put("z", 30)
        retention = stock.retention(RetentionRule(keep_for_s=60 * DAY_S), RetentionRule(keep_tasks=890))
        retention.old.step = 100
        await retention._prepare()
        asked = await stock.asked_by(retention.let_go())
        assert "a" not in await stock.left()
        assert 0 < max(each["docsExamined"] for each in asked) <= 110

    @pytest.mark.parametrize("step", [1, 2, 4, 5, 22, 23, 24])
    async def test_as_many_stay_as_are_to_stay(self, stock: Stock, step: int) -> None:
        """Counted a stretch at a time, of which some end among tasks that were made at one moment."""
        await stock.put_rows(23)
        retention = stock.retention(RetentionRule(keep_tasks=11))
        retention.old.step = step
        assert await retention.let_go() == 10
        assert await stock.left() == [f"t{number:02}" for number in range(10, 23)]

    @pytest.mark.parametrize("step", [1, 2, 4, 5, 22, 23, 24])
    async def test_each_is_looked_at_once(self, stock: Stock, step: int) -> None:
        """None is passed over where one stretch ends and the next begins."""
        await stock.put_rows(23)
        services, found, after = stock.system.services, list[str](), None
        old = OldTasks(services.store.database, services.task_list, step)
        while True:
            now = services.clock.now()
            everybodys = Kinds(reach=Reach.everybody())
            tasks, after = await old.page(everybodys, after=after, made_before=now, reserved_before=now)
            found += [task.id for task in tasks]
            if after is None:
                break
        assert found == [f"t{number:02}" for number in range(23)]

    async def test_what_has_no_owner_is_found_by_an_index(self, stock: Stock) -> None:
        """A rule for those without a key alone: all tasks were read, and sorted, for each page of it."""
        await stock.shelf.fill(300, lambda number: f"t{number:03}", owner="acme")
        await stock.put("ours", 400)
        retention = stock.retention(RetentionRule(project="(local)", keep_for_s=DAY_S))
        await retention._prepare()
        asked = await stock.asked_by(retention.let_go())
        assert "ours" not in await stock.left()
        assert {each["planSummary"].partition(" ")[0] for each in asked} == {"IXSCAN"}


class TestWhatStays:
    @pytest.mark.parametrize(
        "changes",
        [
            {"status": Status.PENDING, "waiting": 1},
            {"stars": (0,)},
            {"status": Status.CANCELLED, "attempt": "held", "late_attempt": "a"},
            {"status": Status.FAILED, "outputs": {}, "calls": CallOutcome.OPEN},
            {"status": Status.FAILED, "outputs": {}, "calls": CallOutcome.UNKNOWN},
            {"status": Status.FAILED, "reserved": "held"},
        ],
        ids=["unfinished", "starred", "under way", "open call", "bill unknown", "spending reserved"],
    )
    async def test_it_is_never_let_go(self, stock: Stock, changes: dict[str, Any]) -> None:
        """However old it is, and by whatever rule."""
        now = stock.system.services.clock.now()
        if isinstance(changes.get("calls"), CallOutcome):
            changes = {**changes, "calls": call(changes["calls"])}
        if "attempt" in changes:
            changes = {**changes, "attempt": Attempt(id="a", worker="w", started_at=now)}
        if "reserved" in changes:
            changes = {**changes, "reserved": Reserved(at=now, amount_micro=1, before_micro=0)}
        await stock.put("old", 400, **changes)
        await stock.put("new", 0)
        rule = RetentionRule(keep_for_s=60, keep_tasks=1, keep_disk_below=1, disk_spares_s=0)
        retention = stock.retention(rule)
        await retention.let_go()
        await retention.make_room()
        assert "old" in await stock.left()

    async def test_a_paid_and_settled_failure_goes(self, stock: Stock) -> None:
        """Its bill is known."""
        await stock.put("old", 400, status=Status.FAILED, outputs={}, calls=call(CallOutcome.REJECTED))
        assert await stock.let_go(RetentionRule(keep_for_s=60)) == 1

    async def test_what_was_set_aside_of_a_day_that_is_over_holds_nothing(self, stock: Stock) -> None:
        """Who was to settle it died before it could, a year ago."""
        long_ago = stock.system.services.clock.now() - timedelta(days=400)
        left = Reserved(at=long_ago, amount_micro=1, before_micro=0)
        await stock.put("old", 400, status=Status.CANCELLED, outputs={}, reserved=left)
        assert await stock.let_go(RetentionRule(keep_for_s=60)) == 1

    async def test_one_that_is_tried_again_meanwhile_stays(self, stock: Stock) -> None:
        """Between the look and the deletion its user came back."""
        task = await stock.put("old", 400, status=Status.FAILED)
        retention = stock.retention(RetentionRule(keep_for_s=60))
        await stock.system.services.control.retry("old", Caller.local())
        assert not await retention._delete(task)
        assert (await stock.system.get("old")).status is Status.PENDING


class TestOff:
    async def test_without_a_rule_there_is_no_loop_and_no_index(self, make_settings: MakeSettings) -> None:
        """Who keeps everything pays nothing."""
        async with running_system(make_settings(), [ScriptedProvider()]) as system:
            assert system.workers is not None
            assert system.workers.retention is None
            await system.finished((await system.submit()).id)
            assert "newest" not in await system.services.store.database["danqing_tasks"].index_information()

    async def test_with_one_there_is(self, make_settings: MakeSettings) -> None:
        """Of the variables, as of the file."""
        async with running_system(make_settings(DANQING_KEEP_FOR="90d"), [ScriptedProvider()]) as system:
            assert system.workers is not None
            assert system.workers.retention is not None
            [rule] = system.workers.retention.rules
            assert rule.keep_for_s == 90 * DAY_S
