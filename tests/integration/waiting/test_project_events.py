"""R4: the events of all of a project's tasks: none is missing after a cut, and what comes twice has one id."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest

from danqing_server.access.caller import Caller
from danqing_server.clock import Clock
from danqing_server.delivery import feed, feeds, followers
from danqing_server.delivery.followers import MOST_UNREAD, Debt, Follower, Sight, Turned
from danqing_server.desk.request import Submission
from danqing_server.errors import StoreUnavailable
from danqing_server.records.batches import Mode
from danqing_server.records.tasks import Attempt, Status, Task
from danqing_server.store.changed import ChangedStore
from danqing_server.store.client import connect
from danqing_server.store.tasks import COLLECTION
from tests.integration.api.conftest import Client, Open, opened
from tests.integration.waiting.conftest import Held, Telling
from tests.support.event_reader import Event, reading
from tests.support.lines import unnamed
from tests.support.providers import ScriptedProvider
from tests.support.serving import run_serving
from tests.support.system import MakeSettings, until

KEYS = "mine:0123456789abcdef,theirs:fedcba9876543210"
MINE = {"Authorization": "Bearer 0123456789abcdef"}
THEIRS = {"Authorization": "Bearer fedcba9876543210"}
EVENTS = "/api/v1/events"


def is_end_of(task_id: str) -> object:
    """Return what tells whether an event is the end of a task."""
    return lambda event: event.data["id"] == task_id and event.data["status"] == "completed"


def completed(events: list[Event]) -> set[str]:
    """Return the tasks whose completion was told."""
    return {event.data["id"] for event in events if event.data["status"] == "completed"}


async def until_completed(reader: object, ids: set[str]) -> list[Event]:
    """Return what comes until all of *ids* are completed."""
    found: list[Event] = []
    while not ids <= completed(found):
        event = await reader.next()  # type: ignore[attr-defined]  # an EventReader
        assert event is not None, "the stream ended"
        found.append(event)
    return found


class TestFollowing:
    async def test_every_task_is_told_from_now_on(self, open_api: Open) -> None:
        """One stream for many tasks, each event with the whole task; what was before is not told."""
        async with open_api(workers=True) as api:
            before = await api.system.finished((await api.system.submit()).id)
            async with reading(api.session, api.base + EVENTS) as reader:
                tasks = {(await api.system.submit()).id for _ in range(3)}
                events = await until_completed(reader, tasks)
            assert reader.last_id
        assert before.id not in {event.data["id"] for event in events}
        assert all(event.id is not None and event.id.endswith(event.data["id"]) for event in events)

    async def test_filters_hold(self, open_api: Open) -> None:
        """By user, status and id."""
        async with open_api(workers=True) as api:
            url = f"{api.base}{EVENTS}?user_id=u2&status=completed,failed"
            async with reading(api.session, url) as reader:
                await api.system.submit(user_id="u1")
                task = await api.system.submit(user_id="u2")
                events = await until_completed(reader, {task.id})
            assert {(event.data["user_id"], event.data["status"]) for event in events} == {("u2", "completed")}
            other = await api.system.submit()
            async with reading(api.session, f"{api.base}{EVENTS}?task_ids={other.id},x", "0" * 13) as reader:
                assert {event.data["id"] for event in await until_completed(reader, {other.id})} == {other.id}

    async def test_projects_are_apart(self, open_api: Open) -> None:
        """Live and in what is told again."""
        async with open_api(DANQING_API_KEYS=KEYS, workers=True) as api:
            old = await api.system.finished((await api.system.submit(key="theirs")).id)
            async with reading(api.session, api.base + EVENTS, "0" * 13, **MINE) as reader:
                other = await api.system.submit(key="theirs")
                own = await api.system.submit(key="mine")
                events = await until_completed(reader, {own.id})
                await api.system.finished(other.id)
                last = await api.system.submit(key="mine")
                events += await until_completed(reader, {last.id})
        seen = {event.data["id"] for event in events}
        assert seen == {own.id, last.id}
        assert old.id not in seen

    @pytest.mark.parametrize(
        "query",
        [
            "status=nope",
            "per_second=0",
            "per_second=1001",
            "per_second=x",
            "task_ids=" + ",".join(map(str, range(101))),
            "task_ids=",
            "task_ids=,",
            "colour=red",
        ],
    )
    async def test_what_makes_no_sense_is_refused(self, open_api: Open, query: str) -> None:
        """400, before any stream."""
        async with open_api() as api:
            assert (await api.ask("GET", f"{EVENTS}?{query}")).status == 400

    @pytest.mark.parametrize("last_id", ["nonsense", "12", "x" * 400])
    async def test_a_foreign_id_is_refused(self, open_api: Open, last_id: str) -> None:
        """What cannot be gone on from would be silently lost."""
        async with open_api() as api:
            reply = await api.ask("GET", EVENTS, headers={"Last-Event-ID": last_id})
        assert reply.status == 400

    async def test_a_stop_ends_the_stream(self, open_api: Open) -> None:
        """So that the client goes to another process."""
        async with open_api() as api, reading(api.session, api.base + EVENTS) as reader:
            await until(lambda: api.services.watchers.waiting == 1)
            await api.services.feeds.drain()
            assert await reader.all() == []

    async def test_an_index_is_made_for_the_first_follower(self, make_settings: MakeSettings) -> None:
        """A server that nobody follows has none: it costs each change a key."""
        settings = make_settings(DANQING_API_KEYS=KEYS)
        async with opened(settings, ScriptedProvider(), workers=True) as api, connect(settings) as database:
            await api.system.finished((await api.system.submit(key="mine")).id)
            before = set(await database[COLLECTION].index_information())
            async with reading(api.session, api.base + EVENTS, **MINE):
                after = set(await database[COLLECTION].index_information())
        assert after - before == {"changed_of_owner"}


class TestGoingOn:
    async def test_what_happened_meanwhile_is_told(self, make_settings: MakeSettings) -> None:
        """Over a restart: the new process knows nothing of the old one."""
        settings = make_settings()
        async with opened(settings, ScriptedProvider(), workers=True) as api:
            async with reading(api.session, api.base + EVENTS) as reader:
                first = await api.system.submit()
                heard = await until_completed(reader, {first.id})
            missed = [await api.system.finished((await api.system.submit()).id) for _ in range(5)]
        async with (
            opened(settings, ScriptedProvider(), workers=True) as api,
            reading(api.session, api.base + EVENTS, reader.last_id) as again,
        ):
            later = await api.system.submit()
            events = await until_completed(again, {task.id for task in missed} | {later.id})
        told = {event.data["id"]: event.id for event in heard if event.data["status"] == "completed"}
        twice = {event.data["id"]: event.id for event in events if event.data["id"] in told}
        assert twice == {id_: told[id_] for id_ in twice}

    async def test_who_had_nothing_yet_goes_on_too(self, open_api: Open) -> None:
        """An id comes before the first event."""
        async with open_api(workers=True) as api:
            async with reading(api.session, api.base + EVENTS) as reader:
                with pytest.raises(TimeoutError):
                    await reader.next(0.3)
            assert reader.last_id
            task = await api.system.finished((await api.system.submit()).id)
            async with reading(api.session, api.base + EVENTS, reader.last_id) as again:
                assert await until_completed(again, {task.id})

    async def test_a_process_is_killed_in_the_middle(self, make_settings: MakeSettings, tmp_path: Path) -> None:
        """Two real processes on one store: one follows at the first until it dies, and goes on at the second."""
        plugins = {"DANQING_DISABLED_PLUGINS": "", "DANQING_SANDBOX": "volcengine"}
        del plugins["DANQING_SANDBOX"]
        settings = make_settings()
        folders = tmp_path / "one", tmp_path / "two"
        for folder in folders:
            folder.mkdir()
        async with (
            opened(settings, ScriptedProvider(), workers=True) as work,
            aiohttp.ClientSession() as session,
        ):
            environment = {**settings.environment, "DANQING_ROLE": "api"}
            with run_serving(folders[0], environment) as one, run_serving(folders[1], environment) as two:
                tasks = set()
                async with reading(session, f"http://127.0.0.1:{one.port}{EVENTS}") as reader:
                    tasks = {(await work.system.submit()).id for _ in range(10)}
                    heard = [await reader.next() for _ in range(3)]
                    os.kill(one.pid, signal.SIGKILL)
                    tasks |= {(await work.system.submit()).id for _ in range(10)}
                    for id_ in tasks:
                        await work.system.finished(id_)
                async with reading(session, f"http://127.0.0.1:{two.port}{EVENTS}", reader.last_id) as again:
                    had = [event for event in heard if event is not None]
                    events = await until_completed(again, tasks - completed(had))
        known = {(event.data["id"], event.data["status"]): event.id for event in had if event.id}
        assert all(known.get((event.data["id"], event.data["status"]), event.id) == event.id for event in events)


class TestBatches:
    async def test_a_line_that_waited_to_become_a_task_is_told(self, open_api: Open) -> None:
        """Taken in five minutes before its lane had room: to who follows, and to who comes again, it is new."""
        async with open_api() as api, api.services.feeds.follow(Caller.local(), None) as follower:
            batches = api.services.batches
            staging = await batches.begin(Caller.local(), Mode.ALL_OR_NOTHING, None)
            batches.submissions.clock = Clock(wall_s=lambda: time.time() - 300)
            await staging.take(1, unnamed(_cat))
            left_at = api.services.clock.now()
            batch, _ = await staging.commit("fingerprint")
            while isinstance(sight := await follower.next(15), Turned):
                pass  # of lanes it is told, too
            assert sight is not None, "not told"
            assert (sight.task.status, sight.task.batch and sight.task.batch.id) == (Status.PENDING, batch.id)
            again = [each.id async for each in api.services.feeds.replay(Caller.local(), left_at, None)]
            assert again == [sight.id]


def _cat() -> Submission:
    input_ = {"prompt": "a cat"}
    return Submission(provider=None, type="image", model=None, input=input_, user_id="u1", caller=Caller.local())


class TestFloods:
    async def test_more_at_once_than_a_line_holds_is_told(
        self, open_api: Open, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Who reads, if slower than a look finds, is not let go: what one look brings is told as it is read."""
        monkeypatch.setattr(feed, "LOOK_EVERY_S", 4.0)
        monkeypatch.setattr(feed, "READ_WITHIN_S", 30.0)  # it reads slower on a busy machine
        monkeypatch.setattr(followers, "MOST_UNREAD", followers.PAGE)
        async with open_api() as api, api.services.feeds.follow(Caller.local(), lambda _: True) as follower:
            made = [await asyncio.gather(*(api.system.submit() for _ in range(200))) for _ in range(7)]
            left = {task.id for some in made for task in some}
            while left:
                sight = await follower.next(30)
                assert sight is not None, "let go"
                if isinstance(sight, Sight):
                    left.discard(sight.task.id)
                    await api.system.get(sight.task.id)


