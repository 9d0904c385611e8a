"""The kinds of connection to Redis: redis-py's own, where what it does there is not what a server needs."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Iterable
from types import TracebackType
from typing import Any

from redis.asyncio import Connection, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.connection import AbstractConnection, RedisSSLContext
from redis.asyncio.sentinel import SentinelManagedConnection
from redis.exceptions import ConnectionError as ConnectionLost
from redis.exceptions import TimeoutError as TimedOut

__all__ = ["SentinelConnection", "SentinelTLSConnection", "SocketConnection", "TCPConnection", "TLSConnection"]


STOOD_STILL_S = 0.02  # a timer that comes later than that by so much had no loop to come in
LOOKS = 3


class _Patience:
    """Raises TimeoutError in who waits for longer than *longest_s*, but not for what is there.

    A loop that did not turn for a while (a busy machine, a stopped process) comes to its timers before it takes
    what arrived meanwhile. So a timer that is late itself lets the loop look at its sockets first, a few times at
    most.
    """

    def __init__(self, longest_s: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._limit = asyncio.timeout(None)
        self._longest_s = longest_s
        self._looks = 0

    async def __aenter__(self) -> None:
        await self._limit.__aenter__()
        self._wait(self._longest_s)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        await self._limit.__aexit__(kind, error, trace)

    def _wait(self, seconds: float) -> None:
        due_s = self._loop.time() + seconds
        self._timer = self._loop.call_at(due_s, self._end, due_s)

    def _end(self, due_s: float) -> None:
        now_s = self._loop.time()
        if now_s - due_s < STOOD_STILL_S or self._looks == LOOKS:
            self._limit.reschedule(now_s)
        else:
            self._looks += 1
            self._wait(STOOD_STILL_S)


class _Prompt(AbstractConnection):
    """A connection on which who is cancelled while it sends is cancelled, and an answer that is there is read.

    Nor is a server given up that is there to connect to.

    redis-py 8.1 sends by `asyncio.wait_for`: a task and two turns of the loop more for each command, and with
    Python 3.11 the cancellation is lost where the command goes out in the same moment
    (github.com/python/cpython/issues/86296 and a trial, 2026-12-01).
    """

    async def _connect(self) -> None:
        connect: Callable[[], Awaitable[None]] = super()._connect  # type: ignore[safe-super] # each kind has one
        longest_s = self.socket_connect_timeout
        if longest_s is None:
            await connect()
            return
        self.socket_connect_timeout = None  # redis-py's timer has no patience
        try:
            async with _Patience(longest_s):
                await connect()
        finally:
            self.socket_connect_timeout = longest_s

    async def send_packed_command(self, command: bytes | str | Iterable[bytes], check_health: bool = True) -> None:
        if not self.is_connected:
            await self.connect_check_health(check_health=False)
        if check_health:
            await self.check_health()  # type: ignore[no-untyped-call] # redis-py's own
        whole = command.encode() if isinstance(command, str) else command
        try:
            writer = self._writer
            if writer is None:
                raise ConnectionLost("another user of the connection closed it")
            async with asyncio.timeout(self.socket_timeout):
                writer.writelines([whole] if isinstance(whole, bytes) else whole)
                await writer.drain()
        except TimeoutError:
            await self.disconnect(nowait=True)
            raise TimedOut("Timeout writing to socket") from None
        except (OSError, RuntimeError) as error:  # the latter is uvloop's, of a transport that is closed
            await self.disconnect(nowait=True)
            raise ConnectionLost(f"Error while writing to socket: {error}") from error
        except BaseException:  # half a command may have been sent
            await self.disconnect(nowait=True)
            raise

    async def read_response(self, disable_decoding: bool = False, timeout: float | None = None, **how: Any) -> Any:
        if timeout is not None or self.socket_timeout is None:
            return await super().read_response(disable_decoding, timeout, **how)
        try:
            async with _Patience(self.socket_timeout):
                return await super().read_response(disable_decoding, math.inf, **how)  # without its own timeout
        except TimeoutError:
            raise TimedOut(f"Timeout reading from {self._host_error()}") from None

    async def _read_response_from_parser(self, *args: Any, **how: Any) -> Any:
        try:
            return await super()._read_response_from_parser(*args, **how)
        except TimeoutError as error:  # the system's: beside a timeout of ours it would pass for an empty answer
            raise ConnectionLost(f"Error while reading from {self._host_error()}: {error}") from error


class TCPConnection(_Prompt, Connection):
    pass


class SocketConnection(_Prompt, UnixDomainSocketConnection):
    pass


class SentinelConnection(_Prompt, SentinelManagedConnection):
    pass


class TLSConnection(_Prompt, SSLConnection):
    """A connection by the *shared* context; redis-py would read the system's authorities for each, 50 ms long."""

    def __init__(self, *, shared: RedisSSLContext, **options: Any) -> None:
        super().__init__(**options)
        self.ssl_context = shared


class SentinelTLSConnection(SentinelConnection, TLSConnection):
    pass
