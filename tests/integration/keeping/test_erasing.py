"""`danqing erase`: all of a user or a project goes, nothing of anybody else, wherever it is cut."""

from __future__ import annotations

import asyncio
import io
import itertools
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import bson
import pytest

from danqing_plugins import Job, Run
from danqing_server.clock import Clock
from danqing_server.composition.erasure import make_erasure
from danqing_server.desk.erasure import Erased, Erasure
from danqing_server.records.deliveries import Delivery, DeliveryState
from danqing_server.settings.server import Settings
from danqing_server.store.belongings import Whose
from danqing_server.store.deliveries import Outcome
from danqing_server.store.ledger import LedgerStore
from danqing_server.store.reach import Reach
from danqing_server.store.remains import Named, RemainsStore
from tests.integration.api.conftest import Client, opened
from tests.integration.backups.conftest import Command
from tests.support.dying_command import run_command
from tests.support.providers import ScriptedProvider, deliver_all, picture
from tests.support.system import MakeSettings, System, running_system, until

KEYS = "shop:first-secret-of-erasing,paper:second-secret-of-erasing"
SHOP, PAPER = ({"Authorization": f"Bearer {name}-secret-of-erasing"} for name in ("first", "second"))
ZHANG, LI = "zhang.san@example.com", "li.si@example.com"

Open = Callable[..., Any]


@pytest.fixture
async def open_server(make_settings: MakeSettings) -> AsyncIterator[Open]:
    """Open the HTTP API with its workers, by settings."""
    async with AsyncExitStack() as stack:

        async def open_(
            provider: ScriptedProvider | None = None, *, workers: bool = True, **variables: str
        ) -> Client:
            settings = make_settings(DANQING_API_KEYS=KEYS, DANQING_LEDGER="all", **variables)
            return await stack.enter_async_context(
                opened(settings, provider or ScriptedProvider(), workers=workers)
            )

        yield open_


def erasure_of(system: System) -> Erasure:
    """Return what erases in a process that is there already, and need not wait a minute."""
    services = system.services
    services.control.register.eraser.look_again_after = timedelta(0)
    return make_erasure(services, services.store.database, lambda _line: None)


async def erase(system: System, user: str | None, reach: Reach | None = None) -> Erased:
    """Erase all of one user, or of one owner."""
    return await erasure_of(system).erase(Whose(user=user, reach=reach or Reach.everybody()), waits=True)


async def make(api: Client, user: str, headers: Mapping[str, str] = SHOP, **more: str) -> str:
    """Have a picture made, and return its task's id once there is one."""
    body = {"prompt": f"of {user}", "user_id": user}
    reply = await api.ask("POST", "/api/v1/ai/image/task", json=body, headers={**headers, **more})
    task_id: str = reply.json["data"]["task_id"]
    return task_id


async def finished(api: Client, *ids: str) -> None:
    """Wait until tasks have ended."""
    await asyncio.gather(*map(api.system.finished, ids))


async def left_of(system: System, name: str, named: Named = Named.USER) -> list[str]:
    """Return where a name stands that should not."""
    remains = RemainsStore(system.services.store.database)
    return [each.collection async for each in remains.values(name, named) if each.why is None]


async def until_gone(
    system: System, name: str, named: Named = Named.USER, but: frozenset[str] | set[str] = frozenset()
) -> None:
    """Wait until a name stands nowhere *but* there: who has heard of a deletion is noted within a second."""

    async def is_gone() -> bool:
        await system.services.control.register.eraser.go_on()
        return set(await left_of(system, name, named)) <= but

    await until(is_gone, what=f"that nothing is left of {name}")


async def upload(api: Client, headers: Mapping[str, str]) -> str:
    """Send a picture ahead."""
    sent = {"Content-Type": "image/png", **headers}
    reply = await api.ask("POST", "/api/v1/uploads", data=io.BytesIO(picture(8, 9)), headers=sent)
    upload_id: str = reply.json["data"]["id"]
    return upload_id


