"""Lanes on the real Redis: rates, gates, limits, the spend guard, and who explains why a task waits."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, cast

import attrs
import pytest

from danqing_plugins import AccountProblem, Job, RateLimited, Run, Unavailable
from danqing_server.access.caller import Caller
from danqing_server.clock import Clock
from danqing_server.errors import Overloaded
from danqing_server.life.telling import entry_of
from danqing_server.queue.connection import connect
from danqing_server.queue.entries import Entry, Rates
from danqing_server.queue.gates import Gates, Report
from danqing_server.queue.lanes import Queue
from danqing_server.records.outputs import Output, OutputState
from danqing_server.records.tasks import CallOutcome, CallRecord, Priority, Status
from danqing_server.store.sweeping import SweepStore
from danqing_server.worker.janitor import START, SWEEP_MIN_AGE_MS
from tests.support.lanes import pass_time
from tests.support.providers import ScriptedProvider, deliver_all
from tests.support.system import MakeSettings, running_system, until

LANE = "p"


@attrs.define
class Bench:
    """A queue and its gates."""

    queue: Queue
    gates: Gates
    taken: int = 0

    async def pass_time(self, seconds: float) -> None:
        """Let time pass, or Redis' clock be set back."""
        await pass_time(self.queue.connection, LANE, seconds)

    async def push(self, id_: str, user: str = "u", priority: str = "normal", images: int = 1, **more: Any) -> None:
        """Put one task in."""
        await self.queue.push(Entry(id=id_, lane=LANE, user_id=user, priority=priority, images=images, **more))

    async def back(self, id_: str) -> None:
        """Have what was taken wait again, at the head of its line."""
        await self.queue.release("w", Entry(id=id_, lane=LANE, user_id="u", priority="normal", images=1))

    async def take(self, count: int = 1, rates: Rates | None = None) -> list[str]:
        """Reserve up to *count*."""
        self.taken += 1
        reserved = await self.queue.reserve(LANE, "w", count, f"n{self.taken}", rates or Rates())
        return list(reserved.ids)


def delayed(id_: str, delay_s: float, clock: Clock | None = None) -> Entry:
    """Return a task that is to wait, as a process with *clock* queues it."""
    due_ms = (clock or Clock()).now_ms() + int(delay_s * 1000)
    longest_ms = int(delay_s * 1000)
    return Entry(id=id_, lane=LANE, user_id="u", priority="normal", images=1, due_ms=due_ms, longest_ms=longest_ms)


@pytest.fixture
async def bench(redis_url: str, redis_prefix: str) -> AsyncIterator[Bench]:
    """An empty lane."""
    async with connect(redis_url, redis_prefix, Clock()) as redis:
        queue = Queue(redis)
        yield Bench(queue, Gates(redis, queue))


class TestTurns:
    async def test_one_users_thousand_tasks_delay_anothers_by_one_turn(self, bench: Bench) -> None:
        """Users take turns, whoever came first with how many."""
        for number in range(100):
            await bench.push(f"a{number}", "alice")
        await bench.push("b", "bob")
        assert await bench.take(3) == ["a0", "b", "a1"]

    @pytest.mark.parametrize("user", ["a b  c ", " ", "x 1,1 h 0 y", "张三:h:", "a\nb", "%d {}"])
    async def test_a_user_may_be_called_anything(self, bench: Bench, user: str) -> None:
        """Users are free text: whatever it holds, their tasks stand in one line, also when they come back."""
        for id_ in ("a", "b"):
            await bench.push(id_, user)
        entry = Entry(id="c", lane=LANE, user_id=user, priority="normal", images=1)
        assert (await bench.queue.push_many([entry])).waiting == {"c": 3}
        assert await bench.take() == ["a"]
        await bench.queue.release("w", attrs.evolve(entry, id="a"))
        assert await bench.take(4) == ["a", "b", "c"]

    async def test_high_goes_first_and_low_is_not_forgotten(self, bench: Bench) -> None:
        """Of any ten reservations at least one is low, while there is any."""
        for number in range(40):
            await bench.push(f"h{number}", priority="high")
            await bench.push(f"l{number}", priority="low")
        taken = [(await bench.take())[0] for _ in range(30)]
        for start in range(20):
            assert any(id_.startswith("l") for id_ in taken[start : start + 10])
        assert sum(id_.startswith("h") for id_ in taken) >= 24

    async def test_a_returned_task_is_first_in_its_users_line(self, bench: Bench) -> None:
        """It lost its place through no fault of its own."""
        for id_ in ("a", "b", "c"):
            await bench.push(id_)
        assert await bench.take() == ["a"]
        await bench.queue.give_back(LANE, "w", ["a"])
        assert await bench.take(3) == ["a", "b", "c"]

    async def test_the_same_nonce_gives_the_same_ids(self, bench: Bench) -> None:
        """An answer lost on its way does not reserve twice."""
        for id_ in ("a", "b"):
            await bench.push(id_)
        first = await bench.queue.reserve(LANE, "w", 1, "n")
        assert await bench.queue.reserve(LANE, "w", 1, "n") == first
        assert await bench.take(5) == ["b"]

    async def test_a_removed_task_is_passed_over_and_may_come_again(self, bench: Bench) -> None:
        """Cancelling costs the same however long the line is."""
        for id_ in ("a", "b"):
            await bench.push(id_)
        assert await bench.queue.remove(LANE, "a")
        await bench.push("a")
        assert sorted(await bench.take(5)) == ["a", "b"]
        assert await bench.take(5) == []

    async def test_a_delayed_task_comes_when_it_is_due(self, bench: Bench) -> None:
        """And not before."""
        await bench.queue.push(delayed("a", 5))
        assert await bench.take() == []
        await bench.pass_time(5)
        assert await bench.take() == ["a"]


