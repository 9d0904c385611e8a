"""The provider under a daily limit: what its tasks really cost, and what waits behind its closed lane."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from tests.chaos.billing import Bill
from tests.chaos.clients import Clients
from tests.chaos.faults import STEPS_S
from tests.chaos.submission import Submission
from tests.chaos.traffic import CAPPED, MODEL
from tests.chaos.verdict import Verdict

__all__ = ["judge_spending", "variables_of_limit", "withdraw_held_back"]

REASON = "spend_limit"
WITHDRAW_EVERY_S = 2.0


def variables_of_limit(pictures: int) -> dict[str, str]:
    """Return the settings under which a picture costs 1, and a day at most *pictures*."""
    return {
        "DANQING_DAILY_SPEND_LIMITS": f"{CAPPED}:{pictures}",
        "DANQING_VOLCENGINE_PRICES": f'{{"{MODEL}": 1}}',
    }


async def withdraw_held_back(clients: Clients) -> None:
    """Cancel what waits for tomorrow's money, and says so, until cancelled; nothing else would end it today."""
    while True:
        await _withdraw(clients)
        await asyncio.sleep(WITHDRAW_EVERY_S)


async def _withdraw(clients: Clients) -> None:
    for submission in clients.unfinished:
        if submission.kind.provider != CAPPED:
            continue
        _, answer = await clients.ask("GET", f"/api/v1/tasks/{submission.task_id}/explain")
        explained = (answer.get("data") or {}) if isinstance(answer, dict) else {}
        if REASON in (explained.get("reason"), (explained.get("last_error") or {}).get("provider_code")):
            submission.withdrawn = True
            await clients.move(submission, "cancel")


def judge_spending(
    verdict: Verdict, submissions: Sequence[Submission], bills: Mapping[str, Sequence[Bill]], limit: int
) -> None:
    """Compare what was billed with the limit; a run, or a clock set wrong, may touch more than one day."""
    capped = [submission for submission in submissions if submission.kind.provider == CAPPED]
    paid = [bill for submission in capped for bill in bills.get(submission.nonce, ())]
    verdict.counts["pictures paid under the limit"] = len(paid)
    verdict.figures["spend limit, pictures a day"] = limit
    days = {datetime.fromtimestamp(bill.at_s + step_s, UTC).date() for bill in paid for step_s in (0, *STEPS_S)}
    if (above := len(paid) - limit * max(1, len(days))) > 0:
        verdict.break_promise(None, "limits passed", f"{len(paid)} paid, limit {limit}, days {len(days)}", above)
