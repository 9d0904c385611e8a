"""Names of hosts that users give, looked up apart from all others.

Nobody can break off a look-up, which takes as long as the name's own server likes. The threads of the event loop
are few, and it has more to do with them: it looks up the services' names, and takes large bodies apart.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import attrs
from aiohttp.abc import AbstractResolver, ResolveResult

__all__ = ["LookUp", "Names"]

MOST_AT_ONCE = 64
NUMERIC = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV

LookUp = Callable[..., Sequence[Any]]
"""Does what `socket.getaddrinfo` does."""


@attrs.define(eq=False)
class Names(AbstractResolver):
    """Looks up `most` names at once, each in a thread of its own, which no process waits for when it ends.

    Whoever comes then waits until one of them is done. What it does raises OSError, or UnicodeError of a name that
    can be none.
    """

    most: int = MOST_AT_ONCE
    look_up: LookUp = socket.getaddrinfo
    _places: asyncio.Semaphore = attrs.field(init=False)

    @_places.default
    def _all(self) -> asyncio.Semaphore:
        return asyncio.Semaphore(self.most)

    @property
    def is_full(self) -> bool:
        """Whether the next one would wait for another."""
        return self._places.locked()

    async def addresses(self, host: str, port: int, **asked: Any) -> Sequence[Any]:
        """Return what `look_up` returns, given *asked* by name."""
        await self._places.acquire()
        loop = asyncio.get_running_loop()
        found: asyncio.Future[Sequence[Any]] = loop.create_future()
        ask = partial(self.look_up, host, port, type=socket.SOCK_STREAM, **asked)
        try:
            threading.Thread(target=self._ask, args=(ask, found, loop), name="name", daemon=True).start()
        except RuntimeError as error:  # there can be no more threads
            self._places.release()
            raise OSError("no name can be looked up now") from error
        return await found

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the addresses of *host*, as aiohttp wants them."""
        found = await self.addresses(host, port, family=family, flags=socket.AI_ADDRCONFIG)
        return [
            ResolveResult(hostname=host, host=_written(address), port=port, family=kind, proto=proto, flags=NUMERIC)
            for kind, _, proto, _, address in found
        ]

    async def close(self) -> None:
        """Nothing is held open."""

    def _ask(
        self,
        ask: Callable[[], Sequence[Any]],
        found: asyncio.Future[Sequence[Any]],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        end: Callable[[], None]
        try:
            end = partial(found.set_result, ask())
        except Exception as error:  # noqa: BLE001 - it is raised where the name is asked for
            end = partial(found.set_exception, error)
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(self._end, found, end)

    def _end(self, found: asyncio.Future[Sequence[Any]], end: Callable[[], None]) -> None:
        self._places.release()
        if not found.done():  # else whoever asked has left
            end()


def _written(address: Sequence[Any]) -> str:
    """Return an address as text, of a link that of IPv6 says on which."""
    return f"{address[0]}%{address[3]}" if len(address) > 3 and address[3] else str(address[0])
