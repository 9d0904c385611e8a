"""Pictures that stand in a bucket."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import attrs
import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store, from_url

from danqing_server.assets.keys import media_type_of
from danqing_server.assets.places import LISTED_AT_ONCE, Place, Single, Space, StoredFile
from danqing_server.assets.spool import Spool
from danqing_server.assets.storage_failures import storage_failures
from danqing_server.errors import SettingsError, StorageUnavailable

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import ClientConfig, ObjectStore, RetryConfig, S3Config

__all__ = ["Bucket", "open_bucket"]

T = TypeVar("T")

PROVED_FOR_S = 2.0
PROOF_TIMEOUT_S = 5.0
PLACES = "a directory, s3://, gs:// or az://"
PART_BYTES = 8 * 1024 * 1024
PARTS_AT_ONCE = 2
CLIENT: ClientConfig = {"connect_timeout": timedelta(seconds=5), "timeout": timedelta(seconds=60)}
RETRY: RetryConfig = {"max_retries": 3, "retry_timeout": timedelta(seconds=60)}
PATIENT: RetryConfig = {"max_retries": 6, "retry_timeout": timedelta(seconds=180)}
"""For what asks a bucket for all that it has, as fast as it gives it: that it is too much is said for seconds."""

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


_CLIENT_VARIABLES = (
    "allow_http",
    "allow_invalid_certificates",
    "connect_timeout",
    "http1_only",
    "http2_keep_alive_interval",
    "http2_keep_alive_timeout",
    "http2_keep_alive_while_idle",
    "http2_only",
    "pool_idle_timeout",
    "pool_max_idle_per_host",
    "proxy_ca_certificate",
    "proxy_excludes",
    "proxy_url",
    "randomize_addresses",
    "read_timeout",
    "timeout",
    "user_agent",
)


@attrs.define(eq=False)
class _Proof:
    """When a bucket was last asked whether it is there, and did not say no; those who would know take turns."""

    at_s: float = float("-inf")
    turn: asyncio.Lock = attrs.field(factory=asyncio.Lock)


@attrs.frozen(kw_only=True)
class Bucket(Single):
    """Pictures in an S3-compatible bucket (or in memory, for tests)."""

    store: ObjectStore
    _proof: _Proof = attrs.field(factory=_Proof, init=False)

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

    async def head(self, key: str) -> ObjectMeta:
        """See `Place.head`."""
        return await self._found(Single.head(self, key))

    async def get(self, key: str) -> bytes:
        """See `Place.get`."""
        return await self._found(Single.get(self, key))

    async def get_range(self, key: str, start: int, end: int) -> memoryview:
        """See `Place.get_range`."""
        return await self._found(Single.get_range(self, key, start, end))

    async def link(self, key: str, good_for_s: float) -> str:
        """Return a URL that gives *key* to whoever has it, for so long. It is a secret until then.

        Raises:
            StorageUnavailable: whoever vouches for us there is away.
        """
        store: Any = self.store  # an S3Store: `open_assets` saw to it
        with storage_failures("signing a link to a picture"):
            return await obstore.sign_async(store, "GET", key, timedelta(seconds=good_for_s))

    async def files(self, folder: str | None) -> AsyncGenerator[StoredFile, None]:
        """See `Place.files`."""
        with storage_failures("listing the picture storage"):
            async for found in obstore.list(self.store, folder, chunk_size=LISTED_AT_ONCE):
                for each in found:
                    yield StoredFile(each["path"], each["size"], each["last_modified"])

    async def copy(self, key: str, other: str) -> None:
        """See `Place.copy`. The bucket copies; nothing comes here."""
        await self._found(obstore.copy_async(self.store, key, other))

    async def delete_task(self, task_id: str) -> None:
        """See `Place.delete_task`."""
        with storage_failures("deleting pictures"):
            async for found in obstore.list(self.store, prefix=task_id):
                with suppress(FileNotFoundError):  # someone else deletes the same task
                    await obstore.delete_async(self.store, [each["path"] for each in found])

    async def delete(self, key: str) -> None:
        """See `Place.delete`."""
        with storage_failures("deleting a file"), suppress(FileNotFoundError):
            await self._found(obstore.delete_async(self.store, key))

    async def space(self) -> Space | None:
        """See `Place.space`: a bucket says nothing of it."""
        return None

    async def ping(self) -> None:
        """See `Place.check`. Always the same object, so that checks leave nothing behind."""
        with storage_failures("writing to the picture storage"):
            await self._write_check()

    async def _write_check(self) -> None:
        await obstore.put_async(self.store, ".check", b"danqing", use_multipart=False)

    async def _found(self, asking: Awaitable[T]) -> T:
        """Return what is asked of a file.

        Raises:
            FileNotFoundError: there is no such file.
            StorageUnavailable: there is no bucket, which a service answers with the same 404.
        """
        try:
            return await asking
        except FileNotFoundError:
            if not await self._is_there():
                raise StorageUnavailable("the bucket is not there") from None
            raise

    async def _is_there(self) -> bool:
        """Tell whether the bucket is there, by a write, of which nothing but its absence makes a 404.

        What else keeps that from being made proves nothing, hence True. Not for each file: a bucket bills writes.
        """
        async with self._proof.turn:
            if time.monotonic() - self._proof.at_s < PROVED_FOR_S:
                return True
            try:
                async with asyncio.timeout(PROOF_TIMEOUT_S):
                    await self._write_check()
            except FileNotFoundError:
                return False
            except (OSError, BaseError):
                pass
            self._proof.at_s = time.monotonic()
            return True


def open_bucket(
    url: str, environment: Mapping[str, str], variable: str = "DANQING_ASSETS_URL", *, patient: bool = False
) -> Bucket:
    """Connect to the bucket at *url*, which *variable* names; nothing is asked of it yet.

    A *patient* one tries again for seconds what it is refused for the moment. What the variables of gs:// and az://
    say of the client (`AZURE_ALLOW_HTTP`, `GOOGLE_PROXY_URL`) holds: obstore reads them, unless it is given any.

    Raises:
        SettingsError: no such kind of storage, or an AWS variable has a wrong value.
    """
    retry = PATIENT if patient else RETRY
    try:
        if url.startswith(("s3://", "s3a://")):
            client = _client(environment)
            store = S3Store.from_url(url, config=_s3(environment), client_options=client, retry_config=retry)
            return Bucket(store=store)
        client = _client_of(urlsplit(url).scheme, environment)
        return Bucket(store=from_url(url, client_options=client, retry_config=retry))
    except BaseError as error:
        why = str(error).partition("\n")[0]  # what follows is how Rust would write it
        raise SettingsError(
            f"{variable}: {urlsplit(url).scheme}:// cannot be opened: {why}; allowed: {PLACES}"
        ) from error


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


def _client_of(scheme: str, environment: Mapping[str, str]) -> ClientConfig:
    """Return how we ask what is no S3: as its own variables say, and for the rest as an S3."""
    vendor = "GOOGLE" if scheme == "gs" else "AZURE"
    said: Any = {
        name: environment[variable]
        for name in _CLIENT_VARIABLES
        if environment.get(variable := f"{vendor}_{name.upper()}")
    }
    client: ClientConfig = {**CLIENT, **said}
    return client
