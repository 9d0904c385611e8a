"""Taking finished pictures into our storage, beside the provider that goes on making the others.

What a link leads to is paid for. Signed links and CDNs answer 403 or 404 for the first seconds, and storages break
off: asking again costs nothing, buying again does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import attrs

from danqing_plugins import OutputKind, Source
from danqing_server.assets.expiry import expires_at
from danqing_server.assets.partial import Partial
from danqing_server.assets.sources import held_link, is_held
from danqing_server.assets.storage import Assets
from danqing_server.clock import Clock
from danqing_server.errors import DanqingError, PictureRejected, SourceUnavailable, StorageUnavailable
from danqing_server.life.billing import maker_of
from danqing_server.log import get_logger
from danqing_server.records.outputs import Output, OutputState, TaskError
from danqing_server.records.tasks import Billed, Task
from danqing_server.worker import texts
from danqing_server.worker.ledger import Ledger

__all__ = ["Keeper", "LinkPatience", "Slots", "keep_output", "own_kind", "source_of"]


log = get_logger(__name__)

PICTURES_AT_ONCE = 32
LARGE_AT_ONCE = 16


@attrs.frozen(kw_only=True)
class LinkPatience:
    """How long a link is asked again before its picture counts as lost.

    `pauses_s` lie between the tries of one attempt. A refusal (403, 404, 410) is believed only of an earlier
    attempt's link, and not before the link's own expiry, or `young_s` after it came where it tells none.
    """

    pauses_s: tuple[float, ...] = (0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0)
    broken_pauses_s: tuple[float, ...] = (0.5, 1.0, 2.0)
    young_s: float = 60.0

    def believes(self, refused: Output, now: datetime) -> bool:
        """Tell whether the link of *refused* is dead by now, as it says itself."""
        dead_at = expires_at(refused.source_url or "") or refused.at + timedelta(seconds=self.young_s)
        return now >= dead_at


@attrs.frozen(eq=False)
class Slots:
    """How many outputs a process takes in at once; large ones wait for each other, and pictures not for them."""

    pictures: asyncio.Semaphore
    large: asyncio.Semaphore

    @classmethod
    def of_process(cls) -> Slots:
        """Return as many as a process has."""
        return cls(asyncio.Semaphore(PICTURES_AT_ONCE), asyncio.Semaphore(LARGE_AT_ONCE))

    def for_kind(self, kind: OutputKind) -> asyncio.Semaphore:
        """Return what an output of *kind* waits for."""
        return self.pictures if kind is OutputKind.IMAGE else self.large


async def keep_output(
    assets: Assets, clock: Clock, task: Task, index: int, source: Source, partial: Partial | None = None
) -> Output:
    """Fetch, check and store an output of *task*, and return it as kept. Raises what `Assets.keep` does."""
    kind = source.kind or task.kind
    provider = _maker_of(task, index)
    asset = await assets.keep(task.id, index, source, kind=kind, provider=provider, partial=partial)
    return Output(
        index=index,
        state=OutputState.KEPT,
        at=clock.now(),
        # For as long as the link lives, it can bring back a file that is lost.
        source_url=None if is_held(source.url) else source.url,
        asset=asset,
        kind=own_kind(task, source),
    )


def own_kind(task: Task, source: Source) -> OutputKind | None:
    """Return the kind of an output of *task* where it is another than the task's; else it is not worth a write."""
    return None if source.kind == task.kind else source.kind


def source_of(output: Output) -> Source:
    """Return where an output is to be had whose URL is saved."""
    return Source(url=output.source_url, kind=output.kind)


def _nobody_waits() -> None:
    """Let be: the attempt is over."""


def _maker_of(task: Task, index: int) -> str:
    """Return the provider that made a picture: what another target left is still to be fetched as its own."""
    return task.provider if task.route is None else task.route.targets[maker_of(task, index)].provider


