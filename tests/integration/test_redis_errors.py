"""What Redis answers with when it cannot: for now, or for ever."""

from __future__ import annotations

import asyncio
import errno
import socket
import time
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
import redis as blocking
import uvloop
from redis.asyncio.connection import Connection, parse_url
from redis.exceptions import ConnectionError as ConnectionLost
from redis.exceptions import NoScriptError, ResponseError
from redis.exceptions import TimeoutError as TimedOut

from danqing_server.clock import Clock
from danqing_server.errors import QueueUnavailable
from danqing_server.queue.connection import RedisConnection, connect, translated
from danqing_server.queue.entries import Entry
from danqing_server.queue.lanes import Queue
from danqing_server.queue.sockets import TCPConnection
from tests.support.servers import RunningServer
from tests.support.system import until

SPIN = "while true do end"


@pytest.fixture
async def redis(own_redis: RunningServer) -> AsyncIterator[RedisConnection]:
    """A connection to a Redis that the test may spoil."""
    async with connect(own_redis.url, "p", Clock()) as connection:
        yield connection


def hot(connection: RedisConnection) -> Any:
    """Return the client as one that takes any command."""
    return cast("Any", connection.hot)


async def refusal(queue: Queue) -> QueueUnavailable:
    """Push a task, and return why that is refused."""
    with pytest.raises(QueueUnavailable) as refused:
        await queue.push(Entry(id="a", lane="l", user_id="u", priority="normal", images=1))
    return refused.value


