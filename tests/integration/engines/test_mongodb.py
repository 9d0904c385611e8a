"""MongoDB as it is run in earnest: three members, who ask who one is, over TLS."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest

from danqing_server.access.caller import Caller
from danqing_server.clock import Clock
from danqing_server.errors import NotFound, SettingsError, StoreUnavailable
from danqing_server.records.tasks import Status
from danqing_server.store.budgets import BudgetStore, Committed, Pending
from danqing_server.store.client import Database, connect
from danqing_server.store.dumping import open_dump
from danqing_server.store.keys import KeyStore
from danqing_server.store.leases import Lease
from danqing_server.store.listing import TaskFilter
from danqing_server.store.tasks import TaskStore
from tests.support.mongo_sets import MongoSet, run_replica_set
from tests.support.providers import ScriptedProvider
from tests.support.redis_sets import Certificates
from tests.support.system import MakeSettings, System, running_system, until

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("mongo_sets")]


@pytest.fixture(scope="module")
def mongo_set(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MongoSet]:
    """Three members with passwords and TLS. Who ends one starts it again."""
    folder = tmp_path_factory.mktemp("mongo_set")
    with run_replica_set(folder, Certificates.made_in(folder)) as made:
        yield made


class TestSecured:
    @pytest.mark.parametrize("driver", ["motor", "pymongo"])
    async def test_a_task_goes_its_way(self, mongo_set: MongoSet, make_settings: MakeSettings, driver: str) -> None:
        """Kept by a majority of members, by a user with a password, over TLS, with either library."""
        settings = make_settings(mongo_url=mongo_set.url, DANQING_MONGO_DRIVER=driver)
        async with running_system(settings, [ScriptedProvider()]) as system:
            task = await system.submit()
            assert (await system.finished(task.id)).status is Status.COMPLETED
            assert await system.services.store.server_version()

    async def test_who_leads_is_asked_whatever_the_url_says(
        self, mongo_set: MongoSet, make_settings: MakeSettings
    ) -> None:
        """A follower has not heard of the start that it is asked about: calls were lost, and made again."""
        provider = ScriptedProvider()
        settings = make_settings(mongo_url=f"{mongo_set.url}&readPreference=secondary")
        with mongo_set.left_behind(1):
            async with running_system(settings, [provider]) as system:
                tasks = [await system.submit(n=2) for _ in range(20)]
                done = [await system.finished(task.id, timeout_s=60) for task in tasks]
                assert {(task.status, task.attempts, len(task.calls)) for task in done} == {
                    (Status.COMPLETED, 1, 1)
                }
                assert len(provider.jobs) == len(tasks)

    async def test_a_wrong_password_is_told_without_it(
        self, mongo_set: MongoSet, make_settings: MakeSettings
    ) -> None:
        """Which error it is, of which kind; neither name nor password nor address."""
        wrong = mongo_set.url.replace("danqing:a", "danqing:another", 1)
        async with connect(make_settings(mongo_url=wrong)) as database:
            with pytest.raises(StoreUnavailable, match=r"OperationFailure 18") as refused:
                await TaskStore(database).ping()
        assert not refused.value.permanent
        assert "another" not in str(refused.value)

    async def test_who_is_not_vouched_for_is_not_talked_to(
        self, mongo_set: MongoSet, make_settings: MakeSettings, tmp_path: Path
    ) -> None:
        """Members with another authority's certificates are away, as far as we are concerned."""
        other = Certificates.made_in(tmp_path)
        url = mongo_set.url.partition("&tls=")[0] + f"&tls=true&tlsCAFile={other.authority}&authSource=admin"
        async with connect(make_settings(mongo_url=url)) as database:
            with pytest.raises(StoreUnavailable, match="ServerSelectionTimeout"):
                await TaskStore(database).ping()

    async def test_a_file_that_is_not_there_is_told_at_the_start(self, make_settings: MakeSettings) -> None:
        """As a setting that is wrong, not as a MongoDB that is away."""
        settings = make_settings(mongo_url="mongodb://db/?tls=true&tlsCAFile=/nowhere/ca.pem")
        with pytest.raises(SettingsError, match="MONGO_URL: "):
            async with connect(settings):
                pass


class TestFailover:
    @pytest.mark.parametrize("how", ["kill", "pause", "step_down"])
    async def test_another_member_takes_over(
        self, mongo_set: MongoSet, make_settings: MakeSettings, how: str
    ) -> None:
        """What was accepted before is there, and what is submitted again and again is accepted soon."""
        settings = make_settings(mongo_url=mongo_set.url)
        async with running_system(settings, [ScriptedProvider()]) as system:
            before = [await system.submit(delay_s=3600) for _ in range(3)]
            old = await until(mongo_set.primary, timeout_s=30, what="a primary")
            try:
                if how == "step_down":
                    mongo_set.client.admin.command("replSetStepDown", 20, secondaryCatchUpPeriodSecs=5)
                else:
                    getattr(old, how)()

                async def submit() -> Any:
                    try:
                        return await system.submit()
                    except StoreUnavailable:
                        return None

                task = await until(submit, timeout_s=60, what="a task being taken again")
                assert (await system.finished(task.id, timeout_s=60)).status is Status.COMPLETED
                for each in before:
                    assert (await system.get(each.id)).status is Status.SCHEDULED
            finally:
                if how == "kill":
                    old.start()
                old.resume()


