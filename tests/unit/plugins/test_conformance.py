"""The conformance kit: it passes a good provider, and names the rule that a bad one breaks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import attrs
import pytest

from danqing_plugins import (
    ContentRejected,
    InvalidRequest,
    Job,
    ModelInfo,
    OutcomeUnknown,
    Prepared,
    Problem,
    Provider,
    ProviderInfo,
    Reference,
    ReferenceData,
    Request,
    Result,
    Run,
    Source,
)
from danqing_plugins.billing import CallOutcome
from danqing_plugins.testing import RecordingRun, check_info, check_prepare, check_provider, job_of
from tests.unit.volcengine.builders import configured

PROMPT = "a quiet hill"
REQUEST = Request(provider="small", type="image", model=None, input={"prompt": PROMPT, "n": 3})
MODEL = ModelInfo(id="one", title="One", aliases=("uno",))


async def each_in_a_call_of_its_own(_job: Job, run: Run) -> None:
    """Make what is missing, as a provider should."""
    for index in run.missing:
        async with run.call([index], f"hash-{index}"):
            await run.deliver(index, Source.from_bytes(b"picture"))


@attrs.define(eq=False)
class SmallProvider(Provider):
    """A provider whose parts a test replaces."""

    generation: Callable[[Job, Run], Awaitable[Any]] = each_in_a_call_of_its_own
    changes: dict[str, Any] = attrs.field(factory=dict)
    checks_model: bool = True
    own_input: bool = True

    @property
    def info(self) -> ProviderInfo:
        values = {"name": "small", "title": "Small", "models": (MODEL,), "default_model": "one", **self.changes}
        return ProviderInfo(**values)

    def prepare(self, request: Request) -> Prepared:
        model = self.find_model(request).id if self.checks_model else "one"
        given: Any = dict(request.input) if self.own_input else request.input
        given["n"] = min(given["n"], 4)
        return Prepared(model=model, input=given, outputs=given["n"])

    async def generate(self, job: Job, run: Run) -> Result | None:
        await self.generation(job, run)
        return None


async def broken_rule(provider: Provider, request: Request = REQUEST) -> str:
    """Return the sentence with which the kit refuses *provider*."""
    with pytest.raises(AssertionError) as refused:
        await check_provider(provider, request)
    return str(refused.value)


class TestGoodProviders:
    """What keeps the rules passes."""

    @pytest.mark.parametrize("n", [1, 2, 4])
    async def test_small_one_passes(self, n: int) -> None:
        """With one picture as with several."""
        await check_provider(SmallProvider(), attrs.evolve(REQUEST, input={"prompt": PROMPT, "n": n}))

    async def test_one_call_for_all_passes(self) -> None:
        """A call may cover several pictures, if it asks only for those that are missing."""

        async def together(_job: Job, run: Run) -> None:
            if not run.missing:
                return
            async with run.call(run.missing, "hash"):
                for index in run.missing:
                    await run.deliver(index, Source.from_url(f"https://pictures.example/{index}"))

        await check_provider(SmallProvider(together), REQUEST)

    async def test_picture_that_is_rejected_or_omitted_is_settled(self) -> None:
        """Not every picture has to come."""

        async def some(_job: Job, run: Run) -> None:
            for index in run.missing:
                async with run.call([index], "hash"):
                    if index == 0:
                        await run.deliver(index, Source.from_bytes(b"picture"))
                    elif index == 1:
                        await run.reject(index, ContentRejected("no"))
                    else:
                        await run.omit([index])

        await check_provider(SmallProvider(some), REQUEST)

    def test_volcengine_says_and_prepares_what_it_should(self) -> None:
        """The provider that ships with us; tests/integration/test_conformance.py runs its generation."""
        provider = configured()
        check_info(provider)
        check_prepare(provider, attrs.evolve(REQUEST, provider="volcengine"))


class TestInfo:
    """What a provider says of itself."""

    @pytest.mark.parametrize(
        ("changes", "rule"),
        [
            ({"name": "Small"}, "name 'Small'"),
            ({"default_model": "two"}, "default_model 'two'"),
            ({"concurrency": 0}, "concurrency is 0"),
            ({"models": (MODEL, ModelInfo(id="uno", title="Two"))}, "stands for two models"),
            ({"models": (attrs.evolve(MODEL, types=()),)}, "takes no task type"),
            ({"models": (attrs.evolve(MODEL, parameters={"properties": {1j}}),)}, "no JSON value"),
            ({"models": (attrs.evolve(MODEL, parameters={"required": ["size"]}),)}, r"requires ['size']"),
        ],
    )
    async def test_each_fault_is_named(self, changes: dict[str, Any], rule: str) -> None:
        """One sentence says what is wrong."""
        assert rule in await broken_rule(SmallProvider(changes=changes))


class TestPrepare:
    """What a provider makes of a submission."""

    async def test_unknown_model_must_be_refused(self) -> None:
        """Else the client pays for a model that it did not name."""
        assert "takes an unknown model" in await broken_rule(SmallProvider(checks_model=False))

    async def test_refusal_must_name_the_field(self) -> None:
        """The client is shown one detail per field."""

        class Nameless(SmallProvider):
            def prepare(self, request: Request) -> Prepared:
                if request.model is not None:
                    raise InvalidRequest("no", problems=[Problem(field="modell", message="no")])
                return super().prepare(request)

        assert "names the fields ['modell']" in await broken_rule(Nameless())

    async def test_input_of_the_request_is_not_to_be_changed(self) -> None:
        """It is the client's, and logged nowhere else."""
        request = attrs.evolve(REQUEST, input={"prompt": PROMPT, "n": 9})
        assert "changed the request's input" in await broken_rule(SmallProvider(own_input=False), request)

    async def test_other_providers_requests_are_left_alone(self) -> None:
        """A plugin answers for its own provider only."""

        class Greedy(SmallProvider):
            def danqing_prepare(self, request: Request) -> Prepared | None:
                return self.prepare(request)

        assert "danqing_prepare answers for another provider" in await broken_rule(Greedy())

    async def test_prepared_input_is_json(self) -> None:
        """It is stored."""

        class Binary(SmallProvider):
            def prepare(self, request: Request) -> Prepared:
                return attrs.evolve(super().prepare(request), input={"prompt": b"bytes"})

        assert "Prepared.input holds something that is no JSON value" in await broken_rule(Binary())