async def batch(api: Client, *users: str, headers: Mapping[str, str] = SHOP, **more: str) -> str:
    """Send a batch with a line for each of *users*."""
    lines = [{"prompt": f"line of {user}", "user_id": user} for user in users]
    reply = await api.ask("POST", "/api/v1/batches", json={"tasks": lines}, headers={**headers, **more})
    assert reply.status == 201, reply.json
    batch_id: str = reply.json["data"]["id"]
    return batch_id


async def open_endpoint(api: Client) -> None:
    """Have the shop's events sent to where nobody is."""
    wanted = {"url": "https://hooks.example.com/x", "events": ["task.*"]}
    assert (await api.ask("POST", "/api/v1/webhooks", json=wanted, headers=SHOP)).status == 201


async def count(api: Client, collection: str, **wanted: Any) -> int:
    """Return how many documents there are."""
    return int(await api.services.store.database[collection].count_documents(wanted))


def folders(settings: Settings) -> set[str]:
    """Return what has files in the storage."""
    pictures = settings.data_dir / "pictures"
    return {path.parent.name for path in pictures.glob("*/*")} if pictures.is_dir() else set()


class TestUser:
    async def test_all_of_theirs_and_nothing_of_anybody_elses(self, open_server: Open, settings: Settings) -> None:
        """Tasks, files, keys, their record, their name in the books; the other's are as they were."""
        api = await open_server()
        theirs = await make(api, ZHANG, **{"Idempotency-Key": "k-1"})
        others = await make(api, LI)
        await finished(api, theirs, others)
        ledger = LedgerStore(api.services.store.database)

        async def is_booked() -> bool:
            found = await ledger.of([theirs, others])
            return all(found[id_] for id_ in (theirs, others))

        await until(is_booked)
        done = await erase(api.system, ZHANG)
        assert (done.counts["tasks"], dict(done.refused)) == (1, {})
        await until_gone(api.system, ZHANG)
        assert folders(settings) == {others}
        assert [each.user for each in (await ledger.of([theirs]))[theirs]] == [""]
        assert [each.user for each in (await ledger.of([others]))[others]] == [LI]
        assert (await api.ask("GET", f"/api/v1/tasks/{others}", headers=SHOP)).status == 200

    async def test_twice_finds_nothing(self, open_server: Open) -> None:
        """Nor does the name of somebody who was never there."""
        api = await open_server()
        await finished(api, await make(api, ZHANG))
        await erase(api.system, ZHANG)
        for name in (ZHANG, "nobody", "$where", '"}', "a.b"):
            again = await erase(api.system, name)
            assert (+again.counts, dict(again.refused)) == ({}, {}), name

    async def test_many_are_looked_at_again_however_long_that_takes(self, open_server: Open) -> None:
        """Without a server it is done here, four hundred at a time, which takes all the patience there is."""
        api = await open_server(workers=False)
        notes = api.services.store.database["danqing_deleted"]
        past = api.services.clock.now() - timedelta(hours=1)
        kept = {"erase_at": past, "expires_at": past + timedelta(days=3)}
        await notes.insert_many([{"_id": f"t{number}", **kept} for number in range(900)])
        erasure = erasure_of(api.system)
        erasure.clock = Clock(monotonic_s=itertools.count(0.0, 1000.0).__next__)
        await erasure.erase(Whose(user=ZHANG, reach=Reach.everybody()), waits=True)
        assert await notes.count_documents({"erase_at": {"$exists": True}}) == 0

    async def test_of_one_project_alone(self, open_server: Open) -> None:
        """User 7 of one project is not user 7 of another."""
        api = await open_server()
        ours, theirs = await make(api, "7"), await make(api, "7", PAPER)
        await finished(api, ours, theirs)
        assert (await erase(api.system, "7", Reach.of("shop"))).counts["tasks"] == 1
        assert [each["_id"] async for each in api.services.store.database["danqing_tasks"].find()] == [theirs]
        assert (await erase(api.system, "7")).counts["tasks"] == 1

    async def test_what_runs_is_cancelled(self, open_server: Open) -> None:
        """Its call may have left; what it brings is nobody's any more."""
        begun, hold = asyncio.Event(), asyncio.Event()

        async def slowly(job: Job, run: Run) -> None:
            begun.set()
            await hold.wait()
            await deliver_all(job, run)

        api = await open_server(ScriptedProvider(slowly))
        task_id = await make(api, ZHANG)
        await begun.wait()
        assert (await erase(api.system, ZHANG)).counts["tasks"] == 1
        hold.set()
        assert await count(api, "danqing_tasks", _id=task_id) == 0
        await until_gone(api.system, ZHANG)

    async def test_a_batch_goes_with_its_last_user(self, open_server: Open) -> None:
        """One that is shared stays, with the others' lines; its key buys none of it again."""
        api = await open_server()
        own = await batch(api, ZHANG, ZHANG, **{"Idempotency-Key": "b-1"})
        shared = await batch(api, ZHANG, LI)
        await until(lambda: count(api, "danqing_batches", open={"$exists": False}, _id={"$in": [own, shared]}))
        done = await erase(api.system, ZHANG)
        assert done.counts["batches"] == 1
        await until_gone(api.system, ZHANG)
        assert await count(api, "danqing_batches", _id=own) == 0
        assert await count(api, "danqing_batches", _id=shared) == 1
        assert await count(api, "danqing_tasks", user_id=LI) == 1
        lines = {"tasks": [{"prompt": f"line of {ZHANG}", "user_id": ZHANG}] * 2}
        again = await api.ask("POST", "/api/v1/batches", json=lines, headers={**SHOP, "Idempotency-Key": "b-1"})
        assert again.status == 422

    async def test_lines_of_a_batch_that_is_being_made(self, open_server: Open) -> None:
        """They become no tasks; the others' do."""
        api = await open_server(workers=False, DANQING_MAX_QUEUED="20")
        batch_id = await batch(api, *([LI] * 15 + [ZHANG] * 15))
        await until(lambda: count(api, "danqing_tasks"))
        done = await erase(api.system, ZHANG)
        assert done.counts["lines"] + done.counts["tasks"] >= 15
        await until_gone(api.system, ZHANG)
        await api.ask("POST", f"/api/v1/batches/{batch_id}/cancel", headers=SHOP)
        await until(lambda: count(api, "danqing_batches", _id=batch_id, status="cancelled"))
        assert await count(api, "danqing_tasks", user_id=ZHANG) == 0

    async def test_failed_deliveries_go_and_owed_ones_are_told(self, open_server: Open) -> None:
        """A user stands only inside of what is sent, also when that is not delivered for days."""
        api = await open_server(workers=False)
        deliveries, at = api.services.webhooks.deliveries, api.services.clock.now()
        await deliveries.ensure_indexes()
        sent = [
            Delivery(
                id=f"msg_{state}",
                owner="shop",
                endpoint_id="wh_1",
                event_id=f"gone/{state}",
                type="task.deleted",
                task_id="gone",
                body=f'{{"data":{{"id":"gone","user_id":"{ZHANG}"}}}}',
                host="hooks.example.com",
                created_at=at,
                due_at=at + timedelta(hours=1),
            )
            for state in ("failed", "owed")
        ]
        await deliveries.insert(sent)
        await deliveries.record(Outcome(delivery=sent[0], attempt=None, state=DeliveryState.FAILED, at=at))
        assert (await erase(api.system, ZHANG)).counts["deliveries"] == 1
        assert await left_of(api.system, ZHANG) == ["danqing_deliveries"]


