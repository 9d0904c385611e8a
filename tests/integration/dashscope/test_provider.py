"""The provider against its simulator: every model, every parameter, every way an order can end."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from danqing_plugins import (
    AccountProblem,
    ContentRejected,
    InvalidRequest,
    OutcomeUnknown,
    PluginError,
    RateLimited,
    ReferenceData,
    Request,
    Unavailable,
)
from danqing_plugins.billing import Billed
from danqing_plugins.testing import check_provider
from danqing_providers.dashscope.settings import MODELS
from tests.integration.dashscope.conftest import Desk, Simulator
from tests.support.providers import picture

SYNC, ORDERED, MESSAGES = "qwen-image-2.0", "wan2.2-t2i-flash", "wan2.6-t2i"
FRAME = ReferenceData(body=picture(640, 480), media_type="image/png")
IMAGES = [model for model in MODELS if not model.is_video]
VIDEOS = [model for model in MODELS if model.is_video]


class TestModels:
    """What our check lets through, the simulator's own check takes as well."""

    @pytest.mark.parametrize("model", IMAGES, ids=lambda model: model.id)
    async def test_every_picture_model(self, desk: Desk, simulator: Simulator, model: Any) -> None:
        """One picture by the shortest request, and as many as it makes by the longest."""
        given = {"image": FRAME} if model.pictures and model.pictures.least else {}
        run = desk.begin(model.id, references=given)
        await desk.carry_out(run)
        async with desk.session.get(run.pictures[0].url or "") as answer:
            assert answer.content_type == "image/png"
        options = {name: model.defaults[name] for name in model.takes if name in model.defaults}
        many = desk.begin(model.id, references=given, n=model.most_images, seed=5, **options)
        await desk.carry_out(many)
        assert len(many.pictures) == model.most_images
        assert len(await simulator.ledger()) == 1 + model.most_images

    @pytest.mark.parametrize("model", VIDEOS, ids=lambda model: model.id)
    async def test_every_video_model(self, desk: Desk, simulator: Simulator, model: Any) -> None:
        """One video; it is charged by the second."""
        given = {"image": FRAME} if model.pictures else {}
        run = desk.begin(model.id, references=given, duration=5)
        await desk.carry_out(run)
        assert run.pictures[0].url is not None
        assert run.pictures[0].url.partition("?")[0].endswith(".mp4")
        assert run.calls[0].usage["video_count"] == 1
        (entry,) = await simulator.ledger()
        assert (entry["kind"], entry["unit"], entry["quantity"]) == ("video", "second", 5)

    async def test_first_and_last_frame(self, desk: Desk) -> None:
        """Both are pictures of our own."""
        run = desk.begin("wan2.7-i2v", prompt=None, references={"image": FRAME, "last_frame": FRAME})
        await desk.carry_out(run)
        assert set(run.pictures) == {0}

    async def test_edits(self, desk: Desk) -> None:
        """Two pictures, and two come of it."""
        given = {"image[0]": FRAME, "image[1]": FRAME}
        run = desk.begin("qwen-image-edit-plus", references=given, n=2)
        await desk.carry_out(run)
        assert set(run.pictures) == {0, 1}

    async def test_a_set(self, desk: Desk) -> None:
        """Pictures that belong together."""
        run = desk.begin("wan2.7-image", n=6, enable_sequential=True, size="1K")
        await desk.carry_out(run)
        assert len(run.pictures) == 6

    @pytest.mark.parametrize("size", [{}, {"size": "1024*1024"}, {"size": "2048*2048"}])
    async def test_a_large_picture_costs_what_the_answer_says(
        self, desk: Desk, simulator: Simulator, size: dict[str, Any]
    ) -> None:
        """The service's count tells which of two prices it was, also where the model chose the size."""
        run = desk.begin("qwen-image-3.0-pro", n=2, **size)
        await desk.carry_out(run)
        bills = [entry["cost_micro"] for entry in await simulator.ledger()]
        assert bills == [500_000 if "2048*2048" in size.values() else 250_000] * 2
        assert [call.cost_micro for call in run.calls] == [sum(bills)]


