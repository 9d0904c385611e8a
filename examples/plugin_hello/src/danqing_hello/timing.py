"""A plugin that brings no provider: it goes around every generation of every provider and logs how long each took.

Nothing of a provider has to change for that. An audit, a cache or a moderation step has the same shape.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Generator

from danqing_plugins import Generation, Job, Result, Run, hookimpl, wrap

__all__ = ["danqing_generate"]

Outcome = Awaitable[Result | None] | None


@hookimpl(wrapper=True)
def danqing_generate(job: Job, run: Run) -> Generator[None, Outcome, Outcome]:
    """Put `_timed` around whatever the provider's plugin answers."""
    inner = yield
    return wrap(inner, lambda generate: _timed(job, run, generate))


async def _timed(job: Job, run: Run, generate: Generation) -> Result | None:
    began_s = time.monotonic()
    outcome = "raised"
    try:
        result = await generate()
        outcome = "returned"
        return result
    finally:
        seconds = round(time.monotonic() - began_s, 3)
        run.log.info("generation_timed", model=job.model, attempt=job.attempt, outcome=outcome, seconds=seconds)
