"""What a submission would amount to: price, place in line, what would refuse it. Nothing is kept."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import attrs

from danqing_server.clock import Clock, from_ms
from danqing_server.desk.admission import Submissions
from danqing_server.desk.checking import Checked
from danqing_server.desk.forecast import Forecast, LaneView
from danqing_server.desk.limit_states import Shortage
from danqing_server.desk.request import Submission
from danqing_server.errors import Overloaded
from danqing_server.life.billing import EXTRA_PURCHASES

__all__ = ["Quote", "Quotes"]


@attrs.frozen(kw_only=True)
class Quote:
    """What a submission amounts to. `refusal` says that no more may wait, None when there is room; `shortages`
    are the limits of its project and key that would refuse it now.

    `amount_micro` and `most_micro` are in millionths of `currency`, None when the provider names no price: the
    second also when broken calls are paid and made again, and at the dearest target of a route in this currency.
    `start_at` is None when nothing tells.
    """

    checked: Checked
    calls: int
    view: LaneView
    start_at: datetime | None
    currency: str | None = None
    amount_micro: int | None = None
    most_micro: int | None = None
    refusal: Overloaded | None = None
    shortages: Sequence[Shortage] = ()


@attrs.define(eq=False)
class Quotes:
    """Says what submissions would amount to. `on_ambiguous` is the server's policy."""

    submissions: Submissions
    forecast: Forecast
    clock: Clock
    on_ambiguous: str

    async def quote(self, submission: Submission) -> Quote:
        """Return what *submission* would amount to.

        Raises:
            InvalidSubmission: with one problem per wrong field.
            QueueUnavailable: nobody can tell how its lane stands.
            StoreUnavailable: nobody can tell what its limits leave.
        """
        checked = await self.submissions.examine(submission)
        view = await self.forecast.lane(checked.lane)
        count = max(1, checked.prepared.outputs)
        quote = Quote(
            checked=checked,
            calls=1 if checked.first.single_call else count,
            view=view,
            start_at=self._start_at(submission, view),
            refusal=await self._refusal(submission, checked),
            shortages=await self.submissions.shortages(submission, checked),
        )
        price = checked.first.price
        if price is None:
            return quote
        alike = [each for each in checked.prices if each.currency == price.currency]
        dearest = max(each.dearest_micro for each in alike)
        policy = submission.on_ambiguous or checked.on_ambiguous or self.on_ambiguous
        return attrs.evolve(
            quote,
            currency=price.currency,
            amount_micro=count * price.amount_micro,
            most_micro=count * dearest * (1 + EXTRA_PURCHASES[policy]),
        )

    async def _refusal(self, submission: Submission, checked: Checked) -> Overloaded | None:
        try:
            await self.submissions.limits.check(
                checked.lane, submission.caller.owner, submission.user_id, delayed=bool(submission.delay_s)
            )
        except Overloaded as error:
            return error
        return None

    def _start_at(self, submission: Submission, view: LaneView) -> datetime | None:
        """Return when it may begin: when its lane is open, and those before it have begun, and it is due."""
        waits_s = view.drained_in_s(view.depth.queued) if view.depth.queued else 0.0
        if waits_s is None:
            return None
        now, until_ms = self.clock.now(), view.gate.shut_until_ms
        if view.gate.is_endless or (not until_ms and view.gate.state != "closed"):
            return None
        opens_at = max(now, from_ms(until_ms)) if until_ms else now
        return max(opens_at + timedelta(seconds=waits_s), now + timedelta(seconds=submission.delay_s))
