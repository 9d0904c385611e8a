"""What a server tells while it works: progress and previews, by its socket. Nothing depends on it."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

import aiohttp
import attrs
import orjson

from danqing_plugins import Run, Source
from danqing_providers.comfyui.server import Server

__all__ = ["Following", "follow"]

_LARGEST_MESSAGE_BYTES: Final = 8 * 1024 * 1024
_PREVIEW, _PREVIEW_WITH_METADATA = 1, 4
_REOPENED_AFTER_S: Final = 2.0
_ENDS: Final = ("execution_success", "execution_error", "execution_interrupted")


@attrs.define(eq=False)
class Following:
    """Hears of one job. `news` is set whenever something ended: time to ask how the job stands."""

    run: Run
    prompt_id: str
    nodes: int
    news: asyncio.Event = attrs.field(factory=asyncio.Event)
    _done: set[str] = attrs.field(factory=set)
    _running: str = ""
    _ours: bool = True

    async def hear(self, message: aiohttp.WSMessage) -> None:
        """Take one message of the socket."""
        if message.type is aiohttp.WSMsgType.BINARY:
            await self._show(message.data)
        elif message.type is aiohttp.WSMsgType.TEXT:
            with suppress(orjson.JSONDecodeError, AttributeError, TypeError):
                told = orjson.loads(message.data)
                await self._note(told.get("type"), told.get("data") or {})

    async def _note(self, kind: str, data: dict[str, Any]) -> None:
        if data.get("prompt_id", self.prompt_id) != self.prompt_id:
            self._ours = False
            return
        self._ours = True
        if kind == "execution_cached":
            self._done.update(map(str, data.get("nodes", ())))
        elif kind == "executing":
            self._done.add(self._running)
            self._running = str(data.get("node") or "")
            if not self._running:
                self.news.set()
        elif kind == "progress":
            await self._tell(data.get("value", 0) / max(1, data.get("max", 1)))
        elif kind in _ENDS:
            self.news.set()

    async def _tell(self, of_node: float) -> None:
        done = len(self._done - {""}) + min(1.0, max(0.0, of_node))
        await self.run.progress(min(0.99, done / max(1, self.nodes)))

    async def _show(self, body: bytes) -> None:
        """Show a preview, a picture behind a head of two numbers (or of a number and JSON)."""
        if len(body) < 8 or not self._ours or not self.run.missing:
            return
        event, number = struct.unpack_from(">II", body)
        if event in (_PREVIEW, _PREVIEW_WITH_METADATA):
            start = 8 if event == _PREVIEW else 8 + number
            await self.run.preview(self.run.missing[0], Source.from_bytes(body[start:]))


@asynccontextmanager
async def follow(server: Server, client_id: str, following: Following) -> AsyncIterator[None]:
    """Listen beside the block; a socket that cannot be opened, or breaks, is no harm, and is opened anew."""
    listening = asyncio.create_task(_listen(server, client_id, following))
    try:
        yield
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


async def _listen(server: Server, client_id: str, following: Following) -> None:
    while True:
        with suppress(aiohttp.ClientError, OSError):
            async with following.run.session.ws_connect(
                server.socket(client_id), max_msg_size=_LARGEST_MESSAGE_BYTES, heartbeat=30.0
            ) as socket:
                async for message in socket:
                    await following.hear(message)
        await asyncio.sleep(_REOPENED_AFTER_S)