class TestProject:
    async def test_all_of_it_and_nothing_of_the_others(self, open_server: Open, settings: Settings) -> None:
        """Whoever its users are; its uploads and batches, too. The books keep what it paid."""
        api = await open_server()
        ids = [await make(api, user) for user in (ZHANG, LI)]
        others = await make(api, ZHANG, PAPER)
        uploads = [await upload(api, headers) for headers in (SHOP, PAPER)]
        mine, theirs = await batch(api, ZHANG), await batch(api, ZHANG, headers=PAPER)
        await finished(api, *ids, others)
        done = await erase(api.system, None, Reach.of("shop"))
        assert (done.counts["tasks"], done.counts["batches"], done.counts["uploads"]) == (3, 1, 1)
        await until_gone(
            api.system, "shop", Named.PROJECT, but={"danqing_ledger", "danqing_budgets", "danqing_stats"}
        )
        assert await count(api, "danqing_batches", _id=mine) == 0
        assert await count(api, "danqing_batches", _id=theirs) == 1
        assert uploads[0] not in folders(settings)
        assert {others, uploads[1]} <= folders(settings)

    async def test_a_batch_that_is_being_made_is_ended(self, open_server: Open) -> None:
        """By this process or the server's, whoever holds it."""
        api = await open_server(workers=False, DANQING_MAX_QUEUED="20")
        await batch(api, *[ZHANG] * 30)
        await until(lambda: count(api, "danqing_tasks"))
        done = await erase(api.system, None, Reach.of("shop"))
        assert done.counts["batches"] == 1
        for collection in ("danqing_tasks", "danqing_batches", "danqing_batch_lines"):
            assert await count(api, collection) == 0


