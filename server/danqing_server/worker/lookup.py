"""Asking a provider what became of calls whose answers were lost, before any policy decides about them.

It costs nothing and orders nothing. What is learned of a call is written down at once; it is asked for once:
an order that is found is open again and goes on; one that was never placed was not billed; of one that nobody knows
the policy decides, as if nobody could have been asked.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import assert_never

from danqing_plugins import (
    ContentRejected,
    FoundOrder,
    InvalidRequest,
    Job,
    LostCall,
    NeverPlaced,
    OutcomeUnknown,
    Unavailable,
)
from danqing_server.life.billing import lost_calls, to_buy
from danqing_server.life.charges import cost_micro
from danqing_server.life.decision import NEVER_PLACED, ORDER_UNKNOWN
from danqing_server.records.tasks import CallOutcome, CallRecord
from danqing_server.worker import aftermath, texts
from danqing_server.worker.ledger import Ledger
from danqing_server.worker.run import TaskRun, require_storable

__all__ = ["look_up_orders"]

LONGEST_S = 60.0
"""How long one question may take."""

Answer = FoundOrder | NeverPlaced | None


async def look_up_orders(job: Job, run: TaskRun) -> None:
    """Ask for each call of *run*'s task that is to be looked up; return when there is nothing more to buy for it.

    Raises:
        Unavailable: the service could not be asked; or it never got a call, whose pictures are to be bought when
            it is their turn.
        OutcomeUnknown: the service cannot tell, so that the policy decides.
        PluginError: as the provider raised it.
    """
    before = run.ledger.task
    answers = [await _look_up(job, run, call) for call in lost_calls(before)]
    if to_buy(run.ledger.task) <= to_buy(before):
        return
    if None in answers:
        raise OutcomeUnknown(texts.ORDER_UNKNOWN(), code=ORDER_UNKNOWN)
    raise Unavailable(texts.NEVER_PLACED(), code=NEVER_PLACED)


async def _look_up(job: Job, run: TaskRun, call: CallRecord) -> Answer:
    ledger, before = run.ledger, run.ledger.task
    answer = await _ask(job, run, call)
    _note(ledger, call, answer, run.tools.clock.now())
    await ledger.save()
    await aftermath.settle_known(run.tools, ledger.task, call.sent_at, cost_micro(before))
    run.log.info("order_looked_up", call_id=call.id, found=None if answer is None else type(answer).__name__)
    return answer


async def _ask(job: Job, run: TaskRun, call: CallRecord) -> Answer:
    lost = LostCall(id=call.id, fingerprint=call.fingerprint, sent_at=call.sent_at, indexes=call.indexes)
    try:
        async with asyncio.timeout(min(LONGEST_S, run.remaining_s)):
            return await run.tools.registry.find_order(job, run, lost)
    except (OutcomeUnknown, TimeoutError) as error:  # of a question: it may be asked again
        raise Unavailable(texts.ORDER_NOT_LOOKED_UP()) from error
    except (InvalidRequest, ContentRejected) as error:
        run.log.warning("order_not_asked_for", call_id=call.id, code=error.code)
        return None


def _note(ledger: Ledger, call: CallRecord, answer: Answer, now: datetime) -> None:
    known = call.changed(looked_up=True)
    match answer:
        case FoundOrder(saved=saved):
            together = {**ledger.task.saved, **saved}
            require_storable(together)
            ledger.note(saved=together)
            known = known.changed(outcome=CallOutcome.OPEN, resumable=True, ended_at=None)
        case NeverPlaced():
            known = known.changed(outcome=CallOutcome.FAILED_UNBILLED, ended_at=now, error_code=NEVER_PLACED)
        case None:
            pass
        case _:
            assert_never(answer)
    ledger.note_call(known)
