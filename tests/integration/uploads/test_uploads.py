"""Pictures sent ahead: taken in whole, their project's alone, used in tasks, and gone when nobody wants them."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import attrs
import pytest

from danqing_plugins import Job, Run, Source
from danqing_server.access.caller import Caller
from danqing_server.assets.keys import upload_key
from danqing_server.errors import PictureRejected, StorageUnavailable
from danqing_server.records.tasks import Status
from danqing_server.records.uploads import Upload
from danqing_server.store.reach import Reach
from tests.integration.api.conftest import Client, Open
from tests.support.providers import ScriptedProvider
from tests.support.system import until
from tests.unit.assets.pictures import FORMATS, picture

UPLOADS = "/api/v1/uploads"
BODY = picture("png", 320, 200)
KEYS = "shop:sk-shop-0123456789abcdef,paper:sk-paper-0123456789abcdef"
SHOP = {"Authorization": "Bearer sk-shop-0123456789abcdef"}
PAPER = {"Authorization": "Bearer sk-paper-0123456789abcdef"}


async def send(api: Client, body: bytes = BODY, status: int = 201, **headers: str) -> Any:
    reply = await api.ask("POST", UPLOADS, data=io.BytesIO(body), headers={"Content-Type": "image/png", **headers})
    assert reply.status == status, reply.json
    return reply.json["data"] if status < 300 else reply.json


def stored(api: Client) -> list[str]:
    """Return the files of uploads that stand in the storage."""
    root: Path = api.services.assets.place.root  # type: ignore[attr-defined] # a folder, in these tests
    return sorted(str(path.relative_to(root)) for path in root.glob("upl_*/*"))


class Away:
    """A storage that is."""

    async def put(self, _spool: Any, _key: str) -> None:
        """See `Place.put`."""
        raise StorageUnavailable("uploading a picture: GenericError")


def spoil(api: Client, left: bytes | None) -> None:
    """Have the storage lose the one upload, but for what is *left*."""
    [path] = api.services.assets.place.root.glob("upl_*/*")  # type: ignore[attr-defined] # a folder, in these tests
    path.unlink()
    if left is not None:
        path.write_bytes(left)


class TestSent:
    """What is sent is checked and kept as it is."""

    async def test_the_body_itself(self, api: Client) -> None:
        """It is found, listed and served, byte for byte."""
        told = await send(api)
        assert (told["width"], told["height"], told["media_type"]) == (320, 200, "image/png")
        assert (told["size_bytes"], told["sha256"]) == (len(BODY), hashlib.sha256(BODY).hexdigest())
        assert told["uri"] == f"upload://{told['id']}"
        assert (await api.ask("GET", told["path"])).body == BODY
        assert told["url"].endswith(told["path"])
        assert (await api.ask("GET", f"{UPLOADS}/{told['id']}")).json["data"] == told
        assert (await api.ask("GET", UPLOADS)).json["data"]["uploads"] == [told]

    @pytest.mark.parametrize("format_", FORMATS)
    async def test_every_format(self, api: Client, format_: str) -> None:
        """Its own bytes say what it is, not its content type."""
        assert (await send(api, picture(format_)))["media_type"] == f"image/{format_}"

    async def test_a_form(self, api: Client) -> None:
        """Other fields are passed over; the picture may be larger than what is held of it."""
        body = picture("bmp", 900, 900)
        form = aiohttp.FormData()
        form.add_field("purpose", "vision")
        form.add_field("file", io.BytesIO(body), filename="a.bmp", content_type="application/octet-stream")
        reply = await api.ask("POST", UPLOADS, data=form)
        assert (reply.status, reply.json["data"]["sha256"]) == (201, hashlib.sha256(body).hexdigest())
        assert api.app.ctx.body_budget.held_bytes == 0

    async def test_the_same_again(self, api: Client) -> None:
        """It is one upload, in one file, that lives longer."""
        first = await send(api)
        again = await send(api, status=200)
        assert again["id"] == first["id"]
        assert again["expires_at"] >= first["expires_at"]
        assert len(stored(api)) == 1

    @pytest.mark.parametrize("left", [None, b"torn"])
    async def test_the_same_again_after_the_storage_lost_it(self, api: Client, left: bytes | None) -> None:
        """Its bytes are here again: the upload that the project has is whole."""
        told = await send(api)
        spoil(api, left)
        assert (await send(api, status=200))["id"] == told["id"]
        assert (await api.ask("GET", told["path"])).body == BODY

    async def test_the_same_at_once(self, api: Client) -> None:
        """Whoever is first, all are told of one; what was written twice is swept."""
        told = await asyncio.gather(
            *(
                api.ask("POST", UPLOADS, data=io.BytesIO(BODY), headers={"Content-Type": "image/png"})
                for _ in range(8)
            )
        )
        assert len({each.json["data"]["id"] for each in told}) == 1
        assert sum(each.status == 201 for each in told) == 1
        await later(api, hours=2)
        assert len(stored(api)) == 1

    async def test_pages(self, api: Client) -> None:
        """The youngest first, each once."""
        ids = [(await send(api, picture("png", 10 + n, 10)))["id"] for n in range(5)]
        seen: list[str] = []
        cursor = ""
        while True:
            page = (await api.ask("GET", f"{UPLOADS}?limit=2{cursor}")).json["data"]
            seen += [each["id"] for each in page["uploads"]]
            if page["next_cursor"] is None:
                break
            cursor = f"&cursor={page['next_cursor']}"
        assert seen == sorted(ids, reverse=True)


async def later(api: Client, **ahead: float) -> None:
    """Sweep as if that much time had passed."""
    uploads = api.services.uploads
    now = uploads.clock.now() + timedelta(**ahead)
    for upload_id in await uploads.store.expired(now, 100):
        assert await uploads.store.condemn_expired(upload_id, now)
        await uploads._remove(upload_id)


class TestRefused:
    """What is no picture leaves nothing."""

    @pytest.mark.parametrize(
        ("body", "status", "code"),
        [
            (b"", 400, "picture_rejected"),
            (b"<html></html>", 400, "picture_rejected"),
            (BODY[: len(BODY) // 2], 400, "picture_rejected"),
        ],
    )
    async def test_no_picture(self, api: Client, body: bytes, status: int, code: str) -> None:
        """Cut, empty, or something else."""
        told = await send(api, body, status)
        assert told["code"] == code
        assert stored(api) == []

    async def test_too_large(self, open_api: Open) -> None:
        """For a picture, or for a body: however it is sent, and whether it says so before or not."""
        async with open_api(DANQING_MAX_PICTURE_BYTES="20000", DANQING_MAX_BODY_BYTES="1000000") as api:
            assert (await send(api, bytes(30_000), 400))["code"] == "picture_rejected"
            assert (await send(api, bytes(1_100_000), 413))["code"] == "body_too_large"

            async def unannounced() -> AsyncIterator[bytes]:
                yield BODY

            reply = await api.ask("POST", UPLOADS, data=unannounced())
            assert reply.status == 400
            assert stored(api) == []
            assert list(api.services.assets.spool.iterdir()) == []

    async def test_forms(self, api: Client) -> None:
        """Without a file, or with two."""
        form = aiohttp.FormData(default_to_multipart=True)
        form.add_field("file", "text")
        reply = await api.ask("POST", UPLOADS, data=form)
        assert (reply.status, reply.json["details"][0]["field"]) == (400, "file")
        form = aiohttp.FormData()
        for name in ("a", "b"):
            form.add_field(name, BODY, filename=name, content_type="image/png")
        reply = await api.ask("POST", UPLOADS, data=form)
        assert (reply.status, reply.json["details"][0]["field"]) == (400, "b")
        assert stored(api) == []

    async def test_as_many_as_a_project_may_keep(self, open_api: Open) -> None:
        """The refusal says how many there are, and of how many; the same picture is still found."""
        async with open_api(DANQING_MAX_UPLOADS="2") as api:
            first = await send(api)
            await send(api, picture("png", 11, 10))
            told = await send(api, picture("png", 12, 10), 409, **{"Accept-Language": "en"})
            assert told["code"] == "uploads_full"
            assert "2 uploads" in told["message"]
            assert (await send(api, status=200))["id"] == first["id"]
            await api.ask("DELETE", f"{UPLOADS}/{first['id']}")
            await send(api, picture("png", 12, 10))

    async def test_what_could_not_be_stored_counts_no_longer(self, open_api: Open) -> None:
        """An outage, during which a client tries again and again, leaves its project its room."""
        async with open_api(DANQING_MAX_UPLOADS="2") as api:
            assets, away = api.services.assets, Away()
            there, assets.place = assets.place, away  # type: ignore[assignment]  # it is only written to
            for width in (11, 12, 13):
                await send(api, picture("png", width, 10), 503)
            assets.place = there
            await send(api, picture("png", 11, 10))

    async def test_many_at_once_are_no_more_than_may_be_kept(self, open_api: Open) -> None:
        """Those on their way count, too, and who is refused leaves nothing behind."""
        async with open_api(DANQING_MAX_UPLOADS="2") as api:
            head = {"Content-Type": "image/png"}
            bodies = [picture("png", 20 + number, 10) for number in range(12)]
            sent = [api.ask("POST", UPLOADS, data=io.BytesIO(body), headers=head) for body in bodies]
            statuses = [reply.status for reply in await asyncio.gather(*sent)]
            assert statuses.count(201) <= 2
            assert set(statuses) <= {201, 409}
            assert len(stored(api)) == statuses.count(201)
            database = api.services.store.database
            assert await database["danqing_uploads"].count_documents({}) == statuses.count(201)

    async def test_ids_that_are_none(self, api: Client) -> None:
        """404 for looking and deleting, 400 as a cursor."""
        for name in ("upl_" + "0" * 32, "x", "%00"):
            for method in ("GET", "DELETE"):
                reply = await api.ask(method, f"{UPLOADS}/{name}")
                assert (reply.status, reply.json["code"]) == (404, "upload_not_found")
        for query in ("cursor=x", "limit=0", "limit=x", "limt=3"):
            assert (await api.ask("GET", f"{UPLOADS}?{query}")).status == 400


class TestProjects:
    """Another project's upload is not there."""

    async def test_not_found(self, open_api: Open) -> None:
        """To look at, to delete, to list, to use, or to know that the same picture was sent."""
        async with open_api(DANQING_API_KEYS=KEYS) as api:
            told = await send(api, **SHOP)
            for method in ("GET", "DELETE"):
                reply = await api.ask(method, f"{UPLOADS}/{told['id']}", headers=PAPER)
                assert reply.status == 404
            assert (await api.ask("GET", UPLOADS, headers=PAPER)).json["data"]["count"] == 0
            reply = await submit(api, told["uri"], **PAPER)
            assert (reply.status, reply.json["details"][0]["field"]) == (400, "input.image")
            missing = await submit(api, "upload://upl_" + "0" * 32, **PAPER)
            assert reply.json["details"][0]["message"] == missing.json["details"][0]["message"]
            assert (await send(api, **PAPER))["id"] != told["id"]
            assert (await api.ask("GET", f"{UPLOADS}/{told['id']}", headers=SHOP)).status == 200


