"""What the ledger is to say of a task: what it says of itself, whatever it said before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
from hypothesis import given
from hypothesis import strategies as st

from danqing_plugins import Price
from danqing_plugins.billing import Billed, CallOutcome
from danqing_server.life.booking import posting_of
from danqing_server.life.charges import bills_of
from danqing_server.records.accounts import COSTS, LineKind, Posting
from danqing_server.records.routing import RoutedTarget, TaskRoute
from danqing_server.records.tasks import FINISHED, CallRecord, Hold, Status, Task

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
PRICE = Price(amount_micro=200_000, currency="CNY")
SPAN = Price(amount_micro=30_000, currency="USD", most_micro=50_000)


def call(name: str, outcome: CallOutcome, *indexes: int, **fields: Any) -> CallRecord:
    """Return a call of the first attempt."""
    record = CallRecord(
        id=name, attempt=1, indexes=indexes or (0,), fingerprint="f", sent_at=NOON + timedelta(seconds=1)
    )
    return record.changed(outcome=outcome, **fields)


def task(*calls: CallRecord, status: Status = Status.COMPLETED, **fields: Any) -> Task:
    """Return a task of four pictures."""
    made = Task(
        id="t",
        user_id="u",
        type="image",
        provider="p",
        model="m",
        input={},
        status=status,
        transition_id="x",
        created_at=NOON,
        updated_at=NOON,
        images=4,
        owner="alice",
        key="k1",
        price=PRICE,
        calls={each.id: each for each in calls},
    )
    return made.changed(**fields)


def booked(*seen: Task) -> list[Posting]:
    """Return the books of a task that was looked at in these states, one after another."""
    found: list[Posting] = []
    for each in seen:
        while (posting := posting_of(each, found, NOON)) is not None:
            found.append(posting)
    return found


def of_key(postings: Sequence[Posting], key: str) -> list[Posting]:
    """Return those of *postings* that count to *key*."""
    return [posting for posting in postings if posting.key == key]


def amounts(postings: Sequence[Posting]) -> Counter[tuple[str | None, str]]:
    """Return what the books say was paid, or may have been, by currency."""
    sums: Counter[tuple[str | None, str]] = Counter()
    for posting in postings:
        for line in posting.lines:
            if line.kind in COSTS:
                sums[line.currency, line.billed.value] += line.amount_micro
    return +sums


def ends(postings: Sequence[Posting]) -> Counter[str | None]:
    """Return how often the books count it as what."""
    counts: Counter[str | None] = Counter()
    for posting in postings:
        for line in posting.lines:
            counts[line.status] += line.tasks
    return +counts


def least(postings: Sequence[Posting]) -> int:
    """Return the smallest sum of any key: of what was or may have been paid, or of tasks, by how they ended."""
    sums: Counter[tuple[Any, ...]] = Counter()
    for posting in postings:
        for line in posting.lines:
            if line.kind in COSTS:
                sums[posting.key, line.call, line.billed] += line.amount_micro
                sums[posting.key, line.status] += line.tasks
    return min(sums.values(), default=0)


class TestPosting:
    """The first look at a task that has ended, and the ones after it."""

    def test_a_completed_task_is_one_line(self) -> None:
        """Its call, what it cost, and that it is one task."""
        [posting] = booked(task(call("c", CallOutcome.DELIVERED, 0, 1, 2, 3)))
        [line] = posting.lines
        assert (posting.project, posting.key, posting.user, posting.number) == ("alice", "k1", "u", 0)
        assert (line.kind, line.billed, line.currency) == (LineKind.SETTLE, Billed.YES, "CNY")
        assert (line.pictures, line.amount_micro, line.status, line.tasks) == (4, 800_000, "completed", 1)

    def test_looking_again_adds_nothing(self) -> None:
        """Once booked, a task is booked."""
        seen = task(call("c", CallOutcome.DELIVERED))
        assert len(booked(seen, seen, seen)) == 1

    def test_what_runs_is_not_booked(self) -> None:
        """Not before it ends: until then it has what was set aside."""
        assert booked(task(call("c", CallOutcome.DELIVERED), status=Status.PROCESSING)) == []

    def test_a_task_without_calls_is_counted(self) -> None:
        """Cancelled before it began, it cost nothing."""
        books = booked(task(status=Status.CANCELLED))
        assert (amounts(books), ends(books)) == (Counter(), Counter({"cancelled": 1}))

    def test_a_task_without_a_price_is_booked_with_its_pictures(self) -> None:
        """Nobody named one: the amount is 0, the pictures are there."""
        [posting] = booked(task(call("c", CallOutcome.DELIVERED, 0, 1), price=None))
        [line] = posting.lines
        assert (line.currency, line.amount_micro, line.pictures) == (None, 0, 2)

    def test_what_may_have_been_paid_stands_apart(self) -> None:
        """As unknown, at the most that it may be."""
        unknown = call("b", CallOutcome.UNKNOWN, 1)
        books = booked(task(call("a", CallOutcome.DELIVERED, 0), unknown, price=SPAN, status=Status.FAILED))
        assert amounts(books) == Counter({("USD", "yes"): 30_000, ("USD", "unknown"): 50_000})
        [first, second] = books[0].lines
        assert first.estimated
        assert second.estimated

    def test_a_late_outcome_is_an_adjustment(self) -> None:
        """What was in doubt is taken back, and what it became is added."""
        doubtful = call("c", CallOutcome.UNKNOWN)
        before = task(doubtful, status=Status.FAILED)
        paid = before.changed(calls={"c": doubtful.changed(late_outcome=CallOutcome.DELIVERED)})
        free = before.changed(calls={"c": doubtful.changed(late_outcome=CallOutcome.REJECTED)})
        assert amounts(booked(before, paid)) == Counter({("CNY", "yes"): 200_000})
        assert amounts(booked(before, free)) == Counter()
        assert {line.kind for line in booked(before, paid)[1].lines} == {LineKind.ADJUST}

    def test_a_retry_that_succeeds_is_one_task_on_its_own_day(self) -> None:
        """What the first round cost stays where it was booked."""
        first = task(call("a", CallOutcome.UNKNOWN), status=Status.FAILED)
        tomorrow = NOON + timedelta(days=1)
        again = call("b", CallOutcome.DELIVERED, sent_at=tomorrow + timedelta(seconds=1))
        second = first.changed(
            calls={**first.calls, "b": again}, status=Status.COMPLETED, retried_at=tomorrow, images=1
        )
        books = booked(first, second)
        assert ends(books) == Counter({"completed": 1})
        assert [(line.at, line.billed) for posting in books for line in posting.lines if line.amount_micro] == [
            (NOON, Billed.UNKNOWN),
            (tomorrow, Billed.YES),
        ]

    def test_a_retry_by_another_key_leaves_to_the_first_what_it_asked_for(self) -> None:
        """Also what turns out later of it; the task itself counts to who asked last."""
        doubtful, tomorrow = call("a", CallOutcome.UNKNOWN), NOON + timedelta(days=1)
        first = task(doubtful, status=Status.FAILED, images=1)
        again = call("b", CallOutcome.DELIVERED, sent_at=tomorrow + timedelta(seconds=1))
        free = doubtful.changed(late_outcome=CallOutcome.REJECTED)
        second = first.changed(
            calls={"a": free, "b": again}, status=Status.COMPLETED, retried_at=tomorrow, key="k2"
        )
        books = booked(first, second)
        assert [amounts(of_key(books, key)) for key in ("k1", "k2")] == [
            Counter(),
            Counter({("CNY", "yes"): 200_000}),
        ]
        assert [ends(of_key(books, key)) for key in ("k1", "k2")] == [Counter(), Counter({"completed": 1})]
        assert least(books) >= 0

    def test_an_earlier_round_is_booked_while_the_next_one_runs(self) -> None:
        """Should nobody have heard of its end before."""
        tomorrow = NOON + timedelta(days=1)
        running = task(
            call("a", CallOutcome.DELIVERED),
            call("b", CallOutcome.OPEN, 1, sent_at=tomorrow + timedelta(seconds=1)),
            status=Status.PROCESSING,
            retried_at=tomorrow,
        )
        assert amounts(booked(running)) == Counter({("CNY", "yes"): 200_000})

    def test_each_target_of_a_route_is_booked_at_its_own_price(self) -> None:
        """And each currency for itself."""
        targets = (
            RoutedTarget(provider="p", model="m", input={}, price=PRICE),
            RoutedTarget(provider="q", model="n", input={}, price=Price(amount_micro=7, currency="USD")),
        )
        seen = task(
            call("a", CallOutcome.DELIVERED, 0),
            call("b", CallOutcome.DELIVERED, 1, target=1),
            route=TaskRoute(model="r", targets=targets, target=1),
        )
        assert amounts(booked(seen)) == Counter({("CNY", "yes"): 200_000, ("USD", "yes"): 7})
        assert {(line.provider, line.model) for line in booked(seen)[0].lines} == {("p", "m"), ("q", "n")}

    def test_what_was_set_aside_is_told_with_its_release(self) -> None:
        """Once for each hold, adding up to nothing."""
        held = task(status=Status.CANCELLED, hold=Hold(id="h", at=NOON, amounts_micro={"CNY": 800_000}))
        lines = [line for posting in booked(held, held) for line in posting.lines if line.hold == "h"]
        assert [(line.kind, line.amount_micro) for line in lines] == [
            (LineKind.RESERVE, 800_000),
            (LineKind.RELEASE, -800_000),
        ]

    def test_what_was_simulated_stays_so(self) -> None:
        """Also when its provider is real by the time that more is learned of it; what is bought then is real."""
        doubt, settled = task(call("a", CallOutcome.UNKNOWN, 0)), task(call("a", CallOutcome.DELIVERED, 0))
        first = posting_of(doubt, (), NOON, {"p"})
        assert first is not None
        second = posting_of(settled, [first], NOON)
        assert second is not None
        assert {line.simulated for line in (*first.lines, *second.lines)} == {True}
        later = call("b", CallOutcome.DELIVERED, 1, sent_at=NOON + timedelta(days=2))
        again = task(call("a", CallOutcome.DELIVERED, 0), later, retried_at=NOON + timedelta(days=1))
        third = posting_of(again, [first, second], NOON)
        assert third is not None
        assert {(line.call, line.tasks, line.simulated) for line in third.lines} == {
            ("b", 1, False),
            (None, -1, True),
        }

    def test_books_that_do_not_say_what_was_simulated_are_whole(self) -> None:
        """Those of an earlier release: nothing is added to them for that."""
        seen = task(call("a", CallOutcome.DELIVERED, 0))
        [posting] = booked(seen)
        silent = attrs.evolve(posting, lines=tuple(attrs.evolve(line, simulated=None) for line in posting.lines))
        assert posting_of(seen, [silent], NOON, {"p"}) is None


OUTCOMES = st.sampled_from(CallOutcome)
CALLS = st.lists(
    st.builds(
        lambda outcome, late, indexes, cost: (outcome, late, tuple(indexes), cost),
        OUTCOMES,
        st.none() | OUTCOMES,
        st.sets(st.integers(0, 3), min_size=1),
        st.none() | st.integers(0, 10**6),
    ),
    max_size=4,
)
STATES = st.tuples(st.sampled_from([*FINISHED, Status.PROCESSING]), CALLS, st.sampled_from(["k1", "k2"]))


@given(st.lists(STATES, min_size=1, max_size=6))
def test_the_books_say_what_the_task_says(states: list[tuple[Status, list[tuple[Any, ...]], str]]) -> None:
    """Whatever the states it was seen in, once it is seen at an end: its bill, and one end."""
    seen = [
        task(
            *(
                call(f"c{number}", outcome, *indexes, late_outcome=late, cost_micro=cost)
                for number, (outcome, late, indexes, cost) in enumerate(calls)
            ),
            status=status,
            key=key,
        )
        for status, calls, key in states
    ]
    last = seen[-1].changed(status=Status.FAILED)
    books = booked(*seen, last)
    [bill] = bills_of(last)
    assert amounts(books)["CNY", "yes"] == bill.amount_micro
    assert ends(books) == ends(of_key(books, states[-1][2])) == Counter({"failed": 1})
    assert least(books) >= 0
    assert [posting.number for posting in books] == list(range(len(books)))
