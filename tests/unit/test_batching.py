"""Group commit, without a database."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

import pytest

from danqing_server.loops.batching import Batcher
from tests.support.system import until


class TestBatcher:
    async def test_concurrent_items_share_batches(self) -> None:
        """While a batch is under way the next one gathers."""
        sizes: list[int] = []

        async def flush(items: Sequence[int]) -> list[int]:
            sizes.append(len(items))
            await asyncio.sleep(0)
            return [item * 2 for item in items]

        batcher = Batcher(flush)
        answers = await asyncio.gather(*(batcher.submit(number) for number in range(1000)))
        assert answers == [number * 2 for number in range(1000)]
        assert len(sizes) < 10
        assert max(sizes) == 256

    async def test_an_item_submitted_as_a_runner_ends_is_answered(self) -> None:
        """An item submitted in the very moment a runner ends is not forgotten."""

        async def flush(items: Sequence[int]) -> list[int]:
            return list(items)

        batcher = Batcher(flush)
        async with asyncio.timeout(10):
            for number in range(3):  # each wakes up before the runner's end has been noticed
                assert await batcher.submit(number) == number

    async def test_a_runner_that_was_cancelled_before_it_began_is_followed_by_another(self) -> None:
        """As all of a process that is torn down are: a drain went on for ever, and so did who came next."""

        async def flush(items: Sequence[int]) -> list[int]:
            return list(items)

        batcher = Batcher(flush)
        before = asyncio.all_tasks()
        first = batcher.submit(1)
        for runner in asyncio.all_tasks() - before:
            runner.cancel()
        async with asyncio.timeout(10):
            await batcher.drain()
            assert await batcher.submit(2) == 2
            assert await first == 1

    async def test_who_comes_alone_never_waits(self) -> None:
        """The pause between batches is for crowds."""

        async def flush(items: Sequence[int]) -> list[int]:
            return list(items)

        batcher = Batcher(flush, gather_s=3600)
        async with asyncio.timeout(10):
            for number in range(3):
                assert await batcher.submit(number) == number

    async def test_after_a_batch_of_several_more_gather(self) -> None:
        """What comes one by one after a crowd shares its next batch."""
        sizes: list[int] = []

        async def flush(items: Sequence[int]) -> list[int]:
            sizes.append(len(items))
            return list(items)

        batcher = Batcher(flush, gather_s=0.01)
        await asyncio.gather(batcher.submit(1), batcher.submit(2))
        late = [batcher.submit(3)]
        await asyncio.sleep(0)
        late.append(batcher.submit(4))
        assert await asyncio.gather(*late) == [3, 4]
        assert sizes == [2, 2]

    async def test_enough_do_not_wait(self) -> None:
        """A full batch goes at once."""

        async def flush(items: Sequence[int]) -> list[int]:
            await asyncio.sleep(0)
            return list(items)

        batcher = Batcher(flush, largest=128, gather_s=3600)
        async with asyncio.timeout(10):
            assert len(await asyncio.gather(*(batcher.submit(number) for number in range(256)))) == 256

    async def test_one_items_error_is_its_own(self) -> None:
        """An exception in the answers reaches only its caller."""

        async def flush(items: Sequence[int]) -> list[int | Exception]:
            return [ValueError("odd") if item % 2 else item for item in items]

        batcher = Batcher(flush)
        odd, even = await asyncio.gather(batcher.submit(1), batcher.submit(2), return_exceptions=True)
        assert isinstance(odd, ValueError)
        assert even == 2

    async def test_a_failed_flush_reaches_every_caller_and_the_next_works(self) -> None:
        """A batch that raises does not stop the batcher."""
        failing = True

        async def flush(items: Sequence[int]) -> list[int]:
            if failing:
                raise ConnectionError
            return list(items)

        batcher = Batcher(flush)
        errors = await asyncio.gather(*(batcher.submit(number) for number in range(3)), return_exceptions=True)
        assert [type(error) for error in errors] == [ConnectionError] * 3
        failing = False
        assert await batcher.submit(7) == 7

    async def test_a_cancelled_caller_leaves_the_others_alone(self) -> None:
        """The batch goes on without the one who left."""
        release = asyncio.Event()

        async def flush(items: Sequence[int]) -> list[int]:
            await release.wait()
            return list(items)

        batcher = Batcher(flush)
        leaving = asyncio.ensure_future(batcher.submit(1))
        staying = asyncio.ensure_future(batcher.submit(2))
        await asyncio.sleep(0)
        leaving.cancel()
        release.set()
        assert await staying == 2
        with pytest.raises(asyncio.CancelledError):
            await leaving
        await batcher.drain()


class TestSecondStep:
    async def test_the_next_batch_is_flushed_beside_it(self) -> None:
        """What a flush returns to be done later holds nobody up but its own callers."""
        flushed: list[int] = []
        release = asyncio.Event()

        async def later(items: Sequence[int]) -> list[int]:
            await release.wait()
            return list(items)

        async def flush(items: Sequence[int]) -> Coroutine[Any, Any, list[int]]:
            flushed.extend(items)
            return later(items)

        batcher = Batcher(flush)
        first = batcher.submit(1)
        await until(lambda: flushed == [1])
        second = batcher.submit(2)
        await until(lambda: flushed == [1, 2])
        assert not first.done()
        release.set()
        assert [await first, await second] == [1, 2]

    async def test_steps_are_taken_in_order_one_at_a_time(self) -> None:
        """A slow step makes later ones wait, and the batches behind them gather."""
        sizes: list[int] = []
        under_way = 0

        async def later(items: Sequence[int]) -> list[int]:
            nonlocal under_way
            under_way += 1
            assert under_way == 1
            for _ in range(10):
                await asyncio.sleep(0)
            under_way -= 1
            return list(items)

        async def flush(items: Sequence[int]) -> Coroutine[Any, Any, list[int]]:
            sizes.append(len(items))
            return later(items)

        batcher = Batcher(flush)
        ended: list[int] = []

        async def submit(number: int) -> None:
            ended.append(await batcher.submit(number))

        waiting = []
        for number in range(30):
            waiting.append(asyncio.create_task(submit(number)))
            await asyncio.sleep(0)
        await asyncio.gather(*waiting)
        assert ended == list(range(30))
        assert len(sizes) < 15

    async def test_its_failure_reaches_its_own_callers(self) -> None:
        """The batches before and after are answered as ever."""

        async def later(items: Sequence[int]) -> list[int]:
            if 2 in items:
                raise ConnectionError
            return list(items)

        async def flush(items: Sequence[int]) -> Coroutine[Any, Any, list[int]]:
            return later(items)

        batcher = Batcher(flush, largest=1)
        answers = await asyncio.gather(*(batcher.submit(number) for number in (1, 2, 3)), return_exceptions=True)
        assert answers[0] == 1
        assert isinstance(answers[1], ConnectionError)
        assert answers[2] == 3

    async def test_a_drain_waits_for_it(self) -> None:
        """Drained means answered."""

        async def later(items: Sequence[int]) -> list[int]:
            await asyncio.sleep(0)
            return list(items)

        async def flush(items: Sequence[int]) -> Coroutine[Any, Any, list[int]]:
            return later(items)

        batcher = Batcher(flush)
        answer = batcher.submit(1)
        await batcher.drain()
        assert answer.result() == 1
