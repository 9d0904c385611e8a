"""The stream: it comes back by itself, many tabs share a few, and a page says when it is not connected."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

from playwright.async_api import expect

from tests.browser.conftest import OpenPage, Studio, Watched
from tests.support.examples import starting
from tests.support.snippets import blocks

MODEL = {"type": "image", "provider": "volcengine", "model": "doubao-seedream-4-0-250828"}
TELL = """
async () => {
  const base = document.querySelector('script[type=module]').src.replace(/main\\.js$/, '');
  const { onTask } = await import(base + 'live.js');
  window.told = [];
  onTask((task) => window.told.push(`${task.id} ${task.status} ${task.updated_at}`));
}
"""
# As the browser tells a page that it is hidden, or seen again.
SHOW = """(shown) => {
  Object.defineProperty(document, 'hidden', { configurable: true, get: () => !shown });
  document.dispatchEvent(new Event('visibilitychange'));
}"""


async def times_told(page: Any, begin: str) -> int:
    """Return how often a page was told what begins so, once it was."""
    count = 0
    async with asyncio.timeout(30):
        while not count:  # the page's policy forbids what `wait_for_function` does
            told = await page.evaluate("new Promise((done) => setTimeout(() => done(window.told), 100))")
            count = len([each for each in told if each.startswith(begin)])
    return count


class TestStream:
    async def test_change_is_told_once(self, studio: Studio, page: Any) -> None:
        """What happens elsewhere is here a moment later, each state once."""
        await expect(page.locator(".connection-live")).to_be_visible()
        await page.evaluate(TELL)
        task = await studio.painted("a reed boat told once", **MODEL)
        assert await times_told(page, f"{task['id']} completed") == 1

    async def test_what_happened_while_the_page_was_hidden_is_told(self, studio: Studio, page: Any) -> None:
        """Though nothing had been told before, from which a stream could go on."""
        await expect(page.locator(".connection-live")).to_be_visible()
        await page.evaluate(TELL)
        await page.evaluate(SHOW, False)
        task = await studio.painted("a reed boat nobody saw", **MODEL)
        await page.evaluate(SHOW, True)
        assert await times_told(page, f"{task['id']} completed") == 1

    async def test_late_answer_does_not_hide_the_stream(self, open_page: OpenPage) -> None:
        """What was asked for before the stream was there says nothing of the connection once it is."""
        page = await open_page(None)
        stream, answer, asked = asyncio.Event(), asyncio.Event(), asyncio.Event()

        async def hold_stream(route: Any) -> None:
            await stream.wait()
            await route.continue_()

        async def hold_answer(route: Any) -> None:
            asked.set()
            await answer.wait()
            await route.continue_()

        await page.route("**/api/v1/events?**", hold_stream)
        await page.route("**/api/v1/events", hold_stream)
        await page.route("**/api/v1/tasks?limit=50", hold_answer)
        await page.goto("/studio/queue")
        await asyncio.wait_for(asked.wait(), 30)
        stream.set()
        await expect(page.locator(".connection-live")).to_be_visible()
        async with page.expect_response("**/api/v1/tasks?limit=50") as answered:
            answer.set()
        await (await answered.value).finished()
        await page.evaluate("new Promise((done) => setTimeout(done, 100))")
        await expect(page.locator(".connection-live")).to_be_visible()

    async def test_killed_server_is_come_back_to(
        self, open_page: OpenPage, watched: Watched, tmp_path: Path
    ) -> None:
        """Check 18: a process dies, another takes its place; what was missed appears, once, without a reload."""
        watched.expect("ERR_")
        watched.expect("EventSource")
        with starting(tmp_path, {}) as serve:
            await asyncio.to_thread(serve.until_ready, 90)
            page = await open_page(base_url=serve.base_url)
            await expect(page.locator(".connection-live")).to_be_visible()
            await page.evaluate(TELL)
            made = await page.evaluate(SUBMIT)
            health = await asyncio.to_thread(serve.health)
            assert health is not None
            async with page.expect_response(lambda one: "/api/v1/events" in one.url and one.ok, timeout=40_000):
                os.kill(health["pid"], signal.SIGKILL)
            assert await times_told(page, f"{made} completed") == 1
            await expect(page.locator(".connection-live")).to_be_visible()

    async def test_who_follows_what_is_gone_is_through(self, studio: Studio, page: Any, watched: Watched) -> None:
        """As docs/waiting.md has it: one token is fetched, for a browser's stream does not say what is gone."""
        watched.expect("EventSource")
        task = await studio.painted("gone before it is followed")
        await studio.ask("DELETE", f"/api/v1/tasks/{task['id']}")
        tokens = []

        async def give(route: Any) -> None:
            tokens.append(await studio.ask("POST", "/api/v1/events/token"))
            await route.fulfill(json={"data": tokens[-1]})

        await page.route("**/my-server/event-token", give)
        code = next(each.text for each in blocks("js") if "async function follow" in each.text)
        follow = code.replace("https://danqing.example.com", "")
        followed = page.evaluate(f"(id) => {{ {follow}; return follow(id, () => {{}}); }}", task["id"])
        await asyncio.wait_for(followed, 15)
        assert len(tokens) == 1

    async def test_twelve_tabs_all_answer(self, studio: Studio, open_page: OpenPage) -> None:
        """Check 18: a browser opens six connections to a server; three hold streams, and no tab hangs."""
        first = await open_page()
        tabs = [first]
        for _ in range(11):
            tab = await first.context.new_page()
            await tab.goto("/studio/queue")
            tabs.append(tab)
        for tab in tabs:
            status = await asyncio.wait_for(tab.evaluate("fetch('/health').then((answer) => answer.status)"), 15)
            assert status == 200
        await expect(tabs[-1].locator("main h1")).to_be_visible()


SUBMIT = """
async () => {
  const headers = { 'content-type': 'application/json', 'x-danqing-studio': '1' };
  const input = { prompt: 'what was under way [sandbox:slow=2]' };
  const body = { user_id: 'studio', type: 'image', model: 'doubao-seedream-4-0-250828', input };
  const answer = await fetch('/api/v1/ai/tasks', { method: 'POST', headers, body: JSON.stringify(body) });
  return (await answer.json()).data.id;
}
"""
