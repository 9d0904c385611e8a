"""Keeping pictures: what stands at a key is whole, and nothing else is left."""

from __future__ import annotations

import asyncio
import base64
import errno
import hashlib
import os
import stat
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO

import aiohttp
import attrs
import pytest

from danqing_plugins import Source
from danqing_server.assets.inspection import inspect_header
from danqing_server.assets.opening import open_assets
from danqing_server.assets.references import find_own, parse_references
from danqing_server.assets.storage import Assets
from danqing_server.codec.documents import to_document
from danqing_server.errors import InvalidSubmission, NotFound, PictureRejected, SettingsError, StorageUnavailable
from danqing_server.settings.server import Settings
from tests.integration.assets.conftest import LIMITS, files_below
from tests.unit.assets.pictures import picture


@pytest.fixture(params=["folder", "bucket"])
async def either(
    request: pytest.FixtureRequest, tmp_path: Path, session: aiohttp.ClientSession
) -> AsyncIterator[Assets]:
    """A local folder, and obstore's bucket in memory."""
    environment = {"DANQING_DATA_DIR": str(tmp_path)}
    if request.param == "bucket":
        environment["DANQING_ASSETS_URL"] = "memory:///"
    async with open_assets(Settings.read(environment), session, limits=LIMITS) as opened:
        yield opened


class TestKeeping:
    """`keep`, from bytes and base64, in a folder and in a bucket."""

    @pytest.mark.parametrize("form", ["bytes", "base64"])
    async def test_what_was_kept_is_read_back(self, either: Assets, tmp_path: Path, form: str) -> None:
        """Byte for byte, with its hash and its size, and no spool file remains."""
        body = picture("jpeg", 640, 480)
        source = Source.from_bytes(body) if form == "bytes" else Source.from_base64(base64.b64encode(body).decode())
        asset = await either.keep("volcengine_img_1", 2, source)
        assert asset.key.startswith("volcengine_img_1/2-")
        assert asset.key.endswith(".jpeg")
        assert (asset.media_type, asset.width, asset.height) == ("image/jpeg", 640, 480)
        assert (asset.size_bytes, asset.sha256) == (len(body), hashlib.sha256(body).hexdigest())
        assert await either.read(asset.key) == body
        assert not [name for name in files_below(tmp_path) if "spool" in name]

    async def test_an_avif_is_kept(self, either: Assets) -> None:
        """E14: it is paid for, and every browser shows it."""
        body = picture("avif", 320, 240)
        asset = await either.keep("t", 0, Source.from_bytes(body))
        assert (asset.media_type, asset.width, asset.height) == ("image/avif", 320, 240)
        assert (await either.describe(asset.key)).media_type == "image/avif"
        assert await either.read(asset.key) == body

    async def test_base64_in_lines_is_kept(self, either: Assets) -> None:
        """H11: a paid answer with line breaks, or without padding, is the picture it is."""
        body = picture("png", 200, 100)
        text = base64.encodebytes(body).decode()
        for written in (text, text.rstrip("=\n"), f"data:image/png;base64,{text}"):
            asset = await either.keep("t", 0, Source.from_base64(written))
            assert await either.read(asset.key) == body

    async def test_an_asset_is_plain_json(self, assets: Assets) -> None:
        """It goes into the task's document as it is."""
        asset = await assets.keep("t", 0, Source.from_bytes(picture()))
        assert {type(value) for value in to_document(asset).values()} == {str, int}
        assert set(to_document(asset)) == {"key", "media_type", "width", "height", "size_bytes", "sha256"}

    async def test_two_at_once_make_two_keys(self, either: Assets) -> None:
        """A late duplicate never overwrites, and never mixes with, the first."""
        one, other = picture("png", 200, 200), picture("png", 300, 300)
        kept = await asyncio.gather(*(either.keep("t", 0, Source.from_bytes(body)) for body in (one, other) * 8))
        assert len({asset.key for asset in kept}) == 16
        assert [await either.read(asset.key) for asset in kept] == [one, other] * 8

    @pytest.mark.parametrize(
        ("body", "code"),
        [
            (b"", "truncated"),
            (picture("png")[:-30], "truncated"),
            (b"<html>not here</html>", "not_a_picture"),
            (bytes(8 * 1024 * 1024 + 1), "too_large"),
        ],
        ids=["empty", "cut", "page", "large"],
    )
    async def test_a_rejected_picture_leaves_nothing(
        self, assets: Assets, tmp_path: Path, body: bytes, code: str
    ) -> None:
        """Neither at a key nor in the spool."""
        with pytest.raises(PictureRejected) as caught:
            await assets.keep("t", 0, Source.from_bytes(body))
        assert caught.value.code == code
        assert files_below(tmp_path) == []

    async def test_damaged_base64_leaves_nothing(self, assets: Assets, tmp_path: Path) -> None:
        """Even when the damage comes after pieces that were written."""
        text = base64.b64encode(picture("png", 400, 400)).decode()
        with pytest.raises(PictureRejected) as caught:
            await assets.keep("t", 0, Source.from_base64(text[:-8] + "*" + text[-7:]))
        assert caught.value.code == "not_a_picture"
        assert files_below(tmp_path) == []

    async def test_an_input_keeps_what_its_header_said(self, either: Assets) -> None:
        """It was inspected at submission, and is stored under its number."""
        body = picture("webp", 50, 40)
        asset = await either.keep_input("t", 3, body, inspect_header(body, max_pixels=10**6))
        assert asset.key.startswith("t/in-3-")
        assert (asset.media_type, asset.width) == ("image/webp", 50)
        assert await either.read(asset.key) == body


