"""A first day with the studio, in a fresh folder and without a key: everything by what can be seen and clicked."""

from __future__ import annotations

import asyncio
import csv
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest
from playwright.async_api import expect

from danqing_server.settings.server import Settings
from danqing_server.store.client import connect
from danqing_server.store.tasks import COLLECTION as TASKS
from danqing_server.supervision.embedded.servers import socket_url
from danqing_server.supervision.embedded.sockets import MONGODB_SOCKET, find_socket
from tests.browser.conftest import OpenPage
from tests.browser.measuring import slowness
from tests.support.examples import starting

FIRST_PICTURE_S = 20
WEEK = timedelta(days=7)


@attrs.frozen(kw_only=True)
class Words:
    """What one reads, in one language."""

    example: str
    paint: str
    places: dict[str, str]
    search: str
    word: str
    prompt: str
    faults: str
    tries: tuple[str, str, str, str]
    pause: tuple[str, str, str, str]
    open: str
    resume: str
    costs: tuple[str, str]


LANGUAGES = {
    "en": Words(
        example="An ink wash valley at dawn, mist between pines, one small boat",
        paint="Paint 1 · ¥0.20",
        places={"gallery": "Gallery", "tasks": "Tasks", "queue": "Queue", "costs": "Costs", "create": "Create"},
        search="Search prompts",
        word="pines",
        prompt="Prompt",
        faults="Play a fault",
        tries=("Failed", "Try again", "Try this task again?", "It costs ¥0.20, at most ¥0.40"),
        pause=("Pause…", "Pause volcengine", "Reason", "Pause"),
        open="open",
        resume="Resume",
        costs=("Show what was simulated", "Export CSV"),
    ),
    "zh": Words(
        example="水墨山谷，晨雾缭绕松林，一叶扁舟",
        paint="绘制 1 张 · ¥0.20",
        places={"gallery": "图库", "tasks": "任务", "queue": "队列", "costs": "费用", "create": "创作"},
        search="搜索提示词",
        word="扁舟",
        prompt="提示词",
        faults="模拟故障",
        tries=("失败", "重试", "重试此任务？", "花费 ¥0.20；如调用中断并重试，最多 ¥0.40"),
        pause=("暂停…", "暂停 volcengine", "原因", "暂停"),
        open="开放",
        resume="恢复",
        costs=("查看模拟的费用", "导出 CSV"),
    ),
}


@contextmanager
def run_fresh(folder: Path) -> Iterator[str]:
    """Run the server where nothing was before, as `make run` does."""
    with starting(folder, {}) as serve:
        serve.until_ready(timeout_s=90)
        yield serve.base_url


async def age(folder: Path) -> str:
    """Have all tasks be of last week; return what this month's bill comes to with one more of them: ¥0.20 each."""
    found = find_socket(folder / "data", MONGODB_SOCKET)
    assert found is not None
    settings = Settings.read({"MONGO_URL": socket_url(found), "REDIS_URL": "redis://127.0.0.1:1/0"})
    now = datetime.now(UTC)
    then = now - WEEK
    async with connect(settings) as database:
        done = await database[TASKS].update_many({}, {"$set": {"created_at": then}})
    assert done.modified_count == 1
    return "¥0.40" if then.month == now.month else "¥0.20"


