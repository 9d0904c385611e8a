"""What a paid call brought after its task was cancelled: a retry takes it along, and does not buy it again."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from danqing_plugins import ContentRejected
from danqing_server.access.caller import Caller
from danqing_server.records.tasks import OutputState, Status, Task
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
        return found if found.attempt is None else None

    found: Task = await until(let_go)
    return found
