"""Writes that are repeated until MongoDB carries them out, and where one sees that they are."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import attrs

from danqing_server.clock import Clock
from danqing_server.errors import StoreUnavailable
from danqing_server.log import get_logger

__all__ = ["Insisting"]

FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 2.0
REPORT_AFTER_S = 5.0

T = TypeVar("T")

log = get_logger(__name__)


@attrs.define(eq=False)
class Insisting:
    """All the writes of a process that are being repeated: compare-and-sets, which may be.

    Only an outage is waited for, however long it lasts. What MongoDB refuses for good is raised at once.
    """

    clock: Clock
    _since_s: dict[object, float] = attrs.field(factory=dict, init=False)
    _reported_at_s: float = attrs.field(default=float("-inf"), init=False)

    @property
    def longest_s(self) -> float:
        """For how many seconds the oldest of them has been repeated; 0 when there is none."""
        if not self._since_s:
            return 0.0
        return self.clock.monotonic_s() - next(iter(self._since_s.values()))

    async def on(self, write: Callable[[], Awaitable[T]]) -> T:
        """Repeat *write* until MongoDB carries it out.

        Raises:
            StoreUnavailable: permanent; it refuses this write for good.
        """
        try:
            return await write()
        except StoreUnavailable as error:
            if error.permanent:
                raise
        this = object()
        self._since_s[this] = self.clock.monotonic_s()
        try:
            return await self._repeat(write)
        finally:
            del self._since_s[this]

    async def _repeat(self, write: Callable[[], Awaitable[T]]) -> T:
        pause_s = FIRST_PAUSE_S
        while True:
            await asyncio.sleep(pause_s)
            pause_s = min(LONGEST_PAUSE_S, pause_s * 2)
            try:
                return await write()
            except StoreUnavailable as error:
                if error.permanent:
                    raise
                self._report(error)

    def _report(self, error: StoreUnavailable) -> None:
        """Say once every few seconds what is being waited for."""
        now_s = self.clock.monotonic_s()
        if self.longest_s >= REPORT_AFTER_S and now_s - self._reported_at_s >= REPORT_AFTER_S:
            self._reported_at_s = now_s
            log.warning(
                "writes_waiting", count=len(self._since_s), longest_s=round(self.longest_s), reason=str(error)
            )