class TestPace:
    """`per_second`: a page is told what it can show."""

    async def test_what_changed_last_comes_first_and_the_rest_later(
        self, open_api: Open, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """None is missing, though MongoDB does not answer in between."""
        monkeypatch.setattr(feed, "LOOK_EVERY_S", 2.0)
        async with open_api() as api:
            api.services.feeds.store = _FailingOnce(api.services.feeds.store.database)
            async with api.services.feeds.follow(Caller.local(), lambda _: True, per_s=20) as follower:
                made = [(await api.system.submit()).id for _ in range(100)]
                monkeypatch.setattr(feed, "LOOK_EVERY_S", 0.5)
                told: list[str] = []
                while set(made) - set(told):
                    sight = await follower.next(30)
                    assert sight is not None
                    if isinstance(sight, Sight):
                        assert sight.id is not None
                        told.append(sight.task.id)
        assert told.index(made[-1]) < 40 <= told.index(made[0])

    @pytest.mark.parametrize("query", ["", "?per_second=100"])
    async def test_how_far_a_task_is_changes_not_where_one_goes_on(self, open_api: Open, query: str) -> None:
        """`progress` has no id, at whatever pace."""
        provider = Telling()
        async with (
            open_api(workers=True, provider=provider) as api,
            reading(api.session, api.base + EVENTS + query) as reader,
        ):
            task = await api.system.submit()
            await reader.until(lambda event: event.data["status"] == "processing")
            provider.steps.put_nowait(0.25)
            [*_, told] = await reader.until(lambda event: event.data["progress"] >= 0.25)
            provider.steps.put_nowait(1)
            await until_completed(reader, {task.id})
        assert (told.event, told.id) == ("progress", None)

    async def test_a_page_that_comes_again_is_told_what_it_missed(self, open_api: Open) -> None:
        """At its own pace, too."""
        async with open_api(workers=True) as api:
            url = f"{api.base}{EVENTS}?per_second=100"
            async with reading(api.session, url) as reader:
                first = await api.system.submit()
                await until_completed(reader, {first.id})
            missed = [await api.system.finished((await api.system.submit()).id) for _ in range(5)]
            async with reading(api.session, url, reader.last_id) as again:
                await until_completed(again, {task.id for task in missed})

    async def test_what_is_not_wanted_takes_no_room(self, open_api: Open) -> None:
        """A page that looks at one user's tasks hears of them, however much others have to tell."""
        async with (
            open_api() as api,
            reading(api.session, f"{api.base}{EVENTS}?user_id=mine&per_second=2") as reader,
        ):
            task = await api.system.submit(user_id="mine")
            for _ in range(60):
                await api.system.submit(user_id="others")
            event = await reader.next(10)
            assert event is not None
            assert event.data["id"] == task.id
            last = await api.system.submit(user_id="mine")
            async with reading(api.session, reader.answer.url.human_repr(), "0" * 13) as again:
                told = [event.data["id"] for _ in range(2) if (event := await again.next(10)) is not None]
        assert set(told) == {task.id, last.id}

    @pytest.mark.parametrize("per_s", [1, 3, 25])
    async def test_no_more_are_told_than_was_asked_for(self, per_s: int) -> None:
        """Of half a second's share a fraction is kept for the next."""
        follower = Follower(None, per_s)
        follower.owe({str(number): Debt("0" * 13, changed=True) for number in range(1_000)})
        assert sum(len(follower.due(0.5)) for _ in range(20)) == 10 * per_s

    @pytest.mark.parametrize("chosen", ["", "&status=pending"])
    async def test_a_cut_loses_nothing_that_was_still_owed(
        self, open_api: Open, monkeypatch: pytest.MonkeyPatch, chosen: str
    ) -> None:
        """What changed last comes first, but is not what one goes on from."""
        monkeypatch.setattr(feeds, "RESUME_OVERLAP", timedelta(0))
        async with open_api() as api:
            url = f"{api.base}{EVENTS}?per_second=20{chosen}"
            left = {(await api.system.submit()).id for _ in range(60)}
            last_id = "0" * 13
            for _ in range(3):
                async with reading(api.session, url, last_id) as reader:
                    for _ in range(12):
                        event = await reader.next(10)
                        assert event is not None
                        left.discard(event.data["id"])
                    last_id = reader.last_id
            async with reading(api.session, url, last_id) as reader:
                while left:
                    event = await reader.next(10)
                    assert event is not None
                    left.discard(event.data["id"])

    async def test_of_many_that_run_each_has_its_turn(
        self, open_api: Open, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """However many are under way, the progress of each is told, and one that is deleted holds up none."""
        monkeypatch.setattr(feed, "RUNNING_AT_ONCE", 1)
        async with open_api() as api, api.services.feeds.follow(Caller.local(), None) as follower:
            store = api.services.store
            running = [await _started(api, follower) for _ in range(4)]
            await store.delete(running.pop().id)
            for task in running:
                await store.amend(task, {"progress": 0.5})
            told: set[str] = set()
            while len(told) < len(running):
                sight = await follower.next(10)
                assert isinstance(sight, Sight)
                assert sight.id is None, "it changed no status"
                told.add(sight.task.id)
            assert told == {task.id for task in running}


async def _started(api: Client, follower: Follower) -> Task:
    """Return a task that is under way, once *follower* was told that it is."""
    made = await api.system.submit()
    now = api.services.clock.now()
    attempt = Attempt(id=made.id, worker="w", started_at=now)
    [task] = await api.services.store.start([made.id], attempt, now + timedelta(hours=1))
    while not (isinstance(sight := await follower.next(10), Sight) and sight.task.status is Status.PROCESSING):
        assert sight is not None
    return task


class _FailingOnce(ChangedStore):
    """A store that does not answer the first time that tasks are read."""

    failed = False

    async def tasks(self, ids: Sequence[str]) -> dict[str, Task]:
        if not self.failed:
            self.failed = True
            raise StoreUnavailable("away")
        return await super().tasks(ids)


class TestSlowFollowers:
    async def test_one_that_does_not_read_is_let_go(self, open_api: Open) -> None:
        """It holds a bounded number of events, and goes on from its last id when it comes again."""
        async with open_api() as api:
            task = await api.system.submit()
            follower = Follower(lambda task: True)
            for _ in range(MOST_UNREAD + 1):
                follower.show(Sight(task, "id"))
            assert follower.closed
            assert await follower.next(1) is None


class TestTokens:
    async def token(self, api: Client, life_s: int = 300) -> str:
        """Return a token, made with a key."""
        reply = await api.ask("POST", f"{EVENTS}/token?expires_in_s={life_s}", headers=MINE)
        assert reply.status == 201
        found: str = reply.json["data"]["token"]
        return found

    async def test_it_counts_before_what_a_browser_tells_a_proxy(self, open_api: Open) -> None:
        """The proxy's password was taken for a key that is wrong, every two seconds."""
        async with open_api(DANQING_API_KEYS=KEYS, workers=True) as api:
            url = f"{api.base}{EVENTS}?token={await self.token(api)}"
            async with reading(api.session, url, Authorization="Basic cHJveHk6cHJveHk=") as reader:
                assert reader.answer.status == 200

    async def answer(self, api: Client, token: str) -> int:
        """Return the status with which a stream begins."""
        async with reading(api.session, f"{api.base}{EVENTS}?token={token}") as reader:
            return reader.answer.status

    async def test_a_page_reads_events_with_it(self, open_api: Open) -> None:
        """Those of its project, all and of one task."""
        async with open_api(DANQING_API_KEYS=KEYS, workers=True) as api:
            token = await self.token(api)
            async with reading(api.session, f"{api.base}{EVENTS}?token={token}") as reader:
                await api.system.submit(key="theirs")
                task = await api.system.submit(key="mine")
                events = await until_completed(reader, {task.id})
            url = f"{api.base}/api/v1/tasks/{task.id}/events?token={token}"
            async with reading(api.session, url) as reader:
                assert [event.event for event in await reader.all()] == ["done"]
        assert {event.data["id"] for event in events} == {task.id}

    async def test_it_is_good_for_nothing_else(self, open_api: Open) -> None:
        """Neither in the query nor as a key."""
        async with open_api(DANQING_API_KEYS=KEYS, workers=True) as api:
            task = await api.system.submit(key="mine")
            other = await api.system.submit(key="theirs")
            token = await self.token(api)
            for path in (f"/api/v1/tasks/{task.id}", "/api/v1/tasks", "/api/v1/queue/stats"):
                assert (await api.ask("GET", f"{path}?token={token}")).status == 401
                reply = await api.ask("GET", path, headers={"Authorization": f"Bearer {token}"})
                assert reply.status == 401
            assert (await api.ask("POST", f"{EVENTS}/token?token={token}")).status == 401
            reply = await api.ask("GET", f"/api/v1/tasks/{other.id}/events?token={token}")
            assert reply.status == 404

    async def test_another_process_takes_it(self, make_settings: MakeSettings) -> None:
        """They share the secret; one that is not signed with it is nobody's."""
        settings = make_settings(DANQING_API_KEYS=KEYS)
        async with opened(settings, Held(), workers=False) as one:
            token = await self.token(one)
            async with opened(settings, Held(), workers=False) as two:
                async with reading(two.session, f"{two.base}{EVENTS}?token={token}") as reader:
                    assert reader.answer.status == 200
                for wrong in (token[:-2], token + "A", "dqe_x.y", "x", "dqe_" + "é", token.replace("dqe_", "")):
                    reply = await two.ask("GET", EVENTS, params={"token": wrong})
                    assert reply.status == 401, wrong

    async def test_its_time_ends(self, open_api: Open) -> None:
        """For new streams at once, for open ones with the next heartbeat."""
        async with open_api(DANQING_API_KEYS=KEYS) as api:
            api.app.config.HEARTBEAT_S = 0.05
            tokens = api.services.event_tokens
            token, _ = await tokens.issue(Caller.with_key("mine"), 1)
            async with reading(api.session, f"{api.base}{EVENTS}?token={token}") as reader:
                assert reader.answer.status == 200
                assert await asyncio.wait_for(reader.all(), 10) == []
            assert (await api.ask("GET", f"{EVENTS}?token={token}")).status == 401

    @pytest.mark.parametrize("life", ["0", "9", "901", "x", "-1"])
    async def test_its_life_is_minutes(self, open_api: Open, life: str) -> None:
        """No more than a quarter of an hour."""
        async with open_api() as api:
            assert (await api.ask("POST", f"{EVENTS}/token?expires_in_s={life}")).status == 400

    async def test_it_is_not_logged(self, open_api: Open, caplog: pytest.LogCaptureFixture) -> None:
        """At no level: a log is read by more people than a project has."""
        caplog.set_level("DEBUG")
        async with open_api(DANQING_API_KEYS=KEYS) as api:
            token = await self.token(api)
            async with reading(api.session, f"{api.base}{EVENTS}?token={token}"):
                pass
            await api.ask("GET", f"{EVENTS}?token={token}x")
        assert token[:40] not in caplog.text

    @pytest.mark.parametrize(
        "left",
        [
            {"DANQING_API_KEYS": KEYS.split(",")[1]},
            {"DANQING_API_KEYS": f"mine:another-0123456789,{KEYS.split(',')[1]}"},
            {"DANQING_ADMIN_KEY": "the-operators-own-key"},
        ],
        ids=["without it", "another of its name", "without any"],
    )
    async def test_it_dies_with_a_key_of_settings(self, make_settings: MakeSettings, left: dict[str, str]) -> None:
        """A process that was started without that very key takes no token that was made with it."""
        async with opened(make_settings(DANQING_API_KEYS=KEYS), Held(), workers=False) as before:
            token = await self.token(before)
            theirs = (await before.ask("POST", f"{EVENTS}/token", headers=THEIRS)).json["data"]["token"]
            async with opened(make_settings(**left), Held(), workers=False) as after:
                assert await self.answer(after, token) == 401
                assert await self.answer(after, theirs) == (200 if "DANQING_API_KEYS" in left else 401)

    async def test_one_made_without_keys_dies_when_there_are_some(self, make_settings: MakeSettings) -> None:
        """Nobody comes without a key any more."""
        async with opened(make_settings(), Held(), workers=False) as before:
            token = (await before.ask("POST", f"{EVENTS}/token")).json["data"]["token"]
        async with opened(make_settings(DANQING_API_KEYS=KEYS), Held(), workers=False) as after:
            assert await self.answer(after, token) == 401

    async def test_it_reads_no_more_than_its_key_may(self, make_settings: MakeSettings) -> None:
        """A key that sees costs alone, since a restart, reads no events."""
        async with opened(make_settings(DANQING_API_KEYS=KEYS), Held(), workers=False) as before:
            token = await self.token(before)
        settings = make_settings(DANQING_API_KEYS=KEYS, DANQING_VIEWERS="mine")
        async with opened(settings, Held(), workers=False) as after:
            assert await self.answer(after, token) == 403

    async def test_it_dies_with_its_key(self, open_api: Open) -> None:
        """Who loses the key loses what was made with it."""
        admin = {"Authorization": "Bearer the-operators-own-key"}
        async with open_api(DANQING_ADMIN_KEY="the-operators-own-key") as api:
            await api.ask("POST", "/api/v1/projects", json={"name": "mine"}, headers=admin)
            made = await api.ask(
                "POST", "/api/v1/keys", json={"project": "mine", "name": "page", "scopes": ["read"]}, headers=admin
            )
            key, secret = made.json["data"]["key"], made.json["data"]["secret"]
            reply = await api.ask("POST", f"{EVENTS}/token", headers={"Authorization": f"Bearer {secret}"})
            token = reply.json["data"]["token"]
            async with reading(api.session, f"{api.base}{EVENTS}?token={token}") as reader:
                assert reader.answer.status == 200
            await api.ask("POST", f"/api/v1/keys/{key['id']}/revoke", headers=admin)
            assert (await api.ask("GET", f"{EVENTS}?token={token}")).status == 401
