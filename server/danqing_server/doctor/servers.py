"""The servers that danqing stands on, and who works with them: MongoDB, Redis, the clocks, the leases."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import attrs

from danqing_server.clock import Clock
from danqing_server.doctor.finding import Finding, fine, skipped, warning, wrong
from danqing_server.errors import DanqingError
from danqing_server.queue.connection import connect as connect_redis
from danqing_server.queue.examining import RedisState, examine_redis
from danqing_server.settings.addresses import place_of
from danqing_server.settings.server import Settings
from danqing_server.store.client import connect
from danqing_server.store.examining import MongoState, examine_mongodb
from danqing_server.store.leases import WorkerBeat, WorkerStore
from danqing_server.store.restoring import RestoreStore
from danqing_server.supervision.embedded.servers import socket_url
from danqing_server.supervision.embedded.sockets import MONGODB_SOCKET, REDIS_SOCKET, find_socket

__all__ = ["look_at_mongodb", "look_at_redis", "look_at_workers"]

OLDEST_TESTED_MONGODB = (6, 0)
OLDEST_REDIS = (6, 2)
"""BLMOVE came with it. Source: redis.io/commands/blmove, read 2026-11-29."""

SLOW_S = 0.05
APART_S = 1.0
SILENT_S = 20.0
ALMOST_FULL = 0.8
START = "start `danqing serve`; or, where one runs, ask in its folder or with its DANQING_DATA_DIR"


async def look_at_mongodb(settings: Settings) -> Sequence[Finding]:
    """Return what is to be said of MongoDB, its clock, and the leases in it."""
    try:
        settings, embedded = _with_embedded_mongodb(settings)
    except PermissionError:
        return [_not_to_be_seen("mongodb", settings)]
    if settings.mongo_url is None:
        return [skipped("mongodb", _not_beside(settings), START)]
    try:
        async with connect(settings) as database:
            state = await examine_mongodb(database)
            beats = await WorkerStore(database).beats()
            half_restored = await RestoreStore(database).under_way()
    except DanqingError as error:
        do = f"see that MongoDB runs at {place_of(settings.mongo_url)}, and that MONGO_URL names it and its user"
        return [wrong("mongodb", str(error), do)]
    clock = _clock("mongodb", state.ahead_s)
    whole = () if half_restored is None else (_half_restored(half_restored),)
    workers = look_at_workers(beats, datetime.now(UTC) + timedelta(seconds=state.ahead_s))
    return [_mongodb(state, embedded=embedded), *whole, *_of_mongodb(state), clock, workers]


async def look_at_redis(settings: Settings) -> Sequence[Finding]:
    """Return what is to be said of Redis and its clock."""
    url = settings.redis_url
    try:
        found = find_socket(settings.data_dir, REDIS_SOCKET) if url is None else None
    except PermissionError:
        return [_not_to_be_seen("redis", settings)]
    if found is not None:
        url = f"unix://{found}"
    if url is None:
        return [skipped("redis", _not_beside(settings), START)]
    try:
        async with connect_redis(url, settings.redis_prefix, Clock()) as connection:
            state = await examine_redis(connection)
    except DanqingError as error:
        do = f"see that Redis runs at {place_of(url)}, and that REDIS_URL names it and its password"
        return [wrong("redis", str(error), do)]
    return [_redis(state), *_of_redis(state), _clock("redis", state.ahead_s)]


def _not_beside(settings: Settings) -> str:
    return f"`danqing serve` brings it, and none runs with its data in {settings.data_dir.absolute()}"


def _not_to_be_seen(part: str, settings: Settings) -> Finding:
    says = f"it is beside the server, whose {settings.data_dir.absolute()} this account may not enter"
    return wrong(part, says, "run this as the account that runs the server")


def _with_embedded_mongodb(settings: Settings) -> tuple[Settings, bool]:
    found = find_socket(settings.data_dir, MONGODB_SOCKET) if settings.mongo_url is None else None
    return (settings, False) if found is None else (attrs.evolve(settings, mongo_url=socket_url(found)), True)


def _mongodb(state: MongoState, *, embedded: bool) -> Finding:
    says = f"{state.version}, {state.set_name or 'alone'}, answers in {_ms(state.took_s)}"
    if not state.writable:
        return wrong(
            "mongodb", f"{says}; it takes no writes", "see that its replica set has a primary: rs.status()"
        )
    if state.set_name is None and not embedded:
        do = "run it as a replica set, of three machines where tasks must outlive one, and back it up"
        return warning("mongodb", says, do)
    return fine("mongodb", f"{says}, embedded" if embedded else says)


def _of_mongodb(state: MongoState) -> Iterator[Finding]:
    if _version(state.version) < OLDEST_TESTED_MONGODB:
        yield warning("mongodb version", f"{state.version} was never tested", "upgrade it to 6.0 or newer")
    if state.missing:
        says = f"indexes are missing or being made: {', '.join(state.missing)}"
        yield warning(
            "indexes", says, "start a serving process: it makes them; `indexes_made` in its log says when"
        )
    else:
        yield fine("indexes", "those of the tasks are there")
    if state.took_s > SLOW_S:
        yield warning("mongodb speed", f"it answers in {_ms(state.took_s)}", "look at the network, and at its load")


def _half_restored(run: str) -> Finding:
    do = "make the same `danqing restore` again: it goes on where it was cut"
    return wrong("restore", f"that of backup {run} is not finished, and no server starts before it is", do)


def _redis(state: RedisState) -> Finding:
    says = f"{state.version}, answers in {_ms(state.took_s)}"
    if _version(state.version) < OLDEST_REDIS:
        return wrong("redis", says, "upgrade it to 6.2 or newer, or use Valkey")
    if not state.is_master:
        return wrong("redis", f"{says}; it is a replica", "let REDIS_URL name the master")
    return fine("redis", says)


def _of_redis(state: RedisState) -> Iterator[Finding]:
    if state.policy not in (None, "noeviction"):
        says = f"maxmemory-policy is {state.policy}: it may throw the queue away when its memory is full"
        yield warning("redis memory", says, "set `maxmemory-policy noeviction`")
    if state.full is not None and state.full > ALMOST_FULL:
        yield warning("redis memory", f"{state.full:.0%} of maxmemory is used", "raise maxmemory")


def _clock(of: str, ahead_s: float) -> Finding:
    if abs(ahead_s) < APART_S:
        return fine(
            f"clock of {of}", f"{_ms(abs(ahead_s))} {'ahead of' if ahead_s > 0 else 'behind'} this machine's"
        )
    says = f"{abs(ahead_s):.1f} s {'ahead of' if ahead_s > 0 else 'behind'} this machine's"
    do = "keep both by NTP (chrony, systemd-timesyncd): deadlines go by MongoDB's clock, signatures by their own"
    return warning(f"clock of {of}", says, do)


def look_at_workers(beats: Sequence[WorkerBeat], now: datetime) -> Finding:
    """Return who works; *now* is the time by MongoDB's clock, as that of the beats is."""
    silent = [beat for beat in beats if (now - beat.seen_at).total_seconds() > SILENT_S]
    if not beats or len(silent) == len(beats):
        return warning(
            "workers", "nobody carries tasks out", "start `danqing serve` with DANQING_ROLE=all or worker"
        )
    if silent:
        where = ", ".join(sorted({f"{beat.host} (pid {beat.pid})" for beat in silent}))
        says = f"{len(beats) - len(silent)} work; {len(silent)} said nothing for {SILENT_S:.0f} s: {where}"
        return warning("workers", says, "others take their tasks over; see in their logs why they died")
    return fine("workers", f"{len(beats)} on {len({beat.host for beat in beats})} machine(s)")


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".")[:2] if part.isdigit())


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"
