"""What is sent keeps pace with its reader, in whatever pieces it is made."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from types import SimpleNamespace
from typing import Any

import attrs

from danqing_server.http.downloads import STEP_BYTES, Downloads


@attrs.define(eq=False)
class SlowLine:
    """A connection, and the answer on it, whose reader takes twice as much as he has to."""

    step_s: float
    read: bytearray = attrs.field(factory=bytearray)

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """As of a transport."""
        return (0, 0)

    def set_write_buffer_limits(self, **_limits: int) -> None:
        """As of a transport."""

    def abort(self) -> None:
        """As of a transport."""

    async def drained(self) -> None:
        """It was."""

    async def send(self, piece: bytes) -> None:
        """Take it, for as long as that takes."""
        await asyncio.sleep(len(piece) / STEP_BYTES * self.step_s / 2)
        self.read += piece


async def test_a_large_piece_is_read_as_slowly_as_many_small_ones() -> None:
    """The list at the end of a ZIP of tens of thousands of files has megabytes."""
    line = SlowLine(step_s=0.2)
    request: Any = SimpleNamespace(protocol=SimpleNamespace(transport=line, drained=line.drained))
    whole = bytes(range(256)) * (5 * STEP_BYTES // 256)

    async def made() -> AsyncGenerator[bytes, None]:
        yield whole

    response: Any = line
    await Downloads(most=1, step_s=line.step_s).send(request, response, made())
    assert line.read == whole
