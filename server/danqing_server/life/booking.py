"""What the books are to say of a task, and what is to be added to what they say. Pure.

A task's books are sums: of what was paid and may have been, call by call, and of how it ended. They follow the task
by differences, whatever it went through: adding what `posting_of` returns makes them say what the task says.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import attrs

from danqing_plugins import Price
from danqing_plugins.billing import Billed, Books, CallCharge
from danqing_server.life.billing import books_at_targets, books_of, target_of
from danqing_server.records.accounts import COSTS, LineKind, Posting, PostingLine
from danqing_server.records.tasks import FINISHED, CallRecord, Task

__all__ = ["by_certainty", "doubts_booked", "parts_of", "posting_of"]


class _Account(NamedTuple):
    """What the money of a line is summed by."""

    call: str
    at: datetime
    provider: str
    model: str
    currency: str | None
    simulated: bool | None
    billed: Billed


class _End(NamedTuple):
    """How a task ended, and to what that counts."""

    status: str
    at: datetime
    provider: str
    model: str
    currency: str | None
    simulated: bool | None


class _Kept(NamedTuple):
    """What a call that is booked counts to, and as what: that stays, whatever is learned of it."""

    at: datetime
    simulated: bool | None


@attrs.frozen
class Amount:
    """So many pictures, and millionths of a currency."""

    pictures: int = 0
    amount_micro: int = 0
    estimated: bool = False

    def __bool__(self) -> bool:
        return bool(self.pictures or self.amount_micro)

    def minus(self, other: Amount) -> Amount:
        return Amount(self.pictures - other.pictures, self.amount_micro - other.amount_micro, self.estimated)


NOTHING = Amount()


def posting_of(
    task: Task, booked: Sequence[Posting], now: datetime, simulated: Collection[str] = ()
) -> Posting | None:
    """Return what makes the books of *task*, which are *booked*, say what it says; None when they do.

    *simulated* are the providers that are simulated now: what they are asked for is paid by nobody. A call that
    says itself whether it was simulated is believed: what is booked may have been made long ago.

    What a task costs is booked when it has ended. One that is tried again keeps what is booked, and what its
    earlier rounds cost is booked while it runs. A call counts for good to the key that it was first booked to, the
    task to its own: where both are to be told there is a posting of each, of the task's own key last.
    """
    lines = [line for posting in booked for line in posting.lines]
    keys = {line.call: posting.key for posting in reversed(booked) for line in posting.lines}
    money = list(_money(task, lines, simulated))
    for key in (*_other_keys(task, booked), task.key):
        is_own = key == task.key
        found = [line for line in money if keys.get(line.call, task.key) == key]
        if task.status in FINISHED:
            ends = _counted(line for posting in booked if posting.key == key for line in posting.lines)
            changes = _changed_ends(task, ends, simulated) if is_own else _taken_back(ends)
            found = _with_ends(found, changes, LineKind.ADJUST if ends else LineKind.SETTLE)
            found += _holds(task, lines) if is_own else ()
        if found:
            return _posting(task, key, found, len(booked), now)
    return None


def doubts_booked(
    booked: Iterable[Posting], call_id: str, key: str | None, counts: Callable[[datetime], bool]
) -> dict[str, int]:
    """Return what is booked to *key* as perhaps paid for one call, at moments that *counts* takes, by currency."""
    found: defaultdict[str, int] = defaultdict(int)
    for line in (line for posting in booked if posting.key == key for line in posting.lines):
        is_doubt = line.kind in COSTS and line.call == call_id and line.billed is Billed.UNKNOWN
        if is_doubt and line.currency is not None and counts(line.at):
            found[line.currency] += line.amount_micro
    return found


def _other_keys(task: Task, booked: Sequence[Posting]) -> list[str | None]:
    return list(dict.fromkeys(posting.key for posting in booked if posting.key != task.key))


def _posting(task: Task, key: str | None, lines: Sequence[PostingLine], number: int, now: datetime) -> Posting:
    return Posting(
        task=task.id,
        number=number,
        at=now,
        project=task.owner,
        key=key,
        user=task.user_id,
        lines=tuple(lines),
    )


def _money(task: Task, lines: Iterable[PostingLine], simulated: Collection[str]) -> Iterator[PostingLine]:
    """Yield the lines that are lacking of what the calls cost."""
    booked: defaultdict[_Account, Amount] = defaultdict(lambda: NOTHING)
    kept: dict[str, _Kept] = {}
    for line in lines:
        if line.kind in COSTS and line.call is not None:
            kept.setdefault(line.call, _Kept(line.at, line.simulated))
            account = _account_of(line, line.call)
            before = booked[account]
            booked[account] = Amount(before.pictures + line.pictures, before.amount_micro + line.amount_micro)
    said = dict(_said(task, kept, simulated))
    for account in dict.fromkeys((*booked, *said)):
        change = said.get(account, NOTHING).minus(booked[account])
        if change:
            yield PostingLine(
                kind=LineKind.ADJUST if account.call in kept else LineKind.SETTLE,
                **account._asdict(),
                pictures=change.pictures,
                amount_micro=change.amount_micro,
                estimated=change.estimated,
            )


def _account_of(line: PostingLine, call: str) -> _Account:
    return _Account(call, *_place_of(line), line.billed)


def _said(task: Task, kept: Mapping[str, _Kept], simulated: Collection[str]) -> Iterator[tuple[_Account, Amount]]:
    """Yield what *task* says that its calls cost; *kept* is what those that are booked count to."""
    for provider, model, price, books in parts_of(task):
        currency = None if price is None else price.currency
        for each in books.charges(price):
            call = each.call
            assert isinstance(call, CallRecord)
            if task.status not in FINISHED and not _is_of_earlier_round(task, call):
                continue
            own = kept.get(call.id) or _Kept(_counts_to(task, call), _is_simulated(call, provider, simulated))
            for billed, amount in by_certainty(each, price):
                said = amount if task.images else attrs.evolve(amount, pictures=0)
                if said:
                    yield _Account(call.id, own.at, provider, model, currency, own.simulated, billed), said


def parts_of(task: Task) -> Iterator[tuple[str, str, Price | None, Books]]:
    """Yield provider, model, price and books of each target of *task*, or of the one without a route."""
    if task.route is None:
        yield task.provider, task.model, task.price, books_of(task)
        return
    for target, books in books_at_targets(task):
        yield target.provider, target.model, target.price, books


def by_certainty(each: CallCharge, price: Price | None) -> Iterator[tuple[Billed, Amount]]:
    """Yield what was paid for a call for certain, and what may have been."""
    charge = each.charge
    estimated = (
        price is not None and each.call.cost_micro is None and charge.certain_micro != charge.certain_most_micro
    )
    yield Billed.YES, Amount(each.certain, charge.certain_micro, estimated)
    yield Billed.UNKNOWN, Amount(each.possible, charge.possible_micro, charge.possible_micro > 0)


def _is_simulated(call: CallRecord | None, provider: str, simulated: Collection[str]) -> bool:
    return provider in simulated if call is None or call.simulated is None else call.simulated


def _last_call(task: Task) -> CallRecord | None:
    """Return the last call that went to whom *task* is at, None when none did."""
    calls = [call for call in task.calls.values() if call.target == target_of(task)]
    return max(calls, key=lambda call: call.sent_at, default=None)


def _is_of_earlier_round(task: Task, call: CallRecord) -> bool:
    return task.retried_at is not None and call.sent_at < task.retried_at


def _counts_to(task: Task, call: CallRecord) -> datetime:
    """Return when the round of *call* was accepted; of several earlier rounds it is the first one's moment."""
    if task.retried_at is None or _is_of_earlier_round(task, call):
        return task.created_at
    return task.retried_at


