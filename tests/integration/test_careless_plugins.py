"""Plugins that hand over what is no JSON, no number or no text: what was paid for is kept, tasks end as told."""

from __future__ import annotations

import math
import sys
from decimal import Decimal
from typing import Any

import pytest

from danqing_plugins import (
    ContentRejected,
    Job,
    OutputKind,
    PluginError,
    RateLimited,
    Result,
    Run,
    Source,
    Unavailable,
)
from danqing_server.records.tasks import CallOutcome, Status
from tests.support.providers import Generate, ScriptedProvider, deliver_all, picture
from tests.support.system import MakeSettings, running_system


def returning(make: Any) -> Generate:
    """Return what delivers every picture, and then returns what *make* gives."""

    async def generate(job: Job, run: Run) -> Any:
        await deliver_all(job, run)
        return make()

    return generate


def noting(**told: Any) -> Generate:
    """Return what notes *told* of its call, as the service said it, and delivers a picture."""

    async def generate(_job: Job, run: Run) -> None:
        async with run.call([0], "fingerprint") as call:
            for name, value in told.items():
                setattr(call, name, value)
            await run.deliver(0, Source.from_bytes(picture()))

    return generate


async def deliver_by_word(_job: Job, run: Run) -> None:
    """Deliver a picture whose kind is a plain word."""
    word: Any = "image"
    async with run.call([0], "fingerprint"):
        await run.deliver(0, Source.from_bytes(picture(), word))


class TestPictures:
    """A picture that is paid for is the user's, whatever else its plugin gets wrong."""

    @pytest.mark.parametrize(
        "generation",
        [
            returning(lambda: Result(output="a sentence")),  # type: ignore[arg-type]  # the mistake
            returning(lambda: Result(usage=[3])),  # type: ignore[arg-type]  # the mistake
            returning(lambda: {"text": "no Result"}),
            returning(lambda: Result(output={"seen": {1, 2}, "raw": b"\xff", "share": Decimal("0.5")})),
            noting(usage=[1, 2]),
            noting(usage=None),
            noting(usage="3 tokens"),
            noting(request_id=12345),
            noting(request_id=object()),
            deliver_by_word,
        ],
        ids=[
            "text",
            "list",
            "dict",
            "odd values",
            "usage list",
            "no usage",
            "usage text",
            "number",
            "object",
            "kind",
        ],
    )
    async def test_it_is_kept_and_its_task_can_be_read(
        self, make_settings: MakeSettings, generation: Generate
    ) -> None:
        """One task in ten was lost for ever: its document could not be read, or its attempt died."""
        async with running_system(make_settings(), [ScriptedProvider(generation)]) as system:
            task = await system.finished((await system.submit()).id, 10)
            assert (task.status, len(task.kept), task.attempts) == (Status.COMPLETED, 1, 1)
            [call] = task.calls.values()
            assert call.outcome is CallOutcome.DELIVERED
            assert isinstance(call.usage, dict)

    async def test_what_is_no_json_is_told_as_text(self, make_settings: MakeSettings) -> None:
        """The rest of the answer stays as it is."""
        answer = Result(output={"share": Decimal("0.5"), "seen": {7}, "seed": 3})
        async with running_system(make_settings(), [ScriptedProvider(returning(lambda: answer))]) as system:
            task = await system.finished((await system.submit()).id)
            assert task.result == {"share": "0.5", "seen": [7], "seed": 3}

    def test_a_kind_that_there_is_not_is_refused_where_it_is_named(self) -> None:
        """Not when the picture is here and paid for."""
        word: Any = "picture"
        with pytest.raises(ValueError, match="picture"):
            Source.from_bytes(b"", word)
        assert Source.from_bytes(b"").kind is None
        named: Any = "video"
        assert Source.from_bytes(b"", named).kind is OutputKind.VIDEO


