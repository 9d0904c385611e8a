"""Who is told of a run: a receiver of webhooks, and a client of the event stream that comes back when it is cut."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import attrs
from danqing_client.models import Event
from danqing_client.streams import EventReader

from tests.chaos.whole import Whole
from tests.support.receiver import Receiver, run_receiver

__all__ = ["TARGETS", "Follower", "Listeners", "listening"]

TARGETS = "127.0.0.0/8,198.18.0.0/15"
"""Where the receiver is: on this machine, or at the switch between two."""
COMES_AGAIN_S = 1.0
SILENT_S = 40.0
"""A heartbeat comes each 15 s; after so long without one the client comes again."""


@attrs.define(kw_only=True)
class Follower:
    """A client of `GET /api/v1/events`: the last status that each task was told to have, and how often it came."""

    base_urls: Sequence[str]
    headers: Mapping[str, str]
    random: random.Random
    statuses: dict[str, str] = attrs.field(factory=dict)
    events: int = 0
    streams: int = 0
    unexpected: list[str] = attrs.field(factory=list)
    _reader: EventReader = attrs.field(factory=EventReader, init=False)

    async def follow(self) -> None:
        """Read events until cancelled; a stream that ends is opened again where it was left."""
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=SILENT_S)
        async with aiohttp.ClientSession(timeout=timeout, headers=self.headers) as session:
            while True:
                with suppress(aiohttp.ClientError, TimeoutError, OSError):
                    await self._read(session)
                await asyncio.sleep(COMES_AGAIN_S)

    async def _read(self, session: aiohttp.ClientSession) -> None:
        known = {"Last-Event-ID": self._reader.last_id} if self._reader.last_id else {}
        url = f"{self.random.choice(self.base_urls)}/api/v1/events"
        async with session.get(url, headers=known) as answer:
            if answer.status != 200:
                if answer.status not in (429, 503):
                    self.unexpected.append(f"GET /api/v1/events {answer.status}: {(await answer.text())[:300]}")
                return
            self.streams += 1
            self._reader.begin()
            async for part in answer.content.iter_any():
                for event in self._reader.feed(part):
                    self._hear(event)

    def _hear(self, event: Event) -> None:
        if event.kind == "task":
            self.statuses[event.data["id"]] = event.data["status"]
            self.events += 1


@attrs.define(kw_only=True)
class Listeners:
    """Both, and the secret that the webhooks are signed with."""

    receiver: Receiver
    follower: Follower
    secret: str


@asynccontextmanager
async def listening(whole: Whole, directory: Path, seed: int) -> AsyncIterator[Listeners]:
    """Have all tasks' webhooks received and the event stream followed while the block lasts."""
    with run_receiver(directory, host=whole.client_host) as receiver:
        secret = await _endpoint(whole, f"{receiver.url}/ok")
        chance = random.Random(f"follower {seed}")
        follower = Follower(base_urls=whole.base_urls, headers=whole.headers, random=chance)
        following = asyncio.create_task(follower.follow())
        try:
            yield Listeners(receiver=receiver, follower=follower, secret=secret)
        finally:
            following.cancel()
            await asyncio.wait({following})


async def _endpoint(whole: Whole, url: str) -> str:
    body: dict[str, Any] = {"url": url, "events": ["task.*"]}
    async with (
        aiohttp.ClientSession(headers=whole.headers) as session,
        session.post(f"{whole.base_url}/api/v1/webhooks", json=body) as answer,
    ):
        assert answer.status == 201, await answer.text()
        return str((await answer.json())["data"]["secret"])
