"""Forms and dialogs: keys do in them what they do elsewhere, and what is written is what is meant."""

from __future__ import annotations

import aiohttp
from playwright.async_api import expect

from tests.browser.conftest import ADMIN, CHEN, OpenPage, Studio
from tests.browser.test_signing_in import signed_in


class TestInsistent:
    async def test_escape_shuts_no_dialog_that_has_to_be_answered(self, open_page: OpenPage, base: str) -> None:
        """However often it is pressed: a secret that is shown once, or a sign-in without which there is nothing."""
        page = await open_page("/studio/", base_url=base)
        dialog = page.get_by_role("dialog", name="Sign in")
        await expect(dialog).to_be_visible()
        for _ in range(4):
            await page.keyboard.press("Escape")
        await page.get_by_label("API key").press_sequentially("typed")
        await expect(page.get_by_label("API key")).to_have_value("typed")


class TestEnter:
    async def test_enter_makes_a_project_once(self, open_page: OpenPage, base: str, house: Studio) -> None:
        """As its button does, and however fast it is pressed again."""
        page = await signed_in(open_page, base, ADMIN)
        await page.goto("/studio/settings/projects")
        await page.get_by_role("button", name="New project").click()
        await page.get_by_label("Name").fill("entered once")
        await page.keyboard.press("Enter")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("dialog")).to_have_count(0)
        found = (await house.ask("GET", "/api/v1/projects"))["projects"]
        assert [each["name"] for each in found].count("entered once") == 1

    async def test_enter_pauses_the_lane(self, open_page: OpenPage, base: str) -> None:
        """Once its reason is written."""
        page = await signed_in(open_page, base, CHEN, name="Chen")
        await page.goto("/studio/queue")
        await page.get_by_role("button", name="Pause…").first.click()
        await page.get_by_label("Reason").fill("price check")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("dialog")).to_have_count(0)
        await page.get_by_role("button", name="Resume").click()
        await expect(page.get_by_role("button", name="Resume")).to_have_count(0)


class TestLimits:
    async def test_amount_with_a_comma_is_no_limit_of_nothing(
        self, open_page: OpenPage, base: str, house: Studio
    ) -> None:
        """What 1,000 means is not guessed: it is refused at its field."""
        made = await house.ask("POST", "/api/v1/projects", {"name": "thousand"})
        page = await signed_in(open_page, base, ADMIN)
        await page.goto("/studio/settings/projects")
        await page.get_by_role("button", name="Actions for thousand").click()
        await page.get_by_role("menuitem", name="Edit").click()
        amount = page.get_by_label("Money a day")
        await amount.fill("1,000 CNY")
        await page.get_by_role("button", name="Save").click()
        await expect(amount).to_have_attribute("aria-invalid", "true")
        await amount.fill("1000 CNY, 5.50 USD")
        await page.get_by_role("button", name="Save").click()
        await expect(page.get_by_role("dialog")).to_have_count(0)
        limits = (await house.ask("GET", f"/api/v1/projects/{made['id']}"))["limits"]
        assert {name: float(value) for name, value in limits["spend_per_day"].items()} == {"CNY": 1000, "USD": 5.5}

    async def test_renaming_opens_nothing(self, open_page: OpenPage, base: str, house: Studio) -> None:
        """A project that may use no model at all may use none afterwards either."""
        body = {"name": "shut tight", "limits": {"models": [], "addresses": ["10.0.0.1", "10.0.0.2"]}}
        made = await house.ask("POST", "/api/v1/projects", body)
        page = await signed_in(open_page, base, ADMIN)
        await page.goto("/studio/settings/projects")
        await page.get_by_role("button", name="Actions for shut tight").click()
        await page.get_by_role("menuitem", name="Edit").click()
        await page.get_by_label("Name").fill("shut tighter")
        await page.get_by_role("button", name="Save").click()
        await expect(page.get_by_text("shut tighter").first).to_be_visible()
        limits = (await house.ask("GET", f"/api/v1/projects/{made['id']}"))["limits"]
        assert limits["models"] == []
        assert len(limits["addresses"]) == 2


class TestReaders:
    async def test_who_only_reads_is_offered_nothing_else(
        self, open_page: OpenPage, base: str, house: Studio
    ) -> None:
        """In the gallery, in its viewer, and by no key."""
        project = await house.ask("POST", "/api/v1/projects", {"name": "read alone"})
        secrets: dict[str, str] = {}
        for name, scopes in (("all", ["generate", "read"]), ("reads", ["read"])):
            key = await house.ask(
                "POST", "/api/v1/keys", {"project": project["id"], "name": name, "scopes": scopes}
            )
            secrets[name] = key["secret"]
        async with aiohttp.ClientSession(headers={"authorization": f"Bearer {secrets['all']}"}) as http:
            await Studio(base, http).painted("read by a rook")
        page = await signed_in(open_page, base, secrets["reads"])
        await page.goto("/studio/gallery")
        cell = page.get_by_role("gridcell")
        await cell.focus()
        await page.keyboard.press("Delete")
        await page.keyboard.press("x")
        await expect(page.get_by_role("group", name="1 chosen")).to_be_visible()
        await expect(cell).to_have_count(1)
        await expect(page.get_by_role("button", name="Delete")).to_have_count(0)
        await page.keyboard.press("Enter")
        viewer = page.get_by_role("dialog", name="Picture")
        await expect(viewer.get_by_role("button", name="Download")).to_be_visible()
        await expect(viewer.get_by_role("button", name="Delete")).to_have_count(0)
        await expect(viewer.get_by_role("button", name="Reuse")).to_have_count(0)
