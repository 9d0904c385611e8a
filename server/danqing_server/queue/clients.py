"""The clients of Redis, made for whatever stands behind the URL: one server, what Sentinel watches, or a cluster.

Of each two: one that fails fast and never repeats, for a repeat could reserve twice, and one whose reads outlast
the longest wait. Without this redis-py 8 retries ten times and cuts a blocking read after 5 s. None connects before
the first operation.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, TypeAlias

from redis.asyncio import (
    BlockingConnectionPool,
    Connection,
    ConnectionPool,
    Redis,
    RedisCluster,
    Sentinel,
)
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.connection import RedisSSLContext
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import SentinelConnectionPool
from redis.backoff import NoBackoff
from redis.driver_info import DriverInfo

from danqing_server.queue.sockets import (
    SentinelConnection,
    SentinelTLSConnection,
    SocketConnection,
    TCPConnection,
    TLSConnection,
)
from danqing_server.settings.redis_urls import RedisAddress

__all__ = ["LONGEST_WAIT_S", "Client", "open_clients"]

TIMEOUT_S = 0.8  # two in a row still answer a client within its two seconds
SENTINEL_TIMEOUT_S = 0.3  # three are asked one after the other, and the one that answered first the next time
HOT_CONNECTIONS = 32
CLUSTER_CONNECTIONS = 1024  # to each node; one more would not wait, as it does at the other kinds, but fail
LONGEST_WAIT_S = 1.0
BLOCKING_TIMEOUT_S = LONGEST_WAIT_S + 4
DRIVER = DriverInfo()  # redis-py would look into its installed files for each connection

Client: TypeAlias = Redis | RedisCluster


class _SentinelPool(SentinelConnectionPool, BlockingConnectionPool):
    """Connections to what the sentinels call the master now, no more than so many: who needs one waits."""


@asynccontextmanager
async def open_clients(address: RedisAddress) -> AsyncIterator[tuple[Client, Client]]:
    """Yield the client that fails fast and the one that waits.

    Raises:
        OSError: a file for TLS cannot be read, or holds something else.
    """
    tls = _tls_options(address)
    async with AsyncExitStack() as stack:
        yield await _open(stack, address, tls, TIMEOUT_S), await _open(stack, address, tls, BLOCKING_TIMEOUT_S)


async def _open(stack: AsyncExitStack, address: RedisAddress, tls: dict[str, Any], read_timeout_s: float) -> Client:
    options = {
        **_options(read_timeout_s, address.username, address.password),
        "socket_connect_timeout": TIMEOUT_S,
    }
    bound: dict[str, Any] = {}
    if read_timeout_s == TIMEOUT_S:
        bound = {"max_connections": HOT_CONNECTIONS, "timeout": TIMEOUT_S}
    client: Client
    if address.kind == "cluster":
        client = _cluster(address, options, tls)
    elif address.kind == "sentinel":
        client = await _behind_sentinels(stack, address, {**options, **bound, "db": address.database}, tls)
    else:
        client = Redis.from_pool(_pool_of_one(address, {**options, **bound, "db": address.database}, tls))
    stack.push_async_callback(client.aclose)
    return client


def _options(timeout_s: float, username: str | None, password: str | None) -> dict[str, Any]:
    return {
        "username": username,
        "password": password,
        "socket_connect_timeout": timeout_s,
        "socket_timeout": timeout_s,
        "retry": Retry(NoBackoff(), 0),
        "driver_info": DRIVER,
    }


def _tls_options(address: RedisAddress) -> dict[str, Any]:
    """Return what a connection with TLS is given more; nothing when it is without."""
    if not address.tls:
        return {}
    shared = RedisSSLContext(
        ca_certs=address.files.get("ca_certs"),
        certfile=address.files.get("certfile"),
        keyfile=address.files.get("keyfile"),
        cert_reqs=address.cert_reqs,
        check_hostname=address.check_hostname,
    )
    shared.get()  # what is wrong with a file is told at the start
    return {"shared": shared}


def _pool_of_one(address: RedisAddress, options: dict[str, Any], tls: dict[str, Any]) -> ConnectionPool:
    kind = BlockingConnectionPool if "timeout" in options else ConnectionPool
    if address.path is not None:
        return kind(connection_class=SocketConnection, path=address.path, **options)
    host, port = address.hosts[0]
    return kind(connection_class=_class_over_tcp(tls), host=host, port=port, **options, **tls)


def _class_over_tcp(tls: dict[str, Any]) -> type[Connection]:
    return TLSConnection if tls else TCPConnection


async def _behind_sentinels(
    stack: AsyncExitStack, address: RedisAddress, options: dict[str, Any], tls: dict[str, Any]
) -> Redis:
    own = _options(SENTINEL_TIMEOUT_S, address.sentinel_username, address.sentinel_password)
    sentinel_class = _class_over_tcp(tls)
    manager = Sentinel([])  # type: ignore[no-untyped-call] # redis-py's own
    await stack.enter_async_context(manager)
    manager.sentinels = [
        Redis.from_pool(ConnectionPool(connection_class=sentinel_class, host=host, port=port, **own, **tls))
        for host, port in address.hosts
    ]
    kind = _SentinelPool if "timeout" in options else SentinelConnectionPool
    managed_class = SentinelTLSConnection if tls else SentinelConnection
    pool = kind(  # type: ignore[no-untyped-call] # redis-py's own
        address.service, manager, connection_class=managed_class, **options, **tls
    )
    return Redis.from_pool(pool)


def _cluster(address: RedisAddress, options: dict[str, Any], tls: dict[str, Any]) -> RedisCluster:
    cluster = RedisCluster(
        startup_nodes=[ClusterNode(host, port) for host, port in address.hosts],
        require_full_coverage=False,  # lanes of other nodes go on
        max_connections=CLUSTER_CONNECTIONS,
        **options,
    )
    # the constructor takes no class of connections, and nodes that are found are made with the same options
    connection_class = _class_over_tcp(tls)
    for node in cluster.startup_nodes:
        node.connection_class = connection_class
        node.connection_kwargs.update(tls)
    cluster.connection_kwargs.update(connection_class=connection_class, **tls)
    return cluster
