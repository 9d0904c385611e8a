"""Services that take an order, hand out an id and are asked until it is done: never ordered twice, whatever dies.

A provider writes how an order is placed, how it is asked for, and what the answer means:

    class AcmeOrders(AsyncOrders):
        async def submit(self, job, run, call, indexes):
            answer = await SERVICE.post(run.session, "/jobs", body_of(job), call=call, prompt=job.input["prompt"])
            return {"id": answer.document["id"]}

        async def poll(self, job, run, order):
            answer = await SERVICE.get(run.session, f"/jobs/{order['id']}")
            match answer.document["status"]:
                case "done":
                    return Made(outputs=[Source.from_url(answer.document["url"])])
                case "failed":
                    return Failed(ContentRejected(…))
            return Working(fraction=answer.document.get("progress"))

    async def generate(self, job, run):
        return await AcmeOrders().carry_out(job, run)

Each order is one `run.call`, and what `submit` returns is saved inside its block: after a crash it is asked for,
and not placed again.
"""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs

from danqing_plugins.errors import (
    AccountProblem,
    ContentRejected,
    InvalidRequest,
    OutcomeUnknown,
    PluginError,
    RateLimited,
    Unavailable,
)
from danqing_plugins.kit import texts
from danqing_plugins.kit.fingerprint import fingerprint_of
from danqing_plugins.kit.polling import Failed, Found, Made, Pace, Working, of_the_question, poll_until_settled
from danqing_plugins.models import FoundOrder, Job, LostCall, NeverPlaced, Result
from danqing_plugins.outcomes import Billed
from danqing_plugins.run import Call, Run

__all__ = [
    "AsyncOrders",
    "Failed",
    "Found",
    "Made",
    "Order",
    "Pace",
    "Working",
    "heaviest",
    "is_just_placed",
    "of_the_question",
]

NOT_YET_KNOWN_S: Final = 30.0
"""How long an order that a service just took may be unknown to the question for it."""

PREFIX: Final = "order"
_FINAL: Final = (InvalidRequest, ContentRejected)
_WEIGHT: Final = (AccountProblem, RateLimited, Unavailable, OutcomeUnknown, ContentRejected, InvalidRequest)
"""Which error of several tells best what should follow: those that leave an output to another try come first."""

_FREE_LAST: Final = (Billed.YES, Billed.UNKNOWN, Billed.NO)


def is_just_placed(order: Mapping[str, Any]) -> bool:
    """Tell whether its service may not know *order* yet, by its `placed_s`: when it was taken, as `time.time()`.

    One that does not say it is taken for an old one.
    """
    placed_s: float = order.get("placed_s", 0.0)
    return time.time() - placed_s < NOT_YET_KNOWN_S


def heaviest(errors: Sequence[PluginError]) -> PluginError:
    """Return the one of *errors* (not empty) that says best what should follow."""

    def weight(error: PluginError) -> tuple[int, int]:
        kind = next((number for number, kind in enumerate(_WEIGHT) if isinstance(error, kind)), len(_WEIGHT))
        return kind, _FREE_LAST.index(error.billed)

    return min(errors, key=weight)


def _dearest(errors: Sequence[PluginError]) -> PluginError:
    """Return the one of *errors* that says best what they cost: one that was charged, if any was."""
    return min(errors, key=lambda error: _FREE_LAST.index(error.billed))


@attrs.frozen
class Order:
    """One order: the outputs it is for, what `submit` returned of it, and whether this attempt placed it."""

    indexes: tuple[int, ...]
    saved: Mapping[str, Any]
    fresh: bool = False

    @property
    def key(self) -> str:
        """Its name in `run.saved`."""
        return "_".join([PREFIX, *map(str, self.indexes)])

    def entry(self) -> dict[str, Any]:
        """Return what is saved of it."""
        return {self.key: {"indexes": list(self.indexes), "order": dict(self.saved)}}


