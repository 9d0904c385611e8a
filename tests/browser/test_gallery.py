"""The gallery and the viewer: many pictures, and each with its keys, fingers and files."""

from __future__ import annotations

import base64
import re
import zipfile
from typing import Any

from playwright.async_api import expect

from tests.browser.conftest import OpenPage, Studio, Watched
from tests.support.system import until

IMAGE = {"type": "image", "model": "doubao-seedream-4-0-250828"}
FILM = "doubao-seedance-1-0-pro-250528"
WHOLE_PICTURES = re.compile(r"/assets/[^?]+$")
ALL_SEEN = "() => [...document.querySelectorAll('dialog img.compare-picture')].every((each) => each.naturalWidth)"


async def paint(studio: Studio, word: str, count: int) -> list[str]:
    """Make *count* pictures, one after the other, and return their ids, newest first."""
    tasks = [await studio.painted(f"{word} {number}", **IMAGE) for number in range(count)]
    return [f"{task['id']}/0" for task in reversed(tasks)]


def cells(page: Any) -> Any:
    """Return the pictures of the grid."""
    return page.get_by_role("grid", name="Pictures").get_by_role("gridcell")


class TestGallery:
    async def test_found_by_a_word_and_filtered_in_the_address(self, studio: Studio, open_page: OpenPage) -> None:
        """山谷 in 水墨山谷; the address alone restores it, and an empty filter offers to be cleared."""
        await paint(studio, "找找 水墨山谷", 2)
        page = await open_page("/studio/gallery")
        await page.get_by_role("searchbox", name="Search prompts").fill("找 水墨山")
        await expect(cells(page)).to_have_count(2)
        await expect(page).to_have_url(re.compile(r"\?q="))
        await page.reload()
        await expect(cells(page)).to_have_count(2)
        await page.get_by_role("searchbox", name="Search prompts").fill("nothing has this")
        await expect(page.get_by_text("Nothing matches this filter.")).to_be_visible()
        await page.get_by_role("button", name="Clear the filter").click()
        await expect(page).to_have_url(re.compile(r"/gallery$"))

    async def test_what_is_simulated_bears_a_mark(self, studio: Studio, open_page: OpenPage) -> None:
        """Striped, in the corner of its tile, whether it has the focus or not."""
        await paint(studio, "only simulated", 1)
        page = await open_page("/studio/gallery?q=only+simulated")
        cell = cells(page).first
        await expect(cell).to_be_visible()
        stripes = "(each) => getComputedStyle(each, '::before').backgroundImage"
        assert "repeating-linear-gradient" in await cell.evaluate(stripes)
        await cell.focus()
        assert "repeating-linear-gradient" in await cell.evaluate(stripes)

    async def test_the_journey_by_keys_alone(self, studio: Studio, open_page: OpenPage) -> None:
        """Check 24: walk, view, star, go back, choose a range, delete, undo, reuse."""
        ids = await paint(studio, "journeyed", 4)
        page = await open_page("/studio/gallery?q=journeyed")
        await expect(cells(page)).to_have_count(4)
        await cells(page).first.focus()
        await page.keyboard.press("ArrowRight")
        await expect(page.locator(":focus")).to_have_attribute("data-id", ids[1])
        await page.keyboard.press("Enter")
        viewer = page.get_by_role("dialog", name="Picture")
        await expect(viewer.get_by_role("img", name="journeyed 2")).to_be_visible()
        await page.keyboard.press("s")
        await expect(viewer.get_by_role("button", name="Star", pressed=True)).to_be_visible()
        await page.keyboard.press("ArrowRight")
        await expect(viewer.get_by_role("img", name="journeyed 1")).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(viewer).to_be_hidden()
        await expect(cells(page).nth(1)).to_have_accessible_name(re.compile("starred$"))
        await cells(page).nth(0).focus()
        await page.keyboard.press("Shift+ArrowRight")
        await expect(page.get_by_role("group", name="2 chosen")).to_be_visible()
        await page.keyboard.press("Delete")
        await expect(cells(page)).to_have_count(2)
        await page.get_by_role("button", name="Undo").press("Enter")
        await expect(cells(page)).to_have_count(4)
        assert [await cell.get_attribute("data-id") for cell in await cells(page).all()] == ids
        await cells(page).nth(0).focus()
        await page.keyboard.press("r")
        await expect(page.get_by_role("textbox", name="Prompt")).to_have_value("journeyed 3")

    async def test_deleted_for_good_when_the_time_is_over(self, studio: Studio, open_page: OpenPage) -> None:
        """Eight seconds later, and not before."""
        (id_,) = await paint(studio, "doomed", 1)
        page = await open_page("/studio/gallery?q=doomed")
        await cells(page).first.focus()
        await page.keyboard.press("Delete")
        await expect(page.get_by_text("One picture deleted").first).to_be_visible()
        assert (await studio.ask("GET", f"/api/v1/pictures?ids={id_}"))["count"] == 1
        async with page.expect_response(
            lambda answer: answer.request.method == "DELETE", timeout=20_000
        ) as deleted:
            pass
        assert (await deleted.value).status == 200
        assert (await studio.ask("GET", f"/api/v1/pictures?ids={id_}"))["count"] == 0

    async def test_a_zip_of_two(self, studio: Studio, open_page: OpenPage) -> None:
        """Chosen by mouse, with what made them beside."""
        await paint(studio, "packed", 2)
        page = await open_page("/studio/gallery?q=packed")
        await page.get_by_role("button", name="Select").click()
        for number in range(2):
            await cells(page).nth(number).click()
        async with page.expect_download() as downloading:
            await page.get_by_role("button", name="ZIP").click()
        path = await (await downloading.value).path()
        with zipfile.ZipFile(path) as archive:
            assert len(archive.namelist()) == 4

    async def test_a_zip_that_does_not_come_says_why(
        self, studio: Studio, open_page: OpenPage, watched: Watched
    ) -> None:
        """In the reader's language, as wherever the server is away."""
        watched.expect("net::ERR")
        await paint(studio, "unpacked", 1)
        page = await open_page("/studio/gallery?q=unpacked", language="zh")
        await page.route("**/pictures/zip", lambda route: route.abort())
        await page.get_by_role("button", name="选择").click()
        await page.get_by_role("gridcell").first.click()
        await page.get_by_role("button", name="打包 ZIP").click()
        await expect(page.get_by_role("alert")).to_contain_text("无法连接服务器")

    async def test_two_are_compared(self, studio: Studio, open_page: OpenPage) -> None:
        """By a border that moves, or side by side."""
        await paint(studio, "compared", 2)
        page = await open_page("/studio/gallery?q=compared")
        await cells(page).nth(0).focus()
        await page.keyboard.press("c")
        border = page.get_by_role("slider")
        await border.press("ArrowRight")
        await expect(border).to_have_value("50.5")
        await page.get_by_text("Side by side").click()
        for name in ("First: compared 1", "Second: compared 0"):
            await expect(page.get_by_role("img", name=name)).to_be_visible()

    async def test_a_dropped_file_opens_its_task(self, studio: Studio, open_page: OpenPage) -> None:
        """Check 11: by its bytes alone; another file is said not to be ours."""
        task = await studio.painted("dropped here", **IMAGE)
        async with studio.http.get(task["output"]["images"][0]["url"]) as answer:
            body = await answer.read()
        page = await open_page("/studio/gallery")
        drop = """async ([text, name]) => {
            const bytes = Uint8Array.from(atob(text), (each) => each.charCodeAt(0));
            const carried = new DataTransfer();
            carried.items.add(new File([bytes], name, { type: 'image/png' }));
            dispatchEvent(new DragEvent('drop', { dataTransfer: carried, bubbles: true, cancelable: true }));
        }"""
        await expect(page.get_by_role("searchbox", name="Search prompts")).to_be_visible()
        await page.evaluate(drop, [base64.b64encode(b"no picture of ours").decode(), "other.png"])
        await expect(page.get_by_text("other.png was not made here").first).to_be_visible()
        await page.evaluate(drop, [base64.b64encode(body).decode(), "mine.png"])
        await expect(page).to_have_url(re.compile(re.escape(f"task={task['id']}")))

    async def test_what_arrives_waits_at_the_top(self, studio: Studio, open_page: OpenPage) -> None:
        """At the top it is let in by itself."""
        await paint(studio, "arriving", 1)
        page = await open_page("/studio/gallery?q=arriving")
        await expect(cells(page)).to_have_count(1)
        await paint(studio, "arriving", 1)
        await expect(cells(page)).to_have_count(2)

    async def test_undone_under_another_filter(self, studio: Studio, open_page: OpenPage) -> None:
        """What was deleted, and is not, is there at once."""
        await paint(studio, "undone", 2)
        page = await open_page("/studio/gallery?q=undone")
        await expect(cells(page)).to_have_count(2)
        await cells(page).first.focus()
        await page.keyboard.press("Delete")
        await expect(cells(page)).to_have_count(1)
        await page.get_by_role("searchbox").fill("undone 1")
        await expect(page.get_by_text("Nothing matches this filter.")).to_be_visible()
        await page.get_by_role("button", name="Undo").click()
        await expect(cells(page)).to_have_count(1)


