"""What stands between a client and the server: it sees the requests, and can lose a connection as a proxy does."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import attrs

__all__ = ["Wire", "open_wire"]

_REQUEST = re.compile(rb"^(?:GET|POST) \S+")


@attrs.define(eq=False)
class Wire:
    """A proxy of connections on loopback; while the server is away (`target` is None), they wait for it."""

    target: int | None
    port: int = 0
    requests: list[str] = attrs.field(factory=list)
    """Method and path of each request, in the order in which they came."""
    cut_first_after_s: float | None = None
    """The first connection is cut after so many seconds; None: none is."""
    _seen: int = 0
    _open: set[asyncio.Task[None]] = attrs.field(factory=set)

    @property
    def origin(self) -> str:
        """Where clients find it."""
        return f"http://127.0.0.1:{self.port}"

    def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection to the server and back, until either end closes it."""
        carrying = asyncio.create_task(self._serve(reader, writer))
        self._open.add(carrying)
        carrying.add_done_callback(self._open.discard)

    async def close(self) -> None:
        """Cut what is still connected: LangChain's wrapper closes none of its connections."""
        for each in self._open:
            each.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first, self._seen = self._seen == 0, self._seen + 1
        limit_s = self.cut_first_after_s if first else None
        try:
            with suppress(TimeoutError, OSError):
                async with asyncio.timeout(limit_s):
                    await self._carry(reader, writer)
        finally:
            writer.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while self.target is None:  # noqa: ASYNC110 - an Event would have to be kept in step with `target`
            await asyncio.sleep(0.02)
        behind, before = await asyncio.open_connection("127.0.0.1", self.target)
        there = asyncio.create_task(self._pump(reader, before, record=True))
        try:
            await self._pump(behind, writer)
        finally:
            there.cancel()
            before.transport.abort()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, record: bool = False
    ) -> None:
        while chunk := await reader.read(65536):
            if record and (found := _REQUEST.match(chunk)):
                self.requests.append(found[0].decode())
            writer.write(chunk)
            await writer.drain()
        with suppress(OSError):
            writer.write_eof()


@asynccontextmanager
async def open_wire(target: int) -> AsyncIterator[Wire]:
    """Yield a wire to the server at the port *target*."""
    wire = Wire(target=target)
    server = await asyncio.start_server(wire.serve, "127.0.0.1", 0)
    wire.port = server.sockets[0].getsockname()[1]
    try:
        yield wire
    finally:
        server.close()
        await wire.close()
