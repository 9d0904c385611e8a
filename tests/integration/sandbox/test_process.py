"""The sandbox as a process of its own."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

BODY = {"model": "doubao-seedream-4-0-250828", "prompt": "山水", "size": "1280x720"}


@asynccontextmanager
async def started(data_dir: Path, *options: str) -> AsyncIterator[tuple[str, asyncio.subprocess.Process]]:
    """Yield the base URL that a fresh process printed, and the process; killed at the end if it still runs."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "danqing_providers.sandbox", "--port", "0", "--latency-s", "0"),
        *("--data-dir", str(data_dir), *options),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        url = (await asyncio.wait_for(process.stdout.readline(), 20)).decode().strip()
        yield url, process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def generate(session: aiohttp.ClientSession, url: str, **fields: str) -> int:
    """Return the status of one request, with *fields* in its body."""
    headers = {"Authorization": "Bearer k"}
    async with session.post(f"{url}/api/v3/images/generations", json=BODY | fields, headers=headers) as answer:
        await answer.read()
        return answer.status


async def billed(session: aiohttp.ClientSession, url: str) -> int:
    """Return how many images are in the ledger."""
    async with session.get(f"{url}/sandbox/ledger") as answer:
        total: int = (await answer.json())["total"]
        return total


class TestProcess:
    """Starting, stopping, dying."""

    async def test_stops_on_sigterm(self, tmp_path: Path) -> None:
        """It prints its real address, serves, and ends with status 0."""
        async with aiohttp.ClientSession() as session, started(tmp_path) as (url, process):
            assert url.startswith("http://127.0.0.1:")
            assert await generate(session, url) == 200
            process.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(process.wait(), 10) == 0

    async def test_ledger_outlives_kill(self, tmp_path: Path) -> None:
        """Killed with requests under way: every image that was answered for is in the ledger of the next start."""
        answered = 0
        async with aiohttp.ClientSession() as session, started(tmp_path) as (url, process):

            async def keep_asking() -> None:
                nonlocal answered
                while True:
                    if await generate(session, url) == 200:
                        answered += 1
                    if answered >= 60 and process.returncode is None:
                        process.kill()

            asking = [asyncio.create_task(keep_asking()) for _ in range(8)]
            ended = await asyncio.gather(*asking, return_exceptions=True)
        assert all(isinstance(error, aiohttp.ClientError) for error in ended)
        lines = (tmp_path / "ledger.jsonl").read_text().splitlines()
        assert len(lines) >= answered >= 60
        assert json.loads(lines[0])["prompt"] == "山水"
        async with aiohttp.ClientSession() as session, started(tmp_path) as (url, _process):
            assert await billed(session, url) >= answered

    async def test_counted_words_outlive_kill(self, tmp_path: Path) -> None:
        """What was to fail twice fails twice, not twice for each start."""
        prompt = "山水 [sandbox:fail x2]"
        statuses = []
        for _ in range(3):
            async with aiohttp.ClientSession() as session, started(tmp_path) as (url, process):
                statuses.append(await generate(session, url, prompt=prompt))
                process.kill()
        assert statuses == [500, 500, 200]

    async def test_port_in_use(self, tmp_path: Path) -> None:
        """A port that is taken is one line and status 1."""
        async with started(tmp_path) as (url, _process):
            second = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "danqing_providers.sandbox", "--port", url.rpartition(":")[2]),
                stderr=asyncio.subprocess.PIPE,
            )
            _, complaint = await asyncio.wait_for(second.communicate(), 20)
        assert second.returncode == 1
        assert complaint.decode().startswith("sandbox: ")
        assert complaint.count(b"\n") == 1