class TestKinds:
    """E1's kind: nobody repeats for ever what cannot succeed, so both kinds are told apart, in scripts too."""

    async def test_a_key_of_another_kind_is_permanent(self, redis: RedisConnection) -> None:
        """WRONGTYPE: someone has to act, and the same command never succeeds."""
        await hot(redis).set(f"{redis.base('l')}:ids", "no hash")
        error = await refusal(Queue(redis))
        assert error.permanent
        assert "WRONGTYPE" in str(error)

    async def test_a_command_that_is_none_is_permanent(self, redis: RedisConnection) -> None:
        """ERR: it will be answered alike for ever."""
        with pytest.raises(QueueUnavailable) as refused, translated():
            await hot(redis).execute_command("NOTHING")
        assert refused.value.permanent

    async def test_a_connection_that_another_closed_is_no_error_of_ours(self) -> None:
        """A cluster's client closes what others use when a node fails: they try again, and no loop dies of it."""
        with pytest.raises(QueueUnavailable) as refused, translated():
            await Connection()._send_packed_command([b"PING"])
        assert not refused.value.permanent

    def test_a_connection_that_the_system_closed_is_no_error_of_ours(self, own_redis: RunningServer) -> None:
        """Reset while it was idle: uvloop closes it, and redis-py thinks that it is connected."""
        known = parse_url(own_redis.url)

        async def ask_a_closed_one() -> None:
            wire = TCPConnection(host=known["host"], port=known["port"])
            await wire.connect()  # type: ignore[no-untyped-call] # redis-py's own
            assert wire._writer
            wire._writer.transport.abort()
            await turns(3)
            await wire.send_packed_command(b"PING")

        with pytest.raises(QueueUnavailable) as refused, translated():
            uvloop.run(ask_a_closed_one())
        assert not refused.value.permanent

    async def test_an_error_of_our_own_stays_one(self) -> None:
        """Whatever does not come out of a connection is a mistake, and is told as one."""
        with pytest.raises(AttributeError), translated():
            _ = cast("Any", None).nothing

    async def test_who_was_replaced_is_left(self, redis: RedisConnection) -> None:
        """READONLY, in a script as well: the next command goes over a new connection, to who leads by then."""
        queue = Queue(redis)
        before = await hot(redis).client_id()
        await hot(redis).execute_command("REPLICAOF", "127.0.0.1", "1")
        error = await refusal(queue)
        assert not error.permanent
        assert "READONLY" in str(error)
        await hot(redis).execute_command("REPLICAOF", "NO", "ONE")
        assert await hot(redis).client_id() != before

    async def test_full_memory_passes(self, redis: RedisConnection) -> None:
        """OOM."""
        await hot(redis).config_set("maxmemory", "1")
        assert not (await refusal(Queue(redis))).permanent

    async def test_a_replica_passes(self, redis: RedisConnection) -> None:
        """READONLY: as long as a failover lasts."""
        await hot(redis).replicaof("127.0.0.1", "1")
        assert not (await refusal(Queue(redis))).permanent

    async def test_a_missing_password_passes(self, redis: RedisConnection) -> None:
        """NOAUTH: an operator mends it while we ask on."""
        await hot(redis).config_set("requirepass", "secret")
        async with connect(f"redis://{_address(redis)}/0", "p", Clock()) as stranger:
            assert not (await refusal(Queue(stranger))).permanent
        async with connect(f"redis://:wrong@{_address(redis)}/0", "p", Clock()) as stranger:
            error = await refusal(Queue(stranger))
            assert not error.permanent
            assert "wrong" not in str(error)

    async def test_someones_long_script_passes(self, redis: RedisConnection) -> None:
        """BUSY: until it is killed."""
        await hot(redis).config_set("lua-time-limit", "1")
        async with connect(f"redis://{_address(redis)}/0", "p", Clock()) as stranger:
            spinning = asyncio.create_task(cast("Any", stranger.blocking).eval(SPIN, 0))

            async def busy() -> QueueUnavailable | None:
                try:
                    await Queue(redis).push(Entry(id="a", lane="l", user_id="u", priority="normal", images=1))
                except QueueUnavailable as error:
                    return error if "BUSY" in str(error) else None
                return None

            error = await until(busy, what="a refusal")
            await hot(redis).script_kill()
            with pytest.raises(ResponseError, match="killed"):
                await spinning
        assert not error.permanent

    async def test_forgotten_scripts_are_loaded_again(self, redis: RedisConnection) -> None:
        """NOSCRIPT: the client sees to it."""
        queue = Queue(redis)
        await queue.push(Entry(id="a", lane="l", user_id="u", priority="normal", images=1))
        await hot(redis).script_flush()
        await queue.push(Entry(id="b", lane="l", user_id="u", priority="normal", images=1))
        assert (await queue.depth("l")).queued == 2
        with pytest.raises(QueueUnavailable) as refused, translated():
            raise NoScriptError("No matching script", status_code="NOSCRIPT")
        assert not refused.value.permanent

    async def test_a_server_that_is_gone_passes(self, own_redis: RunningServer, redis: RedisConnection) -> None:
        """No answer is no refusal."""
        own_redis.kill()
        assert not (await refusal(Queue(redis))).permanent

    async def test_what_cannot_be_sent_is_permanent(self, redis: RedisConnection) -> None:
        """A lone surrogate is no text."""
        with pytest.raises(QueueUnavailable) as refused:
            await Queue(redis).push(Entry(id="a", lane="l", user_id="\ud800", priority="normal", images=1))
        assert refused.value.permanent


class TestBatch:
    async def test_a_lane_that_refuses_is_no_trouble_of_anothers(self, redis: RedisConnection) -> None:
        """Acknowledgements of one moment travel together, and end each by itself."""
        queue = Queue(redis)
        await hot(redis).set(f"{redis.base('bad')}:held:w", "no set")
        await queue.push(Entry(id="a", lane="good", user_id="u", priority="normal", images=1))
        assert (await queue.reserve("good", "w", 1, "n")).ids == ("a",)
        answers = await asyncio.gather(
            queue.acknowledge("bad", "w", "x"), queue.acknowledge("good", "w", "a"), return_exceptions=True
        )
        assert isinstance(answers[0], QueueUnavailable)
        assert answers[0].permanent
        assert answers[1] is None
        assert await queue.held("good", "w") == set()


def _address(redis: RedisConnection) -> str:
    known = redis.hot.connection_pool.connection_kwargs
    return f"{known['host']}:{known['port']}"


class TestCancelled:
    """Who is cancelled while it asks Redis is cancelled, at whichever step that is."""

    async def test_at_any_step_of_a_command(self, redis: RedisConnection) -> None:
        """While it sends, too: a loop that is stopped would go on, until it is stopped again."""
        await hot(redis).ping()
        steps = 0
        while True:
            asking = asyncio.create_task(hot(redis).ping())
            for _ in range(steps):
                await asyncio.sleep(0)
            if not asking.cancel():
                break
            await asyncio.wait({asking})
            assert asking.cancelled(), steps
            steps += 1
        assert steps > 1


