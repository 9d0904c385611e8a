"""What an attempt set aside of a day's limit is settled once, whoever is late with it."""

from __future__ import annotations

from datetime import timedelta

from danqing_server.access.caller import Caller
from danqing_server.life.moves import Cancelled
from danqing_server.records.tasks import Attempt, TaskError
from danqing_server.store.spending import Spending, SpendStore
from danqing_server.worker.aftermath import settle_spending
from danqing_server.worker.ledger import Ledger as Notes
from danqing_server.worker.spending import Allowance
from tests.support.scripts import Held, Ledger, provider_of
from tests.support.system import MakeSettings, running_system

PICTURE = 200_000


async def test_who_learns_late_that_it_lost_its_task_frees_nothing_twice(make_settings: MakeSettings) -> None:
    """Cancelled before its call, and tried again, while the process of the first attempt has not heard of it."""
    limited = make_settings(DANQING_DAILY_SPEND_LIMITS="scripted:10.00")
    held = Held()
    async with running_system(limited, [provider_of(Ledger(), held)]) as system:
        assert system.workers is not None
        tools, clock, store = system.workers.tools, system.services.clock, system.services.store
        submitted = await system.submit(delay_s=3600)
        attempt = Attempt(id="a", worker="w-elsewhere", started_at=clock.now())
        [task] = await store.start([submitted.id], attempt, clock.now() + timedelta(hours=1))
        first = Notes(store, tools.insisting, task)
        assert await Allowance(tools.guard, watched=True).begin(first)
        error = TaskError(code="cancelled", message="m")
        assert await tools.register.carry_out(Cancelled(task=first.task, at=clock.now(), error=error))
        await system.services.control.retry(task.id, Caller.local())
        await held.begun.wait()
        await settle_spending(tools, first.task, lost=True)
        held.go_on.set()
        await system.finished(task.id)
        found = await SpendStore(store.database).look("scripted", clock.now())
        assert found == Spending(spent_micro=PICTURE, reserved_micro=0)
