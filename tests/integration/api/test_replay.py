"""Polls of completed tasks that repeat another to the byte: the same answer, for as long as it is the right one."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import attrs
import pytest

from danqing_server.desk.recent import RecentTasks
from danqing_server.http.answers import Repeatable
from danqing_server.http.replay import Replays
from danqing_server.records.tasks import Status
from tests.integration.api.conftest import Client, Open
from tests.integration.api.test_keys import SETTINGS, administer, make_key
from tests.unit.api.tasks import make_task

POLL = b"GET /api/v1/ai/image/result/t1 HTTP/1.1\r\nHost: localhost\r\n\r\n"
SHOW = b"GET /api/v1/tasks/t1 HTTP/1.1\r\nHost: localhost\r\n\r\n"
OWN_ID = re.compile(rb"x-request-id: ([0-9a-f]{16})\r\n")


@attrs.define(eq=False)
class Wire:
    """One connection, raw."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def exchange(self, request: bytes) -> bytes:
        """Send a request and return the whole answer."""
        self.writer.write(request)
        return await self.answer()

    async def answer(self) -> bytes:
        """Return the next answer."""
        async with asyncio.timeout(10):
            head = await self.reader.readuntil(b"\r\n\r\n")
            found = re.search(rb"content-length: (\d+)", head)
            assert found is not None
            return head + await self.reader.readexactly(int(found[1]))

    async def closed(self) -> bool:
        """Wait for what follows; True when it is the connection's end."""
        async with asyncio.timeout(10):
            return await self.reader.read(1) == b""


Connect = Callable[..., Awaitable[Wire]]


def routed(api: Client) -> int:
    """Return how many requests of the open connections went through Sanic's routes; replays do not."""
    return sum(connection.state["requests_count"] for connection in api.server.connections)


def without_id(answer: bytes) -> bytes:
    """Return an answer with its request id blanked out."""
    assert OWN_ID.search(answer) is not None
    return OWN_ID.sub(b"x-request-id: -\r\n", answer)


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Open connections to an application; they are closed at the end."""
    opened: list[Wire] = []

    async def open_(api: Client, came_from: str | None = None) -> Wire:
        local = None if came_from is None else (came_from, 0)
        opened.append(Wire(*await asyncio.open_connection("127.0.0.1", api.port, local_addr=local)))
        return opened[-1]

    yield open_
    for wire in opened:
        wire.writer.close()


@pytest.fixture
async def finished(api: Client) -> Client:
    """An application that holds one completed task."""
    await api.services.store.insert(make_task("t1", Status.COMPLETED))
    return api


class TestReplay:
    @pytest.mark.parametrize("request_", [POLL, SHOW])
    async def test_the_answer_is_the_same_but_for_its_id(
        self, finished: Client, connect: Connect, request_: bytes
    ) -> None:
        """Byte for byte, on the same connection and on another, with one pass through the routes."""
        first, second = await connect(finished), await connect(finished)
        routed_answer = await first.exchange(request_)
        replayed = [await wire.exchange(request_) for wire in (first, second, second)]
        assert routed(finished) == 1
        assert {without_id(answer) for answer in replayed} == {without_id(routed_answer)}
        ids = [OWN_ID.findall(answer) for answer in (routed_answer, *replayed)]
        assert len({tuple(each) for each in ids}) == 4

    async def test_a_named_request_keeps_its_name(self, finished: Client, connect: Connect) -> None:
        """The client's own id is part of what it sent, and comes back."""
        wire = await connect(finished)
        named = POLL.replace(b"\r\n\r\n", b"\r\nX-Request-ID: mine\r\n\r\n")
        assert await wire.exchange(named) == await wire.exchange(named)
        assert b"x-request-id: mine\r\n" in await wire.exchange(named)

    async def test_other_bytes_are_another_question(self, finished: Client, connect: Connect) -> None:
        """Another host, language or method goes its own way."""
        wire = await connect(finished)
        await wire.exchange(POLL)
        other_host = await wire.exchange(POLL.replace(b"localhost", b"127.0.0.1"))
        english = await wire.exchange(POLL.replace(b"\r\n\r\n", b"\r\nAccept-Language: en\r\n\r\n"))
        assert b"http://127.0.0.1/" in other_host
        assert b"The task is completed" in english
        assert routed(finished) == 3

    async def test_requests_that_come_together_are_all_answered(self, finished: Client, connect: Connect) -> None:
        """Two in one packet, and one in two."""
        wire = await connect(finished)
        expected = without_id(await wire.exchange(POLL))
        wire.writer.write(POLL + POLL)
        assert [without_id(await wire.answer()) for _ in range(2)] == [expected] * 2
        wire.writer.write(POLL[:30])
        await wire.writer.drain()
        assert without_id(await wire.exchange(POLL[30:])) == expected

    async def test_what_a_body_holds_is_not_answered(self, open_api: Open, connect: Connect) -> None:
        """The rest of a refused body may look like a poll: it is none."""
        async with open_api(DANQING_MAX_BODY_BYTES="2048") as api:
            await api.services.store.insert(make_task("t1", Status.COMPLETED))
            wire = await connect(api)
            await wire.exchange(POLL)
            head = b"POST /nope HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(POLL)
            refused = await wire.exchange(head)
            assert refused.startswith(b"HTTP/1.1 404")
            wire.writer.write(POLL)
            await wire.writer.drain()
            marked = SHOW.replace(b"\r\n\r\n", b"\r\nX-Request-ID: next\r\n\r\n")
            assert b"x-request-id: next\r\n" in await wire.exchange(marked)

    async def test_what_stands_in_a_trailers_place_is_not_answered(self, api: Client, connect: Connect) -> None:
        """After the last chunk of a refused body only an empty line may come."""
        await api.services.store.insert(make_task("t1", Status.COMPLETED))
        wire = await connect(api)
        await wire.exchange(POLL)
        head = b"POST /nope HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"
        assert (await wire.exchange(head)).startswith(b"HTTP/1.1 404")
        wire.writer.write(POLL)
        assert await wire.closed()

    async def test_who_closes_is_let_go(self, finished: Client, connect: Connect) -> None:
        """`Connection: close` is kept each time."""
        closing = POLL.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
        for _ in range(2):
            wire = await connect(finished)
            assert b"connection: close\r\n" in await wire.exchange(closing)
            assert await wire.closed()


