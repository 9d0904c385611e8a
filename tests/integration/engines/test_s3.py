"""Pictures in a real S3's bucket: kept, read, deleted, and fetched from it by short-lived links."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest

from danqing_plugins import Source
from danqing_server.assets.opening import open_assets
from danqing_server.errors import NotFound, SettingsError, StorageUnavailable
from danqing_server.records.tasks import Status
from danqing_server.settings.server import Settings
from tests.integration.api.conftest import opened
from tests.support.providers import ScriptedProvider, picture
from tests.support.s3 import BUCKET, credentials, run_s3
from tests.support.servers import RunningServer
from tests.support.system import MakeSettings

PART = 8 * 1024 * 1024


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """One for the module; tasks' ids are of each test's own."""
    with run_s3(tmp_path_factory.mktemp("s3")) as server:
        yield server


async def completed(client: Any) -> tuple[str, str]:
    """Make a picture, and return its path and its task's id."""
    task = await client.system.submit()
    task = await client.system.finished(task.id)
    assert task.status is Status.COMPLETED
    return f"/api/v1/assets/{task.outputs['0'].asset.key}", task.id


class TestKeeping:
    async def test_what_was_kept_is_read_back_and_goes(self, s3: RunningServer, tmp_path: Path) -> None:
        """Whole, in ranges, copied, described; deleted with its task, and nothing else of the bucket."""
        settings = Settings.read({**credentials(s3), "DANQING_DATA_DIR": str(tmp_path)})
        async with aiohttp.ClientSession() as session, open_assets(settings, session) as assets:
            await assets.ping()
            kept = [await assets.keep(f"a_img_{n}", 0, Source.from_bytes(picture(9, n + 1))) for n in range(2)]
            body = picture(9, 1)
            assert await assets.read(kept[0].key) == body
            parts = [part async for part in assets.stream(kept[0].key, 1, 20)]
            assert b"".join(parts) == body[1:20]
            assert (await assets.describe(kept[0].key)).size_bytes == len(body)
            copy = await assets.copy_input("a_img_3", 1, kept[0].key)
            await assets.delete_task("a_img_0")
            with pytest.raises(NotFound):
                await assets.describe(kept[0].key)
            assert await assets.read(copy) == body
            assert await assets.read(kept[1].key) == picture(9, 2)

    async def test_what_is_large_is_sent_in_parts(self, s3: RunningServer, tmp_path: Path) -> None:
        """Two and a half of them; visible when all are there."""
        settings = Settings.read({**credentials(s3), "DANQING_DATA_DIR": str(tmp_path)})
        body = os.urandom(PART * 5 // 2)
        async with aiohttp.ClientSession() as session, open_assets(settings, session) as assets:
            await assets.keep_beside("a_img_9/0-large.png", body)
            assert await assets.read("a_img_9/0-large.png") == body

    async def test_a_bucket_that_is_not_there_is_told(self, s3: RunningServer, tmp_path: Path) -> None:
        """By the check that `/health` makes."""
        elsewhere = {**credentials(s3), "DANQING_ASSETS_URL": "s3://another", "DANQING_DATA_DIR": str(tmp_path)}
        async with (
            aiohttp.ClientSession() as session,
            open_assets(Settings.read(elsewhere), session) as assets,
        ):
            with pytest.raises(StorageUnavailable):
                await assets.ping()

    async def test_nothing_is_lost_of_a_bucket_that_is_not_there(self, s3: RunningServer, tmp_path: Path) -> None:
        """It answers 404 as for a file that is gone; nor is anything deleted then."""
        elsewhere = {**credentials(s3), "DANQING_ASSETS_URL": "s3://another", "DANQING_DATA_DIR": str(tmp_path)}
        key = "a_img_0/0-one.png"
        async with (
            aiohttp.ClientSession() as session,
            open_assets(Settings.read(elsewhere), session) as assets,
        ):
            for asking in (
                assets.describe(key),
                assets.read(key),
                anext(assets.stream(key, 0, 9)),
                assets.copy_input("a_img_1", 0, key),
                assets.delete(key),
                assets.delete_task("a_img_0"),
            ):
                with pytest.raises(StorageUnavailable):
                    await asking


class TestLinks:
    async def test_a_picture_is_fetched_from_the_bucket(
        self, s3: RunningServer, make_settings: MakeSettings
    ) -> None:
        """By a link that is good for a minute and kept by nobody; it gives the very bytes, as a picture."""
        settings = make_settings(**credentials(s3), DANQING_PICTURE_REDIRECT="60")
        async with opened(settings, ScriptedProvider(), workers=True) as client:
            path, _ = await completed(client)
            reply = await client.ask("GET", path, allow_redirects=False)
            assert reply.status == 307
            link = urlsplit(reply.headers["Location"])
            assert f"{link.scheme}://{link.netloc}" == s3.url
            assert link.path.startswith(f"/{BUCKET}/danqing/")
            assert parse_qs(link.query)["X-Amz-Expires"] == ["60"]
            assert (reply.headers["Cache-Control"], reply.headers["Referrer-Policy"]) == ("no-store", "no-referrer")
            assert "a-secret-of-somebody" not in reply.headers["Location"]
            async with client.session.get(client.base + path) as followed:
                assert await followed.read() == picture()
                assert followed.content_type == "image/png"

    async def test_our_own_pages_and_heads_are_answered_here(
        self, s3: RunningServer, make_settings: MakeSettings
    ) -> None:
        """The studio's pages load nothing from elsewhere; a link for GET is none for HEAD.

        By plain HTTP browsers do not send `Sec-Fetch-Site`, but from which page they ask.
        """
        settings = make_settings(**credentials(s3), DANQING_PICTURE_REDIRECT="1m")
        async with opened(settings, ScriptedProvider(), workers=True) as client:
            path, _ = await completed(client)
            here = await client.ask("GET", path, headers={"Sec-Fetch-Site": "same-origin"})
            assert (here.status, here.body) == (200, picture())
            page = {"Referer": f"{client.base}/studio/gallery?q=a"}
            lan = await client.ask("GET", path, headers=page, allow_redirects=False)
            assert (lan.status, lan.body) == (200, picture())
            for elsewhere in ("https://example.com/studio/", "http://[", "/studio/"):
                told = await client.ask("GET", path, headers={"Referer": elsewhere}, allow_redirects=False)
                assert told.status == 307
            assert (await client.ask("HEAD", path, allow_redirects=False)).status == 200

    async def test_who_has_no_picture_gets_no_link(self, s3: RunningServer, make_settings: MakeSettings) -> None:
        """Nothing is signed for what is not there, deleted, or not one of ours."""
        settings = make_settings(**credentials(s3), DANQING_PICTURE_REDIRECT="60")
        async with opened(settings, ScriptedProvider(), workers=True) as client:
            path, task_id = await completed(client)
            assert (await client.ask("DELETE", f"/api/v1/tasks/{task_id}")).status in (200, 204)
            for gone in (path, "/api/v1/assets/t1/0-none.png", "/api/v1/assets/.check"):
                reply = await client.ask("GET", gone, allow_redirects=False)
                assert reply.status in (400, 404)
                assert "Location" not in reply.headers

    async def test_without_the_setting_nothing_leads_away(
        self, s3: RunningServer, make_settings: MakeSettings
    ) -> None:
        """We send the picture ourselves."""
        async with opened(make_settings(**credentials(s3)), ScriptedProvider(), workers=True) as client:
            path, _ = await completed(client)
            reply = await client.ask("GET", path, allow_redirects=False)
            assert (reply.status, reply.body) == (200, picture())

    async def test_a_folder_has_no_links(self, tmp_path: Path) -> None:
        """Said at the start."""
        settings = Settings.read({"DANQING_DATA_DIR": str(tmp_path), "DANQING_PICTURE_REDIRECT": "60"})
        async with aiohttp.ClientSession() as session:
            with pytest.raises(SettingsError, match="DANQING_PICTURE_REDIRECT"):
                open_assets(settings, session)
