"""The pictures of the studio in the documentation, made anew: `make screenshots`.

A server of its own with its sandbox, a handful of tasks of every standing, and each place in both languages and
themes, as WebP into `docs/images/`. Wants Chromium and fonts for Chinese (Debian: `fonts-noto-cjk`).
"""

from __future__ import annotations

import asyncio
import io
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp
from PIL import Image
from playwright.async_api import Browser, async_playwright

from tests.support.examples import ROOT, starting

IMAGES = ROOT / "docs" / "images"
LANGUAGES = {"en": "en-GB", "zh": "zh-CN"}
THEMES = ("light", "dark")
WIDTH, HEIGHT = 1280, 800
LARGEST_BYTES = 150_000
QUALITY = 82
MODEL = {"type": "image", "model": "doubao-seedream-4-0-250828"}
PAUSED = "dashscope"
PROMPTS = (
    "水墨山谷，晨雾缭绕松林，一叶扁舟",
    "A tea tin on rough linen, soft window light, product photograph",
    "雪后的长城，工笔，淡彩",
    "A lighthouse at dusk, gouache, wide brush strokes",
    "荷塘月色，青绿山水",
    "A paper boat on a puddle, seen from very low",
)


async def _ask(http: aiohttp.ClientSession, method: str, path: str, body: Any = None) -> Any:
    """Return `data` of an answer; raises ClientResponseError for a refusal."""
    async with http.request(method, path, json=body, headers={"prefer": "wait=20"}) as answer:
        answer.raise_for_status()
        return (await answer.json())["data"]


async def _painted(http: aiohttp.ClientSession, prompt: str, user: str, **more: Any) -> str:
    """Submit a task and return its id once it has ended."""
    inner = {"prompt": prompt, **more.pop("input", {})}
    task = await _ask(http, "POST", "/api/v1/ai/tasks", {**MODEL, "user_id": user, **more, "input": inner})
    while task["status"] in ("pending", "processing"):
        task = await _ask(http, "GET", f"/api/v1/tasks/{task['id']}")
    return str(task["id"])


async def _furnish(http: aiohttp.ClientSession) -> str:
    """Have tasks of every standing, and return the one to open."""
    for place, prompt in enumerate(PROMPTS):
        await _painted(http, prompt, ("studio", "lin")[place % 2], input={"n": 1 + place % 2})
    await _painted(http, "A crane over the river [sandbox:moderation]", "omar")
    lost = await _painted(http, "红色的门 [sandbox:reset-after-billing x1]", "studio", on_ambiguous="fail")
    await _painted(
        http, "A poster for a night market [sandbox:moderation x1]", "studio", input={"n": 4, "size": "2048x1152"}
    )
    await _ask(http, "POST", f"/api/v1/lanes/{PAUSED}/pause", {"reason": "price check"})
    await _ask(
        http,
        "POST",
        "/api/v1/ai/tasks",
        {**MODEL, "user_id": "lin", "delay": 3600, "input": {"prompt": "明天早上"}},
    )
    return lost


def _paths(task_id: str) -> Mapping[str, str]:
    return {
        "create": "/studio/",
        "gallery": "/studio/gallery",
        "tasks": "/studio/tasks",
        "task": f"/studio/tasks?task={task_id}",
        "queue": "/studio/queue",
        "costs": "/studio/costs?sandbox=1",
        "settings": "/studio/settings/providers",
    }


async def _shown(browser: Browser, base_url: str, path: str, language: str, theme: str) -> bytes:
    """Return a place as it looks once nothing moves, as PNG."""
    context = await browser.new_context(
        base_url=base_url,
        locale=LANGUAGES[language],
        color_scheme="dark" if theme == "dark" else "light",
        viewport={"width": WIDTH, "height": HEIGHT},
        reduced_motion="reduce",
    )
    page = await context.new_page()
    await page.goto(path)
    await page.locator("main h1, main h2, main form").first.wait_for()
    await page.locator("main .skeleton, dialog .skeleton").first.wait_for(state="detached")
    await page.evaluate("document.fonts.ready.then(() => undefined)")
    await page.wait_for_timeout(1_500)  # pictures fade in, numbers arrive: what one sees who stays a moment
    taken = await page.screenshot()
    await context.close()
    return taken


def _packed(png: bytes) -> bytes:
    """Return a picture as WebP. Raises ValueError for one that is too heavy for a page."""
    made = io.BytesIO()
    Image.open(io.BytesIO(png)).save(made, "WEBP", quality=QUALITY, method=6)
    if made.tell() > LARGEST_BYTES:
        raise ValueError(f"{made.tell()} bytes, and {LARGEST_BYTES} are the most")
    return made.getvalue()


async def _take(base_url: str, chromium: str) -> None:
    async with aiohttp.ClientSession(base_url) as http, async_playwright() as playwright:
        paths = _paths(await _furnish(http))
        browser = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for place, path in paths.items():
            for language in LANGUAGES:
                for theme in THEMES:
                    file = IMAGES / f"studio-{place}-{language}-{theme}.webp"
                    file.write_bytes(_packed(await _shown(browser, base_url, path, language, theme)))
                    print(f"{file.relative_to(ROOT)} {file.stat().st_size // 1000} kB")
        await browser.close()


def main() -> int:
    """Make all of them; return 1 where there is no Chromium."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        print("no Chromium: the pictures stay as they are", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder, starting(Path(folder), {}) as serve:
        serve.until_ready(timeout_s=180)
        asyncio.run(_take(serve.base_url, chromium))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