class TestCommonWords:
    """A user may be called as we call a status, and a project as somebody's model."""

    async def test_nobodys_name_is_found_in_what_is_ours(self, open_server: Open) -> None:
        """Statuses, outcomes, providers, models, kinds: whatever else they are called, it is nobody."""
        api = await open_server()
        await open_endpoint(api)
        await batch(api, LI)
        await upload(api, SHOP)
        await finished(api, await make(api, LI))
        await until(lambda: count(api, "danqing_deliveries"))
        await until(lambda: count(api, "danqing_ledger"))
        words = (
            "completed delivered kept created pending settle yes all_or_nothing scripted one image CNY image/png"
        )
        for word in words.split():
            for named in Named:
                assert await left_of(api.system, word, named) == [], (word, named)

    async def test_a_user_is_not_taken_for_a_project(self, open_server: Open, danqing: Command) -> None:
        """Nor the other way round, where both are called the same. The audit log names subjects of either sort."""
        api = await open_server()
        assert (await danqing("projects", "create", "A shop", "--id", "shop")).code == 0
        await finished(api, await make(api, LI), await make(api, "paper"))
        assert await left_of(api.system, "shop") == ["danqing_audit"]
        assert await left_of(api.system, "paper", Named.PROJECT) == []
        assert "danqing_tasks" in await left_of(api.system, "paper")
        assert "danqing_tasks" in await left_of(api.system, "shop", Named.PROJECT)

    async def test_one_who_is_called_so_is_erased_and_missed(self, open_server: Open) -> None:
        """Until then their tasks are found; others' tasks of that status stay."""
        api = await open_server()
        await finished(api, await make(api, "completed"), await make(api, LI))
        await until(lambda: count(api, "danqing_ledger"))
        assert {"danqing_tasks", "danqing_ledger"} <= set(await left_of(api.system, "completed"))
        await erase(api.system, "completed")
        await until_gone(api.system, "completed")
        assert await count(api, "danqing_tasks", user_id=LI, status="completed") == 1

    @pytest.mark.parametrize(
        "document",
        [
            {"status": "completed", "nickname": "completed"},
            {"status": "completed", "input": {"status": "completed"}},
            {"status": ["completed", {"of": "completed"}]},
            {"task": bson.encode({"status": "completed", "user_id": "completed"})},
            {"state": "completed"},
            {"body": '{"user_id":"completed"}'},
        ],
        ids=str,
    )
    async def test_what_nobody_knows_is_found(self, open_server: Open, document: Mapping[str, Any]) -> None:
        """Fields of another release, what clients say, a word in a field of other words: it may be somebody."""
        api = await open_server(workers=False)
        await api.services.store.database["danqing_tasks"].insert_one({"_id": "t", **document})
        assert await left_of(api.system, "completed") == ["danqing_tasks"]

    async def test_a_line_of_a_batch_is_looked_into(self, open_server: Open) -> None:
        """It holds a task as bytes."""
        api = await open_server(workers=False)
        line = {"_id": "l", "task": bson.encode({"status": "pending", "user_id": LI})}
        await api.services.store.database["danqing_batch_lines"].insert_one(line)
        assert await left_of(api.system, "pending") == []
        assert await left_of(api.system, LI) == ["danqing_batch_lines"]