class TestOwners:
    """E8: turns and limits go by owner and user, not by what a user is called."""

    async def test_invented_users_of_one_owner_push_nobody_back(self, bench: Bench) -> None:
        """E8: three hundred users of one key take every second turn, and no more."""
        for number in range(300):
            await bench.push(f"a{number:03}", f"u{number}", owner="greedy")
        for number in range(3):
            await bench.push(f"b{number}", "bob", owner="modest")
        assert await bench.take(6) == ["a000", "b0", "a001", "b1", "a002", "b2"]

    async def test_users_of_one_name_are_two_when_their_owners_are(self, bench: Bench) -> None:
        """E8: each owner's user has a line, a turn and a count of its own; without owner it is a third."""
        await bench.push("a0", "bob", owner="one")
        await bench.push("a1", "bob", owner="one")
        await bench.push("b0", "bob", owner="two")
        await bench.push("c0", "bob")
        queue = bench.queue
        counts = [await queue.waiting_of(LANE, owner, "bob") for owner in ("one", "two", None)]
        assert counts == [2, 1, 1]
        assert await bench.take(9) == ["a0", "b0", "c0", "a1"]
        counts = [await queue.waiting_of(LANE, owner, "bob") for owner in ("one", "two", None)]
        assert counts == [0, 0, 0]

    @pytest.mark.parametrize("owner", ["a:b", "a b", "张三", "%3A", "h:"])
    async def test_an_owner_may_be_called_anything(self, bench: Bench, owner: str) -> None:
        """E8: no name reaches into another's line."""
        await bench.push("a", "c", owner=owner)
        await bench.push("b", "b:c", owner="a")
        assert await bench.queue.waiting_of(LANE, owner, "c") == 1
        assert sorted(await bench.take(2)) == ["a", "b"]

    async def test_delayed_tasks_count_for_their_user_and_cancelled_ones_do_not(self, bench: Bench) -> None:
        """E8: whatever waits counts, and nothing else."""
        await bench.push("a")
        await bench.queue.push(delayed("b", 60))
        await bench.queue.push(delayed("c", 60))
        assert await bench.queue.waiting_of(LANE, None, "u") == 3
        await bench.queue.remove(LANE, "a")
        await bench.queue.remove(LANE, "b")
        assert await bench.queue.waiting_of(LANE, None, "u") == 1
        assert await bench.queue.delayed_of(LANE, None) == 1
        await bench.pass_time(61)
        assert await bench.take() == ["c"]
        assert await bench.queue.waiting_of(LANE, None, "u") == 0
        assert await bench.queue.delayed_of(LANE, None) == 0
        await bench.queue.give_back(LANE, "w", ["c"])
        assert await bench.queue.waiting_of(LANE, None, "u") == 1

    async def test_a_place_in_line_counts_owners_turns(self, make_settings: MakeSettings) -> None:
        """E8: thirty users of one key stand before an honest one as one user does."""
        async with running_system(make_settings(), [ScriptedProvider()], workers=False) as system:
            for number in range(30):
                await system.submit(user_id=f"u{number}", key="greedy")
            task = await system.submit(user_id="bob", key="modest")
            assert (await system.services.forecast.explain(task)).lane_position == 1


class TestHeldModel:
    """U7: a model's limit holds that model; the lane's others go on."""

    async def test_others_of_the_lane_go_on(self, bench: Bench) -> None:
        """U7: what asks for the held model steps aside, keeps its order, and still counts for its user."""
        for number in range(3):
            await bench.push(f"a{number}", model="big model")
            await bench.push(f"b{number}", "other", model="small")
        for id_ in ("x", "y"):
            await bench.gates.hold_for_rate(LANE, 30, id_, "big model")
        assert await bench.take(9) == ["b0", "b1", "b2"]
        assert await bench.queue.waiting_of(LANE, None, "u") == 3
        held = (await bench.gates.look(LANE)).models
        assert list(held) == ["big model"]
        await bench.pass_time(31)
        assert await bench.take(9) == ["a0", "a1", "a2"]
        assert (await bench.gates.look(LANE)).models == {}

    async def test_a_hold_of_a_model_from_the_future_is_over(self, bench: Bench) -> None:
        """E11: Redis' clock was set back."""
        for id_ in ("x", "y"):
            await bench.gates.hold_for_rate(LANE, 30, id_, "m")
        await bench.pass_time(-3600)
        await bench.push("a", model="m")
        assert await bench.take() == ["a"]

    async def test_a_plugin_names_the_scope(self, make_settings: MakeSettings) -> None:
        """U7: two tasks meet their model's limit; the lane is open, and they say what they wait for."""

        async def limited(job: Job, run: Run) -> None:
            raise RateLimited("slower", retry_after_s=200, scope="model")

        async with running_system(make_settings(), [ScriptedProvider(limited)]) as system:
            for _ in range(2):
                await system.submit()

            async def held() -> bool:
                gate = await system.services.gates.look("scripted")
                return gate.models.get("one", 0) > Clock().now_ms() + 100_000

            await until(held)
            assert (await system.services.gates.look("scripted")).hold is None
            waiting = await system.submit()

            async def aside() -> bool:
                return (await system.services.queue.depth("scripted")).queued == 0

            await until(aside)
            explained = await system.services.forecast.explain(waiting)
            assert (explained.waiting_for, explained.reason) == ("model_held", "rate_limited")


