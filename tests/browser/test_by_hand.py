"""The studio at 200 % zoom, by finger and by keyboard alone."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect

from tests.browser.conftest import OpenPage, Studio

LANE = "jimeng"
PLACES = ("", "gallery", "tasks", "queue", "costs", "settings/providers")


@pytest.mark.parametrize("place", PLACES)
async def test_twice_as_large_nothing_is_cut_off(open_page: OpenPage, studio: Studio, place: str) -> None:
    """Check 24: a window of 1280 pixels at 200 %: nothing is wider than it, and the bar's places can be reached."""
    await studio.painted(f"zoomed {place or 'create'}")
    page = await open_page(f"/studio/{place}", width=640, height=400, device_scale_factor=2)
    await expect(page.locator("main h1, main form").first).to_be_attached()
    await expect(page.locator("main .skeleton")).to_have_count(0)
    assert await page.evaluate("document.documentElement.scrollWidth") <= 640
    await page.get_by_role("link", name="Gallery", exact=True).click()
    await expect(page).to_have_url(re.compile("/studio/gallery"))


async def test_long_word_of_an_operator_is_broken(open_page: OpenPage, studio: Studio) -> None:
    """The reason for a pause is an address: it pushes nothing out of Create, neither on a phone nor on a laptop."""
    reason = f"see https://status.example.com/incidents/{'0123456789abcdef' * 8}"
    await studio.ask("POST", "/api/v1/lanes/volcengine/pause", {"reason": reason})
    try:
        page = await open_page("/studio/", width=360, height=740)
        for width in (360, 1280):
            await page.set_viewport_size({"width": width, "height": 740})
            note = page.locator(".lane-note")
            await expect(note).to_contain_text("0123456789abcdef")
            side = page.locator(".create-side")
            edges = [(await each.bounding_box()) for each in (note, side)]
            assert edges[0]["x"] + edges[0]["width"] <= edges[1]["x"] + edges[1]["width"]
            assert await page.evaluate("document.documentElement.scrollWidth") <= width
    finally:
        await studio.ask("POST", "/api/v1/lanes/volcengine/resume", {})


async def test_a_lane_is_resumed_by_finger(open_page: OpenPage, studio: Studio) -> None:
    """Check 25: 360 × 740; the place behind More is reached by tapping, too."""
    await studio.ask("POST", f"/api/v1/lanes/{LANE}/pause", {"reason": "by finger"})
    page = await open_page("/studio/", width=360, height=740, has_touch=True, is_mobile=True)
    await page.get_by_role("button", name="More", exact=True).tap()
    await page.get_by_role("menuitem", name="Queue").tap()
    card = page.get_by_role("article", name=LANE, exact=True)
    await expect(card).to_contain_text("by finger")
    await expect(card).not_to_contain_text("(local)")
    await card.get_by_role("button", name="Resume").tap()
    await expect(page.get_by_text("by finger")).to_have_count(0)
    assert (await studio.ask("GET", f"/api/v1/lanes/{LANE}"))["state"] == "open"


async def test_a_sheet_fits_a_phone(open_page: OpenPage, studio: Studio) -> None:
    """From below, with what can be done within reach of the thumb."""
    task = await studio.painted("a sheet held in one hand")
    page = await open_page(
        f"/studio/tasks?task={task['id']}", width=360, height=740, has_touch=True, is_mobile=True
    )
    repeat = page.get_by_role("button", name="Repeat in Create")
    await expect(repeat).to_be_in_viewport()
    assert await page.evaluate("document.querySelector('dialog.sheet').scrollWidth") <= 360
    await page.get_by_role("dialog").get_by_role("button", name="Close").tap()
    await expect(page.get_by_role("dialog")).to_have_count(0)


async def test_the_whole_journey_without_a_mouse(open_page: OpenPage, studio: Studio) -> None:
    """Check 24: paint, view, star, reuse, delete, undo."""
    page = await open_page()
    await page.get_by_role("textbox", name="Prompt", exact=True).focus()
    await page.keyboard.type("a lone reed warbler")
    await page.keyboard.press("Control+Enter")
    result = page.get_by_role("article", name="a lone reed warbler")
    await expect(result.get_by_text("done")).to_be_visible()
    await result.get_by_role("link").last.focus()
    await page.keyboard.press("Enter")
    viewer = page.get_by_role("dialog", name="Picture")
    await expect(viewer.get_by_role("img", name="a lone reed warbler")).to_be_visible()
    await page.keyboard.press("s")
    await expect(viewer.get_by_role("button", name="Star", exact=True, pressed=True)).to_be_visible()
    await page.keyboard.press("Delete")
    await page.get_by_role("button", name="Undo").focus()
    await page.keyboard.press("Enter")
    rows = (await studio.ask("GET", "/api/v1/pictures?q=reed%20warbler"))["pictures"]
    assert [each["starred"] for each in rows] == [True]