class TestReading:
    """`describe`, `read` and `stream`."""

    async def test_ranges_come_in_small_chunks(self, either: Assets) -> None:
        """Across windows, to the byte."""
        body = picture("bmp", 1000, 900)
        key = (await either.keep("t", 0, Source.from_bytes(body))).key
        for start, end in ((0, len(body)), (1, 2), (262_143, 1_048_577), (len(body) - 5, len(body)), (7, 7)):
            chunks = [chunk async for chunk in either.stream(key, start, end)]
            assert b"".join(chunks) == body[start:end]
            assert all(len(chunk) <= 256 * 1024 for chunk in chunks)

    async def test_describe_says_size_and_type(self, either: Assets) -> None:
        """Without reading the picture."""
        body = picture("gif")
        key = (await either.keep("t", 0, Source.from_bytes(body))).key
        stat = await either.describe(key)
        assert (stat.key, stat.size_bytes, stat.media_type) == (key, len(body), "image/gif")
        assert stat.modified_at.tzinfo is not None

    @pytest.mark.parametrize("key", ["t/0-none.png", "../../etc/passwd", ".spool/x", "t"])
    async def test_what_is_not_there_is_not_found(self, either: Assets, key: str) -> None:
        """A missing picture and a path outside answer alike."""
        await either.keep("t", 0, Source.from_bytes(picture()))
        for asked in (either.describe(key), either.read(key), anext(aiter(either.stream(key, 0, 1)))):
            with pytest.raises(NotFound):
                await asked

    async def test_reading_is_bounded(self, settings: Settings, session: aiohttp.ClientSession) -> None:
        """A picture from before the limit was lowered is not taken into memory."""
        async with open_assets(settings, session, limits=LIMITS) as before:
            asset = await before.keep("t", 0, Source.from_bytes(picture()))
        lowered = attrs.evolve(LIMITS, max_bytes=asset.size_bytes - 1)
        async with open_assets(settings, session, limits=lowered) as after:
            with pytest.raises(PictureRejected):
                await after.read(asset.key)