class TestWhatIsStillToOrder:
    """R6: the lane's rate is paid for what is still to be ordered."""

    async def test_a_task_that_orders_nothing_waits_for_no_rate(self, bench: Bench) -> None:
        """R6: not even when the bucket is in debt."""
        rates = Rates(images_per_min=10, calls_per_min=10)
        await bench.push("big", images=15)
        assert await bench.take(1, rates) == ["big"]
        await bench.push("next", images=1)
        assert await bench.take(1, rates) == []
        await bench.push("resumed", "other", images=0, calls=0)
        assert await bench.take(2, rates) == []  # in turn: whoever stands at the head waits
        await bench.queue.remove(LANE, "next")
        assert await bench.take(2, rates) == ["resumed"]

    async def test_the_sweep_says_the_same_as_the_task(self, make_settings: MakeSettings) -> None:
        """R6: what is rebuilt from MongoDB costs what was queued at first, a user's retry or not."""
        async with running_system(make_settings(), [ScriptedProvider()], workers=False) as system:
            made = await system.submit(n=4, key="key")
            now = made.created_at
            order = CallRecord(id="c", attempt=1, indexes=(1, 2), fingerprint="f", sent_at=now, resumable=True)
            failed = order.changed(id="d", indexes=(3,), outcome=CallOutcome.FAILED_UNBILLED)
            cut = made.changed(
                id="cut",
                outputs={"0": Output(index=0, state=OutputState.KEPT, at=now)},
                calls={"c": order, "d": failed},
                run_at=now + timedelta(seconds=5),
            )
            again = cut.changed(id="again", retried_at=now + timedelta(seconds=1))
            for task in (cut, again):
                assert await system.services.store.insert(task)
            found = await SweepStore(system.services.store.database).waiting_after(START, 2**62, 10)
            entries = {waiting.id: entry_of(waiting) for waiting in found}
            assert entries == {task.id: entry_of(task) for task in (made, cut, again)}
            assert [entries[task.id].images for task in (made, cut, again)] == [4, 1, 1]


class TestUpgrade:
    async def test_what_an_older_layout_left_is_taken_away(self, bench: Bench) -> None:
        """E8: the layout changed: keys of another version are not misread, and do not stay for ever."""
        connection = bench.queue.connection
        old, hot = connection.first_base(LANE), cast("Any", connection.hot)
        await hot.hset(f"{old}:ids", mapping={"a": "q1,1:n:u", "b": "h1,1:n:u"})
        await hot.rpush(f"{old}:line:n:u", "a")
        await hot.rpush(f"{old}:turns:n", "u")
        await hot.sadd(f"{old}:workers", "w")
        await hot.sadd(f"{old}:held:w", "b")
        await hot.hset(f"{old}:gate", "until", 1)
        await bench.push("new")
        await bench.queue.forget_older_layouts(LANE)
        left = [key async for key in hot.scan_iter(f"{old}:*")]
        assert left
        assert all(key.startswith(connection.base(LANE).encode()) for key in left)
        assert await bench.take(5) == ["new"]

    async def test_the_sweep_takes_it_away_and_rebuilds(self, make_settings: MakeSettings) -> None:
        """E8: who upgrades a server with waiting tasks loses none."""
        async with running_system(make_settings(), [ScriptedProvider()], workers=False) as system:
            task = await system.submit()
            connection = system.services.queue.connection
            hot, base = cast("Any", connection.hot), connection.base("scripted")
            async for key in hot.scan_iter(f"{connection.prefix}:mark*"):
                await hot.delete(key)
            async for key in hot.scan_iter(f"{base}:*"):
                await hot.delete(key)
            await hot.hset(f"{connection.first_base('scripted')}:ids", task.id, "q1,1:n:u1")
            await system.services.store.database["danqing_tasks"].update_one(
                {"_id": task.id}, {"$set": {"waiting": 1}}
            )
        async with running_system(make_settings(), [ScriptedProvider()]) as system:
            assert (await system.finished(task.id)).status is Status.COMPLETED

            async def forgotten() -> bool:
                found = await cast("Any", system.services.queue.connection.hot).exists(
                    f"{system.services.queue.connection.first_base('scripted')}:ids"
                )
                return not found

            await until(forgotten)


class TestPushAndReserve:
    async def push_and_take(self, bench: Bench, id_: str, user: str = "u", count: int = 8) -> list[str]:
        """Push a task and reserve with it."""
        entry = Entry(id=id_, lane=LANE, user_id=user, priority="normal", images=1)
        _, reserved = await bench.queue.push_and_reserve([entry], "w", count, f"with {id_}")
        return list(reserved.ids)

    async def wakes(self, bench: Bench) -> bool:
        """Tell whether a worker that comes to wait now is woken at once."""
        connection = bench.queue.connection
        return bool(await connection.hot.exists(f"{connection.base(LANE)}:wake"))

    async def test_a_lone_task_is_given_at_once(self, bench: Bench) -> None:
        """Nothing waits: who brings it gets it, and again when the answer was lost."""
        assert await self.push_and_take(bench, "a") == ["a"]
        assert not await self.wakes(bench)
        assert (await bench.queue.reserve(LANE, "w", 8, "with a")).ids == ("a",)
        assert await bench.take(8) == []

    async def test_who_waited_goes_first(self, bench: Bench) -> None:
        """Bringing a task along is no way past the line, and others are woken for what is left."""
        await bench.push("a1", "alice")
        await bench.push("a2", "alice")
        assert await self.push_and_take(bench, "b", "bob", count=1) == ["a1"]
        assert await self.wakes(bench)
        assert await bench.take(8) == ["b", "a2"]

    async def test_a_shut_lane_gives_nothing(self, bench: Bench) -> None:
        """The task waits in line like any other."""
        await bench.gates.hold(LANE, 5, "rate_limited")
        assert await self.push_and_take(bench, "a") == []
        await bench.pass_time(6)
        assert await bench.take() == ["a"]

    async def test_the_rate_is_kept(self, bench: Bench) -> None:
        """What it does not afford stays in line."""
        rates = Rates(images_per_min=10)
        entries = [Entry(id=id_, lane=LANE, user_id="u", priority="normal", images=1) for id_ in ("a", "b")]
        pushed, reserved = await bench.queue.push_and_reserve(entries, "w", 8, "n", rates)
        assert (pushed.waiting, reserved.ids) == ({"a": 1, "b": 2}, ("a",))


