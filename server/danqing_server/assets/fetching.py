"""Pictures from URLs that users give: from public addresses only, bounded in size and time."""

from __future__ import annotations

import asyncio

import aiohttp
import attrs
from aiohttp.abc import AbstractResolver

from danqing_server.assets.addresses import Allowed, is_public, public_connector
from danqing_server.assets.inspection import inspect_header
from danqing_server.assets.names import Names
from danqing_server.assets.sources import DownloadLimits, Origin, download
from danqing_server.settings.server import MOST_PICTURE_PIXELS

__all__ = ["fetch_public", "public_session"]


def public_session(
    *, resolver: AbstractResolver | None = None, allowed: Allowed = is_public
) -> aiohttp.ClientSession:
    """Return an HTTP session that reaches public addresses only: no proxy, no cookies, no connection kept.

    For every request whose URL a user gave, webhooks too. Made in the composition root, closed there. A refused
    address is an `aiohttp.ClientConnectorError` whose `os_error` is a `NotPublic`. *resolver* and *allowed* are for
    tests.
    """
    return aiohttp.ClientSession(
        connector=public_connector(resolver=resolver or Names(), allowed=allowed),
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
    )


@attrs.define(eq=False)
class _Gathered:
    """A `Sink` in memory."""

    body: bytearray = attrs.field(factory=bytearray)
    origin: Origin | None = None

    @property
    def size_bytes(self) -> int:
        return len(self.body)

    async def write(self, chunk: bytes | memoryview) -> None:
        self.body.extend(chunk)

    async def restart(self) -> None:
        self.body.clear()
        self.origin = None


async def fetch_public(
    url: str,
    *,
    session: aiohttp.ClientSession,
    limit_bytes: int,
    timeout_s: float,
    max_pixels: int = MOST_PICTURE_PIXELS,
) -> tuple[bytes, str]:
    """Fetch a picture by way of a `public_session`; return its bytes and the media type they show.

    Follows at most three redirects, each checked like the first. *timeout_s* covers all of it.

    Raises:
        SourceUnavailable: nothing came; `gone` is True for a URL or an address that we refuse, `refused` for a 403,
            404 or 410 of its host.
        PictureRejected: `too_large`, `not_a_picture` or `truncated` (header only; nothing is decoded).
    """
    gathered = _Gathered()
    limits = DownloadLimits(max_bytes=limit_bytes, stall_s=timeout_s, total_s=timeout_s)
    await download(url, gathered, session, limits)
    body = bytes(gathered.body)
    inspection = await asyncio.to_thread(inspect_header, body, max_pixels=max_pixels)
    return body, inspection.media_type
