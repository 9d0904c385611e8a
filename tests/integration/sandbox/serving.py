"""A sandbox in this process, over real HTTP, with a clock that only the test moves."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import attrs
from aiohttp.test_utils import TestServer

from danqing_providers.sandbox.app import create_app
from danqing_providers.sandbox.config import SandboxConfig

V4 = "doubao-seedream-4-0-250828"
PRO = "doubao-seedream-5-0-pro-260628"


@attrs.define
class Served:
    """One running sandbox: its base URL, a client session with a key, and its clock."""

    url: str
    session: aiohttp.ClientSession
    now_s: list[float]

    async def generate(self, prompt: str = "山水", **fields: Any) -> tuple[int, Any]:
        """Return status and JSON of a request for small pictures."""
        async with self.post(prompt, **fields) as answer:
            return answer.status, await answer.json()

    def post(self, prompt: str = "山水", **fields: Any) -> Any:
        """Return the request itself, to be entered."""
        body = {"model": V4, "prompt": prompt, "size": "1280x720", **fields}
        return self.session.post(f"{self.url}/api/v3/images/generations", json=body)

    async def links(self, prompt: str = "山水", **fields: Any) -> list[str]:
        """Return the links of pictures just made."""
        status, answer = await self.generate(prompt, **fields)
        assert status == 200, answer
        return [item["url"] for item in answer["data"]]

    async def get(self, link: str) -> tuple[int, bytes]:
        """Return status and body of *link*."""
        async with self.session.get(link) as answer:
            return answer.status, await answer.read()

    async def ledger(self) -> list[dict[str, Any]]:
        """Return the billed images."""
        async with self.session.get(f"{self.url}/sandbox/ledger") as answer:
            entries: list[dict[str, Any]] = (await answer.json())["entries"]
            return entries

    async def rule(self, **rule: Any) -> None:
        """Put a fault rule in force."""
        async with self.session.post(f"{self.url}/sandbox/faults", json=[rule]) as answer:
            assert answer.status == 201, await answer.text()


@asynccontextmanager
async def served(
    data_dir: Path, *, later_s: float = 0, dialects: Mapping[str, str] | None = None, **options: Any
) -> AsyncIterator[Served]:
    """Yield a sandbox that answers without delay, stopped at the end; its clock starts *later_s* later."""
    now_s = [1_795_489_044.0 + later_s]
    config = SandboxConfig(data_dir=data_dir, latency_s=0, **options)
    headers = {"Authorization": "Bearer key"}
    async with (
        TestServer(create_app(config, clock=lambda: now_s[0], dialects=dialects)) as server,
        aiohttp.ClientSession(headers=headers) as session,
    ):
        yield Served(str(server.make_url("")).rstrip("/"), session, now_s)
