"""Waiting for what is carried through whether or not anybody still waits for it."""

from __future__ import annotations

import asyncio
from typing import TypeVar

__all__ = ["outcome_of"]

Found = TypeVar("Found")


async def outcome_of(begun: asyncio.Future[Found]) -> Found:
    """Return what *begun* returns, or raise what it raises. Who is cancelled while waiting leaves it as it is.

    `asyncio.shield` would do, but since Python 3.14 it has the event loop report as an error what fails once its
    client hung up. Source: `Lib/asyncio/tasks.py` of 3.14.8, read 2026-11-30.
    """
    if not begun.done():
        await asyncio.wait({begun})
    return begun.result()
