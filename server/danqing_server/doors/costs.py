"""What tasks cost, as clients read it: decimal text, each currency for itself."""

from __future__ import annotations

from danqing_plugins import Price
from danqing_server.doors.task_shapes import AmountShape, CostShape
from danqing_server.life.billing import cost_of, costs_of
from danqing_server.models import FINISHED, Billed, Task

__all__ = ["cost_view", "price_text"]

MICRO = 1_000_000


def price_text(amount_micro: int) -> str:
    """Return millionths as decimal text with at least two places, `0.20`."""
    whole, micro = divmod(amount_micro, MICRO)
    return f"{whole}.{f'{micro:06d}'.rstrip('0').ljust(2, '0')}"


def cost_view(task: Task, billed: Billed) -> CostShape | None:
    """Return what the task cost for certain; while it is not finished, at least the price of what was asked for.

    `amount` is decimal text, `images` how many pictures it counts. None when the provider names no price.
    """
    if task.price is None:
        return None
    cost, finished = cost_of(task), task.status in FINISHED
    estimated = not finished or bool(cost.possible) or billed is Billed.UNKNOWN
    to_come = 0 if finished else max(0, task.images - cost.certain)
    if task.route is not None:
        return _on_route(task, task.price, to_come, estimated=estimated)
    images = cost.certain + to_come
    return {
        "amount": price_text(task.price.amount_micro * images),
        "currency": task.price.currency,
        "images": images,
        "estimated": estimated,
    }


def _on_route(task: Task, price: Price, to_come: int, *, estimated: bool) -> CostShape:
    """Return what was paid in the currency of the task's target, *to_come* with it, and beside that in others."""
    paid = {price.currency: (price.amount_micro * to_come, to_come)}
    for target, cost in costs_of(task):
        if target.price is not None:
            micro, images = paid.get(target.price.currency, (0, 0))
            more = target.price.amount_micro * cost.certain
            paid[target.price.currency] = micro + more, images + cost.certain
    own = _amount(price.currency, *paid.pop(price.currency))
    others = [_amount(currency, *amount) for currency, amount in paid.items() if amount[1]]
    shown: CostShape = {
        "amount": own["amount"],
        "currency": own["currency"],
        "images": own["images"],
        "estimated": estimated,
    }
    return {**shown, "others": others} if others else shown


def _amount(currency: str, micro: int, images: int) -> AmountShape:
    return {"amount": price_text(micro), "currency": currency, "images": images}
