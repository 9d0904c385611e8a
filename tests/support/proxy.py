"""A TCP proxy in the middle of a connection, with hands to cut and to slow it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import attrs

__all__ = ["Proxy", "running_proxy"]

CHUNK_BYTES = 65536


@attrs.define(eq=False)
class Proxy:
    """Passes every connection to its own port on to `target_port`, each chunk *delay_s* late."""

    target_port: int
    delay_s: float = 0.0
    cuts: int = 0
    _writers: set[asyncio.StreamWriter] = attrs.field(factory=set, init=False)
    _server: asyncio.Server | None = attrs.field(default=None, init=False)

    @property
    def port(self) -> int:
        """Where it listens, on loopback."""
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)

    def cut(self) -> int:
        """Reset every connection, in the middle of whatever it carries; returns how many there were."""
        writers, self._writers = self._writers, set()
        for writer in writers:
            writer.transport.abort()
        self.cuts += len(writers)
        return len(writers)

    async def stop(self) -> None:
        """Cut what is there, and listen no more."""
        assert self._server is not None
        self._server.close()
        self.cut()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            behind_reader, behind = await asyncio.open_connection("127.0.0.1", self.target_port)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, behind}
        await asyncio.gather(self._pass_on(reader, behind), self._pass_on(behind_reader, writer))
        self._writers -= {writer, behind}

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while chunk := await reader.read(CHUNK_BYTES):
                if self.delay_s:
                    await asyncio.sleep(self.delay_s)
                writer.write(chunk)
                await writer.drain()
        writer.close()


@asynccontextmanager
async def running_proxy(url: str) -> AsyncIterator[Proxy]:
    """Yield a proxy to the loopback server that *url* names."""
    proxy = Proxy(int(url.rpartition(":")[2].partition("/")[0]))
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.stop()
