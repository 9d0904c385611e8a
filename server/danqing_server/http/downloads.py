"""The bound on pictures that one process sends at once, and on what it holds of them.

A client that reads slowly, or stops, costs what is in hand for it: a window read from the storage, a chunk in the
transport, and what the kernel has not sent yet. Each is small, and their sum is bounded by the number of places.
"""

from __future__ import annotations

import asyncio
from asyncio import Semaphore
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import attrs
from sanic.response import BaseHTTPResponse

from danqing_plugins import Message
from danqing_server.errors import DanqingError, Overloaded
from danqing_server.http.pace import Pace
from danqing_server.http.requests import ApiRequest
from danqing_server.log import get_logger

__all__ = ["UNSENT_BYTES", "Downloads", "begun"]

UNSENT_BYTES = 128 * 1024
"""What the kernel holds of a connection beyond what is on its way; by itself it would take 4 MB."""

PIECE_BYTES = 64 * 1024
WAIT_S = 20.0
RETRY_AFTER_S = 5
MOST_WAITING = 4_096
WINDOWS_BYTES = 16 * 1024 * 1024
LARGEST_WINDOW_BYTES = 1024 * 1024
SMALLEST_WINDOW_BYTES = 64 * 1024
STEP_BYTES, STEP_S = 240 * 1024, 30.0  # who reads less than 8 KiB/s is let go
UNTIL_LOST_S = 5.0

TOO_MANY_DOWNLOADS = Message(
    key="too_many_downloads",
    en="too many files are being sent; try again in a moment",
    zh="正在发送的文件过多，请稍后重试",
)

log = get_logger(__name__)


@attrs.define(eq=False)
class _Caller:
    """One caller's places; `present` counts the downloads that have one or wait for one."""

    places: Semaphore
    present: int = 0


@attrs.define(eq=False)
class Downloads:
    """Places for downloads: `most` in all, and half of them for one caller, so that no one takes them all.

    Who finds none waits for `wait_s`; a client has `step_s` for each 240 KiB.
    """

    most: int
    wait_s: float = WAIT_S
    step_s: float = STEP_S
    sending: int = attrs.field(default=0, init=False)
    _present: int = attrs.field(default=0, init=False)
    _places: Semaphore = attrs.field(init=False)
    _callers: dict[str, _Caller] = attrs.field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        self._places = Semaphore(self.most)

    @property
    def waiting(self) -> int:
        """How many wait for a place."""
        return self._present - self.sending

    @asynccontextmanager
    async def place(self, caller: str) -> AsyncIterator[None]:
        """Hold a place, waiting for one when all are taken.

        Raises:
            Overloaded: none became free in time, or too many wait already.
        """
        if self.waiting >= MOST_WAITING:
            raise _overloaded()
        own = self._callers.setdefault(caller, _Caller(Semaphore(max(1, self.most // 2))))
        own.present += 1
        self._present += 1
        try:
            await self._take(own)
            try:
                yield
            finally:
                self._give_back(own)
        finally:
            self._present -= 1
            own.present -= 1
            if not own.present:
                del self._callers[caller]

    def window_bytes(self) -> int:
        """Return how much of a picture to read at a time: the less, the more of them are being sent."""
        share = WINDOWS_BYTES // max(1, self.sending)
        return max(SMALLEST_WINDOW_BYTES, min(LARGEST_WINDOW_BYTES, share))

    async def send(
        self, request: ApiRequest, response: BaseHTTPResponse, chunks: AsyncGenerator[bytes, None]
    ) -> None:
        """Send *chunks* as the body, each when the one before has left; a client that does not read is cut off.

        In pieces, so that of a large one, as the list at a ZIP's end, each step counts that its client has read.
        """
        protocol: Any = request.protocol
        transport = protocol.transport
        low, high = transport.get_write_buffer_limits()
        transport.set_write_buffer_limits(high=0)
        try:
            async with Pace(STEP_BYTES, self.step_s) as pace, aclosing(chunks):
                async for chunk in chunks:
                    for at in range(0, len(chunk), PIECE_BYTES):
                        piece = chunk[at : at + PIECE_BYTES]
                        await response.send(piece)
                        await protocol.drained()
                        pace.note(len(piece))
        except (TimeoutError, DanqingError) as error:
            log.warning("download_cut", reason=type(error).__name__)  # the text may hold the picture's key
            transport.abort()
            await asyncio.sleep(UNTIL_LOST_S)  # the lost connection cancels this task
            raise
        transport.set_write_buffer_limits(high=high, low=low)

    async def _take(self, own: _Caller) -> None:
        try:
            async with asyncio.timeout(self.wait_s):
                await own.places.acquire()
                try:
                    await self._places.acquire()
                except BaseException:
                    own.places.release()
                    raise
        except TimeoutError as error:
            raise _overloaded() from error
        self.sending += 1

    def _give_back(self, own: _Caller) -> None:
        self.sending -= 1
        self._places.release()
        own.places.release()


@asynccontextmanager
async def begun(chunks: AsyncGenerator[bytes, None], count: int = 1) -> AsyncIterator[AsyncGenerator[bytes, None]]:
    """Yield *chunks* once the first *count* are here: what cannot be had is told before an answer has a head."""
    first: list[bytes] = []
    async with aclosing(chunks):
        async for chunk in chunks:
            first.append(chunk)
            if len(first) == count:
                break
        async with aclosing(_all(first, chunks)) as body:
            yield body


async def _all(first: list[bytes], rest: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    while first:
        yield first.pop(0)
    async for chunk in rest:
        yield chunk


def _overloaded() -> Overloaded:
    return Overloaded(TOO_MANY_DOWNLOADS(), retry_after_s=RETRY_AFTER_S, server_wide=True)
