"""Costs: what a time came to, to the millionth and in the reader's days; checks 10, 12 and 21 in a browser."""

from __future__ import annotations

import asyncio
import csv
import os
import random
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp
import attrs
import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import expect

from danqing_server.clock import Clock
from danqing_server.life.bookkeeper import Bookkeeper
from danqing_server.records.tasks import CallOutcome, Status, Task
from danqing_server.settings.server import Settings
from danqing_server.store.budgets import BudgetStore
from danqing_server.store.client import connect
from danqing_server.store.ledger import LedgerStore
from danqing_server.store.sheets import SheetStore
from danqing_server.store.tasks import TaskStore
from tests.browser.conftest import OpenPage, Studio
from tests.browser.test_axe import RULES, told
from tests.browser.test_signing_in import sign_in
from tests.support.examples import starting
from tests.support.servers import run_mongod
from tests.unit.api.tasks import kept_picture, make_task, paid_call

LIN, BOB, WU, ADMIN = "l" * 24, "b" * 24, "w" * 24, "a" * 24
KEYS = {
    "DANQING_API_KEYS": f"lin:{LIN},bob:{BOB},wu:{WU}",
    "DANQING_ADMIN_KEY": ADMIN,
    "DANQING_VIEWERS": "wu",
}
MODELS = ("doubao-seedream-4-0-250828", "doubao-seedream-4-5-251128")
NOW = datetime.now(UTC).replace(microsecond=0)
THIS_MONTH = NOW.replace(day=1, hour=0, minute=0, second=0)
MONTH = (THIS_MONTH - timedelta(days=1)).replace(day=1)
"""The month before this one: nothing is added to it while the tests run."""

ELSEWHERE = "Pacific/Auckland"
ZONES = ("UTC", "Asia/Shanghai", "America/Los_Angeles")


def bought(number: int, at: datetime, **changes: Any) -> Task:
    """Return a task of *number* that ended, whose pictures were paid for unless it says otherwise."""
    task_id = f"volcengine_img_{number:012x}{number:020x}"
    pictures = changes.pop("pictures", 1)
    usual: dict[str, Any] = {
        "owner": "lin",
        "key": "lin",
        "user_id": ("mei", "omar", "林")[number % 3],
        "provider": "volcengine",
        "model": MODELS[number % 2],
        "created_at": at,
        "updated_at": at,
        "completed_at": at,
        "images": pictures,
        "outputs": {str(index): kept_picture(task_id, index) for index in range(pictures)},
        "calls": {"c1": paid_call(id="c1", indexes=tuple(range(pictures)), sent_at=at)},
    }
    return make_task(task_id, changes.pop("status", Status.COMPLETED), **{**usual, **changes})


def purchases() -> list[Task]:
    """Return what lin bought last month, some of it about midnight somewhere; and a moment of bob's."""
    chance = random.Random(3)
    span_s = int((THIS_MONTH - MONTH).total_seconds())
    moments = [MONTH + timedelta(seconds=chance.randrange(span_s)) for _ in range(60)]
    for zone in ZONES:
        midnight = datetime(MONTH.year, MONTH.month, 12, tzinfo=ZoneInfo(zone)).astimezone(UTC)
        moments += [midnight - timedelta(seconds=1), midnight]
    made = [bought(number, at, pictures=1 + number % 4) for number, at in enumerate(moments)]
    failed = {"status": Status.FAILED, "outputs": {}, "user_id": "mei"}
    unknown = paid_call(id="c1", indexes=(0,), outcome=CallOutcome.UNKNOWN)
    made.append(bought(900, MONTH + timedelta(days=9), **failed, calls={"c1": unknown}))
    made.append(bought(901, MONTH + timedelta(days=10), **failed))
    made.append(bought(902, MONTH + timedelta(days=11), owner="bob", key="bob", user_id="nobody else"))
    return made


async def fill(variables: dict[str, str], tasks: Sequence[Task]) -> None:
    """Store *tasks*, and book them as they were: with money."""
    settings = Settings.read(variables)
    async with connect(settings) as database:
        store = TaskStore(database)
        await store.ensure_indexes()
        for task in tasks:
            assert await store.insert(task)
        books = Bookkeeper(store, LedgerStore(database), BudgetStore(database), Clock(), SheetStore(database))
        await books.book([task.id for task in tasks])
        await store.drain()


