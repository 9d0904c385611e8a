"""The joining rule: whether a request that waits for its pictures is new, or the repeat of one whose client left.

Client libraries send a request again when its connection breaks, some with a mark that says so, some without. The
task goes on meanwhile, so the repeat has to find it: a second task would be bought a second time. But one who asks
twice wants two. So a request joins an earlier one of the same key, path and body

- whose client is known to have left without its answer (the connection ended, its process died, or nothing was
  heard of it in time): known here, which is before it is written down, or by what is written; of one that was just
  redirected that is waited for, since some follow no redirect and ask again a second later (n8n), or
- that still seems to wait, when the request itself says that it is a repeat;

never one that was answered, and each at most once: who joins takes its place. A repeat of one that was refused
before it had a task is new, if no client is known to have left.
Sources: openai-python 3.57.0, openai-node 7.59.0, ai 7.0.173, volcengine-python-sdk 5.0.54, tried on loopback
2026-11-28.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256
from typing import Any, TypeVar

import attrs

from danqing_server.clock import Clock
from danqing_server.desk.request import Repeat
from danqing_server.errors import StoreUnavailable
from danqing_server.ids import new_token
from danqing_server.log import get_logger
from danqing_server.loops.shared import CarriedThrough, outcome_of
from danqing_server.store.processes import has_died, identity_of
from danqing_server.store.visits import KNOWN_FOR, Asked, VisitRecord, VisitState, VisitStore

__all__ = ["Visit", "Visits"]

REPEATED_WITHIN = timedelta(seconds=15)
"""From a refusal until its repeat; libraries pause 8 s at the most where no longer pause was asked for."""

KEY_KEPT_S = 86_400.0
"""How long a visit's task is found by its key: longer than a visit can be joined, however short keys are kept."""

WRITING = timedelta(seconds=60)
RACES = 10
NOTE_TRIES = 120
NOTE_PAUSE_S = 0.5
DISMISSED_WITHIN_S = 5.0

T = TypeVar("T")
SomeVisit = TypeVar("SomeVisit", bound="Visit | None")
Write = Callable[[], Awaitable[None]]

log = get_logger(__name__)


@attrs.frozen(kw_only=True)
class Visit:
    """One request as it waits. `digest` says what it asks and for whom; `joined`: it took another's place.

    `until`: its client counts as gone then, unless it is known to wait on.
    """

    digest: str
    id: str
    key: str
    until: datetime
    joined: bool = False

    @property
    def repeat(self) -> Repeat:
        """How its submission is recognised: by a key of its own, whoever comes back for it."""
        return Repeat(key=self.key, fingerprint=self.digest, kept_at_least_s=KEY_KEPT_S)


