"""The servers of a data directory, for a command: those that `danqing serve` has there, or started for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import attrs

from danqing_server.errors import SettingsError
from danqing_server.settings.server import Settings
from danqing_server.supervision.companions import Companions
from danqing_server.supervision.embedded.directory import DataDirectory
from danqing_server.supervision.embedded.servers import mongod, redis_server, redis_socket_url, socket_url
from danqing_server.supervision.embedded.sockets import MONGODB_SOCKET, REDIS_SOCKET, find_socket, socket_folder
from danqing_server.supervision.processes import StartRefused

__all__ = ["borrowed_mongodb", "borrowed_servers", "own_servers"]

GIVE_UP_AFTER_S = 30.0


@asynccontextmanager
async def borrowed_mongodb(settings: Settings) -> AsyncIterator[Settings]:
    """Yield the settings with the MongoDB that they name, or that runs in the data directory, or is started there.

    Raises:
        SettingsError: there is none, and no data of one.
        StartRefused: the data directory is in use, and no MongoDB answers there.
    """
    if settings.mongo_url is not None:
        yield settings
        return
    _require_data(settings)
    running = await asyncio.to_thread(_running, settings.data_dir, MONGODB_SOCKET)
    if running is not None:
        yield attrs.evolve(settings, mongo_url=socket_url(running))
        return
    async with own_servers(settings, redis=False) as with_mongodb:
        yield with_mongodb


@asynccontextmanager
async def borrowed_servers(settings: Settings) -> AsyncIterator[Settings]:
    """Yield the settings with MongoDB and Redis, each found as `borrowed_mongodb` finds MongoDB. Raises as that."""
    urls = {MONGODB_SOCKET: settings.mongo_url, REDIS_SOCKET: settings.redis_url}
    wanted = [name for name, url in urls.items() if url is None]
    if settings.mongo_url is None:
        _require_data(settings)
    found = {name: await asyncio.to_thread(_running, settings.data_dir, name) for name in wanted}
    if None in found.values():
        async with own_servers(settings) as served:
            yield served
        return
    if (mongodb := found.get(MONGODB_SOCKET)) is not None:
        settings = attrs.evolve(settings, mongo_url=socket_url(mongodb))
    if (redis := found.get(REDIS_SOCKET)) is not None:
        settings = attrs.evolve(settings, redis_url=redis_socket_url(redis))
    yield settings


@asynccontextmanager
async def own_servers(settings: Settings, *, redis: bool = True) -> AsyncIterator[Settings]:
    """Yield the settings with servers of the data directory for each that no URL names; they end with the block.

    With *redis* False Redis is left alone.

    Raises:
        StartRefused: a `danqing serve` runs there, or a server cannot start.
    """
    wants_mongodb, wants_redis = settings.mongo_url is None, redis and settings.redis_url is None
    if not (wants_mongodb or wants_redis):
        yield settings
        return
    with ExitStack() as held:
        directory = held.enter_context(DataDirectory.claim(settings.data_dir))
        data_dir = settings.data_dir.absolute()
        sockets = held.enter_context(socket_folder(data_dir))
        companions = Companions(
            directory=directory, give_up_after_s=GIVE_UP_AFTER_S, on_hopeless=lambda _line: None
        )
        try:
            if wants_mongodb:
                server = mongod(data_dir / "mongodb", sockets / MONGODB_SOCKET)
                await companions.start_server(server)
                settings = attrs.evolve(settings, mongo_url=server.url)
            if wants_redis:
                server = redis_server(data_dir / "redis", sockets / REDIS_SOCKET)
                await companions.start_server(server)
                settings = attrs.evolve(settings, redis_url=server.url)
            yield settings
        finally:
            await companions.stop()


def _require_data(settings: Settings) -> None:
    if not (settings.data_dir / "mongodb").is_dir():
        raise SettingsError(
            f"{str(settings.data_dir.absolute())!r} holds no data of a server, and MONGO_URL is not set: "
            "set DANQING_DATA_DIR or MONGO_URL as the server has them"
        )


def _running(data_dir: Path, name: str) -> Path | None:
    """Return the socket of the server *name* that a `danqing serve` has there; None when none runs."""
    try:
        with DataDirectory.claim(data_dir):
            return None
    except StartRefused:
        socket = find_socket(data_dir, name)
        if socket is None:
            raise
        return socket
