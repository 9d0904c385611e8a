"""Compares the ledger with the tasks, and of those that were deleted with what the service charged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, timedelta

from danqing_plugins.billing import Billed
from danqing_server.desk.statistics import Group, Question
from danqing_server.life.charges import bills_of
from danqing_server.records.accounts import COSTS, Posting
from danqing_server.records.tasks import FINISHED
from danqing_server.store.ledger import LedgerStore
from danqing_server.store.sums import Span, Step
from danqing_server.store.usage import Dimension
from tests.integration.books.provider import PRICE_MICRO
from tests.integration.books.teller import CALLER, Teller, Told
from tests.support.system import until

__all__ = ["judge_ledger"]

BOOKED_WITHIN_S = 20.0


async def judge_ledger(teller: Teller) -> list[str]:
    """Return how the ledger is wrong, once all that is untold has been told."""
    register = teller.process.system.services.control.register
    register.outlet.retell_after = timedelta(0)
    found: list[str] = []

    async def right() -> bool:
        await register.tell_again()
        found[:] = [wrong for told in teller.tasks for wrong in await _wrongs(teller, told)]
        found.extend(await _miscounted(teller))
        return not found

    try:
        await until(right, timeout_s=BOOKED_WITHIN_S)
    except TimeoutError:
        return found
    return []


async def _wrongs(teller: Teller, told: Told) -> list[str]:
    booked = (await LedgerStore(teller.store.database).of([told.id]))[told.id]
    task = await teller.store.get(told.id)
    if task is None:
        return _of_deleted(teller, told, booked)
    if task.status not in FINISHED:
        return []
    sums, [bill] = _sums(booked), bills_of(task)
    ends = +_ends(booked)
    wrong = []
    if sums[Billed.YES] != bill.amount_micro:
        wrong.append(f"task {told.id} cost {bill.amount_micro}, the ledger says {sums}")
    if ends != Counter({task.status.value: 1}):
        wrong.append(f"task {told.id} is {task.status}, the ledger counts {ends}")
    return wrong + _misnumbered(booked)


def _of_deleted(teller: Teller, told: Told, booked: Sequence[Posting]) -> list[str]:
    """What is known no more of a deleted task is in doubt for good; what was paid is not."""
    purchases = [each for account in [teller.shop.accounts.get(told.id)] if account for each in account.purchases]
    billed_micro = sum(len(each.billed) for each in purchases) * PRICE_MICRO
    sums = _sums(booked)
    right = sums[Billed.YES] <= billed_micro <= sums[Billed.YES] + sums[Billed.UNKNOWN]
    if right and sum((+_ends(booked)).values()) == 1:
        return []
    return [f"deleted task {told.id} was billed {billed_micro}, the ledger says {sums} and {_ends(booked)}"]


def _sums(booked: Sequence[Posting]) -> Counter[Billed]:
    sums: Counter[Billed] = Counter()
    for posting in booked:
        for line in posting.lines:
            if line.kind in COSTS:
                sums[line.billed] += line.amount_micro
    return sums


def _ends(booked: Sequence[Posting]) -> Counter[str]:
    ends: Counter[str] = Counter()
    for posting in booked:
        for line in posting.lines:
            if line.status is not None:
                ends[line.status] += line.tasks
    return ends


def _misnumbered(booked: Sequence[Posting]) -> list[str]:
    numbers = [posting.number for posting in booked]
    return [] if numbers == list(range(len(numbers))) else [f"postings are numbered {numbers}"]


async def _summed_otherwise(teller: Teller, spent: int) -> list[str]:
    """Return which sums of what was *spent*, paid or in doubt, are others: usage, statistics, the key's own."""
    services = teller.process.system.services
    now, day = services.clock.now(), timedelta(days=1)
    span = Span(now - day, now + day)
    rows = await services.usage.sum(CALLER.accounts, span.start, span.end, [Dimension.KEY])
    question = Question(reach=CALLER.accounts, span=span, step=Step.DAY, zone=UTC, group=Group.MODEL)
    cells = (await services.statistics.answer(question)).cells
    found = {
        "usage": sum(row.settled_micro + row.unknown_micro for row in rows),
        "the key": sum(row.settled_micro + row.unknown_micro for row in rows if row.values == (CALLER.key,)),
        "statistics": sum(cell.sums.get("settled_micro", 0) + cell.sums.get("unknown_micro", 0) for cell in cells),
    }
    return [f"{name} says {amount}, the ledger {spent}" for name, amount in found.items() if amount != spent]


async def _miscounted(teller: Teller) -> list[str]:
    """Return what is wrong with what is set aside: only open tasks hold something, and the count says so."""
    budgets, database = teller.process.system.services.budgets, teller.store.database
    budgets.counting.cheap_s = 60.0  # whatever else this machine does, it is counted now
    held = await database["danqing_tasks"].find({"hold": {"$exists": True}}).to_list(None)
    wrong = [f"task {task['_id']} is {task['status']}, and holds" for task in held if task["status"] in FINISHED]
    spent = 0
    async for posting in database["danqing_ledger"].find({}):
        spent += sum(line.get("amount_micro", 0) for line in posting["lines"] if line["kind"] in COSTS)
    wrong += await _summed_otherwise(teller, spent)
    open_ = sum(sum(task["hold"]["amounts_micro"].values()) for task in held)
    for state in await budgets.states(CALLER):
        if (state.spent_micro, state.reserved_micro) != (spent, open_):
            wrong.append(f"{state} is not {spent} spent and {open_} reserved")
    return wrong
