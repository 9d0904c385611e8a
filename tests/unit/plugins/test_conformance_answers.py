"""What the conformance kit finds in the answers that a plugin passes on, and in one that does not end."""

from __future__ import annotations

import asyncio
from typing import Any

import attrs
import pytest

from danqing_plugins import Job, Result, Run, Source
from danqing_plugins.cutting import generate
from danqing_plugins.testing import RecordingRun, job_of
from tests.unit.plugins.test_conformance import REQUEST, SmallProvider, broken_rule, each_in_a_call_of_its_own


@attrs.define(eq=False)
class Answering(SmallProvider):
    """Returns what a test gives it, behind its pictures."""

    answer: Any = None

    async def generate(self, job: Job, run: Run) -> Result | None:
        await super().generate(job, run)
        answer: Result | None = self.answer
        return answer


class TestAnswers:
    """What the server would not understand is found before anything is bought."""

    @pytest.mark.parametrize(
        ("answer", "rule"),
        [
            ({"text": "a hill"}, "generate returned a dict, no Result"),
            (Result(output={"seen": {1}}), "Result.output holds something that is no JSON value"),
            (Result(usage={"share": float("nan")}), "Result.usage holds something that is no JSON value"),
        ],
    )
    async def test_what_is_returned_is_a_result_of_json(self, answer: Any, rule: str) -> None:
        """Its pictures would be kept, and the answer lost."""
        assert rule in await broken_rule(Answering(answer=answer))

    async def test_usage_of_a_call_is_an_object(self) -> None:
        """A list or a text as the service sent it counts nothing."""

        async def passing_on(_job: Job, run: Run) -> None:
            for index in run.missing:
                async with run.call([index], f"hash-{index}") as call:
                    usage: Any = [3]
                    call.usage = usage
                    await run.deliver(index, Source.from_bytes(b"picture"))

        assert "the usage of a call is no JSON object" in await broken_rule(SmallProvider(passing_on))

    async def test_a_picture_is_rejected_with_an_error_of_ours(self) -> None:
        """Any other says neither what it means nor whether it was billed."""

        async def rejecting(job: Job, run: Run) -> None:
            error: Any = ValueError("no")
            await each_in_a_call_of_its_own(job, run)
            await run.reject(0, error)

        assert "run.reject was given a ValueError" in await broken_rule(SmallProvider(rejecting))

    async def test_one_that_never_ends_is_found(self) -> None:
        """`danqing plugin check` said nothing, for ever."""

        async def waiting(_job: Job, _run: Run) -> None:
            await asyncio.Event().wait()

        provider = SmallProvider(waiting)
        run = RecordingRun(job=job_of(provider, REQUEST), patience_s=0.05)
        with pytest.raises(AssertionError, match=r"generate still runs after 0\.05 s"):
            await generate(provider, run.anew())
