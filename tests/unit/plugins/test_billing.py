"""The one place that says what paid calls amount to."""

from __future__ import annotations

import asyncio

import attrs
import pytest

from danqing_plugins import (
    AccountProblem,
    ContentRejected,
    InvalidRequest,
    OutcomeUnknown,
    PluginError,
    Price,
    RateLimited,
    Unavailable,
)
from danqing_plugins.billing import Billed, Books, CallOutcome, Charge, Cost, outcome_of
from danqing_plugins.outcomes import ErrorKind

OPEN, DELIVERED, UNKNOWN = CallOutcome.OPEN, CallOutcome.DELIVERED, CallOutcome.UNKNOWN
REJECTED, FAILED, UNSENT = CallOutcome.REJECTED, CallOutcome.FAILED_UNBILLED, CallOutcome.UNSENT


@attrs.frozen
class ACall:
    """As much of a call as the books look at."""

    outcome: CallOutcome
    indexes: tuple[int, ...] = (0,)
    attempt: int = 1
    resumable: bool = False
    cost_micro: int | None = None


class TestOutcome:
    @pytest.mark.parametrize(
        ("error", "outcome"),
        [
            (None, DELIVERED),
            (RateLimited("m"), FAILED),
            (Unavailable("m"), FAILED),
            (InvalidRequest("m"), REJECTED),
            (ContentRejected("m"), REJECTED),
            (AccountProblem("m"), REJECTED),
            (OutcomeUnknown("m"), UNKNOWN),
            (PluginError("m"), UNKNOWN),
            (ValueError("m"), UNKNOWN),
            (asyncio.CancelledError(), UNKNOWN),
        ],
    )
    def test_each_error_says_what_was_billed(self, error: BaseException | None, outcome: CallOutcome) -> None:
        """Only those that promise it leave a call unbilled."""
        assert outcome_of(error) is outcome


class TestCost:
    @pytest.mark.parametrize(
        ("calls", "at_hand", "cost", "billed"),
        [
            ([], (), Cost(0, 0), Billed.NO),
            ([ACall(REJECTED), ACall(FAILED), ACall(UNSENT)], (), Cost(0, 0), Billed.NO),
            ([ACall(DELIVERED, (0, 1))], (0, 1), Cost(2, 0), Billed.YES),
            ([ACall(DELIVERED, ())], (), Cost(0, 0), Billed.NO),
            ([ACall(UNKNOWN)], (), Cost(0, 1), Billed.UNKNOWN),
            ([ACall(OPEN, (0, 1))], (0,), Cost(1, 1), Billed.YES),
            ([ACall(UNKNOWN), ACall(DELIVERED)], (0,), Cost(1, 1), Billed.YES),
            ([ACall(UNKNOWN), ACall(UNKNOWN)], (0,), Cost(1, 1), Billed.YES),
        ],
    )
    def test_pictures(self, calls: list[ACall], at_hand: tuple[int, ...], cost: Cost, billed: Billed) -> None:
        """A picture at hand was paid for; what is not known may have been."""
        books = Books(calls=calls, pictures=2, at_hand=at_hand)
        assert (books.cost, books.billed) == (cost, billed)

    def test_tasks_without_pictures_are_paid_by_the_call(self) -> None:
        """E3: there is nothing else to count."""
        calls = [ACall(DELIVERED, ()), ACall(UNKNOWN, ()), ACall(REJECTED, ())]
        books = Books(calls=calls, pictures=0)
        assert (books.cost, books.cost.most, books.billed) == (Cost(1, 1), 2, Billed.YES)


EXACT = Price(amount_micro=200, currency="CNY")
RANGE = Price(amount_micro=200, currency="CNY", most_micro=500)


