"""A browser, a server with its sandbox, and a page in which nothing may go wrong unseen.

A test asks for `page` (English, light, 1280 × 800, no sign-in) or makes others with `open_page`; every page
of either fails its test when it asks another host, logs an error, throws, or breaks its own policy. Tests
speak by roles and labels, as people see them. All tests share one event loop and one server:
keep what you make apart by words of your own in its prompts.
"""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from inspect import iscoroutinefunction
from pathlib import Path
from typing import Any

import aiohttp
import attrs
import pytest
import pytest_asyncio

from tests.support.examples import starting

async_api = pytest.importorskip("playwright.async_api")
# The first has no windows to draw about each page, which is most of what the others do here.
CHROMIUMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, CHROMIUMS)), None)
PATIENCE_MS = 15_000
LAN_HOST = "danqing.test"
"""Leads to this machine, by a name that browsers do not trust as they do loopback's."""
async_api.expect.set_options(timeout=PATIENCE_MS)
ARGUMENTS = ["--no-sandbox", f"--host-resolver-rules=MAP {LAN_HOST} 127.0.0.1"]
# A refusal of the API is an answer like others, though Chromium logs it as an error.
REFUSED = "Failed to load resource: the server responded with a status of"
OF_THE_API = ("/api/v1/", "/studio/session", "/health")
WATCH = """
addEventListener('securitypolicyviolation', (event) =>
  console.error(`policy broken: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}`));
"""

LIN, CHEN, WU, ADMIN = "lin-secret-0123456", "chen-secret-012345", "wu-secret-01234567", "admin-secret-0123"
KEYS = {
    "DANQING_API_KEYS": f"lin:{LIN},chen:{CHEN},wu:{WU}",
    "DANQING_ADMIN_KEY": ADMIN,
    "DANQING_OPERATORS": "chen",
    "DANQING_VIEWERS": "wu",
}

OpenPage = Callable[..., Awaitable[Any]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the coroutines of this folder in one loop, where the browser lives; skip all where there is none."""
    for item in items:
        if Path(__file__).parent not in item.path.parents:
            continue
        item.add_marker(pytest.mark.browser)
        if CHROMIUM is None:
            item.add_marker(pytest.mark.skip(reason="there is no Chromium"))
        if iscoroutinefunction(getattr(item, "function", None)):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@attrs.define
class Studio:
    """A server under test, and its API without a browser."""

    base_url: str
    http: aiohttp.ClientSession

    async def ask(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Any:
        """Return `data` of an answer; raises AssertionError for a refusal."""
        async with self.http.request(method, f"{self.base_url}{path}", json=body, headers=headers) as answer:
            read = await answer.json()
            assert answer.status < 400, read
            return read["data"] if isinstance(read, dict) and "data" in read else read

    async def paint(self, prompt: str, **more: Any) -> Any:
        """Submit a task and return it; *more* are members of the task, `input` beside the prompt."""
        usual = {"user_id": "studio", "type": "image", "model": "doubao-seedream-4-0-250828"}
        body = {**usual, **more, "input": {"prompt": prompt, **more.get("input", {})}}
        return await self.ask("POST", "/api/v1/ai/tasks", body)

    async def painted(self, prompt: str, **more: Any) -> Any:
        """Submit a task and return it once it has ended."""
        task = await self.paint(prompt, **more)
        return await self.ended(task["id"])

    async def ended(self, task_id: str) -> Any:
        """Return a task once it has ended."""
        while True:
            headers = {"prefer": "wait=20"}
            task = await self.ask("GET", f"/api/v1/tasks/{task_id}", headers=headers)
            if task["status"] not in ("pending", "processing"):
                return task


@pytest.fixture(scope="session")
def server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The one server that most tests share: no keys, everything simulated."""
    with starting(tmp_path_factory.mktemp("studio"), {}) as serve:
        serve.until_ready(timeout_s=90)
        yield serve.base_url


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of a module's own that asks for keys."""
    with starting(tmp_path_factory.mktemp("guarded"), KEYS) as serve:
        serve.until_ready(timeout_s=90)
        yield serve.base_url


@pytest_asyncio.fixture(loop_scope="session")
async def house(base: str) -> AsyncIterator[Studio]:
    """Its API, for an administrator."""
    async with aiohttp.ClientSession(headers={"authorization": f"Bearer {ADMIN}"}) as http:
        yield Studio(base, http)


@pytest_asyncio.fixture(loop_scope="session")
async def studio(server_url: str) -> AsyncIterator[Studio]:
    """The shared server, and its API."""
    async with aiohttp.ClientSession() as http:
        yield Studio(server_url, http)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncIterator[Any]:
    """One browser for all tests."""
    async with async_api.async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        await browser.close()


@attrs.define
class Watched:
    """What went wrong in the pages of one test."""

    faults: list[str] = attrs.field(factory=list)
    expected: list[str] = attrs.field(factory=list)

    def expect(self, words: str) -> None:
        """Let errors pass whose text has *words*: the test makes them."""
        self.expected.append(words)

    def look_after(self, context: Any, base_url: str) -> None:
        """Write down what goes wrong in any page of *context*."""
        context.on("console", lambda said: self._heard(said.type, said.text, said.location.get("url", "")))
        context.on("weberror", lambda found: self.faults.append(f"thrown: {found.error}"))
        context.on("request", lambda request: self._asked(request.url, base_url))

    def _heard(self, kind: str, text: str, url: str) -> None:
        if kind != "error" or (text.startswith(REFUSED) and any(part in url for part in OF_THE_API)):
            return
        self.faults.append(f"logged: {text} {url}")

    def _asked(self, url: str, base_url: str) -> None:
        if not url.startswith((f"{base_url}/", "data:", "blob:", "about:")):
            self.faults.append(f"asked another host: {url}")

    def judge(self) -> None:
        """Fail the test for what went wrong and was not expected."""
        left = [fault for fault in self.faults if not any(words in fault for words in self.expected)]
        assert left == []


@pytest_asyncio.fixture(loop_scope="session")
async def watched() -> AsyncIterator[Watched]:
    """What goes wrong in the pages of this test; it fails for it at its end."""
    watched = Watched()
    yield watched
    watched.judge()


@pytest_asyncio.fixture(loop_scope="session")
async def open_page(chromium: Any, watched: Watched, server_url: str) -> AsyncIterator[OpenPage]:
    """Open a page in a browser context of its own: `await open_page("/studio/queue", language="zh", width=360)`."""
    async with AsyncExitStack() as stack:

        async def opened(
            path: str | None = "/studio/",
            *,
            base_url: str = server_url,
            language: str = "en",
            theme: str = "light",
            width: int = 1280,
            height: int = 800,
            **options: Any,
        ) -> Any:
            context = await chromium.new_context(
                base_url=base_url,
                locale={"en": "en-GB", "zh": "zh-CN"}[language],
                color_scheme=theme,
                viewport={"width": width, "height": height},
                reduced_motion="reduce",
                **options,
            )
            stack.push_async_callback(context.close)
            context.set_default_timeout(PATIENCE_MS)
            await context.add_init_script(WATCH)
            watched.look_after(context, base_url)
            page = await context.new_page()
            if path is not None:
                await page.goto(path)
            return page

        yield opened


@pytest_asyncio.fixture(loop_scope="session")
async def page(open_page: OpenPage) -> Any:
    """The studio's Create, in English."""
    return await open_page()
