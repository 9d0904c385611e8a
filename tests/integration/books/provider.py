"""The plugin that buys at the shop. It keeps every rule of `danqing_plugins.Run`."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import attrs

from danqing_plugins import (
    Call,
    ContentRejected,
    Job,
    ModelInfo,
    OutcomeUnknown,
    PluginError,
    Prepared,
    Price,
    Provider,
    ProviderInfo,
    RateLimited,
    Request,
    Result,
    Run,
    Source,
    Unavailable,
)
from tests.integration.books.shop import Fate, Purchase, Shop
from tests.integration.books.story import Answer, Shape
from tests.support.providers import picture

__all__ = ["PRICE_MICRO", "PROVIDER", "ShopProvider"]

PROVIDER = "shop"
PRICE_MICRO = 200_000
ROUNDS = 2
BETWEEN_ROUNDS_S = 0.05
LINKS: Mapping[Answer, tuple[int, ...]] = {
    Answer.LINK: (),
    Answer.LATE_LINK: (404,),
    Answer.BROKEN_LINK: (500, 500),
}
LOST = (Answer.CUT_BILLED, Answer.CUT_UNBILLED, Answer.BUG)


@attrs.define(eq=False)
class ShopProvider(Provider):
    """Asks for what is missing, and once more in the same attempt for what is missing then."""

    shop: Shop

    @property
    def info(self) -> ProviderInfo:
        return ProviderInfo(
            name=PROVIDER, title="Shop", models=(ModelInfo(id="one", title="One"),), default_model="one"
        )

    def prepare(self, request: Request) -> Prepared:
        order = self.shop.plans[request.input["prompt"]]
        one_call = order.n <= 1 or order.shape in (Shape.GROUP, Shape.ORDER)
        return Prepared(
            model="one",
            input=dict(request.input),
            outputs=order.n,
            single_call=order.single and one_call,
            price=Price(amount_micro=PRICE_MICRO, currency="CNY"),
        )

    async def generate(self, job: Job, run: Run) -> Result | None:
        order = self.shop.account(job.task_id, job.input["prompt"]).order
        if order.n == 0:
            await self._buy(job, run, ())
            return Result(output={"answer": 42})
        trouble: PluginError | None = None
        for again in range(ROUNDS):
            if not run.missing or isinstance(trouble, ContentRejected):
                break
            if again:
                await asyncio.sleep(BETWEEN_ROUNDS_S)
            trouble = await self._round(job, run, order.shape) or trouble
        if trouble is not None and run.missing:
            raise trouble
        return None

    async def cancel_order(self, job: Job, run: Run) -> bool:
        order = self._open_order(run)
        if order is None or not self.shop.accounts[job.task_id].order.single:
            return False
        order.drop()
        return True

    async def _round(self, job: Job, run: Run, shape: Shape) -> PluginError | None:
        """Ask once for all that is missing; return the first trouble."""
        order = self._open_order(run)
        if order is not None:
            return await self._resume(run, order)
        if shape in (Shape.GROUP, Shape.ORDER):
            return await self._try(job, run, run.missing)
        if shape is Shape.ABREAST:
            found = await _all_of([self._try(job, run, (index,)) for index in run.missing])
        else:
            found = [await self._try(job, run, (index,)) for index in run.missing]
        return next((error for error in found if error is not None), None)

    async def _try(self, job: Job, run: Run, indexes: Sequence[int]) -> PluginError | None:
        try:
            await self._buy(job, run, indexes)
        except ContentRejected as error:
            if job.outputs == len(indexes):
                return error
            for index in indexes:
                await run.reject(index, error)
        except PluginError as error:
            return error
        return None

    async def _buy(self, job: Job, run: Run, indexes: Sequence[int]) -> None:
        with ExitStack() as stack:
            stack.enter_context(self.shop.entering(job.task_id))
            async with run.call(indexes, "fingerprint") as call:
                purchase = self.shop.sell(job.task_id, indexes, job.attempt)
                stack.close()
                try:
                    if indexes and self.shop.accounts[job.task_id].order.shape is Shape.ORDER:
                        await run.checkpoint({"order": purchase.number})
                        purchase.settle(Fate.ORDERED)
                    await self._answer(run, call, purchase)
                finally:
                    purchase.leave()

    def _open_order(self, run: Run) -> Purchase | None:
        """Return the order that was saved, if the service has more to say of it."""
        number = run.saved.get("order")
        order = None if number is None else self.shop.purchase(number)
        return order if order is not None and order.waiting else None

    async def _resume(self, run: Run, order: Purchase) -> PluginError | None:
        """Go on with an order whose call has ended; return why it came to nothing."""
        ordered = order.waiting
        try:
            await self._answer(run, None, order)
        except (Unavailable, RateLimited, ContentRejected) as error:
            await run.settle(ordered, error)
            return error
        return None

    async def _answer(self, run: Run, call: Call | None, purchase: Purchase) -> None:
        """Do what the plan says of *purchase*; *call* is None for an order of an earlier attempt."""
        await self.shop.serve(purchase)
        answer = self._raised(purchase)
        made = purchase.waiting
        if answer in (Answer.FIRST_ONLY, Answer.RELEASED):
            made = made[:1]
        for index in made:
            await self._deliver(run, purchase, index, answer)
        if answer is Answer.RELEASED:
            if call is not None:
                call.release(purchase.waiting)
            for index in purchase.waiting if call is None else ():
                await run.reject(index, ContentRejected("not made"))
            purchase.settle(Fate.UNPAID)

    def _raised(self, purchase: Purchase) -> Answer:
        """Return the answer, or raise it when it is trouble. A lost answer to an order is asked for again."""
        answer, is_order = purchase.says.answer, Fate.ORDERED in purchase.fates.values()
        if answer in (Answer.UNBILLED, Answer.LIMITED) or (answer is Answer.CUT_UNBILLED and purchase.cuts):
            purchase.settle(Fate.UNPAID)
            raise (
                Unavailable("failed") if answer is not Answer.LIMITED else RateLimited("slower", retry_after_s=0.01)
            )
        if answer is Answer.REFUSED:
            purchase.settle(Fate.REFUSED)
            raise ContentRejected("refused")
        if answer in LOST and not purchase.cuts:
            purchase.cuts += is_order
            raise RuntimeError("a bug") if answer is Answer.BUG else OutcomeUnknown("cut")
        return answer

    async def _deliver(self, run: Run, purchase: Purchase, index: int, answer: Answer) -> None:
        """Hand one picture over; only what `deliver` has returned for is safe."""
        if not self.shop.accounts[purchase.task_id].order.n:
            purchase.fates[index] = Fate.SAFE
            return
        width = purchase.widths[index] = 8 + purchase.number
        body, fate = picture(width), Fate.LINKED
        if answer is Answer.DEAD_LINK:
            source = Source.from_url(self.shop.links.make(None))
        elif answer in LINKS:
            source = Source.from_url(self.shop.links.make(body, *LINKS[answer]))
        elif answer is Answer.NO_PICTURE:
            source, fate = Source.from_bytes(b"<html>no picture</html>"), Fate.SPOILT
        else:
            source, fate = Source.from_bytes(body), Fate.SAFE
        if source.url is not None:
            purchase.links[index] = source.url
        try:
            await run.deliver(index, source)
        except Exception as error:
            self.shop.note_dropped(purchase, index, error)
            raise
        purchase.fates[index] = fate


async def _all_of(steps: Sequence[Coroutine[Any, Any, PluginError | None]]) -> list[PluginError | None]:
    """Return what *steps* return, side by side; a bug in one is raised when all have ended."""
    found = await asyncio.gather(*steps, return_exceptions=True)
    for one in found:
        if isinstance(one, BaseException) and not isinstance(one, PluginError):
            raise one
    return [one for one in found if not isinstance(one, BaseException) or isinstance(one, PluginError)]
