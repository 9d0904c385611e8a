"""Thumbnails of what is stored: found, or made by the first who asks."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import attrs

from danqing_plugins import Message
from danqing_server.assets.inspection import shrink_body
from danqing_server.assets.keys import check_key, media_type_of, output_of, poster_key, thumbnail_key
from danqing_server.assets.storage import Assets, Stat
from danqing_server.assets.thumbnails import Shrunk
from danqing_server.assets.turns import Turns
from danqing_server.errors import NotFound, Overloaded, PictureRejected, StoreUnavailable
from danqing_server.loops.shared import outcome_of

__all__ = ["NoteColour", "Thumbnails"]

NoteColour = Callable[[str, int, str, str], Awaitable[None]]
"""Writes down a colour: of which task's which output, by its key. Raises StoreUnavailable."""

MOST_WAITING = 1024
RETRY_AFTER_S = 2
THREADS = max(1, (os.cpu_count() or 1) // 2)

TOO_MANY = Message(
    key="too_many_thumbnails",
    en="too many thumbnails are being made; try again in a moment",
    zh="正在生成的缩略图过多，请稍后重试",
)


def _threads() -> ThreadPoolExecutor:
    # Its own: no picture that was paid for waits for a gallery.
    return ThreadPoolExecutor(THREADS, thread_name_prefix="thumbnail")


@attrs.define(eq=False)
class Thumbnails:
    """Makes each once, as many at a time as half of the cores; who asks for one that is being made waits for it.

    Callers take turns, and one may have half of all that wait.

    With the first one of a picture its mean colour is known, and told to `note_colour`.
    """

    assets: Assets
    note_colour: NoteColour
    _pool: ThreadPoolExecutor = attrs.field(factory=_threads, init=False)
    _turns: Turns = attrs.field(factory=lambda: Turns(THREADS), init=False)
    _making: dict[str, asyncio.Task[Stat]] = attrs.field(factory=dict, init=False)

    async def find(self, key: str, width: int, caller: str = "") -> Stat:
        """Return what the storage says of the thumbnail of *key*; of a video it is its poster's.

        *caller* is in whose turn it is made.

        Raises:
            NotFound: nothing is stored there, or nothing of which there are thumbnails.
            Overloaded: too many are being made.
        """
        thumbnail, source = thumbnail_key(key, width), _pictured(key)
        try:
            return await self.assets.describe(thumbnail)
        except NotFound:
            return await outcome_of(self._begin(key, thumbnail, source, width, caller))

    async def close(self) -> None:
        """Wait for what is being made."""
        await asyncio.gather(*self._making.values(), return_exceptions=True)
        await asyncio.to_thread(self._pool.shutdown)

    def _begin(self, key: str, thumbnail: str, source: str, width: int, caller: str) -> asyncio.Task[Stat]:
        making = self._making.get(thumbnail)
        if making is None:
            if len(self._making) >= MOST_WAITING or self._turns.waiting(caller) >= MOST_WAITING // 2:
                raise Overloaded(TOO_MANY(), retry_after_s=RETRY_AFTER_S, server_wide=True)
            making = self._making[thumbnail] = asyncio.create_task(
                self._make(key, thumbnail, source, width, caller)
            )
            making.add_done_callback(lambda done: self._forget(thumbnail, done))
        return making

    def _forget(self, thumbnail: str, done: asyncio.Task[Stat]) -> None:
        del self._making[thumbnail]
        if not done.cancelled():
            done.exception()  # whoever asked may have left

    async def _make(self, key: str, thumbnail: str, source: str, width: int, caller: str) -> Stat:
        async with self._turns.turn(caller):
            made = await self._shrink(thumbnail, source, width)
        await self.assets.keep_beside(thumbnail, made.body)
        try:
            await self.assets.describe(source)
        except NotFound:  # deleted meanwhile, and its folder with it: nothing may come back
            await self.assets.delete(thumbnail)
            raise
        await self._note(key, made.colour)
        return await self.assets.describe(thumbnail)

    async def _note(self, key: str, colour: str) -> None:
        output = output_of(key)
        if output is not None:
            with suppress(StoreUnavailable):  # the next thumbnail of it brings it again
                await self.note_colour(*output, key, colour)

    async def _shrink(self, thumbnail: str, source: str, width: int) -> Shrunk:
        most = self.assets.arrivals.max_pixels
        try:
            body = await self.assets.read(source)
            return await asyncio.get_running_loop().run_in_executor(
                self._pool, lambda: shrink_body(body, width, max_pixels=most)
            )
        except PictureRejected as error:  # there is no decoder for it here, or it is larger than the limits are now
            raise NotFound("asset", thumbnail) from error


def _pictured(key: str) -> str:
    """Return the key of the picture that stands for what is at *key*. Raises NotFound."""
    kind = media_type_of(check_key(key)).partition("/")[0]
    if kind not in ("image", "video"):
        raise NotFound("asset", key)
    return poster_key(key, "jpeg") if kind == "video" else key