class TestRates:
    async def test_no_more_images_begin_than_the_rate_allows(self, bench: Bench) -> None:
        """60 a minute are one a second, with a burst of a tenth of a minute."""
        for number in range(20):
            await bench.push(f"t{number}", images=2)
        rates = Rates(images_per_min=60)
        assert len(await bench.take(20, rates)) == 3
        assert await bench.take(20, rates) == []
        await bench.pass_time(5)
        assert len(await bench.take(20, rates)) == 2

    async def test_a_task_larger_than_the_burst_goes_into_debt(self, bench: Bench) -> None:
        """It begins when the bucket is full, and the next one waits the longer."""
        await bench.push("big", images=15)
        await bench.push("next")
        rates = Rates(images_per_min=60)
        assert await bench.take(5, rates) == ["big"]
        await bench.pass_time(8)
        assert await bench.take(5, rates) == []
        await bench.pass_time(3)
        assert await bench.take(5, rates) == ["next"]

    async def test_who_waits_for_the_rate_keeps_the_turn(self, bench: Bench) -> None:
        """Being too early changes no order."""
        for id_, user in (("a", "alice"), ("b", "bob")):
            await bench.push(id_, user)
        rates = Rates(calls_per_min=10)
        assert await bench.take(5, rates) == ["a"]
        assert await bench.take(5, rates) == []
        await bench.pass_time(6)
        assert await bench.take(5, rates) == ["b"]


class TestClocksSetBack:
    """E11: a clock set back by an hour holds nothing up, be it of Redis, of a process or of another machine."""

    async def another(self, bench: Bench, ahead_s: float) -> Queue:
        """Return the queue as a process sees it whose clock is wrong."""
        connection = attrs.evolve(bench.queue.connection, clock=Clock(wall_s=lambda: time.time() + ahead_s))
        return Queue(connection)

    @pytest.mark.parametrize("ahead_s", [3600, -3600])
    async def test_a_rate_is_shared_by_processes_whose_clocks_differ(self, bench: Bench, ahead_s: float) -> None:
        """E11: what one took counts for the other, and no more than that."""
        rates, other = Rates(images_per_min=10), await self.another(bench, ahead_s)
        for id_ in ("a", "b", "c"):
            await bench.push(id_)
        assert (await other.reserve(LANE, "w2", 3, "n", rates)).ids == ("a",)
        assert await bench.take(3, rates) == []
        await bench.pass_time(6)
        assert await bench.take(3, rates) == ["b"]
        assert (await other.reserve(LANE, "w2", 3, "m", rates)).ids == ()

    async def test_a_rate_goes_on_after_redis_clock_was_set_back(self, bench: Bench) -> None:
        """E11: the bucket of an hour ahead is filled again from now on."""
        rates = Rates(images_per_min=10)
        for id_ in ("a", "b"):
            await bench.push(id_)
        assert await bench.take(2, rates) == ["a"]
        await bench.pass_time(-3600)
        assert await bench.take(2, rates) == []
        await bench.pass_time(6)
        assert await bench.take(2, rates) == ["b"]

    async def test_a_hold_from_the_future_is_over(self, bench: Bench) -> None:
        """E11: nothing is shut for an hour more than anybody asked for."""
        await bench.push("a")
        await bench.gates.hold(LANE, 30, "rate_limited")
        await bench.pass_time(-3600)
        assert (await bench.gates.look(LANE)).hold is None
        assert await bench.take() == ["a"]

    async def test_a_hold_is_seen_alike_by_every_clock(self, bench: Bench) -> None:
        """E11: one process asks for thirty seconds; another, an hour ahead, neither ignores nor prolongs it."""
        await bench.push("a")
        await bench.gates.hold(LANE, 30, "rate_limited")
        other = await self.another(bench, 3600)
        assert 0 < (await other.reserve(LANE, "w2", 1, "n")).wait_ms <= 30_000
        await bench.pass_time(31)
        assert (await other.reserve(LANE, "w2", 1, "m")).ids == ("a",)

    @pytest.mark.parametrize("ahead_s", [3600, -3600])
    async def test_a_delay_is_as_long_as_its_process_meant_it(self, bench: Bench, ahead_s: float) -> None:
        """E11: only the difference crosses machines."""
        other = await self.another(bench, ahead_s)
        await other.push(delayed("a", 5, other.connection.clock))
        assert await bench.take() == []
        await bench.pass_time(5)
        assert await bench.take() == ["a"]

    async def test_no_delay_is_longer_than_its_writer_asked_for(self, bench: Bench) -> None:
        """E11: after Redis was lost a machine an hour behind queues what another one wrote."""
        other = await self.another(bench, -3600)
        await other.push(delayed("a", 5))
        await bench.pass_time(6)
        assert await bench.take() == ["a"]

    async def test_the_sweep_mends_a_delay_from_before_redis_clock_was_set_back(self, bench: Bench) -> None:
        """E11: what is due in an hour, having asked for five seconds, is due in five seconds."""
        await bench.queue.push(delayed("a", 5))
        await bench.pass_time(-3600)
        await bench.queue.push(delayed("a", 5))
        assert await bench.take() == []
        await bench.pass_time(6)
        assert await bench.take() == ["a"]

    async def test_a_clock_ahead_brings_nothing_forward_that_the_lane_knows(self, bench: Bench) -> None:
        """E11: a scheduled task swept by a machine an hour ahead stays as it was queued."""
        await bench.queue.push(delayed("a", 60))
        other = await self.another(bench, 3600)
        await other.push(delayed("a", 60))
        assert await bench.take() == []

    async def test_a_lost_queue_is_rebuilt_though_its_tasks_are_from_the_future(
        self, make_settings: MakeSettings
    ) -> None:
        """E11: the clock is set back by an hour, Redis is lost, and the sweep still finds what waits."""
        async with running_system(make_settings(), [ScriptedProvider()], workers=False) as system:
            task = await system.submit()
            store = SweepStore(system.services.store.database)
            an_hour_ago = Clock().now_ms() - 3_600_000
            found = await store.waiting_after(START, an_hour_ago - SWEEP_MIN_AGE_MS, 10)
            assert [waiting.id for waiting in found] == [task.id]
            young = await store.waiting_after(START, Clock().now_ms() - SWEEP_MIN_AGE_MS, 10)
            assert young == []


