"""Check 25: by plain http in a LAN a browser withholds clipboard, hashing and ids; the page works all the same."""

from __future__ import annotations

import base64
import re
import zipfile
from pathlib import Path
from typing import Any

import aiohttp
from playwright.async_api import expect

from tests.browser.conftest import LAN_HOST, OpenPage, Studio, Watched
from tests.browser.test_signing_in import signed_in
from tests.support.examples import starting

LIN = "lin-secret-0123456"
WITHHELD = "[isSecureContext, !!navigator.clipboard, !!crypto.randomUUID, !!crypto.subtle]"
DROP = """(text) => {
  const carried = new DataTransfer();
  const bytes = Uint8Array.from(atob(text), (each) => each.charCodeAt(0));
  carried.items.add(new File([bytes], 'mine.png', { type: 'image/png' }));
  dispatchEvent(new DragEvent('drop', { dataTransfer: carried, bubbles: true, cancelable: true }));
}"""


async def paint(page: Any, prompt: str) -> None:
    """Write a prompt and have it painted."""
    await page.get_by_role("textbox", name="Prompt", exact=True).fill(prompt)
    await page.get_by_role("button", name=re.compile("^Paint 1")).click()
    await expect(page.get_by_role("article", name=prompt).get_by_text("done")).to_be_visible(timeout=60_000)


async def test_nothing_needs_a_secure_context(open_page: OpenPage, watched: Watched, tmp_path: Path) -> None:
    """An id for what is sent, a copy, a ZIP, and a dropped file that opens its task."""
    watched.expect("Cross-Origin-Opener-Policy header has been ignored")
    with starting(tmp_path, {"DANQING_API_KEYS": f"lin:{LIN}"}) as serve:
        serve.until_ready(timeout_s=90)
        page = await signed_in(open_page, serve.base_url.replace("127.0.0.1", LAN_HOST), LIN)
        assert await page.evaluate(WITHHELD) == [False, False, False, False]
        await paint(page, "heron in the lan")
        async with aiohttp.ClientSession(headers={"authorization": f"Bearer {LIN}"}) as http:
            studio = Studio(serve.base_url, http)
            [task] = (await studio.ask("GET", "/api/v1/tasks"))["tasks"]
            async with http.get(f"{serve.base_url}/api/v1/assets/{task['url'].partition('/assets/')[2]}") as answer:
                body = await answer.read()
        await page.goto(f"/studio/tasks?task={task['id']}")
        await page.get_by_role("button", name="Copy the id").click()
        await expect(page.get_by_role("button", name="Copied")).to_be_visible()
        await page.goto("/studio/gallery")
        await expect(page.get_by_role("gridcell")).to_have_count(1)
        await page.evaluate(DROP, base64.b64encode(body).decode())
        await expect(page).to_have_url(re.compile(re.escape(f"task={task['id']}")))
        await page.goto("/studio/gallery")
        await page.get_by_role("button", name="Select").click()
        await page.get_by_role("gridcell").click()
        async with page.expect_download() as downloading:
            await page.get_by_role("button", name="ZIP").click()
        with zipfile.ZipFile(await (await downloading.value).path()) as archive:
            assert len(archive.namelist()) == 2
        await page.context.close()  # before its server is gone: it would log that nobody answers
