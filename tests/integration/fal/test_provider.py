"""fal as a provider, against a queue that keeps fal's rules."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from danqing_plugins import (
    AccountProblem,
    ConfigurationError,
    ContentRejected,
    InvalidRequest,
    OutcomeUnknown,
    OutputKind,
    PluginContext,
    RateLimited,
    Request,
    Unavailable,
)
from danqing_plugins.billing import Billed, CallOutcome
from danqing_plugins.outcomes import ErrorKind
from danqing_plugins.testing import check_provider
from danqing_providers.fal.plugin import FalProvider
from tests.integration.sandbox.serving import served
from tests.support.simulated import Simulated

FILM = {"id": "fal-ai/kling-video/v2", "kind": "video", "price": "0.20"}


@pytest.fixture
async def fal(tmp_path: Path) -> AsyncIterator[Simulated]:
    """Yield the provider with a film's model that its operator named."""
    async with served(tmp_path, queued_s=0.0, running_s=0.0) as sandbox:
        yield Simulated(configured(tmp_path, f"{sandbox.url}/fal", models=(FILM,)), sandbox)


def configured(folder: Path, url: str | None, **options: Any) -> FalProvider:
    """Return a provider of the simulator at *url*."""
    provider = FalProvider()
    defaults = {setting.name: setting.default for setting in FalProvider.settings}
    context = PluginContext(
        name="fal",
        options={**defaults, **options},
        data_dir=folder,
        call_timeout_s=20,
        sandbox=True,
        sandbox_url=url,
    )
    provider.configure(context)
    return provider


def asked(prompt: str = "山水", model: str | None = None, type_: str = "image", **input_: Any) -> Request:
    """Return a submission for a small picture."""
    small = {} if type_ == "video" else {"size": "128x64"}
    return Request(provider="fal", type=type_, model=model, input={"prompt": prompt, **small, **input_})


class TestPictures:
    """A request that goes well."""

    async def test_it_keeps_the_servers_rules(self, fal: Simulated) -> None:
        """The conformance kit."""
        await check_provider(fal.provider, asked(n=2), session=fal.sandbox.session)

    async def test_pictures_come_as_they_were_asked_for(self, fal: Simulated) -> None:
        """One request, one bill a picture, the size and the seed passed on."""
        run = await fal.made(asked(n=3, seed=5, output_format="png"))
        assert await fal.sizes(run) == [(128, 64)] * 3
        bills = await fal.sandbox.ledger()
        assert [(bill["size"], bill["cost_micro"]) for bill in bills] == [("128x64", 3_000)] * 3
        assert len({bill["request_id"] for bill in bills}) == len(run.calls) == 1

    async def test_the_price_is_that_of_begun_megapixels(self, fal: Simulated) -> None:
        """As fal bills it."""
        price = fal.provider.prepare(asked(size="1920x1080")).price
        assert price is not None
        assert price.amount_micro == 9_000

    async def test_a_model_the_operator_named_makes_films(self, fal: Simulated) -> None:
        """Its fields go out as they are."""
        run = await fal.made(asked(model=FILM["id"], type_="video", aspect_ratio="16:9"))
        assert run.job.kind is OutputKind.VIDEO
        assert run.pictures[0].kind is OutputKind.VIDEO
        assert [bill["kind"] for bill in await fal.sandbox.ledger()] == ["video"]

    async def test_every_wrong_field_is_named(self, fal: Simulated) -> None:
        """Before anything is queued."""
        with pytest.raises(InvalidRequest) as caught:
            fal.provider.prepare(asked("", n=9, size="wide", seedling=1))
        assert {problem.field for problem in caught.value.problems} == {"prompt", "n", "size", "seedling"}


