"""Back: what lay over a place and was shut is not opened again, and one is where one came from."""

from __future__ import annotations

import re
from typing import Any

from playwright.async_api import expect

from tests.browser.conftest import OpenPage, Studio
from tests.browser.test_create import SETTLED


async def at_tasks(open_page: OpenPage, words: str) -> Any:
    """Come from Queue to the tasks with *words*."""
    page = await open_page("/studio/queue")
    await expect(page.get_by_role("heading", name="Queue", exact=True)).to_be_visible()
    await page.get_by_role("link", name="Tasks", exact=True).click()
    await page.get_by_role("searchbox").fill(words)
    await expect(page.locator(".tasks-line")).to_have_count(1)
    return page


class TestSheet:
    async def test_back_leads_to_the_place_before(self, studio: Studio, open_page: OpenPage) -> None:
        """Whichever way the sheet was shut; Forward may show it again."""
        await studio.painted("opened, shut and left")
        page = await at_tasks(open_page, "opened, shut and left")
        sheet = page.get_by_role("dialog", name="Task", exact=True)
        for shut in ("Escape", "Close", "Back"):
            await page.get_by_role("link", name="opened, shut and left").click()
            await expect(sheet).to_be_visible()
            if shut == "Escape":
                await page.keyboard.press("Escape")
                await page.keyboard.press("Escape")
            elif shut == "Close":
                await sheet.get_by_role("button", name="Close").click()
            else:
                await page.go_back()
            await expect(sheet).to_have_count(0)
            await page.evaluate(SETTLED)
            await expect(page).to_have_url(re.compile(r"/tasks\?q=opened[^&]*$"))
        await page.go_forward()
        await expect(sheet).to_be_visible()
        await page.go_back()
        await expect(sheet).to_have_count(0)
        await page.go_back()
        await expect(page).to_have_title("Queue · Danqing")

    async def test_deleted_task_is_not_come_back_to(self, studio: Studio, open_page: OpenPage) -> None:
        """Its sheet shuts by itself."""
        await studio.painted("deleted from its own sheet")
        page = await at_tasks(open_page, "deleted from its own sheet")
        await page.get_by_role("link", name="deleted from its own sheet").click()
        await page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        ask = page.get_by_role("dialog", name="Delete this task?")
        await ask.get_by_role("button", name="Delete").click()
        await expect(page.get_by_role("dialog")).to_have_count(0)
        await expect(page).to_have_url(re.compile(r"/tasks\?q=deleted[^&]*$"))
        await page.go_back()
        await expect(page).to_have_title("Queue · Danqing")


class TestViewer:
    async def test_back_leads_to_the_place_before(self, studio: Studio, open_page: OpenPage) -> None:
        """At once, however many pictures were looked at."""
        for place in range(3):
            await studio.painted(f"leafed through {place}")
        page = await open_page("/studio/queue")
        await expect(page.get_by_role("heading", name="Queue", exact=True)).to_be_visible()
        await page.get_by_role("link", name="Gallery", exact=True).click()
        await page.get_by_role("searchbox").fill("leafed through")
        await expect(page.get_by_role("gridcell")).to_have_count(3)
        await page.get_by_role("gridcell").first.click()
        viewer = page.get_by_role("dialog", name="Picture")
        await expect(viewer.get_by_role("img", name="leafed through 2")).to_be_visible()
        await page.keyboard.press("ArrowRight")
        await page.keyboard.press("ArrowRight")
        await expect(viewer.get_by_role("img", name="leafed through 0")).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(viewer).to_have_count(0)
        await page.go_back()
        await expect(page).to_have_title("Queue · Danqing")
