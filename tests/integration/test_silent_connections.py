"""Connections whose other end vanished without a word: nothing comes any more, and nobody is told."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

import pytest

from danqing_server.clock import Clock
from danqing_server.errors import QueueUnavailable, StoreUnavailable
from danqing_server.queue.connection import connect
from danqing_server.queue.lanes import Queue
from danqing_server.store import client
from danqing_server.store.tasks import TaskStore
from tests.support.proxy import running_proxy
from tests.support.system import MakeSettings, until


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


class TestMongoDB:
    @pytest.mark.parametrize("driver", ["motor", "pymongo"])
    async def test_is_there_soon_after_a_long_cut(
        self, mongo_url: str, make_settings: MakeSettings, driver: str
    ) -> None:
        """Though a connection that was begun in the cut, to see whether it is over, never hears anything."""
        with running_proxy(mongo_url) as proxy:
            behind = f"mongodb://127.0.0.1:{proxy.port}/?directConnection=true"
            settings = make_settings(mongo_url=behind, DANQING_MONGO_DRIVER=driver)
            async with client.connect(settings) as database:
                store = TaskStore(database)
                await store.ping()
                proxy.go_dark()
                await until(lambda: not database.client.nodes, timeout_s=40, what="the cut being seen")
                before = proxy.taken_in_the_dark

                async def answers() -> bool:
                    with suppress(StoreUnavailable):
                        await store.ping()
                        return True
                    return False

                async def tried() -> bool:
                    return await answers() or proxy.taken_in_the_dark > before

                await until(tried, timeout_s=40, what="a try in the dark")
                proxy.light_up()
                over_s = time.monotonic()
                await until(answers, timeout_s=40, what="MongoDB")
                assert time.monotonic() - over_s < 4