class TestTrouble:
    """A request that does not."""

    @pytest.mark.parametrize(
        ("word", "error", "code"),
        [
            ("moderation", ContentRejected, "content_policy_violation"),
            ("overdue", AccountProblem, None),
            ("401", AccountProblem, None),
            ("429", RateLimited, "concurrent_requests_limit"),
            ("fail", Unavailable, "internal_error"),
            ("unavailable", Unavailable, "runner_connection_error"),
            ("job-fails", Unavailable, "internal_error"),
            ("reset-after-billing", OutcomeUnknown, "connection_lost"),
            ("garbled", OutcomeUnknown, None),
        ],
    )
    async def test_each_refusal_means_what_fal_says(
        self, fal: Simulated, word: str, error: type[Exception], code: str | None
    ) -> None:
        """And the bill agrees with what the server will write."""
        run = fal.run(asked(f"山水 [sandbox:{word}]"))
        found = await fal.failed(run)
        assert isinstance(found, error)
        assert code is None or found.code == code
        assert "山水" not in found.message
        billed = bool(await fal.sandbox.ledger())
        unknown = CallOutcome.UNKNOWN in [call.outcome for call in run.calls]
        assert billed <= unknown

    async def test_a_picture_the_checker_blackened_is_no_picture(self, fal: Simulated) -> None:
        """It is a 200 with a flag, and is billed."""
        found = await fal.refused(asked("山水 [sandbox:moderation-output]"))
        assert (type(found), found.code, found.billed) == (ContentRejected, "has_nsfw_concepts", Billed.YES)

    @pytest.mark.parametrize("word", ["moderation"])
    async def test_a_422_may_be_billed(self, fal: Simulated, word: str) -> None:
        """It is final all the same."""
        found = await fal.failed(fal.run(asked(f"山水 [sandbox:{word}]")))
        assert (found.kind, found.billed) == (ErrorKind.REFUSED, Billed.UNKNOWN)

    async def test_questions_that_fail_are_asked_again(self, fal: Simulated) -> None:
        """They cost nothing; the order stands."""
        run = await fal.made(asked("山水 [sandbox:poll-fail x2]"))
        assert len(run.calls) == 1
        assert run.pictures

    async def test_a_cancelled_order_is_dropped_and_stays_in_doubt(self, fal: Simulated, tmp_path: Path) -> None:
        """fal says only that it was asked."""
        run = fal.run(asked("山水 [sandbox:queued=60]"), holds_at_order=True)
        working = asyncio.create_task(fal.carry_out(run))
        await run.under_way()
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        assert await fal.provider.cancel_order(run.job, run) is False
        assert await fal.sandbox.ledger() == []
        found = await fal.failed(run.next_attempt())
        assert (type(found), found.code) == (OutcomeUnknown, "client_cancelled")


class TestSettings:
    """The models an operator names."""

    @pytest.mark.parametrize(
        ("table", "words"),
        [
            ({"id": "a/b", "kin": "video"}, "unknown 'kin'; known: aliases"),
            ({"id": ""}, "id='' is no model's name"),
            ({"id": "a/b", "kind": "film"}, "kind='film'; allowed: image, video"),
            ({"id": "a/b", "price": "-1"}, "price='-1'; allowed: a decimal"),
            ({"id": "a/b", "price": "1", "currency": "RMB"}, "is no currency's code; write CNY"),
            ({"id": "fal-ai/flux/dev"}, "the model 'fal-ai/flux/dev' is there already"),
            ({"id": "a/b", "aliases": ["fal-ai/flux/dev"]}, "'fal-ai/flux/dev' is a model's name already"),
            ({"id": "a/b", "price": "NaN"}, "price='NaN'; allowed: a decimal such as '0.025'"),
            ({"id": "a/b", "price": "Infinity"}, "price='Infinity'; allowed: a decimal such as '0.025'"),
            ({"id": "a/b", "price": 1e30}, "price=1e+30; allowed: a decimal such as '0.025'"),
        ],
    )
    def test_a_mistake_names_itself(self, tmp_path: Path, table: dict[str, Any], words: str) -> None:
        """In one line."""
        with pytest.raises(ConfigurationError) as caught:
            configured(tmp_path, None, models=(table,))
        assert words in caught.value.message
        assert caught.value.message.startswith("models[0]")
