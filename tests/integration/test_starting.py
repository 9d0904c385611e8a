"""The first start of a task that this process has just stored: nothing is read back, and nothing taken on trust."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from typing import Any

import pytest

from danqing_server.life.cancelled import Cancelled
from danqing_server.life.moves import Requeued
from danqing_server.life.retried import Retried
from danqing_server.records.outputs import TaskError
from danqing_server.records.tasks import Attempt, Status, Task
from danqing_server.settings.server import Settings
from danqing_server.store.client import connect
from danqing_server.store.newborn import LARGEST_HELD_BYTES
from danqing_server.store.task_documents import encode
from danqing_server.store.tasks import TaskStore
from tests.unit.api.tasks import NOW, make_task

LATER = NOW + timedelta(minutes=5)
DEADLINE = NOW + timedelta(hours=1)
CANCELLED = TaskError(code="cancelled", message="by its user")


@pytest.fixture
async def store(settings: Settings) -> AsyncIterator[TaskStore]:
    """A store of this test's own."""
    async with connect(settings) as database:
        store = TaskStore(database)
        await store.ensure_indexes()
        yield store


async def stored(store: TaskStore, task_id: str, **fields: Any) -> Task:
    """Store a waiting task, and have the store hold it."""
    task = make_task(task_id, Status.PENDING, **{"waiting": 1, **fields})
    assert await store.insert(task)
    store.hold(task, encode(task))
    return task


def attempt(id_: str = "a1") -> Attempt:
    return Attempt(id=id_, worker="w1", started_at=LATER)


async def reads_of(store: TaskStore) -> int:
    """Return how often tasks were looked up so far, anywhere on this MongoDB."""
    status: Mapping[str, Any] = await store.database.client.admin.command("serverStatus")
    commands = status["metrics"]["commands"]
    return int(commands["find"]["total"]) + int(commands["findAndModify"]["total"])


class TestNewborn:
    @pytest.mark.parametrize("count", [1, 3])
    async def test_what_is_returned_is_what_is_stored(self, store: TaskStore, count: int) -> None:
        """To the last field, whether read back or not."""
        ids = [f"t{number}" for number in range(count)]
        for id_ in ids:
            await stored(store, id_, input={"prompt": "船", "n": 2, "seed": None, "options": [1.5, True]}, images=2)
        started = await store.start(ids, attempt(), DEADLINE)
        assert [task.id for task in started] == ids
        assert started == [await store.get(id_) for id_ in ids]

    async def test_nothing_is_read(self, store: TaskStore) -> None:
        """One command starts them, and its count of matches says that all are ours."""
        ids = [(await stored(store, f"t{number}")).id for number in range(3)]
        before = await reads_of(store)
        assert len(await store.start(ids, attempt(), DEADLINE)) == 3
        assert await reads_of(store) == before

    async def test_a_task_put_back_by_its_user_is_read(self, store: TaskStore) -> None:
        """Cancelled and tried again before it ever began: it is no longer as it was stored."""
        task = await stored(store, "t1")
        assert await store.apply(Cancelled(task=task, at=NOW, error=CANCELLED).change())
        cancelled = await store.get("t1")
        assert cancelled is not None
        assert await store.apply(Retried(task=cancelled, at=NOW).change())
        [started] = await store.start(["t1"], attempt(), DEADLINE)
        assert started.retried_at == NOW
        assert started == await store.get("t1")

    async def test_a_cancelled_task_is_not_started_and_the_others_are(self, store: TaskStore) -> None:
        """One that is gone does not take its neighbours with it."""
        tasks = [await stored(store, f"t{number}") for number in range(3)]
        assert await store.apply(Cancelled(task=tasks[1], at=NOW, error=CANCELLED).change())
        started = await store.start([task.id for task in tasks], attempt(), DEADLINE)
        assert sorted(task.id for task in started) == ["t0", "t2"]
        assert [task.attempts for task in started] == [1, 1]
        left = await store.get("t1")
        assert left is not None
        assert left.status is Status.CANCELLED

    async def test_a_start_that_is_repeated_starts_once(self, store: TaskStore) -> None:
        """Its answer was lost: the same attempt finds its own tasks again, and no other does."""
        await stored(store, "t1")
        first = await store.start(["t1"], attempt(), DEADLINE)
        assert await store.start(["t1"], attempt(), DEADLINE) == first
        assert await store.start(["t1"], attempt("a2"), DEADLINE) == []

    async def test_a_task_that_came_back_counts_on(self, store: TaskStore) -> None:
        """Its second start is read from MongoDB, with what the first one left."""
        await stored(store, "t1")
        [first] = await store.start(["t1"], attempt(), DEADLINE)
        again = Requeued(task=first, at=LATER, sets={"saved": {"upstream": "u1"}}, failures=1)
        assert await store.apply(again.change())
        [second] = await store.start(["t1"], attempt("a2"), DEADLINE + timedelta(hours=1))
        assert (second.attempts, second.failures, second.saved) == (2, 1, {"upstream": "u1"})
        assert (second.started_at, second.deadline_at) == (LATER, DEADLINE)

    async def test_another_task_of_its_id_is_read(self, store: TaskStore) -> None:
        """Deleted and made anew, by an Idempotency-Key in another process: what is stored now counts."""
        await stored(store, "t1", input={"prompt": "the first"})
        await store.delete("t1")
        again = make_task("t1", Status.PENDING, waiting=1, transition_id="t2", input={"prompt": "the second"})
        assert await store.insert(again)
        [started] = await store.start(["t1"], attempt(), DEADLINE)
        assert started.input == {"prompt": "the second"}
        assert started == await store.get("t1")

    @pytest.mark.parametrize(
        "kept_out",
        [{"size": (1024, 1024)}, {"status": Status.FAILED}, {"seed": 2**40}, {"prompt": "x" * LARGEST_HELD_BYTES}],
        ids=["tuple", "enum", "long", "large"],
    )
    async def test_what_would_come_back_otherwise_is_read(self, store: TaskStore, kept_out: dict[str, Any]) -> None:
        """A plugin sees the same kinds of values, whichever process begins its task."""
        await stored(store, "t1", input=kept_out)
        before = await reads_of(store)
        [started] = await store.start(["t1"], attempt(), DEADLINE)
        assert await reads_of(store) > before
        found = await store.get("t1")
        assert found is not None
        assert repr(started.input) == repr(found.input)

    async def test_a_plugin_may_write_to_what_it_is_given(self, store: TaskStore) -> None:
        """It changes nothing for who submitted the task and is still being answered."""
        submitted = await stored(store, "t1", input={"options": {"seed": 1}})
        [started] = await store.start(["t1"], attempt(), DEADLINE)
        started.input["options"]["seed"] = 2
        assert submitted.input == {"options": {"seed": 1}}
