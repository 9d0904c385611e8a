"""Lines of batches that are taken in without a door."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from danqing_server.desk.request import Submission

__all__ = ["unnamed"]


def unnamed(submitted: Callable[[], Submission]) -> Callable[[], Awaitable[tuple[None, Callable[[], Submission]]]]:
    """Return what reads a line that its client gave no name."""

    async def read() -> tuple[None, Callable[[], Submission]]:
        return None, submitted

    return read