@attrs.define(eq=False)
class Keeper:
    """Keeps the pictures of one attempt; `failures` are those that should be tried again later.

    A picture whose source is dead is lost: missing again, and its call in doubt; one that is no picture fails.
    *on_waiting* is called when a link has to be asked again after a pause.
    """

    ledger: Ledger
    assets: Assets
    clock: Clock
    slots: Slots
    patience: LinkPatience
    on_waiting: Callable[[], None]
    failures: tuple[DanqingError, ...] = attrs.field(default=(), init=False)
    lost: bool = attrs.field(default=False, init=False)
    waiting: bool = attrs.field(default=False, init=False)
    _resumed: frozenset[int] = attrs.field(default=frozenset(), init=False)
    _running: frozenset[asyncio.Task[None]] = attrs.field(default=frozenset(), init=False)

    def begin(self, index: int, source: Source) -> None:
        """Start to keep picture *index*, whose URL is saved."""
        task = asyncio.create_task(self.keep(index, source))
        self._running |= {task}

    def resume(self) -> None:
        """Start on every picture whose URL an earlier attempt saved."""
        for output in self.ledger.sourced():
            self._resumed |= {output.index}
            self.begin(output.index, source_of(output))

    async def settle(self) -> None:
        """Wait until everything begun is kept or has failed. Raises what was not expected to be raised."""
        while self._running:
            done, _ = await asyncio.wait(self._running)
            self._running -= done
            for task in done:
                task.result()

    async def abandon(self) -> None:
        """Stop everything begun; URLs that are saved can be resumed later."""
        self.on_waiting = _nobody_waits  # whose method it was holds this: a ring would wait for the collector
        if not self._running:
            return
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        self._running = frozenset()

    async def keep(self, index: int, source: Source) -> None:
        """Fetch, check and store output *index*, whose URL is saved, trying as long as `patience` says.

        A try goes on with what the last one brought, and the first one of a saved link with what an earlier attempt
        left of it, in whichever process of this machine.
        """
        async with self.assets.partial(source.url, resumed=index in self._resumed) as partial:
            await self._insist(index, source, partial, await self._try(index, source, partial))

    async def take(self, index: int, source: Source) -> None:
        """Check and store output *index*, which came as bytes that nothing can bring back.

        What the storage does not take for now is held by this machine's disk, and kept from there beside the
        provider, as what a link leads to, by the next attempt, too.
        """
        link = held_link()
        async with self.assets.partial(link) as partial:
            try:
                error = await self._try(index, source, partial)
                is_held_here = isinstance(error, StorageUnavailable) and await partial.hold()
            except asyncio.CancelledError:
                if await partial.hold():
                    self._note_held(index, link, source)  # the attempt's end writes it down
                raise
            if not is_held_here:
                await self._insist(index, source, partial, error)
                return
            self._note_held(index, link, source)
            await self.ledger.save()
        log.warning("output_held", task_id=self.ledger.task.id, index=index)
        self._resumed |= {index}
        self.begin(index, Source.from_url(link, source.kind))

    def _note_held(self, index: int, link: str, source: Source) -> None:
        kind = own_kind(self.ledger.task, source)
        held = Output(index=index, state=OutputState.SOURCED, at=self.clock.now(), source_url=link, kind=kind)
        self.ledger.note_output(held)

    async def _insist(self, index: int, source: Source, partial: Partial, error: DanqingError | None) -> None:
        """Try on after *error* until its fate is settled, or patience is at its end.

        What this machine alone holds has the attempt wait for the storage, and its lane with it: another may run
        elsewhere, and what is bought meanwhile would have to be held, too.
        """
        tries = 0
        while error is not None:
            pauses_s = self._pauses_for(error, source)
            waits = is_held(source.url) and isinstance(error, StorageUnavailable) and not error.permanent
            if not waits:
                if tries >= len(pauses_s):
                    break
                self.waiting = True
                self.on_waiting()
            await asyncio.sleep(pauses_s[min(tries, len(pauses_s) - 1)])
            tries += 1
            error = await self._try(index, source, partial)
        if isinstance(error, PictureRejected):
            self._fail(index, source, error)
        elif error is not None:
            self.failures += (error,)

    def _pauses_for(self, error: DanqingError, source: Source) -> tuple[float, ...]:
        """Be patient with a link, and with a storage that does not take bytes which nothing can bring back."""
        patient = isinstance(error, SourceUnavailable) or (
            (source.url is None or is_held(source.url)) and isinstance(error, StorageUnavailable)
        )
        return self.patience.pauses_s if patient else self.patience.broken_pauses_s

    async def _try(self, index: int, source: Source, partial: Partial) -> DanqingError | None:
        """Try once; None when the picture's fate is settled, else why it is worth another try."""
        try:
            async with self.slots.for_kind(source.kind or self.ledger.task.kind):
                output = await keep_output(self.assets, self.clock, self.ledger.task, index, source, partial)
        except PictureRejected as error:
            if error.code == "truncated":
                return error
            self._fail(index, source, error)
        except SourceUnavailable as error:
            if not self._is_dead(index, error):
                return error
            await self._lose(index)
        except StorageUnavailable as error:
            return error
        else:
            self.ledger.note_output(output)
            # The last one travels with the task's end, unless nothing else could bring it back after a crash.
            if source.url is None or self.ledger.task.missing or self.ledger.sourced():
                await self.ledger.save()
        return None

    def _is_dead(self, index: int, error: SourceUnavailable) -> bool:
        if error.gone:
            return True
        output = self.ledger.task.outputs.get(str(index))
        if output is None or index not in self._resumed or not error.refused:
            return False
        return self.patience.believes(output, self.clock.now())

    def _fail(self, index: int, source: Source, error: PictureRejected) -> None:
        kind = source.kind or self.ledger.task.kind
        noun = "picture" if kind is OutputKind.IMAGE else kind.value
        message = texts.CANNOT_BE_KEPT(why=error.message)
        failed = TaskError(code=f"{noun}_{error.code}", message=message, billed=Billed.YES)
        self.ledger.note_output(Output(index=index, state=OutputState.FAILED, at=self.clock.now(), error=failed))

    async def _lose(self, index: int) -> None:
        if str(index) in self.ledger.task.outputs:
            self.lost = True
            self.ledger.lose(index)
            await self.ledger.save()
