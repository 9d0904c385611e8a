"""What parts of the server subscribe with: batches, outages, what cannot be heard, room, and the end."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import attrs

from danqing_plugins import TaskEvent, TaskEventKind
from danqing_server.errors import StoreUnavailable
from danqing_server.life.subscribers import Gathering
from danqing_server.store.untold import Notice


def notice(number: int, owner: str | None = None) -> Notice:
    """Return one of many."""
    event = TaskEvent(
        kind=TaskEventKind.COMPLETED, task_id=f"t{number}", provider="p", model="m", user_id="u", id=f"t{number}/x"
    )
    return Notice(event, owner)


@attrs.define(eq=False)
class Scribe:
    """Writes down what it hears; raises what it is told to, for the notices it is told to."""

    batches: list[list[str]] = attrs.field(factory=list)
    away: bool = False
    chokes_on: str | None = None

    async def hear(self, notices: Sequence[Notice]) -> None:
        ids = [each.event.task_id for each in notices]
        if self.away:
            raise StoreUnavailable("away")
        if self.chokes_on in ids:
            raise KeyError(self.chokes_on)
        self.batches.append(ids)

    @property
    def heard(self) -> list[str]:
        """Return all that it heard."""
        return [task_id for batch in self.batches for task_id in batch]


async def told(subscriber: Gathering, count: int) -> dict[str, bool]:
    """Tell *count* notices and return what was said of each when all were said of."""
    said: dict[str, bool] = {}
    every = asyncio.Event()

    def done_with(task_id: str, heard: bool) -> None:
        said[task_id] = heard
        if len(said) == count:
            every.set()

    for number in range(count):
        each = notice(number)
        subscriber.tell(each, lambda heard, task_id=each.event.task_id: done_with(task_id, heard))
    async with asyncio.timeout(10):
        await every.wait()
    return said


class TestGathering:
    async def test_the_notices_of_one_moment_are_heard_together(self) -> None:
        """One batch, and each is said to be heard."""
        scribe = Scribe()
        said = await told(Gathering(name="s", hear=scribe.hear, gather_s=0.01), 3)
        assert scribe.batches == [["t0", "t1", "t2"]]
        assert said == {"t0": True, "t1": True, "t2": True}

    async def test_an_outage_leaves_them_to_be_told_again(self) -> None:
        """None counts as heard."""
        scribe = Scribe(away=True)
        said = await told(Gathering(name="s", hear=scribe.hear, gather_s=0.01), 2)
        assert said == {"t0": False, "t1": False}

    async def test_one_that_cannot_be_heard_stops_no_other(self) -> None:
        """It is reported and counts as heard: what cannot succeed is not repeated for ever."""
        scribe = Scribe(chokes_on="t1")
        said = await told(Gathering(name="s", hear=scribe.hear, gather_s=0.01), 3)
        assert scribe.heard == ["t0", "t2"]
        assert said == {"t0": True, "t1": True, "t2": True}

    async def test_one_without_room_is_not_heard(self) -> None:
        """Its mark stays: it is told again."""
        scribe = Scribe()
        said = await told(Gathering(name="s", hear=scribe.hear, gather_s=0.01, most_waiting=2), 3)
        assert (scribe.heard, said["t2"]) == (["t0", "t1"], False)

    async def test_at_the_end_what_waits_is_heard_at_once(self) -> None:
        """However long it would have gathered."""
        scribe = Scribe()
        subscriber = Gathering(name="s", hear=scribe.hear, gather_s=3600)
        subscriber.tell(notice(0), lambda heard: None)
        async with asyncio.timeout(10):
            await subscriber.stop()
        assert scribe.heard == ["t0"]

    def test_it_wants_its_kinds_of_whom_it_is_for(self) -> None:
        """Both must hold."""
        subscriber = Gathering(
            name="s",
            hear=Scribe().hear,
            kinds=frozenset({TaskEventKind.COMPLETED}),
            wanted=lambda each: each.owner == "a",
        )
        assert subscriber.wants(notice(0, "a"))
        assert not subscriber.wants(notice(0, "b"))
        assert not subscriber.wants_kind(TaskEventKind.STARTED)
