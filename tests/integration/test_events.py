"""R2: every change of a task is told to whoever listens, at least once, and costs nothing where nobody does."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest

from danqing_plugins import ContentRejected, InvalidRequest, Problem, Source, TaskEvent, TaskEventKind, hookimpl
from danqing_plugins.models import Job
from danqing_plugins.run import Run
from danqing_server.access.caller import Caller
from danqing_server.desk.intake import Intake
from danqing_server.errors import NotFound, QueueUnavailable, StoreUnavailable
from danqing_server.life.moves import Deleted
from danqing_server.life.register import Register
from danqing_server.life.subscribers import Gathering
from danqing_server.queue.entries import Entry, Pushed
from danqing_server.queue.lanes import Queue
from danqing_server.records.outputs import TaskError
from danqing_server.records.tasks import Status
from danqing_server.settings.server import Settings
from danqing_server.store.deletions import Deletion
from danqing_server.store.untold import Notice
from tests.support.providers import ScriptedProvider, picture
from tests.support.system import MakeSettings, System, running_system, until

ROOT = Path(__file__).parents[2]


@attrs.define(eq=False)
class Ears(ScriptedProvider):
    """A provider that hears of every change."""

    heard: list[TaskEvent] = attrs.field(factory=list)

    @hookimpl
    def danqing_task_event(self, event: TaskEvent) -> None:
        self.heard.append(event)

    def kinds(self, task_id: str) -> list[str]:
        """Return as what it heard of a task, in order."""
        return [str(event.kind) for event in self.heard if event.task_id == task_id]


@attrs.define(eq=False)
class Deaf(ScriptedProvider):
    """A provider that listens to each event until it is released."""

    heard: list[TaskEvent] = attrs.field(factory=list)
    released: asyncio.Event = attrs.field(factory=asyncio.Event)

    @hookimpl
    async def danqing_task_event(self, event: TaskEvent) -> None:
        self.heard.append(event)
        await self.released.wait()


@attrs.define(eq=False)
class _Unpushed(Queue):
    """Cannot push."""

    async def push_many(self, entries: Sequence[Entry]) -> Pushed:
        raise QueueUnavailable("away")


def register_of(system: System) -> Register:
    """Return the process's register, which tells again at once what is untold."""
    register = system.services.control.register
    register.outlet.retell_after = timedelta(0)
    return register


async def document(system: System, task_id: str) -> dict[str, Any]:
    """Return a task as MongoDB has it; empty when it is gone."""
    found = await system.services.store.database["danqing_tasks"].find_one({"_id": task_id})
    return dict(found or {})


async def grave(system: System, task_id: str) -> dict[str, Any]:
    """Return what is noted of a task's deletion."""
    found = await system.services.store.database["danqing_deleted"].find_one({"_id": task_id})
    return dict(found or {})


async def hears(system: System, ears: Ears | Deaf, task_id: str, kind: str) -> list[TaskEvent]:
    """Look for what is untold until a listener has heard of one change of a task."""

    async def heard() -> list[TaskEvent]:
        await register_of(system).tell_again()
        return [event for event in ears.heard if event.task_id == task_id and event.kind == kind]

    found: list[TaskEvent] = await until(heard, timeout_s=30, what=f"{kind} of {task_id}")
    return found


