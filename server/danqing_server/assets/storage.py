"""The storage of outputs, whole: keep, read, stream, delete."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import attrs

from danqing_plugins import OutputKind, Source
from danqing_server.assets import texts
from danqing_server.assets.arrivals import Arrivals
from danqing_server.assets.bucket import Bucket
from danqing_server.assets.converting import converted
from danqing_server.assets.folder import Folder
from danqing_server.assets.inspection import Inspection, inspect_header
from danqing_server.assets.keys import (
    check_key,
    check_task_id,
    input_key,
    is_shown,
    media_type_of,
    output_key,
    poster_key,
    preview_key,
    thumbnail_key,
)
from danqing_server.assets.leftovers import sweep
from danqing_server.assets.partial import Partial
from danqing_server.assets.places import Place, Space, require_all
from danqing_server.assets.posters import Poster
from danqing_server.assets.sources import held_token, preview_body
from danqing_server.assets.spool import Spool
from danqing_server.assets.storage_failures import storage_failures
from danqing_server.errors import (
    DanqingError,
    NotFound,
    PictureRejected,
    SourceUnavailable,
    StorageUnavailable,
)
from danqing_server.loops.steps import step
from danqing_server.records.outputs import Asset

__all__ = ["Assets", "Stat"]

T = TypeVar("T")

CHUNK_BYTES = 64 * 1024
WINDOW_BYTES = 1024 * 1024
CHECK_TIMEOUT_S = 5


@attrs.frozen(kw_only=True)
class Stat:
    """What the storage says of one picture, without reading it."""

    key: str
    size_bytes: int
    media_type: str
    modified_at: datetime


@attrs.define(eq=False)
class Assets:
    """The outputs of all tasks. Use as `async with`; made by `open_assets`.

    What is new comes by `arrivals`. With `links_s` readers are led to the bucket, by links good for so long.

    Every method raises StorageUnavailable when the storage is full, unwritable or unreachable. All may be
    cancelled: the spool file goes, and a picture that was already being moved into place stands there whole.
    """

    place: Place
    arrivals: Arrivals
    spool: Path
    disk: ThreadPoolExecutor
    links_s: float = 0.0

    async def __aenter__(self) -> Self:
        """Remove what dead processes left in the spool, but for downloads that others can go on with."""
        with storage_failures("opening the picture storage"):
            await self._on_disk(lambda: sweep(self.spool))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let the threads finish what they hold."""
        await self.arrivals.close()
        await asyncio.to_thread(self.disk.shutdown)

    @step("work.keep")
    async def keep(
        self,
        task_id: str,
        index: int,
        source: Source,
        *,
        kind: OutputKind = OutputKind.IMAGE,
        provider: str = "",
        partial: Partial | None = None,
    ) -> Asset:
        """Fetch or decode output *index* of a task, check that it is of *kind* and whole, and make it ours.

        Each call makes a key of its own, so two that race both leave a whole picture, and only the one written
        in the task is ever found. *provider* decides where a URL may lead (`ResultSessions`). With a *partial*,
        what is here of a download that breaks off, or that the storage does not take, stays in it, and the next
        call goes on with it, and with its key: a bucket may have it though its answer was lost. Without one it goes
        on with what an earlier try left of the link.

        Raises:
            SourceUnavailable: its URL gives nothing; `gone` and `refused` say whether to ask again.
            PictureRejected: `too_large`, `not_a_picture`, `wrong_kind` or `truncated`.
        """
        check_task_id(task_id)
        if partial is not None:
            return await self._keep(task_id, index, source, kind, provider, partial)
        async with self.partial(source.url, resumed=True) as own:
            return await self._keep(task_id, index, source, kind, provider, own)

    @asynccontextmanager
    async def partial(self, link: str | None = None, *, resumed: bool = False) -> AsyncIterator[Partial]:
        """Hold what is here of one output over several calls of `keep`.

        What comes from *link* and lasts can be gone on with afterwards, by whoever says *resumed*.
        """
        partial = Partial(self.spool, self.disk, link)
        try:
            if resumed:
                await partial.resume()
            yield partial
        finally:
            await partial.release()

    async def keep_input(self, task_id: str, number: int, body: bytes, known: Inspection) -> Asset:
        """Store reference picture *number*, whose header was inspected at submission; it is not decoded."""
        check_task_id(task_id)
        async with self.partial() as partial:
            await self.arrivals.fetch(Source.from_bytes(body), partial, "", OutputKind.IMAGE)
            return await self._put(partial.spool, input_key(task_id, number, known.extension), known)

    async def keep_preview(self, task_id: str, index: int, source: Source) -> Asset:
        """Store output *index* of a task as far as it is made: a picture, of which the header alone is looked at.

        Raises:
            PictureRejected: it is none, has more than 4 MiB, or is behind a URL.
        """

        def look() -> tuple[bytes, Inspection]:
            body = preview_body(source)
            return body, inspect_header(body, max_pixels=self.arrivals.max_pixels)

        check_task_id(task_id)
        body, found = await self.arrivals.decode(look)
        async with self.partial() as partial:
            await partial.write(body)
            return await self._put(partial.spool, preview_key(task_id, index, found.extension), found)

    async def inspect_sent(self, partial: Partial) -> Inspection:
        """Look at a picture that a client sent. Raises PictureRejected, as `inspection.inspect_sent` does."""
        return await self.arrivals.inspect_sent(partial.spool)

    async def keep_sent(self, partial: Partial, key: str, known: Inspection) -> Asset:
        """Store at *key* what was sent and looked at."""
        return await self._put(partial.spool, check_key(key), known)

    async def keep_beside(self, key: str, body: bytes) -> None:
        """Store what was made of another file: its poster, its thumbnail."""
        async with self.partial() as partial:
            await partial.write(body)
            await self.place.put(partial.spool, check_key(key))

    async def copy_input(self, task_id: str, number: int, key: str) -> str:
        """Give a task a copy of *key* as its reference picture *number*, and return the copy's key.

        Raises:
            NotFound: nothing is stored there.
        """
        own = input_key(check_task_id(task_id), number, check_key(key).rpartition(".")[2])
        with _reading(key):
            await self.place.copy(key, own)
        return own

    async def read(self, key: str) -> bytes:
        """Return a whole picture, at most `max_picture_bytes`; for references.

        Raises:
            NotFound: nothing is stored there.
            PictureRejected: it is larger (the setting was lowered since).
        """
        stat = await self.describe(key)
        if stat.size_bytes > self.arrivals.limits.max_bytes:
            raise PictureRejected(texts.TOO_MANY_BYTES(most=self.arrivals.limits.max_bytes), code="too_large")
        with _reading(key):
            body = await self.place.get(key)
        require_all(len(body), stat.size_bytes)
        return body

    async def read_as(self, key: str, wanted: str) -> bytes:
        """Return a whole picture in another of `converting.FORMATS`; one that is in it already is not touched.

        Raises:
            NotFound: nothing is stored there.
            PictureRejected: it cannot be decoded.
        """
        body = await self.read(key)
        if media_type_of(key) == f"image/{wanted}":
            return body
        return await self.arrivals.convert(lambda: converted(body, wanted, max_pixels=self.arrivals.max_pixels))

    async def describe(self, key: str) -> Stat:
        """Say how large a picture is, and since when it stands.

        Raises:
            NotFound: nothing is stored there.
        """
        with _reading(check_key(key)):
            found = await self.place.head(key)
        return Stat(
            key=key,
            size_bytes=found["size"],
            media_type=media_type_of(key),
            modified_at=found["last_modified"],
        )

    async def stream(
        self, key: str, start: int, end: int, window_bytes: Callable[[], int] = lambda: WINDOW_BYTES
    ) -> AsyncGenerator[bytes, None]:
        """Yield bytes *start* up to, not including, *end*, in chunks of at most 64 KiB.

        Fetched a window at a time, as large as *window_bytes* says by then: a slow reader holds no request open and
        no more memory than that.

        Raises:
            NotFound: nothing is stored there, or no longer; call `describe` before an answer's headers are sent.
        """
        check_key(key)
        while start < end:
            stop = min(start + window_bytes(), end)
            with _reading(key):
                window = await self.place.get_range(key, start, stop)
            for at in range(0, len(window), CHUNK_BYTES):
                yield bytes(window[at : at + CHUNK_BYTES])
            del window  # else it stays until the next one is here
            start = stop

    async def link(self, stat: Stat) -> str | None:
        """Return a link by which the bucket itself gives a file, None where it is to be sent by us.

        What a browser may not show by itself is: the bucket does not say so, as our own answers do.
        """
        if not self.links_s or not isinstance(self.place, Bucket) or not is_shown(stat.media_type):
            return None
        return await self.place.link(stat.key, self.links_s)

    async def delete(self, key: str) -> None:
        """Remove one stored file; idempotent."""
        await self.place.delete(check_key(key))

    @step("erase.pictures")
    async def delete_task(self, task_id: str) -> None:
        """Remove every picture of a task, references and strays included; idempotent."""
        await self.place.delete_task(check_task_id(task_id))

    async def ping(self) -> None:
        """Prove that a small write works within 5 s; for `/health`."""
        try:
            async with asyncio.timeout(CHECK_TIMEOUT_S):
                await self.place.ping()
        except TimeoutError as error:
            raise StorageUnavailable(f"no write within {CHECK_TIMEOUT_S} s") from error

    @property
    def is_local(self) -> bool:
        """Whether outputs are kept in a folder, and not in a bucket."""
        return isinstance(self.place.parts[0], Folder)

    async def space(self) -> Space | None:
        """Return how much room there is; None where that is not known, as of a bucket."""
        return await self.place.space()

    async def _keep(
        self, task_id: str, index: int, source: Source, kind: OutputKind, provider: str, partial: Partial
    ) -> Asset:
        is_here, partial.is_whole = partial.is_whole, False
        try:
            if not is_here:
                await self.arrivals.fetch(source, partial, provider, kind)
            found = await self.arrivals.inspect(partial.spool, kind)
            partial.is_whole = True
            token = held_token(partial.link)
            key = partial.key = partial.key or output_key(task_id, index, found.extension, token)
            poster = None if found.poster is None else await self._put_poster(key, found.poster)
            if found.thumbnail is not None:
                await self.keep_beside(thumbnail_key(key, found.thumbnail.width), found.thumbnail.body)
            asset = await self._put(partial.spool, key, found, poster)
        except DanqingError as error:
            if not _goes_on(partial, error):
                await partial.restart()
            elif partial.is_whole:
                await partial.hold()
            raise
        partial.settle()
        return asset

    async def _put(self, spool: Spool, key: str, found: Inspection, poster: str | None = None) -> Asset:
        await self.place.put(spool, key)
        return Asset(
            key=key,
            media_type=found.media_type,
            width=found.width,
            height=found.height,
            size_bytes=spool.size_bytes,
            sha256=spool.sha256,
            kind=found.kind,
            duration_s=found.duration_s,
            fps=found.fps,
            has_audio=found.has_audio,
            decoded=found.decoded,
            poster=poster,
            colour=None if found.thumbnail is None else found.thumbnail.colour,
        )

    async def _put_poster(self, key: str, poster: Poster) -> str:
        beside = poster_key(key, poster.extension)
        await self.keep_beside(beside, poster.body)
        return beside

    def _on_disk(self, function: Callable[[], T]) -> asyncio.Future[T]:
        return asyncio.get_running_loop().run_in_executor(self.disk, function)


def _goes_on(partial: Partial, error: DanqingError) -> bool:
    """Tell whether the next try can use what is here: the rest can be had, or the storage is still to take it."""
    if isinstance(error, SourceUnavailable):
        return partial.continues and not error.gone
    return partial.continues and partial.is_whole and isinstance(error, StorageUnavailable)


@contextmanager
def _reading(key: str) -> Iterator[None]:
    with storage_failures("reading a picture"):
        try:
            yield
        except FileNotFoundError as error:
            raise NotFound("asset", key) from error
