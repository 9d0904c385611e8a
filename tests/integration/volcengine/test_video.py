"""Orders for videos against the simulator: made, refused, lost and found, dropped; and texts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import attrs
import pytest
from aiohttp.test_utils import TestServer

from danqing_plugins import (
    ContentRejected,
    FoundOrder,
    InvalidRequest,
    LostCall,
    OutcomeUnknown,
    OutputKind,
    PluginError,
    RateLimited,
    Reference,
    ReferenceData,
    Request,
    Unavailable,
)
from danqing_plugins.recording import RecordingRun
from danqing_plugins.testing import job_of
from danqing_providers.sandbox.app import create_app
from danqing_providers.sandbox.config import SandboxConfig
from danqing_providers.volcengine.plugin import VolcengineProvider
from tests.support.providers import picture
from tests.unit.volcengine.builders import configured

MODEL = "doubao-seedance-1-5-pro-251215"
SMALL = {"resolution": "480p", "duration": 4, "ratio": "16:9"}
TASKS = "/api/v3/contents/generations/tasks"


@attrs.frozen
class Desk:
    """A provider in front of a simulator at `url`, whose clock is `ahead_s[0]` seconds ahead."""

    provider: VolcengineProvider
    session: aiohttp.ClientSession
    url: str
    ahead_s: list[float]

    def begin(
        self, prompt: str, *fields: str, type_: str = "video", model: str | None = MODEL, **input_: Any
    ) -> RecordingRun:
        """Return the run of a new task; *fields* hold a picture of ours each."""
        chosen = {**SMALL, **input_} if type_ == "video" else input_
        named = tuple(Reference(field=field, asset=f"own/{field}") for field in fields)
        request = Request(
            provider="volcengine",
            type=type_,
            model=model,
            input={"prompt": prompt or None, **chosen},
            references=named,
        )
        found = ReferenceData(body=picture(640, 360), media_type="image/png")
        job = attrs.evolve(job_of(self.provider, request), references=named)
        return RecordingRun(job=job, http=self.session, references=dict.fromkeys(fields, found))

    async def ledger(self) -> list[dict[str, Any]]:
        """Return what was billed."""
        async with self.session.get(f"{self.url}/sandbox/ledger") as answer:
            entries: list[dict[str, Any]] = (await answer.json())["entries"]
            return entries

    async def orders(self, **filters: str) -> list[dict[str, Any]]:
        """Return the orders that the service lists."""
        async with self.session.get(f"{self.url}{TASKS}", params=filters) as answer:
            items: list[dict[str, Any]] = (await answer.json())["items"]
            return items


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """Orders take no time; the provider asks often."""
    ahead_s = [0.0]
    config = SandboxConfig(data_dir=tmp_path, latency_s=0, queued_s=0, running_s=0)
    app = create_app(config, clock=lambda: time.time() + ahead_s[0])
    headers = {"Authorization": "Bearer sandbox"}
    async with TestServer(app) as server, aiohttp.ClientSession(headers=headers) as session:
        url = str(server.make_url("")).rstrip("/")
        provider = configured({"DANQING_VOLCENGINE_VIDEO_POLL_EVERY": "0.05"}, sandbox_url=url)
        yield Desk(provider, session, url, ahead_s)


async def error_of(desk: Desk, run: RecordingRun) -> PluginError:
    """Carry *run* out and return what it ended with."""
    with pytest.raises(PluginError) as caught:
        await desk.provider.generate(run.job, run)
    return caught.value


class TestMade:
    """Delivered, and charged as Ark counted."""

    async def test_a_video(self, desk: Desk) -> None:
        """A link to it; tokens and cost are those of the ledger."""
        run = desk.begin("a red fox runs")
        await desk.provider.generate(run.job, run)
        assert run.pictures[0].kind is OutputKind.VIDEO
        (entry,) = await desk.ledger()
        (call,) = run.calls
        assert call.usage["completion_tokens"] == entry["quantity"] == 50_638 * 97 // 121
        assert call.cost_micro == entry["cost_micro"]

    async def test_silent_and_offline_is_cheaper(self, desk: Desk) -> None:
        """At half of half the price; the list has offline orders only where they are asked for."""
        run = desk.begin("a red fox runs", generate_audio=False, service_tier="flex")
        await desk.provider.generate(run.job, run)
        (entry,) = await desk.ledger()
        assert run.calls[0].cost_micro == entry["cost_micro"]

    async def test_the_last_frame(self, desk: Desk) -> None:
        """A second output, a picture."""
        run = desk.begin("a red fox runs", return_last_frame=True)
        await desk.provider.generate(run.job, run)
        assert [run.pictures[index].kind for index in (0, 1)] == [OutputKind.VIDEO, OutputKind.IMAGE]

    async def test_pictures_of_ours(self, desk: Desk) -> None:
        """First and last frame go as data URIs in their roles."""
        run = desk.begin("a red fox runs", "image", "last_frame", ratio="adaptive")
        await desk.provider.generate(run.job, run)
        assert set(run.pictures) == {0}

    async def test_a_draft_and_its_video(self, desk: Desk) -> None:
        """The draft's result names what the video is made of; both are charged."""
        draft = desk.begin("a red fox runs", draft=True)
        result = await desk.provider.generate(draft.job, draft)
        assert result is not None
        whole = desk.begin("", draft_task=result.output["draft_task"], resolution="720p", duration=None, ratio=None)
        await desk.provider.generate(whole.job, whole)
        costs = [entry["cost_micro"] for entry in await desk.ledger()]
        assert [draft.calls[0].cost_micro, whole.calls[0].cost_micro] == costs


