"""Taking finished pictures into our storage, beside the provider that goes on making the others."""

from __future__ import annotations

import asyncio

import attrs

from danqing_plugins import Source
from danqing_server.assets.storage import Assets
from danqing_server.clock import Clock
from danqing_server.errors import DanqingError, PictureRejected, SourceUnavailable, StorageUnavailable
from danqing_server.models import Billed, Output, OutputState, TaskError
from danqing_server.worker import texts
from danqing_server.worker.ledger import Ledger

__all__ = ["Keeper"]

PAUSES_S = (0.5, 1.0, 2.0)


@attrs.define(eq=False)
class Keeper:
    """Keeps the pictures of one attempt; `failures` are those that should be tried again later.

    A picture whose source is gone for good is dropped, so that it is missing again; one that is no picture fails.
    """

    ledger: Ledger
    assets: Assets
    clock: Clock
    slots: asyncio.Semaphore
    failures: list[DanqingError] = attrs.field(factory=list, init=False)
    _running: set[asyncio.Task[None]] = attrs.field(factory=set, init=False)

    def begin(self, index: int, source: Source) -> None:
        """Start to keep picture *index*, whose URL is saved."""
        task = asyncio.create_task(self.keep(index, source))
        self._running.add(task)

    def resume(self) -> None:
        """Start on every picture whose URL an earlier attempt saved."""
        for output in self.ledger.sourced():
            self.begin(output.index, Source.from_url(output.source_url or ""))

    async def settle(self) -> None:
        """Wait until everything begun is kept or has failed. Raises what was not expected to be raised."""
        while self._running:
            done, _ = await asyncio.wait(self._running)
            self._running -= done
            for task in done:
                task.result()

    async def abandon(self) -> None:
        """Stop everything begun; URLs that are saved can be resumed later."""
        if not self._running:
            return
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        self._running.clear()

    async def keep(self, index: int, source: Source) -> None:
        """Fetch, check and store picture *index*, trying a few times."""
        for pause_s in PAUSES_S:
            error = await self._try(index, source)
            if error is None:
                return
            await asyncio.sleep(pause_s)
        error = await self._try(index, source)
        if isinstance(error, PictureRejected):
            self._fail(index, error)
        elif error is not None:
            self.failures.append(error)

    async def _try(self, index: int, source: Source) -> DanqingError | None:
        """Try once; None when the picture's fate is settled, else why it is worth another try."""
        try:
            async with self.slots:
                asset = await self.assets.keep(self.ledger.task.id, index, source)
        except PictureRejected as error:
            if error.code == "truncated":
                return error
            self._fail(index, error)
        except SourceUnavailable as error:
            if not (error.gone or error.refused):
                return error
            self._lose(index)
        except StorageUnavailable as error:
            return error
        else:
            output = Output(index=index, state=OutputState.KEPT, at=self.clock.now(), asset=asset)
            self.ledger.note_output(output)
            # The last one travels with the task's end, unless nothing else could bring it back after a crash.
            if source.url is None or self.ledger.task.missing or self.ledger.sourced():
                await self.ledger.save()
        return None

    def _fail(self, index: int, error: PictureRejected) -> None:
        message = texts.CANNOT_BE_KEPT(why=error.message)
        failed = TaskError(code=f"picture_{error.code}", message=message, billed=Billed.YES)
        self.ledger.note_output(Output(index=index, state=OutputState.FAILED, at=self.clock.now(), error=failed))

    def _lose(self, index: int) -> None:
        if str(index) in self.ledger.task.outputs:
            self.ledger.forget_output(index)
