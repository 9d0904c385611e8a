"""What tasks cost, as clients read it: decimal text, each currency for itself."""

from __future__ import annotations

from collections.abc import Mapping

from danqing_server.doors.bulk_shapes import MoneyShape
from danqing_server.doors.task_shapes import AmountShape, CostShape
from danqing_server.life.charges import Bill, bills_of, is_estimated
from danqing_server.records.tasks import Billed, Task

__all__ = ["cost_view", "micro_of", "money_views", "price_text"]

MICRO = 1_000_000


def price_text(amount_micro: int) -> str:
    """Return millionths as decimal text with at least two places, `0.20`."""
    whole, micro = divmod(amount_micro, MICRO)
    return f"{whole}.{f'{micro:06d}'.rstrip('0').ljust(2, '0')}"


def micro_of(amount: str) -> int:
    """Return decimal text with up to six places in millionths."""
    whole, _, rest = amount.partition(".")
    return int(whole) * MICRO + int(rest.ljust(6, "0"))


def money_views(micro: Mapping[str, int]) -> list[MoneyShape]:
    """Return amounts by currency, in millionths, as clients read them."""
    return [{"amount": price_text(amount), "currency": currency} for currency, amount in sorted(micro.items())]


def cost_view(task: Task, billed: Billed) -> CostShape | None:
    """Return what the task cost for certain; while it is not finished, at least the price of what was asked for.

    None when the provider names no price, and none was paid before that does.
    """
    bills = bills_of(task)
    if not bills:
        return None
    own, *others = bills
    shown: CostShape = {
        "amount": price_text(own.amount_micro),
        "currency": own.currency,
        "images": own.outputs,
        "estimated": billed is Billed.UNKNOWN or is_estimated(task),
    }
    if own.most_micro is not None:
        shown["at_most"] = price_text(own.most_micro)
    if others:
        shown["others"] = [_amount(bill) for bill in others]
    return shown


def _amount(bill: Bill) -> AmountShape:
    return {"amount": price_text(bill.amount_micro), "currency": bill.currency, "images": bill.outputs}
