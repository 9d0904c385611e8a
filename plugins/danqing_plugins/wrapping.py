"""Awaitables that are made lazily, and async wrappers around a generation.

A hook that returned a coroutine would leave it "never awaited" whenever a wrapper decides to answer by itself, and
a wrapper could not catch what the coroutine raises. So hooks return a `Lazy`, and a wrapper replaces it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from typing import Any, Generic, TypeVar

import attrs

from danqing_plugins.models import Result

__all__ = ["Generation", "Lazy", "wrap"]

T = TypeVar("T")

Generation = Callable[[], Awaitable[Result | None]]
"""Calling it starts the wrapped generation."""


@attrs.frozen
class Lazy(Generic[T]):
    """An awaitable whose coroutine is made when it is awaited, anew each time; never awaited costs nothing."""

    make: Callable[[], Awaitable[T]]

    def __await__(self) -> Generator[Any, Any, T]:
        return self.make().__await__()


def wrap(
    inner: Awaitable[Result | None] | None,
    around: Callable[[Generation], Awaitable[Result | None]],
) -> Awaitable[Result | None] | None:
    """Put the async function *around* about a generation, inside a hook wrapper.

    *around* is given a function that starts the wrapped generation: it may await it in a `try`, several times, or
    not at all. None (nobody answered for the provider) stays None.

        @hookimpl(wrapper=True)
        def danqing_generate(job, run):
            inner = yield
            return wrap(inner, lambda generate: self.timed(job, generate))
    """
    if inner is None:
        return None

    async def start() -> Result | None:
        return await inner

    return Lazy(lambda: around(start))