class TestRefused:
    """What is not made is not charged, and says what follows."""

    @pytest.mark.parametrize(
        ("word", "error"),
        [
            ("429", RateLimited),
            ("fail", Unavailable),
            ("html502", OutcomeUnknown),
            ("overloaded", RateLimited),
            ("moderation", ContentRejected),
            ("moderation-output", ContentRejected),
            ("image-error", Unavailable),
            ("reset-after-billing", OutcomeUnknown),
        ],
    )
    async def test_faults(self, desk: Desk, word: str, error: type[PluginError]) -> None:
        """At once, or when the order has failed."""
        run = desk.begin(f"a red fox [sandbox:{word}]")
        assert isinstance(await error_of(desk, run), error)
        assert run.pictures == {}

    async def test_a_failed_order_is_not_asked_for_again(self, desk: Desk) -> None:
        """The next attempt orders another one."""
        run = desk.begin("a red fox [sandbox:image-error]")
        await error_of(desk, run)
        assert run.saved == {}
        again = run.next_attempt()
        await error_of(desk, again)
        assert len(again.calls) == 1
        assert await desk.ledger() == []

    async def test_a_question_that_fails_is_asked_again(self, desk: Desk) -> None:
        """It costs nothing, and says nothing of the order."""
        fault = {"kind": "poll_status", "trouble": "internal"}
        async with desk.session.post(f"{desk.url}/sandbox/faults", json=[fault]) as answer:
            assert answer.status == 201, await answer.text()
        run = desk.begin("a red fox")
        await desk.provider.generate(run.job, run)
        assert set(run.pictures) == {0}

    async def test_one_that_was_cancelled_by_somebody_else(self, desk: Desk) -> None:
        """Final, and free."""
        run = desk.begin("a red fox [sandbox:queued=600]")
        carrying = asyncio.create_task(desk.provider.generate(run.job, run))
        await run.ordered.wait()
        (order,) = await desk.orders()
        async with desk.session.delete(f"{desk.url}{TASKS}/{order['id']}") as answer:
            assert answer.status == 200
        with pytest.raises(InvalidRequest) as caught:
            await carrying
        assert caught.value.code == "order_cancelled"

    async def test_one_that_expired_may_have_cost(self, desk: Desk) -> None:
        """Nobody says that it is free; the call of the next attempt is the policy's to allow."""
        run = desk.begin("a red fox [sandbox:job-expires]", execution_expires_after=3600)
        carrying = asyncio.create_task(error_of(desk, run))
        await run.ordered.wait()
        desk.ahead_s[0] = 3601.0
        error = await carrying
        assert isinstance(error, OutcomeUnknown)
        assert error.code == "order_expired"
        assert run.saved == {}

    async def test_an_order_that_is_gone_may_have_cost(self, desk: Desk) -> None:
        """A 404 of the service's own long after it was placed."""
        run = desk.begin("a red fox")
        order = {"id": "cgt-20260101000000-abcde", "placed_s": 0.0, "indexes": [0]}
        run.saved = {"order_0": {"indexes": [0], "order": order}}
        error = await error_of(desk, run)
        assert isinstance(error, OutcomeUnknown)
        assert error.code == "order_gone"


