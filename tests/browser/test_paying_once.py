"""Nothing is bought twice, and nothing but what stands in the form: where answers are lost, refused, or late."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

from playwright.async_api import expect

from tests.browser.conftest import OpenPage, Studio, Watched
from tests.browser.test_create import SETTLED, file, odd, paint_of, prompt_of, result_of, schemas, tasks_of

AWAY = json.dumps({"success": False, "code": "store_unavailable", "message": "MongoDB is away", "retryable": True})
FULL = json.dumps({"success": False, "code": "queue_full", "message": "no more may wait", "retryable": True})

# Two presses within a moment are one.
A_MOMENT = "new Promise((done) => setTimeout(done, 750))"

# As if the page had been opened again the day after tomorrow.
TWO_DAYS_LATER = """() => {
  for (const name of Object.keys(localStorage).filter((each) => each.startsWith('danqing.draft.'))) {
    const kept = JSON.parse(localStorage.getItem(name));
    if (kept.draft.sending) kept.draft.sending.at -= 2 * 86_400_000;
    localStorage.setItem(name, JSON.stringify(kept));
  }
}"""


class TestRefusedOnTheWay:
    async def test_refusal_after_a_lost_answer_forgets_no_key(
        self, page: Any, studio: Studio, watched: Watched
    ) -> None:
        """The first may have arrived: what says nothing of it leaves the button that sends the very same."""
        watched.expect("net::ERR")
        tried: list[int] = []

        async def come_back(route: Any) -> None:
            tried.append(0)
            if len(tried) == 1:
                await route.fetch()
                await route.abort()
            elif len(tried) == 2:
                await route.fulfill(status=503, content_type="application/json", body=AWAY)
            else:
                await route.fallback()

        await page.route("**/api/v1/ai/tasks", come_back)
        await prompt_of(page).fill("doubted dipper")
        await paint_of(page).click()
        send = page.get_by_role("button", name="Send", exact=True)
        await send.click()
        await expect(page.get_by_text("MongoDB is away")).to_be_visible()
        await send.click()
        await expect(result_of(page, "doubted dipper")).to_be_visible()
        await expect(paint_of(page)).to_be_visible()
        assert len(tried) == 3
        assert len(await tasks_of(studio, "doubted dipper")) == 1

    async def test_second_model_refused_leaves_the_first_bought_once(self, page: Any, studio: Studio) -> None:
        """The form then asks for what is left, and says so."""
        tried: list[str] = []

        async def fill_up(route: Any) -> None:
            tried.append(route.request.post_data_json["model"])
            if len(tried) == 2:
                await route.fulfill(status=429, content_type="application/json", body=FULL)
            else:
                await route.fallback()

        await page.route("**/api/v1/ai/tasks", fill_up)
        await prompt_of(page).fill("halved harrier")
        await page.get_by_role("button", name="+ a second model").click()
        await paint_of(page).click()
        await expect(page.get_by_text("no more may wait")).to_be_visible()
        await expect(page.get_by_text("The first was sent.").first).to_be_visible()
        await expect(result_of(page, "halved harrier")).to_have_count(1)
        await expect(paint_of(page)).to_be_enabled()
        await page.evaluate(A_MOMENT)
        await paint_of(page).click()
        await expect(result_of(page, "halved harrier")).to_have_count(2)
        assert sorted(each["model"] for each in await tasks_of(studio, "halved harrier")) == sorted(tried[:2])


class TestLeftBehind:
    async def test_tab_that_goes_on_with_what_another_sent_forgets_no_key(
        self, page: Any, studio: Studio, watched: Watched
    ) -> None:
        """Nobody knows whether it arrived, whatever came of the tab that sent it: a refusal says nothing of it."""
        watched.expect("net::ERR")
        tried: list[int] = []

        async def be_slow_then_away(route: Any) -> None:
            tried.append(0)
            if len(tried) == 1:
                await route.fetch()  # it arrived, and the answer never does
            elif len(tried) == 2:
                await route.fulfill(status=503, content_type="application/json", body=AWAY)
            else:
                await route.fallback()

        await page.context.route("**/api/v1/ai/tasks", be_slow_then_away)
        await prompt_of(page).fill("deserted dunlin")
        await paint_of(page).click()
        async with asyncio.timeout(15):
            while not await tasks_of(studio, "deserted dunlin"):
                await page.evaluate(SETTLED)
        async with page.expect_popup() as opening:
            await page.evaluate("() => void open('/studio/')")
        other = await opening.value
        send = other.get_by_role("button", name="Send", exact=True)
        await send.click()
        await expect(other.get_by_text("MongoDB is away")).to_be_visible()
        await send.click()
        await expect(paint_of(other)).to_be_visible()
        assert len(tried) == 3
        assert len(await tasks_of(studio, "deserted dunlin")) == 1

    async def test_what_the_server_has_forgotten_is_not_sent_again(
        self, page: Any, studio: Studio, watched: Watched
    ) -> None:
        """Its key is remembered for a day: after that the same request would be bought a second time."""
        watched.expect("net::ERR")
        await page.route("**/api/v1/ai/tasks", lambda route: route.abort())
        await prompt_of(page).fill("forgotten fulmar")
        await paint_of(page).click()
        send = page.get_by_role("button", name="Send", exact=True)
        await expect(send).to_be_visible()
        await page.goto("/studio/tasks")
        await page.evaluate(TWO_DAYS_LATER)
        await page.goto("/studio/")
        await expect(page.get_by_role("alert").filter(has_text="no answer")).to_contain_text("look into Tasks")
        await expect(send).to_be_disabled()
        await page.get_by_role("button", name="Discard").click()
        await expect(paint_of(page)).to_be_visible()


class TestWhatIsSeenIsSent:
    async def test_reference_that_did_not_arrive_is_not_left_out(
        self, page: Any, studio: Studio, watched: Watched
    ) -> None:
        """Nothing is painted without it, until it was sent again or is taken away."""
        watched.expect("net::ERR")
        await page.route("**/api/v1/uploads", lambda route: route.abort())
        await prompt_of(page).fill("referred reeve")
        await page.get_by_label("Reference pictures").first.set_input_files([file(9)])
        await expect(page.get_by_role("button", name="Try again")).to_be_visible()
        await paint_of(page).click()
        await expect(page.get_by_text("did not arrive").first).to_be_visible()
        assert await tasks_of(studio, "referred reeve") == []
        await page.unroute("**/api/v1/uploads")
        await page.get_by_role("button", name="Try again").click()
        await expect(page.get_by_text("did not arrive")).to_have_count(0)
        await page.evaluate(A_MOMENT)
        await paint_of(page).click()
        await expect(result_of(page, "referred reeve")).to_be_visible()
        [row] = await tasks_of(studio, "referred reeve")
        assert len((await studio.ask("GET", f"/api/v1/tasks/{row['id']}"))["input"]["image"]) == 1

    async def test_picture_that_is_taken_away_is_not_waited_for(self, page: Any, studio: Studio) -> None:
        """It is still on its way when the form is reset: what stands there now is painted without it."""
        held = asyncio.Event()

        async def hold(route: Any) -> None:
            await held.wait()
            await route.fallback()

        await page.route("**/api/v1/uploads", hold)
        await page.get_by_label("Reference pictures").first.set_input_files([file(11)])
        await expect(page.get_by_role("button", name="1 picture is on its way")).to_be_disabled()
        await page.get_by_role("button", name="Reset").click()
        await prompt_of(page).fill("reset redshank")
        await paint_of(page).click()
        await expect(result_of(page, "reset redshank")).to_be_visible()
        held.set()
        [row] = await tasks_of(studio, "reset redshank")
        assert "image" not in (await studio.ask("GET", f"/api/v1/tasks/{row['id']}"))["input"]

    async def test_sides_just_typed_are_what_is_painted(self, page: Any, studio: Studio) -> None:
        """Also when Ctrl and Enter are pressed while the field still has the focus."""
        await prompt_of(page).fill("sized siskin")
        await page.get_by_role("button", name="Custom", exact=True).click()
        width = page.get_by_role("textbox", name="Width in pixels")
        await page.get_by_role("textbox", name="Height in pixels").fill("1280")
        await width.press("ControlOrMeta+a")
        await width.press_sequentially("1536")
        await width.press("Control+Enter")
        await expect(result_of(page, "sized siskin")).to_be_visible()
        [row] = await tasks_of(studio, "sized siskin")
        asked = (await studio.ask("GET", f"/api/v1/tasks/{row['id']}"))["input"]
        assert re.sub("[*]", "x", asked["size"]) == "1536x1280"

    async def test_fraction_is_what_was_typed(self, open_page: OpenPage) -> None:
        """Key by key: no point and no nought is lost on the way, of which 0.5 would become 5."""
        page = await open_page(None)
        [*_, offer] = schemas("en")
        strength = odd("A strength", "number", type="number", minimum=0, maximum=10)
        offer["models"][0]["parameters"]["properties"]["strength"] = strength
        data = {"default": "other", "providers": [offer], "routes": [], "plugins": []}
        asked: list[Any] = []

        async def check(route: Any) -> None:
            asked.append(route.request.post_data_json["input"].get("strength"))
            await route.fulfill(status=400, json={"success": False})

        await page.route("**/api/v1/providers/", lambda route: route.fulfill(json={"success": True, "data": data}))
        await page.route("**/api/v1/ai/tasks/check", check)
        await page.goto("/studio/")
        field = page.get_by_role("textbox", name="A strength")
        for typed, meant in (("0.05", 0.05), ("7.25", 7.25), ("-1", -1)):
            await field.press("ControlOrMeta+a")
            await field.press_sequentially(typed)
            await expect(field).to_have_value(typed)
            async with asyncio.timeout(10):
                while not asked or asked[-1] != meant:
                    await page.evaluate(SETTLED)
        await page.get_by_role("button", name="More: A strength").click()
        await expect(field).to_have_value("0")
        await page.get_by_role("button", name="Reset").click()
        await expect(field).to_have_value("")

    async def test_button_names_no_price_of_what_was_before(self, page: Any, studio: Studio) -> None:
        """While the server is slow to say what four cost, nobody is told that one is painted."""
        await prompt_of(page).fill("priced petrel")
        await expect(paint_of(page)).to_have_text(re.compile(r"Paint 1 · ¥0\.20"))
        held = asyncio.Event()

        async def hold(route: Any) -> None:
            await held.wait()
            await route.fallback()

        await page.route("**/api/v1/ai/tasks/check", hold)
        await page.get_by_role("textbox", name="Pictures", exact=True).fill("4")
        await expect(paint_of(page)).to_have_text(re.compile("^Paint(Ctrl.*)?$"))
        held.set()
        await expect(paint_of(page)).to_have_text(re.compile(r"Paint 4 · ¥0\.80"))
