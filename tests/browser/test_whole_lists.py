"""Lists that are as things are: what came while nobody looked, what was done in part."""

from __future__ import annotations

import re
from typing import Any

from playwright.async_api import expect

from tests.browser.conftest import OpenPage, Studio, Watched
from tests.browser.test_gallery import cells, paint
from tests.browser.test_tasks import held, row, rows, submitted
from tests.support.system import until

__all__ = ["held"]

LATE, SHOWN = 120, 3


class TestMeanwhile:
    async def test_many_new_tasks_are_all_let_in(self, held: Studio, open_page: OpenPage) -> None:
        """More than one look can find: none between them and the rows that were there is left out."""
        await submitted(held, "linnet", SHOWN)
        page = await open_page("/studio/tasks?q=linnet")
        await expect(rows(page)).to_have_count(SHOWN)
        await row(page, "linnet 0").get_by_role("checkbox").check()
        await submitted(held, "later linnet", LATE)
        fresh = page.get_by_role("button", name=re.compile("new tasks$"))
        await expect(fresh).to_have_text("50+ new tasks")
        await fresh.click()
        await expect(page.get_by_text(f"{LATE + SHOWN} tasks", exact=True)).to_be_visible()
        await page.get_by_role("heading", name="Tasks").click()
        last = page.locator(f'[aria-rowindex="{LATE + SHOWN + 1}"][data-id]')

        async def at_the_end() -> bool:
            """End leads to the last row that is there; the rest is asked for, and stands there a while later."""
            await page.keyboard.press("End")
            return await last.count() > 0

        await until(at_the_end, what="the last row")
        await expect(last).to_be_focused()
        await expect(last).to_contain_text(re.compile(r"\blinnet \d"))

    async def test_many_new_pictures_are_all_let_in(self, studio: Studio, open_page: OpenPage) -> None:
        """Though one looked at older ones for so long that more came than the first screen has."""
        await studio.painted("swarm of swifts, the first", input={"n": 12})
        page = await open_page("/studio/gallery?q=swarm of swifts", width=360, height=400)
        await expect(page.get_by_text("12 pictures", exact=True)).to_be_visible()
        await page.mouse.wheel(0, 600)
        await page.wait_for_function("() => scrollY > 100")
        for number in range(7):
            await studio.painted(f"swarm of swifts {number}", input={"n": 10})
        fresh = page.get_by_role("button", name=re.compile("new pictures$"))
        await expect(fresh).to_have_text("60+ new pictures")
        await fresh.click()
        await expect(page.get_by_text("82 pictures", exact=True)).to_be_visible()


class TestInPart:
    async def test_only_stars_that_were_given_are_shown(
        self, studio: Studio, open_page: OpenPage, watched: Watched
    ) -> None:
        """The network breaks after the first: it has its star, the other has none."""
        watched.expect("net::ERR")
        ids = await paint(studio, "starred sterna", 2)
        page = await open_page("/studio/gallery?q=starred sterna")
        await expect(cells(page)).to_have_count(2)
        await page.route(f"**/pictures/{ids[1]}/star", lambda route: route.abort())
        await cells(page).first.focus()
        await page.keyboard.press("a")
        await page.keyboard.press("s")
        await expect(page.get_by_role("alert").filter(has_text="cannot be reached")).to_be_visible()
        shown = [await each.get_attribute("aria-label") for each in await cells(page).all()]
        found = await studio.ask("GET", "/api/v1/pictures?q=starred sterna")
        assert [label.endswith("starred") for label in shown if label] == [
            each["starred"] for each in found["pictures"]
        ]
        assert [each["starred"] for each in found["pictures"]] == [True, False]

    async def test_only_what_was_not_deleted_comes_back(
        self, studio: Studio, open_page: OpenPage, watched: Watched
    ) -> None:
        """Of two the one that the server refused to delete."""
        ids = await paint(studio, "half gone godwit", 2)
        page = await open_page("/studio/gallery?q=half gone godwit")
        await expect(cells(page)).to_have_count(2)
        refusal = {"success": False, "code": "storage_unavailable", "message": "the disk is away"}
        await page.route(f"**/pictures/{ids[0]}", lambda route: route.fulfill(status=503, json=refusal))
        await cells(page).first.focus()
        await page.keyboard.press("a")
        await page.keyboard.press("Delete")
        await expect(page.get_by_text("One picture was not deleted: the disk is away").first).to_be_visible()
        await expect(cells(page)).to_have_count(1)
        assert await cells(page).first.get_attribute("data-id") == ids[0]

    async def test_what_was_stopped_stays_chosen(self, held: Studio, open_page: OpenPage, watched: Watched) -> None:
        """The network breaks after the first fifty of sixty: the other ten are still there to be cancelled."""
        watched.expect("net::ERR")
        await submitted(held, "severed smew", 60)
        page = await open_page("/studio/tasks?user_id=many&q=severed smew")
        await expect(page.get_by_text("60 tasks", exact=True)).to_be_visible()
        await page.keyboard.press("j")
        await page.keyboard.press("x")
        for _ in range(59):
            await page.keyboard.press("Shift+ArrowDown")
        await expect(page.get_by_role("group", name="60 chosen")).to_be_visible()
        await page.get_by_role("button", name="Cancel…").click()
        dialog = page.get_by_role("dialog", name="Cancel tasks")
        done: list[int] = []

        async def break_off(route: Any) -> None:
            done.append(0)
            await (route.abort() if len(done) > 1 else route.fallback())

        act = dialog.get_by_role("button", name="Cancel 60")
        await expect(act).to_be_enabled()
        await page.route("**/api/v1/tasks/cancel", break_off)
        await act.click()
        await expect(dialog.get_by_text("cannot be reached")).to_be_visible()
        await dialog.get_by_role("button", name="Close").last.click()
        await expect(page.get_by_role("group", name="10 chosen")).to_be_visible()
