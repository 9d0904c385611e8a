"""A stand-in for a slow, paid service that takes an order, works on it, and is asked how far it is.

Many real ones work like this. For one of them only this module would change: `order` would be its POST and `look`
its GET, both through `run.session`, their failures raised as the errors of `danqing_plugins`.
"""

from __future__ import annotations

import asyncio
import hashlib
import time

import attrs

from danqing_hello.painter import paint
from danqing_plugins import Unavailable

__all__ = ["Progress", "Studio"]


@attrs.frozen(kw_only=True)
class Progress:
    """How far an order is, from 0 to 1; `picture` is None until it is finished."""

    fraction: float
    picture: bytes | None = attrs.field(default=None, repr=False)


@attrs.frozen(kw_only=True)
class Studio:
    """Needs `work_s` seconds for a picture. The id of an order says all there is to know of it."""

    work_s: float

    async def order(self, prompt: str, size: int, index: int) -> str:
        """Order one picture and return the order's id. In a real service this is what costs money."""
        digest = hashlib.sha256(f"{prompt}\n{index}".encode()).hexdigest()[:12]
        return f"{digest}-{size}-{time.time_ns() // 1_000_000}"

    async def look(self, order: str) -> Progress:
        """Ask how far an order is. Raises Unavailable for an id that is none of ours."""
        try:
            seed, size, ordered_ms = order.split("-")
            done_s = time.time() - int(ordered_ms) / 1000
        except ValueError as error:
            raise Unavailable(f"the studio does not know the order {order!r}") from error
        if done_s < self.work_s:
            return Progress(fraction=max(0.0, done_s / self.work_s))
        # Painting keeps a processor busy: off the event loop, or every other task of the process waits.
        return Progress(fraction=1, picture=await asyncio.to_thread(paint, int(seed, 16), int(size)))