class TestGate:
    async def test_a_hold_keeps_everything_back_until_its_time(self, bench: Bench) -> None:
        """What the service asks for is kept by all processes; the longer wish wins."""
        await bench.push("a")
        await bench.gates.hold(LANE, 30, "rate_limited")
        await bench.gates.hold(LANE, 5, "other")
        await bench.pass_time(10)
        assert await bench.take() == []
        hold = (await bench.gates.look(LANE)).hold
        assert hold is not None
        assert hold.reason == "rate_limited"
        await bench.pass_time(20)
        assert await bench.take() == ["a"]

    async def test_a_run_of_failures_opens_the_breaker_and_one_task_probes(self, bench: Bench) -> None:
        """After a while a single task tries; the others wait for what it finds."""
        for number in range(5):
            await bench.push(f"t{number}")
        for _ in range(10):
            await bench.gates.report(LANE, Report.FAILURE, "provider_unavailable")
        assert await bench.take(5) == []
        assert (await bench.gates.look(LANE)).state == "open"
        await bench.pass_time(1.1)
        assert len(await bench.take(5)) == 1
        assert await bench.take(5) == []
        await bench.gates.report(LANE, Report.SUCCESS)
        assert len(await bench.take(5)) == 4
        assert (await bench.gates.look(LANE)).state == "closed"

    async def test_a_probe_that_comes_back_without_a_verdict_lets_another_try(self, bench: Bench) -> None:
        """Its worker died: the lane must not stay shut for half a minute for each one that dies."""
        for number in range(3):
            await bench.push(f"t{number}")
        for _ in range(10):
            await bench.gates.report(LANE, Report.FAILURE, "provider_unavailable")
        await bench.pass_time(1.1)
        [probe] = await bench.take(5)
        assert await bench.take(5) == []
        await bench.queue.give_back(LANE, "w", [probe])
        assert len(await bench.take(5)) == 1

    async def test_a_probe_that_ends_without_a_verdict_lets_another_try(self, bench: Bench) -> None:
        """It had been cancelled, went to another lane, or was refused for what it asks: that says nothing."""
        for number in range(3):
            await bench.push(f"t{number}")
        for _ in range(10):
            await bench.gates.report(LANE, Report.FAILURE, "provider_unavailable")
        await bench.pass_time(1.1)
        [probe] = await bench.take(5)
        assert await bench.take(5) == []
        await bench.queue.acknowledge(LANE, "w", probe)
        assert len(await bench.take(5)) == 1

    @pytest.mark.parametrize(
        ("kind", "reports"), [(Report.ACCOUNT, 1), (Report.FAILURE, 10)], ids=["refused", "failed"]
    )
    async def test_who_was_refused_leaves_the_try_to_another(
        self, bench: Bench, kind: Report, reports: int
    ) -> None:
        """It is back at the head of its line, and stays there: the next one of its user tries."""
        for id_ in ("bad", "good", "other"):
            await bench.push(id_)
        assert await bench.take() == ["bad"]
        for _ in range(reports):
            await bench.gates.report(LANE, kind, "code", "bad")
        await bench.back("bad")
        await bench.pass_time(16)
        assert await bench.take(3) == ["good"]
        await bench.gates.report(LANE, Report.SUCCESS)
        assert await bench.take(3) == ["bad", "other"]

    async def test_every_task_tries_before_one_does_again(self, bench: Bench) -> None:
        """However many the service would refuse; then they begin anew."""
        for id_ in ("a", "b", "c"):
            await bench.push(id_)
        await bench.gates.report(LANE, Report.ACCOUNT, "code", "before")
        tried = []
        for _ in range(6):
            await bench.pass_time(61)
            [probe] = await bench.take(3)
            tried.append(probe)
            await bench.gates.report(LANE, Report.ACCOUNT, "code", probe)
            await bench.back(probe)
        assert tried[:3] == ["a", "b", "c"]
        assert sorted(tried[3:]) == ["a", "b", "c"]

    async def test_a_lone_task_tries_again_and_again(self, bench: Bench) -> None:
        """There is nobody else whose try it could be."""
        await bench.push("bad")
        for _ in range(3):
            assert await bench.take() == ["bad"]
            await bench.gates.report(LANE, Report.ACCOUNT, "code", "bad")
            await bench.back("bad")
            await bench.pass_time(61)

    async def test_who_is_passed_over_loses_neither_turn_nor_place(self, bench: Bench) -> None:
        """Of many users at all priorities: each task is given out once, and each user's in their order."""
        pushed = [
            (f"{user}-{priority}-{number}", user, priority)
            for user in ("ann", "bob", "cy")
            for priority in ("high", "normal", "low")
            for number in range(3)
        ]
        for id_, user, priority in pushed:
            await bench.push(id_, user, priority)
        for id_, _, _ in pushed[::2]:
            await bench.gates.report(LANE, Report.ACCOUNT, "code", id_)
        await bench.pass_time(61)
        [probe] = await bench.take(3)
        assert probe in {id_ for id_, _, _ in pushed[1::2]}
        await bench.gates.report(LANE, Report.SUCCESS)
        given = [probe, *await bench.take(100)]
        assert sorted(given) == sorted(id_ for id_, _, _ in pushed)
        for beginning in {id_[:-1] for id_, _, _ in pushed}:
            line = [id_ for id_ in given[1:] if id_.startswith(beginning)]
            assert line == sorted(line)
        assert await bench.queue.waiting_of(LANE, None, "ann") == 0

    async def test_each_failed_probe_doubles_the_wait(self, bench: Bench) -> None:
        """A service that stays away is asked less and less."""
        for number in range(3):
            await bench.push(f"t{number}")
        await bench.gates.report(LANE, Report.ACCOUNT, "AccountOverdueError")
        waits = []
        for _ in range(3):
            gate = await bench.gates.look(LANE)
            waits.append(gate.until_ms / 1000 - time.time())
            await bench.pass_time(waits[-1] + 0.1)
            assert len(await bench.take()) == 1
            await bench.gates.report(LANE, Report.ACCOUNT, "AccountOverdueError")
        assert [round(wait) for wait in waits] == [15, 30, 60]

    async def test_a_success_in_good_times_forgets_single_failures(self, bench: Bench) -> None:
        """Only a run of failures counts."""
        await bench.push("a")
        for _ in range(9):
            await bench.gates.report(LANE, Report.FAILURE, "x")
        await bench.gates.report(LANE, Report.SUCCESS)
        await bench.gates.report(LANE, Report.FAILURE, "x")
        assert await bench.take() == ["a"]