class TestEnd:
    async def test_a_deleted_task_is_gone_at_once(self, finished: Client, connect: Connect) -> None:
        """The next poll is 404."""
        wire = await connect(finished)
        await wire.exchange(POLL)
        await finished.ask("DELETE", "/api/v1/tasks/t1")
        assert (await wire.exchange(POLL)).startswith(b"HTTP/1.1 404")

    async def test_what_is_no_longer_held_is_looked_up(self, finished: Client, connect: Connect) -> None:
        """As when two seconds have passed, or another process has changed it."""
        wire = await connect(finished)
        await wire.exchange(POLL)
        finished.services.control.recent.drop("t1")
        await wire.exchange(POLL)
        assert routed(finished) == 2

    async def test_unfinished_tasks_are_never_replayed(self, api: Client, connect: Connect) -> None:
        """Nor failed ones: anyone may try them again."""
        for status in (Status.PENDING, Status.PROCESSING, Status.FAILED, Status.CANCELLED):
            await api.services.store.insert(make_task(f"t-{status}", status))
            wire = await connect(api)
            before = routed(api)
            for _ in range(2):
                await wire.exchange(POLL.replace(b"/t1", f"/t-{status}".encode()))
            assert routed(api) == before + 2


class TestBounds:
    def test_nothing_is_kept_of_tasks_that_are_held_no_more(self) -> None:
        """One answer after the other, for ever: what has had its time goes when the next one comes."""
        time_s = [0.0]
        recent = RecentTasks(lambda: time_s[0])
        replays = Replays(recent)
        for number in range(20):
            task = make_task(f"t{number}", Status.COMPLETED)
            recent.put(task)
            held = recent.get(task.id)
            assert held is not None
            replays.keep(True, poll_of(number), Repeatable(b"{}", held), b"answer")
            assert replays.find(True, b"GET /%d HTTP/1.1\r\n\r\n" % number) == b"answer"
            assert len(replays) <= 2
            time_s[0] += 1.5


def poll_of(number: int) -> Any:
    """Return a request as far as `keep` looks at it."""
    settings = SimpleNamespace(public_base_url="http://x")
    return SimpleNamespace(
        app=SimpleNamespace(ctx=SimpleNamespace(settings=settings)),
        head=b"GET /%d HTTP/1.1" % number,
        headers={},
        method="GET",
        version="1.1",
        ip="127.0.0.1",
        caller=None,
        names_itself=True,
        stream=SimpleNamespace(keep_alive=True),
    )


class TestAccess:
    async def test_another_key_sees_nothing_of_it(self, open_api: Open, connect: Connect) -> None:
        """The key is part of the bytes: who sends another, or none, is refused as ever."""
        async with open_api(DANQING_API_KEYS="ann:secret-of-ann-1234,bob:secret-of-bob-1234") as api:
            await api.services.store.insert(make_task("t1", Status.COMPLETED, owner="ann"))
            wire = await connect(api)

            def poll(secret: bytes) -> bytes:
                return POLL.replace(b"\r\n\r\n", b"\r\nAuthorization: Bearer " + secret + b"\r\n\r\n")

            for _ in range(2):
                assert (await wire.exchange(poll(b"secret-of-ann-1234"))).startswith(b"HTTP/1.1 200")
                assert (await wire.exchange(poll(b"secret-of-bob-1234"))).startswith(b"HTTP/1.1 404")
                assert (await wire.exchange(POLL)).startswith(b"HTTP/1.1 401")

    async def test_a_key_is_good_from_its_addresses_alone(self, open_api: Open, connect: Connect) -> None:
        """The same bytes from elsewhere are refused, also right after they were answered here."""
        async with open_api(**SETTINGS) as api:
            _, poll = await key_of(api, addresses=["127.0.0.1"])
            inside, outside = await connect(api), await connect(api, "127.0.0.2")
            assert (await inside.exchange(poll)).startswith(b"HTTP/1.1 200")
            assert (await outside.exchange(poll)).startswith(b"HTTP/1.1 403")
            assert (await inside.exchange(poll)).startswith(b"HTTP/1.1 200")

    async def test_a_revoked_key_is_good_for_nothing_at_once(self, open_api: Open, connect: Connect) -> None:
        """Whoever polled with it a moment before is refused."""
        async with open_api(**SETTINGS) as api:
            key, poll = await key_of(api)
            wire = await connect(api)
            assert (await wire.exchange(poll)).startswith(b"HTTP/1.1 200")
            await administer(api, "POST", f"/keys/{key}/revoke")
            assert (await wire.exchange(poll)).startswith(b"HTTP/1.1 401")


async def key_of(api: Client, **limits: Any) -> tuple[str, bytes]:
    """Make a key of a project with a completed task; return its id, and a poll of that task."""
    key, secret = await make_key(api, limits=limits)
    owner = (await administer(api, "GET", f"/keys/{key}"))["project"]
    await api.services.store.insert(make_task("t1", Status.COMPLETED, owner=owner))
    return key, POLL.replace(b"\r\n\r\n", f"\r\nAuthorization: Bearer {secret}\r\n\r\n".encode())
