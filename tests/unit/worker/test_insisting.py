"""Writes that are repeated: for as long as an outage lasts, seen by all, and never what is refused for good."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from danqing_server.clock import Clock
from danqing_server.errors import StoreUnavailable
from danqing_server.worker.insisting import Insisting


class Times:
    """A monotonic clock that a test turns."""

    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def times() -> Times:
    """What the clock says."""
    return Times()


@pytest.fixture
def insisting(times: Times) -> Insisting:
    """Nothing is being repeated yet."""
    return Insisting(Clock(monotonic_s=times))


class TestInsisting:
    """H1: what is insisted on is seen, and what cannot succeed is not insisted on."""

    async def test_a_refusal_for_good_is_raised_at_once(self, insisting: Insisting) -> None:
        """It was repeated for ever."""
        tries: list[None] = []

        async def refused() -> None:
            tries.append(None)
            raise StoreUnavailable("no", permanent=True)

        with pytest.raises(StoreUnavailable):
            await insisting.on(refused)
        assert (len(tries), insisting.longest_s) == (1, 0.0)

    async def test_a_refusal_after_an_outage_is_raised(self, insisting: Insisting) -> None:
        """The answer that comes at last counts."""
        errors: Iterator[StoreUnavailable] = iter(
            [StoreUnavailable("away"), StoreUnavailable("no", permanent=True)]
        )

        async def refused_later() -> None:
            raise next(errors)

        with pytest.raises(StoreUnavailable) as refused:
            await insisting.on(refused_later)
        assert refused.value.permanent

    async def test_an_outage_is_waited_for_and_seen(self, insisting: Insisting, times: Times) -> None:
        """`/health` asks for how long the oldest one lasts."""
        back, asked = asyncio.Event(), asyncio.Event()

        async def write() -> str:
            asked.set()
            if not back.is_set():
                raise StoreUnavailable("away")
            return "done"

        writing = asyncio.create_task(insisting.on(write))
        await asked.wait()
        await asyncio.sleep(0)
        times.now_s += 40
        assert insisting.longest_s == 40
        back.set()
        assert await writing == "done"
        assert insisting.longest_s == 0.0
