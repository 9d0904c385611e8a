"""R4: the events of one task: each its whole state, to the end, over cuts, restarts and processes."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from tests.integration.api.conftest import Client, Open, opened
from tests.integration.waiting.conftest import Held, Telling
from tests.support.event_reader import Event, reading
from tests.support.providers import ScriptedProvider
from tests.support.system import MakeSettings, running_system, until


def events_of(api: Client, task_id: str) -> str:
    """Return the URL of a task's events."""
    return f"{api.base}/api/v1/tasks/{task_id}/events"


def statuses(events: list[Event]) -> list[tuple[str, str]]:
    """Return types and states."""
    return [(event.event, event.data["status"]) for event in events]


async def idle(api: Client) -> None:
    """Return when nobody waits."""
    await until(lambda: api.services.watchers.waiting == 0)


class TestToTheEnd:
    async def test_each_state_is_told_and_the_stream_ends(self, open_api: Open) -> None:
        """Under the headers that proxies and browsers need."""
        provider = Held()
        async with open_api(workers=True, provider=provider) as api:
            task = await api.system.submit()
            async with reading(api.session, events_of(api, task.id)) as reader:
                first = await reader.until(lambda event: event.data["status"] == "processing")
                provider.released.set()
                last = await reader.all()
            assert reader.answer.content_type == "text/event-stream"
            assert reader.answer.headers["X-Accel-Buffering"] == "no"
            assert "no-cache" in reader.answer.headers["Cache-Control"]
            assert "Content-Encoding" not in reader.answer.headers
            assert statuses(last)[-1] == ("done", "completed")
            assert last[-1].data["output"]["images"]
            ids = [event.id for event in first + last if event.id is not None]
            assert ids == sorted(set(ids), key=lambda id_: id_[:13])
            await idle(api)

    async def test_who_had_the_end_is_told_to_stay_away(self, open_api: Open) -> None:
        """204 after `done`, which ends a browser's tries; who had less is told the end."""
        async with open_api(workers=True) as api:
            task = await api.system.finished((await api.system.submit()).id)
            async with reading(api.session, events_of(api, task.id)) as reader:
                events = await reader.all()
            async with reading(api.session, events_of(api, task.id), reader.last_id) as again:
                assert again.answer.status == 204
            async with reading(api.session, events_of(api, task.id), "1700000000000-0-0") as late:
                assert statuses(await late.all()) == statuses(events) == [("done", "completed")]
            query = f"{events_of(api, task.id)}?last_event_id={reader.last_id}"
            async with reading(api.session, query) as by_query:
                assert by_query.answer.status == 204

    async def test_a_state_that_is_known_is_not_told_again(self, open_api: Open) -> None:
        """A cut in the middle goes on from the last event."""
        provider = Held()
        async with open_api(workers=True, provider=provider) as api:
            task = await api.system.submit()
            async with reading(api.session, events_of(api, task.id)) as reader:
                await reader.until(lambda event: event.data["status"] == "processing")
            async with reading(api.session, events_of(api, task.id), reader.last_id) as again:
                provider.released.set()
                events = [event for event in await again.all() if event.event != "progress"]
            assert "processing" not in [event.data["status"] for event in events if event.id == reader.last_id]
            assert statuses(events)[-1] == ("done", "completed")

    async def test_progress_is_told(self, open_api: Open) -> None:
        """What the provider says is a state of its own, under an id of its own."""
        provider = Telling()
        async with open_api(workers=True, provider=provider) as api:
            task = await api.system.submit()
            async with reading(api.session, events_of(api, task.id)) as reader:
                await reader.until(lambda event: event.data["status"] == "processing")
                provider.steps.put_nowait(0.25)
                told = await reader.until(lambda event: event.data["progress"] >= 0.25)
                provider.steps.put_nowait(1)
                rest = await reader.all()
        assert told[-1].data["status"] == "processing"
        assert statuses(rest)[-1] == ("done", "completed")

    async def test_a_deleted_task_is_said_to_be_gone(self, open_api: Open) -> None:
        """Its cancellation is its end; what is deleted at once is `deleted`."""
        async with open_api(provider=Held()) as api:
            task = await api.system.submit()
            async with reading(api.session, events_of(api, task.id)) as reader:
                await reader.next()
                await api.ask("DELETE", f"/api/v1/tasks/{task.id}")
                last = (await reader.all())[-1]
            assert last.event in ("done", "deleted")
            async with reading(api.session, events_of(api, task.id), reader.last_id) as again:
                assert again.answer.status == 404

    async def test_silence_is_filled(self, open_api: Open) -> None:
        """A comment now and then keeps proxies from cutting."""
        async with open_api(provider=Held()) as api:
            api.app.config.HEARTBEAT_S = 0.05
            task = await api.system.submit()
            async with reading(api.session, events_of(api, task.id)) as reader:
                await reader.next()
                with pytest.raises(TimeoutError):
                    await reader.next(0.5)
            assert reader.comments >= 3

    async def test_head_is_answered_without_a_stream(self, open_api: Open) -> None:
        """With the same type."""
        async with open_api(provider=Held()) as api:
            task = await api.system.submit()
            reply = await api.ask("HEAD", f"/api/v1/tasks/{task.id}/events")
        assert (reply.status, reply.headers["Content-Type"]) == (200, "text/event-stream")


