"""The README's tasks of several services, word for word: each is made by its simulator, as a newcomer sees it."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from PIL import Image

from tests.support.examples import ROOT, serving

pytestmark = pytest.mark.processes

BODIES = [
    json.loads(body)
    for body in re.findall(
        r"/api/v1/ai/tasks -H 'Content-Type: application/json' \\\n  -d '(\{.*?\})'\n",
        (ROOT / "README.md").read_text(),
    )
]


async def made(session: aiohttp.ClientSession, base_url: str, body: dict[str, Any]) -> dict[str, Any]:
    """Return the finished task of a submission."""
    async with session.post(f"{base_url}/api/v1/ai/tasks", json=body) as answer:
        assert answer.status == 201, await answer.text()
        task_id = (await answer.json())["data"]["id"]
    async with asyncio.timeout(90):
        while True:
            async with session.get(f"{base_url}/api/v1/tasks/{task_id}") as answer:
                task: dict[str, Any] = (await answer.json())["data"]
            if task["status"] in ("completed", "failed"):
                return task
            await asyncio.sleep(0.2)


class TestReadme:
    """A picture, a video with its poster, and a text, by one `curl` each."""

    def test_there_is_one_of_each(self) -> None:
        """Of three services."""
        assert [body["type"] for body in BODIES] == ["image", "video", "text"]
        assert len({body["provider"] for body in BODIES}) == 3

    @pytest.mark.parametrize("body", BODIES, ids=lambda body: body["type"])
    async def test_it_is_made_without_any_key(self, tmp_path: Path, body: dict[str, Any]) -> None:
        """Completed, at a link that opens, and priced where the service's price is known."""
        with serving(tmp_path, {}) as serve:
            async with aiohttp.ClientSession() as session:
                task = await made(session, serve.base_url, body)
                assert task["status"] == "completed", task["error"]
                output = task["output"]
                links = [image["url"] for image in output["images"]]
                for video in output.get("videos", ()):
                    assert video["duration_s"] > 0
                    links += [video["url"], video["poster_url"]]
                assert links or output["text"]
                for link in links:
                    async with session.get(link) as answer:
                        assert answer.status == 200
                        assert len(await answer.read()) > 1000


SNIPPETS = [
    re.search(r"```python\n(from base64.*?)```", (ROOT / name).read_text(), re.DOTALL)
    for name in ("README.md", "README.zh-CN.md")
]


@pytest.mark.clients
@pytest.mark.parametrize("snippet", SNIPPETS, ids=["en", "zh"])
def test_openais_library_makes_a_picture(tmp_path: Path, snippet: re.Match[str]) -> None:
    """As both READMEs say, with nothing but the address of the test's own server in place of theirs."""
    with serving(tmp_path, {}) as serve:
        program = snippet[1].replace("http://localhost:8080", serve.base_url)
        subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True, timeout=120)
    with Image.open(tmp_path / "lighthouse.png") as picture:
        assert (picture.format, picture.size) == ("PNG", (1024, 1024))