class TestStandingStill:
    """A process that did not run for a while takes what came meanwhile; only a server that says nothing is late."""

    ENOUGH_S = 0.05

    @pytest.fixture
    async def wire(self, own_redis: RunningServer) -> AsyncIterator[TCPConnection]:
        """A connection of its own, whose answers are waited for a short time."""
        known = parse_url(own_redis.url)
        wire = TCPConnection(host=known["host"], port=known["port"], socket_timeout=self.ENOUGH_S)
        await wire.connect()  # type: ignore[no-untyped-call] # redis-py's own
        yield wire
        await wire.disconnect()

    async def test_a_server_that_is_there_is_connected_to(self, own_redis: RunningServer) -> None:
        """Wherever that stands still, for the system accepts connections on the server's behalf."""
        known = parse_url(own_redis.url)
        steps = 0
        while True:
            wire = TCPConnection(
                host=known["host"], port=known["port"], socket_timeout=5, socket_connect_timeout=self.ENOUGH_S
            )
            connecting = asyncio.create_task(wire.connect())  # type: ignore[no-untyped-call] # redis-py's own
            await turns(steps)
            is_late = not connecting.done()
            stand_still(3 * self.ENOUGH_S)
            await connecting
            await wire.disconnect()
            if not is_late:
                break
            steps += 1
        assert steps > 1

    async def test_a_server_that_never_answers_is_given_up(self) -> None:
        """A connection that nobody accepts: the queue of one is full."""
        with socket.create_server(("127.0.0.1", 0), backlog=0) as full, socket.socket() as first:
            first.connect(full.getsockname())
            host, port = full.getsockname()
            wire = TCPConnection(host=host, port=port, socket_connect_timeout=self.ENOUGH_S)
            connecting = asyncio.create_task(wire.connect())  # type: ignore[no-untyped-call] # redis-py's own
            while not connecting.done():
                await turns(1)
                stand_still(2 * self.ENOUGH_S)
            with pytest.raises(TimedOut, match="Timeout connecting"):
                await connecting

    async def test_an_answer_that_is_there_is_read(self, own_redis: RunningServer, wire: TCPConnection) -> None:
        """The timer comes to its end while nobody could look: the answer was never late."""
        await wire.send_command("BLPOP", "key", 0)
        reading = asyncio.create_task(wire.read_response())
        await turns(5)
        for _ in range(2):
            with blocking.Redis.from_url(own_redis.url) as other:
                other.lpush("key", "value")
                stand_still(3 * self.ENOUGH_S)
            await turns(1)
        assert await reading == [b"key", b"value"]

    async def test_a_connection_that_the_system_gave_up_has_no_answer(self, wire: TCPConnection) -> None:
        """ETIMEDOUT, of a peer that is no more: Python calls it by the same name as a timer of one's own."""
        await wire.send_command("BLPOP", "key", 0)
        reading = asyncio.create_task(wire.read_response())
        await turns(5)
        reader = wire._reader
        assert reader
        reader.set_exception(OSError(errno.ETIMEDOUT, "Connection timed out"))
        with pytest.raises(ConnectionLost, match="timed out"):
            await reading

    async def test_an_answer_that_never_comes_is_given_up(self, wire: TCPConnection) -> None:
        """However often the loop stands still: the connection is closed, for its answer may come to the next."""
        await wire.send_command("BLPOP", "key", 0)
        reading = asyncio.create_task(wire.read_response())
        while not reading.done():
            await turns(1)
            stand_still(2 * self.ENOUGH_S)
        with pytest.raises(TimedOut, match="Timeout reading"):
            await reading
        assert not wire.is_connected


async def turns(count: int) -> None:
    """Let the loop turn *count* times."""
    for _ in range(count):
        await asyncio.sleep(0)


def stand_still(seconds: float) -> None:
    """Keep the loop from turning for so long, as a process does that gets no processor."""
    until_s = time.monotonic() + seconds
    while time.monotonic() < until_s:
        pass
