"""The named steps of a task's way, for whoever wants to be there: a test that kills, a trace, a histogram.

A step is named where it is done, by a decorator that gives the method back as it is: when nobody listens it costs
nothing at all. Who listens says so before the modules that do the steps are imported: then each is wrapped.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, ParamSpec, Protocol, TypeVar

__all__ = ["STEPS", "Listener", "begins", "ends", "listen", "step"]

P = ParamSpec("P")
T = TypeVar("T")
Step = Callable[P, Coroutine[Any, Any, T]]

STEPS: Mapping[str, str] = {
    "submit.claim_key": "An Idempotency-Key is taken, or what it is used for already is found.",
    "submit.insert": "New tasks of one moment are stored, on a majority's disks.",
    "submit.push": "Stored tasks are queued, and those that cannot be are voided, before their clients are told.",
    "submit.push_and_reserve": "New tasks are queued in a lane that waits, and some come back reserved.",
    "work.reserve": "A lane gets tasks reserved.",
    "work.start": "Reserved tasks become `processing` under a new attempt.",
    "work.save": "What an attempt found out is made durable.",
    "work.send": "A paid call is made: it is written down before, and what came of it is noted after.",
    "work.deliver": "A picture that a provider made is taken over: its link is saved before it is fetched.",
    "work.keep": "A picture is fetched, checked and stored.",
    "work.conclude": "An attempt ends: its calls are settled, what follows is decided and written.",
    "work.apply": "A change of a task is written, with others of the moment.",
    "work.acknowledge": "A task that has ended leaves the queue.",
    "work.release": "A task that goes back to waiting is queued again.",
    "work.reroute": "A task leaves the lane of one target of its route for that of another.",
    "deliver.keep": "What happened is kept as deliveries to webhooks, before its mark is taken away.",
    "deliver.claim": "Deliveries that are due are claimed by a process.",
    "deliver.post": "A delivery is posted to its receiver.",
    "deliver.record": "What came of a try at a delivery is written down.",
    "submit.hold": "What a limited project's tasks may cost is set aside.",
    "books.count": "What is committed of a limit is counted anew.",
    "books.add": "What tasks cost that have ended is added to the ledger.",
    "batch.stage": "Lines of a batch are kept, before any of them is valid.",
    "batch.commit": "A batch becomes valid, and all of its lines with it.",
    "batch.make": "Lines of a batch become tasks, stored and queued.",
    "batch.mark": "A batch notes how many of its lines are tasks.",
    "lane.record": "What a person did with a lane is written down, before any queue is told.",
    "erase.note": "That a task is to be deleted is written down, before anything of it goes.",
    "erase.document": "A task that is deleted leaves its collection.",
    "erase.pictures": "All files of a deleted task are removed.",
    "erase.key": "The Idempotency-Key of a deleted task says no more than that.",
    "erase.deliveries": "What was delivered to webhooks of a deleted task is removed.",
    "erase.books": "The ledger names no more whose deleted task it was.",
    "heal.held_by": "The tasks of a dead worker are looked for.",
    "heal.take_over": "One task of a dead worker is put back, or ended.",
    "heal.give_back": "What a worker had reserved is queued again.",
    "heal.remove_worker": "A worker that ended, or whose tasks were taken over, is forgotten.",
    "heal.push_many": "The sweep queues what the queue may have lost.",
    "heal.mark_known": "The queue is marked as one that was compared with MongoDB.",
    "move.copy": "A picture is copied to the storage where it is to be.",
    "move.remove": "A picture that was copied, and compared, leaves the old storage.",
    "backup.documents": "The documents of one collection are written into a backup under way.",
    "backup.pictures": "The pictures that the documents of one collection name are brought into a backup.",
    "backup.publish": "A backup gets its name: from now on it is one.",
    "restore.clear": "What a restore takes the place of is removed, after that was written down.",
    "restore.pictures": "The pictures of a backup are put back into the storage.",
    "restore.insert": "Documents of a backup are put back into MongoDB.",
    "restore.hold": "What was open in a backup is ended, or let go on where that costs nothing.",
    "restore.finish": "A restored database is called whole.",
    "upgrade.page": "A migration changes some documents, and writes down how far it is.",
}
"""Every step, and what is done in it."""


class Listener(Protocol):
    """Who is told of each step, by the coroutine that does it: it must neither wait nor raise.

    *doer* is the object that does the step, the same one before and after.
    """

    def before(self, step: str, doer: object) -> object:
        """Hear that *step* begins; what this returns is given to `after`."""

    def after(self, step: str, doer: object, begun: Any, error: BaseException | None) -> None:
        """Hear that *step* is over. *error* is what it raises, None when it succeeded; *begun* is from `before`."""


_listeners: list[Listener] = []
_named: set[str] = set()
_begun_blocks: dict[tuple[int, int], object] = {}
"""What listeners gave for blocks under way, by the ids of both: a block that was entered is always left."""


def listen(listener: Listener) -> None:
    """Have *listener* told of every step of this process.

    Raises:
        RuntimeError: a module with steps is imported already; it would hear nothing of those.
    """
    if _named:
        raise RuntimeError(f"too late to listen to {sorted(_named)}")
    _listeners.append(listener)


def step(name: str) -> Callable[[Step[P, T]], Step[P, T]]:
    """Mark a method as what does the step of that name, which is to be in `STEPS`."""

    def heard(listener: Listener, method: Step[P, T]) -> Step[P, T]:
        @functools.wraps(method)
        async def told(*arguments: P.args, **named: P.kwargs) -> T:
            begun = listener.before(name, arguments[0])
            try:
                answer = await method(*arguments, **named)
            except BaseException as error:
                listener.after(name, arguments[0], begun, error)
                raise
            listener.after(name, arguments[0], begun, None)
            return answer

        return told

    return _marker(name, heard)


def begins(name: str) -> Callable[[Step[P, T]], Step[P, T]]:
    """Mark the `__aenter__` of a block that is the step of that name."""

    def heard(listener: Listener, method: Step[P, T]) -> Step[P, T]:
        @functools.wraps(method)
        async def told(*arguments: P.args, **named: P.kwargs) -> T:
            entered = await method(*arguments, **named)
            block = arguments[0]
            _begun_blocks[id(listener), id(block)] = listener.before(name, block)
            return entered

        return told

    return _marker(name, heard)


def ends(name: str) -> Callable[[Step[P, T]], Step[P, T]]:
    """Mark the `__aexit__` of a block that is the step of that name."""

    def heard(listener: Listener, method: Step[P, T]) -> Step[P, T]:
        @functools.wraps(method)
        async def told(*arguments: P.args, **named: P.kwargs) -> T:
            block, _, error, _ = arguments
            begun = _begun_blocks.pop((id(listener), id(block)))
            listener.after(name, block, begun, error if isinstance(error, BaseException) else None)
            return await method(*arguments, **named)

        return told

    return _marker(name, heard)


def _marker(name: str, heard: Callable[[Listener, Step[P, T]], Step[P, T]]) -> Callable[[Step[P, T]], Step[P, T]]:
    """Return what marks a method as the step *name*: it is *heard* by each listener, and without any it stays."""
    if name not in STEPS:
        raise ValueError(f"no step is called {name!r}; there are {sorted(STEPS)}")

    def mark(method: Step[P, T]) -> Step[P, T]:
        _named.add(name)
        for listener in _listeners:
            method = heard(listener, method)
        return method

    return mark
