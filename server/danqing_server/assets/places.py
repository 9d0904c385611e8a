"""Where pictures stand for good: a local folder, or a bucket.

Reading goes through obstore for both. Writing differs: obstore's local store renames without fsync, so a local
picture is written and synced in the spool and then renamed into place, which also saves the second copy.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from urllib.parse import unquote, urlsplit

import attrs
import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, S3Store, from_url

from danqing_server.assets.keys import media_type_of
from danqing_server.assets.spool import Spool, sync_folder
from danqing_server.assets.storage_failures import storage_failures
from danqing_server.errors import SettingsError, StorageUnavailable

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import ClientConfig, ObjectStore, RetryConfig, S3Config

__all__ = ["PRIVATE_MODE", "Bucket", "Folder", "Place", "Space", "local_folder", "open_bucket", "open_folder"]

T = TypeVar("T")

PRIVATE_MODE = 0o700
PART_BYTES = 8 * 1024 * 1024
PARTS_AT_ONCE = 2
COPIED_BYTES = 1024 * 1024
CLIENT: ClientConfig = {"connect_timeout": timedelta(seconds=5), "timeout": timedelta(seconds=60)}
RETRY: RetryConfig = {"max_retries": 3, "retry_timeout": timedelta(seconds=60)}

# obstore reads the process's environment; these also take effect from `.env`.
_S3_VARIABLES = (
    "access_key_id",
    "secret_access_key",
    "session_token",
    "region",
    "default_region",
    "endpoint",
    "endpoint_url",
    "virtual_hosted_style_request",
)


class Place(Protocol):
    """What differs between a folder and a bucket. Everything raises StorageUnavailable, and may be cancelled."""

    @property
    def store(self) -> ObjectStore:
        """The same place, for reading."""

    @property
    def parts(self) -> Sequence[Place]:
        """The places that this one is made of, itself when it is one."""

    async def put(self, spool: Spool, key: str) -> None:
        """Make the whole spooled content readable at *key*, synced; before that nothing is there."""

    async def head(self, key: str) -> ObjectMeta:
        """Return what is known of a file. Raises what obstore does, FileNotFoundError for none."""

    async def get(self, key: str) -> bytes:
        """Return a whole file. Raises what `head` does."""

    async def get_range(self, key: str, start: int, end: int) -> memoryview:
        """Return a part of a file. Raises what `head` does."""

    async def copy(self, key: str, other: str) -> None:
        """Make what stands at *key* readable at *other*, too, synced. Raises what reading does."""

    async def delete_task(self, task_id: str) -> None:
        """Remove every picture whose key begins with `task_id/`; idempotent."""

    async def delete(self, key: str) -> None:
        """Remove one file; idempotent."""

    async def ping(self) -> None:
        """Prove that a small write works."""

    async def space(self) -> Space | None:
        """Return how much room there is; None where that is not known."""


@attrs.frozen(kw_only=True)
class Space:
    """The room of a file system, in bytes; `free` is what we may still write."""

    free: int
    total: int


class _Single:
    """What a folder and a bucket have in common: both are read through obstore."""

    store: ObjectStore

    async def head(self, key: str) -> ObjectMeta:
        """See `Place.head`."""
        return await obstore.head_async(self.store, key)

    async def get(self, key: str) -> bytes:
        """See `Place.get`."""
        return bytes(await (await obstore.get_async(self.store, key)).bytes_async())

    async def get_range(self, key: str, start: int, end: int) -> memoryview:
        """See `Place.get_range`."""
        return memoryview(await obstore.get_range_async(self.store, key, start=start, end=end))


@attrs.frozen(kw_only=True)
class Folder(_Single):
    """Pictures in `root/<task_id>/`, on the same file system as the spool; `disk` runs what blocks."""

    root: Path
    spool: Path
    disk: Executor
    store: ObjectStore

    @property
    def parts(self) -> Sequence[Place]:
        """Itself."""
        return (self,)

    async def remove_empty(self) -> None:
        """Remove the folders of tasks that have no file."""
        with storage_failures("removing empty folders"):
            await self._run(self._remove_empty)

    async def put(self, spool: Spool, key: str) -> None:
        """See `Place.put`."""
        with storage_failures("writing a picture"):
            await self._run(lambda: self._put(spool, self.root / key))

    async def copy(self, key: str, other: str) -> None:
        """See `Place.copy`. A second name for the same bytes, where the file system has such."""
        await self._run(lambda: self._copy(self.root / key, self.root / other))

    async def delete_task(self, task_id: str) -> None:
        """See `Place.delete_task`."""
        with storage_failures("deleting pictures"):
            await self._run(lambda: self._delete(self.root / task_id))

    async def delete(self, key: str) -> None:
        """See `Place.delete`."""
        with storage_failures("deleting a file"):
            await self._run(lambda: (self.root / key).unlink(missing_ok=True))

    async def ping(self) -> None:
        """See `Place.check`."""
        with storage_failures("writing to the picture storage"):
            await self._run(self._probe)

    async def space(self) -> Space | None:
        """See `Place.space`."""
        with storage_failures("asking for the room of the picture storage"):
            usage = await self._run(lambda: shutil.disk_usage(self.root))
        return Space(free=usage.free, total=usage.total)

    async def _run(self, function: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self.disk, function)

    def _put(self, spool: Spool, target: Path) -> None:
        while not self._move(spool, target):
            pass
        # Both, always: another picture of the task may have made the folder and not yet synced its name.
        with suppress(FileNotFoundError):  # its task is deleted since, and it with it
            sync_folder(target.parent)
        sync_folder(self.root)

    def _move(self, spool: Spool, target: Path) -> bool:
        """Give a file its name; False when its task was deleted, and its folder gone, right before it."""
        target.parent.mkdir(PRIVATE_MODE, exist_ok=True)
        try:
            spool.move_to(target)
        except FileNotFoundError:
            if not spool.path.exists():
                raise
            return False
        return True

    def _copy(self, source: Path, target: Path) -> None:
        target.parent.mkdir(PRIVATE_MODE, exist_ok=True)
        try:
            os.link(source, target)
        except FileNotFoundError:
            raise
        except OSError:  # no links here, or too many
            self._copy_bytes(source, target)
        sync_folder(target.parent)
        sync_folder(self.root)

    def _copy_bytes(self, source: Path, target: Path) -> None:
        spool = Spool.within(self.spool)
        try:
            with source.open("rb") as file:
                while chunk := file.read(COPIED_BYTES):
                    spool.write(chunk)
            spool.move_to(target)
        finally:
            spool.discard()

    def _delete(self, folder: Path) -> None:
        while folder.exists():
            with suppress(FileNotFoundError):  # someone else deletes the same task
                shutil.rmtree(folder)
        sync_folder(self.root)

    def _remove_empty(self) -> None:
        with os.scandir(self.root) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False) and not entry.name.startswith("."):
                    with suppress(OSError):  # it has files
                        os.rmdir(entry.path)

    def _probe(self) -> None:
        spool = Spool.within(self.spool)
        try:
            spool.write(bytes(4096))
            spool.sync()
        finally:
            spool.discard()


@attrs.frozen(kw_only=True)
class Bucket(_Single):
    """Pictures in an S3-compatible bucket (or in memory, for tests)."""

    store: ObjectStore

    @property
    def parts(self) -> Sequence[Place]:
        """Itself."""
        return (self,)

    async def put(self, spool: Spool, key: str) -> None:
        """See `Place.put`. A cut multipart upload stays invisible; expire those in the bucket's lifecycle rules."""
        with storage_failures("uploading a picture"):
            await obstore.put_async(
                self.store,
                key,
                spool.path,
                attributes={"Content-Type": media_type_of(key)},
                use_multipart=spool.size_bytes > PART_BYTES,
                chunk_size=PART_BYTES,
                max_concurrency=PARTS_AT_ONCE,
            )
            stored = await obstore.head_async(self.store, key)
        if stored["size"] != spool.size_bytes:
            raise StorageUnavailable(f"the bucket kept {stored['size']} of {spool.size_bytes} bytes")

    async def link(self, key: str, good_for_s: float) -> str:
        """Return a URL that gives *key* to whoever has it, for so long. It is a secret until then.

        Raises:
            StorageUnavailable: whoever vouches for us there is away.
        """
        store: Any = self.store  # an S3Store: `open_assets` saw to it
        with storage_failures("signing a link to a picture"):
            return await obstore.sign_async(store, "GET", key, timedelta(seconds=good_for_s))

    async def copy(self, key: str, other: str) -> None:
        """See `Place.copy`. The bucket copies; nothing comes here."""
        await obstore.copy_async(self.store, key, other)

    async def delete_task(self, task_id: str) -> None:
        """See `Place.delete_task`."""
        with storage_failures("deleting pictures"):
            async for found in obstore.list(self.store, prefix=task_id):
                with suppress(FileNotFoundError):  # someone else deletes the same task
                    await obstore.delete_async(self.store, [each["path"] for each in found])

    async def delete(self, key: str) -> None:
        """See `Place.delete`."""
        with storage_failures("deleting a file"), suppress(FileNotFoundError):
            await obstore.delete_async(self.store, key)

    async def space(self) -> Space | None:
        """See `Place.space`: a bucket says nothing of it."""
        return None

    async def ping(self) -> None:
        """See `Place.check`. Always the same object, so that checks leave nothing behind."""
        with storage_failures("writing to the picture storage"):
            await obstore.put_async(self.store, ".check", b"danqing", use_multipart=False)


