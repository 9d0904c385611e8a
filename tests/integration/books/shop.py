"""The service: it sells pictures, writes a bill for each, and knows what the buyer can know of every call."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum

import attrs

from tests.integration.books.links import Links
from tests.integration.books.story import UNPAID, Answer, Says, Submit

__all__ = ["Fate", "Purchase", "Shop"]

WHOLE = (0,)
"""What a task without pictures buys, as an index."""


class Fate(StrEnum):
    """What the buyer can know of one picture of one call."""

    OPEN = "its call is open"
    ORDERED = "its order is open"
    SAFE = "it was handed over"
    LINKED = "its link was handed over"
    SPOILT = "it is no picture"
    REFUSED = "it was refused"
    UNPAID = "it was neither made nor billed"
    UNKNOWN = "nobody knows"
    BLURRED = "it was answered, and the buyer died before that was on disk"


_VOLATILE = (Fate.UNPAID, Fate.REFUSED, Fate.SPOILT)
"""What is written down with the next thing that happens, not at once."""

FINAL = frozenset({Fate.SPOILT, Fate.REFUSED})
"""Only its user may ask for such a picture again."""


@attrs.define(eq=False)
class Purchase:
    """One call for the pictures `fates`, in the user's try number `generation`; `billed` is what was charged.

    `links` are the links that were handed over, `widths` what tells the pictures apart, both by index.
    """

    number: int
    task_id: str
    says: Says
    generation: int
    attempt: int
    fates: dict[int, Fate]
    billed: frozenset[int]
    links: dict[int, str] = attrs.field(factory=dict)
    widths: dict[int, int] = attrs.field(factory=dict)
    cuts: int = 0

    @property
    def waiting(self) -> list[int]:
        """The pictures the service has not said anything of."""
        return [index for index, fate in self.fates.items() if fate in (Fate.OPEN, Fate.ORDERED)]

    def settle(self, fate: Fate) -> None:
        """Give *fate* to every picture that waits."""
        self.fates.update(dict.fromkeys(self.waiting, fate))

    def drop(self) -> None:
        """Make nothing more of it, and charge nothing for that."""
        self.billed -= {*self.waiting}
        self.settle(Fate.UNPAID)

    def leave(self) -> None:
        """End the call: what was not answered nobody knows, but an order's id is kept."""
        self.fates.update({i: Fate.UNKNOWN for i, fate in self.fates.items() if fate is Fate.OPEN})

    def blur(self, volatile: Sequence[Fate]) -> None:
        """The buyer may have forgotten what it heard: whatever was *volatile*."""
        self.fates.update({index: Fate.BLURRED for index, fate in self.fates.items() if fate in volatile})

    def __str__(self) -> str:
        fates = ", ".join(f"{index} {fate}" for index, fate in self.fates.items())
        return (
            f"call {self.number} ({self.says.answer}, try {self.generation}): {fates}; billed {sorted(self.billed)}"
        )


@attrs.define(eq=False)
class Account:
    """What the shop knows of one task. `closed` is why no further call may begin, None when one may.

    `entering` are calls the buyer has begun to write down; those begun when its user closed the task are `excused`.
    """

    order: Submit
    generation: int = 0
    closed: str | None = None
    deleting: bool = False
    entering: int = 0
    excused: int = 0
    purchases: list[Purchase] = attrs.field(factory=list)

    def close(self, why: str) -> None:
        """Allow no further call: its user said so."""
        self.closed, self.excused = why, self.entering

    def try_again(self) -> tuple[str | None, int]:
        """Allow calls again, by the user's wish: what is unknown by now counts no more. Return what was before."""
        before = self.closed, self.excused
        self.closed, self.excused = None, 0
        self.generation += 1
        return before

    def restore(self, before: tuple[str | None, int]) -> None:
        """Undo `try_again`: it was refused."""
        self.closed, self.excused = before
        self.generation -= 1


