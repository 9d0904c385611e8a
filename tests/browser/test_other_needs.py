"""By keyboard, in a low window, in colours of one's own, by an input method: nobody is kept out or slowed down."""

from __future__ import annotations

import io
import json
import re
from typing import Any

import pytest
from PIL import Image
from playwright.async_api import expect

from tests.browser.conftest import OpenPage, Studio, Watched
from tests.browser.test_create import SETTLED, drop, file, paint_of, prompt_of, result_of

PLACES = ("", "gallery", "tasks", "queue", "costs", "settings")
LANE = "jimeng"
# Of a line down the middle of the window, the part that no bar stands over.
FREE = """() => {
  let free = 0;
  for (let y = 1; y < innerHeight; y++) {
    let at = document.elementFromPoint(innerWidth / 2, y);
    while (at && !/fixed|sticky/.test(getComputedStyle(at).position)) at = at.parentElement;
    free += at ? 0 : 1;
  }
  return free / innerHeight;
}"""
# Whether the last letter stands left of the first, and all at the right.
ENDS = """(each) => {
  const [first, last] = [0, each.firstChild.length - 1].map((at) => {
    const range = document.createRange();
    range.setStart(each.firstChild, at);
    range.setEnd(each.firstChild, at + 1);
    return range.getBoundingClientRect();
  });
  return last.left < first.left && each.getBoundingClientRect().right - first.right < 4;
}"""
LOOK = """(each) => {
  const { backgroundColor, color, borderStyle } = getComputedStyle(each);
  return [backgroundColor, color, borderStyle].join();
}"""
# What a spreadsheet puts into the clipboard, or *bare* a browser that copies a picture.
PASTE = """(node, bare) => {
  const data = new DataTransfer();
  data.setData('text/html', '<table><tr><td>ink</td><td>wash</td></tr></table>');
  if (!bare) data.setData('text/plain', 'ink wash');
  data.items.add(new File(['not looked at'], 'image.png', { type: 'image/png' }));
  return node.dispatchEvent(new ClipboardEvent('paste', { bubbles: true, cancelable: true, clipboardData: data }));
}"""


class TestFocus:
    """What has the focus goes by what is done with it: one goes on from there."""

    async def test_beside_a_reference_that_is_taken_away(self, page: Any) -> None:
        """The next one; Delete goes on with it."""
        await page.get_by_label("Reference pictures").first.set_input_files([file(1), file(2), file(3)])
        await expect(page.get_by_text("3 of 14", exact=True)).to_be_visible()
        await page.get_by_role("button", name="Reference 1: remove").press("Enter")
        await expect(page.get_by_text("2 of 14", exact=True)).to_be_visible()
        await expect(page.locator(".reference").first).to_be_focused()
        await page.keyboard.press("Delete")
        await expect(page.get_by_text("1 of 14", exact=True)).to_be_visible()
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("button", name="Reference 1: remove")).to_be_focused()

    async def test_where_a_task_was_cancelled(self, page: Any) -> None:
        """Not on another button, which a key that is held down would press."""
        await prompt_of(page).fill("held down [sandbox:slow=60]")
        await paint_of(page).click()
        result = result_of(page, "held down")
        await expect(result.get_by_text("painting")).to_be_visible()
        await result.get_by_role("button", name=re.compile("^Cancel")).press("Enter")
        await expect(result.get_by_text("cancelled").first).to_be_visible()
        await expect(result.locator(".result-tools")).to_be_focused()

    async def test_in_the_lane_that_was_paused(self, open_page: OpenPage) -> None:
        """Though its card stands elsewhere by then, and the button that asked is gone."""
        page = await open_page("/studio/queue")
        card = page.get_by_role("article", name=LANE, exact=True)
        await expect(page.get_by_role("article").first).to_be_attached()
        if not await card.is_visible():
            await page.locator("summary").click()
        await card.get_by_role("button", name="Pause").press("Enter")
        await page.get_by_label("Reason").fill("a focus to keep")
        await page.keyboard.press("Enter")
        await expect(card).to_contain_text("a focus to keep")
        await expect(card).to_be_focused()
        await card.get_by_role("button", name="Resume").press("Enter")
        await expect(page.get_by_text("a focus to keep")).to_have_count(0)
        await expect(card).to_be_focused()

    async def test_in_the_place_that_was_gone_to(self, studio: Studio, open_page: OpenPage) -> None:
        """By keys; its name is read out."""
        await studio.painted("left by keys")
        page = await open_page("/studio/gallery")
        await page.get_by_role("gridcell").first.focus()
        await page.keyboard.press("g")
        await page.keyboard.press("q")
        await expect(page.get_by_role("heading", name="Queue")).to_be_visible()
        await expect(page.get_by_role("main")).to_be_focused()
        await expect(page.get_by_role("status").filter(has_text="Queue")).to_have_count(1)


