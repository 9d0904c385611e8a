"""Jobs: what is ordered now and done later, under an id of the service's own.

                      starts_s                ends_s
    ── queued ───────────┼────── running ───────┼── succeeded | failed
       └─ expired, where expires_s comes before starts_s
       └─ cancelled, from any state that is not an end

A job's times are settled when it is submitted, and its state is what the clock makes of them: nothing runs in the
background, and a restart of the sandbox changes nothing. A job that ends well is billed as of its end, once, by
whoever looks next: at a job, at the ledger.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Self

import attrs

from danqing_providers.sandbox.gallery import Gallery, Work
from danqing_providers.sandbox.journal import Journal, sift
from danqing_providers.sandbox.ledger import Ledger, Purchase
from danqing_providers.sandbox.troubles import TroubleKind

__all__ = ["Job", "JobPlan", "JobState", "Jobs"]

_FILE_NAME: Final = "jobs.jsonl"
_SWEEP_EVERY: Final = 256


class JobState(StrEnum):
    """What the clock says of a job."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


ENDS: Final = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED, JobState.EXPIRED})


@attrs.frozen(kw_only=True)
class JobPlan:
    """How a job will go: seconds in the queue and at work, and the trouble it fails with, None when it succeeds."""

    queued_s: float
    running_s: float
    trouble: TroubleKind | None = None
    expires: bool = False


@attrs.frozen(kw_only=True)
class Job:
    """One job. Times are seconds since the epoch.

    `request` is whatever the dialect wants to remember of the order, as JSON: what its answers echo. `works` are
    what it makes, `purchases` what is billed when it succeeds. `trouble` is what it fails with. `kept_s` is how
    long it can be asked for after `created_s`.
    """

    id: str
    dialect: str
    model: str
    prompt: str
    created_s: float
    starts_s: float
    ends_s: float
    request: Mapping[str, Any] = attrs.field(factory=dict)
    works: tuple[Work, ...] = ()
    purchases: tuple[Purchase, ...] = ()
    trouble: TroubleKind | None = None
    expires_s: float | None = None
    cancelled_s: float | None = None
    kept_s: float = 7 * 86_400
    billed: bool = False

    @classmethod
    def planned(cls, plan: JobPlan, *, now_s: float, expires_after_s: float = 172_800, **fields: Any) -> Job:
        """Return the job of *plan*, ordered at *now_s*; *fields* are its others. What expires is never begun."""
        starts_s = now_s + (2 * expires_after_s if plan.expires else plan.queued_s)
        return cls(
            created_s=now_s,
            starts_s=starts_s,
            ends_s=starts_s + plan.running_s,
            trouble=plan.trouble,
            expires_s=now_s + expires_after_s,
            **fields,
        )

    def state(self, now_s: float) -> JobState:
        """Return what the job is at *now_s*."""
        if self.cancelled_s is not None:
            return JobState.CANCELLED
        if self.expires_s is not None and self.expires_s < self.starts_s:
            return JobState.QUEUED if now_s < self.expires_s else JobState.EXPIRED
        if now_s < self.starts_s:
            return JobState.QUEUED
        if now_s < self.ends_s:
            return JobState.RUNNING
        return JobState.FAILED if self.trouble else JobState.SUCCEEDED

    def updated_s(self, now_s: float) -> float:
        """Return since when it has been in its state of *now_s*."""
        state = self.state(now_s)
        if state is JobState.QUEUED:
            return self.created_s
        if state is JobState.CANCELLED:
            return self.cancelled_s or now_s
        if state is JobState.EXPIRED:
            return self.expires_s or now_s
        return self.starts_s if state is JobState.RUNNING else self.ends_s