async def submit(api: Client, image: Any, **headers: str) -> Any:
    """Submit a task that refers to *image*."""
    body = {"type": "image", "model": "one", "user_id": "u", "input": {"prompt": "a cat", "image": image}}
    return await api.ask("POST", "/api/v1/ai/tasks", json=body, headers=headers)


class TestUsed:
    """A task may refer to an upload wherever it may refer to a picture."""

    @pytest.mark.parametrize("form", ["uri", "id", "url", "path"])
    async def test_in_every_form(self, open_api: Open, form: str) -> None:
        """The provider is given the very bytes, and the task shows a link to its own copy."""
        seen: list[bytes] = []

        async def look(job: Job, run: Run) -> None:
            seen.append((await run.open_reference(job.references[0])).body)
            async with run.call(run.missing, "f"):
                await run.deliver(0, Source.from_bytes(picture()))

        async with open_api(workers=True, provider=ScriptedProvider(look)) as api:
            told = await send(api)
            task = (await submit(api, [told[form]])).json["data"]
            done = await api.system.finished(task["id"])
            assert seen == [BODY]
            (reference,) = done.references
            assert reference.asset is not None
            assert reference.asset.startswith(f"{task['id']}/in-0-")
            assert (reference.media_type, reference.size_bytes) == ("image/png", len(BODY))

    @pytest.mark.parametrize("name", ["uri", "id", "url", "path"])
    @pytest.mark.parametrize(
        ("path", "field"),
        [
            ("/v1/images/edits", "image"),
            ("/v1/images/edits", "images"),
            ("/api/v3/images/generations", "image"),
            ("/sdapi/v1/img2img", "init_images"),
        ],
    )
    async def test_at_every_door(self, open_api: Open, path: str, field: str, name: str) -> None:
        """As at our own."""
        async with open_api(workers=True) as api:
            told = await send(api)
            body = {"prompt": "a cat", "model": "one", field: [told[name]]}
            reply = await api.ask("POST", path, json=body)
            assert reply.status == 200, reply.body
            task = await api.system.get(reply.headers["X-Danqing-Task"])
            [reference] = task.references
            assert (reference.media_type, reference.size_bytes) == ("image/png", len(BODY))

    async def test_a_task_keeps_its_copy(self, api: Client) -> None:
        """Its upload may be deleted, or expire, before it begins; and its end takes nothing from the upload."""
        told = await send(api)
        kept = (await submit(api, told["uri"])).json["data"]["id"]
        other = (await submit(api, told["uri"])).json["data"]["id"]
        assert (await api.ask("DELETE", f"/api/v1/tasks/{other}")).status in (200, 409)
        assert (await api.ask("GET", told["path"])).body == BODY
        assert (await api.ask("DELETE", f"{UPLOADS}/{told['id']}")).status == 200
        assert (await api.ask("GET", told["path"])).status == 404
        assert stored(api) == []
        (reference,) = (await api.system.get(kept)).references
        assert await api.services.assets.read(reference.asset or "") == BODY
        assert (await submit(api, told["uri"])).status == 400
        assert (await submit(api, told["url"])).status == 400

    async def test_use_keeps_it(self, api: Client) -> None:
        """By its id and by its address, it stays as long as if it was sent now."""
        told = await send(api)
        for form in ("uri", "url"):
            before = (await api.ask("GET", f"{UPLOADS}/{told['id']}")).json["data"]["expires_at"]
            await submit(api, told[form])
            after = (await api.ask("GET", f"{UPLOADS}/{told['id']}")).json["data"]["expires_at"]
            assert after > before


