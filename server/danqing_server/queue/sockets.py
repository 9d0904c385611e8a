"""The kinds of connection to Redis: redis-py's own, where what it does there is not what a server needs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from redis.asyncio import Connection, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.connection import AbstractConnection, RedisSSLContext
from redis.asyncio.sentinel import SentinelManagedConnection
from redis.exceptions import ConnectionError as ConnectionLost
from redis.exceptions import TimeoutError as TimedOut

__all__ = ["SentinelConnection", "SentinelTLSConnection", "SocketConnection", "TCPConnection", "TLSConnection"]


class _Prompt(AbstractConnection):
    """A connection on which who is cancelled while it sends is cancelled.

    redis-py 8.1 sends by `asyncio.wait_for`: a task and two turns of the loop more for each command, and with
    Python 3.11 the cancellation is lost where the command goes out in the same moment
    (github.com/python/cpython/issues/86296 and a trial, 2026-12-01).
    """

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
        except OSError as error:
            await self.disconnect(nowait=True)
            raise ConnectionLost(f"Error while writing to socket: {error}") from error
        except BaseException:  # half a command may have been sent
            await self.disconnect(nowait=True)
            raise


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