class TestRules:
    """The conformance kit."""

    @pytest.mark.parametrize(("model", "count"), [(SYNC, 3), (SYNC, 1), (ORDERED, 3), (ORDERED, 1), (MESSAGES, 2)])
    async def test_keeps_every_one(self, desk: Desk, model: str, count: int) -> None:
        """At once and by order, cut in the middle, and resumed."""
        input_ = {"prompt": "three pictures of a quiet hill", "n": count}
        request = Request(provider="dashscope", type="image", model=model, input=input_)
        await check_provider(desk.provider, request, session=desk.session)

    async def test_keeps_them_with_videos(self, desk: Desk) -> None:
        """The same for an order of one video."""
        request = Request(
            provider="dashscope", type="video", model="wan2.7-t2v", input={"prompt": "a quiet hill in the wind"}
        )
        await check_provider(desk.provider, request, session=desk.session)


class TestFailures:
    """What goes wrong, and what it costs."""

    @pytest.mark.parametrize("model", [SYNC, ORDERED])
    @pytest.mark.parametrize(
        ("word", "kind", "code"),
        [
            ("moderation", ContentRejected, "DataInspectionFailed"),
            ("429", RateLimited, "Throttling.RateQuota"),
            ("quota", AccountProblem, "Throttling.AllocationQuota"),
            ("overdue", AccountProblem, "Arrearage"),
            ("not-open", AccountProblem, "Model.AccessDenied"),
            ("401", AccountProblem, "InvalidApiKey"),
            ("fail", Unavailable, "InternalError"),
            ("unavailable", Unavailable, "ModelUnavailable"),
            ("html502", OutcomeUnknown, "provider_unavailable"),
            ("reset", OutcomeUnknown, "connection_lost"),
        ],
    )
    async def test_refusals(
        self, desk: Desk, simulator: Simulator, model: str, word: str, kind: type[PluginError], code: str
    ) -> None:
        """Each is what it is, and nothing was billed."""
        run = desk.begin(model, prompt=f"a fox [sandbox:{word}]")
        with pytest.raises(kind) as caught:
            await desk.carry_out(run)
        assert type(caught.value) is kind
        if kind is not OutcomeUnknown:
            assert caught.value.code == code
        assert await simulator.ledger() == []

    async def test_moderation_with_a_500(self, desk: Desk, simulator: Simulator) -> None:
        """`Green net check failed` is no failure of the service: another try is no use."""
        await simulator.rule(kind="status", trouble="moderation", status=500)
        with pytest.raises(ContentRejected) as caught:
            await desk.carry_out(desk.begin(SYNC))
        assert caught.value.code == "InternalError.Algo.DataInspectionFailed"

    @pytest.mark.parametrize("word", ["reset-after-billing", "truncate", "garbled"])
    async def test_an_answer_that_is_lost(self, desk: Desk, simulator: Simulator, word: str) -> None:
        """Paid for, and nobody knows: the task's policy decides."""
        run = desk.begin(SYNC, prompt=f"a fox [sandbox:{word}]")
        with pytest.raises(OutcomeUnknown):
            await desk.carry_out(run)
        assert run.books.billed is Billed.UNKNOWN
        assert len(await simulator.ledger()) == 1

    async def test_a_picture_that_fails_among_others(self, desk: Desk, simulator: Simulator) -> None:
        """SUCCEEDED with a failed item: three are delivered and charged, one is rejected."""
        run = desk.begin(ORDERED, prompt="a fox [sandbox:moderation-output=1]", n=4)
        await desk.carry_out(run)
        assert set(run.pictures) == {0, 2, 3}
        assert isinstance(run.rejected[1], ContentRejected)
        assert len(await simulator.ledger()) == 3

    async def test_an_order_that_fails(self, desk: Desk, simulator: Simulator) -> None:
        """Unbilled; another attempt orders anew."""
        run = desk.begin(ORDERED, prompt="a fox [sandbox:job-fails x1]")
        with pytest.raises(Unavailable):
            await desk.carry_out(run)
        assert run.books.billed is Billed.NO
        again = run.next_attempt()
        await desk.carry_out(again)
        assert set(again.pictures) == {0}
        assert len(await simulator.ledger()) == 1

    async def test_an_order_that_is_refused(self, desk: Desk) -> None:
        """Final, and unbilled."""
        run = desk.begin(ORDERED, prompt="a fox [sandbox:moderation-output]")
        with pytest.raises(ContentRejected):
            await desk.carry_out(run)
        assert run.books.billed is Billed.NO

    async def test_an_order_that_is_gone(self, desk: Desk) -> None:
        """UNKNOWN: it may have been billed, and one more is ordered only where the policy allows it."""
        run = desk.begin(ORDERED, prompt="a fox")
        gone = {"id": "00000000-0000-0000-0000-000000000000", "placed_s": 0.0}
        run.saved["order_0"] = {"indexes": [0], "order": gone}
        with pytest.raises(OutcomeUnknown) as caught:
            await desk.carry_out(run)
        assert caught.value.code == "order_gone"
        again = run.next_attempt()
        await desk.carry_out(again)
        assert (set(again.pictures), len(again.calls)) == ({0}, 1)

    async def test_an_order_of_an_earlier_release(self, desk: Desk, simulator: Simulator) -> None:
        """It was saved in another form, and is asked for all the same."""
        run = desk.begin(ORDERED, prompt="a fox [sandbox:running=60]", n=2)
        run.holds_at_order = True
        await place(desk, run)
        (saved,) = run.saved.values()
        again = run.next_attempt()
        again.saved = {"order": {**saved["order"], "indexes": saved["indexes"]}}
        again.holds_at_order = True
        assert await desk.provider.cancel_order(again.job, again) is False
        assert list(again.saved) == ["order_0_1"]
        assert len(await simulator.jobs()) == 1

    async def test_polls_that_fail(self, desk: Desk, simulator: Simulator) -> None:
        """A question that is refused says nothing of the order."""
        run = desk.begin(ORDERED, prompt="a fox [sandbox:poll-fail x2]")
        await desk.carry_out(run)
        assert set(run.pictures) == {0}
        assert len(run.calls) == 1

    async def test_an_order_s_answer_that_is_lost(self, desk: Desk, simulator: Simulator) -> None:
        """Found again by its prompt: bought once."""
        run = desk.begin(ORDERED, prompt="one fox alone [sandbox:reset-after-billing x1]")
        with pytest.raises(OutcomeUnknown):
            await desk.carry_out(run)
        assert len(await simulator.jobs()) == 1


