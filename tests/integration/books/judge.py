"""Compares what the server says of its tasks with what the service charged."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import attrs

from danqing_server.doors.views import Viewer
from danqing_server.records.tasks import FINISHED, Status, Task
from tests.integration.books.ledger import judge_ledger
from tests.integration.books.provider import PRICE_MICRO
from tests.integration.books.shop import Fate, Purchase
from tests.integration.books.teller import Teller, Told
from tests.support.system import until

__all__ = ["judge"]

DOUBTFUL = frozenset({Fate.UNKNOWN, Fate.BLURRED, Fate.ORDERED, Fate.OPEN})
CERTAIN = frozenset({Fate.SAFE, Fate.SPOILT})
SPENDING_S = 20.0


async def judge(teller: Teller) -> list[str]:
    """Return every way in which the books of a story at rest are wrong."""
    found = []
    for told in teller.tasks:
        task = await teller.store.get(told.id)
        if task is not None and not told.deleted:
            viewer = Viewer("http://books.test", teller.process.system.services.registry, "en")
            case = _Case.of(teller, task, viewer, told)
            found += [f"task {told.id}: {wrong}" for wrong in case.wrongs()]
        elif task is None and not told.deleted:
            found.append(f"task {told.id} is gone")
    return found + await _spending(teller) + await judge_ledger(teller)


@attrs.define(eq=False)
class _Case:
    """One task as the user sees it, and what the shop knows."""

    task: Task
    view: dict[str, Any]
    told: Told
    purchases: list[Purchase]
    good_link: Any

    @classmethod
    def of(cls, teller: Teller, task: Task, viewer: Viewer, told: Told) -> _Case:
        purchases = teller.shop.account(task.id, str(task.input["prompt"])).purchases
        return cls(task, viewer.task(task), told, purchases, teller.shop.links.is_good)

    @property
    def billed(self) -> int:
        return sum(len(purchase.billed) for purchase in self.purchases)

    @property
    def certain(self) -> int:
        """How many pictures were bought, as the server must know."""
        return sum(fate in CERTAIN for each in self.purchases for fate in each.fates.values())

    @property
    def in_doubt(self) -> bool:
        """Whether the server may not know what some call came to."""
        bought = ((each, index) for each in self.purchases for index in each.fates)
        return self.told.unsettled or any(is_doubtful(each, index, self.good_link) for each, index in bought)

    def wrongs(self) -> list[str]:
        checks = (self._billed(), self._cost(), self._pictures(), self._status())
        return [f"{wrong}\n    {self._evidence()}" for found in checks for wrong in found]

    def _evidence(self) -> str:
        bought = "".join(f"\n    {each}" for each in self.purchases)
        shown = {key: self.view[key] for key in ("status", "billed", "cost", "output", "error")}
        calls = [(call.indexes, call.outcome.value) for call in self.task.calls.values()]
        return f"{shown}\n    {calls}{bought}"

    def _billed(self) -> list[str]:
        said = self.view["billed"]
        allowed = (
            {"yes"} if self.certain else {"yes", "unknown"} if self.in_doubt and self.billed else {"unknown", "no"}
        )
        if not self.certain and not self.in_doubt:
            allowed = {"yes"} if self.billed else {"no"}
        return [] if said in allowed else [f"billed is {said}, not {' or '.join(sorted(allowed))}"]

    def _cost(self) -> list[str]:
        """Return what is wrong with the cost of a finished task; before its end it is an estimate."""
        if self.task.status not in FINISHED:
            return []
        said, estimated = int(Decimal(self.view["cost"]["amount"]) * 1_000_000), self.view["cost"]["estimated"]
        paid, certain = self.billed * PRICE_MICRO, self.certain * PRICE_MICRO
        right = certain <= said <= paid if estimated and self.in_doubt else said == paid and not estimated
        return [] if right else [f"cost is {self.view['cost']}, billed were {paid}, {certain} for certain"]

    def _pictures(self) -> list[str]:
        wrong = []
        late = [output for output in self.task.late.values() if output.asset is not None]
        ours = {output.index: output.asset.width for output in (*late, *self.task.kept) if output.asset is not None}
        for index in set(range(self.task.images)) - self.told.forgotten:
            widths = {each.widths[index] for each in self.purchases if self._reached_us(each, index)}
            if widths and ours.get(index) not in widths:
                wrong.append(f"picture {index} was delivered and is not there")
        return wrong

    def _reached_us(self, purchase: Purchase, index: int) -> bool:
        fate = purchase.fates.get(index)
        if fate is Fate.LINKED:
            ended = self.task.status in (Status.COMPLETED, Status.FAILED)
            return ended and self.good_link(purchase.links[index])
        return fate is Fate.SAFE

    def _status(self) -> list[str]:
        task, output = self.task, self.view["output"]
        if task.status is Status.FAILED and task.kept:
            return ["failed, with pictures"]
        if task.status is not Status.COMPLETED or not task.images:
            return []
        forgotten = len(self.told.forgotten)
        shown = len(output["images"]) + len(output["errors"]) + forgotten
        wrong = [] if output["images"] or forgotten else ["completed, without a picture"]
        return wrong if shown == task.images else [*wrong, f"completed: {shown} of {task.images} accounted for"]


def is_doubtful(purchase: Purchase, index: int, good_link: Any) -> bool:
    """Tell whether the server cannot know whether this picture was billed."""
    fate = purchase.fates[index]
    return fate in DOUBTFUL or (fate is Fate.LINKED and not good_link(purchase.links[index]))


async def _spending(teller: Teller) -> list[str]:
    """Return what is wrong with the day's spending, once what is told last has been told."""
    if teller.story.limit is None:
        return []
    bought = [
        (each, index)
        for account in teller.shop.accounts.values()
        for each in account.purchases
        for index in each.fates
    ]
    billed = sum(index in each.billed for each, index in bought)
    doubtful = sum(
        index not in each.billed and is_doubtful(each, index, teller.shop.links.is_good) for each, index in bought
    )
    found: dict[str, int] = {}

    async def settled() -> bool:
        found.update(await _days(teller))
        if any(told.unsettled for told in teller.tasks):
            return billed * PRICE_MICRO <= found["spent"] + found["reserved"]
        return not found["reserved"] and billed * PRICE_MICRO <= found["spent"] <= (billed + doubtful) * PRICE_MICRO

    wrong = []
    try:
        await until(settled, timeout_s=SPENDING_S)
    except TimeoutError:
        wrong.append(f"{billed} to {billed + doubtful} pictures were billed, the day's spending says {found}")
    if billed > teller.story.limit:
        wrong.append(f"{billed} pictures were billed, the limit is {teller.story.limit}")
    return wrong


async def _days(teller: Teller) -> dict[str, int]:
    days = await teller.store.database["danqing_spending"].find({}).to_list(None)
    return {name: sum(day.get(f"{name}_micro", 0) for day in days) for name in ("spent", "reserved")}
