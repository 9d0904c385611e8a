"""Group commit, without a database."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from danqing_server.batching import Batcher


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

        batcher = Batcher(flush, largest=64, gather_s=3600)
        async with asyncio.timeout(10):
            assert len(await asyncio.gather(*(batcher.submit(number) for number in range(128)))) == 128

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