@contextmanager
def mortal_listener(
    settings: Settings, dies_of: str, heard: Path | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a worker process that kills itself when its plugin hears of that kind of change.

    What it heard before is written to the file *heard*.
    """
    variables = {"DIES_OF": dies_of, "PATH": os.environ["PATH"]}
    if heard is not None:
        variables["HEARD"] = str(heard)
    command = [sys.executable, "-m", "tests.support.mortal_listener"]
    with subprocess.Popen(command, cwd=ROOT, env={**settings.environment, **variables}) as process:
        try:
            yield process
        finally:
            process.kill()


async def _refuse(job: Job, run: Run) -> None:
    raise InvalidRequest("no", problems=[Problem(field="prompt", message="no")])


class TestNobodyListens:
    async def test_nothing_is_written(self, settings: Settings) -> None:
        """No field, no note, no index: what nobody uses costs nothing."""
        async with running_system(settings, [ScriptedProvider()]) as system:
            control, caller = system.services.control, Caller.local()
            task, late = await system.submit(), await system.submit(delay_s=60)
            await system.finished(task.id)
            await control.cancel(late.id, caller)
            await control.retry(late.id, caller)
            await system.finished(late.id)
            for each in (task, late):
                assert "untold" not in await document(system, each.id)
            await control.delete(late.id, caller)
            assert set(await grave(system, late.id)) == {"_id", "seen", "expires_at", "erase_at"}
            database = system.services.store.database
            for name in ("danqing_tasks", "danqing_deleted"):
                assert "untold" not in await database[name].index_information()


class TestSomebodyListens:
    async def test_every_change_is_told_under_its_own_id(self, settings: Settings) -> None:
        """From its creation to its deletion, and then nothing is left that says it is still to be told."""
        ears = Ears()
        async with running_system(settings, [ears]) as system:
            control, caller = system.services.control, Caller.local()
            register_of(system).outlet.clear_every_s = 0.01
            task = await system.submit(delay_s=60)
            await control.cancel(task.id, caller)
            await control.retry(task.id, caller)
            done = await system.finished(task.id)
            await until(lambda: "completed" in ears.kinds(task.id))
            await until(lambda: _is_told(system, task.id), what="no marks")
            await control.delete(task.id, caller)
            await until(lambda: "deleted" in ears.kinds(task.id))
            told = ["created", "cancelled", "retrying", "started", "completed", "deleted"]
            assert ears.kinds(task.id) == told
            assert len({event.id for event in ears.heard}) == len(told)
            assert [event.at for event in ears.heard][4] == done.completed_at

            async def forgotten() -> bool:
                return (await grave(system, task.id))["untold"] == {}

            await until(forgotten, what="no marks of the deleted")

    async def test_a_failure_is_told_with_its_code(self, settings: Settings) -> None:
        """The one that the task shows."""
        ears = Ears(_refuse)
        async with running_system(settings, [ears]) as system:
            task = await system.finished((await system.submit()).id)
            await until(lambda: "failed" in ears.kinds(task.id))
            assert task.error is not None
            assert ears.heard[-1].error_code == task.error.code

    async def test_what_was_heard_is_not_told_again(self, settings: Settings) -> None:
        """Not even while its mark is still to be taken away."""
        ears = Ears()
        async with running_system(settings, [ears]) as system:
            task = await system.finished((await system.submit()).id)
            await until(lambda: "completed" in ears.kinds(task.id))
            for _ in range(3):
                await register_of(system).tell_again()
            assert ears.kinds(task.id) == ["created", "started", "completed"]

    async def test_a_task_that_was_voided_is_never_told(self, settings: Settings) -> None:
        """Its client heard that it will not run: the mark of its creation goes in the same write."""
        ears = Ears()
        async with running_system(settings, [ears], workers=False) as system:
            submissions, register = system.services.submissions, register_of(system)
            ours = submissions.intake
            queue = _Unpushed(ours.queue.connection)
            submissions.intake = Intake(ours.store, queue, register, ours.clock, ours.limits)
            with pytest.raises(QueueUnavailable):
                await system.submit()
            [found] = await system.services.store.database["danqing_tasks"].find().to_list(None)
            assert (found["status"], found["untold"]) == ("cancelled", {})
            await register.tell_again()
            assert ears.heard == []

    async def test_what_one_had_no_room_for_it_hears_later(self, settings: Settings) -> None:
        """R3: a listener that is behind delays nobody; the marks of what was dropped stay until it heard of it."""
        deaf = Deaf()
        async with running_system(settings, [deaf]) as system:
            tasks = []
            for _ in range(44):
                waiting = (system.submit(user_id=f"u{number}", delay_s=600) for number in range(25))
                tasks += await asyncio.gather(*waiting)
            done = await system.finished((await system.submit()).id)
            assert done.status is Status.COMPLETED
            assert len(deaf.heard) < 100
            deaf.released.set()
            wanted = {task.id for task in tasks}

            async def heard_all() -> bool:
                await register_of(system).tell_again()
                return {event.task_id for event in deaf.heard} >= wanted

            await until(heard_all, timeout_s=60, what="all of 1,100 events")


@pytest.mark.kills
class TestDeath:
    @pytest.mark.parametrize("kind", ["started", "completed", "retrying"])
    async def test_what_a_killed_process_stored_another_tells(self, make_settings: MakeSettings, kind: str) -> None:
        """R2: killed between the write and the telling; the event comes all the same, and under one id."""
        settings, ears = make_settings(), Ears()
        async with running_system(settings, [ears], workers=False) as door:
            with mortal_listener(settings, kind) as process:
                task = await door.submit()
                assert await asyncio.to_thread(process.wait, 30) == -9
            stored = (await document(door, task.id))["untold"]
            expected = {f"{task.id}/{name}" for name, mark in stored.items() if mark["kind"] == kind}
            assert expected
            assert {event.id for event in await hears(door, ears, task.id, kind)} == expected

    async def test_under_kills_no_change_is_missed(self, make_settings: MakeSettings, tmp_path: Path) -> None:
        """R2: five processes die of what they hear; somebody heard of every start of every task, and of its end."""
        settings, journal = make_settings(DANQING_CONCURRENCY="4"), tmp_path / "heard"
        door_ears, heir = Ears(), Ears()
        async with running_system(settings, [door_ears], workers=False) as door:
            tasks = await asyncio.gather(*(door.submit() for _ in range(30)))
            for kind in ("started", "completed", "started", "completed", "retrying"):
                with mortal_listener(settings, kind, journal) as process:
                    await asyncio.to_thread(process.wait, 30)
            await until(lambda: len(door_ears.heard) >= 30)
        async with running_system(settings, [heir], dead_after_s=1.0) as system:
            done = [await system.finished(task.id, 60) for task in tasks]

            async def heard_all() -> bool:
                await register_of(system).tell_again()
                told = set(journal.read_text().split("\n"))
                told |= {f"{event.kind} {event.id}" for event in (*door_ears.heard, *heir.heard)}
                return _counts(told) == expected

            expected = {
                **{("started", task.id): task.attempts for task in done},
                **{("retrying", task.id): task.attempts - 1 for task in done if task.attempts > 1},
                **{(kind, task.id): 1 for task in done for kind in ("created", task.status.value)},
            }
            await until(heard_all, timeout_s=60, what="every change")

    async def test_who_takes_over_tells_it(self, make_settings: MakeSettings) -> None:
        """R2: the task is back in line by another's hand, and those who listen hear why."""
        settings, ears = make_settings(), Ears()
        with mortal_listener(settings, "started") as process:
            async with running_system(settings, [ears], workers=False) as door:
                task = await door.submit()
                await asyncio.to_thread(process.wait, 30)
        heir = Ears()
        async with running_system(settings, [heir], dead_after_s=1.0) as system:
            await system.finished(task.id, 30)
            await until(lambda: "completed" in heir.kinds(task.id))
            [again] = [event for event in heir.heard if event.kind is TaskEventKind.RETRYING]
            assert again.error_code == "poison"

            async def heard_both_starts() -> bool:
                await register_of(system).tell_again()
                return heir.kinds(task.id).count("started") == 2

            await until(heard_both_starts, timeout_s=30, what="the start that nobody lived to tell")
            assert len({event.id for event in heir.heard}) == len(heir.heard)

    async def test_what_waited_when_its_process_stopped_another_tells(self, settings: Settings) -> None:
        """R2: a user's cancellation and retry, too."""
        async with running_system(settings, [Deaf()], workers=False) as system:
            control, caller = system.services.control, Caller.local()
            task = await system.submit(delay_s=600)
            await control.cancel(task.id, caller)
            await control.retry(task.id, caller)
        ears = Ears()
        async with running_system(settings, [ears], workers=False) as system:
            await hears(system, ears, task.id, "retrying")
            assert ears.kinds(task.id) == ["created", "cancelled", "retrying"]

    async def test_the_end_of_a_task_that_nobody_can_read_is_told(self, settings: Settings) -> None:
        """R4, R2: all that is known of it is its document."""
        ears = Ears()
        async with running_system(settings, [ears], workers=False) as system:
            task, register = await system.submit(delay_s=600), register_of(system)
            error = TaskError(code="unreadable", message="m")
            assert await register.end_unreadable(task.id, system.services.clock.now(), error)
            [failed] = await hears(system, ears, task.id, "failed")
            assert (failed.error_code, failed.user_id) == ("unreadable", task.user_id)

    async def test_one_that_cannot_be_read_keeps_none_from_being_told(self, settings: Settings) -> None:
        """R2: of a newer release, which has another form for a task's webhook."""
        async with running_system(settings, [Deaf()], workers=False) as system:
            strange, task = [await system.submit(delay_s=600) for _ in range(2)]
            of_newer = {"$set": {"webhook": {"address": "https://example.com"}}}
            await system.services.store.database["danqing_tasks"].update_one({"_id": strange.id}, of_newer)
        ears = Ears()
        async with running_system(settings, [ears], workers=False) as system:
            await hears(system, ears, task.id, "created")
            assert ears.kinds(strange.id) == []
            assert (await document(system, strange.id))["untold"]

    async def test_a_deletion_that_was_cut_is_carried_through(self, settings: Settings) -> None:
        """R2: noted and no more; another removes the task and its pictures, and tells all there was to tell."""
        deaf = Deaf()
        async with running_system(settings, [deaf]) as system:
            task = await system.finished((await system.submit()).id)
            register = register_of(system)
            move = Deleted(task=task, at=system.services.clock.now())
            await register.eraser.deletions.note(
                Deletion(task_id=task.id), move.at + timedelta(days=1), await register.outlet.legacy(move)
            )
        ears = Ears()
        async with running_system(settings, [ears], workers=False) as system:
            [deleted] = await hears(system, ears, task.id, "deleted")
            assert (deleted.id, deleted.at) == (f"{task.id}/deleted", move.at)
            assert set(ears.kinds(task.id)) == {"created", "started", "completed", "deleted"}
            assert await system.services.store.get(task.id) is None
            [output] = task.kept
            assert output.asset is not None
            with pytest.raises(NotFound):
                await system.services.assets.read(output.asset.key)


def _counts(told: set[str]) -> dict[tuple[str, str], int]:
    """Return how many changes of each kind were told of each task."""
    changes = [line.split() for line in told if line]
    return dict(Counter((kind, id_.rpartition("/")[0]) for kind, id_ in changes))


async def _is_told(system: System, task_id: str) -> bool:
    return (await document(system, task_id))["untold"] == {}


@attrs.define(eq=False)
class _Books:
    """A part of the server that hears of the ends of one project's tasks, and of what is about to be deleted."""

    heard: list[Notice] = attrs.field(factory=list)
    learnt: list[str] = attrs.field(factory=list)
    open: bool = True
    fails: bool = False

    async def hear(self, notices: Sequence[Notice]) -> None:
        if self.fails:
            raise StoreUnavailable("away")
        self.heard += notices

    async def learn(self, move: Deleted) -> None:
        self.learnt.append(move.task.id)

    def subscribed(self) -> Gathering:
        """Return what it subscribes with."""
        return Gathering(
            name="books",
            hear=self.hear,
            kinds=frozenset({TaskEventKind.COMPLETED, TaskEventKind.FAILED, TaskEventKind.DELETED}),
            subscribed=lambda: self.open,
            wanted=lambda notice: notice.owner == "acme",
            learn=self.learn,
            gather_s=0.01,
        )

    def kinds(self, task_id: str) -> list[str]:
        """Return as what it heard of a task, in order."""
        return [str(each.event.kind) for each in self.heard if each.event.task_id == task_id]


def deaf_kinds(deaf: Deaf, task_id: str) -> list[str]:
    """Return as what it heard of a task."""
    return [str(event.kind) for event in deaf.heard if event.task_id == task_id]


async def first_of_two(job: Job, run: Run) -> None:
    """Make the first of two outputs, and none of more."""
    async with run.call(run.missing, "f"):
        if job.outputs > 2:
            raise ContentRejected("too many")
        await run.deliver(0, Source.from_bytes(picture()))
    if job.outputs > 1:
        raise ContentRejected("no second one")


class TestSubscribers:
    async def test_it_hears_of_what_it_wants_and_of_nothing_else(self, settings: Settings) -> None:
        """Nothing is written for changes that it does not want."""
        books = _Books()
        async with running_system(settings, [ScriptedProvider()]) as system:
            register_of(system).outlet.subscribers = (books.subscribed(),)
            acme = Caller.with_key("acme")
            theirs = await system.submit()
            ours = await system.submit(key="acme")
            await system.finished(theirs.id)
            await system.finished(ours.id)
            await until(lambda: "completed" in books.kinds(ours.id))
            assert "untold" not in await document(system, theirs.id)
            await system.services.control.delete(ours.id, acme)
            await until(lambda: "deleted" in books.kinds(ours.id))
            assert books.kinds(ours.id) == ["completed", "deleted"]
            assert books.learnt == [ours.id]
            assert {each.owner for each in books.heard} == {"acme"}

    async def test_it_is_given_the_task_as_it_is_stored(self, settings: Settings) -> None:
        """Whole, at each of its ends: nobody who hears of one has to read it."""
        books = _Books()
        async with running_system(settings, [ScriptedProvider(first_of_two)]) as system:
            register_of(system).outlet.subscribers = (books.subscribed(),)
            tasks = [await system.submit(key="acme", n=n) for n in (1, 2, 3)]
            stored = {task.id: await system.finished(task.id) for task in tasks}
            await until(lambda: len(books.heard) == len(stored))
            assert {notice.event.task_id: notice.task for notice in books.heard} == stored
            assert {notice.event.kind.value for notice in books.heard} == {"completed", "failed"}

    async def test_one_that_failed_is_told_again(self, settings: Settings) -> None:
        """An outage of what it writes to loses nothing."""
        books = _Books(fails=True)
        async with running_system(settings, [ScriptedProvider()]) as system:
            register = register_of(system)
            register.outlet.subscribers = (books.subscribed(),)
            task = await system.submit(key="acme")
            await system.finished(task.id)
            books.fails = False

            async def heard() -> bool:
                await register.tell_again()
                return books.kinds(task.id) == ["completed"]

            await until(heard, timeout_s=30, what="completed, told again")

    async def test_a_plugin_that_is_behind_keeps_no_other_from_being_told(self, settings: Settings) -> None:
        """What a death had left untold, webhooks and the ledger never heard of while a plugin took its time."""
        books, deaf = _Books(fails=True), Deaf()
        async with running_system(settings, [deaf]) as system:
            register = register_of(system)
            register.outlet.subscribers = (books.subscribed(),)
            [listener] = system.services.registry.listeners
            listener.most_waiting, listener.timeout_s = 2, 60.0
            early = [await system.submit(key="acme") for _ in range(8)]
            for task in early:
                await system.finished(task.id)
            books.fails = False

            async def heard_all() -> bool:
                await register.tell_again()
                return {notice.event.task_id for notice in books.heard} == {task.id for task in early}

            await until(heard_all, timeout_s=30, what="what was left untold")
            assert len(deaf.heard) < len(early)
            deaf.released.set()

            async def hears_the_rest() -> bool:
                await register.tell_again()
                return all({"created", "completed"} <= {*deaf_kinds(deaf, task.id)} for task in early)

            await until(hears_the_rest, timeout_s=30, what="what the plugin had no room for")

    async def test_while_it_wants_nothing_nothing_is_written(self, settings: Settings) -> None:
        """What nobody uses costs nothing."""
        books = _Books(open=False)
        async with running_system(settings, [ScriptedProvider()]) as system:
            register_of(system).outlet.subscribers = (books.subscribed(),)
            task = await system.submit(key="acme")
            await system.finished(task.id)
            assert "untold" not in await document(system, task.id)
            assert books.heard == []
