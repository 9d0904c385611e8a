"""Works of every form, made when they are first asked for."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import attrs
import pytest

from danqing_providers.sandbox.gallery import MEDIA_TYPES, Gallery, Work

PICTURE = Work(name="w", dialect="d", model="m", prompt="江南", form="png", made_s=0, width=64, height=48)
BEGINNINGS = {
    "jpeg": b"\xff\xd8\xff",
    "png": b"\x89PNG",
    "webp": b"RIFF",
    "mp4": b"\0\0\0",
    "mov": b"\0\0\0",
    "wav": b"RIFF",
    "mp3": b"ID3",
}


@pytest.fixture
async def gallery(tmp_path: Path) -> AsyncIterator[Gallery]:
    """An empty gallery."""
    with ThreadPoolExecutor(1) as painters:
        async with Gallery(tmp_path, painters, clock=lambda: 0) as opened:
            yield opened


class TestForms:
    """What can be made."""

    @pytest.mark.parametrize("form", MEDIA_TYPES)
    async def test_each(self, gallery: Gallery, form: str) -> None:
        """The bytes begin as such bytes do."""
        seconds = 0 if MEDIA_TYPES[form].startswith("image/") else 0.5
        content = await gallery.bytes_of(attrs.evolve(PICTURE, form=form, seconds=seconds, sound=True))
        assert content.startswith(BEGINNINGS[form])

    async def test_last_frame(self, gallery: Gallery) -> None:
        """A picture with a length is another one than that without."""
        still = attrs.evolve(PICTURE, seconds=1)
        assert await gallery.bytes_of(still) != await gallery.bytes_of(PICTURE)

    async def test_the_same_is_made_once(self, gallery: Gallery) -> None:
        """Two works that look the same share their bytes."""
        other = attrs.evolve(PICTURE, name="w2", made_s=5)
        assert await gallery.bytes_of(other) is await gallery.bytes_of(PICTURE)

    def test_films_need_their_library(self, tmp_path: Path) -> None:
        """Without it a film is an error that says what to install; a picture is a picture."""
        code = f"""
            import asyncio, sys
            from concurrent.futures import ThreadPoolExecutor
            from pathlib import Path
            from danqing_providers.sandbox.gallery import FilmsUnavailable, Gallery, Work

            sys.modules["av"] = None

            async def main():
                with ThreadPoolExecutor(1) as painters:
                    async with Gallery(Path({str(tmp_path)!r}), painters, clock=lambda: 0) as gallery:
                        picture = Work(name="w", dialect="d", model="m", prompt="x", form="png", made_s=0)
                        assert await gallery.bytes_of(picture)
                        film = Work(name="f", dialect="d", model="m", prompt="x", form="mp4", made_s=0, seconds=1)
                        try:
                            await gallery.bytes_of(film)
                        except FilmsUnavailable as error:
                            assert "danqing[video]" in str(error)
                        else:
                            raise AssertionError("made a film")

            asyncio.run(main())
        """
        subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True, timeout=60)


class TestMemory:
    """What is kept of many works."""

    async def test_expired_ones_are_forgotten(self, tmp_path: Path) -> None:
        """Their descriptions leave the memory while the sandbox runs, the long-lived ones stay."""
        now_s = [0.0]
        with ThreadPoolExecutor(1) as painters:
            async with Gallery(tmp_path, painters, clock=lambda: now_s[0]) as gallery:
                await gallery.keep([attrs.evolve(PICTURE, name="long", kept_s=1_000)])
                await gallery.keep([attrs.evolve(PICTURE, name="short", kept_s=10)])
                now_s[0] = 100
                for number in range(256):
                    await gallery.keep([attrs.evolve(PICTURE, name=f"n{number}", made_s=100)])
                assert await gallery.find("short") is None
                assert await gallery.find("long") is not None