class AsyncOrders(ABC):
    """Carries out jobs by orders. `pace` may be a class's own, or an instance's."""

    pace: Pace = Pace()

    @abstractmethod
    async def submit(self, job: Job, run: Run, call: Call, indexes: Sequence[int]) -> Mapping[str, Any]:
        """Place the order for the outputs *indexes*, inside its paid call; return what `poll` needs, as JSON
        values.

        Raises:
            PluginError: as in any paid call.
        """

    @abstractmethod
    async def poll(self, job: Job, run: Run, order: Mapping[str, Any]) -> Found:
        """Ask what became of the order that `submit` returned; see `poll_until_settled` for what may be raised."""

    async def drop(self, job: Job, run: Run, order: Mapping[str, Any]) -> bool:
        """Ask the service to drop the order; True: it did, and charges nothing."""
        return False

    async def find(self, job: Job, run: Run, lost: LostCall) -> Mapping[str, Any] | NeverPlaced | None:
        """Look for the order of a call whose answer was lost; return what `submit` would have. None: unknown."""
        return None

    def batches(self, job: Job, missing: Sequence[int]) -> Sequence[Sequence[int]]:
        """Say which outputs go into which order; by default all that are *missing* into one."""
        return [missing] if missing or not job.outputs else []

    def fingerprint(self, job: Job, indexes: Sequence[int]) -> str:
        """Return a hash of what is ordered."""
        return fingerprint_of(job, indexes)

    async def carry_out(self, job: Job, run: Run) -> Result | None:
        """Order what is missing and was not ordered before, and see every order to its end.

        Orders are placed one after the other, so that each is saved before the next is paid for, and asked for at
        once. The trouble of one does not end the others.

        Raises:
            PluginError: some outputs are still missing, and what that means.
        """
        if job.outputs and not run.missing:
            return None
        orders, troubles = await self._place(job, run)
        fractions: dict[str, float] = {}
        outcomes = await asyncio.gather(
            *(self._see_through(job, run, order, fractions) for order in orders), return_exceptions=True
        )
        for outcome in outcomes:
            if isinstance(outcome, PluginError):
                troubles.append(outcome)
            elif isinstance(outcome, BaseException):
                raise outcome
        if troubles:
            raise heaviest(troubles)
        return _together([outcome for outcome in outcomes if isinstance(outcome, Made)])

    async def find_order(self, job: Job, run: Run, lost: LostCall) -> FoundOrder | NeverPlaced | None:
        """Do what `Provider.find_order` is asked for."""
        found = await self.find(job, run, lost)
        if found is None or isinstance(found, NeverPlaced):
            return found
        return FoundOrder(saved=Order(lost.indexes, found).entry())

    async def cancel_order(self, job: Job, run: Run) -> bool:
        """Do what `Provider.cancel_order` is asked for: True when every order was dropped and costs nothing.

        What an order has brought already was paid for, and is not asked about.
        """
        wanted = set(run.missing)
        orders = [order for order in _orders_of(run) if not job.outputs or wanted.intersection(order.indexes)]
        dropped = [await self.drop(job, run, order.saved) for order in orders]
        return bool(orders) and all(dropped)

    async def _place(self, job: Job, run: Run) -> tuple[list[Order], list[PluginError]]:
        orders = _orders_of(run)
        ordered = {index for order in orders for index in order.indexes}
        waiting = [index for index in run.missing if index not in ordered]
        troubles: list[PluginError] = []
        for indexes in self.batches(job, waiting) if waiting or not (job.outputs or orders) else ():
            try:
                orders.append(await self._submit(job, run, tuple(indexes)))
            except _FINAL as error:
                await self._give_up(job, run, indexes, error, troubles)
            except PluginError as error:
                troubles.append(error)
                break
        wanted = set(run.missing)
        return [order for order in orders if not job.outputs or wanted.intersection(order.indexes)], troubles

    async def _submit(self, job: Job, run: Run, indexes: tuple[int, ...]) -> Order:
        async with run.call(indexes, self.fingerprint(job, indexes)) as call:
            order = Order(indexes, await self.submit(job, run, call, indexes), fresh=True)
            await run.checkpoint({**run.saved, **order.entry()})
        return order

    async def _see_through(self, job: Job, run: Run, order: Order, fractions: dict[str, float]) -> Made | None:
        async def tell(fraction: float) -> None:
            fractions[order.key] = min(1.0, max(0.0, fraction)) * (len(order.indexes) or 1)
            done = len(run.delivered) + sum(fractions.values())
            await run.progress(min(1.0, done / (job.outputs or 1)))

        found = await poll_until_settled(
            lambda: self.poll(job, run, order.saved), self.pace, at_once=not order.fresh, tell=tell
        )
        fractions.pop(order.key, None)
        if isinstance(found, Made):
            if found.cost_micro is not None or found.usage:
                await run.charge(order.indexes, found.cost_micro, found.usage or None)
            errors = await self._take(job, run, order, found)
            if not errors:
                return found
        else:
            errors = [found.error]
        await run.settle(order.indexes, _dearest(errors))
        await run.checkpoint({name: value for name, value in run.saved.items() if name != order.key})
        troubles: list[PluginError] = []
        await self._give_up(job, run, order.indexes, heaviest(errors), troubles)
        if troubles:
            raise troubles[0]
        return None

    async def _take(self, job: Job, run: Run, order: Order, made: Made) -> Sequence[PluginError]:
        """Deliver what was made; return why nothing was, empty when something was."""
        errors = [output for output in made.outputs if isinstance(output, PluginError)]
        if order.indexes and len(errors) == len(made.outputs):
            return errors or [OutcomeUnknown(texts.NOTHING_MADE(), code="done_without_output")]
        for index, output in zip(order.indexes, made.outputs, strict=False):
            if isinstance(output, PluginError):
                await run.reject(index, output)
            else:
                await run.deliver(index, output)
        rest = order.indexes[len(made.outputs) :]
        if rest:
            await run.omit(rest)
        return ()

    async def _give_up(
        self, job: Job, run: Run, indexes: Sequence[int], error: PluginError, troubles: list[PluginError]
    ) -> None:
        """Reject outputs that failed for good while others may come; else leave the error to be raised."""
        if isinstance(error, _FINAL) and len(indexes) < job.outputs:
            for index in indexes:
                await run.reject(index, error)
        else:
            troubles.append(error)


def _orders_of(run: Run) -> list[Order]:
    return [
        Order(tuple(entry["indexes"]), entry["order"])
        for name, entry in run.saved.items()
        if name == PREFIX or name.startswith(f"{PREFIX}_")
    ]


def _together(made: Sequence[Made]) -> Result | None:
    """Return the data of all orders; what they count stands with their calls, where a later attempt finds it."""
    output: dict[str, Any] = {}
    for each in made:
        output |= each.output
    return Result(output=output) if output else None
