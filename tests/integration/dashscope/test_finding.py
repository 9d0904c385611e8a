"""An order whose answer was lost: found again, or nothing said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from danqing_plugins import FoundOrder, LostCall, OutcomeUnknown
from tests.integration.dashscope.conftest import Desk, Simulator

MODEL = "wan2.2-t2i-flash"
LOST = "[sandbox:reset-after-billing x1]"


def lost_call(count: int = 1, *, sent_at: datetime | None = None) -> LostCall:
    """Return the call that was lost, sent just now."""
    sent_at = sent_at or datetime.now(UTC)
    return LostCall(id="c", fingerprint="f", sent_at=sent_at, indexes=tuple(range(count)))


async def order(desk: Desk, simulator: Simulator, prompt: str, count: int = 1, model: str = MODEL) -> None:
    """Place an order as somebody else with the same account does."""
    body = {"model": model, "input": {"prompt": prompt}, "parameters": {"n": count}}
    route = "video-generation/video-synthesis" if "t2v" in model else "text2image/image-synthesis"
    url = f"{simulator.url}/api/v1/services/aigc/{route}"
    async with desk.session.post(url, json=body, headers={"X-DashScope-Async": "enable"}) as answer:
        assert answer.status == 200, await answer.text()


async def find(desk: Desk, prompt: str, count: int = 1, **options: Any) -> Any:
    """Ask the provider for the order of a task with *prompt*."""
    run = desk.begin(MODEL, prompt=prompt, n=count)
    return await desk.provider.find_order(run.job, run, lost_call(count, **options))


class TestFinding:
    """By time, model, prompt and count together; in doubt, nothing."""

    async def test_ours_is_found_and_resumed(self, desk: Desk, simulator: Simulator) -> None:
        """The pictures come of the order that was placed, which stays the only one."""
        run = desk.begin(MODEL, prompt=f"one fox alone {LOST}", n=2)
        call = lost_call(2)
        with pytest.raises(OutcomeUnknown):
            await desk.carry_out(run)
        found = await desk.provider.find_order(run.job, run, call)
        assert isinstance(found, FoundOrder)
        again = run.next_attempt()
        again.saved = dict(found.saved)
        await desk.carry_out(again)
        assert set(again.pictures) == {0, 1}
        assert again.calls == []
        assert len(await simulator.jobs()) == 1
        assert len(await simulator.ledger()) == 2

    async def test_nothing_is_said_without_one(self, desk: Desk) -> None:
        """An empty list proves nothing: how soon orders are listed is not known."""
        assert await find(desk, "one fox alone") is None

    async def test_somebody_else_s_is_left(self, desk: Desk, simulator: Simulator) -> None:
        """The only order of the minute, with other words."""
        await order(desk, simulator, "another fox")
        assert await find(desk, "one fox alone") is None

    async def test_two_that_fit_say_nothing(self, desk: Desk, simulator: Simulator) -> None:
        """Which is ours cannot be told."""
        await order(desk, simulator, "one fox alone")
        await order(desk, simulator, "one fox alone")
        assert await find(desk, "one fox alone") is None

    async def test_another_count_is_another_s(self, desk: Desk, simulator: Simulator) -> None:
        """The same words, three pictures."""
        await order(desk, simulator, "one fox alone", 3)
        assert await find(desk, "one fox alone") is None
        assert await find(desk, "one fox alone", 3) is not None

    async def test_one_that_was_answered_is_another_s(self, desk: Desk) -> None:
        """This process knows it as another task's."""
        other = desk.begin(MODEL, prompt="one fox alone")
        await desk.carry_out(other)
        assert await find(desk, "one fox alone") is None

    async def test_an_older_one_is_left(self, desk: Desk, simulator: Simulator) -> None:
        """The same words, placed long before or after."""
        await order(desk, simulator, "one fox alone")
        for hours in (-2, 2):
            sent_at = datetime.now(UTC) + timedelta(hours=hours)
            assert await find(desk, "one fox alone", sent_at=sent_at) is None

    async def test_one_that_cannot_be_judged_says_nothing(self, desk: Desk, simulator: Simulator) -> None:
        """One that failed tells no prompt: it may have been ours."""
        await order(desk, simulator, "one fox alone")
        await order(desk, simulator, "another fox [sandbox:job-fails]")
        assert await find(desk, "one fox alone") is None