@attrs.define
class Visitor:
    """Who came for the first time, and what they do; with `SHOTS` in the environment each step leaves a picture."""

    page: Any
    words: Words
    name: str

    async def go(self, place: str) -> None:
        """Go by the bar."""
        await self.page.get_by_role("link", name=self.words.places[place], exact=True).click()
        await expect(self.page.locator("main .skeleton")).to_have_count(0)

    async def look(self, step: str) -> None:
        """Keep what is seen."""
        if shots := os.environ.get("SHOTS"):
            await self.page.screenshot(path=f"{shots}/first-day-{self.name}-{step}.png")

    async def press(self, *names: str, of: Any = None, exact: bool = False) -> None:
        """Click one button after the other, of the page or of a part of it."""
        for name in names:
            await (of or self.page).get_by_role("button", name=name, exact=exact).click()

    async def close(self, dialog: Any) -> None:
        """By its first button."""
        await dialog.get_by_role("button").first.click()

    async def paint_an_example(self) -> None:
        """One click fills, one paints."""
        await self.look("1-arrived")
        await self.press(self.words.example, self.words.paint)
        result = self.page.get_by_role("article", name=self.words.example)
        picture = result.get_by_role("img").first
        await expect(picture).to_be_visible(timeout=60_000)
        await picture.evaluate("(each) => each.decode()")
        await self.look("2-painted")

    async def fail_one(self) -> None:
        """The service refuses it once."""
        await self.go("create")
        await self.page.get_by_role("textbox", name=self.words.prompt, exact=True).fill("kestrel")
        await self.page.get_by_text(self.words.faults).click()
        await self.press("[sandbox:moderation x1]", self.words.paint)
        await expect(self.page.locator("article.result-failed")).to_be_visible()
        await self.look("4-failed")

    async def find_last_weeks(self) -> None:
        """By a word of its prompt."""
        await self.page.reload()
        await self.go("gallery")
        await self.page.get_by_role("searchbox", name=self.words.search).fill(self.words.word)
        cells = self.page.get_by_role("gridcell")
        await expect(cells).to_have_count(1)
        await cells.click()
        viewer = self.page.locator("dialog.viewer")
        await expect(viewer.get_by_role("img", name=self.words.example)).to_be_visible()
        await self.look("3-found")
        await self.close(viewer)

    async def retry_it(self) -> None:
        """Its price is told before it is bought again."""
        failed, again, title, price = self.words.tries
        await self.go("tasks")
        await self.page.get_by_role("radio", name=failed, exact=True).check()
        await self.page.get_by_role("row").filter(has_text="kestrel").get_by_role("link").click()
        await self.look("5-sheet")
        sheet = self.page.locator("dialog.sheet")
        await self.press(again, of=sheet, exact=True)
        ask = self.page.get_by_role("dialog", name=title)
        await expect(ask).to_contain_text(price)
        await self.look("6-price")
        await self.press(again, of=ask, exact=True)
        await expect(sheet.get_by_role("link").locator("img")).to_have_count(1)
        await self.look("7-again")
        await self.close(sheet)

    async def pause_and_resume(self) -> None:
        """With a reason: one types at once, it is asked for first."""
        begin, title, reason, pause = self.words.pause
        await self.go("queue")
        lane = self.page.get_by_role("article", name="volcengine", exact=True)
        await self.press(begin, of=lane)
        dialog = self.page.get_by_role("dialog", name=title)
        await expect(dialog.get_by_label(reason)).to_be_focused()
        await self.page.keyboard.type("lunch")
        await self.look("8-pausing")
        await self.press(pause, of=dialog, exact=True)
        await expect(lane).to_contain_text("lunch")
        await self.look("9-paused")
        await self.press(self.words.resume, of=lane)
        await expect(lane.get_by_text(self.words.open, exact=True)).to_be_visible()

    async def export_the_month(self, bill: str) -> list[list[str]]:
        """As a file; nothing was real, so what was simulated is asked for. No style of Create reaches the table."""
        show, export = self.words.costs
        await self.go("costs")
        await self.look("a-nothing-spent")
        await self.page.get_by_role("link", name=show).click()
        await expect(self.page.locator("main")).to_contain_text(bill)
        heads = self.page.get_by_role("table").first.get_by_role("columnheader")
        assert len(await heads.evaluate_all("(all) => [...new Set(all.map((each) => each.offsetTop))]")) == 1
        await self.look("b-costs")
        async with self.page.expect_download() as told:
            await self.page.get_by_role("link", name=export).click()
        path = await (await told.value).path()
        return list(csv.reader(path.read_text("utf-8-sig").splitlines()))


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_first_day(open_page: OpenPage, tmp_path: Path, language: str) -> None:
    """A picture soon, last week's found, a retry whose price is told, a lane paused and resumed, a month's bill."""
    began_s, words = time.monotonic(), LANGUAGES[language]
    with run_fresh(tmp_path) as url:
        page = await open_page("/", base_url=url, language=language, timezone_id="UTC")  # `age` goes by its months
        await expect(page).to_have_url(re.compile("/studio/$"))
        visitor = Visitor(page, words, language)
        await visitor.paint_an_example()
        took_s = time.monotonic() - began_s
        bill = await asyncio.to_thread(asyncio.run, age(tmp_path))
        await visitor.find_last_weeks()
        await visitor.fail_one()
        await visitor.retry_it()
        await visitor.pause_and_resume()
        rows = await visitor.export_the_month(bill)
        await page.close()  # it would tell of the server that stops
        assert any("doubao-seedream-4-0-250828" in row for row in rows)
        assert took_s <= FIRST_PICTURE_S * slowness()
