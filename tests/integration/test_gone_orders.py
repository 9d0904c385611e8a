"""An order of which nobody says what became: it stays in doubt, whatever becomes of the one that took its place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from danqing_plugins import Call, ContentRejected, Job, OutcomeUnknown, PluginError, Run
from danqing_plugins.kit.orders import AsyncOrders, Failed, Found, Pace
from danqing_server.records.tasks import Billed, Status, Task
from danqing_server.settings.server import Settings
from tests.support.providers import ScriptedProvider
from tests.support.system import running_system


@attrs.define(eq=False)
class Orders(AsyncOrders):
    """Each order in turn comes to one of `ends`; the last is repeated."""

    ends: list[PluginError]
    placed: int = 0
    pace: Pace = attrs.field(factory=lambda: Pace(first_s=0.01))

    async def submit(self, job: Job, run: Run, call: Call, indexes: Sequence[int]) -> Mapping[str, Any]:
        self.placed += 1
        return {"number": self.placed}

    async def poll(self, job: Job, run: Run, order: Mapping[str, Any]) -> Found:
        return Failed(self.ends[min(order["number"], len(self.ends)) - 1])


def outcomes(task: Task) -> list[str]:
    """Return what became of each call, the first first."""
    return [call.outcome.value for call in sorted(task.calls.values(), key=lambda call: call.sent_at)]


async def test_the_next_order_says_nothing_of_it(settings: Settings) -> None:
    """The second was refused, and cost nothing; the first may have been billed."""
    orders = Orders([OutcomeUnknown("gone"), ContentRejected("no")])
    async with running_system(settings, [ScriptedProvider(orders.carry_out)]) as system:
        task = await system.finished((await system.submit()).id)
        assert (outcomes(task), orders.placed) == (["unknown", "rejected"], 2)
        assert task.error is not None
        assert task.error.billed is Billed.UNKNOWN


async def test_under_fail_it_is_the_last(settings: Settings) -> None:
    """Nothing can be done about it any more; it is not tried until its attempts are used up."""
    orders = Orders([OutcomeUnknown("gone")])
    async with running_system(settings, [ScriptedProvider(orders.carry_out)]) as system:
        task = await system.finished((await system.submit(on_ambiguous="fail")).id)
        assert (task.status, task.attempts, orders.placed) == (Status.FAILED, 1, 1)
        assert task.error is not None
        assert (task.error.code, task.error.billed) == ("outcome_unknown", Billed.UNKNOWN)
