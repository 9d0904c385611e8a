"""A page that is open for long: the network goes and comes, the server is away, the sign-in has ended."""

from __future__ import annotations

import json
from typing import Any

from playwright.async_api import expect

from tests.browser.conftest import LIN, OpenPage, Studio, Watched
from tests.browser.test_create import SETTLED, prompt_of
from tests.browser.test_signing_in import sign_in, signed_in, two_keys

AWAY = json.dumps({"success": False, "code": "store_unavailable", "message": "MongoDB is away"})

# Behind another tab: nobody looks at it, and it asks the server nothing.
UNSEEN = """() => {
  window.isUnseen = true;
  Object.defineProperty(document, 'hidden', { value: true });
  document.dispatchEvent(new Event('visibilitychange'));
}"""


class TestConnection:
    async def test_network_that_comes_back_is_noticed(self, page: Any) -> None:
        """Though the stream outlived the moment that the browser was offline."""
        live = page.locator(".connection-live")
        await expect(live).to_be_visible()
        await page.evaluate("dispatchEvent(new Event('offline'))")
        await page.evaluate("dispatchEvent(new Event('online'))")
        await expect(live).to_be_visible(timeout=3_000)

    async def test_browser_without_a_network_reaches_this_machine(self, page: Any) -> None:
        """A server that answers is connected, whatever the browser thinks of its network."""
        await expect(page.locator(".connection-live")).to_be_visible()
        async with page.expect_response("**/api/v1/tasks?limit=50"):
            await page.evaluate("dispatchEvent(new Event('offline'))")
        await expect(page.locator(".connection-live")).to_be_visible()
        await expect(page.locator(".banner-offline")).to_have_count(0)

    async def test_first_question_without_an_answer_is_asked_again(self, open_page: OpenPage) -> None:
        """Who the reader is comes when the server is back; nobody has to reload."""
        page = await open_page(None)
        tried: list[int] = []

        async def be_away(route: Any) -> None:
            tried.append(0)
            if len(tried) < 3:
                await route.fulfill(status=503, content_type="application/json", body=AWAY)
            else:
                await route.fallback()

        await page.route("**/studio/session", be_away)
        await page.goto("/studio/")
        await expect(page.get_by_role("textbox", name="Prompt", exact=True)).to_be_visible()


class TestAway:
    async def test_what_is_chosen_stays_at_hand(
        self, studio: Studio, open_page: OpenPage, watched: Watched
    ) -> None:
        """The bar that says how many does not leave the window's edge with the connection."""
        watched.expect("net::ERR")
        await studio.painted("chosen while away")
        page = await open_page("/studio/tasks?q=chosen+while+away")
        await expect(page.locator(".connection-live")).to_be_visible()
        await page.get_by_role("checkbox", name="Choose chosen while away").check()
        bar = page.get_by_role("group", name="1 chosen")
        await expect(bar).to_be_in_viewport(ratio=1)
        await page.route("**/api/v1/tasks?limit=50", lambda route: route.abort())
        await page.evaluate("dispatchEvent(new Event('offline'))")
        await expect(page.get_by_text("Not connected since")).to_be_visible()
        await expect(bar).to_be_in_viewport(ratio=1)


class TestSlept:
    async def test_tab_that_slept_has_a_draft_of_its_own(self, open_page: OpenPage) -> None:
        """Another went on with what it had let go; when it wakes neither writes over the other's."""
        first = await open_page()
        await prompt_of(first).fill("slept on by a stilt")
        await first.evaluate("dispatchEvent(new Event('pagehide'))")
        other = await first.context.new_page()
        await other.goto("/studio/")
        await expect(prompt_of(other)).to_have_value("slept on by a stilt")
        await prompt_of(other).fill("a sandpiper of the other tab")
        await other.evaluate(SETTLED)
        await first.evaluate("dispatchEvent(new Event('pageshow'))")
        await prompt_of(first).fill("a stilt that woke")
        for tab, words in ((other, "a sandpiper of the other tab"), (first, "a stilt that woke")):
            await tab.reload()
            await expect(prompt_of(tab)).to_have_value(words)


class TestSignedOut:
    async def test_night_without_a_sign_in_asks_little(
        self, open_page: OpenPage, base: str, house: Studio, watched: Watched
    ) -> None:
        """While a dialog waits nothing is asked again and again, and signing in sends no flood."""
        watched.expect("EventSource")
        watched.expect("401")
        [(first, secret), (_, successor)] = await two_keys(house, "night shop")
        page = await signed_in(open_page, base, secret)
        await expect(page.locator(".connection-live")).to_be_visible()
        await house.ask("POST", f"/api/v1/keys/{first}/revoke")
        await expect(page.get_by_role("dialog", name="Sign in again")).to_be_visible(timeout=60_000)
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        await page.evaluate("new Promise((done) => setTimeout(done, 15_000))")
        assert len(asked) <= 3, asked
        asked.clear()
        await sign_in(page, successor)
        await expect(page.locator(".connection-live")).to_be_visible()
        assert len([url for url in asked if url.endswith("/api/v1/tasks?limit=50")]) <= 2, asked


class TestOtherTab:
    async def test_another_project_in_one_tab_is_noticed_in_the_others(
        self, open_page: OpenPage, base: str, house: Studio
    ) -> None:
        """Their cookie is another's by now: what stands in them was meant to be paid by somebody else."""
        [(first, secret), _] = await two_keys(house, "two tabs")
        page = await signed_in(open_page, base, secret)
        await prompt_of(page).fill("a teal of the first project")
        other = await page.context.new_page()
        await other.goto("/studio/costs")
        await page.evaluate(UNSEEN)
        await house.ask("POST", f"/api/v1/keys/{first}/revoke")
        await other.reload()
        await sign_in(other, LIN)
        await expect(other.get_by_role("dialog")).to_have_count(0)
        await page.wait_for_function("() => !window.isUnseen")
        await expect(prompt_of(page)).to_be_visible()
