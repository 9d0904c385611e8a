"""Queue: a lane that shuts says so everywhere, operators act on it, and others only look."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import aiohttp
import attrs
import pytest
import pytest_asyncio
from playwright.async_api import expect

from danqing_server.supervision.embedded.servers import free_port
from tests.browser.conftest import OpenPage, Studio, Watched
from tests.support.examples import starting

CHEN, LIN = "c" * 24, "l" * 24
KEYS = {"DANQING_API_KEYS": f"chen:{CHEN},lin:{LIN}", "DANQING_OPERATORS": "chen"}
LANE, MODEL = "volcengine", "doubao-seedream-4-0-250828"
SOON_MS = 3_000


@attrs.define(eq=False)
class Operated:
    """A server with keys, one of them an operator's, that can be started anew where it was."""

    folder: Path
    http: aiohttp.ClientSession
    port: int = attrs.field(factory=free_port)
    _runs: ExitStack = attrs.field(factory=ExitStack)

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Begin to serve."""
        serve = self._runs.enter_context(starting(self.folder, KEYS, port=self.port))
        serve.until_ready(timeout_s=90)

    def stop(self) -> None:
        """End in order."""
        self._runs.close()

    async def ask(self, method: str, path: str, body: Any = None, key: str = CHEN) -> tuple[int, Any]:
        """Return status and answer."""
        headers = {"Authorization": f"Bearer {key}"}
        async with self.http.request(method, self.url + path, json=body, headers=headers) as answer:
            return answer.status, await answer.json()

    async def paint(self, prompt: str) -> str:
        """Submit a task, and return its id."""
        body = {"provider": LANE, "type": "image", "model": MODEL, "user_id": "lin", "input": {"prompt": prompt}}
        status, answer = await self.ask("POST", "/api/v1/ai/tasks", body, LIN)
        assert status == 201, answer
        task_id: str = answer["data"]["id"]
        return task_id

    async def cancel(self, task_id: str) -> None:
        """Have it want nothing any more, whatever it waits for."""
        status, answer = await self.ask("POST", f"/api/v1/tasks/{task_id}/cancel", key=LIN)
        assert (status, answer["data"]["status"]) == (200, "cancelled"), answer

    async def shut(self, prompt: str) -> str:
        """Have an account that owes close the lane for as long as it does; return the task that waits for it."""
        task_id = await self.paint(f"{prompt} [sandbox:overdue]")
        while (await self.ask("GET", f"/api/v1/lanes/{LANE}"))[1]["data"]["state"] != "closed":  # noqa: ASYNC110 — over HTTP
            await asyncio.sleep(0.02)
        return task_id

    async def status(self, task_id: str) -> str:
        """Return how a task stands."""
        code, answer = await self.ask("GET", f"/api/v1/tasks/{task_id}", key=LIN)
        assert code == 200, answer
        status: str = answer["data"]["status"]
        return status


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def operated(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Operated]:
    """The server of this module."""
    async with aiohttp.ClientSession() as http:
        found = Operated(tmp_path_factory.mktemp("operated"), http)
        await asyncio.to_thread(found.start)
        try:
            yield found
        finally:
            await asyncio.to_thread(found.stop)


async def signed_in(open_page: OpenPage, operated: Operated, path: str, name: str, key: str, **options: Any) -> Any:
    """Open a page as somebody."""
    page = await open_page(path, base_url=operated.url, **options)
    await page.locator("#signin-name").fill(name)
    await page.locator("#signin-key").fill(key)
    await page.locator("dialog button[type=submit]").click()
    await expect(page.locator("dialog")).to_have_count(0)
    return page


class TestClosedLane:
    async def test_it_is_told_everywhere_and_operators_have_it_tried(
        self, open_page: OpenPage, operated: Operated
    ) -> None:
        """Check 13: within three seconds, without a reload; a plain key gets no buttons, and 403."""
        queue = await signed_in(open_page, operated, "/studio/queue", "chen", CHEN)
        create = await signed_in(open_page, operated, "/studio/", "lin", LIN)
        theirs = await signed_in(open_page, operated, "/studio/queue", "lin", LIN)
        await expect(queue.get_by_role("article", name=LANE, exact=True)).to_be_visible()
        await create.get_by_label("Prompt").fill("a quiet valley")
        for page in (create, theirs, queue):
            await page.bring_to_front()  # a page that nobody sees has no stream
            await expect(page.get_by_text("live", exact=True)).to_be_visible(timeout=20_000)
        owing = await operated.shut("an account that owes")
        card = queue.get_by_role("article", name=LANE, exact=True)
        await expect(card.get_by_text("closed", exact=True)).to_be_visible(timeout=SOON_MS)
        await expect(queue).to_have_title("⚠ Queue · Danqing", timeout=SOON_MS)
        told = f"{LANE} is closed: the account owes money. Your task will wait"
        await expect(create.get_by_text(told)).to_be_visible(timeout=SOON_MS)
        await expect(theirs.get_by_role("article", name=LANE, exact=True)).to_contain_text(
            "one task tries at", timeout=SOON_MS
        )
        await expect(theirs.get_by_role("button", name="Probe once")).to_have_count(0)
        await expect(theirs.get_by_role("button", name=re.compile("Pause"))).to_have_count(0)
        refused = [
            (await operated.ask("POST", f"/api/v1/lanes/{LANE}/{act}", {"reason": "x"}, LIN))[0]
            for act in ("pause", "resume", "probe")
        ]
        assert refused == [403, 403, 403]
        await operated.cancel(owing)
        await card.get_by_role("button", name="Probe once").click()
        await expect(queue.get_by_text(f"One task tries {LANE}.")).to_have_count(1)
        await operated.paint("one that owes nothing")
        await expect(card.get_by_text("open", exact=True)).to_be_visible()
        await expect(create.get_by_text(f"{LANE} is closed:")).to_have_count(0)

    async def test_an_operator_opens_what_is_closed(self, open_page: OpenPage, operated: Operated) -> None:
        """After being told how many tasks begin."""
        queue = await signed_in(open_page, operated, "/studio/queue", "chen", CHEN)
        owing = await operated.shut("one that owes still")
        card = queue.get_by_role("article", name=LANE, exact=True)
        await card.get_by_role("button", name="Open now…").click()
        dialog = queue.get_by_role("dialog")
        await expect(dialog).to_contain_text(re.compile(r"\d waiting task"))
        await operated.cancel(owing)  # it would have the lane closed again
        await dialog.get_by_role("button", name="Open now").click()
        await expect(card.get_by_text("open", exact=True)).to_be_visible()


class TestPausedLane:
    async def test_what_runs_ends_and_a_restart_keeps_it(
        self, open_page: OpenPage, operated: Operated, watched: Watched
    ) -> None:
        """Check 14: with a reason, who and when, until somebody resumes it."""
        queue = await signed_in(open_page, operated, "/studio/queue", "chen", CHEN)
        running = await operated.paint("slowly [sandbox:slow=10]")
        while await operated.status(running) != "processing":  # noqa: ASYNC110 — over HTTP
            await asyncio.sleep(0.02)
        card = queue.get_by_role("article", name=LANE, exact=True)
        await card.get_by_role("button", name="Pause…").click()
        dialog = queue.get_by_role("dialog", name=f"Pause {LANE}")
        await dialog.get_by_role("button", name="Pause", exact=True).click()
        await expect(dialog.get_by_label("Reason")).to_have_attribute("aria-invalid", "true")
        await dialog.get_by_label("Reason").fill("price check")
        await dialog.get_by_role("button", name="Pause", exact=True).click()
        await expect(card).to_contain_text(re.compile(r"paused by chen at \d\d:\d\d · “price check”"))
        waiting = await operated.paint("later")
        await queue.goto(f"/studio/queue?task={waiting}")
        await expect(queue.locator("dialog.sheet .waits")).to_contain_text("paused by a person")
        await queue.goto("/studio/queue")
        while await operated.status(running) == "processing":  # noqa: ASYNC110 — over HTTP
            await asyncio.sleep(0.05)
        assert await operated.status(running) == "completed"
        watched.expect("net::ERR_")
        await asyncio.to_thread(operated.stop)
        await asyncio.to_thread(operated.start)
        await queue.reload()
        await expect(card).to_contain_text(re.compile(r"paused by chen at \d\d:\d\d · “price check”"))
        assert await operated.status(waiting) == "pending"
        await card.get_by_role("button", name="Resume").click()
        await expect(card.get_by_text("open", exact=True)).to_be_visible()
        while await operated.status(waiting) != "completed":  # noqa: ASYNC110 — over HTTP
            await asyncio.sleep(0.05)
        await card.get_by_role("button", name="Details").click()
        await expect(card).to_contain_text("paused by chen")
        await expect(card).to_contain_text("resumed by chen")

    async def test_one_where_nothing_ended_has_no_chart(self, open_page: OpenPage, operated: Operated) -> None:
        """What it says of itself is all there is to see."""
        await operated.ask("POST", "/api/v1/lanes/fal/pause", {"reason": "no budget"})
        queue = await signed_in(open_page, operated, "/studio/queue", "chen", CHEN)
        card = queue.get_by_role("article", name="fal", exact=True)
        await expect(card).to_contain_text("“no budget”")
        await expect(card.get_by_role("figure")).to_have_count(0)


class TestLooks:
    @pytest.mark.parametrize(("width", "theme", "language"), [(1280, "light", "en"), (360, "dark", "zh")])
    async def test_a_lane_fits(
        self, open_page: OpenPage, studio: Studio, width: int, theme: str, language: str
    ) -> None:
        """Nothing stands beyond the edge, on a laptop and on a phone."""
        await studio.painted("for the strip", type="image", model=MODEL)
        page = await open_page("/studio/queue", width=width, height=800, theme=theme, language=language)
        await expect(page.get_by_role("article").first).to_be_visible()
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        if shots := os.environ.get("SHOTS"):
            await page.screenshot(path=f"{shots}/queue-{width}-{theme}-{language}.png", full_page=True)