class TestCharge:
    """In money: what the service told of a call, else the estimate."""

    @pytest.mark.parametrize(
        ("calls", "at_hand", "price", "charge"),
        [
            ([], (), EXACT, Charge(0, 0, 0)),
            ([ACall(DELIVERED, (0, 1))], (0, 1), EXACT, Charge(400, 400, 0)),
            ([ACall(DELIVERED, (0, 1))], (0, 1), RANGE, Charge(400, 1000, 0)),
            ([ACall(DELIVERED, (0, 1), cost_micro=350)], (0, 1), RANGE, Charge(350, 350, 0)),
            ([ACall(UNKNOWN, (0, 1))], (), RANGE, Charge(0, 0, 1000)),
            ([ACall(UNKNOWN, (0, 1), cost_micro=7)], (), RANGE, Charge(0, 0, 7)),
            ([ACall(OPEN, (0, 1))], (0,), RANGE, Charge(200, 500, 500)),
            ([ACall(UNKNOWN), ACall(DELIVERED, cost_micro=0)], (0,), EXACT, Charge(0, 0, 200)),
            ([ACall(UNKNOWN), ACall(UNKNOWN)], (0,), EXACT, Charge(200, 200, 200)),
            ([ACall(REJECTED, cost_micro=9), ACall(FAILED), ACall(UNSENT)], (), RANGE, Charge(0, 0, 0)),
        ],
    )
    def test_outputs(self, calls: list[ACall], at_hand: tuple[int, ...], price: Price, charge: Charge) -> None:
        """Each output is paid once for certain, by the call that brought it, and else perhaps."""
        assert Books(calls=calls, pictures=2, at_hand=at_hand).charge(price) == charge

    def test_tasks_without_outputs_are_paid_by_the_call(self) -> None:
        """Its price is that of the call."""
        calls = [ACall(DELIVERED, (), cost_micro=31), ACall(DELIVERED, ()), ACall(UNKNOWN, ())]
        charge = Books(calls=calls, pictures=0).charge(RANGE)
        assert (charge, charge.most_micro) == (Charge(231, 531, 500), 1031)


class TestInVain:
    def test_the_worst_picture_counts(self) -> None:
        """E2: an answer whose picture is missing again was paid for as well as an unknown one."""
        calls = [ACall(UNKNOWN, (0, 1)), ACall(DELIVERED, (1,)), ACall(FAILED, (0, 1))]
        books = Books(calls=calls, pictures=2)
        assert [books.in_vain([index], attempt=2) for index in (0, 1)] == [1, 2]
        assert books.in_vain([0, 1], attempt=2) == 2
        assert books.in_vain([], attempt=2) == 0

    @pytest.mark.parametrize(
        ("call", "attempt", "count"),
        [
            (ACall(UNKNOWN, ()), 1, 1),
            (ACall(OPEN, ()), 2, 1),
            (ACall(DELIVERED, ()), 1, 0),
            (ACall(DELIVERED, ()), 2, 1),
            (ACall(DELIVERED, (), resumable=True), 2, 0),
            (ACall(REJECTED, ()), 2, 0),
        ],
    )
    def test_calls_without_pictures(self, call: ACall, attempt: int, count: int) -> None:
        """E3: an answer that died with an earlier attempt was paid in vain; one of this attempt is a step of it."""
        assert Books(calls=[call], pictures=0).in_vain([], attempt) == count


class TestMeaning:
    def test_a_class_of_ones_own_means_what_its_parent_does(self) -> None:
        """Whatever word it has for itself."""

        class Busy(RateLimited):
            default_code = "busy"

        error = Busy("m", retry_after_s=3)
        assert (error.kind, error.task_code, error.code) == (ErrorKind.RATE_LIMITED, "rate_limited", "busy")
        assert (error.retryable, error.billed, error.retry_after_s) == (True, Billed.NO, 3)
        assert outcome_of(error) is FAILED

    def test_only_one_leaves_the_bill_open(self) -> None:
        """What is known not to be charged is said so."""
        open_bills = [error for error in PluginError.__subclasses__() if error.billed is Billed.UNKNOWN]
        assert open_bills == [OutcomeUnknown]
