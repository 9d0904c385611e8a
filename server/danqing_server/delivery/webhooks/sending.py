"""The sender of a process: claims what is due, posts it, writes down what came of it.

A claim is good for `CLAIM_S`: what a process that died had claimed is due again then, for any other. New
deliveries are kept as claimed by the process that makes them, which sends them at once.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta

import aiohttp
import attrs

from danqing_server.clock import Clock
from danqing_server.delivery.webhooks.directory import Directory
from danqing_server.delivery.webhooks.hosts import Hosts
from danqing_server.delivery.webhooks.keeper import FAILING, GONE, Keeper
from danqing_server.delivery.webhooks.posting import TIMEOUT_S, Answer, post
from danqing_server.delivery.webhooks.schedule import SCHEDULE_S, due_in
from danqing_server.delivery.webhooks.signing import signature_of
from danqing_server.delivery.webhooks.targets import Targets
from danqing_server.errors import ServiceUnavailable
from danqing_server.ids import new_token
from danqing_server.log import get_logger
from danqing_server.loops.steps import step
from danqing_server.records.deliveries import Delivery, DeliveryState, Try
from danqing_server.store.deliveries import DeliveryStore, Outcome
from danqing_server.store.endpoints import Endpoint

__all__ = ["Sender", "Sessions"]

AT_ONCE = 200
CLAIM_S = 60.0
LOOK_EVERY_S = 2.0
STOP_S = 5.0
LEFT_FOR = timedelta(seconds=60)

TURNED_OFF, EXHAUSTED, REFUSED_TARGET = "endpoint_disabled", "tries_exhausted", "target_not_allowed"

log = get_logger(__name__)


@attrs.frozen
class Sessions:
    """Who posts: `public` reaches public addresses and the operator's networks, `named` also hosts named by him."""

    public: aiohttp.ClientSession
    named: aiohttp.ClientSession


def _ignore(outcome: Outcome) -> None:
    """Take no notice."""