class TestKeys:
    async def test_boxes_and_choices_keep_their_own(self, studio: Studio, open_page: OpenPage) -> None:
        """Space ticks, arrows choose; in Tasks both mean rows elsewhere."""
        await studio.painted("ticked by space")
        page = await open_page("/studio/tasks")
        await page.get_by_role("checkbox", name="Choose all").press("Space")
        await expect(page.get_by_role("checkbox", name="Choose all")).to_be_checked()
        await page.get_by_role("radio", name="All", exact=True).press("ArrowDown")
        await expect(page).to_have_url(re.compile("status=pending"))

    async def test_escape_shuts_a_menu_alone(self, studio: Studio, open_page: OpenPage) -> None:
        """What was chosen stays so."""
        await studio.painted("chosen for a menu")
        page = await open_page("/studio/tasks?q=chosen+for+a+menu")
        await page.locator(".tasks-line").first.focus()
        await page.keyboard.press("x")
        await page.get_by_role("button", name="Priority").press("Enter")
        await expect(page.get_by_role("menuitem", name="high")).to_be_focused()
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("menuitem", name="high")).to_be_hidden()
        await expect(page.get_by_role("group", name="1 chosen")).to_be_visible()
        await expect(page.get_by_role("button", name="Priority")).to_be_focused()

    async def test_a_film_is_sought_through(self, studio: Studio, open_page: OpenPage) -> None:
        """The arrows are its own while it has the focus; elsewhere they lead to the next picture."""
        film = await studio.painted("sought film", type="video", model="doubao-seedance-1-0-pro-250528")
        await studio.painted("sought picture")
        page = await open_page(f"/studio/gallery?q=sought&picture={film['id']}/0")
        video = page.locator("dialog video")
        await expect(page.get_by_role("button", name="Previous picture")).to_be_visible()
        await video.press("ArrowLeft")
        await page.evaluate(SETTLED)
        await expect(page).to_have_url(re.compile(film["id"]))
        await page.get_by_role("button", name="Close").focus()
        await page.keyboard.press("ArrowLeft")
        await expect(page.get_by_role("dialog").get_by_role("img", name="sought picture")).to_be_visible()

    async def test_letters_are_turned_off(self, open_page: OpenPage) -> None:
        """For who speaks to the browser (WCAG 2.1.4); keys with Ctrl go on."""
        page = await open_page("/studio/settings/browser")
        await page.get_by_role("switch", name="Single letters as keys").press("Space")
        await page.get_by_role("heading", name="Settings").click()
        await page.keyboard.press("?")
        await page.keyboard.press("g")
        await page.keyboard.press("q")
        await page.evaluate(SETTLED)
        await expect(page).to_have_url(re.compile("settings/browser"))
        await expect(page.get_by_role("dialog")).to_have_count(0)
        await page.reload()
        await expect(page.get_by_role("switch", name="Single letters as keys")).not_to_be_checked()


class TestTyping:
    @pytest.mark.parametrize("place", ["gallery", "tasks"])
    async def test_a_search_may_be_typed_slowly(self, open_page: OpenPage, place: str) -> None:
        """It is looked for meanwhile, and what stands there stays: the space between two words, too."""
        page = await open_page(f"/studio/{place}")
        box = page.get_by_role("searchbox")
        await box.press_sequentially("slow ")
        await expect(page).to_have_url(re.compile(r"\?q=slow$"))
        await box.press_sequentially("words")
        await expect(page).to_have_url(re.compile(r"\?q=slow\+words$"))
        await page.go_back()
        await page.goto(f"/studio/{place}?q=slow")
        await expect(box).to_have_value("slow")

    async def test_what_is_composed_is_not_looked_for(self, open_page: OpenPage) -> None:
        """Letters on their way to 山谷 find nothing."""
        page = await open_page(None)
        await page.clock.install()
        await page.goto("/studio/gallery")
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url) if "q=" in request.url else None)
        await page.get_by_role("searchbox").focus()
        cdp = await page.context.new_cdp_session(page)
        await cdp.send("Input.imeSetComposition", {"text": "shan gu", "selectionStart": 7, "selectionEnd": 7})
        await page.clock.run_for(2_000)
        assert asked == []
        await cdp.send("Input.insertText", {"text": "山谷"})
        await expect(page).to_have_url(re.compile("q=%E5%B1%B1%E8%B0%B7"))
        await expect(page.get_by_role("searchbox")).to_have_value("山谷")

    async def test_a_long_prompt_leaves_room(self, page: Any) -> None:
        """It scrolls in its field; the rest of the form is not pushed away."""
        await prompt_of(page).fill("墨 long " * 1_500)
        assert (await prompt_of(page).bounding_box())["height"] <= 0.6 * 800 + 1


