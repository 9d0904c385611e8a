"""The queue and the store against a model that fits on a page: whatever the order of events, no id is lost."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from danqing_server.clock import Clock
from danqing_server.life.cancelled import Cancelled
from danqing_server.life.moves import Finished, Requeued
from danqing_server.life.telling import entry_of
from danqing_server.queue.connection import connect as connect_redis
from danqing_server.queue.entries import Entry
from danqing_server.queue.lanes import Queue
from danqing_server.records.outputs import TaskError
from danqing_server.records.tasks import WAITING, Attempt, Priority, Status, Task
from danqing_server.store.client import connect
from danqing_server.store.sweeping import SweepStore
from danqing_server.store.tasks import TaskStore
from danqing_server.worker.janitor import START
from tests.support.servers import RunningServer, run_redis
from tests.support.system import settings_for

Answer = TypeVar("Answer")

LANE = "scripted"
WORKERS = ("w1", "w2", "w3")
USERS = st.sampled_from(["ann", "bob", "cy"])
PRIORITIES = st.sampled_from(list(Priority))
LATER = timedelta(hours=1)
_CANCELLED = TaskError(code="cancelled", message="cancelled by its user")
EXAMPLES = settings(
    deadline=None,
    max_examples=30,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@attrs.define(eq=False)
class Loop:
    """An event loop for tests that are not coroutines, and what lives in it."""

    runner: asyncio.Runner
    stack: AsyncExitStack
    store: TaskStore
    queue: Queue
    number: int = 0

    def run(self, coroutine: Coroutine[Any, Any, Answer]) -> Answer:
        """Run *coroutine* to its end."""
        return self.runner.run(coroutine)

    def next_id(self) -> str:
        """Return an id that no task had."""
        self.number += 1
        return f"t{self.number:06d}"

    async def flush(self) -> None:
        """Lose all of Redis."""
        await cast("Any", self.queue.connection.hot).flushall()

    async def known(self) -> set[str]:
        """Return every id the lane knows."""
        found = await cast("Any", self.queue.connection.hot).hkeys(f"{self.queue.connection.base(LANE)}:ids")
        return {id_.decode() for id_ in found}

    async def counted(self) -> tuple[dict[str, int], dict[str, int]]:
        """Return how many tasks of each user wait: as the lane counts them, and as its entries say."""
        hot, base = cast("Any", self.queue.connection.hot), self.queue.connection.base(LANE)
        counts = {user.decode(): int(count) for user, count in (await hot.hgetall(f"{base}:waits")).items()}
        entries = [value.decode() for value in (await hot.hgetall(f"{base}:ids")).values()]
        users = [entry.split(":", 4) for entry in entries if entry[0] in "qd"]
        return counts, dict(Counter(f"{owner}:{user}" for _, _, owner, _, user in users))

    async def empty(self) -> None:
        """Begin anew."""
        await self.flush()
        await self.store.database.drop_collection("danqing_tasks")


@pytest.fixture(scope="module")
def redis_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A Redis that may be emptied."""
    with run_redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def loop(redis_of_its_own: RunningServer, mongo_url: str, database_name: str, tmp_path: Path) -> Iterator[Loop]:
    """A loop with a store and a queue."""
    chosen = settings_for(mongo_url, database_name, redis_of_its_own.url, "model", tmp_path)
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()

        async def open_all() -> tuple[TaskStore, Queue]:
            database = await stack.enter_async_context(connect(chosen))
            redis = await stack.enter_async_context(connect_redis(redis_of_its_own.url, "model", Clock()))
            return TaskStore(database), Queue(redis)

        store, queue = runner.run(open_all())
        yield Loop(runner, stack, store, queue)
        runner.run(stack.aclose())


def new_task(task_id: str, user: str, priority: Priority) -> Task:
    """Return a task that waits."""
    now = datetime.now(UTC).replace(microsecond=0)
    return Task(
        id=task_id,
        user_id=user,
        type="image",
        provider=LANE,
        model="one",
        input={"prompt": "p"},
        images=1,
        priority=priority,
        status=Status.PENDING,
        transition_id=f"first-{task_id}",
        created_at=now,
        updated_at=now,
        waiting=int(now.timestamp() * 1000),
    )