class TestGenerate:
    """How a provider carries a task out."""

    async def test_delivery_without_a_call_is_found(self) -> None:
        """A paid request outside run.call would be paid for again after a crash."""

        async def unannounced(_job: Job, run: Run) -> None:
            for index in run.missing:
                await run.deliver(index, Source.from_bytes(b"picture"))

        assert "pictures [0, 1, 2] came without a paid run.call" in await broken_rule(SmallProvider(unannounced))

    async def test_missing_picture_is_found(self) -> None:
        """A generation that returns early leaves a task that nobody understands."""

        async def lazy(_job: Job, run: Run) -> None:
            async with run.call([0], "hash"):
                await run.deliver(0, Source.from_bytes(b"picture"))

        assert "pictures (1, 2) were missing" in await broken_rule(SmallProvider(lazy))

    async def test_asking_again_for_what_is_delivered_is_found(self) -> None:
        """A picture is paid for once, whatever died in between."""

        async def forgetful(job: Job, run: Run) -> None:
            async with run.call(range(job.outputs), "hash"):
                for index in range(job.outputs):
                    await run.deliver(index, Source.from_bytes(b"picture"))

        assert "delivered pictures [0] were paid for again" in await broken_rule(SmallProvider(forgetful))

    async def test_call_for_nothing_is_found(self) -> None:
        """With every picture there, nothing is left to pay for."""

        async def eager(_job: Job, run: Run) -> None:
            async with run.call(run.missing, "hash"):
                for index in run.missing:
                    await run.deliver(index, Source.from_bytes(b"picture"))

        assert "although no picture was missing" in await broken_rule(SmallProvider(eager))

    async def test_swallowed_cancellation_is_found(self) -> None:
        """A server that stops could not stop."""

        async def deaf(_job: Job, run: Run) -> None:
            for index in run.missing:
                async with run.call([index], "hash"):
                    try:
                        await run.deliver(index, Source.from_bytes(b"picture"))
                    except asyncio.CancelledError:
                        await run.omit([index])

        assert "swallowed its cancellation" in await broken_rule(SmallProvider(deaf))

    @pytest.mark.parametrize("place", ["fingerprint", "log"])
    async def test_prompt_in_the_open_is_found(self, place: str) -> None:
        """Prompts stand neither in logs nor in what is stored of a call."""

        async def loose(job: Job, run: Run) -> None:
            for index in run.missing:
                prompt = str(job.input["prompt"])
                async with run.call([index], prompt if place == "fingerprint" else "hash"):
                    if place == "log":
                        run.log.info("painting", text=prompt)
                    await run.deliver(index, Source.from_bytes(b"picture"))

        rule = await broken_rule(SmallProvider(loose))
        assert ("fingerprint" if place == "fingerprint" else "log line") in rule
        assert PROMPT not in rule

    async def test_unknown_outcome_is_found(self) -> None:
        """The request is one that the provider can carry out."""

        async def vague(_job: Job, run: Run) -> None:
            async with run.call(run.missing, "hash"):
                raise OutcomeUnknown("the answer was cut")

        assert "unknown: the answer was cut" in await broken_rule(SmallProvider(vague))


