"""Nothing in the studio keeps anybody out: axe-core in each place, language, theme and width."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import expect

from tests.browser.conftest import OpenPage, Studio

PATHS = ("/studio/", "/studio/gallery", "/studio/tasks", "/studio/queue", "/studio/costs", "/studio/settings")
VARIANTS = tuple(product(("en", "zh"), (1280, 360)))
WRONG = {"resultTypes": ["violations"]}  # what is right is not told with each element
RULES = {**WRONG, "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
COLORS = {**WRONG, "runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}
MODEL = {"type": "image", "provider": "volcengine", "model": "doubao-seedream-4-0-250828"}


def told(response: dict[str, Any]) -> list[str]:
    """Return a line for each violation, with where it is."""
    return [
        f"{each['id']}: {node['target']} {node.get('failureSummary', '')[:300]}"
        for each in response["violations"]
        for node in each["nodes"][:4]
    ]


async def violations(page: Any) -> dict[str, list[str]]:
    """Return what is wrong with a page as it stands, by theme; the page follows the system's.

    The dark one has other colours and is otherwise the same.
    """
    found = {}
    for theme, rules in (("light", RULES), ("dark", COLORS)):
        await page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        found[theme] = told((await Axe().run(page, options=rules)).response)
    return {theme: lines for theme, lines in found.items() if lines}


@pytest.mark.parametrize("path", PATHS)
async def test_place_has_no_violation(studio: Studio, open_page: OpenPage, path: str) -> None:
    """Check 24: with a picture and a failed task; and nothing is wider than the window."""
    await studio.painted("a heron in the mist", **MODEL)
    await studio.painted("a crane [sandbox:moderation]", **MODEL)
    found: dict[str, list[str]] = {}
    for language, width in VARIANTS:
        page = await open_page(path, language=language, width=width, height=740)
        await expect(page.locator("main h1, main h2, main form").first).to_be_visible()
        await expect(page.locator("main .skeleton")).to_have_count(0)
        for theme, lines in (await violations(page)).items():
            found[f"{language} {theme} {width}"] = lines
        assert await page.evaluate("document.documentElement.scrollWidth") <= width
        await page.context.close()
    assert found == {}
