"""What is carried through whether or not anybody waits."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from danqing_server.loops.shared import outcome_of


async def _wait_for_a_start() -> None:
    await asyncio.sleep(0)
    await asyncio.sleep(0)


class TestOutcomeOf:
    async def test_it_is_what_was_begun(self) -> None:
        """Whether that is over or not, and what it raises."""
        begun = asyncio.create_task(asyncio.sleep(0, "done"))
        assert await outcome_of(begun) == "done"
        assert await outcome_of(begun) == "done"
        failing: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(failing.set_exception, ValueError("it fails"))
        with pytest.raises(ValueError, match="it fails"):
            await outcome_of(failing)

    async def test_who_leaves_changes_nothing(self) -> None:
        """What was begun goes on, others have its outcome, and nothing is reported of whoever left."""
        loop = asyncio.get_running_loop()
        reported: list[dict[str, Any]] = []
        loop.set_exception_handler(lambda _loop, context: reported.append(context))
        begun: asyncio.Future[None] = loop.create_future()
        leaving, staying = (asyncio.create_task(outcome_of(begun)) for _ in range(2))
        await _wait_for_a_start()
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        assert not begun.done()
        begun.set_exception(ValueError("it fails"))
        with pytest.raises(ValueError, match="it fails"):
            await staying
        assert reported == []