class TestErrors:
    """An error means what its class says, whatever it was made of."""

    @pytest.mark.parametrize(
        "error",
        [
            Unavailable(RuntimeError("https://service.example/?token=secret")),  # type: ignore[arg-type]  # the mistake
            Unavailable("busy", retry_after_s="1"),  # type: ignore[arg-type]  # a header, as it came
            Unavailable("busy", retry_after_s="Wed, 21 Oct 2026 07:28:00 GMT"),  # type: ignore[arg-type]
            Unavailable("busy", code=503, request_id=7),  # type: ignore[arg-type]  # numbers, as they came
            Unavailable("busy", retry_after_s=math.nan),
        ],
        ids=["an exception", "a header", "a date", "numbers", "not a number"],
    )
    async def test_what_cost_nothing_is_tried_again(self, make_settings: MakeSettings, error: PluginError) -> None:
        """It ended the task for good, or killed the attempt, whose call then counted as billed."""

        async def generate(job: Job, run: Run) -> None:
            if job.attempt > 1:
                await deliver_all(job, run)
                return
            async with run.call([0], "fingerprint"):
                raise error

        async with running_system(make_settings(), [ScriptedProvider(generate)]) as system:
            task = await system.finished((await system.submit()).id, 10)
            assert (task.status, task.attempts) == (Status.COMPLETED, 2)
            assert sorted(call.outcome for call in task.calls.values()) == ["delivered", "failed_unbilled"]

    async def test_another_exception_is_named_and_not_quoted(self, make_settings: MakeSettings) -> None:
        """What it says may hold a key."""

        async def generate(_job: Job, run: Run) -> None:
            async with run.call([0], "fingerprint"):
                raise Unavailable(RuntimeError("secret"))  # type: ignore[arg-type]  # the mistake

        once = make_settings(DANQING_MAX_ATTEMPTS="1")
        async with running_system(once, [ScriptedProvider(generate)]) as system:
            task = await system.finished((await system.submit()).id)
            assert task.error is not None
            assert (task.error.code, task.error.message) == ("provider_unavailable", "RuntimeError")

    async def test_a_limited_rate_takes_a_header_as_it_came(self, make_settings: MakeSettings) -> None:
        """The lane waits as long as the service wished."""

        async def generate(job: Job, run: Run) -> None:
            if job.attempt > 1:
                await deliver_all(job, run)
                return
            async with run.call([0], "fingerprint"):
                raise RateLimited("slower", retry_after_s="0.5")  # type: ignore[arg-type]  # the mistake

        async with running_system(make_settings(), [ScriptedProvider(generate)]) as system:
            task = await system.finished((await system.submit()).id, 10)
            assert (task.status, task.failures) == (Status.COMPLETED, 0)

    @pytest.mark.parametrize(("told", "billed"), [("yes", "unknown"), ("no", "no"), (True, "unknown")])
    async def test_who_was_charged_is_read_as_a_word(
        self, make_settings: MakeSettings, told: Any, billed: str
    ) -> None:
        """What is no word for it leaves it open; the task could not be read any more.

        A charge for nothing that was kept is told as one that may have been.
        """

        async def generate(_job: Job, run: Run) -> None:
            async with run.call([0], "fingerprint"):
                raise ContentRejected("refused", billed=told)

        async with running_system(make_settings(), [ScriptedProvider(generate)]) as system:
            task = await system.finished((await system.submit()).id, 10)
            assert task.error is not None
            assert (task.error.code, task.error.billed) == ("content_rejected", billed)

    async def test_a_whole_page_as_a_message_is_cut(self, make_settings: MakeSettings) -> None:
        """Larger than any document, it was written by nobody until the task's deadline."""

        async def generate(_job: Job, run: Run) -> None:
            async with run.call([0], "fingerprint"):
                raise ContentRejected("<html>" + "x" * 20_000_000)

        async with running_system(make_settings(), [ScriptedProvider(generate)]) as system:
            task = await system.finished((await system.submit()).id, 10)
            assert task.error is not None
            assert task.error.message.startswith("<html>")
            assert len(task.error.message) <= 2001


class TestLeaving:
    async def test_a_plugin_that_leaves_the_process_fails_its_own_task(self, make_settings: MakeSettings) -> None:
        """The process ended, and with it the paid calls of all others."""

        async def generate(job: Job, run: Run) -> None:
            if job.input["prompt"] == "leave":
                sys.exit(1)
            await deliver_all(job, run)

        once = make_settings(DANQING_MAX_ATTEMPTS="1")
        async with running_system(once, [ScriptedProvider(generate)]) as system:
            left = await system.finished((await system.submit("leave")).id)
            assert left.error is not None
            assert (left.status, left.error.code) == (Status.FAILED, "plugin_error")
            assert (await system.finished((await system.submit("stay")).id)).status is Status.COMPLETED
