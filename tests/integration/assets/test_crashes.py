"""A process killed at any step leaves no half picture at a key, and its leftovers go at the next start."""

from __future__ import annotations

import asyncio
import signal
import sys
import textwrap
from pathlib import Path

import aiohttp
import pytest

from danqing_server.assets.opening import open_assets
from danqing_server.settings.server import Settings
from tests.integration.assets.conftest import LIMITS, Answer, Serve, eventually, files_below, respond
from tests.unit.assets.pictures import picture

pytestmark = pytest.mark.kills

BODY = picture("png", 500, 400)

# Keeps one picture, and stops for good at the step it is told, right after saying so.
CHILD = textwrap.dedent(
    """
    import asyncio, sys
    from pathlib import Path
    import aiohttp, attrs
    from danqing_plugins import Source
    from danqing_server.assets.opening import open_assets
    from danqing_server.settings.server import Settings

    folder, url, step = sys.argv[1:]

    async def stop():
        print("reached", flush=True)
        await asyncio.Event().wait()

    @attrs.frozen
    class Stopping:
        real: object
        store: object

        async def put(self, spool, key):
            if step == "checked":
                await stop()
            await self.real.put(spool, key)
            if step == "stored":
                await stop()

    async def main():
        async with aiohttp.ClientSession() as session:
            async with open_assets(Settings(data_dir=Path(folder)), session) as assets:
                assets.place = Stopping(assets.place, assets.place.store)
                await assets.keep("t", 0, Source.from_url(url))

    asyncio.run(main())
    """
)


async def half(writer: asyncio.StreamWriter) -> None:
    """Send half of the picture, and nothing more."""
    await respond(BODY[: len(BODY) // 2], length=len(BODY))(writer)
    await writer.drain()
    await asyncio.Event().wait()


class TestKilled:
    """`kill -9` during the download, after the check, and after the rename."""

    @pytest.mark.parametrize(
        ("step", "answer"), [("downloading", half), ("checked", respond(BODY)), ("stored", respond(BODY))]
    )
    async def test_a_key_holds_a_whole_picture_or_nothing(
        self,
        tmp_path: Path,
        settings: Settings,
        session: aiohttp.ClientSession,
        serve: Serve,
        step: str,
        answer: Answer,
    ) -> None:
        """And the next start finds the spool empty, though another process works in it."""
        upstream = await serve(answer)
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", CHILD, str(tmp_path), upstream.url, step, stdout=asyncio.subprocess.PIPE
        )
        try:
            if step == "downloading":
                await eventually(lambda: files_below(tmp_path) != [], within_s=10)
            else:
                assert child.stdout is not None
                await asyncio.wait_for(child.stdout.readline(), 10)
        finally:
            child.send_signal(signal.SIGKILL)
            await child.wait()
        left = files_below(tmp_path / "pictures")
        assert [name for name in left if not name.startswith(".spool/")] == left[: 1 if step == "stored" else 0]
        assert len(left) == 1
        if step == "stored":
            assert (tmp_path / "pictures" / left[0]).read_bytes() == BODY
        async with open_assets(settings, session, limits=LIMITS):
            assert files_below(tmp_path / "pictures" / ".spool") == []

    async def test_a_start_leaves_another_process_its_work(
        self, tmp_path: Path, settings: Settings, session: aiohttp.ClientSession, serve: Serve
    ) -> None:
        """A process that starts while another downloads does not take its file away."""
        upstream = await serve(half)
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", CHILD, str(tmp_path), upstream.url, "-", stdout=asyncio.subprocess.DEVNULL
        )
        try:
            await eventually(lambda: files_below(tmp_path) != [], within_s=10)
            async with open_assets(Settings(data_dir=tmp_path), session, limits=LIMITS):
                assert len(files_below(tmp_path)) == 1
        finally:
            child.send_signal(signal.SIGKILL)
            await child.wait()
