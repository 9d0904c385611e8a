"""Indexes of collections that may be large: MongoDB makes them online, and nobody waits for one to the end.

Those of the hot path are there from the first start on, for an empty collection has them at once; a release that
adds one meets a full collection. Others are made when the first question comes that needs them: who never asks does
not pay for them. No limit of time holds for a build: a client's own would have MongoDB give it up,
and the next try begin anew. Source: MongoDB manual 6.0, "Index Builds on Populated Collections", a trial of 6.0.5
(who joins a build and gives up leaves it as it is), read 2026-11-29.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import attrs
import pymongo
from pymongo import ASCENDING, IndexModel

from danqing_server.errors import StoreUnavailable
from danqing_server.log import get_logger
from danqing_server.loops.shared import outcome_of
from danqing_server.store.client import translated

__all__ = ["OF_BATCH", "LateIndexes", "create_with_patience"]

BUILD_S = 7 * 86400.0
WAIT_S = 0.5
AT_START_S = 1.0
PAUSE_S = 5.0

OF_BATCH = IndexModel(
    [("batch.id", ASCENDING), ("batch.line", ASCENDING)],
    name="of_batch",
    partialFilterExpression={"batch.id": {"$gt": ""}},
)

log = get_logger(__name__)


async def create_with_patience(collection: Any, indexes: Sequence[IndexModel]) -> None:
    """Create what is missing of *indexes*, with one reading of the collection, however long it takes.

    Raises:
        StoreUnavailable: MongoDB does not answer, or refuses.
    """
    with translated():
        await collection.database.command("ping")  # in the usual time: below, who is away is waited for
        with pymongo.timeout(BUILD_S):
            await collection.create_indexes(list(indexes))


@attrs.define(eq=False)
class LateIndexes:
    """Sees to indexes of one collection, each once a process."""

    collection: Any
    pause_s: float = PAUSE_S
    _builds: dict[str, asyncio.Task[None]] = attrs.field(factory=dict, init=False)

    async def prepare(self, index: IndexModel) -> None:
        """See to *index*, waiting for it a moment; until it is there, questions are answered without."""
        build = self._build_of([index])
        if not build.done():
            with suppress(TimeoutError, StoreUnavailable):
                async with asyncio.timeout(WAIT_S):
                    await outcome_of(build)

    async def ensure(self, indexes: Sequence[IndexModel]) -> None:
        """See to *indexes* at a start: what takes longer than a moment is made while the server works.

        Raises:
            StoreUnavailable: MongoDB does not answer, or refuses at once.
        """
        with translated():
            await self.collection.database.command("ping")
        build = self._build_of(indexes)
        await asyncio.wait({build}, timeout=AT_START_S)
        if build.done():
            await build
            return
        log.warning("indexes_being_made", **self._named(indexes))
        self._builds["at_start"] = asyncio.create_task(self._until_made(indexes, build))

    async def drain(self) -> None:
        """Wait for no index any longer; MongoDB goes on with it."""
        for build in self._builds.values():
            build.cancel()
        await asyncio.gather(*self._builds.values(), return_exceptions=True)

    def _build_of(self, indexes: Sequence[IndexModel]) -> asyncio.Task[None]:
        name = indexes[0].document["name"]
        build = self._builds.get(name)
        if build is None or (build.done() and (build.cancelled() or build.exception() is not None)):
            build = self._builds[name] = asyncio.create_task(self._build(indexes))
        return build

    async def _build(self, indexes: Sequence[IndexModel]) -> None:
        try:
            await create_with_patience(self.collection, indexes)
        except StoreUnavailable as error:
            log.warning("indexes_not_made", **self._named(indexes), reason=str(error))
            raise

    async def _until_made(self, indexes: Sequence[IndexModel], build: asyncio.Task[None]) -> None:
        """Ask again until they are there: a server that ends, or hands its place on, may have given one up."""
        while True:
            with suppress(StoreUnavailable):
                await build
                log.info("indexes_made", **self._named(indexes))
                return
            await asyncio.sleep(self.pause_s)
            build = self._build_of(indexes)

    def _named(self, indexes: Sequence[IndexModel]) -> dict[str, Any]:
        return {"collection": self.collection.name, "indexes": [index.document["name"] for index in indexes]}