class TestHoldAndBreaker:
    """R7: a hold and the breaker are two facts."""

    async def test_a_success_closes_the_breaker_and_ends_no_hold(self, bench: Bench) -> None:
        """R7: what somebody holds shut, the spend limit say, is opened by its time only."""
        await bench.push("a")
        await bench.gates.hold(LANE, 3600, "spend_limit")
        for _ in range(10):
            await bench.gates.report(LANE, Report.FAILURE, "provider_unavailable")
        await bench.gates.report(LANE, Report.SUCCESS)
        gate = await bench.gates.look(LANE)
        assert (gate.state, gate.shut_by) == ("closed", "spend_limit")
        assert await bench.take() == []
        await bench.pass_time(3601)
        assert await bench.take() == ["a"]

    async def test_both_are_shown(self, make_settings: MakeSettings) -> None:
        """R7: the later of both is when a task may begin; each keeps its reason."""
        async with running_system(make_settings(), [ScriptedProvider()], workers=False) as system:
            task, gates = await system.submit(), system.services.gates
            await gates.report("scripted", Report.ACCOUNT, "AccountOverdueError")
            await gates.hold("scripted", 3600, "spend_limit")
            gate = await gates.look("scripted")
            explained = await system.services.forecast.explain(task)
            assert (gate.state, gate.reason) == ("open", "AccountOverdueError")
            assert (explained.waiting_for, explained.reason) == ("lane_closed", "spend_limit")
            assert explained.until is not None
            assert explained.until > Clock().now() + timedelta(minutes=50)

    async def test_one_that_is_told_to_wait_opens_what_failures_shut(self, bench: Bench) -> None:
        """Else every other task that fails by its own fault keeps a lane shut whose service answers."""
        for number in range(5):
            await bench.push(f"t{number}")
        for _ in range(10):
            await bench.gates.report(LANE, Report.FAILURE, "internal_error")
        await bench.pass_time(1.1)
        [probe] = await bench.take(5)
        await bench.gates.hold_for_rate(LANE, 1, probe)
        await bench.pass_time(1)
        assert (await bench.gates.look(LANE)).state == "closed"
        assert len(await bench.take(5)) == 4

    async def test_what_failures_shut_is_tried_every_half_minute(self, bench: Bench) -> None:
        """However long they go on."""
        for number in range(12):
            await bench.push(f"t{number}")
        for _ in range(10):
            await bench.gates.report(LANE, Report.FAILURE, "internal_error")
        for _ in range(8):
            gate = await bench.gates.look(LANE)
            wait_s = gate.until_ms / 1000 - time.time()
            assert wait_s <= 30.1
            await bench.pass_time(wait_s + 0.1)
            assert len(await bench.take()) == 1
            await bench.gates.report(LANE, Report.FAILURE, "internal_error")

    async def test_a_probe_that_is_told_to_wait_leaves_the_try_to_another(self, bench: Bench) -> None:
        """Whether the account is good is still to be seen."""
        for id_ in ("a", "b"):
            await bench.push(id_)
        await bench.gates.report(LANE, Report.ACCOUNT, "x")
        await bench.pass_time(31)
        assert await bench.take() == ["a"]
        await bench.gates.hold_for_rate(LANE, 1, "a")
        await bench.pass_time(1)
        assert await bench.take() == ["b"]


