"""The preset `openai` against its simulator."""

from __future__ import annotations

import base64
import io

import pytest
from PIL import Image

from danqing_plugins import (
    AccountProblem,
    ContentRejected,
    OutcomeUnknown,
    PluginError,
    RateLimited,
    Source,
    Unavailable,
)
from danqing_plugins.billing import CallOutcome
from danqing_plugins.testing import check_provider
from tests.integration.openai_images.conftest import REFERENCES, Client
from tests.support.system import until
from tests.unit.openai_images.builders import configured

SMALL = "1024x640"


def opened(source: Source) -> Image.Image:
    """Return the picture of a source that holds it."""
    assert source.base64 is not None
    return Image.open(io.BytesIO(base64.b64decode(source.base64)))


class TestGenerations:
    """Text to picture."""

    async def test_keeps_every_rule_of_the_kit(self, client: Client) -> None:
        """With several pictures, and with references."""
        request = client.request(n=2, size=SMALL, output_format="jpeg")  # painted sooner than PNG
        await check_provider(client.provider, request, session=client.session)
        edit = client.request(n=2, size=SMALL, references=("image[0]", "mask"))
        await check_provider(client.provider, edit, session=client.session, references=REFERENCES)

    async def test_several_pictures_come_of_one_call(self, client: Client) -> None:
        """What they cost is what the service's own usage says, and what its ledger has."""
        run = await client.carry_out(n=2, size=SMALL, quality="low", output_format="webp")
        assert [opened(run.pictures[index]).size for index in (0, 1)] == [(1024, 640)] * 2
        (call,) = run.calls
        assert call.request_id is not None
        assert call.request_id.startswith("req_")
        billed = await client.sandbox.ledger()
        assert call.cost_micro == pytest.approx(sum(entry["cost_micro"] for entry in billed), abs=2)
        assert call.usage["output_image_tokens"] == call.usage["output_tokens"]

    async def test_estimate_holds_what_it_costs(self, client: Client) -> None:
        """The real cost lies between the estimate and its upper end."""
        for quality in ("low", "medium", "high"):
            run = client.begin(quality=quality, size="1024x1024")
            prepared = client.provider.prepare(client.request(quality=quality, size="1024x1024"))
            await client.provider.generate(run.job, run)
            assert prepared.price is not None
            assert prepared.price.most_micro is not None
            assert run.calls[0].cost_micro is not None
            assert 0.95 * prepared.price.amount_micro <= run.calls[0].cost_micro <= prepared.price.most_micro

    async def test_every_model_makes_a_picture(self, client: Client) -> None:
        """Whatever the check lets through, the service takes."""
        for model in client.provider.info.models:
            run = await client.carry_out(model.id, size=SMALL, quality="low", background="opaque")
            assert set(run.pictures) == {0}, model.id


class TestRepeats:
    """The same asked for again."""

    async def test_pictures_of_several_calls_differ(self, client: Client) -> None:
        """As those of one call do."""
        run = await client.carry_out(n=2, size=SMALL, quality="low", partial_images=1)
        assert run.pictures[0].base64 != run.pictures[1].base64


class TestEdits:
    """Pictures to picture."""

    async def test_pictures_and_mask_are_sent(self, client: Client) -> None:
        """The service counts each as input."""
        run = await client.carry_out(references=("image[0]", "image[1]", "mask"), quality="low", size=SMALL)
        assert run.calls[0].usage["input_image_tokens"] == 3000
        assert opened(run.pictures[0]).size == (1024, 640)


