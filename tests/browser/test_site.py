"""The documentation as a site: whole, without a network, and searched in both languages."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from tests.browser.conftest import OpenPage, Watched
from tests.support.examples import ROOT

async_api = pytest.importorskip("playwright.async_api")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built strictly: a link that leads nowhere fails it, and so does a page that no menu has."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, ROOT / "site" / "build_site.py", folder],
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    return folder


@pytest_asyncio.fixture(loop_scope="session")
async def site(built: Path) -> AsyncIterator[str]:
    """The site on a server of files."""
    app = web.Application()
    app.router.add_static("/", built)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def _search(page: Any, words: str) -> Any:
    await page.locator("input.md-search__input").fill(words)
    return page.locator(".md-search-result__item")


@pytest.mark.parametrize(
    ("home", "words", "found"),
    [("/index.html", "Idempotency-Key", "api.html"), ("/zh/index.html", "沙箱", "zh/index.html")],
    ids=["en", "zh"],
)
async def test_it_is_searched(
    open_page: OpenPage, watched: Watched, site: str, home: str, words: str, found: str
) -> None:
    """By its own script; no other host is asked, as for every page of these tests."""
    watched.expect("sitemap.xml")  # the theme looks for one of each language, to stay on a page in another
    page = await open_page(home, base_url=site)
    results = await _search(page, words)
    await async_api.expect(results.locator(f"a[href*='{found}']").first).to_be_attached()


def test_lines_of_chinese_are_joined(built: Path) -> None:
    """Browsers show a line's end as a space, which stands nowhere in a Chinese sentence."""
    page = re.sub(r"<pre>.*?</pre>", "", (built / "zh" / "operating.html").read_text(), flags=re.DOTALL)
    assert not re.findall(r"[\u3000-\u9fff\uff00-\uffef]\n[\u3000-\u9fff\uff00-\uffef]", page)


async def test_every_route_is_in_the_reference(open_page: OpenPage, watched: Watched, site: str) -> None:
    """Made from the same document that a server shows at /docs."""
    watched.expect("sitemap.xml")
    page = await open_page("/reference.html", base_url=site)
    for name in ("POST /api/v1/ai/image/task", "GET /api/v1/tasks/{task_id}", "POST /v1/images/generations"):
        await async_api.expect(page.get_by_role("heading", name=name, exact=False).first).to_be_attached()