@attrs.define(eq=False, kw_only=True)
class Sender:
    """Sends deliveries; `run` is a loop that idles while no webhook is used.

    *noted* is told what came of each try, once that is written down.
    """

    store: DeliveryStore
    directory: Directory
    targets: Targets
    sessions: Sessions
    clock: Clock
    keeper: Keeper
    timeout_s: float = TIMEOUT_S
    claim_s: float = CLAIM_S
    look_every_s: float = LOOK_EVERY_S
    schedule_s: Sequence[float] = SCHEDULE_S
    hosts: Hosts = attrs.field(init=False)
    noted: Callable[[Outcome], None] = _ignore
    _under_way: dict[asyncio.Task[None], Delivery] = attrs.field(factory=dict, init=False)
    _wake: asyncio.Event = attrs.field(factory=asyncio.Event, init=False)
    _behind: bool = attrs.field(default=False, init=False)
    _closing: bool = attrs.field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self.hosts = Hosts(self.clock.monotonic_s)

    async def run(self) -> None:
        """Send what is due, until cancelled."""
        while True:
            await self.directory.in_use.wait()
            await self._send_due()
            with suppress(TimeoutError):
                async with asyncio.timeout(self.look_every_s):
                    await self._wake.wait()
            self._wake.clear()

    async def take_in(self, made: Sequence[Delivery]) -> None:
        """Keep new deliveries, and send those that there is room for. Raises StoreUnavailable.

        Those that are there already are left as they are.
        """
        claim, until = new_token(), self.clock.now() + timedelta(seconds=self.claim_s)
        ours = {each.id: attrs.evolve(each, claim=claim, due_at=until) for each in made if self._enter(each)}
        try:
            new = await self.store.insert([ours.get(each.id, each) for each in made])
        except BaseException:
            for each in ours.values():
                self.hosts.leave(each.way)
            raise
        for each in ours.values():
            if each.id in new:
                self._begin(each)
            else:
                self.hosts.leave(each.way)
        if len(ours) < len(made):
            self._behind = True

    def stop_sending(self) -> None:
        """Begin nothing more: what comes is kept for other processes."""
        self._closing = True

    def wake(self) -> None:
        """Look for what is due right now."""
        self._wake.set()

    async def stop(self) -> None:
        """Begin nothing more, wait a moment for what is under way, and give the rest back."""
        self.stop_sending()
        if self._under_way:
            _, late = await asyncio.wait(self._under_way, timeout=STOP_S)
            left = [self._under_way[task] for task in late]
            for task in late:
                task.cancel()
            if left:
                await asyncio.wait(late)
                with suppress(ServiceUnavailable):
                    await self.store.give_back(left, self.clock.now())
        await self.store.drain()

    async def _send_due(self) -> None:
        room = AT_ONCE - len(self._under_way)
        if room <= 0 or self._closing:
            return
        self._behind = False
        now = self.clock.now()
        until = now + timedelta(seconds=self.claim_s)
        chosen = self.hosts.choose(await self.store.due(now, self.hosts.full()), room)
        if not chosen:
            return
        claimed = await self.store.claim(new_token(), chosen, now, until)
        for each in claimed:
            self.hosts.enter(each.way)
            self._begin(each)
        self._behind = self._behind or bool(claimed)

    def _enter(self, delivery: Delivery) -> bool:
        if self._closing or len(self._under_way) >= AT_ONCE or self.hosts.room(delivery.way) <= 0:
            return False
        self.hosts.enter(delivery.way)
        return True

    def _begin(self, delivery: Delivery) -> None:
        """Send what was entered."""
        task = asyncio.create_task(self._send(delivery))
        self._under_way[task] = delivery
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        delivery = self._under_way.pop(task)
        self.hosts.leave(delivery.way)
        if self._behind:
            self._wake.set()

    async def _send(self, delivery: Delivery) -> None:
        try:
            outcome = await self._try(delivery)
            await self.store.record(outcome)
            self.noted(outcome)
        except ServiceUnavailable as error:
            log.warning("webhook_sent_again", delivery=delivery.id, reason=str(error))  # once its claim is over
        except Exception:  # the process's edge: its claim ends, and it is tried again
            log.exception("webhook_died", delivery=delivery.id)

    async def _try(self, delivery: Delivery) -> Outcome:
        endpoint = self.directory.find(delivery.endpoint_id)
        if endpoint is None:  # made by another process just now, maybe
            await self.directory.refresh()
            endpoint = self.directory.find(delivery.endpoint_id)
        if endpoint is None and await self.directory.store.is_there(delivery.endpoint_id):
            return self._left(delivery)
        if endpoint is None or not endpoint.enabled:
            return self._failed(delivery, None, TURNED_OFF)
        url = delivery.url or endpoint.url or ""
        try:
            host = self.targets.check(url).hostname or ""
        except ValueError:
            return self._failed(delivery, None, REFUSED_TARGET)
        at = self.clock.now()
        answer = await self._post(delivery, endpoint, url, self.targets.names(host))
        private = self.targets.may_be_private(host)
        attempt = Try(
            at=at,
            ms=answer.ms,
            status=answer.status,
            error=answer.error,
            answer=None if private else answer.beginning,  # of one's own network nothing is shown to clients
        )
        return await self._outcome(delivery, endpoint, attempt, answer)

    @step("deliver.post")
    async def _post(self, delivery: Delivery, endpoint: Endpoint, url: str, named: bool) -> Answer:
        now = self.clock.now()
        body, timestamp_s = delivery.body.encode(), int(now.timestamp())
        headers = {
            "webhook-id": delivery.id,
            "webhook-timestamp": str(timestamp_s),
            "webhook-signature": signature_of(endpoint.secrets(now), delivery.id, timestamp_s, body),
        }
        session = self.sessions.named if named else self.sessions.public
        return await post(session, url, body, headers, self.clock, self.timeout_s)

    async def _outcome(self, delivery: Delivery, endpoint: Endpoint, attempt: Try, answer: Answer) -> Outcome:
        if answer.status is not None and 200 <= answer.status < 300:
            self.hosts.note_good(delivery.way)
            await self.keeper.note_success(endpoint)
            return self._ended_as(delivery, attempt, DeliveryState.DELIVERED)
        self.hosts.note_bad(delivery.way, answer.retry_after_s)
        if answer.status == 410:
            if endpoint.url is not None:
                await self.keeper.disable(endpoint, GONE)
            return self._failed(delivery, attempt, GONE)
        later = due_in(delivery.tries + 1, random.random(), answer.retry_after_s, self.schedule_s)
        if later is not None:
            return Outcome(
                delivery=delivery,
                attempt=attempt,
                state=DeliveryState.PENDING,
                due_at=self.clock.now() + later,
                at=self.clock.now(),
            )
        if endpoint.url is not None and _is_failing(endpoint, delivery):
            await self.keeper.disable(endpoint, FAILING)
        return self._failed(delivery, attempt, EXHAUSTED)

    def _left(self, delivery: Delivery) -> Outcome:
        """Leave a delivery to a process of a newer release, which alone can read its endpoint."""
        now = self.clock.now()
        return Outcome(delivery=delivery, attempt=None, state=DeliveryState.PENDING, due_at=now + LEFT_FOR, at=now)

    def _failed(self, delivery: Delivery, attempt: Try | None, because: str) -> Outcome:
        return self._ended_as(delivery, attempt, DeliveryState.FAILED, because)

    def _ended_as(
        self, delivery: Delivery, attempt: Try | None, state: DeliveryState, because: str | None = None
    ) -> Outcome:
        return Outcome(delivery=delivery, attempt=attempt, state=state, because=because, at=self.clock.now())


def _is_failing(endpoint: Endpoint, delivery: Delivery) -> bool:
    """Tell whether nothing got through for as long as a delivery was tried for in vain."""
    return endpoint.last_success_at is None or endpoint.last_success_at < delivery.created_at
