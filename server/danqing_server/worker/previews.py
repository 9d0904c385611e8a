"""Partial pictures for those who watch a task: best effort, and never in the way of the task itself.

One at most is stored of a task, a second apart, beside its outputs; it goes when the output is here, when the
attempt ends, or at last with the task. The record names its attempt: what a process left that died is not shown.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

import attrs

from danqing_plugins import Source
from danqing_server.assets.storage import Assets
from danqing_server.clock import Clock
from danqing_server.codec.documents import value_of
from danqing_server.errors import DanqingError
from danqing_server.log import get_logger
from danqing_server.records.outputs import Preview
from danqing_server.store.tasks import TaskStore
from danqing_server.worker.ledger import Ledger

__all__ = ["Previews", "forget_preview"]

EVERY_S = 1.0
PATIENCE_S = 0.5

log = get_logger(__name__)


@attrs.define(eq=False)
class Previews:
    """Those of one attempt; made when its provider has the first one."""

    ledger: Ledger
    store: TaskStore
    assets: Assets
    clock: Clock
    _shown_s: float = attrs.field(default=float("-inf"), init=False)
    _showing: asyncio.Task[None] | None = attrs.field(default=None, init=False)
    _stored: list[Preview] = attrs.field(factory=list, init=False)

    def show(self, index: int, source: Source) -> None:
        """Begin to show *source*, unless another is being shown or was less than a second ago. Returns at once."""
        now_s = self.clock.monotonic_s()
        busy = self._showing is not None and not self._showing.done()
        if busy or now_s - self._shown_s < EVERY_S or index not in self.ledger.task.missing:
            return
        self._shown_s = now_s
        self._showing = asyncio.create_task(self._show(index, source))

    async def end(self, index: int | None = None) -> None:
        """Show no more, and remove what is shown; with *index* only when it is of that output, which is here."""
        if index is not None and self._stored and self._stored[-1].index != index:
            return
        if self._showing is not None:
            await asyncio.wait({self._showing}, timeout=PATIENCE_S)
            self._showing.cancel()
            self._showing = None
        if self._stored:
            self.ledger.note(preview=None)
            await self._remove_but(None)

    async def _show(self, index: int, source: Source) -> None:
        task = self.ledger.task
        try:
            asset = await self.assets.keep_preview(task.id, index, source)
            preview = Preview(attempt=task.attempts, index=index, asset=asset)
            self._stored.append(preview)
            await self.store.amend(task, {"preview": value_of(preview)})
            await self._remove_but(preview)
        except DanqingError as error:
            log.debug("preview_not_shown", task_id=task.id, reason=type(error).__name__)

    async def _remove_but(self, shown: Preview | None) -> None:
        gone = [each for each in self._stored if each is not shown]
        self._stored = [each for each in self._stored if each is shown]
        for preview in gone:
            await _remove(self.assets, preview)


async def forget_preview(ledger: Ledger, assets: Assets) -> None:
    """Remove what an earlier attempt left, whose process died."""
    left = ledger.task.preview
    if left is not None:
        ledger.note(preview=None)
        await _remove(assets, left)


async def _remove(assets: Assets, preview: Preview) -> None:
    with suppress(DanqingError):  # it goes with its task then
        await assets.delete(preview.asset.key)