class TestDeleting:
    """A task's pictures go together, and only they."""

    async def test_only_that_task_is_deleted(self, either: Assets) -> None:
        """A longer id that begins alike is another task; a second time does no harm."""
        gone = await either.keep("task_1", 0, Source.from_bytes(picture()))
        stays = await either.keep("task_10", 0, Source.from_bytes(picture()))
        await asyncio.gather(*(either.delete_task("task_1") for _ in range(4)))
        await either.delete_task("task_1")
        with pytest.raises(NotFound):
            await either.describe(gone.key)
        assert (await either.describe(stays.key)).size_bytes == stays.size_bytes

    async def test_a_deleted_task_leaves_no_folder(self, assets: Assets, tmp_path: Path) -> None:
        """Millions of tasks do not leave millions of folders."""
        await assets.keep("task_1", 0, Source.from_bytes(picture()))
        await assets.delete_task("task_1")
        assert os.listdir(tmp_path / "pictures") == [".spool"]

    async def test_a_task_that_is_deleted_while_a_picture_comes_is_no_fault(self, assets: Assets) -> None:
        """Its folder may go at any moment between being made and being written to."""
        body = picture()

        async def keep_all() -> None:
            for index in range(60):
                await assets.keep("task_1", index, Source.from_bytes(body))

        async def delete_on() -> None:
            while True:
                await assets.delete_task("task_1")

        deleting = [asyncio.create_task(delete_on()) for _ in range(2)]
        try:
            await keep_all()
        finally:
            for each in deleting:
                each.cancel()

    async def test_a_folder_that_goes_while_it_is_looked_at_is_made_anew(
        self, assets: Assets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As `mkdir` meets it: the name is taken, and a moment later nothing is there."""
        make, refusals = os.mkdir, [FileExistsError(errno.EEXIST, "File exists")]

        def seldom(path: Path, *more: int) -> None:
            if Path(path).name == "task_1" and refusals:
                raise refusals.pop()
            make(path, *more)

        monkeypatch.setattr(os, "mkdir", seldom)
        await assets.keep("task_1", 0, Source.from_bytes(picture()))
        assert (tmp_path / "pictures" / "task_1").is_dir()


class TestE13Privacy:
    """E13: other accounts of the machine neither list nor read pictures."""

    async def test_everything_is_the_servers_own(self, assets: Assets, tmp_path: Path) -> None:
        """Folders 0700, files 0600, whatever the umask."""
        await assets.keep("t", 0, Source.from_bytes(picture()))
        root = tmp_path / "pictures"
        modes = {stat.S_IMODE(path.stat().st_mode) for path in (root, *root.rglob("*")) if path.is_dir()}
        assert modes == {0o700}
        assert {stat.S_IMODE(path.stat().st_mode) for path in root.rglob("*") if path.is_file()} == {0o600}

    async def test_an_older_installation_is_shut_at_the_top(
        self, tmp_path: Path, session: aiohttp.ClientSession
    ) -> None:
        """What lies below keeps its mode: nobody else comes that far, and there may be millions."""
        old = tmp_path / "pictures" / "t" / "0-abc.png"
        old.parent.mkdir(parents=True, mode=0o755)
        old.write_bytes(picture())
        async with open_assets(Settings(data_dir=tmp_path), session):
            assert stat.S_IMODE((tmp_path / "pictures").stat().st_mode) == 0o700
            assert stat.S_IMODE(old.parent.stat().st_mode) == 0o755


class TestOwnReferences:
    """References to pictures that are ours."""

    async def test_a_relative_and_an_absolute_url_become_keys(self, assets: Assets) -> None:
        """With what the storage knows of them."""
        key = (await assets.keep("t", 0, Source.from_bytes(picture()))).key
        sent = [f"/api/v1/assets/{key}", f"http://any.example/api/v1/assets/{key}", "https://b.example/b.png"]
        found = await find_own(assets, parse_references("image", sent))
        assert [each.reference.asset for each in found] == [key, key, None]
        assert [each.reference.url for each in found] == [None, None, "https://b.example/b.png"]
        assert found[0].reference.media_type == "image/png"

    async def test_one_that_is_gone_is_not_passed_on_as_a_private_url(self, assets: Assets) -> None:
        """H14: by this machine's own name it can be nobody else's, and the provider cannot reach it."""
        key = (await assets.keep("t", 0, Source.from_bytes(picture()))).key
        sent = f"http://localhost:8080/api/v1/assets/{key}"
        (found,) = await find_own(assets, parse_references("image", sent))
        assert found.reference.asset == key
        await assets.delete_task("t")
        with pytest.raises(InvalidSubmission):
            await find_own(assets, parse_references("image", sent))

    async def test_missing_ones_are_all_named(self, assets: Assets) -> None:
        """A stranger's URL of the same form is left alone, one with our own host is not."""
        path = "/api/v1/assets/t/0-gone.png"
        parsed = parse_references("image", [path, f"http://us:8080{path}", f"http://them{path}"])
        with pytest.raises(InvalidSubmission) as caught:
            await find_own(assets, parsed, own_hosts={"us:8080"})
        assert [problem.field for problem in caught.value.problems] == ["image[0]", "image[1]"]
        (left,) = await find_own(assets, parsed[2:])
        assert left.reference.url == f"http://them{path}"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "danqing-test", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode != 0:
        pytest.skip("mounting needs root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def fill(path: Path) -> None:
    """Write to *path* until nothing more fits."""
    with path.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space"):
        _write_for_ever(file)


def _write_for_ever(file: IO[bytes]) -> None:
    while True:
        file.write(bytes(4096))


class TestBrokenDisk:
    """A full or read-only disk is the storage's trouble, never a half picture."""

    @asynccontextmanager
    async def on(self, folder: Path, session: aiohttp.ClientSession) -> AsyncIterator[Assets]:
        """A storage in *folder*."""
        async with open_assets(Settings(data_dir=folder), session, limits=LIMITS) as opened:
            yield opened

    async def test_a_full_disk_keeps_nothing_and_recovers(
        self, small_disk: Path, session: aiohttp.ClientSession
    ) -> None:
        """The spool file goes, so the next small picture has room."""
        async with self.on(small_disk, session) as assets:
            with pytest.raises(StorageUnavailable, match="No space"):
                await assets.keep("t", 0, Source.from_bytes(picture("bmp", 1000, 700)))
            assert files_below(small_disk) == []
            await assets.ping()
            asset = await assets.keep("t", 0, Source.from_bytes(picture()))
            assert await assets.read(asset.key)

    async def test_check_sees_a_full_disk(self, small_disk: Path, session: aiohttp.ClientSession) -> None:
        """Health tells it before a paid picture has nowhere to go."""
        async with self.on(small_disk, session) as assets:
            fill(small_disk / "filler")
            with pytest.raises(StorageUnavailable):
                await assets.ping()

    async def test_a_read_only_disk_is_unavailable(self, small_disk: Path, session: aiohttp.ClientSession) -> None:
        """Writing says so; what is there can still be read."""
        async with self.on(small_disk, session) as assets:
            asset = await assets.keep("t", 0, Source.from_bytes(picture()))
            await asyncio.to_thread(subprocess.run, ["mount", "-o", "remount,ro", str(small_disk)], check=True)
            for attempt in (
                assets.keep("t", 1, Source.from_bytes(picture())),
                assets.ping(),
                assets.delete_task("t"),
            ):
                with pytest.raises(StorageUnavailable, match="Read-only"):
                    await attempt
            assert await assets.read(asset.key)

    async def test_a_storage_that_cannot_be_made_is_unavailable(
        self, tmp_path: Path, session: aiohttp.ClientSession
    ) -> None:
        """A file stands where the folder should be."""
        (tmp_path / "pictures").write_bytes(b"")
        with pytest.raises(StorageUnavailable):
            open_assets(Settings(data_dir=tmp_path), session)

    async def test_what_cannot_be_cleared_up_hides_no_trouble(self, assets: Assets, tmp_path: Path) -> None:
        """A disk that takes nothing any more does not let its spool be removed either: it is told as the disk's."""
        spool = tmp_path / "pictures" / ".spool"

        async def put() -> None:
            async with assets.partial() as partial:
                await partial.write(picture())
                spool.rename(tmp_path / "elsewhere")
                spool.write_bytes(b"")
                await assets.place.put(partial.spool, "t/0-0a.png")

        with pytest.raises(StorageUnavailable):
            await put()

    async def test_a_vanished_folder_is_unavailable(self, assets: Assets, tmp_path: Path) -> None:
        """An unmounted volume is not an empty storage to be written anew."""
        (tmp_path / "pictures").rename(tmp_path / "elsewhere")
        with pytest.raises(StorageUnavailable):
            await assets.keep("t", 0, Source.from_bytes(picture()))
        with pytest.raises(StorageUnavailable):
            await assets.ping()


class TestAddressing:
    """Which storage a setting names."""

    @pytest.mark.parametrize("form", ["{}", "file://{}"])
    async def test_a_folder_may_be_named(self, tmp_path: Path, session: aiohttp.ClientSession, form: str) -> None:
        """As a path or as a URL; its spool is beside the pictures, so that a rename is enough."""
        folder = tmp_path / "some where"
        settings = Settings(
            data_dir=tmp_path / "data",
            assets_url=form.format(folder).replace("e w", "e%20w", 1) if "file" in form else str(folder),
        )
        async with open_assets(settings, session) as assets:
            await assets.keep("t", 0, Source.from_bytes(picture()))
        assert sorted(os.listdir(folder)) == [".spool", "t"]

    @pytest.mark.parametrize("url", ["nothing://x/y", "s3://"])
    async def test_an_unknown_storage_refuses_the_start(
        self, tmp_path: Path, session: aiohttp.ClientSession, url: str
    ) -> None:
        """In one line that names the variable."""
        with pytest.raises(SettingsError, match="DANQING_ASSETS_URL") as refused:
            open_assets(Settings(data_dir=tmp_path, assets_url=url), session)
        assert "\n" not in str(refused.value)

    async def test_an_unreachable_bucket_is_unavailable(
        self, tmp_path: Path, session: aiohttp.ClientSession
    ) -> None:
        """Its failures are the storage's, whichever method meets them."""
        environment = {
            "DANQING_DATA_DIR": str(tmp_path),
            "DANQING_ASSETS_URL": "s3://bucket/prefix",
            "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
            "AWS_ACCESS_KEY_ID": "x",
            "AWS_SECRET_ACCESS_KEY": "y",
            "AWS_REGION": "us-east-1",
        }
        async with open_assets(Settings.read(environment), session) as assets:
            results = await asyncio.gather(
                assets.keep("t", 0, Source.from_bytes(picture())),
                assets.read("t/0-a.png"),
                assets.describe("t/0-a.png"),
                assets.delete_task("t"),
                assets.ping(),
                return_exceptions=True,
            )
        assert [type(result) for result in results] == [StorageUnavailable] * 5
        assert files_below(tmp_path) == []