class TestCancel:
    """An order of a task that was cancelled."""

    @pytest.mark.parametrize(("word", "dropped"), [("queued=60", True), ("running=60", False)])
    async def test_only_what_waits(self, desk: Desk, simulator: Simulator, word: str, dropped: bool) -> None:
        """One that runs is charged for."""
        run = desk.begin(ORDERED, prompt=f"a fox [sandbox:{word}]")
        run.holds_at_order = True
        await place(desk, run)
        assert await desk.provider.cancel_order(run.job, run) is dropped
        (row,) = await simulator.jobs()
        assert (row["status"] == "CANCELED") is dropped

    async def test_a_cancelled_order_ends_the_task(self, desk: Desk, simulator: Simulator) -> None:
        """Somebody dropped it at the console: unbilled, and not ordered again."""
        run = desk.begin(ORDERED, prompt="a fox [sandbox:queued=60]")
        run.holds_at_order = True
        await place(desk, run)
        await desk.provider.cancel_order(run.job, run)
        again = run.next_attempt()
        with pytest.raises(InvalidRequest) as caught:
            await desk.carry_out(again)
        assert caught.value.code == "order_cancelled"
        assert len(await simulator.jobs()) == 1


async def place(desk: Desk, run: Any) -> None:
    """Carry *run* out until its order is placed, and stop there."""
    working = asyncio.create_task(desk.carry_out(run))
    await asyncio.wait_for(run.held.wait(), 10)
    working.cancel()
    await asyncio.wait({working})