@attrs.define(eq=False)
class House:
    """A server with a past."""

    url: str
    variables: dict[str, str]
    http: aiohttp.ClientSession

    async def ask(self, method: str, path: str, key: str = LIN, body: Any = None) -> Any:
        """Return `data`."""
        headers = {"authorization": f"Bearer {key}"}
        async with self.http.request(method, self.url + path, json=body, headers=headers) as answer:
            read = await answer.json()
            assert answer.status < 400, read
            return read["data"]

    async def tasks(self, since: datetime, until: datetime) -> list[Any]:
        """Return lin's tasks of a time, row by row."""
        query = f"/api/v1/tasks?from={_text(since)}&to={_text(until)}&limit=100"
        found, cursor = [], ""
        while True:
            data = await self.ask("GET", query + cursor)
            found += data["tasks"]
            if data["next_cursor"] is None:
                return found
            cursor = f"&cursor={data['next_cursor']}"


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


@pytest.fixture(scope="module")
def spent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, dict[str, str]]]:
    """A server on a MongoDB that is filled before: its URL, and the settings with which it is filled."""
    folder: Path = tmp_path_factory.mktemp("spent")
    with run_mongod(folder) as mongod:
        variables = {"MONGO_URL": mongod.url, "DANQING_DATABASE": "spent", "DANQING_DATA_DIR": str(folder / "data")}
        to_fill = {**variables, "REDIS_URL": "redis://127.0.0.1:1/0"}
        asyncio.run(fill(to_fill, purchases()))
        with starting(folder, {**variables, **KEYS}) as serve:
            serve.until_ready(timeout_s=90)
            yield serve.base_url, to_fill


@pytest_asyncio.fixture(loop_scope="session")
async def house(spent: tuple[str, dict[str, str]]) -> AsyncIterator[House]:
    """That server, and its API."""
    async with aiohttp.ClientSession() as http:
        yield House(*spent, http)


async def at_costs(
    open_page: OpenPage,
    url: str,
    query: str = "",
    key: str = LIN,
    zone: str = "",
    now: datetime | None = None,
    **options: Any,
) -> Any:
    """Return Costs as whoever has *key* sees them; *now* is what their clock stands at."""
    page = await open_page(None, base_url=url, **{"timezone_id": ELSEWHERE, **options})
    if now is not None:
        await page.clock.set_fixed_time(now)
    if zone:
        await page.add_init_script(f"localStorage.setItem('danqing.zone', '{zone}')")
    await page.goto(f"/studio/costs{query}")
    await sign_in(page, key)
    await expect(page.get_by_role("heading", name="Costs")).to_be_visible()
    return page


def table_of(page: Any, name: str) -> Any:
    """Return the table whose first column is *name*."""
    return page.get_by_role("region", name=name, exact=True)


async def numbers_of(row: Any) -> list[str]:
    """Return a row's cells behind its name."""
    found: list[str] = await row.get_by_role("cell").all_inner_texts()
    return found


def amount(text: str) -> Decimal:
    """Return a sum as it stands in the page."""
    return Decimal(re.sub(r"[^\d.]", "", text) or "0")


async def figure(page: Any, name: str) -> Decimal:
    """Return one of the sums at the top."""
    found = page.locator(".costs-figure", has=page.get_by_role("term").filter(has_text=re.compile(f"^{name}$")))
    return amount(await found.get_by_role("definition").first.inner_text())


