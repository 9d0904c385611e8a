"""What lies over a place keeps nobody out either: axe-core over open sheets, dialogs, menus and the viewer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import attrs
import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.browser.conftest import OpenPage, Studio
from tests.browser.test_axe import MODEL, violations

LANE = "jimeng"
WORDS = "laid over"


@attrs.frozen(kw_only=True)
class Layer:
    """How one gets there: an address, then what is clicked (`role:name`) or pressed (`key:…`) in turn.

    `{done}`, `{partly}`, `{unknown}` and `{waiting}` stand for the ids of tasks. The last click is the one that
    shows *seen*, a CSS selector.
    """

    path: str
    steps: tuple[str, ...] = ()
    seen: str
    wide: bool = True
    narrow: bool = True


CONFIRM = "dialog.dialog-middle .dialog-foot"
LAYERS = {
    "sheet": Layer(path="/studio/tasks?task={done}", seen="dialog.sheet .sheet-found"),
    "sheet, raw": Layer(
        path="/studio/gallery?task={done}", steps=("text:Raw JSON",), seen="dialog.sheet details[open]"
    ),
    "sheet of what is partly done": Layer(
        path="/studio/tasks?task={partly}",
        steps=("text:In the provider’s words",),
        seen="dialog.sheet details[open]",
    ),
    "sheet of an unknown bill": Layer(path="/studio/tasks?task={unknown}", seen="dialog.sheet .sheet-found"),
    "sheet of what waits": Layer(path="/studio/queue?task={waiting}", seen="dialog.sheet .waits"),
    "retry": Layer(path="/studio/tasks?task={partly}", steps=("button:Paint the missing 1",), seen=CONFIRM),
    "retry that may be paid twice": Layer(
        path="/studio/tasks?task={unknown}", steps=("button:Try again",), seen=".sheet-sure"
    ),
    "cancel": Layer(path="/studio/tasks?task={waiting}", steps=("button:Cancel the task",), seen=CONFIRM),
    "delete": Layer(path="/studio/tasks?task={done}", steps=("button:Delete",), seen=CONFIRM),
    "priority of one": Layer(
        path="/studio/tasks?task={waiting}", steps=("button:Priority",), seen="dialog .menu-list:popover-open"
    ),
    "viewer": Layer(path="/studio/gallery?picture={done}/0", seen="dialog.viewer img"),
    "viewer, settings turned": Layer(
        path="/studio/gallery?picture={done}/0", steps=("key:i",), seen="dialog.viewer img"
    ),
    "comparing": Layer(
        path="/studio/gallery?picture={done}/0&with={done}/1", seen="dialog.viewer .viewer-stage img"
    ),
    "comparing side by side": Layer(
        path="/studio/gallery?picture={done}/0&with={done}/1",
        steps=("text:Side by side",),
        seen="dialog.viewer .viewer-stage img",
    ),
    "filters of the gallery": Layer(path="/studio/gallery", steps=("button:Filters",), seen=".filter-panel"),
    "chosen pictures": Layer(
        path="/studio/gallery?q=laid+over",
        steps=("button:Select", "cell:laid over"),
        seen="[role=group] .button-danger",
    ),
    "filters of tasks": Layer(path="/studio/tasks", steps=("button:Filters",), seen=".filter-panel"),
    "chosen tasks": Layer(path="/studio/tasks?q=laid+over", steps=("key:a",), seen=".tasks-bar"),
    "bulk preview": Layer(
        path="/studio/tasks?q=laid+over", steps=("key:a", "button:Retry…"), seen="dialog .bulk-unknown"
    ),
    "bulk delete": Layer(
        path="/studio/tasks?q=laid+over", steps=("key:a", "button:Delete…"), seen="dialog .bulk-count"
    ),
    "priority of many": Layer(
        path="/studio/tasks?q=laid+over",
        steps=("key:a", "button:Priority"),
        seen=".tasks-bar .menu-list:popover-open",
    ),
    "pause": Layer(path="/studio/queue", steps=("button:Pause…",), seen="#pause-reason"),
    "pause without a reason": Layer(
        path="/studio/queue", steps=("button:Pause…", "button:Pause"), seen="#pause-reason[aria-invalid=true]"
    ),
    "details of a lane": Layer(
        path="/studio/queue", steps=("button:Details",), seen="article [aria-expanded=true]"
    ),
    "theme": Layer(path="/studio/queue", steps=("button:Theme",), seen=".menu-list:popover-open"),
    "more places": Layer(
        path="/studio/queue", steps=("button:More",), seen=".place-more .menu-list:popover-open", wide=False
    ),
    "keys": Layer(path="/studio/gallery", steps=("key:?",), seen="dialog .keys"),
    "code": Layer(path="/studio/", steps=("button:As code",), seen="pre"),
    "picker": Layer(path="/studio/", steps=("button:From the gallery",), seen="dialog .picker-tile img"),
    "magic words": Layer(path="/studio/", steps=("summary:0",), seen=".magic[open] .chip"),
    "new key": Layer(path="/studio/settings/keys", steps=("button:New key",), seen="dialog #key-name"),
    "new key without a name": Layer(
        path="/studio/settings/keys", steps=("button:New key", "button:Create"), seen="#key-name[aria-invalid=true]"
    ),
    "new project": Layer(path="/studio/settings/projects", steps=("button:New project",), seen="dialog input"),
    "new webhook": Layer(path="/studio/settings/webhooks", steps=("button:New webhook",), seen="dialog input"),
}


@pytest_asyncio.fixture(loop_scope="session")
async def ids(studio: Studio) -> AsyncIterator[dict[str, str]]:
    """A task of each kind, made once."""
    found = await studio.ask("GET", "/api/v1/tasks?q=laid+over&limit=1")
    if not found["tasks"]:
        await studio.painted(f"{WORDS} done", **MODEL, input={"n": 2})
        await studio.painted(f"{WORDS} partly [sandbox:moderation x1]", **MODEL, input={"n": 4})
        await studio.painted(f"{WORDS} unknown [sandbox:reset-after-billing x1]", **MODEL, on_ambiguous="fail")
        await studio.paint(f"{WORDS} waiting", **MODEL, delay=3600)
    rows = (await studio.ask("GET", "/api/v1/tasks?q=laid+over&limit=10&fields=id,prompt"))["tasks"]
    yield {row["prompt"].split()[2]: row["id"] for row in rows}


async def do(page: Any, step: str) -> None:
    """Take one step, with what is on top where there are several."""
    kind, _, name = step.partition(":")
    if kind == "key":
        await page.keyboard.press(name)
    elif kind == "text":
        await page.get_by_text(name).last.click()
    elif kind == "cell":
        await page.get_by_role("gridcell", name=name).first.click()
    elif kind == "summary":
        await page.locator("summary").nth(int(name)).click()
    else:
        over = page.locator("dialog")
        place = over.last if await over.count() else page
        await place.get_by_role("button", name=name, exact=True).first.click()


@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
async def test_what_lies_over_has_no_violation(open_page: OpenPage, ids: dict[str, str], layer: Layer) -> None:
    """Check 24, further: light and dark, on a laptop and on a phone; nothing is wider than the window."""
    found: dict[str, list[str]] = {}
    for width in (1280,) * layer.wide + (360,) * layer.narrow:
        page = await open_page(layer.path.format(**ids), width=width, height=740)
        await expect(page.locator("main h1, main h2, main form").first).to_be_visible()
        await expect(page.locator(".skeleton")).to_have_count(0)
        for step in layer.steps:
            await do(page, step)
        await expect(page.locator(layer.seen).first).to_be_visible()
        for theme, lines in (await violations(page)).items():
            found[f"{theme} {width}"] = lines
        assert await page.evaluate("document.documentElement.scrollWidth") <= width
        await page.context.close()
    assert found == {}