class TestPasting:
    async def test_cells_of_a_table_are_words(self, page: Any) -> None:
        """Where one writes: a spreadsheet copies its cells as a picture, too. A picture alone is one."""
        assert await prompt_of(page).evaluate(PASTE, False)
        await page.evaluate(SETTLED)
        await expect(page.get_by_text("0 of 14", exact=True)).to_be_visible()
        assert not await prompt_of(page).evaluate(PASTE, True)
        await expect(page.get_by_text("1 of 14", exact=True)).to_be_visible()

    async def test_a_picture_may_fall_beside_the_form(self, page: Any) -> None:
        """It is taken, and does not replace the page; nor does it where none is wanted."""
        await expect(prompt_of(page)).to_be_visible()
        await drop(page, page.get_by_role("heading", name="Today"), 5)
        await expect(page.get_by_text("1 of 14", exact=True)).to_be_visible()
        await page.goto("/studio/queue")
        await expect(page.get_by_role("heading", name="Queue")).to_be_visible()
        left = """() => {
          const dataTransfer = new DataTransfer();
          dataTransfer.items.add(new File(['x'], 'x.png', { type: 'image/png' }));
          const shared = { bubbles: true, cancelable: true };
          return document.body.dispatchEvent(new DragEvent('drop', { ...shared, dataTransfer }));
        }"""
        assert not await page.evaluate(left)

    async def test_a_model_without_pictures_says_so(self, studio: Studio, page: Any) -> None:
        """Instead of dropping it in silence."""
        known = (await studio.ask("GET", "/api/v1/providers/"))["providers"]
        models = [(each["name"], model) for each in known for model in each["models"]]
        text_alone = next(
            f"{name}/{model['id']}"
            for name, model in models
            if "references" not in json.dumps(model["parameters"]) and model["kind"] == "image"
        )
        await page.get_by_role("combobox", name="Model", exact=True).select_option(text_alone)
        assert not await prompt_of(page).evaluate(PASTE, True)
        await expect(page.get_by_role("alert").filter(has_text="takes no reference pictures")).to_be_visible()


class TestLowWindow:
    @pytest.mark.parametrize("place", PLACES)
    async def test_four_times_as_large_there_is_room(self, studio: Studio, open_page: OpenPage, place: str) -> None:
        """WCAG 1.4.10: 1280 × 1024 at 400 %. What sticks to an edge elsewhere would stand over all there is."""
        await studio.painted("seen very large")
        page = await open_page(f"/studio/{place}", width=320, height=256, device_scale_factor=4)
        await expect(page.locator("main h1, main form").first).to_be_attached()
        await expect(page.locator("main .skeleton")).to_have_count(0)
        await page.evaluate("scrollTo(0, 300)")
        await page.evaluate(SETTLED)
        assert await page.evaluate(FREE) > 0.8
        assert await page.evaluate("document.documentElement.scrollWidth") <= 320

    async def test_a_dialog_can_be_read_and_answered(self, studio: Studio, open_page: OpenPage) -> None:
        """It scrolls as a whole."""
        task = await studio.painted("deleted in a low window")
        page = await open_page(f"/studio/tasks?task={task['id']}", width=320, height=160, device_scale_factor=4)
        sheet = page.get_by_role("dialog", name="Task", exact=True)
        await expect(sheet.get_by_text("deleted in a low window").first).to_be_visible()
        for words in (sheet.get_by_text("For your program"), sheet.get_by_role("button", name="Delete")):
            await words.scroll_into_view_if_needed()
            await expect(words).to_be_in_viewport(ratio=1)
            await page.evaluate(SETTLED)
        await sheet.get_by_role("button", name="Delete").click()
        ask = page.get_by_role("dialog", name="Delete this task?")
        await ask.get_by_role("button", name="Delete").click()
        await expect(page.get_by_role("dialog")).to_have_count(0)