class TestSums:
    @pytest.mark.parametrize("zone", ZONES)
    async def test_all_say_the_same(self, open_page: OpenPage, house: House, tmp_path: Path, zone: str) -> None:
        """Check 21: rows, total, tasks and sheet, in a zone that is not the browser's."""
        page = await at_costs(open_page, house.url, f"?period={MONTH:%Y-%m}&group=time", zone=zone)
        table = table_of(page, "Day")
        rows = table.get_by_role("row")
        await expect(rows.last).to_contain_text("Sum")
        cells = [await numbers_of(rows.nth(place)) for place in range(1, await rows.count())]
        *days, total = [(int(each[3]), amount(each[0]), amount(each[1])) for each in cells]
        assert tuple(map(sum, zip(*days, strict=True))) == total
        assert await figure(page, "Paid") == total[1]
        since = datetime(MONTH.year, MONTH.month, 1, tzinfo=ZoneInfo(zone))
        until = datetime(THIS_MONTH.year, THIS_MONTH.month, 1, tzinfo=ZoneInfo(zone))
        tasks = await house.tasks(since, until)
        assert sum(Decimal(row["cost"]["amount"]) for row in tasks) == total[1]
        async with page.expect_download() as download:
            await page.get_by_role("link", name="Export CSV").click()
        sheet = tmp_path / "costs.csv"
        await (await download.value).save_as(sheet)
        *lines, last = csv.DictReader(sheet.read_text().splitlines())
        assert len(lines) == len(days)
        assert (Decimal(last["settled"]), Decimal(last["unknown"]), int(last["pictures"])) == (
            total[1],
            total[2],
            total[0],
        )
        await expect(page.get_by_text(f"Days are those of {zone}.")).to_be_visible()

    async def test_what_is_uncertain_stands_apart(self, open_page: OpenPage, house: House) -> None:
        """And what was paid for nothing is said beside it."""
        page = await at_costs(open_page, house.url, f"?period={MONTH:%Y-%m}", zone="UTC")
        await expect(page.get_by_text("1 task that may have been billed")).to_be_visible()
        assert await figure(page, "Uncertain") == Decimal("0.20")
        assert await figure(page, "Paid for nothing") == Decimal("0.20")
        [total] = (await house.ask("GET", f"/api/v1/stats/series?from={MONTH:%Y-%m-%d}&to={THIS_MONTH:%Y-%m-%d}"))[
            "totals"
        ]
        assert await figure(page, "Paid") == Decimal(total["settled"])

    @pytest.mark.parametrize(
        ("group", "names"), [("Model", MODELS), ("Person", ("mei", "omar", "林")), ("Key", ("lin",))]
    )
    async def test_groups_add_up(self, open_page: OpenPage, house: House, group: str, names: Sequence[str]) -> None:
        """By model, person and key; a name shows in the chart what was its, and the address keeps it."""
        page = await at_costs(open_page, house.url, f"?period={MONTH:%Y-%m}")
        await page.get_by_role("radio", name=group).check(force=True)
        table = table_of(page, group)
        for name in names:
            await expect(table.get_by_role("button", name=name)).to_be_visible()
        rows = table.get_by_role("row")
        sums = [amount((await numbers_of(rows.nth(place)))[0]) for place in range(1, await rows.count())]
        assert sum(sums[:-1]) == sums[-1] == await figure(page, "Paid")
        await table.get_by_role("button", name=names[0]).click()
        await expect(page.get_by_role("figure")).to_contain_text("All others")
        await page.reload()
        await expect(table.get_by_role("button", name=names[0], pressed=True)).to_be_visible()

    async def test_projects_see_their_own_and_a_viewer_all(self, open_page: OpenPage, house: House) -> None:
        """Nothing of lin's stands in bob's; who reads for everybody tells projects apart."""
        page = await at_costs(open_page, house.url, f"?period={MONTH:%Y-%m}&group=user", key=BOB)
        await expect(table_of(page, "Person").get_by_role("rowheader")).to_have_text(["nobody else", "Sum"])
        assert "mei" not in await page.content()
        await expect(page.get_by_role("radio", name="Project")).to_have_count(0)
        viewer = await at_costs(open_page, house.url, f"?period={MONTH:%Y-%m}&group=project", key=WU)
        await expect(table_of(viewer, "Project").get_by_role("rowheader")).to_have_text(["lin", "bob", "Sum"])


class TestTime:
    async def test_months_back_and_forth_and_into_a_day(self, open_page: OpenPage, house: House) -> None:
        """The address is the truth: Back leads back; the future is shut."""
        page = await at_costs(open_page, house.url, zone="UTC", now=NOW)  # the next month may begin meanwhile
        after, before = (
            page.get_by_role("button", name="The time after"),
            page.get_by_role("button", name="The time before"),
        )
        period = page.get_by_role("group", name="Time").get_by_role("status")
        await expect(after).to_be_disabled()
        await before.click()
        await expect(period).to_have_text(f"{MONTH:%B %Y}")
        await expect(page).to_have_url(re.compile(f"period={MONTH:%Y-%m}$"))
        await page.get_by_role("radio", name="Day").last.check(force=True)
        await table_of(page, "Day").get_by_role("link").first.click()
        await expect(page).to_have_url(re.compile(rf"period={MONTH:%Y-%m}-\d\d"))
        await expect(table_of(page, "Hour").get_by_role("row").last).to_contain_text("Sum")
        await page.go_back()
        await expect(table_of(page, "Day")).to_be_visible()
        await page.get_by_role("radio", name="Year").check(force=True)
        await expect(period).to_have_text(f"{MONTH:%Y}")
        await expect(table_of(page, "Month").get_by_role("link").first).to_be_visible()

    async def test_a_day_of_the_chart_opens(self, open_page: OpenPage, house: House) -> None:
        """By a click; its name and its sum are told by the browser."""
        page = await at_costs(open_page, house.url, f"?period={MONTH:%Y-%m}", zone="UTC")
        column = page.locator(".costs-column").nth(11)
        await expect(column.locator("title")).to_have_text(re.compile(rf"{MONTH:%B} 12: ¥"))
        await column.click(position={"x": 5, "y": 5})
        await expect(page).to_have_url(re.compile(f"period={MONTH:%Y-%m}-12"))