def local_folder(assets_url: str | None, data_dir: Path) -> Path | None:
    """Return the folder that the setting means; None when it is a bucket's URL."""
    if assets_url is None:
        return data_dir / "pictures"
    if "://" not in assets_url:
        return Path(assets_url)
    parts = urlsplit(assets_url)
    return Path(unquote(parts.path)) if parts.scheme == "file" else None


def open_bucket(url: str, environment: Mapping[str, str], variable: str = "DANQING_ASSETS_URL") -> Bucket:
    """Connect to the bucket at *url*, which *variable* names; nothing is asked of it yet.

    Raises:
        SettingsError: no such kind of storage, or an AWS variable has a wrong value.
    """
    try:
        if url.startswith(("s3://", "s3a://")):
            return Bucket(
                store=S3Store.from_url(
                    url, config=_s3(environment), client_options=_client(environment), retry_config=RETRY
                )
            )
        return Bucket(store=from_url(url))
    except BaseError as error:
        raise SettingsError(f"{variable}: {urlsplit(url).scheme}:// cannot be opened: {error}") from error


def _s3(environment: Mapping[str, str]) -> S3Config:
    given: Any = {
        name: environment[f"AWS_{name.upper()}"] for name in _S3_VARIABLES if environment.get(f"AWS_{name.upper()}")
    }
    config: S3Config = given
    return config


def _client(environment: Mapping[str, str]) -> ClientConfig:
    """Let an endpoint without TLS be used when its own URL says so (a MinIO beside the server)."""
    endpoint = environment.get("AWS_ENDPOINT_URL") or environment.get("AWS_ENDPOINT") or ""
    return {**CLIENT, "allow_http": True} if endpoint.startswith("http://") else CLIENT


def open_folder(root: Path, spool: Path, disk: Executor) -> Folder:
    """Take *root* as the place; both folders exist. Blocks; raises OSError.

    Other accounts of the machine are shut out at the top, so that nothing below, which may be millions of files of
    an earlier release, has to be looked at.
    """
    with suppress(PermissionError):  # another account's folder, given to us: its owner decides
        if root.stat().st_mode & 0o077:
            root.chmod(PRIVATE_MODE)
    sync_folder(root)
    sync_folder(root.parent)
    return Folder(root=root, spool=spool, disk=disk, store=LocalStore(root))
