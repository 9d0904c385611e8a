"""Pictures taken along as one archive, and pictures deleted one by one."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import orjson
from PIL import Image

from danqing_server.records.tasks import Status
from tests.integration.api.conftest import Client
from tests.support.shelf import Shelf
from tests.unit.assets.pictures import picture

ROUTE = "/api/v1/pictures"

SENSELESS: list[dict[str, Any]] = [
    {},
    {"ids": []},
    {"ids": "t/0"},
    {"ids": ["t"]},
    {"ids": [1]},
    {"ids": ["t/0"] * 2_001},
    {"ids": ["t/0"], "name": "{secret}"},
    {"ids": ["t/0"], "name": "{n.__class__}"},
    {"ids": ["t/0"], "name": ""},
    {"ids": ["t/0"], "more": 1},
]


async def archive_of(api: Client, **body: Any) -> zipfile.ZipFile:
    """Return the archive that *body* asks for, whole."""
    reply = await api.ask("POST", f"{ROUTE}/zip", json=body)
    assert (reply.status, reply.headers["Content-Type"]) == (200, "application/zip"), reply.body
    archive = zipfile.ZipFile(io.BytesIO(reply.body))
    assert archive.testzip() is None
    return archive


class TestArchives:
    async def test_pictures_and_what_made_them(self, api: Client, shelf: Shelf) -> None:
        """In the order asked for, byte for byte, with the settings beside each."""
        red, blue = picture("png", 20, 10), picture("jpeg", 10, 20)
        await shelf.put("t", red, blue, input={"prompt": "水墨 山谷/..\\a", "size": "2K"})
        archive = await archive_of(api, ids=["t/1", "t/0"])
        names = ["2026-11-24-one-水墨_山谷_.._a-001", "2026-11-24-one-水墨_山谷_.._a-002"]
        wanted = [f"{names[0]}.jpeg", f"{names[0]}.json", f"{names[1]}.png", f"{names[1]}.json"]
        assert archive.namelist() == wanted
        assert (archive.read(wanted[0]), archive.read(wanted[2])) == (blue, red)
        settings = orjson.loads(archive.read(wanted[1]))
        assert settings["task"]["input"] == {"prompt": "水墨 山谷/..\\a", "size": "2K"}
        assert (settings["picture"]["id"], settings["picture"]["width"]) == ("t/1", 10)

    async def test_names_of_one_s_own(self, api: Client, shelf: Shelf) -> None:
        """Of a template; two that would be called alike are not."""
        body = picture("png", 20, 10)
        await shelf.put("t", body, body)
        archive = await archive_of(api, ids=["t/0", "t/1"], name="{user}-{width}x{height}")
        assert archive.namelist() == ["u1-20x10.png", "u1-20x10.json", "u1-20x10-2.png", "u1-20x10-2.json"]

    async def test_what_is_gone_is_named(self, api: Client, shelf: Shelf) -> None:
        """Also what is only known, and no longer stored. When nothing is there, that is 404."""
        await shelf.put("t", picture("png"))
        await shelf.note("lost")
        archive = await archive_of(api, ids=["t/0", "gone/0", "lost/0"], name="{task}")
        assert archive.namelist() == ["t.png", "t.json", "missing.json"]
        assert orjson.loads(archive.read("missing.json")) == {"missing": ["gone/0", "lost/0"]}
        reply = await api.ask("POST", f"{ROUTE}/zip", json={"ids": ["gone/0"]})
        assert (reply.status, reply.json["code"]) == (404, "picture_not_found")

    async def test_what_goes_while_it_is_sent_is_named(self, api: Client, shelf: Shelf) -> None:
        """The rest of the archive is whole: half of it may have been on its way for an hour."""
        file = io.BytesIO()
        Image.new("RGB", (3000, 3000)).save(file, "PNG", compress_level=0)
        first, last = picture("png", 20, 10), picture("png", 10, 20)
        for task_id, body in (("first", first), ("large", file.getvalue()), ("last", last)):
            await shelf.put(task_id, body)
        wanted = {"ids": ["first/0", "large/0", "last/0"], "name": "{task}"}
        async with api.session.post(f"{api.base}{ROUTE}/zip", json=wanted) as reply:
            begun = await reply.content.readexactly(1024 * 1024)
            assert (await api.ask("DELETE", "/api/v1/tasks/large")).status == 200
            archive = zipfile.ZipFile(io.BytesIO(begun + await reply.read()))
        assert archive.testzip() is None
        assert archive.namelist() == ["first.png", "first.json", "last.png", "last.json", "missing.json"]
        assert (archive.read("first.png"), archive.read("last.png")) == (first, last)
        assert orjson.loads(archive.read("missing.json")) == {"missing": ["large/0"]}

    async def test_no_picture_is_called_as_the_list_of_those_that_are_missing(
        self, api: Client, shelf: Shelf
    ) -> None:
        """Of two files of one name an unpacker keeps one."""
        await shelf.put("t", picture("png"))
        archive = await archive_of(api, ids=["t/0", "gone/0"], name="missing")
        assert archive.namelist() == ["missing-2.png", "missing-2.json", "missing.json"]

    async def test_what_makes_no_sense_is_said(self, api: Client) -> None:
        """400, before anything is sent."""
        for body in SENSELESS:
            assert (await api.ask("POST", f"{ROUTE}/zip", json=body)).status == 400, body


class TestDeleted:
    async def test_one_of_two(self, api: Client, shelf: Shelf) -> None:
        """It is gone everywhere, with its thumbnails; the other one and the task stay."""
        task = await shelf.put("t", picture("png", 800, 400), picture("png", 20, 10))
        paths = [f"/api/v1/assets/{output.asset.key}" for output in task.kept if output.asset is not None]
        assert (await api.ask("GET", f"{paths[0]}?w=256")).status == 200
        await api.ask("PUT", f"{ROUTE}/t/0/star")
        await api.ask("GET", "/api/v1/tasks/t")
        reply = await api.ask("DELETE", f"{ROUTE}/t/0")
        assert (reply.status, reply.json["data"]) == (200, {"id": "t/0"})
        for gone in (paths[0], f"{paths[0]}?w=256"):
            assert (await api.ask("GET", gone)).status == 404
        assert (await api.ask("GET", paths[1])).status == 200
        assert (await api.ask("GET", f"{ROUTE}/index")).json["data"]["ids"] == ["t/1"]
        assert (await api.ask("GET", f"{ROUTE}/index?starred=true")).json["data"]["ids"] == []
        shown = (await api.ask("GET", "/api/v1/tasks/t")).json["data"]
        assert (shown["status"], [each["index"] for each in shown["output"]["images"]]) == ("completed", [1])
        assert (await api.ask("DELETE", f"{ROUTE}/t/0")).status == 404

    async def test_while_the_storage_is_away(self, api: Client, shelf: Shelf) -> None:
        """503; whoever asks again is not told that there is no such picture while its address still gives it."""
        task = await shelf.put("t", picture("png"), picture("png"))
        path = next(f"/api/v1/assets/{output.asset.key}" for output in task.kept if output.asset is not None)
        folder = api.services.settings.data_dir / "pictures" / "t"
        folder.rename(folder.with_name("elsewhere"))
        folder.write_bytes(b"")
        assert (await api.ask("DELETE", f"{ROUTE}/t/0")).status == 503
        assert (await api.ask("GET", f"{ROUTE}/index")).json["data"]["ids"] == ["t/1"]
        folder.unlink()
        folder.with_name("elsewhere").rename(folder)
        assert (await api.ask("GET", path)).status == 200
        assert (await api.ask("DELETE", f"{ROUTE}/t/0")).status == 200
        assert (await api.ask("GET", path)).status == 404
        assert (await api.ask("DELETE", f"{ROUTE}/t/0")).status == 404

    async def test_of_a_task_that_runs(self, api: Client, shelf: Shelf) -> None:
        """409: what it makes next is not ours to count on."""
        await shelf.note("t", status=Status.PROCESSING)
        reply = await api.ask("DELETE", f"{ROUTE}/t/0")
        assert (reply.status, reply.json["code"]) == (409, "task_processing")

    async def test_with_its_task(self, api: Client, shelf: Shelf) -> None:
        """What a deleted task made is in no list."""
        await shelf.put("t", picture("png"))
        assert (await api.ask("DELETE", "/api/v1/tasks/t")).status == 200
        assert (await api.ask("GET", f"{ROUTE}/index")).json["data"]["ids"] == []


class TestColours:
    async def test_known_with_the_first_thumbnail(self, api: Client, shelf: Shelf) -> None:
        """The mean of the picture; until then nobody was slowed down for it."""
        file = io.BytesIO()
        Image.new("RGB", (600, 300), (10, 200, 30)).save(file, "PNG")
        await shelf.put("t", file.getvalue())

        async def shown() -> dict[str, Any]:
            pictures = (await api.ask("GET", f"{ROUTE}?ids=t/0")).json["data"]["pictures"]
            found: dict[str, Any] = pictures[0]
            return found

        before = await shown()
        assert (before["width"], before["height"], before["colour"]) == (600, 300, None)
        assert (await api.ask("GET", f"{before['path']}?w=256")).status == 200
        assert (await shown())["colour"] == "#0ac81e"