class TestPreviews:
    """Partial pictures."""

    async def test_are_shown_before_the_picture(self, client: Client) -> None:
        """Each picture has a call of its own then; the usage counts the previews."""
        run = await client.carry_out(n=2, size=SMALL, quality="low", partial_images=2)
        assert sorted(index for index, _ in run.previews) == [0, 0, 1, 1]
        assert len(run.calls) == 2
        assert set(run.pictures) == {0, 1}
        assert all(call.cost_micro for call in run.calls)

    async def test_of_an_edit(self, client: Client) -> None:
        """The form says that it is a stream."""
        run = await client.carry_out(size=SMALL, references=("image[0]",), partial_images=1)
        assert len(run.previews) == 1

    async def test_stream_that_ends_early_leaves_the_outcome_open(self, client: Client) -> None:
        """It was billed, and no picture came."""
        for word in ("stream-error", "stream-cut", "stream-no-completed"):
            run = client.begin(prompt=f"a hill [sandbox:{word}]", size=SMALL, partial_images=1)
            with pytest.raises(OutcomeUnknown):
                await client.provider.generate(run.job, run)
            assert run.calls[0].outcome is CallOutcome.UNKNOWN
        assert len(await client.sandbox.ledger()) == 3


class TestFaults:
    """What goes wrong, and what it means."""

    @pytest.mark.parametrize(
        ("word", "error", "code"),
        [
            ("429=7", RateLimited, "rate_limit_exceeded"),
            ("quota", AccountProblem, "insufficient_quota"),
            ("overdue", AccountProblem, "insufficient_quota"),
            ("401", AccountProblem, "invalid_api_key"),
            ("moderation", ContentRejected, "moderation_blocked"),
            ("moderation-output", ContentRejected, "moderation_blocked"),
            ("overloaded", Unavailable, "server_is_overloaded"),
            ("fail", OutcomeUnknown, "server_error"),
            ("html502", OutcomeUnknown, "outcome_unknown"),
            ("html403", AccountProblem, "account_problem"),
            ("reset", OutcomeUnknown, "connection_lost"),
            ("reset-after-billing", OutcomeUnknown, "connection_lost"),
            ("truncate", OutcomeUnknown, "connection_lost"),
            ("garbled", OutcomeUnknown, "unreadable_answer"),
        ],
    )
    async def test_each_trouble_has_its_meaning(
        self, client: Client, word: str, error: type[PluginError], code: str
    ) -> None:
        """What was billed is never called unbilled."""
        run = client.begin(prompt=f"a hill [sandbox:{word}]", size=SMALL)
        with pytest.raises(error) as raised:
            await client.provider.generate(run.job, run)
        assert raised.value.code == code
        if await client.sandbox.ledger():
            assert run.calls[0].outcome is CallOutcome.UNKNOWN

    async def test_wish_to_wait_is_kept(self, client: Client) -> None:
        """Of the model alone: OpenAI counts by model."""
        run = client.begin(prompt="a hill [sandbox:429=7]", size=SMALL)
        with pytest.raises(RateLimited) as raised:
            await client.provider.generate(run.job, run)
        assert (raised.value.retry_after_s, raised.value.scope) == (7, "model")

    async def test_silence_ends_at_the_limit_of_a_call(self, client: Client) -> None:
        """It was billed: whether it was is left open."""
        url = f"{client.sandbox.url}/openai"
        hasty = Client(configured(sandbox_url=url, call_timeout_s=2.0), client.session, client.sandbox)
        await client.sandbox.rule(kind="stall", seconds=20)
        run = hasty.begin(size=SMALL)
        with pytest.raises(OutcomeUnknown) as raised:
            await hasty.provider.generate(run.job, run)
        assert raised.value.code == "timeout"

        async def billed() -> bool:
            return len(await client.sandbox.ledger()) == 1

        await until(billed, what="the bill")

    @pytest.mark.parametrize("word", ["bom", "answer-status=201", "answer-length", "mislabelled"])
    async def test_odd_answers_are_used(self, client: Client, word: str) -> None:
        """What is paid for and whole is not thrown away for its looks."""
        run = await client.carry_out(prompt=f"a hill [sandbox:{word}]", size=SMALL)
        assert set(run.pictures) == {0}
        assert len(await client.sandbox.ledger()) == 1
