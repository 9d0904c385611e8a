"""A task that is deleted leaves nothing behind, wherever its deletion is cut."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import attrs
import pytest

from danqing_server.access.caller import Caller
from danqing_server.desk.request import Repeat
from danqing_server.errors import Conflict
from danqing_server.life.moves import Deleted
from danqing_server.loops.steps import STEPS
from danqing_server.records.deliveries import Delivery, DeliveryState
from danqing_server.records.tasks import FINISHED, Task
from danqing_server.settings.server import Settings
from danqing_server.store.deletions import Deletion
from danqing_server.store.deliveries import Outcome
from danqing_server.store.ledger import LedgerStore
from danqing_server.store.remains import RemainsStore
from tests.support.deleting_process import delete_and_die
from tests.support.providers import ScriptedProvider
from tests.support.system import MakeSettings, System, running_system, until

PROMPT, USER, KEY = "the emperor's secret garden", "zhang.san@example.com", "0f" * 32
POINTS = [f"{when}:{name}" for name in STEPS if name.startswith("erase.") for when in ("before", "after")]
BOOKED = {"DANQING_LEDGER": "all"}


async def made(system: System) -> Task:
    """Return a finished task with all that a task can have: a key, a thumbnail, books, its own webhook."""
    system.services.control.register.eraser.look_again_after = timedelta(0)
    repeat = Repeat(key=KEY, fingerprint="1a" * 32, meaning="2b" * 32)
    task = await system.finished((await system.submit(PROMPT, USER, repeat=repeat)).id)
    [output] = task.kept
    assert output.asset is not None
    await system.services.thumbnails.find(output.asset.key, 256)
    return task


async def left_of(system: System, *names: str) -> list[str]:
    """Return in which documents any of *names* stands that should not."""
    remains = RemainsStore(system.services.store.database)
    return [
        f"{each.collection}: {each.id}" for name in names async for each in remains.mentions(name) if not each.why
    ]


async def go_on(system: System) -> None:
    """Go on with what is to be deleted, as if the time for it had come."""
    system.services.control.register.eraser.look_again_after = timedelta(0)
    database = system.services.store.database
    await database["danqing_deleted"].update_many(
        {"erase_at": {"$exists": True}}, {"$set": {"erase_at": system.services.clock.now()}}
    )
    await system.services.control.register.eraser.go_on()


async def kept_for(system: System) -> timedelta:
    """Return after how long MongoDB removes the note of a deletion."""
    [note] = await system.services.store.database["danqing_deleted"].find({}).to_list(None)
    left: timedelta = note["expires_at"] - system.services.clock.now()
    return left


async def until_gone(system: System, *names: str) -> None:
    """Go on until nothing is left: others may be about to note that they heard of it."""

    async def is_gone() -> bool:
        await go_on(system)
        return await left_of(system, *names) == []

    await until(is_gone, what="that nothing is left")


def files_of(settings: Settings, task_id: str) -> list[Path]:
    """Return what is in the task's folder."""
    return list((settings.data_dir / "pictures" / task_id).glob("*"))


class TestNothingIsLeft:
    async def test_documents_files_key_and_names_go(self, make_settings: MakeSettings) -> None:
        """What stays says that there was something, and not what; the sums of the books are as they were."""
        settings = make_settings(**BOOKED)
        async with running_system(settings, [ScriptedProvider()]) as system:
            task = await made(system)
            ledger = LedgerStore(system.services.store.database)
            await system.services.control.register.outlet.legacy(Deleted(task=task, at=task.updated_at))
            [before] = (await ledger.of([task.id]))[task.id]
            assert before.user == USER
            assert len(files_of(settings, task.id)) == 2
            await system.services.control.delete(task.id, Caller.local())
            await until_gone(system, task.id, PROMPT, USER, "1a" * 32, "2b" * 32)
            assert files_of(settings, task.id) == []
            [after] = (await ledger.of([task.id]))[task.id]
            assert (after.user, after.lines) == ("", before.lines)

    async def test_its_key_buys_nothing_and_is_not_compared(self, make_settings: MakeSettings) -> None:
        """Not even what was asked with it is known any more."""
        async with running_system(make_settings(), [ScriptedProvider()]) as system:
            task = await made(system)
            await system.services.control.delete(task.id, Caller.local())
            with pytest.raises(Conflict) as refused:
                await system.submit("another", repeat=Repeat(key=KEY, fingerprint="other"))
            assert refused.value.code == "task_deleted"

    async def test_the_same_request_without_a_key_is_a_new_task(self, make_settings: MakeSettings) -> None:
        """Nobody joins what is gone, and the next one joins the new one."""
        repeat = Repeat(key=KEY, fingerprint="f", joins_for_s=600)
        async with running_system(make_settings(), [ScriptedProvider()], workers=False) as system:
            first = await system.submit(PROMPT, repeat=repeat)
            await system.services.control.delete(first.id, Caller.local())
            second = await system.submit(PROMPT, repeat=repeat)
            assert second.id != first.id
            assert (await system.submit(PROMPT, repeat=repeat)).id == second.id

    async def test_what_comes_late_goes_too(self, make_settings: MakeSettings) -> None:
        """A file that was on its way when its task was deleted is removed by the second look."""
        settings = make_settings()
        async with running_system(settings, [ScriptedProvider()]) as system:
            task = await made(system)
            await system.services.control.delete(task.id, Caller.local())
            await system.services.assets.keep_beside(f"{task.id}/0-aa-w256.webp", b"late")
            assert files_of(settings, task.id)
            await go_on(system)
            assert files_of(settings, task.id) == []

    async def test_deliveries_go_once_they_are_made(self, make_settings: MakeSettings) -> None:
        """One that is owed is still delivered: the note stays until then."""
        settings = make_settings()
        async with running_system(settings, [ScriptedProvider()], workers=False) as system:
            task = await system.submit(PROMPT, USER)
            deliveries, at = system.services.webhooks.deliveries, system.services.clock.now()
            await deliveries.ensure_indexes()
            sent = Delivery(
                id="msg_1",
                endpoint_id="wh_1",
                event_id=f"{task.id}/1",
                type="task.created",
                task_id=task.id,
                body=f'{{"id":"{task.id}"}}',
                host="hooks.example.com",
                created_at=at,
                due_at=at + timedelta(hours=1),
            )
            await deliveries.insert([sent])
            await system.services.control.delete(task.id, Caller.local())
            await go_on(system)
            assert await left_of(system, task.id) == [
                f"danqing_deleted: {task.id}",
                f"danqing_deliveries: {sent.id}",
            ]
            await deliveries.record(Outcome(delivery=sent, attempt=None, state=DeliveryState.DELIVERED, at=at))
            await go_on(system)
            assert await left_of(system, task.id) == []


