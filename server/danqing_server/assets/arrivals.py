"""What a source has, on its way into the storage: fetched into the spool, and looked at there."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar
from urllib.parse import urlsplit

import aiohttp
import attrs

from danqing_plugins import OutputKind, Source
from danqing_server.assets import texts
from danqing_server.assets.inspection import Inspection, inspect_sent
from danqing_server.assets.inspectors import inspect
from danqing_server.assets.partial import Partial
from danqing_server.assets.results import ResultSessions
from danqing_server.assets.sources import DownloadLimits, LeadsInside, pour
from danqing_server.assets.spool import Spool
from danqing_server.assets.storage_failures import storage_failures
from danqing_server.errors import PictureRejected, SourceUnavailable
from danqing_server.log import get_logger

__all__ = ["Arrivals"]

T = TypeVar("T")

log = get_logger(__name__)


@attrs.define(eq=False)
class Arrivals:
    """Fetches outputs, and looks at them in threads of its own.

    `limits` and `decoders` are for pictures, `large_limits` and `large_decoders` for everything else: no picture
    waits for a video. `asked_decoders` are for what clients send, or want in another format, as much of it as they
    like: nothing that is paid for waits for that. With a `thumbnail_width` every output that is a picture gets a
    thumbnail as it is looked at.
    """

    session: aiohttp.ClientSession
    limits: DownloadLimits
    large_limits: DownloadLimits
    max_pixels: int
    decoders: ThreadPoolExecutor
    large_decoders: ThreadPoolExecutor
    asked_decoders: ThreadPoolExecutor
    results: ResultSessions | None = None
    thumbnail_width: int | None = None

    async def fetch(self, source: Source, partial: Partial, provider: str, kind: OutputKind) -> None:
        """Have *partial* hold what *source* has. *provider* decides where a URL may lead (`ResultSessions`).

        Raises:
            SourceUnavailable: its URL gives nothing; `gone` and `refused` say whether to ask again.
            PictureRejected: `too_large`, or it is no base64.
        """
        session = self.session
        if self.results is not None and source.url is not None:
            session = self.results.session_for(provider, source.url)
        try:
            await pour(source, partial, session, self._limits_of(kind))
        except LeadsInside as error:
            # Not for good: it is paid for, and the operator may know the host (DANQING_PRIVATE_RESULTS).
            log.warning("result_address_refused", provider=provider, host=urlsplit(source.url or "").hostname)
            raise SourceUnavailable(error.message, gone=False) from None

    async def inspect(self, spool: Spool, kind: OutputKind) -> Inspection:
        """Look at what is spooled, as its kind is. Raises PictureRejected, as that does."""
        look = functools.partial(inspect, kind, thumbnail=self.thumbnail_width)
        return await self._look(spool, look, self._decoders_of(kind))

    async def inspect_sent(self, spool: Spool) -> Inspection:
        """Look at a picture that a client sent. Raises PictureRejected, as `inspection.inspect_sent` does."""
        return await self._look(spool, inspect_sent, self.asked_decoders)

    async def decode(self, function: Callable[[], T]) -> T:
        """Run what decodes a picture beside others, and wait for it."""
        return await asyncio.get_running_loop().run_in_executor(self.decoders, function)

    async def convert(self, function: Callable[[], T]) -> T:
        """Run what makes of a picture what a client wants, and wait for it."""
        return await asyncio.get_running_loop().run_in_executor(self.asked_decoders, function)

    async def close(self) -> None:
        """Let the threads finish what they hold."""
        for pool in (self.decoders, self.large_decoders, self.asked_decoders):
            await asyncio.to_thread(pool.shutdown)

    async def _look(
        self, spool: Spool, look: Callable[..., Inspection], decoders: ThreadPoolExecutor
    ) -> Inspection:
        if not spool.size_bytes:
            raise PictureRejected(texts.EMPTY(), code="truncated")
        with storage_failures("reading a spooled picture"):
            return await asyncio.get_running_loop().run_in_executor(
                decoders, lambda: look(spool.path, max_pixels=self.max_pixels)
            )

    def _limits_of(self, kind: OutputKind) -> DownloadLimits:
        return self.limits if kind is OutputKind.IMAGE else self.large_limits

    def _decoders_of(self, kind: OutputKind) -> ThreadPoolExecutor:
        return self.decoders if kind is OutputKind.IMAGE else self.large_decoders
