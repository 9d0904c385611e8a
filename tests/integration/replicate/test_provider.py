"""Replicate as a provider, against predictions that keep Replicate's rules."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from danqing_plugins import (
    AccountProblem,
    ContentRejected,
    FoundOrder,
    InvalidRequest,
    LostCall,
    NeverPlaced,
    OutcomeUnknown,
    OutputKind,
    RateLimited,
    Reference,
    ReferenceData,
    Request,
    Unavailable,
)
from danqing_plugins.billing import CallOutcome
from danqing_plugins.testing import check_failed_order, check_provider
from tests.integration.replicate.conftest import FILM, OBJECT
from tests.support.simulated import Simulated, WatchedRun


def asked(prompt: str = "山水", model: str | None = None, type_: str = "image", **input_: Any) -> Request:
    """Return a submission for a small picture."""
    small = {} if type_ == "video" else {"megapixels": "0.25"}
    return Request(provider="replicate", type=type_, model=model, input={"prompt": prompt, **small, **input_})


def lost_of(run: WatchedRun, ago_s: float = 0) -> LostCall:
    """Return what the server knows of the first call of *run*, made *ago_s* seconds earlier."""
    call = run.calls[0]
    sent_at = call.sent_at - timedelta(seconds=ago_s)
    return LostCall(id=call.id, fingerprint=call.fingerprint, sent_at=sent_at, indexes=call.indexes)


class TestPictures:
    """A prediction that goes well."""

    async def test_it_keeps_the_servers_rules(self, replicate: Simulated) -> None:
        """The conformance kit, looking up lost orders included."""
        await check_provider(replicate.provider, asked(num_outputs=2), session=replicate.sandbox.session)

    async def test_pictures_come_as_they_were_asked_for(self, replicate: Simulated) -> None:
        """One prediction, one bill a picture."""
        run = await replicate.made(asked(num_outputs=3, aspect_ratio="16:9", output_format="png"))
        assert await replicate.sizes(run) == [(688, 384)] * 3
        bills = await replicate.sandbox.ledger()
        assert len(bills) == 3
        assert {bill["request_id"] for bill in bills} == {run.calls[0].request_id}

    async def test_a_seed_is_drawn_for_a_task_without_one(self, replicate: Simulated) -> None:
        """Another one each time; one that was given stays."""
        drawn = {replicate.provider.prepare(asked()).input["seed"] for _ in range(3)}
        assert len(drawn) == 3
        assert replicate.provider.prepare(asked(seed=7)).input["seed"] == 7

    async def test_a_film_is_a_single_link(self, replicate: Simulated) -> None:
        """Of a model that the operator named, with a first frame."""
        request = asked(model=FILM["id"], type_="video")
        frame = Reference(field="first_frame_image", asset="own/frame")
        data = ReferenceData(body=b"\x89PNG", media_type="image/png")
        request = Request(
            provider="replicate", type="video", model=request.model, input=request.input, references=(frame,)
        )
        run = await replicate.made(request, references={"first_frame_image": data})
        assert run.job.kind is OutputKind.VIDEO
        assert [bill["kind"] for bill in await replicate.sandbox.ledger()] == ["video"]

    async def test_an_object_holds_links_too(self, replicate: Simulated) -> None:
        """Of a model that is run by its version."""
        run = await replicate.made(asked(model=OBJECT["id"], num_outputs=2))
        assert await replicate.sizes(run) == [(512, 512)] * 2

    async def test_every_wrong_field_is_named(self, replicate: Simulated) -> None:
        """Before anything is sent."""
        with pytest.raises(InvalidRequest) as caught:
            replicate.provider.prepare(asked("", num_outputs=9, aspect_ratio="2:1", seedling=1))
        wrong = {problem.field for problem in caught.value.problems}
        assert wrong == {"prompt", "num_outputs", "aspect_ratio", "seedling"}


class TestTrouble:
    """A prediction that does not."""

    @pytest.mark.parametrize(
        ("word", "error", "code"),
        [
            ("moderation", ContentRejected, "E005"),
            ("moderation-output", ContentRejected, None),
            ("overdue", AccountProblem, "insufficient_credit"),
            ("401", AccountProblem, None),
            ("429", RateLimited, None),
            ("fail", OutcomeUnknown, None),
            ("unavailable", OutcomeUnknown, None),
            ("job-fails", Unavailable, "E1000"),
            ("reset-after-billing", OutcomeUnknown, "connection_lost"),
            ("garbled", OutcomeUnknown, None),
            ("html502", OutcomeUnknown, None),
        ],
    )
    async def test_each_refusal_means_what_replicate_says(
        self, replicate: Simulated, word: str, error: type[Exception], code: str | None
    ) -> None:
        """And the bill agrees with what the server will write."""
        run = replicate.run(asked(f"山水 [sandbox:{word}]"))
        found = await replicate.failed(run)
        assert isinstance(found, error)
        assert code is None or found.code == code
        assert "山水" not in found.message
        billed = bool(await replicate.sandbox.ledger())
        assert billed <= (CallOutcome.UNKNOWN in [call.outcome for call in run.calls])

    async def test_the_body_says_how_long_to_wait(self, replicate: Simulated) -> None:
        """There is no header."""
        found = await replicate.refused(asked("山水 [sandbox:429=7]"))
        assert isinstance(found, RateLimited)
        assert found.retry_after_s == 7

    async def test_a_failed_prediction_is_settled(self, replicate: Simulated) -> None:
        """The next attempt makes another."""
        await check_failed_order(replicate.provider, replicate.run(asked("山水 [sandbox:job-fails]")))

    async def test_a_model_that_is_none(self, replicate: Simulated) -> None:
        """What Replicate validates, it refuses for good."""
        found = await replicate.refused(asked(model=FILM["id"], type_="video", seed="seven"))
        assert (type(found), found.code) == (InvalidRequest, "input_validation_failed")

    async def test_questions_that_fail_are_asked_again(self, replicate: Simulated) -> None:
        """They cost nothing; the order stands."""
        run = await replicate.made(asked("山水 [sandbox:poll-fail x2]"))
        assert len(run.calls) == 1
        assert run.pictures

    @pytest.mark.parametrize(("word", "free"), [("queued", True), ("running", False)])
    async def test_only_what_was_not_begun_is_cancelled_for_nothing(
        self, replicate: Simulated, word: str, free: bool
    ) -> None:
        """`aborted` costs nothing, `canceled` may."""
        queued = {"queued": "queued=60", "running": "running=60"}[word]
        run = replicate.run(asked(f"山水 [sandbox:{queued}]"), holds_at_order=True)
        working = asyncio.create_task(replicate.carry_out(run))
        async with asyncio.timeout(20):
            await run.held.wait()
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        assert await replicate.provider.cancel_order(run.job, run) is free
        assert await replicate.sandbox.ledger() == []


class TestFinding:
    """A prediction whose answer was lost."""

    async def test_ours_is_found_and_resumed(self, replicate: Simulated) -> None:
        """By the seed that was drawn for it; nothing is bought again."""
        run = replicate.run(asked("山水 [sandbox:reset-after-billing x1]", num_outputs=2))
        await replicate.failed(run)
        found = await replicate.provider.find_order(run.job, run, lost_of(run))
        assert isinstance(found, FoundOrder)
        again = run.next_attempt()
        again.saved = dict(found.saved)
        await replicate.carry_out(again)
        assert set(again.pictures) == {0, 1}
        assert again.calls == []
        assert len(await replicate.sandbox.ledger()) == 2

    async def test_one_that_never_arrived_was_never_placed(self, replicate: Simulated) -> None:
        """Once the call is old enough to be listed; before that it is asked again."""
        run = replicate.run(asked("山水 [sandbox:reset x1]"))
        await replicate.failed(run)
        with pytest.raises(Unavailable) as caught:
            await replicate.provider.find_order(run.job, run, lost_of(run))
        assert 0 < (caught.value.retry_after_s or 0) <= 20
        old = lost_of(run, ago_s=60)
        assert isinstance(await replicate.provider.find_order(run.job, run, old), NeverPlaced)

    async def test_a_seed_of_the_users_own_proves_nothing(self, replicate: Simulated) -> None:
        """The same words with the same seed may be another task's."""
        run = replicate.run(asked("山水 [sandbox:reset-after-billing x1]", seed=5))
        await replicate.failed(run)
        assert await replicate.provider.find_order(run.job, run, lost_of(run)) is None

    async def test_other_tasks_are_not_taken_for_ours(self, replicate: Simulated) -> None:
        """The same words, another seed."""
        await replicate.made(asked())
        run = replicate.run(asked())
        lost = LostCall(id="c", fingerprint="f", sent_at=datetime.now(UTC) - timedelta(seconds=30), indexes=(0,))
        assert isinstance(await replicate.provider.find_order(run.job, run, lost), NeverPlaced)
