"""Tasks and Gallery over ten thousand records: the page holds what is seen, and each request brings a page."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import attrs
import bson
import pytest
from bson.raw_bson import RawBSONDocument
from playwright.async_api import expect

from danqing_server.assets.opening import open_assets
from danqing_server.codec.documents import to_document
from danqing_server.records.tasks import CallOutcome, Status
from danqing_server.settings.server import Settings
from danqing_server.store.client import connect
from danqing_server.store.reading import versioned
from danqing_server.store.tasks import TaskStore
from tests.browser.conftest import OpenPage
from tests.browser.measuring import WATCH, heap_bytes, slowness
from tests.browser.test_many_pictures import tile
from tests.support.examples import starting
from tests.support.servers import run_mongod
from tests.support.shelf import Shelf
from tests.unit.api.tasks import NOW, kept_picture, make_task, paid_call

ROWS, PAGE = 10_000, 100
KINDS = (
    make_task("t", Status.COMPLETED, user_id="lin"),
    make_task("t", Status.COMPLETED, user_id="omar"),
    make_task("t", Status.FAILED, user_id="lin"),
    make_task("t", Status.CANCELLED, user_id="omar"),
    make_task("t", Status.FAILED, user_id="lin", calls={"c1": paid_call(outcome=CallOutcome.UNKNOWN)}),
)
PICTURES = ROWS * 2 // len(KINDS)
MOST_NODES, LONGEST_MS = 1_500, 100
# One wheel of the mouse a frame, until rows have come to the last of *rows*.
DOWN = """async (rows) => {
  const last = () => Math.max(0, ...[...document.querySelectorAll('[data-id]')].map((each) => each.ariaRowIndex));
  return await scrolled(() => last() > rows, () => scrollBy(0, 1200), { lines: '[data-id]' });
}"""


async def fill(variables: dict[str, str]) -> None:
    """Put the tasks into the store, a minute apart; two of five have a picture."""
    settings = Settings.read(variables)
    async with connect(settings) as database, aiohttp.ClientSession() as session:
        store = TaskStore(database)
        await store.ensure_indexes()
        async with open_assets(settings, session) as assets:
            files = await Shelf(store, assets).files(*(tile(number) for number in range(8)))
        usual = [dict(versioned(to_document(each))) for each in KINDS]
        shown = [dict(to_document(attrs.evolve(kept_picture("t", 0), asset=each))) for each in files]
        documents = []
        for number in range(ROWS):
            base, at = usual[number % len(KINDS)], NOW - timedelta(minutes=number)
            document = {
                **base,
                "_id": f"scripted_img_019ab3f2{ROWS - number:024x}",
                "created_at": at,
                "updated_at": at,
                "input": {"prompt": f"水墨山谷 valley {number}", "size": "8x8"},
            }
            if base["status"] == "completed":
                document["outputs"] = {"0": shown[number % len(shown)]}
            documents.append(RawBSONDocument(bson.encode(document)))
        assert all(await store.insert_many(documents))
        await store.drain()


@pytest.fixture(scope="module")
def full_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server on a MongoDB that is filled before."""
    folder: Path = tmp_path_factory.mktemp("rows")
    with run_mongod(folder) as mongod:
        variables = {"MONGO_URL": mongod.url, "DANQING_DATABASE": "rows", "DANQING_DATA_DIR": str(folder / "data")}
        asyncio.run(fill({**variables, "REDIS_URL": "redis://127.0.0.1:1/0"}))
        with starting(folder, variables) as serve:
            serve.until_ready(timeout_s=90)
            yield serve.base_url


async def opened(open_page: OpenPage, url: str, path: str) -> tuple[Any, list[int]]:
    """Return a page, and how many rows each answer of the API gives it from its start."""
    page, lengths = await open_page(None, base_url=url), []

    async def heard(response: Any) -> None:
        if re.search(r"/api/v1/(tasks|pictures)\?", response.url) and response.status == 200:
            data = (await response.json())["data"]
            lengths.append(len(data.get("tasks", data.get("pictures"))))

    await page.add_init_script(WATCH)
    page.on("response", heard)
    await page.goto(path)
    return page, lengths


def lines(page: Any) -> Any:
    """Return the rows of tasks, without the head."""
    return page.get_by_role("grid", name="Tasks").locator("[data-id]")


class TestTasks:
    async def test_scrolled_to_the_last(self, open_page: OpenPage, full_url: str) -> None:
        """The wheel alone leads through all ten thousand; what is far away is not in the page."""
        page, lengths = await opened(open_page, full_url, "/studio/tasks")
        await expect(page.get_by_text("10,000 tasks")).to_be_visible()
        cost = await page.evaluate(DOWN, ROWS)
        await expect(lines(page).last).to_contain_text(f"valley {ROWS - 1}")
        assert cost["nodes"] <= MOST_NODES
        assert cost["lines"] <= 60
        assert max(lengths) <= PAGE
        assert await heap_bytes(page) <= 80_000_000
        assert cost["longest"] <= LONGEST_MS * slowness()

    async def test_one_of_them_is_found(self, open_page: OpenPage, full_url: str) -> None:
        """By a word of its prompt, while one has scrolled far down; the list is the answer's, and small."""
        page, lengths = await opened(open_page, full_url, "/studio/tasks")
        await page.evaluate(DOWN, 2_000)
        search = page.get_by_role("searchbox", name="Search in prompts")
        await search.fill("山谷 valley 9876")
        await expect(lines(page)).to_have_count(1)
        await expect(lines(page)).to_be_in_viewport()
        await search.fill("")
        await expect(page.get_by_text("10,000 tasks")).to_be_visible()
        await page.get_by_role("radio", name="Unknown bill").check()
        await expect(page.get_by_text("2,000 tasks")).to_be_visible()
        await page.get_by_role("radio", name="Failed", exact=True).check()
        await expect(page.get_by_text("4,000 tasks")).to_be_visible()
        await page.keyboard.press("a")
        await expect(page.get_by_role("group", name=re.compile("4,?000 chosen"))).to_be_visible()
        assert max(lengths) <= PAGE
        assert await page.evaluate("longest") <= LONGEST_MS * slowness()


class TestGallery:
    async def test_one_of_them_is_found(self, open_page: OpenPage, full_url: str) -> None:
        """From its end; rows of pictures come in pages, and the search leads to the top."""
        page, lengths = await opened(open_page, full_url, "/studio/gallery")
        await expect(page.get_by_text(f"{PICTURES:,} pictures", exact=True)).to_be_visible()
        await page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
        last = page.get_by_role("gridcell", name=f"{PICTURES:,} of {PICTURES:,}")
        await expect(last).to_be_in_viewport()
        assert await page.evaluate("document.querySelectorAll('*').length") <= MOST_NODES
        await page.get_by_role("searchbox", name="Search prompts").fill("valley 9870")
        await expect(page.get_by_role("gridcell")).to_have_count(1)
        await expect(page.get_by_role("gridcell")).to_be_in_viewport()
        assert max(lengths) <= PAGE
