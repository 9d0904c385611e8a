"""Reads server-sent events as a browser does. Source: WHATWG HTML §9.2.6, read 2026-11-28."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import attrs
import orjson

__all__ = ["Event", "EventReader", "reading"]


@attrs.frozen
class Event:
    """One event: its type, its data as JSON, and the id it came with, None for none of its own."""

    event: str
    data: Any
    id: str | None


@attrs.define(eq=False)
class EventReader:
    """Reads one stream. `last_id` is where to go on from."""

    answer: aiohttp.ClientResponse
    last_id: str = ""
    comments: int = 0

    async def next(self, timeout_s: float = 20.0) -> Event | None:
        """Return the next event, None at the end of the stream."""
        fields: dict[str, str] = {}
        async with asyncio.timeout(timeout_s):
            async for raw in self.answer.content:
                line = raw.decode().rstrip("\n")
                if line.startswith(":"):
                    self.comments += 1
                elif line:
                    name, _, value = line.partition(":")
                    fields[name] = value.removeprefix(" ")
                else:
                    self.last_id = fields.get("id", self.last_id)
                    if "data" in fields:
                        return Event(fields.get("event", "message"), orjson.loads(fields["data"]), fields.get("id"))
                    fields = {}
        return None

    async def all(self) -> list[Event]:
        """Return what comes until the end of the stream."""
        found = []
        while (event := await self.next()) is not None:
            found.append(event)
        return found

    async def until(self, wanted: Callable[[Event], bool]) -> list[Event]:
        """Return what comes until one is *wanted*, with it."""
        found = []
        while (event := await self.next()) is not None:
            found.append(event)
            if wanted(event):
                return found
        raise AssertionError(f"the stream ended after {[each.event for each in found]}")


@asynccontextmanager
async def reading(
    session: aiohttp.ClientSession, url: str, last_id: str | None = None, **headers: str
) -> AsyncIterator[EventReader]:
    """Open a stream, from behind the event *last_id*."""
    if last_id is not None:
        headers["Last-Event-ID"] = last_id
    async with session.get(url, headers=headers, read_bufsize=2**20) as answer:
        yield EventReader(answer, last_id or "")
