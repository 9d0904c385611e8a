"""MongoDB as it is run in earnest: three members, who ask who one is, over TLS."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from danqing_server.errors import SettingsError, StoreUnavailable
from danqing_server.records.tasks import Status
from danqing_server.store.client import connect
from danqing_server.store.leases import Lease
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


def _watchful(system: System) -> Lease:
    """Return the lease of *system*, which is to see soon that it is not renewed, and to end no process."""
    assert system.workers is not None
    system.workers.janitor.blind_after_s = 0.5
    lease = system.workers.tools.lease
    lease.on_lost = lambda: None
    return lease