class TestExpiry:
    """What nobody wants goes, with its file."""

    async def test_it_expires(self, api: Client) -> None:
        """After a week; what is younger stays."""
        await send(api)
        await later(api, days=6)
        assert len(stored(api)) == 1
        await later(api, days=8)
        assert stored(api) == []
        assert (await api.ask("GET", UPLOADS)).json["data"]["count"] == 0

    async def test_as_many_go_as_have_expired(self, api: Client) -> None:
        """In one sweep, of which there is one in ten minutes: more than it takes would fill the disk for ever."""
        told, uploads = await send(api), api.services.uploads
        documents, past = uploads.store.database["danqing_uploads"], uploads.clock.now() - timedelta(days=1)
        sent = await documents.find_one({"_id": told["id"]})
        old = [{**sent, "_id": f"upl_{n:032}", "content": f"c{n}", "expires_at": past} for n in range(450)]
        await documents.insert_many(old)
        await uploads.sweep()
        assert [each["_id"] async for each in documents.find()] == [told["id"]]

    async def test_what_was_used_meanwhile_stays(self, api: Client) -> None:
        """Between the look and the removal."""
        told = await send(api)
        store, now = api.services.uploads.store, api.services.clock.now()
        expired = now + timedelta(days=8)
        assert await store.expired(expired, 10) == [told["id"]]
        await store.use(told["id"], Reach.everybody(), now, expired + timedelta(days=7))
        assert not await store.condemn_expired(told["id"], expired)
        assert len(stored(api)) == 1

    @pytest.mark.parametrize("after", ["announce", "keep", "condemn"])
    async def test_a_death_leaves_nothing(self, api: Client, after: str) -> None:
        """Wherever it comes between the record and the file."""
        uploads = api.services.uploads

        if after == "condemn":
            told = await send(api)
            assert await uploads.store.condemn(told["id"], Reach.everybody(), uploads.clock.now())
            assert len(stored(api)) == 1
        else:
            async with uploads.receiving() as incoming:
                await incoming.write(BODY)
                known = await incoming.check()
                upload = _upload(uploads, incoming, known)
                await uploads.store.announce(upload, uploads.clock.now())
                if after == "keep":
                    await incoming.keep(upload.key, known)
            assert (await api.ask("GET", UPLOADS)).json["data"]["count"] == 0
        await later(api, hours=2)
        assert stored(api) == []
        assert await uploads.store.expired(uploads.clock.now() + timedelta(days=100), 10) == []
        assert (await send(api))["sha256"] == hashlib.sha256(BODY).hexdigest()


