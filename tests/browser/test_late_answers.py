"""Answers that come late, in another order, or not at all: nothing is shown for what it is not."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from playwright.async_api import expect

from tests.browser.conftest import OpenPage, Studio, Watched
from tests.browser.test_tasks import row, rows


class TestOlderAnswers:
    async def test_older_look_at_a_task_is_dropped(self, studio: Studio, open_page: OpenPage) -> None:
        """It had failed when the first look left, whose answer comes after it was queued again."""
        task = await studio.painted("an older owl [sandbox:moderation x1]")
        page = await open_page("/studio/costs")
        held, looked = asyncio.Event(), asyncio.Event()

        async def keep_the_first_back(route: Any) -> None:
            answer = await route.fetch()
            if not looked.is_set():
                looked.set()
                await held.wait()
            await route.fulfill(response=answer)

        await page.route(f"**/api/v1/tasks/{task['id']}", keep_the_first_back)
        await page.evaluate(
            f"history.pushState(null, '', '?task={task['id']}'); dispatchEvent(new PopStateEvent('popstate'))"
        )
        await looked.wait()
        await studio.ask("POST", f"/api/v1/tasks/{task['id']}/retry")
        await studio.ended(task["id"])
        sheet = page.locator("dialog.sheet")
        await expect(sheet.locator(".status-completed")).to_be_visible()
        async with page.expect_response(f"**/api/v1/tasks/{task['id']}"):
            held.set()
        await expect(sheet.locator(".status-completed")).to_be_visible()
        await expect(sheet.get_by_role("button", name="Try again")).to_have_count(0)


class TestCosts:
    async def test_no_sum_stands_under_another_months_name(
        self, studio: Studio, open_page: OpenPage, watched: Watched
    ) -> None:
        """While the month before is on its way this one's is not shown as its; nor when it does not come."""
        watched.expect("net::ERR")
        await studio.painted("a costly curlew")
        page = await open_page("/studio/costs?sandbox=1")
        figures = page.locator(".costs-figures")
        await expect(figures).to_be_visible()
        held = asyncio.Event()

        async def lose(route: Any) -> None:
            await held.wait()
            await route.abort()

        await page.route("**/api/v1/stats/series?**", lose)
        await page.get_by_role("button", name="The time before").click()
        await expect(figures).to_be_hidden()
        held.set()
        await expect(page.get_by_role("alert")).to_contain_text("cannot be reached")
        await expect(figures).to_have_count(0)
        await page.get_by_role("button", name="The time after").click()
        await page.unroute("**/api/v1/stats/series?**")
        await page.get_by_role("button", name="Try again").click()
        await expect(figures).to_be_visible()


class TestTasks:
    async def test_no_row_stands_under_a_filter_that_did_not_find_it(
        self, studio: Studio, open_page: OpenPage, watched: Watched
    ) -> None:
        """The filter's answer did not come: what was there before it is not what it found."""
        watched.expect("net::ERR")
        await studio.painted("a filtered finch")
        page = await open_page("/studio/tasks?q=a filtered finch")
        await expect(rows(page)).to_have_count(1)
        await page.route("**/api/v1/tasks?**status=failed**", lambda route: route.abort())
        await page.get_by_role("radio", name="Failed", exact=True).check()
        await expect(page.get_by_role("alert")).to_contain_text("cannot be reached")
        await expect(rows(page)).to_have_count(0)

    async def test_what_came_while_they_were_counted_is_counted_once(
        self, studio: Studio, open_page: OpenPage
    ) -> None:
        """It is in the count that was on its way, and comes into the list after that."""
        await studio.painted("a counted curlew 0")
        page = await open_page(None)
        asked: list[str] = []

        async def paint_first(route: Any) -> None:
            if not asked:
                await studio.paint("a counted curlew 1")
            asked.append(route.request.url)
            await route.continue_()

        await page.route("**/api/v1/tasks?**count=true**", paint_first)
        await page.goto("/studio/tasks?q=a counted curlew")
        await expect(rows(page)).to_have_count(2)
        await expect(page.locator(".tasks-count")).to_have_text("2 tasks")


class TestViewer:
    async def test_what_did_not_come_is_not_told_to_be_gone(
        self, studio: Studio, open_page: OpenPage, watched: Watched
    ) -> None:
        """The server was away: nobody knows yet whether the picture is there; it can be asked for again."""
        watched.expect("net::ERR")
        task = await studio.painted("a late lapwing")
        page = await open_page(None)
        await page.route("**/api/v1/pictures?ids=**", lambda route: route.abort())
        await page.goto(f"/studio/tasks?picture={task['id']}/0")
        viewer = page.get_by_role("dialog", name="Picture")
        await expect(viewer.get_by_role("alert")).to_contain_text("cannot be reached")
        await expect(viewer.get_by_text("This picture is not there")).to_have_count(0)
        await page.unroute("**/api/v1/pictures?ids=**")
        await viewer.get_by_role("button", name="Try again").click()
        await expect(viewer.get_by_role("img", name="a late lapwing")).to_be_visible()


class TestOtherDays:
    async def test_moment_of_another_day_has_its_day(self, studio: Studio, open_page: OpenPage) -> None:
        """Ten is ten tomorrow: in the list of tasks, on the lane that is paused until then, and in Create."""
        then = datetime.now(UTC) + timedelta(hours=49)
        day = re.compile(f"{then:%b} {then.day}")
        task = await studio.paint("another day's dove", delay=49 * 3600)
        await studio.ask(
            "POST", "/api/v1/lanes/volcengine/pause", {"reason": "until then", "until": then.isoformat()}
        )
        try:
            page = await open_page("/studio/tasks?q=another day's dove", timezone_id="UTC")
            await expect(row(page, "another day's dove")).to_contain_text(day)
            await page.goto("/studio/queue")
            await expect(page.locator("[data-lane=volcengine] .lane-opens")).to_contain_text(day)
            await page.goto("/studio/")
            await expect(page.locator(".lane-note")).to_contain_text(day)
        finally:
            await studio.ask("POST", "/api/v1/lanes/volcengine/resume", {})
            await studio.ask("POST", f"/api/v1/tasks/{task['id']}/cancel")
