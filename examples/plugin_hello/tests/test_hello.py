"""The plugin against danqing's own conformance kit: `pip install pytest`, then `pytest`."""

from __future__ import annotations

import asyncio

import pytest

from danqing_hello import timing
from danqing_hello.provider import HelloProvider
from danqing_hello.studio import Studio
from danqing_plugins import InvalidRequest, Lazy, Request, Result
from danqing_plugins.testing import RecordingRun, check_provider, job_of


def quick() -> HelloProvider:
    """Return a provider whose studio needs no time."""
    provider = HelloProvider()
    provider.studio = Studio(work_s=0)
    return provider


def request(**changes: object) -> Request:
    """Return a request for three pictures, with *changes* to its input."""
    given = {"prompt": "a quiet hill", "n": 3, **changes}
    return Request(provider="hello", type="image", model=None, input=given)


def test_keeps_every_rule() -> None:
    """The kit runs the provider as the server would: whole, cut after the first picture, and resumed."""
    asyncio.run(check_provider(quick(), request()))


@pytest.mark.parametrize(("field", "value"), [("n", 5), ("n", True), ("size", "huge"), ("prompt", " "), ("x", 1)])
def test_wrong_field_is_named(field: str, value: object) -> None:
    """Each wrong field is one problem."""
    with pytest.raises(InvalidRequest) as refused:
        quick().prepare(request(**{field: value}))
    assert [problem.field for problem in refused.value.problems] == [field]


def test_order_of_a_dead_process_is_not_paid_again() -> None:
    """An order that was saved is collected, without another call."""

    async def die_and_resume() -> RecordingRun:
        provider = quick()
        first = RecordingRun(job=job_of(provider, request(n=1)), holds_after=0)
        working = asyncio.create_task(provider.generate(first.job, first))
        await first.held.wait()
        working.cancel()
        await asyncio.wait([working])
        second = first.next_attempt()
        await provider.generate(second.job, second)
        return second

    resumed = asyncio.run(die_and_resume())
    assert resumed.calls == []
    assert list(resumed.pictures) == [0]


def test_timing_logs_how_long_it_took() -> None:
    """The wrapper hands the result on and logs one line."""

    async def generate() -> Result:
        return Result(usage={"pictures": 1})

    async def run_it() -> tuple[Result | None, RecordingRun]:
        run = RecordingRun(job=job_of(quick(), request()))
        wrapping = timing.danqing_generate(run.job, run)
        next(wrapping)
        with pytest.raises(StopIteration) as wrapped:
            wrapping.send(Lazy(generate))
        return await wrapped.value.value, run

    result, run = asyncio.run(run_it())
    assert result == Result(usage={"pictures": 1})
    ((event, fields),) = run.log.lines
    assert event == "generation_timed"
    assert fields["outcome"] == "returned"