class TestNoMajority:
    async def test_nobody_is_judged_dead_where_nobody_can_renew(
        self, mongo_set: MongoSet, make_settings: MakeSettings
    ) -> None:
        """The primary answers who reads, and acknowledges no write: both workers live on when it does again."""
        settings = make_settings(mongo_url=mongo_set.url)
        async with (
            running_system(settings, [ScriptedProvider()], dead_after_s=1) as one,
            running_system(settings, [ScriptedProvider()], dead_after_s=1) as other,
        ):
            leases = [_watchful(system) for system in (one, other)]
            await until(lambda: all(lease.fresh for lease in leases), what="two leases")
            with mongo_set.without_majority():
                await until(lambda: all(lease.unrenewed_s > 4 for lease in leases), what="nobody renewing")
            await until(lambda: all(lease.lost or lease.unrenewed_s < 1 for lease in leases), what="renewals")
            assert not any(lease.lost for lease in leases)
            assert (await one.finished((await one.submit()).id)).status is Status.COMPLETED


class TestNotYetKept:
    """The primary shows whoever asks what it may lose: who promises or removes something must not go by that."""

    @pytest.fixture
    async def database(self, mongo_set: MongoSet, make_settings: MakeSettings) -> AsyncIterator[Database]:
        """A database on the three members."""
        async with connect(make_settings(mongo_url=mongo_set.url)) as database:
            yield database

    async def test_a_key_names_no_task(self, mongo_set: MongoSet, database: Database) -> None:
        """It would name another after a failover, and the first one is bought all the same."""
        keys = KeyStore(database, Clock(), kept_s=3600)
        assert (await keys.claim("old", "print", "task-0")).task_id == "task-0"
        with mongo_set.without_majority():
            with pytest.raises(StoreUnavailable):
                await keys.claim("new", "print", "task-1")
            assert await database["danqing_keys"].find_one({"_id": "new"}) is not None
            assert await keys.find("new") is None
            with pytest.raises(StoreUnavailable):
                await keys.claim("new", "print", "task-2")
        assert (await keys.claim("new", "print", "task-3")).task_id in ("task-1", "task-2")
        assert (await keys.claim("old", "print", "task-3")).task_id == "task-0"

    async def test_no_task_is_shown_as_ended(self, mongo_set: MongoSet, make_settings: MakeSettings) -> None:
        """Not alone, nor in a list: another primary may carry it out anew, and it would be under way again."""
        settings = make_settings(mongo_url=mongo_set.url)
        async with running_system(settings, [ScriptedProvider()], workers=False) as system:
            task = await system.submit()
            with mongo_set.without_majority():
                with pytest.raises(StoreUnavailable):
                    await system.services.control.cancel(task.id, Caller.local())
                assert (await system.get(task.id)).status is Status.CANCELLED
                shown = await system.services.control.find(task.id, Caller.local())
                listed = await system.services.task_list.find(
                    TaskFilter(), Caller.local().reach, limit=9, after=None
                )
                assert [shown.status, *(each.status for each in listed.tasks)] == [Status.PENDING] * 2

    async def test_no_task_is_called_unknown(self, mongo_set: MongoSet, make_settings: MakeSettings) -> None:
        """Who was told its id may ask whoever does not have it yet, or was cut off: nobody can say then."""
        settings = make_settings(mongo_url=mongo_set.url)
        async with running_system(settings, [ScriptedProvider()], workers=False) as system:
            control, store, me = system.services.control, system.services.store, Caller.local()
            task = await system.submit()
            late = attrs.evolve(task, id=f"{task.id}0")
            with pytest.raises(NotFound):
                await control.find(late.id, me)
            with mongo_set.without_majority():
                for ask in (control.find, control.cancel, control.retry, control.delete):
                    with pytest.raises(StoreUnavailable):
                        await ask(late.id, me)
                with pytest.raises(StoreUnavailable):
                    await store.insert(late)
                with pytest.raises(StoreUnavailable):
                    await control.find(late.id, me)
            assert (await control.find(late.id, me)).id == late.id

    async def test_a_counter_is_as_it_was(self, mongo_set: MongoSet, database: Database) -> None:
        """What was set aside by somebody who was told 503 is no ground to write a count by."""
        budgets, now = BudgetStore(database), Clock().now()
        before = Committed(total=5, counted_at=now)
        assert await budgets.put("shop", Committed(), before, expires_at=None)
        note = Pending(task="task", amount=2, at=now)
        with mongo_set.without_majority():
            with pytest.raises(StoreUnavailable):
                await budgets.take("shop", {"hold": note}, 10, now - timedelta(hours=1))
            assert (await database["danqing_budgets"].find_one({"_id": "shop"}))["total"] == 7
            assert (await budgets.look("shop")).total == 5

    async def test_files_are_kept_as_long(self, mongo_set: MongoSet, database: Database) -> None:
        """A task whose deletion may be taken back is named; nor does a second deletion call it gone."""
        tasks = TaskStore(database)
        await database["danqing_tasks"].insert_one({"_id": "task"})
        async with open_dump(database) as dump:
            with mongo_set.without_majority():
                with pytest.raises(StoreUnavailable):
                    await tasks.delete("task")
                assert await database["danqing_tasks"].find_one({"_id": "task"}) is None
                assert set(await dump.find("danqing_tasks", ["task"])) == {"task"}
                with pytest.raises(StoreUnavailable):
                    await tasks.delete("task")


def _watchful(system: System) -> Lease:
    """Return the lease of *system*, which is to see soon that it is not renewed, and to end no process."""
    assert system.workers is not None
    system.workers.janitor.blind_after_s = 0.5
    lease = system.workers.tools.lease
    lease.on_lost = lambda: None
    return lease