class TestCommand:
    async def test_counts_asks_and_erases(self, settings: Settings, danqing: Command) -> None:
        """Beside a running server, which takes the second look."""
        async with running_system(settings, [ScriptedProvider()]) as system:
            for user in (ZHANG, LI):
                await system.finished((await system.submit(user_id=user)).id)
            rehearsed = await danqing("erase", "--user", ZHANG, "--dry-run", "--json")
            assert (rehearsed.code, rehearsed.json["tasks"], rehearsed.json["erased"]) == (0, 1, False)
            asked = await danqing("erase", "--user", ZHANG)
            assert asked.code == 2
            assert "--yes" in asked.err
            assert await system.services.store.database["danqing_tasks"].count_documents({}) == 2
            done = await danqing("erase", "--user", ZHANG, "--yes", "--no-wait", "--json")
            assert (done.code, done.json["tasks"], done.json["remains"]) == (0, 1, None), done.err
            await until(lambda: _is_looked_at_again(system))
            proved = await danqing("erase", "--user", ZHANG, "--yes")
            assert proved.code == 0, proved.out
            assert f"nothing is left of user {ZHANG}" in proved.out
            assert await system.services.store.database["danqing_tasks"].count_documents({}) == 1
            [entry] = await system.services.store.database["danqing_audit"].find({"subject": "(user)"}).to_list(1)
            assert entry["action"] == "tasks.erased"

    @pytest.mark.parametrize(
        "words",
        [
            (),
            ("--user", ""),
            ("--project", ""),
            ("--user", "a", "--project", ""),
            ("--user", "\udcff"),
            ("--user", "a\n"),
        ],
    )
    async def test_what_names_nobody_is_refused(self, danqing: Command, words: tuple[str, ...]) -> None:
        """An empty variable in a script never means everybody."""
        said = await danqing("erase", *words, "--yes")
        assert (said.code, said.err.count("\n")) == (2, 1)

    async def test_a_project_is_meant_by_its_name(self, settings: Settings, danqing: Command) -> None:
        """What stays of it stands there; it is not taken for what is left."""
        said = await danqing("projects", "create", "The shop", "--id", "shop")
        assert said.code == 0, said.err
        done = await danqing("erase", "--project", "The shop", "--yes", "--json")
        assert (done.code, done.json["whose"], done.json["nothing_left"]) == (0, "project shop", True), done.err
        assert done.json["remains"]["kept"]["danqing_projects"] == 1


async def _is_looked_at_again(system: System) -> bool:
    database, eraser = system.services.store.database, system.services.control.register.eraser
    due = {"$set": {"erase_at": Clock().now()}}
    await database["danqing_deleted"].update_many({"erase_at": {"$exists": True}}, due)
    eraser.look_again_after = timedelta(0)
    await eraser.go_on()
    return await database["danqing_deleted"].count_documents({"erase_at": {"$exists": True}}) == 0


@pytest.mark.kills
class TestDeaths:
    @pytest.mark.parametrize(
        "point",
        [
            "after:erase.note",
            "before:erase.document",
            "after:erase.document",
            "before:erase.pictures",
            "after:erase.books",
        ],
    )
    async def test_made_again_it_goes_on(self, settings: Settings, point: str) -> None:
        """Wherever it dies: with a task half removed, or a batch of which no task is left to find it by."""
        words = ("erase", "--user", ZHANG, "--yes", "--no-wait")
        async with opened(settings, ScriptedProvider(), workers=True) as api:
            await batch(api, ZHANG, headers={})
            other = await make(api, LI, {})
            await finished(api, other)
            await until(lambda: count(api, "danqing_batches", open={"$exists": False}))
        assert await asyncio.to_thread(run_command, settings, *words, dies_at=point) == -9
        assert await asyncio.to_thread(run_command, settings, *words) == 0
        async with running_system(settings, [ScriptedProvider()], workers=False) as system:
            await until(lambda: _is_looked_at_again(system))
            await until_gone(system, ZHANG)
            assert folders(settings) == {other}
            assert await system.services.store.database["danqing_batches"].count_documents({}) == 0
