"""Archives that are made while they are sent."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from pathlib import Path
from zipfile import ZipFile

import pytest

from danqing_server.errors import NotFound
from danqing_server.http.zips import Member, safe_name, zipped


async def _archive(name: str) -> ZipFile:
    async def chunks() -> AsyncGenerator[bytes, None]:
        yield b"a picture"

    async def members() -> AsyncGenerator[Member, None]:
        yield Member(name=name, size_bytes=9, at=datetime(2026, 11, 30, tzinfo=UTC), chunks=chunks())

    return ZipFile(io.BytesIO(b"".join([part async for part in zipped(members())])))


def _only_file_in(folder: Path) -> bytes:
    (found,) = folder.iterdir()
    return found.read_bytes()


class TestNames:
    @pytest.mark.parametrize("name", ["x" * 128, "山" * 128, "𠮷" * 128, "../" * 40, "a\x00b\u2028c", "…", "CON"])
    async def test_a_file_of_any_name_can_be_unpacked(self, name: str, tmp_path: Path) -> None:
        """File systems count bytes, of which a rare Chinese character has four."""
        archive = await _archive(f"00001-{safe_name(name)}-100.jpeg")
        archive.extractall(tmp_path)
        assert (await asyncio.to_thread(_only_file_in, tmp_path)) == b"a picture"


class TestGone:
    async def test_what_goes_while_it_is_sent_is_left_out(self) -> None:
        """The others are there, whole, and who named it is told."""

        async def broken_off() -> AsyncGenerator[bytes, None]:
            yield b"half of"
            raise NotFound("asset", "t/1")

        async def members() -> AsyncGenerator[Member, None]:
            for member in sent:
                yield member

        at = datetime(2026, 11, 30, tzinfo=UTC)
        chunks = {"0.png": _only(b"before"), "山.png": broken_off(), "2.png": _only(b"after")}
        sent = [Member(name=name, size_bytes=9, at=at, chunks=each) for name, each in chunks.items()]
        archive = ZipFile(io.BytesIO(b"".join([part async for part in zipped(members())])))
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == {"0.png": b"before", "2.png": b"after"}
        assert [member.is_gone for member in sent] == [False, True, False]


class TestEnd:
    async def test_others_go_on_while_the_files_are_listed(self) -> None:
        """Of a batch there may be a hundred thousand, and their list takes seconds."""
        turns = 0

        async def others() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        async def members() -> AsyncGenerator[Member, None]:
            for number in range(20_000):
                yield Member(
                    name=f"{number}.png", size_bytes=0, at=datetime(2026, 11, 30, tzinfo=UTC), chunks=_nothing()
                )
            beginning.append(turns)

        beginning: list[int] = []
        going_on = asyncio.create_task(others())
        await asyncio.sleep(0)
        async for _ in zipped(members()):
            pass
        going_on.cancel()
        assert turns > beginning[0]


async def _only(body: bytes) -> AsyncGenerator[bytes, None]:
    yield body


async def _nothing() -> AsyncGenerator[bytes, None]:
    return
    yield b""
