"""docs/waiting.md: its readers run, as they stand there, against a whole process."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.integration.api.conftest import Open

PAGE = (Path(__file__).parents[3] / "docs" / "waiting.md").read_text()
KEYS = "mine:0123456789abcdef"
KEY = "0123456789abcdef"


def block(language: str, holding: str) -> str:
    """Return the example in *language* that has *holding* in it."""
    found: list[str] = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return next(text for text in found if holding in text)


class TestReaders:
    async def test_python(self, open_api: Open) -> None:
        """It yields to the end, and says nothing more to who had it."""
        scope: dict[str, Any] = {}
        exec(block("python", "async def events"), scope)
        async with open_api(DANQING_API_KEYS=KEYS, workers=True) as api:
            task = await api.system.submit(key="mine")
            url = f"{api.base}/api/v1/tasks/{task.id}/events"
            told = [each async for each in scope["events"](url, KEY)]
            again = [each async for each in scope["events"](url, KEY, told[-1][1])]
        assert (told[-1][0], told[-1][2]["status"]) == ("done", "completed")
        assert again == []

    @pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
    async def test_javascript(self, open_api: Open) -> None:
        """The same with fetch."""
        async with open_api(DANQING_API_KEYS=KEYS, workers=True) as api:
            task = await api.system.submit(key="mine")
            url = f"{api.base}/api/v1/tasks/{task.id}/events"
            script = f"""{block("js", "async function* events")}
                let last;
                for await (const each of events({json.dumps(url)}, {json.dumps(KEY)})) last = each;
                console.log(last.event, last.task.status);"""
            node = await asyncio.create_subprocess_exec(
                "node", "--input-type=module", "-", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
            )
            output, _ = await asyncio.wait_for(node.communicate(script.encode()), 60)
        assert output.decode().strip() == "done completed"