class TestElsewhere:
    async def test_another_processs_work_is_told(self, make_settings: MakeSettings) -> None:
        """The stream's own process has no workers."""
        provider = Held()
        async with (
            running_system(make_settings(), [provider]) as worker,
            opened(make_settings(), Held(), workers=False) as api,
        ):
            task = await worker.submit()
            async with reading(api.session, events_of(api, task.id)) as reader:
                await reader.until(lambda event: event.data["status"] == "processing")
                provider.released.set()
                assert statuses(await reader.all())[-1] == ("done", "completed")

    async def test_a_stop_ends_the_stream_and_another_goes_on(self, make_settings: MakeSettings) -> None:
        """Without `done`: the client comes again with its last id, and misses nothing."""
        settings = make_settings()
        async with opened(settings, Held(), workers=False) as api:
            task = await api.system.submit()
            async with reading(api.session, events_of(api, task.id)) as reader:
                assert await reader.next() is not None
                await api.services.watchers.drain()
                assert await reader.all() == []
        async with (
            opened(settings, ScriptedProvider(), workers=True) as api,
            reading(api.session, events_of(api, task.id), reader.last_id) as again,
        ):
            assert statuses(await again.all())[-1] == ("done", "completed")

    async def test_another_projects_task_is_not_there(self, open_api: Open) -> None:
        """404, as if there were none."""
        keys = "mine:0123456789abcdef,theirs:fedcba9876543210"
        async with open_api(DANQING_API_KEYS=keys, provider=Held()) as api:
            task = await api.system.submit(key="theirs")
            key = {"Authorization": "Bearer 0123456789abcdef"}
            async with reading(api.session, events_of(api, task.id), **key) as reader:
                assert reader.answer.status == 404

    async def test_too_many_streams_are_refused(self, open_api: Open) -> None:
        """Before anything is sent, with a time to come again."""
        async with open_api(provider=Held()) as api:
            api.services.watchers.most = 0
            task = await api.system.submit()
            async with reading(api.session, events_of(api, task.id)) as reader:
                assert (reader.answer.status, reader.answer.headers["Retry-After"]) == (503, "5")


class TestSlowReaders:
    async def test_who_does_not_read_is_cut_off(self, open_api: Open) -> None:
        """What is held for it is little, and it has no place for long."""
        provider = Telling()
        async with open_api(workers=True, provider=provider) as api:
            api.app.config.UNREAD_S, api.app.config.HEARTBEAT_S = 0.3, 0.05
            task = await api.system.submit(**{f"field_{number}": "a cat " * 10_000 for number in range(20)})
            deaf = socket.socket()
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            deaf.setblocking(False)
            loop: Any = asyncio.get_running_loop()
            await loop.sock_connect(deaf, ("127.0.0.1", api.port))
            head = f"GET /api/v1/tasks/{task.id}/events HTTP/1.1\r\nHost: 127.0.0.1:{api.port}\r\n\r\n"
            await loop.sock_sendall(deaf, head.encode())
            await until(lambda: api.services.watchers.waiting == 1)
            await until(lambda: api.waiting_to_write())
            await idle(api)
            provider.steps.put_nowait(1)
            await api.system.finished(task.id)
            deaf.close()
