"""A task's paid calls, in the terms of `danqing_plugins.billing`, which decides what they amount to. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from danqing_plugins.billing import Books, Cost
from danqing_server.records.outputs import OutputState
from danqing_server.records.routing import RoutedTarget
from danqing_server.records.tasks import STANDING, Billed, CallOutcome, CallRecord, Task

__all__ = [
    "announced_call",
    "awaits_orders",
    "billed_of",
    "books_at_targets",
    "books_of",
    "cost_of",
    "cut_calls",
    "holds_order",
    "in_doubt",
    "is_announced",
    "is_on_its_way",
    "lost_calls",
    "maker_of",
    "may_buy",
    "may_go_on",
    "may_still_bring",
    "orders_in_doubt",
    "target_of",
    "to_buy",
    "under_way",
    "unordered",
    "whole_orders",
]

EXTRA_PURCHASES = {"retry": 1, "fail": 0}
"""How often a picture (or a task without pictures) may be paid for again after a purchase that brought nothing."""

_DOUBTFUL = (CallOutcome.OPEN, CallOutcome.UNKNOWN)
_MAY_HAVE_MADE = (CallOutcome.OPEN, CallOutcome.UNKNOWN, CallOutcome.DELIVERED)


def books_of(task: Task) -> Books:
    """Return the books of *task*."""
    outputs = (*task.outputs.values(), *task.late.values()) if task.calls else ()
    at_hand = {output.index for output in outputs if output.was_made}
    return Books(calls=_as_known(task.calls.values()), pictures=task.images, at_hand=at_hand)


def _as_known(calls: Iterable[CallRecord]) -> tuple[CallRecord, ...]:
    """Return *calls* with the outcomes known by now: one that was acted on as unknown may have been told late."""
    return tuple(call if call.late_outcome is None else call.changed(outcome=call.late_outcome) for call in calls)


def billed_of(task: Task) -> Billed:
    """Say whether any call of *task* was charged for; one that is under way is not known yet."""
    if not task.calls:
        return Billed.UNKNOWN if is_announced(task) else Billed.NO
    billed = books_of(task).billed
    return Billed.UNKNOWN if billed is Billed.NO and under_way(task) else billed


def cost_of(task: Task) -> Cost:
    """Return how many pictures, or calls of a task without pictures, were paid for."""
    return books_of(task).cost


def orders_in_doubt(task: Task) -> list[CallRecord]:
    """Return the orders of *task*, placed at the target where it is, that may still bring something missing."""
    missing, here = set(task.missing), target_of(task)
    return [
        call
        for call in _standing_orders(task)
        if call.outcome in _DOUBTFUL
        and call.late_outcome is None
        and call.target == here
        and not (task.images and missing.isdisjoint(call.indexes))
    ]


def whole_orders(task: Task) -> list[CallRecord]:
    """Return those of `orders_in_doubt` that have brought nothing; nothing that is missing is in two of them."""
    left, found = set(task.missing), list[CallRecord]()
    for call in orders_in_doubt(task):
        wanted = set(call.indexes)
        if wanted <= left if task.images else not found:
            found.append(call)
            left -= wanted
    return found


def _unheld_orders(task: Task) -> list[CallRecord]:
    """Return the orders in doubt whose price this round of *task* has not set aside; see `Hold.orders`."""
    ids = () if task.hold is None else task.hold.orders
    return [task.calls[id_] for id_ in ids if id_ in task.calls and task.calls[id_].outcome in _DOUBTFUL]


def _is_for(call: CallRecord, indexes: Collection[int], task: Task) -> bool:
    return not task.images or not set(call.indexes).isdisjoint(indexes)


def in_doubt(task: Task, indexes: Collection[int]) -> bool:
    """Tell whether one of *indexes* (the call, of a task without any) may have been paid for, and did not come."""
    doubtful = [call for call in _as_known(task.calls.values()) if call.outcome in _DOUBTFUL]
    return any(not task.images or not set(call.indexes).isdisjoint(indexes) for call in doubtful)


def books_at_targets(task: Task) -> list[tuple[RoutedTarget, Books]]:
    """Return the books of *task* at each target of its route."""
    if task.route is None:
        return []
    makers = {index: maker_of(task, index) for index in books_of(task).at_hand}
    found = []
    for place, target in enumerate(task.route.targets):
        calls = _as_known(call for call in task.calls.values() if call.target == place)
        at_hand = {index for index, maker in makers.items() if maker == place}
        found.append((target, Books(calls=calls, pictures=task.images, at_hand=at_hand)))
    return found


def maker_of(task: Task, index: int) -> int:
    """Return the place on its route of the target that made picture *index*: the last that may have."""
    calls = [call for call in task.calls.values() if index in call.indexes and call.outcome in _MAY_HAVE_MADE]
    return max(calls, key=lambda call: call.sent_at).target if calls else target_of(task)


def may_buy(task: Task, indexes: Iterable[int], on_ambiguous: str) -> bool:
    """Say whether a paid call may be made for *indexes*, after those that may have been paid for, in vain.

    *on_ambiguous* is the server's policy, for a task that names none.
    """
    if not task.calls:
        return True
    wanted = set(indexes)
    if any(_is_for(call, wanted, task) for call in _unheld_orders(task)):
        return False
    since = task.retried_at
    counted = tuple(call for call in task.calls.values() if since is None or call.sent_at >= since)
    books = Books(calls=counted, pictures=task.images)
    return books.in_vain(wanted, task.attempts) <= EXTRA_PURCHASES[task.on_ambiguous or on_ambiguous]


def under_way(task: Task) -> tuple[CallRecord, ...]:
    """Return the calls that may be under way for what is still missing, orders that are not settled among them.

    The start of a task with a single call is that call's write-ahead: it counts as open until its record says
    otherwise.
    """
    announced = announced_call(task)
    if not task.calls:
        return () if announced is None else (announced,)
    missing = set(task.missing)
    found = [
        call
        for call in task.calls.values()
        if call.outcome is CallOutcome.OPEN and (missing & set(call.indexes) or not call.indexes)
    ]
    return tuple(found) if announced is None else (*found, announced)


def is_on_its_way(task: Task) -> bool:
    """Tell whether a picture is paid for and not yet ours: another attempt costs nothing, and fetches it."""
    return bool(task.outputs) and any(output.state is OutputState.SOURCED for output in task.outputs.values())


def may_still_bring(task: Task) -> bool:
    """Tell whether the attempt that a cancelled task is left to may bring what is paid for.

    One that made no call only settles what it set aside of a spend limit.
    """
    return task.is_held and (task.reserved is None or bool(task.calls) or is_on_its_way(task))


def announced_call(task: Task) -> CallRecord | None:
    """Return the call that the start of a single-call task announced, while it has no record, else None.

    Its id is the attempt's. Nothing is announced where an order that is still open will bring what is missing.
    """
    attempt = task.attempt
    if attempt is None or not is_announced(task):
        return None
    return CallRecord(
        id=attempt.id,
        attempt=task.attempts,
        indexes=task.missing,
        fingerprint="",
        sent_at=attempt.started_at,
        target=target_of(task),
    )


def target_of(task: Task) -> int:
    """Return the place on its route of whom *task* is at, 0 without one."""
    return 0 if task.route is None else task.route.target


def is_announced(task: Task) -> bool:
    """Tell whether the start of *task* announced a call that has no record yet; see `announced_call`.

    An attempt that asks for orders first announces none: what it learns says whether there will be a call.
    """
    attempt = task.attempt
    if attempt is None or not task.single_call or attempt.id in task.calls or to_buy(task) == 0:
        return False
    return not any(_is_asked_for(call, task) for call in task.calls.values())


def _is_asked_for(call: CallRecord, task: Task) -> bool:
    if call.resumable or not task.finds_orders or call.target != target_of(task):
        return call.resumable
    return call.looked_up or call.outcome is CallOutcome.UNKNOWN


def lost_calls(task: Task) -> tuple[CallRecord, ...]:
    """Return the calls whose answers were lost, and of which the service is still to be asked what it knows.

    No policy decides about them before. Empty when the provider cannot tell; and of those that went to another
    target of the task's route it knows nothing.
    """
    if not task.finds_orders or not task.calls:
        return ()
    missing, here = set(task.missing), target_of(task)
    return tuple(
        call
        for call in task.calls.values()
        if call.outcome is CallOutcome.UNKNOWN
        and call.target == here
        and not (call.resumable or call.looked_up)
        and (not task.images or missing & set(call.indexes))
    )


def cut_calls(task: Task) -> tuple[CallRecord, ...]:
    """Return the calls under way whose outcome nobody will know once their process is gone."""
    return tuple(call for call in under_way(task) if not call.resumable)


def to_buy(task: Task) -> int:
    """Return how many pictures, or calls of a task without pictures, another attempt is still to pay for.

    What was lost and is to be looked up may have been ordered; what the attempt learns of it says.
    """
    orders = [*_standing_orders(task), *lost_calls(task)] if task.calls else []
    if not task.images:
        return 0 if orders or task.is_answered else 1
    return len(_unordered(task, orders)) if orders else len(task.missing)


def may_go_on(task: Task, on_ambiguous: str) -> bool:
    """Say whether another attempt may do what is left to do: ask for orders, and buy what none will bring."""
    orders = _standing_orders(task)
    if orders and not task.images:
        return True
    rest = _unordered(task, orders)
    return bool(task.images and not rest) or may_buy(task, rest, on_ambiguous)


def unordered(task: Task) -> tuple[int, ...]:
    """Return the missing pictures that no order stands for."""
    return _unordered(task, _standing_orders(task))


def awaits_orders(task: Task) -> bool:
    """Tell whether an order is open that may still bring what is missing."""
    return any(call.resumable for call in under_way(task))


def holds_order(task: Task) -> bool:
    """Tell whether an order stands, or may, for something that is missing: it is asked for where it was placed."""
    missing = set(task.missing)
    orders = [*_standing_orders(task), *lost_calls(task)]
    return any(not call.indexes or missing & set(call.indexes) for call in orders)


def _standing_orders(task: Task) -> list[CallRecord]:
    if not task.calls:
        return []
    return [call for call in task.calls.values() if call.resumable and call.outcome in STANDING]


def _unordered(task: Task, orders: Iterable[CallRecord]) -> tuple[int, ...]:
    ordered = {index for call in orders for index in call.indexes}
    return tuple(index for index in task.missing if index not in ordered)
