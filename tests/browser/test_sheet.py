"""The task sheet: what came of a task, what it cost, what may be done with it; over any place."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.async_api import expect

from tests.browser.conftest import OpenPage, Studio

CALL_ENDED = {"en": "Call 1 delivered", "zh": "第 1 次调用已交付"}


def sheet_of(page: Any) -> Any:
    """Return the sheet."""
    return page.locator("dialog.sheet")


def part_of(page: Any, name: str) -> Any:
    """Return a named part of the sheet."""
    return sheet_of(page).get_by_role("region", name=name)


async def asked(page: Any, name: str, title: str) -> Any:
    """Press a button of the sheet's, and return the dialog that asks."""
    await sheet_of(page).get_by_role("button", name=name, exact=True).click()
    return page.get_by_role("dialog", name=title)


class TestReading:
    @pytest.mark.parametrize("place", ["", "gallery", "tasks", "queue", "costs", "settings"])
    async def test_it_opens_over_each_place(self, open_page: OpenPage, studio: Studio, place: str) -> None:
        """Its address is the place's with `?task=`; Esc and the cross lead back to the place as it was."""
        task = await studio.painted(f"a pier over {place or 'create'}")
        page = await open_page(f"/studio/{place}?task={task['id']}")
        await expect(sheet_of(page)).to_contain_text(task["id"])
        await page.keyboard.press("Escape")
        await expect(sheet_of(page)).to_have_count(0)
        await expect(page).to_have_url(re.compile(f"/studio/{place}$"))
        await page.go_back()
        await expect(sheet_of(page)).to_be_visible()

    @pytest.mark.parametrize("language", ["en", "zh"])
    async def test_it_says_what_came_of_a_task(self, open_page: OpenPage, studio: Studio, language: str) -> None:
        """Pictures, the request, the cost, each call with its bill, what happened when."""
        task = await studio.painted(f"two herons {language}", input={"n": 2})
        page = await open_page(f"/studio/tasks?task={task['id']}", language=language)
        sheet = sheet_of(page)
        await expect(sheet.get_by_role("link").locator("img")).to_have_count(2)
        await expect(sheet).to_contain_text(f"two herons {language}")
        await expect(sheet).to_contain_text({"en": "¥0.40", "zh": "¥0.40"}[language])
        rows = sheet.locator(".timeline-event", has_text=re.compile(CALL_ENDED[language]))
        await expect(rows).to_contain_text({"en": "billed", "zh": "已计费"}[language])
        await expect(sheet.get_by_role("listitem").last).to_be_attached()

    async def test_picture_opens_over_it_and_leads_back(self, open_page: OpenPage, studio: Studio) -> None:
        """Esc closes what is on top, one after the other."""
        task = await studio.painted("a heron to open from its task")
        page = await open_page(f"/studio/tasks?task={task['id']}")
        await sheet_of(page).get_by_role("link").locator("img").click()
        await expect(page.locator("dialog.viewer")).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(page.locator("dialog.viewer")).to_have_count(0)
        await expect(sheet_of(page)).to_be_visible()

    async def test_words_are_shown_where_words_were_asked_for(self, open_page: OpenPage, studio: Studio) -> None:
        """In Create and here, with their lines; and nothing is counted of which there is none."""
        task = await studio.painted("three lines on cranes", type="text", model="doubao-seed-1-6-250615")
        words = task["output"]["text"]
        page = await open_page("/studio/")
        result = page.get_by_role("article", name="three lines on cranes")
        await expect(result).to_contain_text(words)
        await expect(result).not_to_contain_text(re.compile(r"\d of \d"))
        await result.get_by_role("link", name="three lines on cranes").click()
        await expect(sheet_of(page).get_by_text(words, exact=True).first).to_be_visible()
        await expect(sheet_of(page).locator(".sheet-stands")).not_to_contain_text(re.compile(r"\d of \d"))

    async def test_what_came_after_it_was_cancelled_is_shown(self, open_page: OpenPage, studio: Studio) -> None:
        """It was paid for, and is nowhere else."""
        task = await studio.paint("a late curlew [sandbox:slow=3]")
        while not task.get("calls"):
            task = await studio.ask("GET", f"/api/v1/tasks/{task['id']}", headers={"prefer": "wait=1"})
        await studio.ask("POST", f"/api/v1/tasks/{task['id']}/cancel")
        while not (task["output"] or {}).get("late"):
            task = await studio.ask("GET", f"/api/v1/tasks/{task['id']}")
        page = await open_page(f"/studio/?task={task['id']}")
        picture = sheet_of(page).get_by_title("It came after the task was cancelled")
        await expect(picture).to_have_attribute("href", re.compile("/api/v1/assets/"))
        await expect(picture.get_by_role("img")).to_be_visible()
        await expect(page.locator("article").get_by_title("It came after the task was cancelled")).to_have_count(1)

    async def test_unknown_task_is_told(self, open_page: OpenPage) -> None:
        """A deleted task, another's, a mistyped address: one answer, and nothing to press but the cross."""
        page = await open_page("/studio/tasks?task=volcengine_img_nothing")
        await expect(sheet_of(page)).to_contain_text("This task is not here.")
        await expect(sheet_of(page).get_by_role("button", name="Delete")).to_have_count(0)

    async def test_it_follows_the_task(self, open_page: OpenPage, studio: Studio) -> None:
        """What happens is there without a reload."""
        task = await studio.paint("a slow barge [sandbox:slow=3]")
        page = await open_page(f"/studio/queue?task={task['id']}")
        await expect(sheet_of(page).locator(".timeline-now")).to_be_visible()
        await expect(sheet_of(page).locator(".sheet-stands")).to_contain_text("done")
        await expect(sheet_of(page).get_by_role("link").locator("img")).to_have_count(1)

    async def test_keys_of_the_place_below_do_nothing(self, open_page: OpenPage, studio: Studio) -> None:
        """`g q` does not lead away under a sheet; `r` repeats the task in Create."""
        task = await studio.painted("a kite to repeat")
        page = await open_page(f"/studio/gallery?task={task['id']}")
        await expect(sheet_of(page)).to_contain_text("a kite to repeat")
        await page.keyboard.press("g")
        await page.keyboard.press("q")
        await expect(page).to_have_url(re.compile("/studio/gallery"))
        await page.keyboard.press("r")
        await expect(page.get_by_role("textbox", name="Prompt", exact=True)).to_have_value("a kite to repeat")


