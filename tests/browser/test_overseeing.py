"""An operator whose key is a stored one: what is its own project's, and what is others'."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import attrs
import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.browser.conftest import ADMIN, KEYS, LIN, OpenPage, Studio
from tests.browser.test_create import result_of
from tests.browser.test_signing_in import signed_in
from tests.browser.test_tasks import row
from tests.support.examples import starting


@attrs.frozen
class Overseen:
    """A server, what an administrator may ask it, and the secret of its operator."""

    house: Studio
    operator: str

    async def paint(self, secret: str, prompt: str) -> str:
        """Make a picture as whoever has *secret*, under the same name; return its task."""
        async with aiohttp.ClientSession(headers={"authorization": f"Bearer {secret}"}) as http:
            task = await Studio(self.house.base_url, http).painted(prompt, user_id="Sam")
        return str(task["id"])


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def overseen(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Overseen]:
    """A server that was started anew once its key was made, whose id it names."""
    folder = tmp_path_factory.mktemp("overseen")
    async with aiohttp.ClientSession(headers={"authorization": f"Bearer {ADMIN}"}) as http:
        with starting(folder, KEYS) as serve:
            serve.until_ready(timeout_s=90)
            house = Studio(serve.base_url, http)
            project = await house.ask("POST", "/api/v1/projects", {"name": "Poster shop"})
            made = await house.ask("POST", "/api/v1/keys", {"project": project["id"], "name": "on call"})
        with starting(folder, {**KEYS, "DANQING_OPERATORS": made["key"]["id"]}) as serve:
            serve.until_ready(timeout_s=90)
            yield Overseen(Studio(serve.base_url, http), made["secret"])


class TestStoredKey:
    async def test_its_own_tasks_are_its_own(self, open_page: OpenPage, overseen: Overseen) -> None:
        """Whatever people call its project: they are chosen, and done with as one likes."""
        id_ = await overseen.paint(overseen.operator, "a poster of its own")
        await overseen.paint(LIN, "a poster of another's")
        page = await signed_in(open_page, overseen.house.base_url, overseen.operator, name="Sam")
        await page.goto("/studio/tasks")
        await expect(page.locator(".tasks-line")).to_have_count(2)
        await row(page, "a poster of its own").get_by_role("checkbox").check()
        await expect(page.get_by_role("group", name="1 chosen")).to_be_visible()
        await page.goto(f"/studio/tasks?task={id_}")
        sheet = page.locator("dialog.sheet")
        await expect(sheet.get_by_role("button", name="Repeat in Create")).to_be_visible()
        await expect(sheet.get_by_text("Another project’s task")).to_have_count(0)


class TestCreate:
    async def test_others_of_the_same_name_are_not_looked_at(self, open_page: OpenPage, overseen: Overseen) -> None:
        """Today's are one's own: no prompt of another project is shown, and no look at it written down."""
        await overseen.paint(overseen.operator, "seen by Sam")
        await overseen.paint(LIN, "hidden from Sam")
        page = await signed_in(open_page, overseen.house.base_url, overseen.operator, name="Sam")
        await expect(result_of(page, "seen by Sam")).to_be_visible()
        await overseen.paint(LIN, "hidden from Sam, later")
        await overseen.paint(overseen.operator, "seen by Sam, later")
        await expect(result_of(page, "seen by Sam, later")).to_be_visible()
        await expect(page.locator(".today").get_by_text("hidden from Sam")).to_have_count(0)
        said = (await overseen.house.ask("GET", "/api/v1/audit"))["entries"]
        assert [each for each in said if each["action"] == "task.opened"] == []