class TestLimits:
    async def test_most_of_a_limit_is_said_to_be_gone(self, open_page: OpenPage, house: House) -> None:
        """From four fifths on, with what is left and when it begins anew."""
        limits = {"limits": {"spend_per_day": {"CNY": "0.90"}, "spend_per_month": {"CNY": "1000"}}}
        body = {"id": "lin", "name": "lin", **limits}
        await house.ask("POST", "/api/v1/projects", ADMIN, body)
        await asyncio.to_thread(asyncio.run, fill(house.variables, [bought(903, datetime.now(UTC), pictures=4)]))
        page = await at_costs(open_page, house.url)
        limits_of = page.get_by_role("region", name="Limits")
        today = limits_of.get_by_role("meter", name="Your project, today")
        await expect(today).to_be_visible()
        await expect(limits_of).to_contain_text("¥0.80 of ¥0.90 spent")
        await expect(limits_of).to_contain_text("More than 80 % is gone: ¥0.10 left.")
        await expect(limits_of.get_by_text("More than 80 %")).to_have_count(1)


class TestSandbox:
    async def test_simulated_money_is_shown_to_who_asks(self, page: Any, studio: Studio) -> None:
        """Check 10: what a task costs is what the sum moves by, while one looks."""
        await studio.painted("costly otter one", user_id="costly otter", input={"n": 2})
        await page.goto("/studio/costs")
        await expect(page.get_by_text("Everything here is simulated")).to_be_visible()
        await page.get_by_role("link", name="Show what was simulated").click()
        await page.get_by_role("radio", name="Person").check(force=True)
        row = table_of(page, "Person").get_by_role("row").filter(has_text="costly otter")
        await expect(row.get_by_role("cell").nth(0)).to_have_text("¥0.40")
        before = await figure(page, "Paid")
        task = await studio.painted("costly otter two", user_id="costly otter", input={"n": 3})
        assert task["cost"]["amount"] == "0.60"
        await expect(row.get_by_role("cell").nth(0)).to_have_text("¥1.00")
        assert await figure(page, "Paid") - before == Decimal("0.60")

    async def test_a_lost_answer_counts_as_uncertain(self, page: Any, studio: Studio) -> None:
        """Check 12: apart from what is certain."""
        await studio.painted(
            "doubtful newt [sandbox:reset-after-billing x1]", user_id="doubtful newt", on_ambiguous="fail"
        )
        await page.goto("/studio/costs?sandbox=1&group=user")
        row = table_of(page, "Person").get_by_role("row").filter(has_text="doubtful newt")
        await expect(row.get_by_role("cell")).to_have_text(["–", "¥0.20", "–", "0", "0", "1"])
        await expect(page.get_by_text(re.compile(r"tasks? that may have been billed"))).to_be_visible()

    async def test_nothing_of_another_time_is_shown(self, page: Any) -> None:
        """A month without anything says so, and leads to where pictures are made."""
        await page.goto("/studio/costs?sandbox=1&period=2020-02")
        await expect(page.get_by_text("Nothing was spent: February 2020.")).to_be_visible()
        await expect(page.get_by_role("main").get_by_role("link", name="Create")).to_be_visible()


class TestLooks:
    @pytest.mark.parametrize(
        ("width", "theme", "language"),
        [(1280, "light", "en"), (1280, "dark", "zh"), (360, "dark", "en"), (360, "light", "zh")],
    )
    async def test_costs_fit(
        self, open_page: OpenPage, house: House, width: int, theme: str, language: str
    ) -> None:
        """Nothing stands beyond the edge, on a laptop and on a phone; chart and tables keep nobody out."""
        page = await open_page(None, base_url=house.url, width=width, theme=theme, language=language)
        await page.goto(f"/studio/costs?period={MONTH:%Y-%m}")
        dialog = page.get_by_role("dialog")
        await dialog.get_by_role("textbox").nth(0).fill("Lin")
        await dialog.get_by_role("textbox").nth(1).fill(LIN)
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("figure")).to_be_visible()
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        await page.get_by_role("group").locator("summary").click()
        await page.evaluate("scrollTo(0, 0)")  # what is half under the bar counts as too small
        assert told((await Axe().run(page, options=RULES)).response) == []
        if shots := os.environ.get("SHOTS"):
            await page.screenshot(path=f"{shots}/costs-{width}-{theme}-{language}.png", full_page=True)
