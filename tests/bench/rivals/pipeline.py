"""What all rivals share: the straightforward pipeline a competent user would write, without any of our guarantees.

insert_one, a queue, update_one to processing, POST to the service, update_one with what came. MongoDB's default
write concern unless BENCH_JOURNALED=1 asks for ours (`w: majority, j: true`).
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
from motor.motor_asyncio import AsyncIOMotorClient
from PIL import Image

__all__ = ["Pipeline", "Settings"]


class Settings:
    """The variables that the harness sets."""

    def __init__(self) -> None:
        self.mongo_url = os.environ["MONGO_URL"]
        self.redis_url = os.environ["REDIS_URL"]
        self.database = os.environ["DANQING_DATABASE"]
        self.prefix = os.environ["DANQING_REDIS_PREFIX"]
        self.upstream = os.environ["BENCH_UPSTREAM"]
        self.concurrency = int(os.environ["DANQING_CONCURRENCY"])
        self.runs_workers = os.environ["DANQING_ROLE"] == "all"
        self.journaled = os.environ.get("BENCH_JOURNALED") == "1"
        self.pictures = Path(os.environ["DANQING_DATA_DIR"]) / "pictures"


class Pipeline:
    """The steps of a task between HTTP and the queue."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        concern: dict[str, Any] = {"w": "majority", "journal": True} if settings.journaled else {}
        self.client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(settings.mongo_url, **concern)
        self.tasks = self.client[settings.database]["danqing_tasks"]
        self.session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        settings.pictures.mkdir(parents=True, exist_ok=True)

    async def prepare(self) -> None:
        """Create the index that lists of a user's tasks need."""
        await self.tasks.create_index([("user_id", 1), ("created_at", -1)])

    async def submit(self, body: dict[str, Any]) -> dict[str, Any]:
        """Store a new task."""
        now = datetime.now(UTC)
        task = {
            "_id": f"{body['type']}-{uuid.uuid4().hex}",
            "user_id": body["user_id"],
            "type": body["type"],
            "model": body["model"],
            "input": body["input"],
            "status": "pending",
            "created_at": now,
            "updated_at": now,
        }
        await self.tasks.insert_one(task)
        return task

    async def find(self, task_id: str) -> dict[str, Any] | None:
        """Return a task."""
        return await self.tasks.find_one({"_id": task_id})

    async def carry_out(self, job: dict[str, Any]) -> None:
        """Run one task from start to end; *job* holds its `id`, `type` and `input`, as the queue brought them."""
        task_id = job["id"]
        started = {"status": "processing", "started_at": datetime.now(UTC)}
        await self.tasks.update_one({"_id": task_id}, {"$set": started})
        async with self.session.post(self.settings.upstream, json=job["input"]) as response:
            response.raise_for_status()
            url = (await response.json())["url"]
        output: dict[str, Any] = {"url": url}
        if job["type"] == "image":
            output |= await self._keep(task_id, url)
        now = datetime.now(UTC)
        ended = {"status": "completed", "output": output, "completed_at": now, "updated_at": now}
        await self.tasks.update_one({"_id": task_id}, {"$set": ended})

    async def _keep(self, task_id: str, url: str) -> dict[str, Any]:
        """Fetch a picture whole, check that it decodes, and write it; it is not synced."""
        async with self.session.get(url) as response:
            response.raise_for_status()
            body = await response.read()
        return await asyncio.to_thread(_check_and_write, body, self.settings.pictures / f"{task_id}.png")

    async def close(self) -> None:
        """Let go of the connections."""
        await self.session.close()
        self.client.close()


def _check_and_write(body: bytes, path: Path) -> dict[str, Any]:
    with Image.open(io.BytesIO(body)) as picture:
        picture.load()
        found = {"width": picture.width, "height": picture.height, "sha256": hashlib.sha256(body).hexdigest()}
    path.write_bytes(body)
    return found
