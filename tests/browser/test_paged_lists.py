"""Lists that come in pages: each page once, none missed in silence, and all of them where all are wanted."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime
from typing import Any

from playwright.async_api import expect

from tests.browser.conftest import ADMIN, LIN, OpenPage, Watched
from tests.browser.test_create import SETTLED
from tests.browser.test_signing_in import signed_in


def project(number: int) -> dict[str, Any]:
    """Return a project as the API lists it."""
    return {"id": f"p{number:03}", "name": f"project {number:03}", "limits": {}, "archived_at": None}


class TestPages:
    async def test_the_next_page_comes_once_and_is_missed_aloud(
        self, open_page: OpenPage, base: str, watched: Watched
    ) -> None:
        """Pressed twice it comes once; when it does not come one is told, and may ask again."""
        watched.expect("net::ERR")
        page = await signed_in(open_page, base, ADMIN)
        asked: list[str] = []

        async def answer(route: Any) -> None:
            cursor = re.search(r"cursor=(\w+)", route.request.url)
            asked.append(cursor[1] if cursor else "")
            if asked.count("next") == 1 and cursor:
                await route.abort()
                return
            shown = [project(3), project(4)] if cursor else [project(1), project(2)]
            data = {"projects": shown, "count": 2, "next_cursor": None if cursor else "next"}
            await route.fulfill(json={"success": True, "data": data})

        await page.route(re.compile("/api/v1/projects"), answer)
        await page.goto("/studio/settings/projects")
        more = page.get_by_role("button", name="Show more")
        await more.click()
        await expect(page.get_by_text("The server cannot be reached.").first).to_be_visible()
        await expect(page.get_by_text("project 002")).to_be_visible()
        await more.dblclick()
        await expect(page.get_by_text("project 004")).to_be_visible()
        await expect(page.get_by_text(re.compile(r"^project \d+$"))).to_have_count(4)

    async def test_key_is_made_for_a_project_of_a_later_page(self, open_page: OpenPage, base: str) -> None:
        """The form names the project that the key will be of, however many there are."""
        page = await signed_in(open_page, base, ADMIN)

        async def answer(route: Any) -> None:
            cursor = "cursor=" in route.request.url
            shown = [project(3), project(4)] if cursor else [project(1), project(2)]
            data = {"projects": shown, "count": 2, "next_cursor": None if cursor else "next"}
            await route.fulfill(json={"success": True, "data": data})

        await page.route(re.compile("/api/v1/projects"), answer)
        await page.goto("/studio/settings/keys?project=p004")
        await page.get_by_role("button", name="New key").click()
        chosen = page.get_by_role("dialog").get_by_label("Project", exact=True).locator("option:checked")
        await expect(chosen).to_have_text("project 004")

    async def test_a_list_that_follows_keeps_its_pages(self, open_page: OpenPage, base: str) -> None:
        """While a delivery waits the list is looked at again and again: what was asked for further down stays."""
        page = await signed_in(open_page, base, LIN)
        looked: list[int] = []
        hook = {"id": "hook_1", "url": "https://a.example/", "description": "", "events": [], "enabled": True}

        async def answer(route: Any) -> None:
            cursor = "cursor=" in route.request.url
            looked.append(0)
            shown = [delivery(n) for n in (range(20, 40) if cursor else range(20))]
            data = {"deliveries": shown, "count": 20, "next_cursor": None if cursor else "next"}
            await route.fulfill(json={"success": True, "data": data})

        await page.route(
            "**/api/v1/webhooks/hook_1", lambda route: route.fulfill(json={"success": True, "data": hook})
        )
        await page.route(re.compile("/api/v1/webhooks/hook_1/deliveries"), answer)
        await page.goto("/studio/settings/webhooks/hook_1")
        shown = page.locator(".s-delivery")
        await expect(shown).to_have_count(20)
        await page.get_by_role("button", name="Show more").click()
        await expect(shown).to_have_count(40)
        before = len(looked)
        async with asyncio.timeout(20):
            while len(looked) < before + 2:
                await page.evaluate(SETTLED)
        await expect(shown).to_have_count(40)


def delivery(number: int) -> dict[str, Any]:
    """Return a delivery as the API lists it: the first is being sent."""
    now = datetime.now(UTC).isoformat()
    sent = {"at": now, "status": 200, "error": None, "ms": 3, "answer": None}
    return {
        "id": f"dlv_{number:03}", "type": "task.completed", "task_id": None, "created_at": now,
        "state": "delivered" if number else "pending", "due_at": None if number else now,
        "failed_because": None, "attempts": [sent] if number else [],
    }  # fmt: skip
