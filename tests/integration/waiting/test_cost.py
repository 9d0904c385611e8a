"""R4: what waits costs little, however many wait: calls and streams of one real process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import attrs
import pytest

from tests.integration.waiting.conftest import Held
from tests.support.serving import ServingProcess, run_serving
from tests.support.system import MakeSettings, running_system

WARM, MANY = 100, 500
CALL_BYTES = 20_000
STREAM_BYTES = 25_000


@attrs.define(eq=False)
class _Crowd:
    """Clients of one process that all ask the same."""

    process: ServingProcess
    task_id: str
    session: aiohttp.ClientSession
    writers: list[asyncio.StreamWriter] = attrs.field(factory=list)

    async def ask(self, count: int, path: str, header: str, first: bytes | None) -> None:
        """Let *count* more ask, and return when all of them wait: once each read *first*, if it is not None."""
        port, readers = self.process.port, []
        for _ in range(count):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{header}\r\n\r\n".encode())
            readers.append(reader)
            self.writers.append(writer)
        if first is not None:
            await asyncio.gather(*(reader.readuntil(first) for reader in readers))
        for _ in range(20):  # each behind those that asked before
            async with self.session.get(f"http://127.0.0.1:{port}/api/v1/tasks/{self.task_id}") as answer:
                assert answer.status == 200

    def held_bytes(self) -> int:
        """Return what the process holds."""
        found = self.process.resident_bytes()
        if found is None:
            pytest.skip("the system does not tell")
        return found


@asynccontextmanager
async def crowd(make_settings: MakeSettings, folder: Path) -> AsyncIterator[_Crowd]:
    """Run a process in which a task waits for workers that are not there."""
    settings = make_settings()
    async with running_system(settings, [Held()], workers=False) as system, aiohttp.ClientSession() as session:
        task = await system.submit()
        with run_serving(folder, {**settings.environment, "DANQING_ROLE": "api"}) as process:
            found = _Crowd(process, task.id, session)
            try:
                yield found
            finally:
                for writer in found.writers:
                    writer.close()


class TestCost:
    @pytest.mark.parametrize(
        ("path", "header", "first", "most_bytes"),
        [
            ("/api/v1/tasks/{}", "Prefer: wait=55", None, CALL_BYTES),
            ("/api/v1/tasks/{}/events", "Accept: text/event-stream", b"event: task", STREAM_BYTES),
            ("/api/v1/events", "Accept: text/event-stream", b"\nid: ", STREAM_BYTES),
        ],
    )
    async def test_each_of_many_is_cheap(
        self,
        make_settings: MakeSettings,
        tmp_path: Path,
        path: str,
        header: str,
        first: bytes | None,
        most_bytes: int,
    ) -> None:
        """Five hundred wait, beyond what the first ones brought in."""
        async with crowd(make_settings, tmp_path) as waiting:
            await waiting.ask(WARM, path.format(waiting.task_id), header, first)
            before_bytes = waiting.held_bytes()
            await waiting.ask(MANY, path.format(waiting.task_id), header, first)
            each_bytes = (waiting.held_bytes() - before_bytes) / MANY
        print(f"{each_bytes:.0f} bytes each")
        assert each_bytes <= most_bytes