class TestForcedColours:
    async def test_what_is_on_is_told_apart(self, open_page: OpenPage) -> None:
        """Where the reader's colours take the place of ours: switches, chips and choices."""
        page = await open_page(forced_colors="active")
        await prompt_of(page).fill("in colours of my own")
        await page.locator("details.more summary").click()
        switch = page.get_by_role("switch").first
        off = await switch.evaluate(LOOK)
        assert "none" not in off
        await switch.press("Space")
        assert await switch.evaluate(LOOK) != off
        chips = page.locator(".size .chip")
        await chips.first.click()
        looks = [await page.locator(f".chip[aria-pressed={on}]").first.evaluate(LOOK) for on in ("true", "false")]
        assert looks[0] != looks[1]
        await page.goto("/studio/tasks")
        segments = page.locator(".segment span")
        await expect(segments.first).to_be_visible()
        assert await segments.nth(0).evaluate(LOOK) != await segments.nth(1).evaluate(LOOK)


class TestSaidOnce:
    """A screen reader tells what happened once: an alert by itself, the rest by the line for it."""

    async def test_what_is_wrong(self, open_page: OpenPage) -> None:
        """The notice is an alert."""
        page = await open_page(None)
        await page.clock.install()
        await page.goto("/studio/gallery")
        await page.locator("input[type=file]").set_input_files([file(250)])
        said = "was not made here"
        await expect(page.get_by_role("alert").filter(has_text=said)).to_be_visible()
        await page.clock.run_for(12_000)
        await expect(page.get_by_role("alert").filter(has_text=said)).to_be_visible()
        await expect(page.get_by_role("status").filter(has_text=said)).to_have_count(0)

    async def test_what_was_done_to_many(self, studio: Studio, open_page: OpenPage) -> None:
        """How far it is, and how many were done at its end."""
        await studio.painted("deleted and told once")
        page = await open_page(None)
        await page.clock.install()
        await page.goto("/studio/tasks?q=deleted+and+told+once")
        await page.locator(".tasks-line").first.focus()
        await page.keyboard.press("x")
        await page.keyboard.press("Delete")
        await page.get_by_role("button", name="Delete 1").click()
        told = page.get_by_role("status").filter(has_text="One task done.")
        await expect(told).to_be_visible()
        await page.clock.run_for(12_000)
        await expect(told).to_have_count(1)


class TestFromTheRight:
    async def test_what_is_written_so_is_read_so(self, studio: Studio, open_page: OpenPage) -> None:
        """A Hebrew or Arabic prompt ends on the left, wherever it stands, with its stop and its Latin words."""
        words = "منظر جبل (1) 2K."
        task = await studio.painted(words)
        page = await open_page(f"/studio/?task={task['id']}")
        await expect(page.locator(".sheet-prompt p")).to_have_text(words)
        assert await page.locator(".sheet-prompt p").evaluate(ENDS)
        assert await result_of(page, words).locator(".result-prompt").evaluate(ENDS)
        await page.keyboard.press("Escape")
        await prompt_of(page).fill("שלום")
        assert await _ink(prompt_of(page)) > 0.9
        await page.goto("/studio/tasks?q=منظر")
        assert await page.locator(".tasks-prompt a").evaluate(ENDS)


async def _ink(field: Any) -> float:
    """Return how much of what is dark inside of *field* stands in its right half."""
    with Image.open(io.BytesIO(await field.screenshot())) as taken:
        grey = taken.convert("L")
    width, height = grey.size
    inside = [(x, grey.getpixel((x, y))) for x in range(8, width - 24) for y in range(8, height - 24)]
    dark = [x for x, shade in inside if shade < 100]
    return sum(x > width / 2 for x in dark) / len(dark)


class TestPaper:
    async def test_what_is_dark_on_the_screen_is_printed_in_ink(self, open_page: OpenPage) -> None:
        """Paper is white, and browsers leave backgrounds out: light letters would not be seen."""
        page = await open_page("/studio/costs", theme="dark")
        await expect(page.get_by_role("heading", name="Costs", exact=True)).to_be_visible()
        await page.get_by_role("button", name="Theme").click()
        await page.get_by_role("menuitemradio", name="Dark").click()
        ink = "getComputedStyle(document.querySelector('main h1')).color"
        light = await page.evaluate(ink)
        await page.emulate_media(media="print")
        printed = await page.evaluate(ink)
        assert [int(each) < 80 for each in re.findall(r"\d+", printed)[:3]] == [True] * 3, (light, printed)


