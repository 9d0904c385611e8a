"""Tasks: a list that is its address, what becomes of the tasks in it, and many changed at once."""

from __future__ import annotations

import re
from typing import Any

from playwright.async_api import expect

from tests.browser.conftest import OpenPage, Studio


def rows(page: Any) -> Any:
    """Return the rows of tasks, without the head."""
    return page.get_by_role("grid", name="Tasks").locator("[data-id]")


def row(page: Any, words: str) -> Any:
    """Return the row of the task with *words* in its prompt."""
    return page.get_by_role("row").filter(has_text=words)


class TestList:
    async def test_found_again_by_its_address(self, studio: Studio, open_page: OpenPage) -> None:
        """Check 19: the filter restores exactly, in another session too; Back works; 山谷 is found in 水墨山谷."""
        for prompt in ("任务 水墨山谷", "任务 水墨江南", "任务 another 山谷"):
            await studio.painted(prompt)
        page = await open_page("/studio/tasks")
        await page.get_by_role("searchbox", name="Search in prompts").fill("任务 水墨山")
        await expect(rows(page)).to_have_count(1)
        await page.get_by_role("searchbox", name="Search in prompts").fill("山谷")
        await expect(row(page, "任务 another 山谷")).to_be_visible()
        await page.get_by_role("searchbox", name="Search in prompts").fill("任务")
        await expect(rows(page)).to_have_count(3)
        await page.get_by_role("radio", name="Done", exact=True).check()
        await expect(page).to_have_url(re.compile(r"status=completed.*q=|q=.*status=completed"))
        await page.get_by_role("button", name="Filters").click()
        await page.get_by_label("User", exact=True).last.fill("studio")
        await expect(page).to_have_url(re.compile("user_id=studio"))
        shown = [await each.get_attribute("data-id") for each in await rows(page).all()]
        assert len(shown) == 3
        other = await open_page(page.url.removeprefix(studio.base_url), language="zh")
        await expect(other.get_by_role("grid", name="任务").locator("[data-id]")).to_have_count(3)
        same = [await each.get_attribute("data-id") for each in await other.locator("[data-id]").all()]
        assert same == shown
        await page.get_by_role("radio", name="Failed", exact=True).check()
        await expect(page.get_by_text("Nothing matches this filter.")).to_be_visible()
        await page.go_back()
        await expect(rows(page)).to_have_count(3)
        await expect(page.get_by_role("radio", name="Done", exact=True)).to_be_checked()

    async def test_an_empty_filter_offers_to_be_cleared(self, open_page: OpenPage) -> None:
        """And it is."""
        page = await open_page("/studio/tasks?q=nobody+painted+this&status=failed")
        await page.get_by_role("button", name="Clear the filter").click()
        await expect(page).to_have_url(re.compile(r"/tasks$"))

    async def test_what_became_of_each_is_said(self, studio: Studio, open_page: OpenPage) -> None:
        """In words: what is missing, why it failed, and where nobody knows whether it was billed."""
        await studio.painted("became partial [sandbox:moderation x1]", input={"n": 4})
        await studio.painted("became unknown [sandbox:reset-after-billing x1]", on_ambiguous="fail")
        page = await open_page("/studio/tasks?q=became")
        partial, doubt = row(page, "became partial"), row(page, "became unknown")
        await expect(doubt.get_by_text("outcome unknown")).to_be_visible()
        await expect(doubt.get_by_text("unknown whether billed")).to_be_visible()
        await expect(partial.get_by_text("partly done")).to_be_visible()
        await expect(partial.get_by_text("1 missing")).to_be_visible()
        await page.get_by_role("radio", name="Unknown bill").check()
        await expect(rows(page)).to_have_count(1)
        await page.get_by_role("radio", name="Partly done").check()
        await expect(row(page, "became partial")).to_be_visible()

    async def test_walked_and_opened_by_keys(self, studio: Studio, open_page: OpenPage) -> None:
        """j and k, a range, Enter for the sheet, and back to the same row."""
        tasks = [await studio.painted(f"walked {number}") for number in range(4)]
        ids = [task["id"] for task in reversed(tasks)]
        page = await open_page("/studio/tasks?q=walked")
        await expect(rows(page)).to_have_count(4)
        await page.keyboard.press("j")
        await expect(page.locator(":focus")).to_have_attribute("data-id", ids[0])
        await page.keyboard.press("j")
        await page.keyboard.press("Enter")
        await expect(page).to_have_url(re.compile(f"task={ids[1]}"))
        await expect(page.get_by_role("dialog")).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("dialog")).to_be_hidden()
        await page.keyboard.press("x")
        await page.keyboard.press("Shift+ArrowDown")
        await expect(page.get_by_role("group", name="2 chosen")).to_be_visible()
        await page.keyboard.press("k")
        await expect(page.locator(":focus")).to_have_attribute("data-id", ids[1])
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("group", name="chosen")).to_be_hidden()

    async def test_a_change_moves_no_row(self, studio: Studio, open_page: OpenPage) -> None:
        """It turns in its place; what is new waits above where somebody chose."""
        first = await studio.painted("moving 1")
        slow = await studio.paint("moving 2 [sandbox:slow=6]")
        page = await open_page("/studio/tasks?q=moving")
        await expect(rows(page)).to_have_count(2)
        await expect(row(page, "moving 2")).to_contain_text("painting")
        await row(page, "moving 1").get_by_role("checkbox").check()
        third = await studio.painted("moving 3")
        await expect(page.get_by_role("button", name="One new task")).to_be_visible()
        await expect(row(page, "moving 2")).to_contain_text("done", timeout=20_000)
        assert [await each.get_attribute("data-id") for each in await rows(page).all()] == [slow["id"], first["id"]]
        await page.get_by_role("button", name="One new task").click()
        await expect(rows(page)).to_have_count(3)
        assert await rows(page).first.get_attribute("data-id") == third["id"]
