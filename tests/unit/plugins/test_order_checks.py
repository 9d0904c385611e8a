"""The conformance kit against services that take orders: what each rule finds, and what passes."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from danqing_plugins import (
    ContentRejected,
    FoundOrder,
    Job,
    LostCall,
    ModelInfo,
    NeverPlaced,
    Prepared,
    Price,
    Provider,
    ProviderInfo,
    Request,
    Run,
    Source,
    Unavailable,
)
from danqing_plugins.testing import check_provider
from tests.unit.plugins.test_conformance import MODEL

SECRET = "sk-a-key-of-the-provider"
PRICE = Price(amount_micro=100, currency="CNY")
REQUEST = Request(provider="orders", type="image", model=None, input={"prompt": "a quiet hill", "n": 2})
FAILING = attrs.evolve(REQUEST, input={"prompt": "a hill that fails", "n": 2})


@attrs.define(eq=False)
class Orders(Provider):
    """A service inside the process that knows its orders by ids of ours; the fields are what it does wrong."""

    placed: dict[str, str] = attrs.field(factory=dict)
    overwrites: bool = False
    answer: Any = "as known"
    buys_to_find: bool = False
    cancels: Any = True
    settles: bool = True
    asks_the_dead: bool = False
    tells: str = ""
    listed: Price | None = PRICE
    priced: Price | None = PRICE

    @property
    def info(self) -> ProviderInfo:
        model: ModelInfo = attrs.evolve(MODEL, finds_orders=True, price=self.listed)
        return ProviderInfo(name="orders", title="Orders", models=(model,), default_model=model.id)

    def prepare(self, request: Request) -> Prepared:
        given = dict(request.input)
        return Prepared(model=self.find_model(request).id, input=given, outputs=given["n"], price=self.priced)

    async def generate(self, job: Job, run: Run) -> None:
        orders = {name: each["id"] for name, each in run.saved.items()}
        for index in run.missing:
            if str(index) not in orders:
                orders[str(index)] = await self._order(job, run, index)
        for index in run.missing:
            await self._collect(job, run, index, orders[str(index)])

    async def _order(self, job: Job, run: Run, index: int) -> str:
        async with run.call([index], f"hash {index}") as call:
            id_ = f"{job.task_id}-{call.id}"
            self.placed[id_] = "fails" if "fails" in job.input["prompt"] else "works"
            saved = {str(index): {"id": id_}}
            await run.checkpoint(saved if self.overwrites else {**run.saved, **saved})
        return id_

    async def _collect(self, job: Job, run: Run, index: int, id_: str) -> None:
        if self.tells:
            run.log.info("order_asked_for", where=self.tells)
        if self.placed[id_] == "works":
            await run.deliver(index, Source.from_bytes(b"picture"))
            return
        error = Unavailable("the service failed")
        if self.settles:
            await run.settle([index], error)
        if not self.asks_the_dead:
            await run.checkpoint({name: each for name, each in run.saved.items() if name != str(index)})
        raise error

    async def find_order(self, job: Job, run: Run, lost: LostCall) -> FoundOrder | NeverPlaced | None:
        if self.buys_to_find:
            async with run.call(lost.indexes, "hash"):
                pass
        id_ = f"{job.task_id}-{lost.id}"
        if self.answer != "as known":
            answer: FoundOrder | NeverPlaced | None = self.answer
            return answer
        return FoundOrder(saved={str(lost.indexes[0]): {"id": id_}}) if id_ in self.placed else NeverPlaced()

    async def cancel_order(self, job: Job, run: Run) -> bool:
        dropped: bool = self.cancels
        return dropped


async def broken_rule(provider: Provider, failing: Request | None = None) -> str:
    """Return the sentence with which the kit refuses *provider*."""
    with pytest.raises(AssertionError) as refused:
        await check_provider(provider, REQUEST, failing=failing, secrets=[SECRET])
    return str(refused.value)


class TestOrders:
    async def test_one_that_keeps_every_rule_passes(self) -> None:
        """Ordered, found, dropped, failed and settled."""
        await check_provider(Orders(), REQUEST, failing=FAILING, secrets=[SECRET])

    @pytest.mark.parametrize(
        ("changes", "rule"),
        [
            ({"overwrites": True}, "ordered and paid for again"),
            ({"answer": NeverPlaced()}, "find_order says NeverPlaced of an order that the service took"),
            ({"answer": None}, "find_order says nothing of an order that the service took"),
            ({"answer": FoundOrder(saved={})}, "ordered and paid for again"),
            ({"buys_to_find": True}, "find_order made a paid run.call"),
            ({"cancels": "yes"}, "cancel_order says 'yes'"),
        ],
    )
    async def test_each_fault_is_found(self, changes: dict[str, Any], rule: str) -> None:
        """An id that is lost is bought again after a crash; one that is found wrongly, too."""
        assert rule in await broken_rule(Orders(**changes))

    async def test_an_order_found_for_a_call_that_was_never_sent_is_found(self) -> None:
        """It would deliver another's picture."""

        class Generous(Orders):
            async def find_order(self, job: Job, run: Run, lost: LostCall) -> FoundOrder:
                return FoundOrder(saved={str(lost.indexes[0]): {"id": f"{job.task_id}-{lost.id}"}})

        assert "for a call that was never sent" in await broken_rule(Generous())

    async def test_one_that_keeps_its_ids_to_itself_is_found(self) -> None:
        """A process that dies takes them along."""

        class InMemory(Orders):
            async def _collect(self, job: Job, run: Run, index: int, id_: str) -> None:
                mine = [call for call in getattr(run, "calls", ()) if index in call.indexes]
                if not mine:
                    raise KeyError("id")
                await super()._collect(job, run, index, id_)

        assert "generate failed: KeyError('id'); run.saved was to hold" in await broken_rule(InMemory())


