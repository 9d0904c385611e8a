"""How slow the other side may be: bytes have to move, however many there are in all."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

import attrs

__all__ = ["Pace"]


@attrs.define(eq=False)
class Pace:
    """A bound on slowness: use as `async with`, and `note` what moved.

    Raises TimeoutError out of the block when fewer than `step_bytes` moved within `window_s` seconds; what is
    smaller has that long for the whole of it.
    """

    step_bytes: int
    window_s: float
    _limit: asyncio.Timeout = attrs.field(init=False)
    _moved_bytes: int = attrs.field(default=0, init=False)

    async def __aenter__(self) -> Self:
        self._limit = asyncio.timeout(self.window_s)
        await self._limit.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._limit.__aexit__(kind, error, trace)

    def note(self, size_bytes: int) -> None:
        """Say that *size_bytes* moved; a full step begins a new window."""
        self._moved_bytes += size_bytes
        if self._moved_bytes >= self.step_bytes:
            self._moved_bytes = 0
            self._limit.reschedule(asyncio.get_running_loop().time() + self.window_s)