class QueueAndStore(RuleBasedStateMachine):
    """The model: what each task's status is, who runs it, and which ids the queue may have lost."""

    def __init__(self, loop: Loop) -> None:
        super().__init__()
        self.loop = loop
        self.status: dict[str, Status] = {}
        self.runs: dict[str, str] = {}
        self.unqueued: set[str] = set()
        self.reserved: dict[str, tuple[str, ...]] = dict.fromkeys(WORKERS, ())
        self.nonces = 0
        self.loop.run(self.loop.empty())

    @rule(user=USERS, priority=PRIORITIES, pushed=st.booleans())
    def submit(self, user: str, priority: Priority, pushed: bool) -> None:
        """A task is stored, and pushed unless its process dies in between."""
        task = new_task(self.loop.next_id(), user, priority)
        assert self.loop.run(self.loop.store.insert(task))
        if pushed:
            self.loop.run(self.loop.queue.push(entry_of(task)))
        else:
            self.unqueued.add(task.id)
        self.status[task.id] = Status.PENDING

    @rule(worker=st.sampled_from(WORKERS), user=USERS, priority=PRIORITIES, again=st.booleans())
    def submit_and_reserve(self, worker: str, user: str, priority: Priority, again: bool) -> None:
        """A task is stored, and a worker that waits pushes it and reserves in one; its turn may not have come."""
        if self.reserved[worker]:
            return
        task = new_task(self.loop.next_id(), user, priority)
        assert self.loop.run(self.loop.store.insert(task))
        self.status[task.id] = Status.PENDING
        self.nonces += 1
        nonce = f"n{self.nonces}"
        pushed, reserved = self.loop.run(self.loop.queue.push_and_reserve([entry_of(task)], worker, 2, nonce))
        assert pushed.new == 1
        assert reserved.ids
        if again:
            assert self.loop.run(self.loop.queue.reserve(LANE, worker, 2, nonce)).ids == reserved.ids
        self.reserved[worker] = reserved.ids

    @rule(worker=st.sampled_from(WORKERS), count=st.integers(1, 4), again=st.booleans())
    def reserve(self, worker: str, count: int, again: bool) -> None:
        """A worker reserves; the same nonce, after a cut answer, gives the same ids."""
        if self.reserved[worker]:
            return
        self.nonces += 1
        nonce = f"n{self.nonces}"
        ids = self.loop.run(self.loop.queue.reserve(LANE, worker, count, nonce)).ids
        if again and ids:
            assert self.loop.run(self.loop.queue.reserve(LANE, worker, count, nonce)).ids == ids
        assert len(set(ids)) == len(ids) <= count
        self.reserved[worker] = ids

    @rule(worker=st.sampled_from(WORKERS), acknowledges=st.booleans())
    def start(self, worker: str, acknowledges: bool) -> None:
        """A worker starts what it reserved: what waits is won, what another runs or ended is not."""
        ids, self.reserved[worker] = self.reserved[worker], ()
        attempt = Attempt(id=f"{worker}-{self.nonces}-{ids[:1]}", worker=worker, started_at=datetime.now(UTC))
        started = {
            task.id for task in self.loop.run(self.loop.store.start(ids, attempt, datetime.now(UTC) + LATER))
        }
        assert started == {id_ for id_ in ids if self.status[id_] is Status.PENDING}
        for task_id in ids:
            if task_id in started:
                self.status[task_id], self.runs[task_id] = Status.PROCESSING, worker
                self.unqueued.discard(task_id)
            elif acknowledges:
                self.loop.run(self.loop.queue.acknowledge(LANE, worker, task_id))

    @precondition(lambda self: self.runs)
    @rule(data=st.data(), told=st.booleans())
    def finish(self, data: st.DataObject, told: bool) -> None:
        """A task ends, and the queue is told unless the process dies in between."""
        task = self._running(data)
        move = Finished(task=task, at=datetime.now(UTC), becomes=Status.COMPLETED)
        assert self.loop.run(self.loop.store.apply(move.change()))
        worker = self.runs.pop(task.id)
        self.status[task.id] = Status.COMPLETED
        if told:
            self.loop.run(self.loop.queue.acknowledge(LANE, worker, task.id))

    @precondition(lambda self: self.runs)
    @rule(data=st.data(), told=st.booleans())
    def requeue(self, data: st.DataObject, told: bool) -> None:
        """A task goes back in line, and the queue is told unless the process dies in between."""
        task = self._running(data)
        assert self.loop.run(self.loop.store.apply(Requeued(task=task, at=datetime.now(UTC)).change()))
        worker = self.runs.pop(task.id)
        self.status[task.id] = Status.PENDING
        if told:
            self.loop.run(self.loop.queue.release(worker, entry_of(task)))
        else:
            self.unqueued.add(task.id)

    @precondition(lambda self: self.status)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        """A user cancels a task that waits."""
        task_id = data.draw(st.sampled_from(sorted(self.status)))
        task = self._stored(task_id)
        if task.status not in WAITING:
            return
        move = Cancelled(task=task, at=datetime.now(UTC), error=_CANCELLED)
        assert self.loop.run(self.loop.store.apply(move.change()))
        self.loop.run(self.loop.queue.remove(LANE, task_id))
        self.status[task_id] = Status.CANCELLED
        self.unqueued.discard(task_id)

    @rule()
    def reconcile(self) -> None:
        """Each worker gives back what it holds in Redis and knows nothing of."""
        for worker in WORKERS:
            known = {id_ for id_, runner in self.runs.items() if runner == worker} | set(self.reserved[worker])
            unknown = self.loop.run(self.loop.queue.held(LANE, worker)) - known
            assert self.loop.run(self.loop.queue.give_back(LANE, worker, unknown)) == len(unknown)
            self.unqueued -= unknown

    @rule()
    def sweep(self) -> None:
        """The janitor pushes what waits in the store and is not known to the queue."""
        tasks = self.loop.run(SweepStore(self.loop.store.database).waiting_after(START, 2**62, 1000))
        assert {task.id for task in tasks} == {id_ for id_, status in self.status.items() if status in WAITING}
        held = {id_ for worker in WORKERS for id_ in self.loop.run(self.loop.queue.held(LANE, worker))}
        self.loop.run(
            self.loop.queue.push_many(
                [
                    Entry(id=task.id, lane=LANE, user_id=task.user_id, priority=task.priority, images=1)
                    for task in tasks
                ]
            )
        )
        self.unqueued &= held  # held under a lost word: its holder's reconciliation frees it

    @rule()
    def lose_redis(self) -> None:
        """Redis loses everything."""
        self.loop.run(self.loop.flush())
        self.unqueued |= {id_ for id_, status in self.status.items() if status is Status.PENDING}

    @invariant()
    def what_waits_is_known_to_the_queue(self) -> None:
        """No id is lost: whatever waits is in the queue, or in what the next sweep finds."""
        waiting = {id_ for id_, status in self.status.items() if status in WAITING}
        assert waiting - self.loop.run(self.loop.known()) <= self.unqueued

    @invariant()
    def users_tasks_are_counted(self) -> None:
        """What a user's bound goes by is how many of its tasks wait."""
        counted, known = self.loop.run(self.loop.counted())
        assert counted == known

    @invariant()
    def no_id_is_held_twice(self) -> None:
        """No two workers hold the same id."""
        held = Counter(id_ for worker in WORKERS for id_ in self.loop.run(self.loop.queue.held(LANE, worker)))
        assert all(count == 1 for count in held.values())

    def teardown(self) -> None:
        """At the end of any story everything that waits can still be reserved and run."""
        for worker in WORKERS:
            self.start(worker=worker, acknowledges=True)
        self.reconcile()
        self.what_waits_is_known_to_the_queue()
        self.sweep()
        for _ in range(1 + len(self.status)):
            self.reserve(worker="w1", count=4, again=False)
            self.start(worker="w1", acknowledges=True)
        assert Status.PENDING not in self.status.values()

    def _running(self, data: st.DataObject) -> Task:
        return self._stored(data.draw(st.sampled_from(sorted(self.runs))))

    def _stored(self, task_id: str) -> Task:
        task = self.loop.run(self.loop.store.get(task_id))
        assert task is not None
        return task