class TestViewer:
    async def test_deleted_there_is_had_back_there(self, studio: Studio, open_page: OpenPage) -> None:
        """What is said lies above the picture, where it can be pressed."""
        await paint(studio, "had back", 2)
        page = await open_page("/studio/gallery?q=had back")
        await expect(cells(page)).to_have_count(2)
        await cells(page).first.click()
        await expect(page.get_by_role("dialog", name="Picture")).to_be_visible()
        await page.keyboard.press("Delete")
        await page.get_by_role("button", name="Undo").click()
        await page.keyboard.press("Escape")
        await expect(cells(page)).to_have_count(2)

    async def test_fit_full_and_wheel(self, studio: Studio, open_page: OpenPage) -> None:
        """Zoomed about the pointer, and back."""
        (id_,) = await paint(studio, "zoomed", 1)
        page = await open_page(f"/studio/gallery?picture={id_}")
        picture = page.get_by_role("img", name="zoomed 0")
        await expect(picture).to_be_visible()
        before = (await picture.bounding_box())["width"]
        await picture.hover()
        await page.mouse.wheel(0, -480)
        await expect(page.get_by_role("button", name="Fit")).to_be_visible()
        assert (await picture.bounding_box())["width"] > before * 2
        await page.keyboard.press("0")
        assert abs((await picture.bounding_box())["width"] - before) < 1

    async def test_who_leafs_on_fetches_nothing_more_of_what_was_left(
        self, studio: Studio, open_page: OpenPage
    ) -> None:
        """On a slow line: where one stops, that picture and its neighbours are all that is on its way."""
        ids = await paint(studio, "leafed", 7)
        page = await open_page(None)
        under_way: set[str] = set()
        page.on("request", lambda one: under_way.add(one.url))
        page.on("requestfailed", lambda one: under_way.discard(one.url))
        await page.context.route(WHOLE_PICTURES, lambda _route: None)  # they never come

        def coming() -> set[int]:
            whole = [url for url in under_way if WHOLE_PICTURES.search(url)]
            return {at for at, id_ in enumerate(ids) if any(id_.partition("/")[0] in url for url in whole)}

        await page.goto(f"/studio/gallery?q=leafed&picture={ids[0]}")
        for at in range(5):
            await until(lambda following=at + 1: following in coming(), what="the next one's being fetched ahead")
            await page.keyboard.press("ArrowRight")
        # Chromium keeps to what it opened the page with, the first, whoever wants it still.
        await until(lambda: coming() - {0} == {4, 5, 6}, what="the end of what was left")

    async def test_settings_are_read_and_the_form_stays(self, studio: Studio, open_page: OpenPage) -> None:
        """What one was writing is still there."""
        (id_,) = await paint(studio, "explained", 1)
        page = await open_page()
        await page.get_by_role("textbox", name="Prompt").fill("half a prompt")
        await page.goto(f"/studio/gallery?picture={id_}")
        settings = page.get_by_role("complementary", name="Settings")
        await expect(settings).to_contain_text("explained 0")
        await expect(settings).to_contain_text("Cost of the task")
        await page.goto("/studio/")
        await expect(page.get_by_role("textbox", name="Prompt")).to_have_value("half a prompt")

    async def test_every_reference_is_shown(self, studio: Studio, open_page: OpenPage) -> None:
        """Whatever the model calls them: of a film its first and its last frame."""
        frames = [(await studio.painted(f"a frame {n}"))["output"]["images"][0]["url"] for n in range(2)]
        input_ = {"image": frames[0], "last_frame": frames[1]}
        task = await studio.painted("from one to the other", type="video", model=FILM, input=input_)
        page = await open_page(f"/studio/gallery?picture={task['id']}/0")
        settings = page.get_by_role("complementary", name="Settings")
        await expect(settings.get_by_role("img")).to_have_count(2)

    async def test_a_film_is_compared_by_its_first_picture(self, studio: Studio, open_page: OpenPage) -> None:
        """Side by side with a picture, and one over the other."""
        film = await studio.painted("compared film", type="video", model=FILM)
        still = await studio.painted("compared still")
        page = await open_page(f"/studio/gallery?picture={film['id']}/0&with={still['id']}/0")
        pictures = page.locator("dialog img.compare-picture")
        for way in ("Slider", "Side by side"):
            await page.get_by_text(way, exact=True).click()
            await expect(pictures).to_have_count(2)
            await page.wait_for_function(ALL_SEEN)

    async def test_a_video_plays(self, studio: Studio, open_page: OpenPage) -> None:
        """At its place among the pictures, with its own controls; it has no zoom."""
        task = await studio.painted("filmed", type="video", model="doubao-seedance-1-0-pro-250528")
        page = await open_page(f"/studio/gallery?picture={task['id']}/0")
        viewer = page.get_by_role("dialog", name="Picture")
        film = viewer.locator("video")
        await expect(film).to_be_visible()
        await film.evaluate("async (each) => { each.muted = true; await each.play() }")
        await page.wait_for_function("() => document.querySelector('dialog video').currentTime > 0.2")
        await expect(viewer.get_by_role("button", name="Zoom in")).to_have_count(0)

    async def test_swiped_on_a_phone(self, studio: Studio, open_page: OpenPage) -> None:
        """Check 25: a finger to the left is the next picture; a long press chooses."""
        await paint(studio, "swiped", 2)
        page = await open_page("/studio/gallery?q=swiped", width=360, height=740, has_touch=True, is_mobile=True)
        await cells(page).first.tap()
        viewer = page.get_by_role("dialog", name="Picture")
        await expect(viewer.get_by_role("img", name="swiped 1")).to_be_visible()
        touch = await page.context.new_cdp_session(page)
        box = await viewer.get_by_role("img", name="swiped 1").bounding_box()
        y = box["y"] + box["height"] / 2
        await touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": 280, "y": y}]})
        for x in (220, 160, 90):
            await touch.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [{"x": x, "y": y}]})
        await touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        await expect(viewer.get_by_role("img", name="swiped 0")).to_be_visible()
        await viewer.get_by_role("button", name="Close").click()
        await expect(viewer).to_be_hidden()
        box = await cells(page).first.bounding_box()
        point = {"x": box["x"] + 20, "y": box["y"] + 20}
        await touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [point]})
        await expect(page.get_by_role("group", name="1 chosen")).to_be_visible()
        await touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        await expect(viewer).to_be_hidden()