class TestFailedOrders:
    @pytest.mark.parametrize(
        ("changes", "rule"),
        [
            ({"settles": False}, "say with run.settle what it came to"),
            ({"asks_the_dead": True}, "the next attempt asks for it, and orders no other"),
        ],
    )
    async def test_each_fault_is_found(self, changes: dict[str, Any], rule: str) -> None:
        """What failed is neither open nor asked for again."""
        assert rule in await broken_rule(Orders(**changes), FAILING)

    async def test_a_request_that_does_not_fail_is_no_test(self) -> None:
        """The test's own mistake is told."""
        assert "that was to fail did not" in await broken_rule(Orders(), REQUEST)

    @pytest.mark.parametrize("told", [f"refused for {SECRET}", "a hill that fails: not allowed"])
    async def test_an_error_that_tells_too_much_is_found(self, told: str) -> None:
        """Neither keys nor prompts."""

        class Talkative(Orders):
            async def _collect(self, job: Job, run: Run, index: int, id_: str) -> None:
                if "fails" in job.input["prompt"]:
                    raise ContentRejected(told)
                await super()._collect(job, run, index, id_)

        assert "holds input, a key or a link in plain text" in await broken_rule(Talkative(), FAILING)


class TestDiscretion:
    @pytest.mark.parametrize("told", [SECRET, "https://files.example/1.png?X-Amz-Signature=abc", "a quiet hill"])
    async def test_a_log_line_that_tells_too_much_is_found(self, told: str) -> None:
        """Keys, signed links and prompts."""
        assert "a log line of ['where'] holds" in await broken_rule(Orders(tells=told))


class TestPrices:
    @pytest.mark.parametrize(
        ("listed", "priced", "rule"),
        [
            (PRICE, None, "has a price, and prepare names none"),
            (PRICE, Price(amount_micro=100, currency="USD"), "a price in USD, the model"),
            (attrs.evolve(PRICE, currency="yuan"), PRICE, "a price in 'yuan'"),
            (PRICE, attrs.evolve(PRICE, amount_micro=0.1), "a price of 0.1 millionths"),
            (PRICE, attrs.evolve(PRICE, most_micro=99), "a price of 100 and at most 99"),
        ],
    )
    async def test_each_fault_is_named(self, listed: Price, priced: Price | None, rule: str) -> None:
        """Whole millionths of one currency, as the model's."""
        assert rule in await broken_rule(Orders(listed=listed, priced=priced))
