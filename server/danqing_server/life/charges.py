"""What a task costs in money: what its services said, else as was estimated; each currency for itself. Pure.

The one place that adds it up, for views, limits and reservations alike. Money is whole millionths of a currency.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from danqing_plugins import Price
from danqing_plugins.billing import Books, Charge
from danqing_server.life.billing import books_at_targets, books_of
from danqing_server.records.routing import RoutedTarget
from danqing_server.records.tasks import FINISHED, Task

__all__ = ["Bill", "bills_of", "cost_micro", "dearest_micro", "doubtful_micro", "is_estimated", "price_micro"]


@attrs.frozen(kw_only=True)
class Bill:
    """What a task costs in one currency.

    `most_micro` is the upper end, None where nothing of it was estimated as a range. `outputs` is how many it is
    for, 0 of a task that is paid by the call.
    """

    currency: str
    amount_micro: int
    most_micro: int | None
    outputs: int


def cost_micro(task: Task, provider: str | None = None) -> int:
    """Return what *task* has cost at the worst, in millionths of its price's currency; 0 without a price.

    Of a task with a route that is what *provider* is paid, whose limits it counts towards; its current one unless
    named.
    """
    if not task.calls:
        return 0
    if task.route is None:
        return books_of(task).charge(task.price).most_micro if task.price is not None else 0
    paid_by = provider or task.provider
    paid = [(target, books) for target, books in books_at_targets(task) if target.provider == paid_by]
    return sum(books.charge(target.price).most_micro for target, books in paid if target.price is not None)


def price_micro(task: Task | RoutedTarget, count: int = 1) -> int:
    """Return what *count* outputs of *task* (calls, without any) cost at the most; 0 without a price."""
    return count * task.price.dearest_micro if task.price is not None else 0


def dearest_micro(task: Task, outputs: int) -> dict[str, int]:
    """Return what *outputs* of a task (a call, without any) cost at its dearest target, by currency."""
    count = outputs if task.images else 1
    prices = [task.price] if task.route is None else [target.price for target in task.route.targets]
    found: dict[str, int] = {}
    for price in prices:
        if price is not None:
            found[price.currency] = max(found.get(price.currency, 0), count * price.dearest_micro)
    return found


def doubtful_micro(task: Task) -> dict[str, int]:
    """Return what may have been paid for *task* beside what is certain, at the most, by currency."""
    found: dict[str, int] = {}
    for price, books in _parts_of(task) if task.calls else ():
        micro = books.charge(price).possible_micro
        if micro:
            found[price.currency] = found.get(price.currency, 0) + micro
    return found


def bills_of(task: Task) -> Sequence[Bill]:
    """Return what *task* cost for certain, its own currency first; empty when nobody who was paid names a price.

    Until it is finished that is at least the price of what it asks for.
    """
    parts, price = _parts_of(task), task.price
    others = dict.fromkeys(each.currency for each, _ in parts if price is None or each.currency != price.currency)
    found = [_bill(currency, parts, task) for currency in others]
    paid = [bill for bill in found if bill.amount_micro or bill.outputs]
    if price is None:
        return paid
    to_come = 0 if task.status in FINISHED else max(0, (task.images or 1) - books_of(task).cost.certain)
    return _bill(price.currency, parts, task, price, to_come), *paid


def is_estimated(task: Task) -> bool:
    """Tell whether what *task* cost may still change, or is an estimate for good."""
    if task.status not in FINISHED or books_of(task).cost.possible:
        return True
    charges = [books.charge(price) for price, books in _parts_of(task)]
    return any(charge.certain_micro != charge.certain_most_micro for charge in charges)


def _parts_of(task: Task) -> list[tuple[Price, Books]]:
    """Return what was paid at which price."""
    if task.route is None:
        return [] if task.price is None else [(task.price, books_of(task))]
    return [(target.price, books) for target, books in books_at_targets(task) if target.price is not None]


def _bill(
    currency: str, parts: Sequence[tuple[Price, Books]], task: Task, price: Price | None = None, to_come: int = 0
) -> Bill:
    """Add up what was paid in one currency, and *to_come* at *price*."""
    paid = [(each, books) for each, books in parts if each.currency == currency]
    charges = [books.charge(each) for each, books in paid]
    expected = Charge() if price is None else Charge(to_come * price.amount_micro, to_come * price.dearest_micro)
    doubtful_micro = sum(charge.possible_micro for charge in charges)
    most_micro = sum(charge.certain_most_micro for charge in charges)
    amount_micro = sum(charge.certain_micro for charge in charges) + expected.certain_micro
    is_range = any(each.most_micro is not None for each in (*(each for each, _ in paid), price) if each is not None)
    most_micro += max(doubtful_micro, expected.certain_most_micro)
    return Bill(
        currency=currency,
        amount_micro=amount_micro,
        most_micro=most_micro if is_range and most_micro > amount_micro else None,
        outputs=sum(books.cost.certain for _, books in paid) + to_come if task.images else 0,
    )
