"""By keyboard, in a low window, in colours of one's own, by an input method: nobody is kept out or slowed down."""

from __future__ import annotations


import pytest
from playwright.async_api import expect

from tests.browser.conftest import OpenPage, Studio
from tests.browser.test_create import SETTLED, prompt_of

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