class TestPartial:
    async def test_what_is_missing_and_whose_rule_it_broke(self, open_page: OpenPage, studio: Studio) -> None:
        """Check 11: three pictures are there, the fourth says why it is not and that it was not billed."""
        task = await studio.painted("four lamps [sandbox:moderation x1]", input={"n": 4})
        page = await open_page(f"/studio/tasks?task={task['id']}")
        sheet = sheet_of(page)
        await expect(sheet.get_by_role("link").locator("img")).to_have_count(3)
        await expect(sheet.locator(".sheet-stands")).to_contain_text("partly done")
        why = sheet.get_by_role("group", name="What went wrong")
        await expect(why).to_contain_text("Picture")
        await expect(why).to_contain_text("Billed: no")
        await why.get_by_text("In the provider’s words").click()
        await expect(why).to_contain_text("Code of volcengine")
        ask = await asked(page, "Paint the missing 1", "Try this task again?")
        await expect(ask).to_contain_text("One picture is missing.It costs ¥0.20, at most ¥0.40 if a call breaks")
        await expect(ask).to_contain_text("What is there is kept.")
        await ask.get_by_role("button", name="Try again", exact=True).click()
        await expect(sheet.get_by_role("link").locator("img")).to_have_count(4)
        await expect(sheet.locator(".sheet-stands")).to_contain_text("done")
        again = await studio.ended(task["id"])
        assert (len(again["calls"]), again["cost"]["amount"]) == (5, "0.80")


