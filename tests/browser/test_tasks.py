"""Tasks: a list that is its address, what becomes of the tasks in it, and many changed at once."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.browser.conftest import OpenPage, Studio
from tests.browser.test_create import offered, shown


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

    async def test_a_model_that_two_providers_have_is_listed_once(self, open_page: OpenPage) -> None:
        """As of two services that speak one dialect; it is found by its name in both."""
        page = await open_page(None)
        models = [shown("twin", "Twin", {}, ("image",), "image")]
        providers = [offered(name, models, []) for name in ("one", "other")]
        data = {"default": "one", "providers": providers, "routes": [], "plugins": []}
        await page.route("**/api/v1/providers/", lambda route: route.fulfill(json={"success": True, "data": data}))
        await page.goto("/studio/tasks")
        await page.get_by_role("button", name="Filters").click()
        await expect(page.get_by_role("combobox", name="Model").locator("option")).to_have_text(["any", "Twin"])

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
        await studio.painted("became nothing [sandbox:moderation x1]")
        await page.reload()
        await expect(row(page, "became nothing")).to_contain_text("It broke a rule of volcengine")
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

    async def test_days_are_whole_ones_of_the_readers(self, studio: Studio, open_page: OpenPage) -> None:
        """Until today means all of today, by the calendar of the zone that times are shown in."""
        task = await studio.painted("a day's heron")
        made = datetime.fromisoformat(task["created_at"])
        zone = next(  # one whose day is another than UTC's at this moment
            each
            for each in ("Pacific/Kiritimati", "Pacific/Pago_Pago")
            if made.astimezone(ZoneInfo(each)).date() != made.date()
        )
        day = made.astimezone(ZoneInfo(zone)).date()
        page = await open_page(None)
        await page.add_init_script(f"localStorage.setItem('danqing.zone', '{zone}')")
        await page.goto(f"/studio/tasks?q=a day's heron&from={day}&to={day}")
        await expect(rows(page)).to_have_count(1)
        await rows(page).get_by_role("checkbox").check()
        await page.keyboard.press("a")
        await page.keyboard.press("Delete")
        await expect(page.get_by_text("One task will be deleted with its pictures.")).to_be_visible()
        await page.goto(f"/studio/gallery?q=a day's heron&from={day}&to={day}")
        await expect(page.get_by_role("gridcell")).to_have_count(1)
        await page.goto(f"/studio/tasks?q=a day's heron&to={day - timedelta(days=1)}")
        await expect(page.get_by_text("Nothing matches this filter.")).to_be_visible()

    @pytest.mark.parametrize(
        ("zone", "day", "begins"),
        [("America/Havana", "2026-03-08", "2026-03-08T05"), ("Africa/Cairo", "2026-04-24", "2026-04-23T22")],
    )
    async def test_day_that_begins_at_one_o_clock(
        self, open_page: OpenPage, zone: str, day: str, begins: str
    ) -> None:
        """Where clocks go forward at midnight no clock shows it, and the day before has no hour of the day."""
        page = await open_page(None)
        await page.add_init_script(f"localStorage.setItem('danqing.zone', '{zone}')")
        async with page.expect_request(lambda one: "from=" in one.url and "/api/v1/tasks" in one.url) as asked:
            await page.goto(f"/studio/tasks?from={day}")
        asked_from = parse_qs(urlsplit((await asked.value).url).query)["from"]
        assert asked_from == [f"{begins}:00:00.000Z"]

    async def test_task_that_is_not_shown_is_not_at_hand(self, studio: Studio, open_page: OpenPage) -> None:
        """A key does nothing to the row that one was at before the filter left it out."""
        await studio.painted("at hand 1")
        await studio.painted("out of sight 2")
        page = await open_page("/studio/tasks?q=at hand")
        await expect(rows(page)).to_have_count(1)
        await page.keyboard.press("j")
        await expect(page.locator("[data-id]:focus")).to_have_count(1)
        await page.get_by_role("searchbox", name="Search in prompts").fill("out of sight")
        await expect(row(page, "out of sight 2")).to_be_visible()
        await page.get_by_role("heading", name="Tasks").click()
        await page.keyboard.press("Delete")
        await page.keyboard.press("?")
        await expect(page.get_by_role("dialog")).to_have_count(1)
        await expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()


SOME, MANY = 140, 350


@pytest_asyncio.fixture(loop_scope="session")
async def held(studio: Studio) -> AsyncIterator[Studio]:
    """The server with its lane paused: what is queued waits. What a test leaves there is cancelled."""
    await studio.ask("POST", "/api/v1/lanes/volcengine/pause", {"reason": "counted in a test"})
    yield studio
    await studio.ask("POST", "/api/v1/tasks/cancel", {"filter": {"user_id": "many"}, "limit": 500})
    await studio.ask("POST", "/api/v1/lanes/volcengine/resume", {})


async def submitted(studio: Studio, words: str, count: int) -> None:
    """Have *count* tasks wait, in one request."""
    usual = {"type": "image", "user_id": "many", "model": "doubao-seedream-4-0-250828"}
    tasks = [{**usual, "input": {"prompt": f"{words} {n}"}} for n in range(count)]
    batch = await studio.ask("POST", "/api/v1/batches", {"tasks": tasks})
    while (await studio.ask("GET", f"/api/v1/tasks?user_id=many&q={words}&count=true&limit=1"))["total"] < count:
        batch = await studio.ask("GET", f"/api/v1/batches/{batch['id']}")


class TestMany:
    async def test_hundreds_are_retried_after_their_number_was_typed(
        self, held: Studio, open_page: OpenPage
    ) -> None:
        """Check 20: count and price first, progress, and two that changed meanwhile stay chosen with reasons."""
        await submitted(held, "flock", MANY)
        await held.ask("POST", "/api/v1/tasks/cancel", {"filter": {"user_id": "many", "q": "flock"}, "limit": 500})
        page = await open_page("/studio/tasks?q=flock&status=cancelled")
        await expect(page.get_by_text(f"{MANY} tasks", exact=True)).to_be_visible()
        await page.keyboard.press("a")
        await expect(page.get_by_role("group", name=f"{MANY} chosen")).to_be_visible()
        await page.get_by_role("button", name="Retry…").click()
        dialog = page.get_by_role("dialog", name="Retry tasks")
        await expect(dialog.get_by_text(f"{MANY} tasks will be retried.")).to_be_visible()
        await expect(dialog.get_by_text("This costs ¥70.00, at most ¥140.00")).to_be_visible()
        retry = dialog.get_by_role("button", name=f"Retry {MANY}")
        await expect(retry).to_be_disabled()
        some = (await held.ask("GET", "/api/v1/tasks?q=flock&limit=2"))["tasks"]
        for act in ("retry", "cancel"):
            for task in some:
                await held.ask("POST", f"/api/v1/tasks/{task['id']}/{act}")
        await dialog.get_by_role("textbox").fill(str(MANY))
        await retry.click()
        await expect(dialog.locator(".bulk-count")).to_have_text(f"{MANY - 2} tasks done.", timeout=60_000)
        await expect(dialog.get_by_text("2 were not, and stay chosen:")).to_be_visible()
        for task in some:
            await expect(dialog.get_by_role("listitem").filter(has_text=task["id"])).to_contain_text("dry run")
        await dialog.get_by_role("button", name="Close").last.click()
        await expect(page.get_by_role("group", name="2 chosen")).to_be_visible()
        await page.get_by_role("radio", name="Waiting").check()
        await expect(page.get_by_text(f"{MANY - 2} tasks", exact=True)).to_be_visible()
        await page.keyboard.press("a")
        await page.get_by_role("button", name="Cancel…").click()
        dialog = page.get_by_role("dialog", name="Cancel tasks")
        await expect(dialog.get_by_text(f"{MANY - 2} tasks will be cancelled.")).to_be_visible()
        await dialog.get_by_role("textbox").fill(str(MANY - 2))
        await dialog.get_by_role("button", name=f"Cancel {MANY - 2}").click()
        await expect(dialog.locator(".bulk-count")).to_have_text(f"{MANY - 2} tasks done.", timeout=60_000)
        left = await held.ask("GET", "/api/v1/tasks?q=flock&status=pending&count=true&limit=1")
        assert left["total"] == 0

    async def test_the_page_holds_what_is_seen(self, held: Studio, open_page: OpenPage) -> None:
        """Of many rows a few, down to the last; the focus walks there, and is not lost on the way back."""
        await submitted(held, "dunnock", SOME)
        page = await open_page("/studio/tasks?q=dunnock")
        first, last = (page.locator(f'[aria-rowindex="{place}"][data-id]') for place in (2, SOME + 1))
        await expect(first).to_be_visible()
        await page.keyboard.press("End")
        await expect(page.locator(":focus")).to_have_attribute("aria-rowindex", str(100 + 1))
        await page.wait_for_function("(rows) => document.documentElement.scrollHeight > 48 * rows", arg=SOME)
        await page.keyboard.press("End")
        await expect(last).to_be_focused()
        assert await rows(page).count() < 60
        await page.mouse.wheel(0, -100_000)
        await expect(first).to_be_visible()
        await expect(last).to_be_focused()

    async def test_waiting_tasks_take_another_turn(self, held: Studio, open_page: OpenPage) -> None:
        """By a menu; each row says why its task waits."""
        await submitted(held, "bittern", 2)
        page = await open_page("/studio/tasks?q=bittern")
        await expect(row(page, "bittern 0")).to_contain_text("counted in a test")
        await row(page, "bittern 0").get_by_role("checkbox").check()
        await page.get_by_role("button", name="Priority").click()
        await page.get_by_role("menuitem", name="high").click()
        dialog = page.get_by_role("dialog", name="Change the priority")
        await expect(dialog.get_by_text("One waiting task gets the priority “high”.")).to_be_visible()
        await dialog.get_by_role("button", name="Change 1").click()
        await expect(dialog.locator("p").get_by_text("One task done.")).to_be_visible()  # it is spoken, too
        found = (await held.ask("GET", "/api/v1/tasks?q=bittern&fields=priority,prompt"))["tasks"]
        assert {each["prompt"]: each["priority"] for each in found} == {"bittern 0": "high", "bittern 1": "normal"}


class TestMoney:
    async def test_what_is_missing_is_painted_for_its_price(self, studio: Studio, open_page: OpenPage) -> None:
        """Check 11, from the list: one picture, named before; three are not bought again."""
        task = await studio.painted("gaps [sandbox:moderation x1]", input={"n": 4})
        page = await open_page("/studio/tasks?q=gaps&partial=true")
        await expect(rows(page)).to_have_count(1)
        await page.keyboard.press("j")
        await page.keyboard.press("r")
        dialog = page.get_by_role("dialog", name="Retry tasks")
        await expect(dialog.get_by_text("This costs ¥0.20, at most ¥0.40")).to_be_visible()
        await dialog.get_by_role("button", name="Retry 1").click()
        await expect(dialog.locator("p").get_by_text("One task done.")).to_be_visible()  # it is spoken, too
        await dialog.get_by_role("button", name="Close").last.click()
        await expect(row(page, "gaps")).to_contain_text("4/4", timeout=30_000)
        whole = await studio.ended(task["id"])
        assert (whole["cost"]["amount"], len(whole["output"]["images"])) == ("0.80", 4)

    async def test_what_may_be_paid_is_asked_for_apart(self, studio: Studio, open_page: OpenPage) -> None:
        """Check 12: nothing is retried by a slip; who wants it sees the amount first."""
        await studio.painted("murky [sandbox:reset-after-billing x1]", on_ambiguous="fail")
        page = await open_page("/studio/tasks?q=murky")
        await expect(row(page, "murky")).to_contain_text("¥0.20?")
        await row(page, "murky").get_by_role("checkbox").check()
        await page.get_by_role("button", name="Retry…").click()
        dialog = page.get_by_role("dialog", name="Retry tasks")
        await expect(dialog.get_by_role("button", name="Retry 0")).to_be_disabled()
        await dialog.get_by_role("checkbox").check()
        await expect(dialog.get_by_text("This costs ¥0.20.")).to_be_visible()
        await expect(dialog.get_by_role("button", name="Retry 1")).to_be_enabled()


class TestPhone:
    async def test_rows_are_cards(self, studio: Studio, open_page: OpenPage) -> None:
        """At 360 pixels nothing lies beside the page; a tap opens, a box chooses, the bar is above the places."""
        task = await studio.painted("pocket dunnock")
        page = await open_page("/studio/tasks?q=pocket", width=360, height=740, has_touch=True)
        await expect(rows(page)).to_have_count(1)
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        await row(page, "pocket dunnock").get_by_role("checkbox").tap()
        await page.get_by_role("button", name="Delete…").tap()
        await expect(page.get_by_role("dialog", name="Delete tasks")).to_be_visible()
        await page.get_by_role("button", name="Leave them").tap()
        await page.get_by_role("button", name="Choose none").tap()
        await row(page, "pocket dunnock").get_by_text("done").tap()
        await expect(page).to_have_url(re.compile(f"task={task['id']}"))
