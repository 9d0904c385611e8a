"""Looks at lanes that nobody waits for any more."""

from __future__ import annotations

import asyncio
import gc
from typing import Any, cast

import pytest

from danqing_server.clock import Clock
from danqing_server.desk.forecast import Forecast
from danqing_server.errors import QueueUnavailable
from danqing_server.queue.entries import LaneDepth
from danqing_server.queue.gates import Gates
from danqing_server.queue.lanes import Queue


class _AwayLater:
    """A queue that is asked, and turns out to be away when `told` is set."""

    def __init__(self) -> None:
        self.asked, self.told = asyncio.Event(), asyncio.Event()

    async def depth(self, _lane: str) -> LaneDepth:
        self.asked.set()
        await self.told.wait()
        raise QueueUnavailable("Redis is away")


class TestForecast:
    async def test_a_look_that_fails_after_its_client_hung_up_is_no_error_of_the_server(self) -> None:
        """A failover cuts looks whose clients gave up: nothing is logged as an error of ours."""
        reported: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: reported.append(context))
        queue = _AwayLater()
        forecast = Forecast(queue=cast(Queue, queue), gates=cast(Gates, None), clock=Clock(), providers=())
        client = asyncio.create_task(forecast.lane("volcengine"))
        await queue.asked.wait()
        client.cancel()
        with pytest.raises(asyncio.CancelledError):
            await client
        queue.told.set()
        look = forecast._seen.pop("volcengine")[1]
        await asyncio.wait([look])
        del look, client
        gc.collect()
        assert reported == []