@attrs.define(eq=False)
class Shop:
    """Sells, and objects at once to a call that must not be made; `objections` are in words."""

    links: Links
    accounts: dict[str, Account] = attrs.field(factory=dict)
    plans: dict[str, Submit] = attrs.field(factory=dict)
    prompts: dict[str, str] = attrs.field(factory=dict)
    objections: list[str] = attrs.field(factory=list)
    changes: int = 0
    _held: list[tuple[Purchase, asyncio.Event]] = attrs.field(factory=list)
    _numbers: Iterator[int] = attrs.field(factory=lambda: itertools.count(1))

    def account(self, task_id: str, prompt: str) -> Account:
        """Return the account of a task, opened at first sight, under the plan of *prompt*."""
        if task_id not in self.accounts:
            self.accounts[task_id] = Account(self.plans[prompt])
            if self.prompts.setdefault(prompt, task_id) != task_id:
                self.objections.append(
                    f"task {task_id} is {self.prompts[prompt]}, submitted once, carried out again"
                )
        return self.accounts[task_id]

    def sell(self, task_id: str, indexes: Sequence[int], attempt: int) -> Purchase:
        """Take a call: object to it when it must not be, and bill it all the same."""
        self.changes += 1
        account = self.accounts[task_id]
        asked = tuple(indexes) or WHOLE
        self._object(task_id, account, asked)
        plan = account.order.plan
        says = plan[len(account.purchases)] if len(account.purchases) < len(plan) else Says(Answer.BYTES)
        paid = () if says.answer in UNPAID else asked[:1] if says.answer is Answer.RELEASED else asked
        fates = dict.fromkeys(asked, Fate.OPEN)
        number = next(self._numbers)
        purchase = Purchase(number, task_id, says, account.generation, attempt, fates, frozenset(paid))
        account.purchases.append(purchase)
        return purchase

    def purchase(self, number: int) -> Purchase:
        """Return a call by its number."""
        return next(each for it in self.accounts.values() for each in it.purchases if each.number == number)

    def bills(self) -> Counter[str]:
        """Return how many pictures each task was billed for."""
        return Counter({id_: sum(len(each.billed) for each in it.purchases) for id_, it in self.accounts.items()})

    async def serve(self, purchase: Purchase) -> None:
        """Return when *purchase* is to be answered: at once, or when it is released."""
        self.changes += 1
        if not purchase.says.held or purchase.cuts:
            return
        event = asyncio.Event()
        entry = (purchase, event)
        self._held.append(entry)
        try:
            await event.wait()
        finally:
            self._held.remove(entry)
            self.changes += 1

    def note_dropped(self, purchase: Purchase, index: int, error: Exception) -> None:
        """The buyer would not take a picture. That is its right only when its user has deleted the task."""
        if not self.accounts[purchase.task_id].deleting:
            self.objections.append(f"task {purchase.task_id}: picture {index} not taken ({error}) [{purchase}]")

    def holds(self, task_id: str) -> bool:
        """Tell whether a call of the task waits for its release."""
        return any(purchase.task_id == task_id for purchase, _ in self._held)

    def forget(self, task_ids: Iterable[str]) -> None:
        """The buyer died with these tasks: what it has heard last and not written down it may not know."""
        for account in (self.accounts[id_] for id_ in task_ids if id_ in self.accounts):
            last = max((each.attempt for each in account.purchases), default=0)
            for purchase in account.purchases:
                if purchase.attempt == last:
                    purchase.blur(_VOLATILE if account.order.n else (*_VOLATILE, Fate.SAFE))

    def release(self, task_id: str) -> None:
        """Answer the oldest held call of a task, if there is one."""
        for purchase, event in self._held:
            if purchase.task_id == task_id and not event.is_set():
                event.set()
                return

    @contextmanager
    def entering(self, task_id: str) -> Iterator[None]:
        """Note that a call is about to be written down."""
        self.accounts[task_id].entering += 1
        try:
            yield
        finally:
            self.accounts[task_id].entering -= 1

    def _object(self, task_id: str, account: Account, asked: Sequence[int]) -> None:
        reasons = [reason for index in asked if (reason := self._why_not(account, index))]
        if account.closed and account.excused:
            account.excused -= 1
        elif account.closed:
            reasons.append(f"its user has {account.closed} it")
        self.objections += [f"task {task_id}: a call for {list(asked)}, but {reason}" for reason in reasons]

    def _why_not(self, account: Account, index: int) -> str | None:
        """Return why picture *index* must not be asked for now, None when it may."""
        bought = [each for each in account.purchases if index in each.fates]
        for each in bought:
            fate = each.fates[index]
            if fate in (Fate.OPEN, Fate.ORDERED, Fate.SAFE):
                return f"{fate} [{each}]"
            if fate is Fate.LINKED and self.links.is_good(each.links[index]):
                return f"its link is alive [{each}]"
            if fate in FINAL and each.generation == account.generation:
                return f"{fate} [{each}]"
        unknown = [each for each in bought if self._in_doubt(each, index, account.generation)]
        if len(unknown) > (account.order.on_ambiguous == "retry"):
            return f"{account.order.on_ambiguous} forbids it: {'; '.join(map(str, unknown))}"
        return None

    def _in_doubt(self, purchase: Purchase, index: int, generation: int) -> bool:
        """Tell whether this call may have been billed for nothing, as far as the user's present try counts it."""
        return purchase.generation == generation and purchase.fates[index] in (Fate.UNKNOWN, Fate.LINKED)
