"""R3: a plugin that listens is told in its own time; whatever it does, nobody waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest

from danqing_plugins import TaskEvent, TaskEventKind
from danqing_server.loops.listeners import Listener
from tests.support.system import until


def event(number: int) -> TaskEvent:
    """Return the change of one task."""
    return TaskEvent(kind=TaskEventKind.CREATED, task_id=f"t{number}", provider="p", model="m", user_id="u")


def listening(hear: Callable[[TaskEvent], Awaitable[None]]) -> Callable[[TaskEvent], Sequence[Awaitable[None]]]:
    """Return *hear* as a plugin's hook."""
    return lambda told: [hear(told)]


class TestListener:
    async def test_it_hears_everything_in_order(self) -> None:
        """One at a time."""
        heard: list[str] = []

        async def hear(told: TaskEvent) -> None:
            await asyncio.sleep(0)
            heard.append(told.task_id)

        listener = Listener("p", listening(hear))
        for number in range(5):
            listener.tell(event(number))
        await listener.stop(within_s=5)
        assert heard == ["t0", "t1", "t2", "t3", "t4"]

    async def test_one_that_hangs_is_cut_and_hears_the_next(self) -> None:
        """R3: an event has its time and no more."""
        heard: list[str] = []

        async def hear(told: TaskEvent) -> None:
            if told.task_id == "t0":
                await asyncio.Event().wait()
            heard.append(told.task_id)

        listener = Listener("p", listening(hear), timeout_s=0.01)
        for number in range(3):
            listener.tell(event(number))
        await until(lambda: len(heard) == 2)
        assert heard == ["t1", "t2"]

    @pytest.mark.parametrize("error", [RuntimeError("no"), ValueError("no"), asyncio.CancelledError()])
    async def test_what_it_raises_changes_nothing(self, error: BaseException) -> None:
        """The hook itself may raise, too; and a cancellation of its own making is nobody's wish."""
        heard: list[str] = []

        def hook(told: TaskEvent) -> Sequence[Awaitable[None]]:
            heard.append(told.task_id)
            raise error

        listener = Listener("p", hook)
        for number in range(2):
            listener.tell(event(number))
        await listener.stop(within_s=5)
        assert heard == ["t0", "t1"]

    async def test_of_too_many_the_oldest_are_dropped_and_counted(self) -> None:
        """R3: what waits for a plugin is bounded."""
        heard: list[str] = []
        released = asyncio.Event()

        async def hear(told: TaskEvent) -> None:
            await released.wait()
            heard.append(told.task_id)

        listener = Listener("p", listening(hear), most_waiting=2)
        for number in range(5):
            listener.tell(event(number))
        released.set()
        await listener.stop(within_s=5)
        assert (heard, listener.dropped) == (["t3", "t4"], 3)

    async def test_who_tells_learns_what_was_heard(self) -> None:
        """R2: what a plugin refuses counts as heard, what it had no room for does not."""
        learnt: list[tuple[str, bool]] = []
        released = asyncio.Event()

        async def hear(told: TaskEvent) -> None:
            await released.wait()
            raise RuntimeError("no")

        listener = Listener("p", listening(hear), most_waiting=2)
        for number in range(4):
            listener.tell(event(number), lambda heard, number=number: learnt.append((f"t{number}", heard)))
        assert (learnt, listener.room) == ([("t0", False), ("t1", False)], 0)
        released.set()
        await listener.stop(within_s=5)
        assert (learnt[2:], listener.room) == ([("t2", True), ("t3", True)], 2)

    async def test_stopping_waits_for_nobody_who_disobeys(self) -> None:
        """R3: a plugin that swallows its cancellation is left behind."""
        heard, stubborn = asyncio.Event(), asyncio.Event()

        async def hear(told: TaskEvent) -> None:
            heard.set()
            while not stubborn.is_set():
                try:
                    await stubborn.wait()
                except asyncio.CancelledError:
                    continue

        listener = Listener("p", listening(hear))
        for number in range(3):
            listener.tell(event(number))
        await heard.wait()
        await listener.stop(within_s=0.01)
        assert listener.dropped == 2
        stubborn.set()
