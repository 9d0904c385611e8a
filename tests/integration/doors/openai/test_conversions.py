"""Pictures in another format than they were made in, for clients that do not read them."""

from __future__ import annotations

import asyncio
import io
import socket
from contextlib import suppress

from PIL import Image

from danqing_plugins import Job, Run, Source
from tests.integration.api.conftest import Client, Open
from tests.support.providers import ScriptedProvider
from tests.support.system import until

CROWD = 20


def noise() -> bytes:
    """Return a JPEG that is more than two megabytes as a PNG."""
    file = io.BytesIO()
    Image.effect_noise((1500, 1500), 60).save(file, "JPEG")
    return file.getvalue()


async def paint(job: Job, run: Run) -> None:
    async with run.call((0,), "f"):
        await run.deliver(0, Source.from_bytes(noise()))


async def ask(door: Client, path: str) -> tuple[bytes, asyncio.StreamReader, asyncio.StreamWriter]:
    """Ask, and read how the answer begins, and no more of it than fits into small buffers."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
    connection.setblocking(False)
    await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", door.port))
    reader, writer = await asyncio.open_connection(sock=connection, limit=4096)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    return (await reader.readline()).split()[1], reader, writer


async def hang_up(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()
    with suppress(ConnectionError):
        await writer.wait_closed()


async def test_few_are_held_in_memory_for_who_does_not_read(open_api: Open) -> None:
    """Each is there whole until it is sent: one client gets half of the places, and is to come again for more."""
    async with open_api(workers=True, provider=ScriptedProvider(paint)) as door:
        door.app.ctx.conversions.wait_s = 1.0
        wish = {"prompt": "noise", "response_format": "url"}
        made = await door.ask("POST", "/v1/images/generations", json=wish)
        task_id = made.headers["X-Danqing-Task"]
        path = f"/v1/images/wait/{task_id}?f=b64&o=png"
        async with asyncio.timeout(60):
            crowd = await asyncio.gather(*(ask(door, path) for _ in range(CROWD)))
        assert [status for status, _, _ in crowd].count(b"200") == door.app.ctx.conversions.most // 2
        assert {status for status, _, _ in crowd} == {b"200", b"503"}
        for _, _, writer in crowd:
            await hang_up(writer)

        async def is_served() -> bool:
            status, _, writer = await ask(door, path)
            await hang_up(writer)
            return status == b"200"

        await until(is_served, what="there is room again", timeout_s=60)
