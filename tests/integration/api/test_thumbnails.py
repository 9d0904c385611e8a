"""Thumbnails: small, upright, made once, and gone with their picture."""

from __future__ import annotations

import asyncio
import io
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import attrs
import pytest
from PIL import Image

from danqing_plugins import OutputKind, Source
from danqing_server.assets.spool import Spool
from danqing_server.assets.thumbnailing import THREADS
from tests.integration.api.conftest import Client, Open, Reply
from tests.support.films import film, sound
from tests.support.system import until
from tests.unit.assets.pictures import FORMATS, picture


def size_of(reply: Reply) -> tuple[int, int]:
    """Return the size of an answer's picture, which is a WebP."""
    assert (reply.status, reply.headers["Content-Type"]) == (200, "image/webp")
    with Image.open(io.BytesIO(reply.body)) as shown:
        shown.load()
        return shown.size


async def kept(api: Client, body: bytes, kind: OutputKind = OutputKind.IMAGE) -> str:
    """Store an output, and return the path at which it is served."""
    asset = await api.services.assets.keep("t1", 0, Source.from_bytes(body), kind=kind)
    return f"/api/v1/assets/{asset.key}"


class TestMade:
    """By the first who asks."""

    @pytest.mark.parametrize("format_", FORMATS)
    async def test_of_every_format(self, api: Client, format_: str) -> None:
        """Within the width, in the picture's shape."""
        path = await kept(api, picture(format_, 800, 400))
        assert size_of(await api.ask("GET", f"{path}?w=256")) == (256, 128)
        assert size_of(await api.ask("GET", f"{path}?w=512")) == (512, 256)

    @pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16"])
    async def test_of_every_mode(self, api: Client, mode: str) -> None:
        """Also those that WebP has not."""
        file = io.BytesIO()
        Image.new(mode, (600, 300)).save(file, "PNG")
        assert size_of(await api.ask("GET", f"{await kept(api, file.getvalue())}?w=256")) == (256, 128)

    async def test_none_is_enlarged(self, api: Client) -> None:
        """And a tall one is as narrow as that makes it."""
        assert size_of(await api.ask("GET", f"{await kept(api, picture('png', 96, 64))}?w=1024")) == (96, 64)
        assert size_of(await api.ask("GET", f"{await kept(api, picture('png', 10, 3000))}?w=256")) == (1, 256)

    async def test_upright(self, api: Client) -> None:
        """As the camera says it was held."""
        exif = Image.Exif()
        exif[0x0112] = 6
        path = await kept(api, picture("jpeg", 800, 400, exif=exif))
        assert size_of(await api.ask("GET", f"{path}?w=256")) == (128, 256)

    async def test_a_video_has_its_poster_s(self, api: Client) -> None:
        """Sound has none."""
        path = await kept(api, film(size=(640, 360)), OutputKind.VIDEO)
        assert size_of(await api.ask("GET", f"{path}?w=256")) == (256, 144)
        quiet = await kept(api, sound(), OutputKind.AUDIO)
        assert (await api.ask("GET", f"{quiet}?w=256")).status == 404

    async def test_for_good(self, api: Client) -> None:
        """By a tag of its own, immutable; in parts, too."""
        path = f"{await kept(api, picture('png', 800, 400))}?w=256"
        first = await api.ask("GET", path)
        assert "immutable" in first.headers["Cache-Control"]
        tag = first.headers["ETag"]
        assert (await api.ask("GET", path, headers={"If-None-Match": tag})).status == 304
        part = await api.ask("GET", path, headers={"Range": "bytes=0-9"})
        assert (part.status, part.body) == (206, first.body[:10])

    async def test_once(self, api: Client) -> None:
        """However many ask for it at the same moment."""
        path = f"{await kept(api, picture('png', 800, 400))}?w=512"
        replies = await asyncio.gather(*(api.ask("GET", path) for _ in range(20)))
        assert len({reply.body for reply in replies}) == 1
        assert len({reply.headers["Last-Modified"] for reply in replies}) == 1
        root = api.services.assets.place.root  # type: ignore[attr-defined] # a folder, in these tests
        assert len(list(root.glob("t1/*-w512.webp"))) == 1

    async def test_a_client_that_leaves(self, api: Client) -> None:
        """What it asked for is made all the same, or not; nothing stays behind."""
        path = f"{await kept(api, picture('png', 2000, 2000))}?w=1024"
        asking = asyncio.create_task(api.ask("GET", path))
        await asyncio.sleep(0)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        assert size_of(await api.ask("GET", path)) == (1024, 1024)


