"""Callers take turns, however many of theirs wait."""

from __future__ import annotations

import asyncio

from danqing_server.assets.turns import Turns


class TestTurns:
    async def served(self, turns: Turns, caller: str, order: list[str]) -> None:
        async with turns.turn(caller):
            order.append(caller)
            await asyncio.sleep(0)

    async def test_who_comes_late_with_one_does_not_wait_for_all_of_another(self) -> None:
        """The place goes round."""
        turns, order = Turns(1), list[str]()
        many = [asyncio.create_task(self.served(turns, "many", order)) for _ in range(9)]
        await asyncio.sleep(0)
        few = [asyncio.create_task(self.served(turns, "few", order)) for _ in range(2)]
        await asyncio.gather(*many, *few)
        assert order == ["many"] * 3 + ["few", "many", "few"] + ["many"] * 5

    async def test_no_more_at_once_than_there_are_places(self) -> None:
        """And all of them are there again afterwards, whoever left while waiting."""
        turns, here, most = Turns(2), 0, 0

        async def stay() -> None:
            nonlocal here, most
            async with turns.turn("one"):
                here, most = here + 1, max(most, here + 1)
                await asyncio.sleep(0)
                here -= 1

        staying = [asyncio.create_task(stay()) for _ in range(9)]
        await asyncio.sleep(0)
        assert turns.waiting("one") == 7
        for each in staying[3:6]:
            each.cancel()
        await asyncio.gather(*staying, return_exceptions=True)
        assert (most, turns.places, turns.waiting("one")) == (2, 2, 0)

    async def test_a_place_that_was_given_to_who_leaves_is_given_on(self) -> None:
        """In the very moment in which it was."""
        turns, order = Turns(1), list[str]()
        first = turns.turn("first")
        await first.__aenter__()
        leaving = asyncio.create_task(self.served(turns, "leaving", order))
        staying = asyncio.create_task(self.served(turns, "staying", order))
        await asyncio.sleep(0)
        await first.__aexit__(None, None, None)
        leaving.cancel()
        async with asyncio.timeout(5):
            await asyncio.gather(leaving, staying, return_exceptions=True)
        assert order == ["staying"]
        assert turns.places == 1