@attrs.define(eq=False)
class Visits:
    """Knows who waits, over processes and restarts. Made once per process.

    `told_within_s`: how long one is held that asks what a client of another process waits for, which may be gone.
    `renewed_s`: for how long a client that waits longer than was foreseen is said to wait, again and again.
    `away_for_s`: from a redirect until the client that follows it is back, or gone.
    """

    store: VisitStore
    clock: Clock
    told_within_s: float = 0.25
    renewed_s: float = 60.0
    away_for_s: float = 10.0
    _holder: str | None = attrs.field(factory=lambda: identity_of(os.getpid()))
    _under_way: CarriedThrough = attrs.field(factory=CarriedThrough, init=False)
    _gone: set[str] = attrs.field(factory=set, init=False)
    """Visits whose client left, which is being written down."""
    _deserted: dict[str, set[asyncio.Task[Any]]] = attrs.field(factory=dict, init=False)
    """By what is asked: visits whose client left while they were being written down."""

    async def enter(self, digest: str, *, marked: bool, within_s: float) -> Visit:
        """Begin to wait for at most *within_s* seconds, in the place of one that left or anew.

        *marked*: the client says that it repeats a request. Raises StoreUnavailable.
        """
        return await self._noting_its_loss(self._enter(digest, marked, within_s), digest)

    async def _enter(self, digest: str, marked: bool, within_s: float) -> Visit:
        others_told = False
        for _ in range(RACES):
            asked = await self.store.find(digest)
            if await self._deserted_are_in(digest):
                continue
            seen = await self._find_left(digest, asked, marked=marked)
            if seen is None:
                if others_told or not await self._hear_of_others(digest, asked):
                    break
                others_told = True
                continue
            visit = self._record(seen.key, within_s)
            if await self.store.take_over(digest, seen, visit):
                log.info("visit_joined", was=seen.state.value, marked=marked)
                return Visit(digest=digest, id=visit.id, key=visit.key, until=visit.until, joined=True)
        return await self._enter_anew(digest, within_s)

    async def renew(self, visit: Visit, *, within_s: float) -> Visit:
        """Begin anew in the place of *visit*, whose task was deleted. Raises StoreUnavailable."""
        await self.end(visit)
        return await self._enter_anew(visit.digest, within_s)

    async def come_back(self, visit_id: str, *, within_s: float) -> Visit | None:
        """Go on with a visit after a redirect; None when it ended, or another took it over.

        Raises StoreUnavailable, having noted that the client left.
        """
        return await self._noting_its_loss(self._come_back(visit_id, within_s), visit_id)

    async def _come_back(self, visit_id: str, within_s: float) -> Visit | None:
        try:
            found = await self.store.come_back(visit_id, self._holder, self._until(within_s))
        except StoreUnavailable:  # its client is told so, and asks anew
            await self.dismiss(visit_id)
            raise
        if found is None:
            return None
        digest, record = found
        return Visit(digest=digest, id=record.id, key=record.key, until=record.until)

    async def _noting_its_loss(self, steps: Coroutine[Any, Any, SomeVisit], about: str) -> SomeVisit:
        """Carry *steps* through; when the client leaves meanwhile, whoever it stood for has left again."""
        running = self._under_way.begin(steps)
        try:
            return await outcome_of(running)
        except asyncio.CancelledError:
            running.add_done_callback(self._lose_entered)
            deserted = self._deserted.setdefault(about, set())
            deserted.add(running)
            running.add_done_callback(partial(self._is_in, about))
            raise

    def _is_in(self, about: str, entered: asyncio.Task[Any]) -> None:
        self._deserted[about].discard(entered)
        if not self._deserted[about]:
            del self._deserted[about]

    async def _deserted_are_in(self, digest: str) -> bool:
        """Wait until the visits of *digest* that were deserted are written down; False when there are none.

        One that was deserted itself waits for none: it is among them, and two would wait for each other.
        """
        deserted = self._deserted.get(digest)
        if not deserted or asyncio.current_task() in deserted:
            return False
        await asyncio.wait(set(deserted))
        return True

    def _lose_entered(self, entered: asyncio.Task[Any]) -> None:
        if not entered.cancelled() and entered.exception() is None and entered.result() is not None:
            self.lose(entered.result().id)

    @contextmanager
    def waiting_on(self, visit: Visit) -> Iterator[None]:
        """Have the client of *visit* known to wait while the block lasts: a stream, or a slow line, may be long."""
        timers: list[asyncio.TimerHandle] = []

        def renew_in(pause_s: float) -> None:
            timers[:] = [asyncio.get_running_loop().call_later(pause_s, renew)]

        def renew() -> None:
            self._under_way.begin(self._renew(visit.id))
            renew_in(self.renewed_s / 2)

        left_s = (visit.until - self.clock.now()).total_seconds()
        renew_in(max(0.0, left_s - self.renewed_s / 2))
        try:
            yield
        finally:
            timers[0].cancel()

    async def _renew(self, visit_id: str) -> None:
        with suppress(StoreUnavailable):  # the next one tries it again
            await self.store.stay(visit_id, self.clock.now() + timedelta(seconds=self.renewed_s))

    async def send_away(self, visit: Visit) -> None:
        """Note that the client is about to be redirected, and comes back at once. Raises StoreUnavailable."""
        until = self.clock.now() + timedelta(seconds=self.away_for_s)
        await self.store.note(visit.id, VisitState.AWAY, until)

    def lose(self, visit_id: str) -> asyncio.Task[None]:
        """Note that the client of a visit left without its answer. Returns at once; `drain` waits."""
        now = self.clock.now()
        self._gone.add(visit_id)
        noting = self._begin(lambda: self.store.note(visit_id, VisitState.LOST, now))
        noting.add_done_callback(lambda _: self._gone.discard(visit_id))
        return noting

    async def dismiss(self, visit_id: str) -> None:
        """Note that the client of a visit is about to be made to ask again, which then must find that note.

        After a few seconds without MongoDB it is told all the same, and the note follows.
        """
        await asyncio.wait({self.lose(visit_id)}, timeout=DISMISSED_WITHIN_S)

    async def end(self, visit: Visit) -> None:
        """Note that the answer was written, all of it."""
        await outcome_of(self._begin(lambda: self.store.end(visit.digest, visit.id)))

    async def refuse(self, visit: Visit, retry_after_s: float | None) -> None:
        """Note that a request got no task; *retry_after_s* None: its client will not repeat it by itself."""
        until = None if retry_after_s is None else self._repeated_until(retry_after_s)
        await outcome_of(self._begin(lambda: self.store.end(visit.digest, visit.id, until)))

    async def refuse_unheard(self, digest: str, retry_after_s: float) -> None:
        """Note that a request was refused before it was a visit. Where that takes longer, it follows."""
        until = self._repeated_until(retry_after_s)
        noting = self._begin(lambda: self.store.note_refusal(digest, until))
        await asyncio.wait({noting}, timeout=DISMISSED_WITHIN_S)

    def _repeated_until(self, retry_after_s: float) -> datetime:
        return self.clock.now() + REPEATED_WITHIN + timedelta(seconds=retry_after_s)

    async def drain(self) -> None:
        """Wait until all is noted."""
        await self._under_way.drain()

    async def _enter_anew(self, digest: str, within_s: float) -> Visit:
        visit = self._record(sha256(f"visit {new_token()}".encode()).hexdigest(), within_s)
        await self.store.enter(digest, visit)
        return Visit(digest=digest, id=visit.id, key=visit.key, until=visit.until)

    async def _find_left(self, digest: str, asked: Asked, *, marked: bool) -> VisitRecord | None:
        """Return whose place the request takes, None when it is new."""
        now = self.clock.now()
        known = [visit for visit in asked.visits if visit.until > now - KNOWN_FOR]
        left = next((visit for visit in known if visit.id in self._gone or _has_left(visit, now)), None)
        if left is not None or not marked or await self._was_refused(digest, asked, now):
            return left
        return next(iter(known), None)

    async def _hear_of_others(self, digest: str, asked: Asked) -> bool:
        """Wait until more is known of who waits elsewhere, or was redirected; False when nobody does."""
        away = _redirected(asked)
        if not away and not self._waits_elsewhere(asked):
            return False
        last = max((until for _, until in away), default=self.clock.now())
        await asyncio.sleep(self.told_within_s)
        while away and self.clock.now() < last:
            away &= _redirected(await self.store.find(digest))
            await asyncio.sleep(self.told_within_s if away else 0.0)
        return True

    def _waits_elsewhere(self, asked: Asked) -> bool:
        return any(visit.state is VisitState.OPEN and visit.holder != self._holder for visit in asked.visits)

    async def _was_refused(self, digest: str, asked: Asked, now: datetime) -> bool:
        for until in asked.refused:
            if until > now and await self.store.take_refusal(digest, until):
                return True
        return False

    def _record(self, key: str, within_s: float) -> VisitRecord:
        return VisitRecord(
            id=new_token(),
            key=key,
            state=VisitState.OPEN,
            holder=self._holder,
            at=self.clock.now(),
            until=self._until(within_s),
        )

    def _until(self, within_s: float) -> datetime:
        return self.clock.now() + timedelta(seconds=within_s) + WRITING

    def _begin(self, write: Write) -> asyncio.Task[None]:
        return self._under_way.begin(_insist(write))


def _has_left(visit: VisitRecord, now: datetime) -> bool:
    """Tell whether nobody waits any more; one that was redirected may find nobody to go back to, and ask anew."""
    return visit.state is VisitState.LOST or visit.until <= now or has_died(visit.holder)


def _redirected(asked: Asked) -> set[tuple[str, datetime]]:
    """Return which visits are between two hops, and until when: another hop is another such pair."""
    return {(visit.id, visit.until) for visit in asked.visits if visit.state is VisitState.AWAY}


async def _insist(write: Write) -> None:
    """Write it down, once MongoDB is back if need be: what stands there decides on money."""
    for _ in range(NOTE_TRIES):
        try:
            await write()
        except StoreUnavailable:
            await asyncio.sleep(NOTE_PAUSE_S)
        else:
            return
    log.error("visit_not_noted")
