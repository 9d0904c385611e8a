"""Plugins of others: whatever their schemas and names are like, the form can be used, and nothing is broken."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.test_create import paint_of
from tests.support.examples import starting
from tests.support.installed import all_but
from tests.support.studio_plugins import HARMFUL, write_odd_plugin

PLACES = ("", "gallery", "tasks", "queue", "costs", "settings/providers", "settings/providers/odd/words")


@pytest.fixture(scope="module")
def odd_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with a plugin whose author read no documentation."""
    variables = {"PYTHONPATH": str(write_odd_plugin(tmp_path_factory.mktemp("odd_plugin")))}
    with starting(tmp_path_factory.mktemp("odd"), variables) as serve:
        serve.until_ready(timeout_s=90)
        yield serve.base_url


async def choose(page: Any, model: str) -> None:
    """Choose a model of the odd provider, and open the whole form."""
    await page.get_by_role("combobox", name="Model", exact=True).select_option(f"odd/{model}")
    await expect(page.locator("details.more")).to_be_visible()
    await page.evaluate("document.querySelector('details.more').open = true")


class TestOddSchemas:
    async def test_every_property_has_a_field(self, open_page: OpenPage, odd_url: str) -> None:
        """A `required` that is no list, choices and conditions that are none: no form is lost for them."""
        page = await open_page("/studio/", base_url=odd_url)
        await choose(page, "words")
        for title in ("Link", "Deep", "Named", "Nested", "Lost"):
            await expect(page.get_by_role("textbox", name=title)).to_be_visible()
        await expect(page.get_by_role("group", name="Tier").get_by_role("button", name="2K")).to_be_visible()
        await expect(page.get_by_role("textbox", name="How calm")).to_have_count(0)
        await page.get_by_role("group", name="styles").get_by_role("button").first.click()
        await expect(page.get_by_role("textbox", name="How calm")).to_be_visible()

    async def test_what_was_written_for_another_model_breaks_none(self, open_page: OpenPage, odd_url: str) -> None:
        """A field of the same name may be of another shape; the draft is kept, and so would be its trouble."""
        page = await open_page("/studio/", base_url=odd_url)
        await choose(page, "words")
        await page.get_by_role("textbox", name="Link").fill("https://example.com/a.png")
        await page.get_by_role("group", name="styles").get_by_role("button").last.click()
        await choose(page, "styled")
        styles = page.get_by_role("group", name="styles").get_by_role("button")
        await styles.first.click()
        await expect(page.locator("[aria-pressed=true]", has_text="wild")).to_have_count(1)
        await choose(page, "wordless")
        await expect(page.get_by_text("0 of 2")).to_be_visible()
        await page.reload()
        await expect(page.get_by_role("combobox", name="Model", exact=True)).to_have_value("odd/wordless")
        await expect(page.get_by_text("This place could not be loaded.")).to_have_count(0)

    async def test_a_model_without_a_prompt_is_asked_for_none(self, open_page: OpenPage, odd_url: str) -> None:
        """Its price is told, and no word that was written for another model is found wrong."""
        page = await open_page("/studio/", base_url=odd_url)
        await choose(page, "styled")
        await page.get_by_role("textbox", name="prompt").fill("written for another")
        await expect(paint_of(page)).to_contain_text("¥0.50")
        await choose(page, "wordless")
        await page.get_by_role("group", name="scale").get_by_role("button", name="4").click()
        await expect(paint_of(page)).to_contain_text("¥0.50")
        await expect(page.get_by_text("needs another look")).to_have_count(0)
        await page.get_by_role("button", name="As code").click()
        shown = await page.get_by_role("dialog").locator("pre").first.text_content()
        assert json.loads(shown)["input"] == {"scale": 4}

    async def test_a_reference_goes_where_it_has_an_effect(self, open_page: OpenPage, odd_url: str) -> None:
        """Not into a field that is not shown, whose picture is not sent."""
        page = await open_page("/studio/", base_url=odd_url)
        await choose(page, "masked")
        await page.goto("/studio/?reference=/api/v1/assets/gone.png")
        await expect(page.get_by_text("1 of 2", exact=True)).to_be_visible()

    async def test_a_model_that_says_nothing_takes_words(self, open_page: OpenPage, odd_url: str) -> None:
        """A plugin needs no schema; a form without a field would be of no use."""
        page = await open_page("/studio/", base_url=odd_url)
        await choose(page, "silent")
        await expect(page.get_by_role("textbox", name="prompt")).to_be_visible()


class TestNoModels:
    async def test_that_there_is_none_is_told(self, open_page: OpenPage, tmp_path: Path) -> None:
        """Where every plugin is turned off, or the only one is broken; nothing is waited for."""
        with starting(tmp_path, {"DANQING_DISABLED_PLUGINS": all_but()}) as serve:
            serve.until_ready(timeout_s=90)
            page = await open_page("/studio/", base_url=serve.base_url)
            await expect(page.get_by_text("There is no model to paint with.")).to_be_visible()
            await expect(page.locator(".create-side .skeleton")).to_have_count(0)
            await page.context.close()


class TestHarmfulNames:
    @pytest.mark.parametrize("place", PLACES)
    @pytest.mark.parametrize("width", [320, 1024])
    async def test_they_are_words_and_fit(self, open_page: OpenPage, odd_url: str, place: str, width: int) -> None:
        """Markup stays text, and no name without an end widens the page."""
        page = await open_page(f"/studio/{place}", base_url=odd_url, width=width)
        await expect(page.locator("main h1, main form").first).to_be_attached()
        await expect(page.locator("main .skeleton")).to_have_count(0)
        assert await page.locator("main img[src=x]").count() == 0
        if not place:
            await choose(page, "words")
            await expect(page.get_by_role("textbox", name=HARMFUL.split()[0]).first).to_be_visible()
        if place.startswith("settings"):
            await expect(page.locator("main")).to_contain_text(HARMFUL)
        assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
