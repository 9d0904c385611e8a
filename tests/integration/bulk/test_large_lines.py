"""A line that only just fits a document must not stop those behind it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import attrs

from danqing_plugins import TaskEvent, hookimpl
from danqing_server.access.caller import Caller
from danqing_server.desk.request import Submission
from danqing_server.records.batches import Mode
from danqing_server.settings.server import Settings
from danqing_server.store.reach import Reach
from danqing_server.store.task_documents import LARGEST_DOCUMENT_BYTES
from tests.support.providers import ScriptedProvider
from tests.support.system import running_system, until

PARTS, PART = 31, 65_536
STEP = 10


@attrs.define(eq=False)
class Listening(ScriptedProvider):
    """Wants to hear of each task that is made, so that each carries a mark as it is stored."""

    @hookimpl
    def danqing_task_event(self, event: TaskEvent) -> None:
        """Hear it."""


async def test_a_line_as_large_as_may_be_becomes_a_task(settings: Settings) -> None:
    """It is a mark larger when it is stored than when it was taken in."""
    async with running_system(settings, [Listening()]) as system:
        batches = system.services.batches
        staging = await batches.begin(Caller.local(), Mode.ACCEPT_VALID, None)
        line, size = 0, LARGEST_DOCUMENT_BYTES - PARTS * PART
        while not staging.accepted:
            line, size = line + 1, size - STEP
            await staging.take(line, partial(_line, "x" * size))
        await staging.take(line + 1, partial(_line, ""))
        batch, _ = await staging.commit("fingerprint")

        async def made() -> bool:
            found = await batches.store.find(batch.id, Reach.everybody())
            return found is not None and found.made == 2

        await until(made, timeout_s=15, what="both lines are tasks")


async def _line(last: str) -> tuple[None, Callable[[], Submission]]:
    return None, partial(_submission, last)


def _submission(last: str) -> Submission:
    words = {f"words{number}": "x" * PART for number in range(PARTS)}
    return Submission(
        provider=None,
        type="image",
        model=None,
        input={"prompt": "a cat", **words, "last": last},
        user_id="u1",
        caller=Caller.local(),
    )
