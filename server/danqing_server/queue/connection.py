"""The connection to Redis, its scripts, and the one place where its errors become ours."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

import attrs
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, BusyLoadingError, DataError, RedisError, ResponseError

from danqing_server.clock import Clock
from danqing_server.errors import QueueUnavailable, SettingsError
from danqing_server.queue.layout import VERSION

if TYPE_CHECKING:
    from redis.commands.core import AsyncScript

__all__ = ["LONGEST_WAIT_S", "PASSING", "RedisConnection", "connect", "translated"]

TIMEOUT_S = 0.8  # two in a row still answer a client within its two seconds
HOT_CONNECTIONS = 32
LONGEST_WAIT_S = 1.0

PASSING = frozenset(
    {
        "LOADING",  # it reads its data after a start
        "BUSY",  # somebody's script runs for long
        "OOM",  # its memory is full: what it holds may go
        "MISCONF",  # it cannot write its disk
        "READONLY",  # a replica, as long as a failover lasts
        "NOREPLICAS",
        "MASTERDOWN",
        "CLUSTERDOWN",
        "TRYAGAIN",
        "MOVED",
        "ASK",
        "NOAUTH",  # the last three: an operator mends the password or its rights, while we ask on
        "WRONGPASS",
        "NOPERM",
        "EXECABORT",
        "NOSCRIPT",  # the client loads a script again
        "UNKILLABLE",
    }
)
"""The errors of Redis that end by themselves or by an operator's hand: the same command may succeed later. Whatever
else it answers with (`WRONGTYPE`, `ERR`, `CROSSSLOT`) it will answer for ever. Source: redis.io/docs/latest/operate
and /develop, error by error, and redis-server 6.2's `server.c`, read 2026-11-28."""

_IN_SCRIPT = re.compile(r"user_script:\s*\d+: -?([A-Z]{3,})\b")


@attrs.define(eq=False)
class RedisConnection:
    """Two clients of one Redis: `hot` fails fast and never repeats, `blocking` outlasts the longest wait."""

    hot: Redis
    blocking: Redis
    prefix: str
    clock: Clock
    _scripts: dict[str, AsyncScript] = attrs.field(factory=dict, init=False)

    def base(self, lane: str) -> str:
        """Return what every key of *lane* begins with; the braces keep them on one node of a cluster."""
        return f"{self.first_base(lane)}:{VERSION}"

    def first_base(self, lane: str) -> str:
        """Return what every key of *lane* began with in version 1 of the layout."""
        return f"{{{self.prefix}:{lane}}}"

    async def run(self, source: str, lane: str, arguments: Sequence[str | int]) -> Any:
        """Run a script on one lane. Raises QueueUnavailable."""
        return await self.run_at(source, self.base(lane), arguments)

    async def run_at(self, source: str, base: str, arguments: Sequence[str | int]) -> Any:
        """Run a script on the keys that begin with *base*. Raises QueueUnavailable."""
        script = self._scripts.get(source)
        if script is None:
            script = self._scripts[source] = self.hot.register_script(source)
        with translated():
            return await script(keys=[base], args=arguments)


@contextmanager
def translated() -> Iterator[None]:
    """Turn whatever the client raises into QueueUnavailable; the message holds no key and no address."""
    try:
        yield
    except (RedisError, OSError, UnicodeError) as error:
        code = _code_of(error)
        message = f"Redis did not carry out the operation ({code or type(error).__name__})"
        raise QueueUnavailable(message, permanent=_is_permanent(error, code)) from error


def _code_of(error: Exception) -> str | None:
    """Return the code of an error that Redis answered with, that of the command which failed if it was in a script.

    None: Redis did not answer. The code is the first word of the answer; one of a script of Redis 6.2 has it
    further inside. Source: redis.io/docs/latest/develop/reference/protocol-spec ("Simple errors"), read 2026-11-28,
    and what redis-server 6.2 says.
    """
    if not isinstance(error, ResponseError | AuthenticationError | BusyLoadingError):
        return None
    answer = str(error)
    inside = _IN_SCRIPT.search(answer)
    if inside is not None:
        return inside[1]
    code: str = getattr(error, "status_code", None) or answer.partition(" ")[0].lstrip("-")
    return code


def _is_permanent(error: Exception, code: str | None) -> bool:
    if code is None:
        return isinstance(error, DataError | UnicodeError)
    return code not in PASSING


@asynccontextmanager
async def connect(url: str, prefix: str, clock: Clock) -> AsyncIterator[RedisConnection]:
    """Yield a connection to *url*; nothing is sent before the first operation.

    Two clients: one that fails fast and never repeats (a repeat could reserve twice), one whose reads outlast the
    longest wait. Without this redis-py 8 retries ten times and cuts a blocking read after 5 s.

    Raises:
        SettingsError: the URL is not one the client can read.
    """
    common: dict[str, Any] = {"retry": Retry(NoBackoff(), 0), "socket_connect_timeout": TIMEOUT_S}
    try:
        pool = BlockingConnectionPool.from_url(
            url, max_connections=HOT_CONNECTIONS, timeout=TIMEOUT_S, socket_timeout=TIMEOUT_S, **common
        )
        hot = Redis.from_pool(pool)
        blocking = Redis.from_url(url, socket_timeout=LONGEST_WAIT_S + 4, **common)
    except ValueError as error:
        raise SettingsError(f"REDIS_URL: {error}") from error
    async with hot, blocking:
        yield RedisConnection(hot, blocking, prefix, clock)
