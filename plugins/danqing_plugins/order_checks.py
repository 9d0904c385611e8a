"""What the conformance kit asks of services that take orders: cut everywhere, looked up, dropped, and failed."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import TypeVar

import attrs

from danqing_plugins.cutting import cut, generate, go_on
from danqing_plugins.discretion import require_discretion
from danqing_plugins.errors import PluginError, Unavailable
from danqing_plugins.models import FoundOrder, LostCall, NeverPlaced
from danqing_plugins.outcomes import CallOutcome, ErrorKind
from danqing_plugins.provider import Provider
from danqing_plugins.recording import RecordedCall, RecordingRun, require_json

__all__ = ["check_cancelled_order", "check_failed_order", "check_lost_order", "check_order", "check_polling"]

BETWEEN_POLLS_S = 0.05
UNSENT = "call-that-was-never-sent"

T = TypeVar("T")


async def check_order(provider: Provider, run: RecordingRun) -> None:
    """Check what follows a crash behind each order's checkpoint: it is asked for, and not placed again.

    A provider that saves no checkpoint inside a call has no orders.
    """
    for number in range(1, max(1, run.job.outputs) + 1):
        first = run.anew(holds_at_order=number)
        if not await cut(provider, first, first.held):
            return
        await go_on(provider, first, "behind the order")


async def check_polling(provider: Provider, run: RecordingRun) -> None:
    """Check what follows a crash while an order is asked for, and before what it brings is delivered."""
    for linger_s in (0.0, BETWEEN_POLLS_S):
        first = run.anew()
        if await cut(provider, first, first.ordered, linger_s):
            await go_on(provider, first, "while an order was asked for")
    first = run.anew(holds_after=0)
    if await cut(provider, first, first.held) and first.ordered.is_set():
        await go_on(provider, first, "before the first delivery")


async def check_lost_order(provider: Provider, run: RecordingRun) -> None:
    """Check `find_order` of a model that says `finds_orders`: for a lost answer, and a call never sent."""
    if not any(model.finds_orders for model in provider.info.models if model.id == run.job.model):
        return
    first = run.anew(holds_at_order=1, loses_order=True)
    assert await cut(provider, first, first.held), "the model finds orders, but generate saves none inside its call"
    second = first.next_attempt()
    lost = first.lost_call
    assert lost is not None
    answer = await _find(provider, second, _lost(lost))
    assert isinstance(answer, FoundOrder), f"find_order says {_named(answer)} of an order that the service took"
    require_json(answer.saved, "FoundOrder.saved")
    first.find(lost, answer)
    await go_on(provider, first, "that lost an answer, whose order was found,")
    stranger = run.anew()
    never = attrs.evolve(_lost(lost), id=UNSENT, fingerprint="0" * 64)
    try:
        answer = await _find(provider, stranger, never)
    except Unavailable:
        return  # too soon to tell: it is asked again
    assert not isinstance(answer, FoundOrder), "find_order finds an order for a call that was never sent"


async def check_cancelled_order(provider: Provider, run: RecordingRun) -> None:
    """Check that `cancel_order` says whether the order was dropped, and orders nothing."""
    first = run.anew(holds_at_order=1)
    if not await cut(provider, first, first.held):
        return
    asking = first.next_attempt()
    dropped = await _awaited(provider.danqing_cancel_order(job=asking.job, run=asking), "danqing_cancel_order")
    assert dropped in (True, False), f"cancel_order says {dropped!r}; True: it was dropped and costs nothing"
    assert not asking.calls, "cancel_order made a paid run.call"


async def check_failed_order(provider: Provider, run: RecordingRun, secrets: Sequence[str] = ()) -> None:
    """Check that an order which comes to nothing is settled; *run* is of a request that its service will fail.

    What is to be tried again must be ordered anew: the order that failed will never come.
    """
    error = await _failure(provider, run)
    require_discretion(run, secrets, error)
    assert error is not None or run.rejected, "the request that was to fail did not"
    if error is None or error.kind is ErrorKind.REFUSED:
        return  # the server settles what a refusal leaves open
    orders = [call for call in run.calls if call.resumable]
    assert not orders or any(call.outcome is not CallOutcome.OPEN for call in orders), (
        f"an order failed ({error.code}), and its call stays open: say with run.settle what it came to"
    )
    second = run.next_attempt()
    await _failure(provider, second)
    assert second.calls, f"after an order failed ({error.code}) the next attempt asks for it, and orders no other"


async def _failure(provider: Provider, run: RecordingRun) -> PluginError | None:
    try:
        await generate(provider, run)
    except PluginError as error:
        return error
    return None


async def _find(provider: Provider, run: RecordingRun, lost: LostCall) -> FoundOrder | NeverPlaced | None:
    asked = provider.danqing_find_order(job=run.job, run=run, lost=lost)
    answer = await _awaited(asked, "danqing_find_order")
    assert not run.calls, "find_order made a paid run.call"
    return answer


async def _awaited(asked: Awaitable[T] | None, hook: str) -> T:
    assert asked is not None, f"{hook} does not answer for its own provider"
    return await asked


def _lost(call: RecordedCall) -> LostCall:
    return LostCall(id=call.id, fingerprint=call.fingerprint, sent_at=call.sent_at, indexes=call.indexes)


def _named(answer: object) -> str:
    return "nothing" if answer is None else type(answer).__name__