def _upload(uploads: Any, incoming: Any, known: Any) -> Any:
    upload_id = "upl_" + "1" * 32
    return Upload(
        id=upload_id,
        key=upload_key(upload_id, known.extension),
        sha256=incoming.sha256,
        media_type=known.media_type,
        width=known.width,
        height=known.height,
        size_bytes=incoming.size_bytes,
        created_at=uploads.clock.now(),
        expires_at=uploads.clock.now() + timedelta(days=7),
    )


@contextmanager
def busy(threads: ThreadPoolExecutor) -> Iterator[None]:
    """Keep all of *threads* busy while the block lasts."""
    over = threading.Event()
    for _ in range(os.cpu_count() or 1):
        threads.submit(over.wait)
    try:
        yield
    finally:
        over.set()


@attrs.frozen
class Held:
    """An upload that is here, and no picture, which is not seen before the gate opens."""

    project: str
    looked_at: list[str]
    gate: asyncio.Event

    async def flush(self) -> None:
        """It is on the disk."""

    async def check(self) -> None:
        """Look at it, and wait."""
        self.looked_at.append(self.project)
        await self.gate.wait()
        raise PictureRejected("none", code="not_a_picture")


class TestOthers:
    """What one client sends is looked at, which takes the processor's time, as much as it likes."""

    async def test_no_picture_that_is_paid_for_waits_for_uploads(self, open_api: Open) -> None:
        """A task is completed while what looks at uploads is busy."""
        async with open_api(workers=True) as api, asyncio.TaskGroup() as sending:
            with busy(api.services.assets.arrivals.asked_decoders):
                upload = sending.create_task(send(api))
                body = {"type": "image", "model": "one", "user_id": "u", "input": {"prompt": "a cat"}}
                task = (await api.ask("POST", "/api/v1/ai/tasks", json=body)).json["data"]
                done = await api.system.finished(task["id"], timeout_s=60)
                assert (done.status, upload.done()) == (Status.COMPLETED, False)

    async def test_projects_take_turns(self, api: Client) -> None:
        """Whoever sends many waits for them, and others for one of them."""
        looked_at, gate = list[str](), asyncio.Event()

        async def keep(project: str) -> None:
            held: Any = Held(project, looked_at, gate)
            with suppress(PictureRejected):
                await api.services.uploads.keep(held, Caller.with_key(project))

        places = os.cpu_count() or 1
        async with asyncio.TaskGroup() as sending:
            for project in (*["many"] * 9 * places, "few"):
                sending.create_task(keep(project))

            async def are_busy() -> bool:
                return len(looked_at) == places

            await until(are_busy, what="no more can be looked at")
            gate.set()
        assert looked_at.index("few") <= places + 1