class Jobs:
    """The file `jobs.jsonl`: every job of every dialect, read whole at the start."""

    def __init__(self, data_dir: Path, gallery: Gallery, ledger: Ledger, *, clock: Callable[[], float]) -> None:
        self._gallery = gallery
        self._ledger = ledger
        self._clock = clock
        self._jobs: dict[tuple[str, str], Job] = {}
        self._unsettled: dict[tuple[str, str], None] = {}
        self._submitted = 0
        path = data_dir / _FILE_NAME
        sift(path, self._worth_keeping)
        self._journal = Journal(path, durable=True)
        for _, _, entry in self._journal.read_all():
            self._apply(entry)

    def _worth_keeping(self, entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the last entry of each job that can still be asked for, or has still to be billed."""
        last: dict[tuple[str, str], dict[str, Any]] = {}
        for entry in entries:
            key = (str(entry["dialect"]), str(entry["id"]))
            last.pop(key, None)
            if not entry.get("deleted"):
                last[key] = entry
        return [entry for entry in last.values() if not self._is_over(_read(entry))]

    def _is_over(self, job: Job) -> bool:
        return self._is_gone(job) and (job.billed or self.state(job) is not JobState.SUCCEEDED)

    def _apply(self, entry: Mapping[str, Any]) -> None:
        key = (str(entry["dialect"]), str(entry["id"]))
        if entry.get("deleted"):
            self._jobs.pop(key, None)
        else:
            self._put(_read(entry))

    def _put(self, job: Job) -> None:
        key = (job.dialect, job.id)
        self._jobs[key] = job
        self._unsettled.pop(key, None) if job.billed else self._unsettled.setdefault(key)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._journal.__aexit__(*exc)

    async def submit(self, job: Job, *, most_running: int | None = None) -> None:
        """Take *job* on; returns when it is on disk.

        It waits longer than planned where *most_running* jobs of its model are at work. Raises: OSError.
        """
        self._submitted += 1
        if self._submitted % _SWEEP_EVERY == 0:
            await self.settle()
            for gone in [each for each in self._jobs.values() if self._is_gone(each)]:
                del self._jobs[(gone.dialect, gone.id)]
        if most_running is not None:
            delay_s = self._first_room(job, most_running) - job.starts_s
            job = attrs.evolve(job, starts_s=job.starts_s + delay_s, ends_s=job.ends_s + delay_s)
        # Known before it is on disk, so that the next one counts it; nobody has its id yet.
        self._put(job)
        try:
            await self._journal.append([_line(job)])
        except OSError:
            self._forget(job)
            raise

    def _first_room(self, job: Job, most: int) -> float:
        """Return when, from its planned start on, fewer than *most* jobs of its model will be at work."""
        others = [self._jobs[key] for key in self._unsettled if key in self._jobs]
        rivals = [each for each in others if each.model == job.model and self.state(each) not in ENDS]
        starts, ends = sorted(each.starts_s for each in rivals), sorted(each.ends_s for each in rivals)
        moments = [job.starts_s, *(end_s for end_s in ends if end_s > job.starts_s)]
        return next(at_s for at_s in moments if bisect_right(starts, at_s) - bisect_right(ends, at_s) < most)

    def _forget(self, job: Job) -> None:
        self._jobs.pop((job.dialect, job.id), None)
        self._unsettled.pop((job.dialect, job.id), None)

    async def find(self, dialect: str, job_id: str) -> Job | None:
        """Return the job; None when there is none, or none any more. One that has succeeded is billed by now."""
        await self.settle()
        job = self._jobs.get((dialect, job_id))
        return job if job is not None and not self._is_gone(job) else None

    async def all_of(self, dialect: str) -> list[Job]:
        """Return the jobs of *dialect*, the newest first."""
        await self.settle()
        jobs = reversed(self._jobs.values())
        found = [job for job in jobs if job.dialect == dialect and not self._is_gone(job)]
        return sorted(found, key=lambda job: -job.created_s)

    def state(self, job: Job) -> JobState:
        """Return what *job* is now."""
        return job.state(self._clock())

    async def cancel(self, job: Job) -> bool:
        """Cancel *job*; False when it has ended, and nothing is changed. A cancelled job is never billed."""
        if self.state(job) in ENDS:
            return False
        await self._write([attrs.evolve(job, cancelled_s=self._clock())])
        return True

    async def delete(self, job: Job) -> None:
        """Forget *job*, not what was billed."""
        await self.settle()
        self._forget(job)
        await self._journal.append([{"dialect": job.dialect, "id": job.id, "deleted": True}])

    async def change(self, job: Job, **fields: Any) -> Job:
        """Replace *fields* of *job*, its times for example, and return what became of it."""
        changed = attrs.evolve(job, **fields)
        await self._write([changed])
        return changed

    async def move(self, job: Job, state: JobState) -> Job:
        """Bring *job* into *state* now, where it stays when that is no end: the control API's hand on the clock."""
        now_s, later_s = self._clock(), self._clock() + job.kept_s
        times: Mapping[JobState, Mapping[str, Any]] = {
            JobState.QUEUED: {"starts_s": later_s, "ends_s": later_s},
            JobState.RUNNING: {"starts_s": now_s, "ends_s": later_s},
            JobState.SUCCEEDED: {"starts_s": min(job.starts_s, now_s), "ends_s": now_s, "trouble": None},
            JobState.FAILED: {
                "starts_s": min(job.starts_s, now_s),
                "ends_s": now_s,
                "trouble": job.trouble or TroubleKind.INTERNAL,
            },
            JobState.CANCELLED: {"cancelled_s": now_s},
            JobState.EXPIRED: {"expires_s": now_s, "starts_s": later_s, "ends_s": later_s},
        }
        changed = await self.change(job, **{"cancelled_s": None, "expires_s": None, **times[state]})
        await self.settle()
        return changed

    async def settle(self) -> None:
        """Keep the works of every job that has succeeded since, and bill it. Raises: OSError."""
        due = self._take_due()
        if not due:
            return
        try:
            await self._gallery.keep([attrs.evolve(work, made_s=job.ends_s) for job in due for work in job.works])
            purchases = [attrs.evolve(each, time_s=job.ends_s) for job in due for each in job.purchases]
            await self._ledger.bill(purchases)
            await self._write([attrs.evolve(job, billed=True) for job in due])
        except OSError:
            for job in due:
                self._put(job)
            raise

    def _take_due(self) -> list[Job]:
        """Take what is to be billed out of the unsettled: another look meanwhile must not bill it again."""
        due = []
        for key in list(self._unsettled):
            job = self._jobs.get(key)
            state = None if job is None else self.state(job)
            if job is not None and state is JobState.SUCCEEDED:
                due.append(job)
            if state is None or state in ENDS:
                del self._unsettled[key]
        return due

    def describe(self) -> Sequence[Mapping[str, Any]]:
        """Return every job for the control API, the newest last."""
        return [
            {
                "dialect": job.dialect,
                "id": job.id,
                "model": job.model,
                "state": self.state(job),
                "created_s": job.created_s,
                "starts_s": job.starts_s,
                "ends_s": job.ends_s,
            }
            for job in self._jobs.values()
            if not self._is_gone(job)
        ]

    def _is_gone(self, job: Job) -> bool:
        return self._clock() >= job.created_s + job.kept_s

    async def _write(self, jobs: Iterable[Job]) -> None:
        jobs = list(jobs)
        await self._journal.append([_line(job) for job in jobs])
        for job in jobs:
            self._put(job)


def _line(job: Job) -> dict[str, Any]:
    return attrs.asdict(job)


def _read(entry: Mapping[str, Any]) -> Job:
    works = tuple(Work.remembered(work) for work in entry["works"])
    purchases = tuple(Purchase(**purchase) for purchase in entry["purchases"])
    trouble = TroubleKind(entry["trouble"]) if entry["trouble"] else None
    return Job(**{**entry, "works": works, "purchases": purchases, "trouble": trouble})
