"""The studio as several serving processes send it while its files change, as a checkout's or by an upgrade."""

from __future__ import annotations

import asyncio
import re
import shutil
from pathlib import Path

import aiohttp
import pytest

from tests.support.examples import ROOT, starting

pytestmark = pytest.mark.processes

PROCESSES, VISITS = 3, 12
LINKED = re.compile(r'(?:href|src)="(/studio/v/[^"]+)"')


async def broken(base_url: str) -> list[str]:
    """Visit the page anew; return its files that are not there."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as http:
        async with http.get(f"{base_url}/studio/") as page:
            linked = LINKED.findall(await page.text())
        assert len(linked) > 10

        async def status(path: str) -> int:
            async with http.get(f"{base_url}{path}") as answer:
                return answer.status

        statuses = await asyncio.gather(*map(status, linked))
        return [path for path, found in zip(linked, statuses, strict=True) if found != 200]


async def test_page_of_one_process_has_its_files_of_the_others(tmp_path: Path) -> None:
    """Whichever looked last: no visitor gets a white page until each of them was asked for one."""
    copied = tmp_path / "server"
    shutil.copytree(ROOT / "server" / "danqing_server", copied / "danqing_server")
    variables = {"DANQING_PROCESSES": str(PROCESSES), "PYTHONPATH": str(copied)}
    changed = copied / "danqing_server" / "studio" / "js" / "gone.js"
    with starting(tmp_path, variables) as serve:
        serve.until_ready(timeout_s=90)
        for _ in range(VISITS):
            assert await broken(serve.base_url) == []
        for visit in range(VISITS):
            changed.write_text(f"{changed.read_text()}// {visit}\n")
            assert await broken(serve.base_url) == []