class TestOnesOwnTrouble:
    """H6, U7: a refusal or a limit that one task met is that task's until another task meets it."""

    async def test_the_same_task_refused_again_and_again_delays_nobody(self, bench: Bench) -> None:
        """H6: ten refusals of one task leave the lane open; it is told that they are its own."""
        await bench.push("other")
        told = [await bench.gates.report(LANE, Report.REFUSAL, "403", "bad") for _ in range(10)]
        assert not any(told)
        assert await bench.take() == ["other"]

    async def test_another_task_refused_alike_shuts_the_lane(self, bench: Bench) -> None:
        """H6: two tasks, one code, no success between: it is the account after all."""
        await bench.push("other")
        assert not await bench.gates.report(LANE, Report.REFUSAL, "403", "a")
        assert not await bench.gates.report(LANE, Report.REFUSAL, "404", "b")
        assert await bench.gates.report(LANE, Report.REFUSAL, "403", "c")
        assert await bench.take() == []

    async def test_a_success_between_acquits_the_account(self, bench: Bench) -> None:
        """H6: it may be reported by a process that knows of no refusal, as it puts its task away."""
        for id_ in ("good", "other"):
            await bench.push(id_)
        assert await bench.take() == ["good"]
        await bench.gates.report(LANE, Report.REFUSAL, "403", "a")
        await bench.queue.acknowledge(LANE, "w", "good", 5, went_well=True)
        assert not await bench.gates.report(LANE, Report.REFUSAL, "403", "b")
        assert await bench.take() == ["other"]

    async def test_a_known_culprit_that_tries_leaves_the_try_to_another(self, bench: Bench) -> None:
        """H6: the lane is not shut for longer by what was known already."""
        for id_ in ("a", "good"):
            await bench.push(id_)
        for id_ in ("a", "b"):
            await bench.gates.report(LANE, Report.REFUSAL, "403", id_)
        await bench.pass_time(1.1)
        assert await bench.take(2) == ["a"]
        assert await bench.gates.report(LANE, Report.REFUSAL, "403", "a")
        assert await bench.take(2) == ["good"]

    async def test_one_users_403_is_that_tasks_failure(self, make_settings: MakeSettings) -> None:
        """H6: an edge refuses one prompt; that task fails by its own attempts, others never wait."""

        async def edge(job: Job, run: Run) -> None:
            async with run.call(run.missing, "f"):
                if job.input["prompt"] == "bad":
                    raise AccountProblem("the edge refuses this", code="http_403", certain=False)
            await deliver_all(job, run)

        async with running_system(make_settings(DANQING_MAX_ATTEMPTS="2"), [ScriptedProvider(edge)]) as system:
            bad = await system.submit("bad")

            async def refused() -> bool:
                return (await system.get(bad.id)).failures == 1

            await until(refused)
            good = await system.submit("good")
            assert (await system.finished(good.id)).status is Status.COMPLETED
            failed = await system.finished(bad.id)
            assert (failed.status, failed.attempts) == (Status.FAILED, 2)
            assert (await system.services.gates.look("scripted")).state == "closed"

    async def test_one_tasks_limit_holds_others_for_two_seconds_at_most(self, bench: Bench) -> None:
        """U7: told once to wait for a minute, the lane tries with another task; told twice, it waits."""
        for id_ in ("b", "c"):
            await bench.push(id_)
        for _ in range(3):
            await bench.gates.hold_for_rate(LANE, 60, "a")
        assert await bench.take() == []
        await bench.pass_time(2)
        assert await bench.take() == ["b"]
        await bench.gates.hold_for_rate(LANE, 55, "b")
        await bench.pass_time(54)
        assert await bench.take() == []
        await bench.pass_time(2)
        assert await bench.take() == ["c"]

    async def test_nobody_is_held_for_longer_than_was_asked(self, bench: Bench) -> None:
        """U7: nor for longer than five minutes, whatever a clock or a header says."""
        for id_ in ("a", "b"):
            await bench.gates.hold_for_rate(LANE, 1, id_)
        hold = (await bench.gates.look(LANE)).hold
        assert hold is not None
        assert hold.until_ms <= Clock().now_ms() + 1000
        for id_ in ("a", "b"):
            await bench.gates.hold_for_rate(LANE, 86_400, id_)
        hold = (await bench.gates.look(LANE)).hold
        assert hold is not None
        assert hold.until_ms <= Clock().now_ms() + 300_000


class TestShutLane:
    async def test_tasks_wait_while_the_account_is_refused_and_run_when_it_is_well(
        self, make_settings: MakeSettings
    ) -> None:
        """An operator mends the account; no task has failed meanwhile."""
        refused = True

        async def account(job: Job, run: Run) -> None:
            if refused:
                raise AccountProblem("overdue", code="AccountOverdueError")
            await deliver_all(job, run)

        async with running_system(make_settings(), [ScriptedProvider(account)]) as system:
            tasks = [await system.submit() for _ in range(3)]

            async def shut() -> bool:
                return (await system.services.gates.look("scripted")).state == "open"

            await until(shut)
            assert (await system.services.gates.look("scripted")).reason == "AccountOverdueError"
            waiting = [await system.get(task.id) for task in tasks]
            assert {task.status for task in waiting} <= {Status.PENDING, Status.PROCESSING}
            explained = await system.services.forecast.explain(waiting[0])
            assert explained.waiting_for in ("lane_closed", "backoff", "provider")
            refused = False
            await system.services.gates.report("scripted", Report.SUCCESS)
            for task in tasks:
                await system.services.control.find(task.id, Caller.local())
            done = [await system.finished(task.id, timeout_s=40) for task in tasks]
            assert {task.status for task in done} == {Status.COMPLETED}

    async def test_one_task_that_is_refused_does_not_keep_the_lane_shut(self, make_settings: MakeSettings) -> None:
        """Others pass, whenever one of them may try; it goes on waiting."""

        async def account(job: Job, run: Run) -> None:
            if job.input["prompt"] == "bad":
                raise AccountProblem("overdue", code="AccountOverdueError")
            await deliver_all(job, run)

        async with running_system(make_settings(), [ScriptedProvider(account)]) as system:
            bad = await system.submit("bad")
            gates = system.services.gates

            async def shut() -> bool:
                return (await gates.look("scripted")).state == "open"

            async def passed() -> bool:
                await gates.probe("scripted")
                return all([(await system.get(good.id)).status is Status.COMPLETED for good in others])

            await until(shut)
            others = [await system.submit(f"good {number}") for number in range(3)]
            await until(passed, timeout_s=40)
            assert (await system.get(bad.id)).status in (Status.PENDING, Status.PROCESSING, Status.SCHEDULED)

    async def test_probes_of_a_broken_service_cost_no_task_its_attempts(self, make_settings: MakeSettings) -> None:
        """With two attempts allowed, a lane that is shut keeps its tasks."""
        broken = True

        async def away(job: Job, run: Run) -> None:
            if broken:
                raise Unavailable("away", retry_after_s=0)
            await deliver_all(job, run)

        once = make_settings(DANQING_MAX_ATTEMPTS="2", DANQING_CONCURRENCY="1")
        async with running_system(once, [ScriptedProvider(away)]) as system:
            for _ in range(10):
                await system.services.gates.report("scripted", Report.FAILURE, "provider_unavailable")
            task = await system.submit()

            async def probed() -> bool:
                return (await system.get(task.id)).attempts >= 2

            await until(probed, timeout_s=30)
            assert (await system.get(task.id)).status is not Status.FAILED
            broken = False
            assert (await system.finished(task.id, timeout_s=40)).status is Status.COMPLETED


