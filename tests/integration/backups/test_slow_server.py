"""A server that is there, and slow: what it has is not removed."""

from __future__ import annotations

from pathlib import Path

from danqing_server.clock import Clock
from danqing_server.settings.server import Settings
from danqing_server.store.leases import Lease
from tests.integration.backups.conftest import Command
from tests.integration.backups.test_restore import documents_of
from tests.support.painting import painter
from tests.support.servers import wait_until
from tests.support.system import running_system

LATE_S = 8.0
"""Between two beats of a lease: five seconds, and as long as a MongoDB that is busy takes to keep one."""


async def test_a_lease_that_is_renewed_late_keeps_a_restore_out(
    settings: Settings, danqing: Command, folder: Path
) -> None:
    """Whoever may still carry tasks out is waited for as long as others wait before they take over from it."""
    async with running_system(settings, [painter()]) as system:
        await system.finished((await system.submit()).id)
        assert (await danqing("backup", folder)).code == 0
        later = await system.finished((await system.submit()).id)
    lease = Lease(settings, Clock(), on_lost=lambda: None, beat_s=LATE_S)
    lease.start()
    try:
        wait_until(lambda: lease.fresh, what="the first beat")

        refused = await danqing("restore", folder, "--overwrite")
    finally:
        lease.stop()

    assert (refused.code, "a server runs on the target's MongoDB" in refused.err) == (2, True)
    assert later.id in documents_of(settings)["danqing_tasks"]