class TestUnknownBill:
    async def test_it_is_told_and_retried_only_with_a_yes(self, open_page: OpenPage, studio: Studio) -> None:
        """Check 12: the amount, no purchase by itself, and a retry that has to be said yes to."""
        prompt = "a lost letter [sandbox:reset-after-billing x1]"
        task = await studio.painted(prompt, on_ambiguous="fail")
        page = await open_page(f"/studio/tasks?task={task['id']}")
        sheet = sheet_of(page)
        await expect(sheet.locator(".sheet-stands")).to_contain_text("outcome unknown")
        why = sheet.get_by_role("group", name="What went wrong")
        await expect(why).to_contain_text("Billed: unknown · perhaps ¥0.20")
        ask = await asked(page, "Try again", "Try this task again?")
        await expect(ask).to_contain_text("It may have been paid for, and costs ¥0.20 again.")
        await expect(ask).not_to_contain_text("at most")
        yes = ask.get_by_role("button", name="Try again", exact=True)
        await expect(yes).to_be_disabled()
        await ask.get_by_label("I know that ¥0.20 may be paid twice").check()
        await yes.click()
        await expect(ask).to_have_count(0)
        ended = await studio.ended(task["id"])
        await expect(sheet.locator(".sheet-stands")).to_contain_text("done")
        assert [call["outcome"] for call in ended["calls"]] == ["unknown", "delivered"]
        await expect(sheet.locator(".timeline-event", has_text="Call 1:")).to_contain_text("unknown whether billed")


class TestActs:
    async def test_failed_task_is_tried_again(self, open_page: OpenPage, studio: Studio) -> None:
        """Its price stands before the button, and what comes is shown."""
        task = await studio.painted("a stubborn mule [sandbox:moderation x1]")
        page = await open_page(f"/studio/tasks?task={task['id']}")
        ask = await asked(page, "Try again", "Try this task again?")
        await expect(ask).to_contain_text("It costs ¥0.20, at most ¥0.")
        await ask.get_by_role("button", name="Try again", exact=True).click()
        await expect(ask).to_have_count(0)
        await studio.ended(task["id"])
        await expect(sheet_of(page).locator(".sheet-stands")).to_contain_text("done")

    async def test_waiting_task_says_why_and_is_cancelled(self, open_page: OpenPage, studio: Studio) -> None:
        """It waits for its time; nothing is paid."""
        task = await studio.paint("a patient owl", delay=600)
        page = await open_page(f"/studio/tasks?task={task['id']}")
        await expect(sheet_of(page).locator(".waits")).to_contain_text("scheduled")
        await sheet_of(page).get_by_role("button", name="Priority").click()
        await page.get_by_role("menuitemradio", name="high").click()
        await expect(part_of(page, "Facts")).to_contain_text("high")
        ask = await asked(page, "Cancel the task", "Cancel this task?")
        await expect(ask).to_contain_text("nothing is paid")
        await ask.get_by_role("button", name="Cancel the task").click()
        await expect(sheet_of(page).locator(".sheet-stands")).to_contain_text("cancelled")

    async def test_task_is_deleted(self, open_page: OpenPage, studio: Studio) -> None:
        """After a question; then its sheet is shut, and its address says that it is gone."""
        task = await studio.painted("a leaf to be gone")
        page = await open_page(f"/studio/tasks?task={task['id']}")
        await expect(sheet_of(page)).to_contain_text("a leaf to be gone")
        await page.keyboard.press("Delete")
        ask = page.get_by_role("dialog", name="Delete this task?")
        await ask.get_by_role("button", name="Delete", exact=True).click()
        await expect(sheet_of(page)).to_have_count(0)
        async with studio.http.get(f"{studio.base_url}/api/v1/tasks/{task['id']}") as answer:
            assert answer.status == 404

    async def test_id_link_and_call_are_copied(self, open_page: OpenPage, studio: Studio) -> None:
        """Also as a call that anybody can send."""
        task = await studio.painted("a page 'to copy'")
        page = await open_page(
            f"/studio/queue?task={task['id']}", permissions=["clipboard-read", "clipboard-write"]
        )
        wanted = {
            "Copy the id": task["id"],
            "Copy link": f"{studio.base_url}/studio/tasks?task={task['id']}",
            "Copy as curl": "/api/v1/ai/tasks",
        }
        for name, words in wanted.items():
            await sheet_of(page).get_by_role("button", name=name).click()
            assert words in await page.evaluate("navigator.clipboard.readText()")
