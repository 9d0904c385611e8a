"""What a paid call brought after its task was cancelled: a retry takes it along, and does not buy it again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from danqing_plugins import ContentRejected
from danqing_server.access.caller import Caller
from danqing_server.codec import value_of
from danqing_server.records.tasks import Attempt, CallOutcome, CallRecord, Output, OutputState, Status, Task
from danqing_server.settings.server import Settings
from tests.support.scripts import Held, Ledger, LinkHost, link_host, provider_of, raising, with_bytes, with_link
from tests.support.system import HASTY, System, running_system, until

ME = Caller.local()


@pytest.fixture
async def links() -> AsyncIterator[LinkHost]:
    """The service's picture host."""
    async with link_host() as host:
        yield host


async def test_a_link_that_was_saved_late_is_fetched_and_not_bought_again(
    settings: Settings, links: LinkHost
) -> None:
    """The host of the picture was away when the call was answered, for longer than anybody asks again."""
    ledger, held = Ledger(), Held(with_link(links.link("0", *[500] * 6)))
    async with running_system(settings, [provider_of(ledger, held, with_bytes)], link_patience=HASTY) as system:
        task = await _cancelled_in_its_call(system, held)
        assert {key: output.state for key, output in task.late.items()} == {"0": OutputState.SOURCED}
        await system.services.control.retry(task.id, ME)
        done = await system.finished(task.id)
        assert (done.status, len(done.kept), ledger.of(task.id)) == (Status.COMPLETED, 1, {0: 1})


async def test_a_link_that_answers_later_still_needs_no_retry(settings: Settings, links: LinkHost) -> None:
    """Its process let go of it; whoever takes over from the dead asks again."""
    ledger, held = Ledger(), Held(with_link(links.link("0", *[500] * 12)))
    provider = provider_of(ledger, held)
    async with running_system(settings, [provider], link_patience=HASTY, dead_after_s=0.5) as system:
        task = await _cancelled_in_its_call(system, held)
        let_go = await until(lambda: _let_go(system, task.id))
        assert {key: output.state for key, output in let_go.late.items()} == {"0": OutputState.KEPT}
        assert (let_go.late_attempt, ledger.of(task.id)) == (None, {0: 1})


@pytest.mark.parametrize("in_time", [True, False])
async def test_a_dead_process_s_links_are_asked_again_until_its_deadline(
    settings: Settings, links: LinkHost, in_time: bool
) -> None:
    """They fail for as long as who takes over has patience, and work after it."""
    ledger = Ledger()
    provider = provider_of(ledger, with_bytes)
    async with running_system(settings, [provider], workers=False) as system:
        store, now = system.services.store, system.services.clock.now()
        submitted = await system.submit()
        deadline_at = now + timedelta(hours=1 if in_time else -3)
        [task] = await store.start([submitted.id], Attempt(id="a", worker="w-dead", started_at=now), deadline_at)
        call = CallRecord(id="c", attempt=1, indexes=(0,), fingerprint="f", sent_at=now)
        url = links.link("0", *[500] * 12)
        sourced = Output(index=0, state=OutputState.SOURCED, at=now, source_url=url)
        await store.amend(task, {"calls.c": value_of(call), "outputs.0": value_of(sourced)})
        await system.services.control.cancel(task.id, ME)
    async with running_system(settings, [provider], link_patience=HASTY, dead_after_s=0.5) as second:
        let_go = await until(lambda: _let_go(second, task.id))
    expected = OutputState.KEPT if in_time else OutputState.SOURCED
    assert {**let_go.outputs, **let_go.late}["0"].state is expected
    assert [call.outcome for call in let_go.calls.values()] == [CallOutcome.DELIVERED]


async def test_a_dead_link_is_let_go_of(settings: Settings, links: LinkHost) -> None:
    """Nothing is asked for ever: it refuses for longer than a young link may, and its call is in doubt."""
    ledger, held = Ledger(), Held(with_link(links.link("0", dead=True)))
    provider = provider_of(ledger, held)
    async with running_system(settings, [provider], link_patience=HASTY, dead_after_s=0.5) as system:
        task = await _cancelled_in_its_call(system, held)
        let_go = await until(lambda: _let_go(system, task.id))
        assert not let_go.late
        assert [call.outcome for call in let_go.calls.values()] == [CallOutcome.UNKNOWN]


async def test_a_picture_that_its_user_deleted_stays_deleted(settings: Settings) -> None:
    """It came late, a retry took it along, its user deleted it: the next retry is for the other one alone."""
    ledger, held = Ledger(), Held()
    refused = raising(ContentRejected("no"))

    async with running_system(settings, [provider_of(ledger, held, refused, with_bytes)]) as system:
        task = await _cancelled_in_its_call(system, held, n=2)
        await system.services.control.retry(task.id, ME)
        partial = await system.finished(task.id)
        assert [output.index for output in partial.failed_outputs] == [1]
        await system.services.pictures.delete(task.id, 0, ME)
        await system.services.control.retry(task.id, ME)
        done = await system.finished(task.id)
        assert [output.index for output in done.kept] == [1]
        assert not done.late


async def _cancelled_in_its_call(system: System, held: Held, **fields: int) -> Task:
    task = await system.submit(**fields)
    await held.begun.wait()
    await system.services.control.cancel(task.id, ME)
    held.go_on.set()

    async def let_go() -> Task | None:
        found = await system.get(task.id)
        return None if found.is_held else found

    found: Task = await until(let_go)
    return found


async def _let_go(system: System, task_id: str) -> Task | None:
    found = await system.get(task_id)
    return found if found.attempt is None else None