class TestTurns:
    """Each takes a processor's time, and anybody may have many pictures."""

    async def test_clients_take_turns(self, api: Client) -> None:
        """Who wants one waits for one of a client's many, not for all."""
        paths = [await kept(api, picture("png", 300, 200)) for _ in range(21)]
        thumbnails, over, answered = api.services.thumbnails, threading.Event(), list[str]()
        for _ in range(THREADS):
            thumbnails._pool.submit(over.wait)

        async def ask(path: str, address: str) -> None:
            size_of(await api.ask("GET", f"{path}?w=256", headers={"X-Forwarded-For": address}))
            answered.append(address)

        def asked(count: int) -> Callable[[], Awaitable[bool]]:
            async def look() -> bool:
                return len(thumbnails._making) == count

            return look

        try:
            async with asyncio.TaskGroup() as asking:
                for path in paths[1:]:
                    asking.create_task(ask(path, "192.0.2.1"))
                await until(asked(20), what="all are asked for")
                asking.create_task(ask(paths[0], "192.0.2.2"))
                await until(asked(21), what="the other one is asked for")
                over.set()
        finally:
            over.set()
        assert answered.index("192.0.2.2") < len(answered) // 2


@attrs.frozen
class Deleting:
    """A place whose task is deleted right before something of it is put there."""

    real: Any

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    async def put(self, spool: Spool, key: str) -> None:
        await self.real.delete_task("t1")
        await self.real.put(spool, key)


class TestGone:
    """With its picture."""

    async def test_deleted_with_the_task(self, api: Client) -> None:
        """The folder goes as it is."""
        path = await kept(api, picture("png", 800, 400))
        await api.ask("GET", f"{path}?w=256")
        await api.services.assets.delete_task("t1")
        for width in (256, 512):
            assert (await api.ask("GET", f"{path}?w={width}")).status == 404

    async def test_deleted_while_it_is_made(self, api: Client) -> None:
        """Nothing comes back."""
        path = await kept(api, picture("png", 800, 400))
        assets = api.services.assets
        folder: Any = assets.place
        assets.place = Deleting(folder)
        assert (await api.ask("GET", f"{path}?w=256")).status == 404
        assert not list(folder.root.glob("t1/*"))


class TestRefused:
    """What is no width, and what has no thumbnails."""

    @pytest.mark.parametrize("query", ["w=0", "w=300", "w=256x", "w=99999999999"])
    async def test_widths(self, api: Client, query: str) -> None:
        """400 says which there are: nobody fills the storage."""
        reply = await api.ask("GET", f"{await kept(api, picture())}?{query}")
        assert (reply.status, reply.json["details"][0]["field"]) == (400, "w")
        assert "256, 512, 1024" in reply.json["details"][0]["message"]

    async def test_a_thumbnail_has_none(self, api: Client) -> None:
        """Nor has what is not there."""
        path = await kept(api, picture("png", 800, 400))
        await api.ask("GET", f"{path}?w=512")
        own = f"{path.rpartition('.')[0]}-w512.webp"
        assert (await api.ask("GET", own)).status == 200
        for missing in (own, "/api/v1/assets/t1/0-00.png", "/api/v1/assets/x", "/api/v1/assets/../x"):
            assert (await api.ask("GET", f"{missing}?w=256")).status == 404

    async def test_other_words_are_passed_over(self, api: Client) -> None:
        """As they were before: some clients add their own."""
        path = await kept(api, picture("png"))
        assert (await api.ask("GET", f"{path}?v=3")).body == (await api.ask("GET", path)).body


class TestAtOnce:
    """With the check, of what was decoded for it."""

    @pytest.mark.parametrize("format_", ["png", "jpeg", "webp"])
    async def test_it_is_there(self, open_api: Open, format_: str) -> None:
        """Before anybody asks; the picture is as it was sent."""
        async with open_api(DANQING_THUMBNAILS="at_once") as api:
            body = picture(format_, 1600, 800)
            path = await kept(api, body)
            root = api.services.assets.place.root  # type: ignore[attr-defined] # a folder, in these tests
            (made,) = root.glob("t1/*-w512.webp")
            shown = await api.ask("GET", f"{path}?w=512")
            assert (shown.body, size_of(shown)) == (made.read_bytes(), (512, 256))
            assert (await api.ask("GET", path)).body == body
            assert size_of(await api.ask("GET", f"{path}?w=256")) == (256, 128)

    async def test_a_cut_picture_is_still_found_out(self, open_api: Open) -> None:
        """Though it is decoded larger."""
        async with open_api(DANQING_THUMBNAILS="at_once") as api:
            for format_ in ("png", "jpeg"):
                body = picture(format_, 1600, 800)
                for cut in (len(body) // 2, len(body) - 3):
                    with pytest.raises(Exception, match="cut off"):
                        await kept(api, body[:cut])
