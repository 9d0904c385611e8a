"""What paid calls amount to: how each ended, what was or may have been billed, and whether one may be made again.

Pure, and the only place that decides it: the server's attempts, retries, cancellations, spend guard and views ask
here, and so does the conformance kit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

import attrs

from danqing_plugins.errors import PluginError
from danqing_plugins.outcomes import Billed, CallOutcome

if TYPE_CHECKING:
    from danqing_plugins.catalogue import Price

__all__ = ["Billed", "Books", "CallCharge", "CallOutcome", "Charge", "Cost", "PaidCall", "outcome_of"]


_CERTAIN = CallOutcome.DELIVERED
_POSSIBLE = (CallOutcome.OPEN, CallOutcome.UNKNOWN)


class PaidCall(Protocol):
    """What is looked at of a call."""

    @property
    def attempt(self) -> int:
        """The attempt that made it, from 1."""
        ...

    @property
    def indexes(self) -> tuple[int, ...]:
        """The pictures it is to be paid for; empty for a task without pictures."""
        ...

    @property
    def outcome(self) -> CallOutcome:
        """What became of it."""
        ...

    @property
    def resumable(self) -> bool:
        """Whether it is an order, whose outcome can be asked for by an id that was saved."""
        ...

    @property
    def cost_micro(self) -> int | None:
        """What the service said that it cost, in millionths of the price's currency; None: as estimated."""
        ...


@attrs.frozen
class Cost:
    """How many pictures (or calls, without pictures) were paid for: for certain, and perhaps beside those."""

    certain: int
    possible: int

    @property
    def most(self) -> int:
        """What was paid for at the worst: what limits and reservations count."""
        return self.certain + self.possible


@attrs.frozen
class Charge:
    """What was paid in money, in millionths of the currency of the price.

    `certain_micro` is what was, `certain_most_micro` the same at the upper end of what was only estimated;
    `possible_micro` is what may have been paid beside it, at the most.
    """

    certain_micro: int = 0
    certain_most_micro: int = 0
    possible_micro: int = 0

    @property
    def most_micro(self) -> int:
        """What was paid at the worst: what limits and reservations count."""
        return self.certain_most_micro + self.possible_micro


@attrs.frozen
class CallCharge:
    """What was paid for one call: `certain` outputs (or 1, the call) of it, and perhaps `possible` beside those."""

    call: PaidCall
    certain: int
    possible: int
    charge: Charge


NOTHING = Cost(0, 0)


@attrs.frozen(kw_only=True)
class Books:
    """The paid calls of one task.

    `pictures` is how many it asks for, 0 when it is paid by the call; `at_hand` the indexes of those that are ours,
    or whose link is saved.
    """

    calls: Sequence[PaidCall]
    pictures: int
    at_hand: Collection[int] = ()

    @property
    def cost(self) -> Cost:
        """What was paid. A picture at hand was: one of the calls that may have brought it is then certain."""
        if not self.calls:
            return NOTHING
        if not self.pictures:
            outcomes = [call.outcome for call in self.calls]
            return Cost(outcomes.count(_CERTAIN), sum(map(outcomes.count, _POSSIBLE)))
        if len(self.calls) == 1:  # most tasks
            return _cost_of_one(self.calls[0], self.at_hand)
        shares = list(self._shares())
        return Cost(sum(certain for _, certain, _ in shares), sum(possible for _, _, possible in shares))

    @property
    def billed(self) -> Billed:
        """Whether anything was charged for."""
        cost = self.cost
        if cost.certain:
            return Billed.YES
        return Billed.UNKNOWN if cost.possible else Billed.NO

    def charge(self, price: Price) -> Charge:
        """Return what was paid in money: what the service told of a call, else *price* for each output of it."""
        charges = [each.charge for each in self.charges(price)]
        return Charge(
            sum(each.certain_micro for each in charges),
            sum(each.certain_most_micro for each in charges),
            sum(each.possible_micro for each in charges),
        )

    def charges(self, price: Price | None) -> Iterator[CallCharge]:
        """Yield what was paid for each call that was, or may have been; without a price, how much of it."""
        for call, certain, doubtful in self._shares():
            if certain or doubtful:
                charge = Charge() if price is None else _charge_of(call.cost_micro, price, certain, doubtful)
                yield CallCharge(call, certain, doubtful, charge)

    def _shares(self) -> Iterator[tuple[PaidCall, int, int]]:
        """Yield each call with how much of it was paid for certain, and perhaps beside that: outputs, or the call.

        An output at hand was paid for: the last of the calls that may have brought it is certain.
        """
        proved = set(self.at_hand)
        for call in self.calls:
            if call.outcome is _CERTAIN:
                proved.difference_update(call.indexes)
        for call in reversed(self.calls):
            if call.outcome is _CERTAIN:
                yield call, len(call.indexes) if self.pictures else 1, 0
            elif call.outcome in _POSSIBLE:
                brought = proved.intersection(call.indexes)
                proved -= brought
                count = len(call.indexes) if self.pictures else 1
                yield call, len(brought), count - len(brought)

    def in_vain(self, indexes: Iterable[int], attempt: int) -> int:
        """Return how many purchases may have been made that brought nothing, of the worst of the missing *indexes*.

        Without pictures every call counts that may have been paid for and whose answer is not known to this
        *attempt*: those that were answered within it are the provider's own steps.
        """
        if not self.pictures:
            return sum(1 for call in self.calls if _brought_nothing(call, attempt))
        bought = self._per_picture(_CERTAIN, *_POSSIBLE)
        return max((bought[index] for index in indexes), default=0)

    def _per_picture(self, *outcomes: CallOutcome) -> Counter[int]:
        return Counter(index for call in self.calls if call.outcome in outcomes for index in call.indexes)


def _charge_of(told_micro: int | None, price: Price, certain: int, doubtful: int) -> Charge:
    if told_micro is not None:
        return Charge(told_micro, told_micro, 0) if certain else Charge(0, 0, told_micro)
    return Charge(certain * price.amount_micro, certain * price.dearest_micro, doubtful * price.dearest_micro)


def _cost_of_one(call: PaidCall, at_hand: Collection[int]) -> Cost:
    if call.outcome is _CERTAIN:
        return Cost(len(call.indexes), 0)
    if call.outcome not in _POSSIBLE:
        return NOTHING
    proved = sum(1 for index in at_hand if index in call.indexes)
    return Cost(proved, len(call.indexes) - proved)


def _brought_nothing(call: PaidCall, attempt: int) -> bool:
    if call.outcome is _CERTAIN:
        return call.attempt < attempt and not call.resumable
    return call.outcome in _POSSIBLE


def outcome_of(error: BaseException | None) -> CallOutcome:
    """Return what became of a call whose block ended with *error*; None: it was answered.

    Any other error than those that say so leaves it open whether it ran: a cut connection, a cancellation, a bug. A
    refusal that is charged for, or may be, brought nothing: it is in doubt, too, and is not repeated.
    """
    if error is None:
        return CallOutcome.DELIVERED
    if not isinstance(error, PluginError):
        return CallOutcome.UNKNOWN
    is_free = error.billed is Billed.NO or error.call_outcome is not CallOutcome.REJECTED
    return error.call_outcome if is_free else CallOutcome.UNKNOWN
