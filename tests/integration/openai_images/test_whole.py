"""The provider through the whole server: a picture, its price, and deaths that neither lose nor buy twice."""

from __future__ import annotations

import io
import signal
from collections import Counter

import pytest
from PIL import Image

from danqing_server.records.tasks import Billed, Status
from danqing_server.settings.server import Settings
from tests.integration.sandbox.serving import Served
from tests.support.dying_process import dying_process
from tests.support.installed import all_but
from tests.support.system import MakeSettings, System, running_system, until

pytestmark = pytest.mark.kills

SMALL = "1024x640"


@pytest.fixture
def here(make_settings: MakeSettings, sandbox: Served) -> Settings:
    """Settings of a server with the installed provider, in this test's sandbox."""
    return make_settings(
        DANQING_DISABLED_PLUGINS=all_but("openai_images"),
        DANQING_DEFAULT_PROVIDER="openai",
        DANQING_SANDBOX="openai",
        DANQING_SANDBOX_URL=sandbox.url,
    )


async def sizes_of(system: System, task_id: str) -> list[tuple[int, int]]:
    """Return the sizes of the stored pictures."""
    task = await system.get(task_id)
    contents = [await system.services.assets.read(output.asset.key) for output in task.kept if output.asset]
    return [Image.open(io.BytesIO(content)).size for content in contents]


class TestWholeServer:
    """With the entry point, the queue and the storage."""

    async def test_pictures_are_made_stored_and_priced(self, here: Settings, sandbox: Served) -> None:
        """What the call cost is what the service's ledger says."""
        async with running_system(here, []) as system:
            task = await system.finished((await system.submit(n=2, size=SMALL, quality="low")).id)
            assert (task.status, task.error) == (Status.COMPLETED, None)
            assert await sizes_of(system, task.id) == [(1024, 640)] * 2
            (call,) = task.calls.values()
            billed = sum(entry["cost_micro"] for entry in await sandbox.ledger())
            assert call.cost_micro == pytest.approx(billed, abs=2)

    async def test_refused_picture_says_whose_rule_it_was(self, here: Settings) -> None:
        """Nothing is tried again, and nothing was paid."""
        async with running_system(here, []) as system:
            task = await system.finished((await system.submit("a hill [sandbox:moderation]", size=SMALL)).id)
            assert task.error is not None
            assert (task.error.code, task.error.billed) == ("content_rejected", Billed.NO)

    async def test_rate_limit_is_waited_out(self, here: Settings, sandbox: Served) -> None:
        """One refusal, then the picture: paid for once."""
        async with running_system(here, []) as system:
            task = await system.finished((await system.submit("a hill [sandbox:429=1 x1]", size=SMALL)).id)
            assert task.status is Status.COMPLETED
            assert len(await sandbox.ledger()) == 1


class TestDeaths:
    """kill -9 of the only worker, then another one."""

    @pytest.mark.parametrize(
        "point",
        [
            "after:work.start",
            "before:work.deliver",
            "after:work.deliver",
            "before:work.keep",
            "after:work.keep",
            "before:work.conclude",
            "after:work.conclude",
        ],
    )
    async def test_at_a_step_nothing_is_lost_in_silence_or_paid_twice(
        self, here: Settings, sandbox: Served, point: str
    ) -> None:
        """None is in the ledger twice; one that was billed is kept, or the task says that it may have been."""
        async with running_system(here, [], workers=False) as door:
            task = await door.submit(n=2, size=SMALL, quality="low", on_ambiguous="fail")
            with dying_process(here, dies_at=point) as process:
                await until(lambda: process.poll() is not None, what=f"death {point}")
                assert process.returncode == -signal.SIGKILL
            with dying_process(here):
                ended = await door.finished(task.id, timeout_s=90)
        bought = Counter(entry["image_index"] for entry in await sandbox.ledger())
        assert set(bought.values()) <= {1}
        kept = {output.index for output in ended.kept}
        if ended.status is Status.COMPLETED and kept == {0, 1}:
            assert bought.total() == 2
        else:
            troubles = [ended.error, *(output.error for output in ended.failed_outputs)]
            assert "outcome_unknown" in [trouble.code for trouble in troubles if trouble is not None]

    async def test_while_a_call_is_under_way_it_is_not_made_again(self, here: Settings, sandbox: Served) -> None:
        """The service goes on and bills; the task says that it may have been billed."""
        async with running_system(here, [], workers=False) as door:
            task = await door.submit("a hill [sandbox:stall=30]", size=SMALL, on_ambiguous="fail")
            with dying_process(here):

                async def billed() -> bool:
                    return bool(await sandbox.ledger())

                await until(billed, what="the bill")
            with dying_process(here):
                ended = await door.finished(task.id, timeout_s=90)
        assert ended.error is not None
        assert (ended.error.code, ended.error.billed) == ("outcome_unknown", Billed.UNKNOWN)
        assert len(await sandbox.ledger()) == 1