class TestOrders:
    """R9: a provider with upstream ids is found out when it loses one."""

    async def test_one_that_saves_nothing_is_found(self) -> None:
        """Its calls end before the pictures are delivered: a crash there loses what is paid for."""

        async def forgetful(_job: Job, run: Run) -> None:
            async with run.call(run.missing, "hash"):
                pass  # the service answers with an id, which nobody keeps
            for index in run.missing:
                await run.deliver(index, Source.from_bytes(b"picture"))

        assert "save the service's id with run.checkpoint" in await broken_rule(SmallProvider(forgetful))

    async def test_one_that_saves_it_and_does_not_look_is_found(self) -> None:
        """After a crash behind the order it would order again."""

        async def blind(_job: Job, run: Run) -> None:
            async with run.call(run.missing, "hash"):
                await run.checkpoint({"id": "1"})
            for index in run.missing:
                await run.deliver(index, Source.from_bytes(b"picture"))

        assert "were ordered and paid for again" in await broken_rule(SmallProvider(blind))

    async def test_one_that_asks_for_its_order_passes(self) -> None:
        """As the page for authors says."""

        async def careful(_job: Job, run: Run) -> None:
            if not run.saved:
                async with run.call(run.missing, "hash"):
                    await run.checkpoint({"id": "1"})
            for index in run.missing:
                await run.deliver(index, Source.from_bytes(b"picture"))

        await check_provider(SmallProvider(careful), REQUEST)


class TestRecordingRun:
    """The fake of the server's run."""

    async def test_outcome_of_each_call_is_kept(self) -> None:
        """By the error that ended it."""
        run = RecordingRun(job=job_of(SmallProvider(), REQUEST))
        async with run.call([0], "hash"):
            pass
        with pytest.raises(ContentRejected):
            async with run.call([1], "hash"):
                raise ContentRejected("no")
        assert [call.ended_by for call in run.calls] == [None, "ContentRejected"]
        assert [call.outcome for call in run.calls] == [CallOutcome.DELIVERED, CallOutcome.REJECTED]

    async def test_second_delivery_is_ignored(self) -> None:
        """The first picture stays."""
        run = RecordingRun(job=job_of(SmallProvider(), REQUEST))
        for body in (b"first", b"second"):
            await run.deliver(0, Source.from_bytes(body))
        assert run.pictures == {0: Source.from_bytes(b"first")}

    async def test_strange_index_is_refused(self) -> None:
        """A task of three pictures has no fourth."""
        run = RecordingRun(job=job_of(SmallProvider(), REQUEST))
        with pytest.raises(AssertionError, match=r"picture \[3\] of a task of 3"):
            await run.deliver(3, Source.from_bytes(b"picture"))

    async def test_references_are_those_the_test_gave(self) -> None:
        """Others are refused as the server refuses what it cannot read."""
        data = ReferenceData(body=b"bytes", media_type="image/png")
        run = RecordingRun(job=job_of(SmallProvider(), REQUEST), references={"image": data})
        assert await run.open_reference(Reference(field="image")) is data
        with pytest.raises(InvalidRequest):
            await run.open_reference(Reference(field="image[1]"))

    async def test_next_attempt_knows_what_the_last_one_saved(self) -> None:
        """And its calls are no longer the run's own."""
        run = RecordingRun(job=job_of(SmallProvider(), REQUEST))
        async with run.call([0], "hash"):
            await run.checkpoint({"order": {"id": "7"}})
        following = run.next_attempt()
        assert (following.saved, following.calls, following.job.attempt) == ({"order": {"id": "7"}}, [], 2)
