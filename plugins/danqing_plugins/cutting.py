"""Running a generation for the conformance kit: whole, or cut where the process might die."""

from __future__ import annotations

import asyncio

from danqing_plugins.errors import OutcomeUnknown, PluginError
from danqing_plugins.models import Result
from danqing_plugins.provider import Provider
from danqing_plugins.recording import RecordingRun, require_json

__all__ = ["cut", "generate", "go_on"]

PATIENCE_S = 10.0


async def generate(provider: Provider, run: RecordingRun) -> None:
    """Run a generation to its end. Raises AssertionError where it leaves a call's outcome unknown."""
    awaitable = provider.danqing_generate(job=run.job, run=run)
    assert awaitable is not None, f"danqing_generate does not answer for provider {run.job.provider!r}"
    patience = asyncio.timeout(run.patience_s)
    try:
        async with patience:
            result = await awaitable
    except TimeoutError:
        assert not patience.expired(), f"generate still runs after {run.patience_s:g} s"
        raise
    except OutcomeUnknown as error:
        raise AssertionError(f"generate left the outcome of a call unknown: {error.message}") from error
    assert result is None or isinstance(result, Result), f"generate returned a {type(result).__name__}, no Result"
    if result is not None:
        require_json(result.output, "Result.output")
        require_json(result.usage, "Result.usage")


async def cut(provider: Provider, run: RecordingRun, at: asyncio.Event, linger_s: float = 0.0) -> bool:
    """Cancel a generation *linger_s* after the event *at*; False when it ends before."""
    working = asyncio.create_task(generate(provider, run))
    waiting = asyncio.create_task(at.wait())
    await asyncio.wait({working, waiting}, timeout=PATIENCE_S, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if linger_s and not working.done():
        await asyncio.wait({working}, timeout=linger_s)
    if working.done():
        working.result()
        return False
    run.holds_after, run.holds_at_order = None, 0  # one that goes on in spite of it shall come to its end
    working.cancel()
    await asyncio.wait({working}, timeout=PATIENCE_S)
    assert working.done(), f"generate still runs {PATIENCE_S:g} s after it was cancelled"
    assert working.cancelled(), "generate swallowed its cancellation; let asyncio.CancelledError pass"
    return True


async def go_on(provider: Provider, run: RecordingRun, where: str) -> RecordingRun:
    """Run the attempt after *run*, which was cut *where* it says, and return it.

    Every output must be made, and nothing that was ordered may be ordered again.
    """
    second = run.next_attempt()
    try:
        await generate(provider, second)
    except AssertionError:
        raise
    except Exception as error:
        said = error.message if isinstance(error, PluginError) else repr(error)
        raise AssertionError(
            f"after a crash {where} generate failed: {said}; run.saved was to hold what it needs to go on"
        ) from error
    assert not second.missing, f"after a crash {where} the pictures {second.missing} were not made"
    require_ordered_once(second, where)
    return second


def require_ordered_once(run: RecordingRun, where: str) -> None:
    """Check that no call of *run* is for what an earlier attempt ordered."""
    ordered = [call.indexes for call in run.earlier_calls if call.resumable]
    whole = any(not indexes for indexes in ordered)  # of a task without outputs the call is the order
    again = sorted({index for call in run.calls for index in call.indexes} & {i for each in ordered for i in each})
    assert not again, f"after a crash {where} the pictures {again} were ordered and paid for again"
    assert not (whole and run.calls), f"after a crash {where} what was ordered was ordered and paid for again"
