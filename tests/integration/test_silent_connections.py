"""Connections whose other end vanished without a word: nothing comes any more, and nobody is told."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from danqing_server.clock import Clock
from danqing_server.errors import QueueUnavailable
from danqing_server.queue.connection import connect
from danqing_server.queue.lanes import Queue
from tests.support.proxy import running_proxy
from tests.support.system import until


class TestAnnouncements:
    async def test_who_listens_in_vain_listens_anew(self, redis_url: str, redis_prefix: str) -> None:
        """What is announced is heard again, by a new connection, though the old one was never closed."""
        heard: list[object] = []

        async def listen(queue: Queue) -> None:
            while True:  # as the process does
                with suppress(QueueUnavailable):
                    async for each in queue.announcements():
                        heard.append(each)

        with running_proxy(redis_url) as proxy:
            behind = f"redis://127.0.0.1:{proxy.port}/0"
            async with (
                connect(behind, redis_prefix, Clock()) as far,
                connect(redis_url, redis_prefix, Clock()) as near,
            ):
                listening = asyncio.create_task(listen(Queue(far)))
                await until(lambda: heard, what="the subscription")
                proxy.fall_silent()

                async def is_heard() -> bool:
                    await Queue(near).announce("a task")
                    return "a task" in heard

                await until(is_heard, timeout_s=40, what="the announcement")
                listening.cancel()