class TestTrouble:
    async def test_a_storage_that_is_away_keeps_nobody_waiting(self, make_settings: MakeSettings) -> None:
        """The task is gone at once; its pictures go as soon as they can."""
        settings = make_settings()
        async with running_system(settings, [ScriptedProvider()]) as system:
            task = await made(system)
            folder = settings.data_dir / "pictures" / task.id
            folder.rename(folder.with_name("elsewhere"))
            folder.write_bytes(b"")  # not a folder: removing it as one fails
            await system.services.control.delete(task.id, Caller.local())
            assert await system.services.store.get(task.id) is None
            await go_on(system)
            assert await kept_for(system) > timedelta(days=29)  # though no process is there to go on
            folder.unlink()
            folder.with_name("elsewhere").rename(folder)
            await until_gone(system, task.id)
            assert files_of(settings, task.id) == []
            assert await kept_for(system) < timedelta(days=2)

    async def test_a_guarded_one_that_changed_stays(self, make_settings: MakeSettings) -> None:
        """Between the look and the deletion its user gave a picture a star."""
        async with running_system(make_settings(), [ScriptedProvider()]) as system:
            task = await made(system)
            await system.services.pictures.star(task.id, 0, Caller.local(), starred=True)
            move = Deleted(task=task, at=system.services.clock.now())
            assert not await system.services.control.register.delete(move, guarded=True)
            assert (await system.get(task.id)).stars == (0,)
            assert await system.services.store.database["danqing_deleted"].find_one({}) is None

    @pytest.mark.parametrize("user_first", [True, False])
    async def test_what_its_user_deletes_goes_whatever_retention_noted(
        self, make_settings: MakeSettings, user_first: bool
    ) -> None:
        """Noted by both, of whom one died: it has a star by then, which keeps it from retention alone."""
        async with running_system(make_settings(), [ScriptedProvider()]) as system:
            task = await made(system)
            deletions, now = system.services.control.register.eraser.deletions, system.services.clock.now()
            by_user = Deletion(task_id=task.id, repeat_key=KEY)
            by_retention = attrs.evolve(by_user, still=task.transition_id)
            await system.services.pictures.star(task.id, 0, Caller.local(), starred=True)
            for each in (by_user, by_retention) if user_first else (by_retention, by_user):
                await deletions.note(each, now)
            await deletions.withdraw(by_retention)
            await go_on(system)
            assert await system.services.store.get(task.id) is None
            with pytest.raises(Conflict):
                await system.submit("another", repeat=Repeat(key=KEY, fingerprint="other"))


@pytest.mark.kills
class TestDeaths:
    @pytest.mark.parametrize("point", POINTS)
    async def test_another_process_goes_on(self, make_settings: MakeSettings, point: str) -> None:
        """Wherever the process dies that deletes it: it is gone, or is going."""
        settings = make_settings(**BOOKED)
        async with running_system(settings, [ScriptedProvider()]) as system:
            task = await made(system)
            assert task.status in FINISHED
        assert await delete_and_die(settings, task.id, point) == -9
        async with running_system(settings, [ScriptedProvider()], workers=False) as system:
            await go_on(system)
            if point != "before:erase.note":
                await until_gone(system, task.id, PROMPT, USER, "1a" * 32)
                assert files_of(settings, task.id) == []
            else:
                assert (await system.get(task.id)).status in FINISHED
