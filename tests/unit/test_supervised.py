"""Loops that run as long as the process, whatever befalls them."""

from __future__ import annotations

import asyncio

import pytest

from danqing_server.loops.supervised import Supervised


@pytest.mark.parametrize("befalls", [RuntimeError("no"), asyncio.CancelledError()])
async def test_a_loop_that_dies_is_started_again(befalls: BaseException) -> None:
    """Also one that met the cancellation of what it waited for: it ended for good, and nothing was said."""
    rounds, twice = 0, asyncio.Event()

    async def loop() -> None:
        nonlocal rounds
        rounds += 1
        if rounds == 1:
            raise befalls
        twice.set()
        await asyncio.Event().wait()

    supervised = Supervised("a loop", loop, restart_after_s=0.001)
    supervised.start()
    async with asyncio.timeout(5):
        await twice.wait()
    assert (supervised.alive, supervised.deaths) == (True, 1)
    await supervised.stop()
    assert not supervised.alive
