"""The house: everything one sandbox holds, whatever dialect is spoken in it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import tempfile
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, Self, TypeVar

from aiohttp import web

from danqing_providers.sandbox import mischief
from danqing_providers.sandbox.config import SandboxConfig
from danqing_providers.sandbox.faults import (
    AFTER_BILLING,
    BEFORE_WORK,
    ODD_BYTES,
    Fault,
    FaultKind,
    FaultRules,
    Target,
)
from danqing_providers.sandbox.gallery import Gallery, Work
from danqing_providers.sandbox.jobs import JobPlan, Jobs
from danqing_providers.sandbox.ledger import Ledger, Purchase, fingerprint
from danqing_providers.sandbox.links import Links, base_url, load_secret
from danqing_providers.sandbox.magic import MagicCounts, has_magic
from danqing_providers.sandbox.odd_bytes import STREAM_TYPE, OddBytes
from danqing_providers.sandbox.rate import Rate
from danqing_providers.sandbox.references import Reference
from danqing_providers.sandbox.troubles import Answered, Trouble, TroubleKind

__all__ = ["House"]

_Result = TypeVar("_Result")

_BUSY: Final = frozenset({FaultKind.JOB_QUEUED, FaultKind.JOB_RUNNING})


class House:
    """What the dialects share, for as long as the sandbox runs."""

    def __init__(self, config: SandboxConfig, clock: Callable[[], float]) -> None:
        self.config = config
        self.clock = clock
        self.rules = FaultRules()
        self.rate = Rate(clock)
        self.counters: Counter[str] = Counter()
        self._resources = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        data_dir = self._data_dir()
        self.secret = load_secret(data_dir)
        self.links = Links(secret=self.secret)
        enter = self._resources.enter_async_context
        self._workers = self._resources.enter_context(ThreadPoolExecutor(os.cpu_count(), "sandbox-painter"))
        self.gallery = await enter(Gallery(data_dir, self._workers, clock=self.clock))
        self.ledger = await enter(Ledger(data_dir))
        self._magic = await enter(MagicCounts(data_dir))
        self.jobs = await enter(Jobs(data_dir, self.gallery, self.ledger, clock=self.clock))
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._resources.aclose()

    def _data_dir(self) -> Path:
        if self.config.data_dir is None:
            return Path(self._resources.enter_context(tempfile.TemporaryDirectory(prefix="danqing-sandbox-")))
        self.config.data_dir.mkdir(parents=True, exist_ok=True)
        return self.config.data_dir

    async def in_thread(self, work: Callable[..., _Result], *arguments: object) -> _Result:
        """Return what *work* returns, called in a painter's thread."""
        return await asyncio.get_running_loop().run_in_executor(self._workers, work, *arguments)

    def check_key(self, key: str) -> str:
        """Return the fingerprint of *key*, as it stood in the header. Raises: Trouble, missing or unknown."""
        if not key:
            raise Trouble(TroubleKind.KEY_MISSING)
        if key in self.config.bad_keys or (self.config.api_keys and key not in self.config.api_keys):
            raise Trouble(TroubleKind.KEY_UNKNOWN)
        return fingerprint(key)

    def strike(
        self,
        kinds: Collection[FaultKind],
        target: Target,
        *,
        image_index: int | None = None,
        stage: str | None = None,
    ) -> Fault | None:
        """Return the fault of *kinds* that strikes here, by a rule or by a magic word; None when there is none."""
        fault = self.rules.take(kinds, target, image_index, stage)
        return fault or self._magic.take(kinds, target, image_index, stage)

    async def admit(self, request: web.Request, target: Target, *, reference_url: str = "") -> None:
        """Let what is to go wrong before any work is done go wrong.

        *reference_url* is what a trouble with a picture of the request is about. Raises: Trouble, Answered.
        """
        self.counters["requests"] += 1
        if delay := self.strike({FaultKind.LATENCY}, target):
            await asyncio.sleep(delay.seconds)
        fault = self.strike(BEFORE_WORK, target, stage="input")
        if fault is not None:
            raise _refusal(request, fault, reference_url)

    def admit_poll(self, target: Target) -> None:
        """Let a question for a job's state go wrong. Raises: Trouble."""
        if fault := self.strike({FaultKind.POLL_STATUS}, target):
            raise fault.as_trouble()

    async def take_time(self) -> None:
        """Take the time that one output takes in a service that answers at once."""
        seconds = self.config.latency_s + random.uniform(0, self.config.jitter_s)
        if seconds > 0:
            await asyncio.sleep(seconds)

    def output_trouble(self, target: Target, index: int) -> Trouble | None:
        """Return why the output of *index* is not made; None when it is."""
        if fault := self.strike({FaultKind.IMAGE_ERROR}, target, image_index=index):
            return fault.as_trouble()
        if self.strike({FaultKind.MODERATION}, target, image_index=index, stage="output"):
            return Trouble(TroubleKind.MODERATION_OUTPUT)
        return None

    def plan_job(self, target: Target) -> JobPlan:
        """Return how a job for *target* will go: the times of the configuration, unless a fault says otherwise."""
        waits = {kind: self.strike({kind}, target) for kind in _BUSY}
        queued, running = waits[FaultKind.JOB_QUEUED], waits[FaultKind.JOB_RUNNING]
        trouble = self.output_trouble(target, 0)
        if trouble is None and (fault := self.strike({FaultKind.JOB_FAILS}, target)):
            trouble = fault.as_trouble()
        return JobPlan(
            queued_s=queued.seconds if queued else self.config.queued_s,
            running_s=running.seconds if running else self.config.running_s,
            trouble=trouble.kind if trouble else None,
            expires=self.strike({FaultKind.JOB_EXPIRES}, target) is not None,
        )

    async def bill(self, purchases: Sequence[Purchase], works: Sequence[Work] = ()) -> None:
        """Keep *works* and write *purchases* into the ledger; returns when they are on disk. Raises: OSError."""
        await self.gallery.keep(works)
        await self.ledger.bill(purchases)
        self.counters["outputs"] += len(purchases)

    async def keep_reference(self, reference: Reference) -> None:
        """Keep a reference's preview for the works that use it."""
        await self.in_thread(self.gallery.keep_reference, reference)

    def link(self, request: web.Request, work: Work, ttl_s: float) -> str:
        """Return a URL that opens *work* for *ttl_s* seconds, for whoever has it."""
        return base_url(request) + self.links.sign(work.path, self.clock(), ttl_s)

    async def answer(
        self,
        request: web.Request,
        target: Target,
        body: bytes,
        *,
        delivers: Sequence[str] = (),
        content_type: str = "application/json",
        status: int = 200,
    ) -> web.StreamResponse:
        """Send *body*, or what a fault makes of it: everything is billed by now.

        *delivers* names what the client has when it has the answer: request ids, or works that are in it.
        """
        if fault := self.strike(AFTER_BILLING, target, stage="answer"):
            return await mischief.misbehave(request, fault, body, content_type)
        odd = self._odd_bytes(target)
        self.ledger.note_delivery(delivers)
        if odd is not None:
            return await odd.send(request, body, content_type)
        return web.Response(body=body, status=status, content_type=content_type)

    async def stream(
        self, request: web.Request, target: Target, events: Iterable[bytes], *, delivers: Sequence[str] = ()
    ) -> web.StreamResponse:
        """Send *events*, whole server-sent events, or what a fault makes of them: everything is billed by now."""
        pieces = list(events)
        fault = self.strike(AFTER_BILLING, target, stage="answer")
        if fault is not None and fault.kind is not FaultKind.SLOW:
            return await mischief.misbehave(request, fault, b"".join(pieces), STREAM_TYPE)
        cut = self.strike({FaultKind.STREAM_CUT}, target, image_index=0)
        answer = web.StreamResponse(headers={"Content-Type": STREAM_TYPE, "Cache-Control": "no-cache"})
        await answer.prepare(request)
        try:
            for piece in pieces[: len(pieces) // 2] if cut else pieces:
                await answer.write(piece)
                if fault is not None:
                    await asyncio.sleep(fault.seconds)
        except ConnectionError:  # the client has gone: it is billed all the same
            return answer
        if cut:
            mischief.cut(request)
        else:
            self.ledger.note_delivery(delivers)
        return answer

    def _odd_bytes(self, target: Target) -> OddBytes | None:
        if not self.rules and not has_magic(target.prompt):
            return None
        struck = [self.strike({kind}, target) for kind in ODD_BYTES]
        faults = [fault for fault in struck if fault is not None]
        return OddBytes(faults) if faults else None


def _refusal(request: web.Request, fault: Fault, reference_url: str) -> Trouble | Answered:
    if fault.kind is FaultKind.RESET_BEFORE_BILLING:
        return Answered(mischief.reset(request))
    if fault.kind in (FaultKind.HTML_502, FaultKind.HTML):
        status = 502 if fault.kind is FaultKind.HTML_502 else fault.status or 403
        headers = {} if fault.retry_after_s is None else {"Retry-After": str(fault.retry_after_s)}
        page = mischief.page(status)
        return Answered(web.Response(status=status, text=page, content_type="text/html", headers=headers))
    if fault.kind is FaultKind.MODERATION:
        return Trouble(TroubleKind.MODERATION)
    if fault.kind is FaultKind.DOWNLOAD_TIMEOUT_REFERENCE:
        return Trouble(TroubleKind.REFERENCE_TIMEOUT, param=reference_url)
    return fault.as_trouble(reference_url)
