"""What a paid call brought after its task was cancelled: a retry takes it along, and does not buy it again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import attrs
import pytest

from danqing_plugins import ContentRejected
from danqing_plugins.billing import Billed
from danqing_server.access.caller import Caller
from danqing_server.codec.documents import value_of
from danqing_server.records.outputs import Output, OutputState
from danqing_server.records.tasks import NOBODY, Attempt, CallOutcome, CallRecord, Status, Task
from danqing_server.settings.server import Settings
from danqing_server.store.ledger import LedgerStore
from tests.support.scripts import Held, Ledger, LinkHost, link_host, provider_of, raising, with_bytes, with_link
from tests.support.system import HASTY, MakeSettings, System, running_system, until

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


@pytest.mark.parametrize("retried", [False, True])
async def test_a_link_is_asked_again_of_who_was_cancelled_while_it_waited(
    settings: Settings, links: LinkHost, retried: bool
) -> None:
    """For another try at its link, or for its first start since its user retried it: no process had it then."""
    ledger, later = Ledger(), attrs.evolve(HASTY, pauses_s=(0.01,), broken_pauses_s=(0.01,))
    provider = provider_of(ledger, with_link(links.link("0", *[500] * 12)))
    async with running_system(settings, [provider], link_patience=later, dead_after_s=0.5) as system:
        task = await system.submit()
        await until(lambda: _waits_for_its_link(system, task.id))
        await system.services.control.cancel(task.id, ME)
        if retried:
            await system.services.control.retry(task.id, ME)
            await system.services.control.cancel(task.id, ME)
        let_go = await until(lambda: _let_go(system, task.id))
        assert {key: output.state for key, output in let_go.late.items()} == {"0": OutputState.KEPT}
        assert (let_go.status, let_go.late_attempt, ledger.of(task.id)) == (Status.CANCELLED, None, {0: 1})


@pytest.mark.parametrize("in_time", [True, False])
async def test_a_dead_process_s_links_are_asked_again_until_its_deadline(
    settings: Settings, links: LinkHost, in_time: bool
) -> None:
    """They fail for as long as who takes over has patience, and work after it."""
    ledger = Ledger()
    provider = provider_of(ledger, with_bytes)
    async with running_system(settings, [provider], workers=False) as system:
        url = links.link("0", *[500] * 12)
        task = await _cancelled_under(system, "w-dead", url, timedelta(hours=1 if in_time else -3))
    async with running_system(settings, [provider], link_patience=HASTY, dead_after_s=0.5) as second:
        let_go = await until(lambda: _let_go(second, task.id))
    expected = OutputState.KEPT if in_time else OutputState.SOURCED
    assert {**let_go.outputs, **let_go.late}["0"].state is expected
    assert [call.outcome for call in let_go.calls.values()] == [CallOutcome.DELIVERED]


async def test_a_link_that_fails_holds_up_nobody(settings: Settings, links: LinkHost) -> None:
    """While it is asked again, tasks of the dead are taken over."""
    async with running_system(settings, [provider_of(Ledger(), with_bytes)], workers=False) as system:
        await _cancelled_under(system, NOBODY, links.link("0", *[500] * 1_000))
    async with running_system(settings, [provider_of(Ledger(), with_bytes)], dead_after_s=0.5) as second:
        await until(lambda: links.asked["0"])
        stuck = await second.submit(delay_s=3600)
        now = second.services.clock.now()
        attempt = Attempt(id="b", worker="w-dead", started_at=now)
        await second.services.store.start([stuck.id], attempt, now + timedelta(hours=1))
        async with asyncio.timeout(8):
            assert (await second.finished(stuck.id)).status is Status.COMPLETED


async def test_what_is_only_to_be_fetched_is_booked_and_runs_no_more(
    make_settings: MakeSettings, links: LinkHost
) -> None:
    """That it is paid for is known as soon as its call is over, whenever its link answers."""
    alice, held = Caller.with_key("alice"), Held(with_link(links.link("0", *[500] * 1_000)))
    settings = make_settings(DANQING_API_KEYS="alice:" + "a" * 20)
    async with running_system(settings, [provider_of(Ledger(), held)], link_patience=HASTY) as system:
        task = await _cancelled_in_its_call(system, held, alice, key="alice")
        assert task.attempt is not None
        assert await system.services.store.count_running(alice.reach) == {}
        books = LedgerStore(system.services.store.database)

        async def paid() -> bool:
            postings = (await books.of([task.id])).get(task.id, ())
            lines = [line for posting in postings for line in posting.lines if line.call is not None]
            return sum(line.pictures for line in lines if line.billed is Billed.YES) == 1

        await until(paid)


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


async def _cancelled_under(system: System, worker: str, url: str, left: timedelta = timedelta(hours=1)) -> Task:
    """Return a task that *worker* has delivered but for its link, and that was cancelled then."""
    store, now = system.services.store, system.services.clock.now()
    submitted = await system.submit()
    [task] = await store.start([submitted.id], Attempt(id="a", worker=worker, started_at=now), now + left)
    call = CallRecord(id="c", attempt=1, indexes=(0,), fingerprint="f", sent_at=now)
    sourced = Output(index=0, state=OutputState.SOURCED, at=now, source_url=url)
    await store.amend(task, {"calls.c": value_of(call), "outputs.0": value_of(sourced)})
    return await system.services.control.cancel(task.id, ME)


async def _cancelled_in_its_call(system: System, held: Held, who: Caller = ME, **fields: Any) -> Task:
    task = await system.submit(**fields)
    await held.begun.wait()
    await system.services.control.cancel(task.id, who)
    held.go_on.set()

    async def let_go() -> Task | None:
        found = await system.get(task.id)
        return None if found.is_held else found

    found: Task = await until(let_go)
    return found


async def _waits_for_its_link(system: System, task_id: str) -> Task | None:
    found = await system.get(task_id)
    return found if found.status is Status.PENDING and "0" in found.outputs else None


async def _let_go(system: System, task_id: str) -> Task | None:
    found = await system.get(task_id)
    return found if found.attempt is None else None
