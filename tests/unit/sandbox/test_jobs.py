"""Jobs on disk: what a death at each point leaves, and what is forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs

from danqing_providers.sandbox.gallery import Gallery, Work
from danqing_providers.sandbox.jobs import Job, JobPlan, Jobs, JobState
from danqing_providers.sandbox.ledger import Ledger, Purchase

PLAN = JobPlan(queued_s=1, running_s=2)
WORK = Work(name="j1", dialect="d", model="m", prompt="p", form="png", made_s=0, cutout=(0.1, 0.1, 0.9, 0.9))
BOUGHT = Purchase(time_s=0, dialect="d", model="m", prompt="p", request_id="r", api_key="k", job="j1", work="j1")


@attrs.define
class Opened:
    """Jobs and their ledger, at a time that the test moves."""

    jobs: Jobs
    ledger: Ledger
    gallery: Gallery

    async def billed(self) -> int:
        """Return how much has been billed."""
        await self.jobs.settle()
        total: int = (await self.ledger.read())["total"]
        return total


@asynccontextmanager
async def opened(folder: Path, now_s: list[float]) -> AsyncIterator[Opened]:
    """Yield the jobs of *folder* as a fresh process has them."""
    with ThreadPoolExecutor(1) as painters:
        async with (
            Gallery(folder, painters, clock=lambda: now_s[0]) as gallery,
            Ledger(folder) as ledger,
            Jobs(folder, gallery, ledger, clock=lambda: now_s[0]) as jobs,
        ):
            yield Opened(jobs, ledger, gallery)


def job(**fields: Any) -> Job:
    """Return a job ordered at 0."""
    given = {"id": "j1", "works": (WORK,), "purchases": (BOUGHT,)} | fields
    return Job.planned(PLAN, dialect="d", model="m", prompt="p", now_s=0, **given)


class TestStates:
    """What the clock makes of a job."""

    def test_in_turn(self) -> None:
        """Queued, running, succeeded; each since its own time."""
        one = job()
        assert [one.state(now_s) for now_s in (0, 1, 3)] == ["queued", "running", "succeeded"]
        assert [one.updated_s(now_s) for now_s in (0.5, 2, 9)] == [0, 1, 3]

    def test_expires_only_while_it_waits(self) -> None:
        """One that is begun in time is finished."""
        assert job(expires_after_s=0.5).state(9) is JobState.EXPIRED
        assert job(expires_after_s=1.5).state(9) is JobState.SUCCEEDED


class TestRunning:
    """A service that lets only so many run."""

    async def test_the_rest_waits(self, tmp_path: Path) -> None:
        """Two at a time: the third begins when the first is done, also when all come at once."""
        now_s = [0.0]
        async with opened(tmp_path, now_s) as first:
            jobs = [job(id=f"j{number}", works=(), purchases=()) for number in range(5)]
            await asyncio.gather(*(first.jobs.submit(each, most_running=2) for each in jobs))
            taken = [await first.jobs.find("d", each.id) for each in jobs]
        assert sorted(each.starts_s for each in taken if each is not None) == [1, 1, 3, 3, 5]

    async def test_one_that_waits_by_itself_holds_nobody_up(self, tmp_path: Path) -> None:
        """Nor does one that has ended."""
        async with opened(tmp_path, [0.0]) as first:
            waiting = attrs.evolve(job(id="w", works=(), purchases=()), starts_s=900, ends_s=902)
            await first.jobs.submit(waiting, most_running=1)
            await first.jobs.submit(job(), most_running=1)
            taken = await first.jobs.find("d", "j1")
        assert taken is not None
        assert taken.starts_s == 1


class TestDeath:
    """The process dies between two writes."""

    async def test_between_bill_and_note(self, tmp_path: Path) -> None:
        """The bill is on disk, the note that it is billed is lost: it is not billed again."""
        now_s = [0.0]
        async with opened(tmp_path, now_s) as first:
            await first.jobs.submit(job())
            before = (tmp_path / "jobs.jsonl").read_bytes()
            now_s[0] = 10
            assert await first.billed() == 1
        (tmp_path / "jobs.jsonl").write_bytes(before)
        async with opened(tmp_path, now_s) as second:
            assert await second.billed() == 1
            assert await second.gallery.find("j1") == attrs.evolve(WORK, made_s=3)

    async def test_a_cleared_ledger_stays_clear(self, tmp_path: Path) -> None:
        """What was billed before is not billed anew, also not by the next process."""
        now_s = [0.0]
        async with opened(tmp_path, now_s) as first:
            await first.jobs.submit(job())
            now_s[0] = 10
            assert await first.billed() == 1
            await first.ledger.clear()
            assert await first.billed() == 0
        async with opened(tmp_path, now_s) as second:
            assert await second.billed() == 0

    async def test_deleted_and_cancelled_stay_so(self, tmp_path: Path) -> None:
        """In the next process, too."""
        now_s = [0.0]
        async with opened(tmp_path, now_s) as first:
            await first.jobs.submit(job())
            await first.jobs.submit(job(id="j2"))
            assert await first.jobs.cancel(job())
            await first.jobs.delete(job(id="j2"))
        now_s[0] = 10
        async with opened(tmp_path, now_s) as second:
            (left,) = await second.jobs.all_of("d")
            assert (left.id, second.jobs.state(left)) == ("j1", JobState.CANCELLED)
            assert await second.billed() == 0


class TestForgetting:
    """After the time that it is kept."""

    async def test_dropped_from_disk(self, tmp_path: Path) -> None:
        """A start drops the lines of jobs that nobody can ask for any more; their bill stays."""
        now_s = [0.0]
        async with opened(tmp_path, now_s) as first:
            await first.jobs.submit(job(kept_s=100))
            now_s[0] = 10
            assert await first.billed() == 1
        now_s[0] = 100
        async with opened(tmp_path, now_s) as second:
            assert await second.jobs.find("d", "j1") is None
            assert (tmp_path / "jobs.jsonl").read_bytes() == b""
            assert await second.billed() == 1

    async def test_billed_though_nobody_looked_in_time(self, tmp_path: Path) -> None:
        """A job that was done and forgotten while the process ran is billed by the next look."""
        now_s = [0.0]
        async with opened(tmp_path, now_s) as first:
            await first.jobs.submit(job(kept_s=5))
            now_s[0] = 100
            assert await first.jobs.find("d", "j1") is None
            assert await first.billed() == 1

    async def test_billed_though_the_process_was_down(self, tmp_path: Path) -> None:
        """So is one that was done and forgotten while no process ran."""
        now_s = [0.0]
        async with opened(tmp_path, now_s) as first:
            await first.jobs.submit(job(kept_s=5))
        now_s[0] = 100
        async with opened(tmp_path, now_s) as second:
            assert await second.billed() == 1