def _counted(lines: Iterable[PostingLine]) -> dict[_End, int]:
    counts: defaultdict[_End, int] = defaultdict(int)
    for line in lines:
        if line.status is not None:
            counts[_End(line.status, *_place_of(line))] += line.tasks
    return {end: count for end, count in counts.items() if count}


def _place_of(line: PostingLine) -> tuple[datetime, str, str, str | None, bool | None]:
    return line.at, line.provider, line.model, line.currency, line.simulated


def _changed_ends(task: Task, booked: Mapping[_End, int], simulated: Collection[str]) -> dict[_End, int]:
    """Return how the count of ends is to change: a task counts once, as it is now, and to its latest round."""
    at = task.created_at if task.retried_at is None else task.retried_at
    currency = None if task.price is None else task.price.currency
    is_play = _is_simulated(_last_call(task), task.provider, simulated)
    end = _End(task.status.value, at, task.provider, task.model, currency, is_play)
    end = next((each for each in booked if each[:-1] == end[:-1]), end)
    changes = {each: -count for each, count in booked.items()}
    changes[end] = changes.get(end, 0) + 1
    return {each: change for each, change in changes.items() if change}


def _taken_back(ends: Mapping[_End, int]) -> dict[_End, int]:
    """Return what makes *ends* none: by now the task counts to another key."""
    return {end: -count for end, count in ends.items()}


def _with_ends(lines: Sequence[PostingLine], ends: Mapping[_End, int], kind: LineKind) -> list[PostingLine]:
    """Return *lines*, which say also how the task ended, on lines of their own where there is none to say it on."""
    found = list(lines)
    for end, change in ends.items():
        for place, line in enumerate(found):
            if line.status is None and _place_of(line) == end[1:]:
                found[place] = attrs.evolve(line, status=end.status, tasks=change)
                break
        else:
            found.append(PostingLine(kind=kind, **end._asdict(), tasks=change))
    return found


def _holds(task: Task, lines: Iterable[PostingLine]) -> Iterator[PostingLine]:
    """Yield what was set aside of limits and is over now: the books are told of both together."""
    hold = task.hold
    if hold is None or any(line.hold == hold.id for line in lines):
        return
    for currency, amount_micro in hold.amounts_micro.items():
        for kind, amount in ((LineKind.RESERVE, amount_micro), (LineKind.RELEASE, -amount_micro)):
            yield PostingLine(
                kind=kind,
                at=hold.at,
                provider=task.provider,
                model=task.model,
                currency=currency,
                amount_micro=amount,
                hold=hold.id,
            )