class TestGone:
    async def test_a_deleted_task_is_shown_nowhere(self, studio: Studio, open_page: OpenPage) -> None:
        """Neither among today's, nor its picture in the gallery."""
        task = await studio.painted("gone from everywhere")
        page = await open_page("/studio/gallery?q=gone+from+everywhere")
        await expect(page.get_by_role("gridcell")).to_have_count(1)
        await page.keyboard.press("g")
        await page.keyboard.press("c")
        await result_of(page, "gone from everywhere").get_by_role("link", name="gone from everywhere").first.click()
        await page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        await page.get_by_role("dialog", name="Delete this task?").get_by_role("button", name="Delete").click()
        await expect(page.get_by_role("dialog")).to_have_count(0)
        await expect(result_of(page, "gone from everywhere")).to_have_count(0)
        await page.go_back()
        await page.get_by_role("link", name="Gallery", exact=True).click()
        await page.get_by_role("searchbox").fill("gone from everywhere")
        await expect(page.get_by_role("gridcell")).to_have_count(0)
        assert task["id"] not in page.url


class TestTime:
    async def test_who_is_at_a_notice_has_time(self, studio: Studio, open_page: OpenPage) -> None:
        """WCAG 2.2.1: eight seconds are few for who comes by keyboard; they begin anew when one leaves."""
        await studio.painted("brought back in time")
        page = await open_page(None)
        await page.clock.install()
        await page.goto("/studio/gallery?q=brought+back+in+time")
        cells = page.get_by_role("gridcell")
        await cells.first.focus()
        await page.keyboard.press("Delete")
        undo = page.get_by_role("button", name="Undo")
        await undo.focus()
        await page.clock.run_for(30_000)
        await undo.press("Enter")
        await expect(cells).to_have_count(1)

    async def test_what_is_of_yesterday_says_so(self, studio: Studio, open_page: OpenPage) -> None:
        """In a page that was open over midnight."""
        await studio.painted("before midnight")
        page = await open_page(None)
        await page.clock.install()
        await page.goto("/studio/")
        at = result_of(page, "before midnight").locator("time").first
        await expect(at).to_have_text(re.compile(r"^\d\d:\d\d:\d\d$"))
        await page.clock.fast_forward("24:00:00")
        await expect(at).to_have_text(re.compile(r"20\d\d"))

    @pytest.mark.parametrize(
        ("path", "before", "after"),
        [("", "November 2026", "December 2026"), ("?period=2026-11-30", "November 30, 2026", "November 30, 2026")],
    )
    async def test_costs_turn_with_the_month(self, open_page: OpenPage, path: str, before: str, after: str) -> None:
        """At the reader's midnight; a day that was asked for stays."""
        page = await open_page(None, timezone_id="Asia/Shanghai")
        await page.clock.install(time="2026-11-30T15:59:30Z")
        await page.goto(f"/studio/costs{path}")
        period, later = page.locator(".costs-period"), page.get_by_role("button", name="The time after")
        await expect(period).to_have_text(before)
        await expect(later).to_be_disabled()
        await page.clock.run_for(60_000)
        await expect(period).to_have_text(after)
        await (expect(later).to_be_enabled() if path else expect(later).to_be_disabled())


class TestLate:
    async def test_a_part_that_did_not_come_is_asked_for_again(
        self, studio: Studio, open_page: OpenPage, watched: Watched
    ) -> None:
        """It is told that it did not; once it can be had, it comes with the next click."""
        watched.expect("net::ERR")
        for number in range(2):
            await studio.painted(f"came late {number}")
        page = await open_page("/studio/tasks?q=came+late")
        prompts = page.locator(".tasks-line .tasks-prompt a")
        await expect(prompts).to_have_count(2)
        await page.route("**/js/sheet/**", lambda route: route.abort())
        await prompts.first.click()
        await expect(page.get_by_role("alert").filter(has_text="could not be loaded")).to_be_visible()
        await page.unroute("**/js/sheet/**")
        await prompts.last.click()
        await expect(page.get_by_role("dialog", name="Task", exact=True)).to_contain_text("came late 0")
