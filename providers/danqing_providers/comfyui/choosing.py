"""Which of several servers a run goes to: the one with the least to do, by what it says and by what we sent it."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import aiohttp
import attrs

from danqing_plugins import PluginError, Unavailable
from danqing_providers.comfyui import texts
from danqing_providers.comfyui.server import Server

__all__ = ["Servers"]


@attrs.define(eq=False)
class Servers:
    """The servers that are configured, and how many runs of this process each has.

    Tasks that begin at the same moment are all told of the same queues: what this process sent counts, too.
    """

    all: Sequence[Server]
    _ours: Counter[Server] = attrs.field(factory=Counter, init=False)

    @contextmanager
    def occupied(self, server: Server) -> Iterator[None]:
        """Count a run of ours at *server* while the block lasts."""
        self._ours[server] += 1
        try:
            yield
        finally:
            self._ours[server] -= 1

    async def idlest(self, session: aiohttp.ClientSession) -> Server:
        """Return the server with the least to do. Raises Unavailable: none answers."""
        waiting = await asyncio.gather(*(server.waiting(session) for server in self.all), return_exceptions=True)
        for found in waiting:
            if isinstance(found, BaseException) and not isinstance(found, PluginError):
                raise found
        up = {server: found for server, found in zip(self.all, waiting, strict=True) if isinstance(found, int)}
        if not up:
            raise Unavailable(texts.NO_SERVER(), code="not_reached")
        return min(
            up, key=lambda server: (max(up[server], self._ours[server]), self._ours[server], random.random())
        )

    async def can_do_without(self, away: Server, session: aiohttp.ClientSession) -> bool:
        """Tell whether *away* does not answer, and another does."""
        if await _answers(away, session):
            return False
        others = [server for server in self.all if server != away]
        return any(await asyncio.gather(*(_answers(server, session) for server in others)))


async def _answers(server: Server, session: aiohttp.ClientSession) -> bool:
    try:
        await server.waiting(session)
    except PluginError:
        return False
    return True
