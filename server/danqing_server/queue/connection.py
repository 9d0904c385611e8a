"""The connection to Redis, its scripts, and the one place where its errors become ours."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from traceback import walk_tb
from typing import TYPE_CHECKING, Any

import attrs
from redis.asyncio import Redis, RedisCluster
from redis.asyncio.client import PubSub
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    DataError,
    RedisClusterException,
    RedisError,
    ResponseError,
)

from danqing_server.clock import Clock
from danqing_server.errors import QueueUnavailable, SettingsError
from danqing_server.queue.clients import Client, open_clients
from danqing_server.queue.layout import VERSION
from danqing_server.settings.redis_urls import REDIS_URLS, redis_address

if TYPE_CHECKING:
    from redis.commands.core import AsyncScript

__all__ = ["PASSING", "RedisConnection", "connect", "translated"]

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

REPLICATED_MS = 400  # a connection that hears nothing for twice as long is given up
CONNECTIONS = "redis.asyncio.connection"
_IN_SCRIPT = re.compile(r"user_script:\s*\d+: -?([A-Z]{3,})\b")


@attrs.define(eq=False)
class RedisConnection:
    """Two clients of one Redis: `hot` fails fast and never repeats, `blocking` outlasts the longest wait.

    `has_successors`: replicas stand by to take the server's place, with what they have by then.
    """

    hot: Client
    blocking: Client
    prefix: str
    clock: Clock
    has_successors: bool = False
    _scripts: dict[str, AsyncScript] = attrs.field(factory=dict, init=False)

    @property
    def is_cluster(self) -> bool:
        """Whether lanes are kept on several servers, of which one may be lost and the others not."""
        return isinstance(self.hot, RedisCluster)

    def base(self, lane: str) -> str:
        """Return what every key of *lane* begins with; the braces keep them on one node of a cluster."""
        return f"{self.first_base(lane)}:{VERSION}"

    def first_base(self, lane: str) -> str:
        """Return what every key of *lane* began with in version 1 of the layout."""
        return f"{{{self.prefix}:{lane}}}"

    @asynccontextmanager
    async def subscription(self) -> AsyncIterator[PubSub]:
        """Yield what hears channels. Raises QueueUnavailable."""
        with translated():
            if isinstance(self.blocking, RedisCluster):
                await self.blocking.initialize()  # otherwise it does not know its nodes before its first command
            async with self.blocking.pubsub() as subscription:
                yield subscription

    async def run(self, source: str, lane: str, arguments: Sequence[str | int]) -> Any:
        """Run a script on one lane. Raises QueueUnavailable."""
        return await self.run_at(source, self.base(lane), arguments)

    async def run_at(self, source: str, base: str, arguments: Sequence[str | int]) -> Any:
        """Run a script on the keys that begin with *base*. Raises QueueUnavailable."""
        script = self._scripts.get(source)
        if script is None:
            script = self._scripts[source] = self.hot.register_script(source)
        with translated():
            try:
                return await script(keys=[base], args=arguments)
            except ResponseError as error:
                await self._heed(error)
                raise

    async def run_for_good(self, source: str, base: str, arguments: Sequence[str | int]) -> None:
        """Do what `run_at` does, and have a successor know of it, where there are any.

        Raises QueueUnavailable: it may be done, and not outlive this server. `WAIT` counts who took what was
        written on its own connection (redis.io/docs/latest/commands/wait, read 2026-11-30).
        """
        if not self.has_successors:
            await self.run_at(source, base, arguments)
            return
        with translated():
            at: dict[str, Any] = {}
            if isinstance(self.hot, RedisCluster):
                await self.hot.initialize()
                at = {"target_nodes": self.hot.get_node_from_key(base)}
            steps = self.hot.pipeline(transaction=False)
            steps.execute_command("EVAL", source, 1, base, *arguments, **at)
            steps.execute_command("WAIT", 1, REPLICATED_MS, **at)
            try:
                *_, successors = await steps.execute()
            except ResponseError as error:
                await self._heed(error)
                raise
        if not successors:
            raise QueueUnavailable("no replica of Redis knows of the operation")

    async def _heed(self, error: ResponseError) -> None:
        """Let go of connections to a server that another took the place of, so that new ones ask who leads.

        redis-py does so by itself where the answer begins with the code; that of a script of Redis 6.2 does not.
        """
        if _code_of(error) == "READONLY" and isinstance(self.hot, Redis):
            await self.hot.connection_pool.disconnect(inuse_connections=False)


@contextmanager
def translated() -> Iterator[None]:
    """Turn whatever the client raises into QueueUnavailable; the message holds no key and no address.

    A KeyError is a cluster's slot that no node has at present.
    """
    try:
        yield
    except (RedisError, RedisClusterException, OSError, UnicodeError, KeyError) as error:
        code = _code_of(error)
        message = f"Redis did not carry out the operation ({code or type(error).__name__})"
        raise QueueUnavailable(message, permanent=_is_permanent(error, code)) from error
    except (AttributeError, RuntimeError) as error:
        if not _is_of_connection(error):
            raise
        raise QueueUnavailable("Redis did not carry out the operation (its connection was closed)") from error


def _is_of_connection(error: Exception) -> bool:
    """Tell whether an error comes out of a connection of the client itself.

    A cluster's client that meets one node's failure closes its connections to all, those in use by others too: they
    find no stream (AttributeError), or a closed one (uvloop's RuntimeError). Source: redis-py 8.1,
    asyncio/cluster.py (`execute_command`, `aclose`), and a trial with nodes killed under load, read 2026-11-29.
    """
    frames = (frame for frame, _ in walk_tb(error.__traceback__))
    return any(frame.f_globals.get("__name__") == CONNECTIONS for frame in frames)


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

    Raises:
        SettingsError: the URL is not one that `redis_address` reads, or its files for TLS are of no use.
    """
    try:
        address = redis_address(url)
    except ValueError as error:
        raise SettingsError(f"REDIS_URL: allowed: {REDIS_URLS}") from error
    async with AsyncExitStack() as stack:
        try:
            hot, blocking = await stack.enter_async_context(open_clients(address))
        except OSError as error:
            raise SettingsError(f"REDIS_URL: TLS cannot be set up with its files: {error}") from error
        has_successors = address.kind in ("sentinel", "cluster")
        yield RedisConnection(hot, blocking, prefix, clock, has_successors)