class TestModel:
    def test_no_id_is_lost_and_none_runs_twice(self, loop: Loop) -> None:
        """Any order of submissions, deaths between two steps, cancellations, Redis lost: the model is right."""
        run_state_machine_as_test(
            cast("Any", partial(QueueAndStore, loop)),
            settings=settings(EXAMPLES, max_examples=60, stateful_step_count=30),
        )


class TestFairness:
    @EXAMPLES
    @given(lines=st.dictionaries(USERS, st.integers(1, 8), min_size=2))
    def test_users_take_turns(self, loop: Loop, lines: dict[str, int]) -> None:
        """With U users waiting, a user's next task is reserved after at most U−1 others."""
        taken = loop.run(_drained(loop, [(user, "normal") for user, count in lines.items() for _ in range(count)]))
        left = dict(lines)
        since: Counter[str] = Counter()
        for user, _ in taken:
            assert since[user] <= len(left) - 1 + (len(lines) - len(left))
            left[user] -= 1
            since[user] = 0
            if not left[user]:
                del left[user]
            since.update(other for other in left if other != user)
        assert not left

    @EXAMPLES
    @given(high=st.integers(0, 40), normal=st.integers(0, 40), low=st.integers(1, 8))
    def test_low_priority_has_its_share(self, loop: Loop, high: int, normal: int, low: int) -> None:
        """While something of low priority waits it gets at least one of ten reservations."""
        counts = {"high": high, "normal": normal, "low": low}
        taken = loop.run(_drained(loop, [("ann", name) for name, count in counts.items() for _ in range(count)]))
        places = [place for place, (_, priority) in enumerate(taken) if priority == "low"]
        assert len(places) == low
        assert all(later - earlier <= 10 for earlier, later in zip([-1, *places], places, strict=False))


async def _drained(loop: Loop, entries: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Push (user, priority) pairs and return them in the order of single reservations."""
    await loop.flush()
    pushed = {}
    for user, priority in entries:
        task_id = loop.next_id()
        pushed[task_id] = (user, priority)
        await loop.queue.push(Entry(id=task_id, lane=LANE, user_id=user, priority=priority, images=1))
    taken: list[tuple[str, str]] = []
    while True:
        reservation = await loop.queue.reserve(LANE, "w1", 1, f"nonce{len(taken)}")
        if not reservation.ids:
            return taken
        taken.append(pushed[reservation.ids[0]])