class TestLimits:
    async def test_a_full_lane_refuses_with_the_time_to_come_back(self, make_settings: MakeSettings) -> None:
        """Nothing is kept of what is refused."""
        full = make_settings(DANQING_MAX_QUEUED="3")
        async with running_system(full, [ScriptedProvider()], workers=False) as system:
            for _ in range(3):
                await system.submit()

            async def refused() -> Overloaded | None:
                try:
                    await system.submit()
                except Overloaded as error:
                    return error
                return None

            error = await until(refused)
            assert error.server_wide
            assert error.retry_after_s >= 1

    async def test_one_user_is_bounded_and_others_are_not(self, make_settings: MakeSettings) -> None:
        """429 is for the user whose line is full."""
        small = make_settings(DANQING_MAX_QUEUED_PER_USER="2")
        async with running_system(small, [ScriptedProvider()], workers=False) as system:
            for _ in range(2):
                await system.submit(user_id="greedy")
            with pytest.raises(Overloaded) as refused:
                await system.submit(user_id="greedy")
            assert not refused.value.server_wide
            await system.submit(user_id="modest")
            await system.submit(user_id="greedy", key="another key")

    async def test_scheduled_tasks_count_for_their_user_and_cancelled_ones_do_not(
        self, make_settings: MakeSettings
    ) -> None:
        """E8: neither a delay nor a cancellation is a way around the bound, or into it."""
        small = make_settings(DANQING_MAX_QUEUED_PER_USER="2")
        async with running_system(small, [ScriptedProvider()], workers=False) as system:
            tasks = [await system.submit(delay_s=3600) for _ in range(2)]
            with pytest.raises(Overloaded):
                await system.submit()
            await system.services.control.cancel(tasks[0].id, Caller.local())
            await system.submit()
            with pytest.raises(Overloaded):
                await system.submit(delay_s=3600)

    async def test_tasks_of_next_week_fill_no_lane(self, make_settings: MakeSettings) -> None:
        """E8: a key may schedule as many as a lane holds; then it is refused, and nobody else is."""
        full = make_settings(DANQING_MAX_QUEUED="3")
        async with running_system(full, [ScriptedProvider()], workers=False) as system:
            for _ in range(3):
                await system.submit(delay_s=604_800, key="planner")
            system.services.forecast._seen.clear()  # what it saw is kept for two seconds
            with pytest.raises(Overloaded) as refused:
                await system.submit(delay_s=604_800, key="planner")
            assert not refused.value.server_wide
            await system.submit(delay_s=604_800, key="another")
            await system.submit(key="planner")


class TestSpendGuard:
    async def test_the_lane_closes_before_the_limit_is_passed(self, make_settings: MakeSettings) -> None:
        """At 0.20 a picture a limit of 0.50 pays for two; the third waits for tomorrow."""
        limited = make_settings(DANQING_DAILY_SPEND_LIMITS="scripted:0.50")
        provider = ScriptedProvider(concurrency=1)
        async with running_system(limited, [provider]) as system:
            tasks = [await system.submit() for _ in range(3)]

            async def shut() -> bool:
                return (await system.services.gates.look("scripted")).shut_by == "spend_limit"

            await until(shut)
            statuses = [(await system.get(task.id)).status for task in tasks]
            assert statuses.count(Status.COMPLETED) == 2
            assert len(provider.jobs) == 2

    async def test_a_refused_picture_costs_nothing(self, make_settings: MakeSettings) -> None:
        """What was set aside is freed when the call turns out unbilled."""
        limited = make_settings(DANQING_DAILY_SPEND_LIMITS="scripted:0.20")

        async def first_time_away(job: Job, run: Run) -> None:
            if job.attempt == 1:
                async with run.call(run.missing, "f"):
                    raise Unavailable("away", retry_after_s=0)
            await deliver_all(job, run)

        async with running_system(limited, [ScriptedProvider(first_time_away)]) as system:
            task = await system.submit()
            assert (await system.finished(task.id)).status is Status.COMPLETED


class TestExplain:
    async def test_a_waiting_task_says_its_place(self, make_settings: MakeSettings) -> None:
        """Own line and whole lane."""
        async with running_system(make_settings(), [ScriptedProvider()], workers=False) as system:
            for _ in range(3):
                task = await system.submit(user_id="alice")
            await system.submit(user_id="bob")
            explained = await system.services.forecast.explain(await system.get(task.id))
            assert (explained.own_position, explained.lane_position) == (2, 3)
            assert explained.waiting_for == "turn"

    async def test_a_scheduled_task_says_its_time(self, make_settings: MakeSettings) -> None:
        """Nothing holds it but its schedule."""
        async with running_system(make_settings(), [ScriptedProvider()], workers=False) as system:
            task = await system.submit(delay_s=60, priority=Priority.HIGH)
            explained = await system.services.forecast.explain(task)
            assert (explained.waiting_for, explained.until) == ("schedule", task.run_at)

    async def test_pace_of_a_minute_that_is_over_is_over_a_minute(self, make_settings: MakeSettings) -> None:
        """Whatever second the minute has come to in which one asks."""
        async with running_system(make_settings(), [ScriptedProvider()], workers=False) as system:
            connection = system.services.gates.connection
            hot = cast("Any", connection.hot)
            minute = int((await hot.time())[0]) // 60 - 2
            pace = {"n": 9, "ms": 18_000}
            await hot.hset(f"{connection.base('scripted')}:pace:{minute}", mapping=pace)
            found = await system.services.gates.throughput("scripted")
            assert (found.per_s, found.mean_s) == (9 / 60, 2.0)

    async def test_estimates_follow_the_recent_pace(self, make_settings: MakeSettings) -> None:
        """What the lane did lately is what a client may expect."""

        async def slow(job: Job, run: Run) -> None:
            await asyncio.sleep(0.3)
            await deliver_all(job, run)

        async with running_system(make_settings(), [ScriptedProvider(slow)]) as system:
            await system.finished((await system.submit()).id)

            async def mean_s() -> float | None:  # the queue hears of an end after MongoDB has it
                return (await system.services.gates.throughput("scripted")).mean_s

            assert 0.3 <= await until(mean_s) < 3
            running = await system.submit(delay_s=30)
            assert await system.services.forecast.retry_after_s(running) in range(28, 31)
