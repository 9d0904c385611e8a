"""Whose wish a cancellation is: `CancelledError` also comes out of what is awaited and was cancelled itself."""

from __future__ import annotations

import asyncio

__all__ = ["is_cancelled"]


def is_cancelled() -> bool:
    """Tell whether somebody asked the running task to stop; else the cancellation that it meets is another's."""
    running = asyncio.current_task()
    return running is not None and running.cancelling() > 0