class TestLost:
    """By our own mark, in the list of orders."""

    @pytest.mark.parametrize("tier", ["default", "flex"])
    async def test_ours_is_found_and_resumed(self, desk: Desk, tier: str) -> None:
        """The video comes of the order that was placed, which stays the only one."""
        run = desk.begin("a red fox [sandbox:reset-after-billing x1]", service_tier=tier)
        assert isinstance(await error_of(desk, run), OutcomeUnknown)
        other = desk.begin("a red fox", service_tier=tier)
        await desk.provider.generate(attrs.evolve(other.job, task_id="other"), other)
        lost = LostCall(id=run.calls[0].id, fingerprint="f", sent_at=datetime.now(UTC), indexes=(0,))
        found = await desk.provider.find_order(run.job, run, lost)
        assert isinstance(found, FoundOrder)
        again = run.next_attempt()
        again.saved = dict(found.saved)
        await desk.provider.generate(again.job, again)
        assert again.calls == []
        assert set(again.pictures) == {0}
        assert len(await desk.orders(**{"filter.service_tier": tier})) == 2

    async def test_nothing_is_said_without_one(self, desk: Desk) -> None:
        """Its absence from the list proves nothing."""
        run = desk.begin("a red fox")
        lost = LostCall(id="c", fingerprint="f", sent_at=datetime.now(UTC), indexes=(0,))
        assert await desk.provider.find_order(run.job, run, lost) is None


class TestDropped:
    """Only what waits."""

    @pytest.mark.parametrize(("word", "dropped"), [("queued=600", True), ("running=600", False)])
    async def test_orders(self, desk: Desk, word: str, dropped: bool) -> None:
        """One that is being made is left to its end."""
        run = desk.begin(f"a red fox [sandbox:{word}]").anew(holds_at_order=1)
        carrying = asyncio.create_task(desk.provider.generate(run.job, run))
        await run.held.wait()
        carrying.cancel()
        again = run.next_attempt()
        assert await desk.provider.cancel_order(again.job, again) is dropped
        states = [order["status"] for order in await desk.orders()]
        assert states == ["cancelled" if dropped else "running"]

    async def test_one_that_has_ended_is_kept(self, desk: Desk) -> None:
        """Deleting it would lose what was paid for."""
        run = desk.begin("a red fox")
        await desk.provider.generate(run.job, run)
        assert await desk.provider.cancel_order(run.job, run) is False
        assert len(await desk.orders()) == 1


class TestTexts:
    """Data, and no output."""

    async def test_an_answer(self, desk: Desk) -> None:
        """With the service's own count."""
        run = desk.begin("江南春色", type_="text_generation", model=None)
        result = await desk.provider.generate(run.job, run)
        assert result is not None
        assert result.output == {"text": "模拟回答：江南春色"}
        assert run.calls[0].usage["total_tokens"] == 13

    @pytest.mark.parametrize(
        ("input_", "begins"),
        [({}, "【译文】spring"), ({"target_language": "ja"}, "[translated] spring")],
    )
    async def test_a_translation(self, desk: Desk, input_: dict[str, str], begins: str) -> None:
        """Into the language that is named, or the other one of Chinese and English."""
        run = desk.begin("spring", type_="translation", model=None, **input_)
        result = await desk.provider.generate(run.job, run)
        assert result is not None
        assert result.output["text"] == begins

    async def test_an_answer_is_paid_for_once(self, desk: Desk) -> None:
        """A second attempt has what the first one bought."""
        run = desk.begin("hello", type_="text", model=None)
        first = await desk.provider.generate(run.job, run)
        again = run.next_attempt()
        assert await desk.provider.generate(again.job, again) == first
        assert again.calls == []
        assert len(await desk.ledger()) == 1

    async def test_moderation(self, desk: Desk) -> None:
        """Final, unbilled."""
        error = await error_of(desk, desk.begin("hello [sandbox:moderation]", type_="text", model=None))
        assert isinstance(error, ContentRejected)

    async def test_what_is_missing(self, desk: Desk) -> None:
        """Told before anything is queued."""
        with pytest.raises(InvalidRequest):
            desk.begin("hello", type_="text", model=None, text="twice")
