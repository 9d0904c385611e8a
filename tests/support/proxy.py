"""A TCP proxy in the middle of a connection, with hands to cut it, to slow it and to let it fall silent."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import attrs

__all__ = ["Proxy", "running_proxy"]

CHUNK_BYTES = 65536


@attrs.define(eq=False)
class Proxy:
    """Passes every connection to its own port on to `target_port`, each chunk *delay_s* late.

    It has a thread and a loop of its own: what it serves may block the test's.
    """

    target_port: int
    delay_s: float = 0.0
    port: int = attrs.field(default=0, init=False)
    cuts: int = attrs.field(default=0, init=False)
    _loop: asyncio.AbstractEventLoop = attrs.field(init=False)
    _stopping: asyncio.Event = attrs.field(init=False)
    _thread: threading.Thread = attrs.field(init=False)
    _serving: set[asyncio.Task[None]] = attrs.field(factory=set, init=False)
    _writers: set[asyncio.StreamWriter] = attrs.field(factory=set, init=False)
    _silent: set[asyncio.StreamWriter] = attrs.field(factory=set, init=False)
    _dark: bool = attrs.field(default=False, init=False)
    taken_in_the_dark: int = attrs.field(default=0, init=False)

    def start(self) -> None:
        """Listen."""
        listening = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run(listening)), name="proxy")
        self._thread.start()
        listening.wait()

    def cut(self) -> None:
        """Reset every connection, in the middle of whatever it carries."""
        asyncio.run_coroutine_threadsafe(self._cut(), self._loop).result()

    def fall_silent(self) -> None:
        """Let nothing pass any more on the connections that are there, and tell nobody: new ones are whole."""
        self._loop.call_soon_threadsafe(lambda: self._silent.update(self._writers))

    def go_dark(self) -> None:
        """Let nothing pass on what is there, nor, ever, on what is opened before `light_up`."""
        self._dark = True
        self.fall_silent()

    def light_up(self) -> None:
        """Let new connections be whole again."""
        self._dark = False

    def stop(self) -> None:
        """Cut what is there, and listen no more."""
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()

    async def _run(self, listening: threading.Event) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        listening.set()
        await self._stopping.wait()
        server.close()
        await self._cut()
        await asyncio.gather(*self._serving, return_exceptions=True)

    async def _cut(self) -> None:
        writers, self._writers = self._writers, set()
        for writer in writers:
            writer.transport.abort()
        self.cuts += len(writers)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            behind_reader, behind = await asyncio.open_connection("127.0.0.1", self.target_port)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, behind}
        if self._dark:
            self._silent |= {writer, behind}
            self.taken_in_the_dark += 1
        await asyncio.gather(self._pass_on(reader, behind), self._pass_on(behind_reader, writer))
        self._writers -= {writer, behind}
        self._silent -= {writer, behind}

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while chunk := await reader.read(CHUNK_BYTES):
                if self.delay_s:
                    await asyncio.sleep(self.delay_s)
                if writer in self._silent:
                    continue
                writer.write(chunk)
                await writer.drain()
        writer.close()


@contextmanager
def running_proxy(url: str) -> Iterator[Proxy]:
    """Yield a proxy to the loopback server that *url* names."""
    proxy = Proxy(int(url.rpartition(":")[2].partition("/")[0]))
    proxy.start()
    try:
        yield proxy
    finally:
        proxy.stop()
