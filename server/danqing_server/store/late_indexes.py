"""Indexes that are made when the first question comes that needs them: who never asks does not pay for them."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import attrs
import pymongo
from pymongo import ASCENDING, IndexModel

from danqing_server.errors import StoreUnavailable
from danqing_server.log import get_logger
from danqing_server.store.client import translated

__all__ = ["OF_BATCH", "LateIndexes"]

BUILD_S = 3600.0
WAIT_S = 0.5

OF_BATCH = IndexModel(
    [("batch.id", ASCENDING), ("batch.line", ASCENDING)],
    name="of_batch",
    partialFilterExpression={"batch.id": {"$gt": ""}},
)

log = get_logger(__name__)


@attrs.define(eq=False)
class LateIndexes:
    """Sees to indexes of one collection, each once a process."""

    collection: Any
    _builds: dict[str, asyncio.Task[None]] = attrs.field(factory=dict, init=False)

    async def prepare(self, index: IndexModel) -> None:
        """See to *index*, waiting for it a moment; until it is there, questions are answered without."""
        name = index.document["name"]
        build = self._builds.get(name)
        if build is None or (build.done() and (build.cancelled() or build.exception() is not None)):
            build = self._builds[name] = asyncio.create_task(self._build(index))
        if not build.done():
            with suppress(TimeoutError, StoreUnavailable):
                await asyncio.wait_for(asyncio.shield(build), WAIT_S)

    async def drain(self) -> None:
        """Wait for no index any longer; MongoDB goes on with it."""
        for build in self._builds.values():
            build.cancel()
        await asyncio.gather(*self._builds.values(), return_exceptions=True)

    async def _build(self, index: IndexModel) -> None:
        """Create an index. A client's own bound of time would have MongoDB give up one that takes longer."""
        try:
            with pymongo.timeout(BUILD_S), translated():
                await self.collection.create_indexes([index])
        except StoreUnavailable as error:
            log.warning("index_not_made", index=index.document["name"], reason=str(error))
            raise
