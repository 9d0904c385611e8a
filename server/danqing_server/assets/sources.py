"""From a picture's source into the spool, a piece at a time."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator

import aiohttp
import attrs
from yarl import URL

from danqing_plugins import Source
from danqing_server.assets import texts
from danqing_server.assets.addresses import NotPublic
from danqing_server.assets.decoding import decode_base64
from danqing_server.errors import PictureRejected, SourceUnavailable

__all__ = ["DownloadLimits", "LeadsInside", "Write", "download", "pour"]

CHUNK_BYTES = 128 * 1024
REDIRECTS = frozenset({301, 302, 303, 307, 308})

Write = Callable[[bytes | memoryview], Awaitable[None]]


@attrs.frozen(kw_only=True)
class DownloadLimits:
    """How much and how long: `stall_s` without a byte, `total_s` from request to last byte in any case.

    `accept` is what the source is told to send: some hosts make another picture of it for who takes less.
    """

    max_bytes: int
    stall_s: float = 30.0
    total_s: float = 300.0
    redirects: int = 3
    accept: str = "image/*"


class LeadsInside(SourceUnavailable):
    """The URL leads to an address that the session does not connect to."""


async def pour(source: Source, write: Write, session: aiohttp.ClientSession, limits: DownloadLimits) -> None:
    """Pass the picture's bytes to *write* in order, in pieces of some 128 KiB.

    Raises:
        SourceUnavailable: the URL gives nothing; `gone` when it can never give anything.
        PictureRejected: more than `max_bytes`, or no base64. *write* may have been given the beginning.
    """
    if source.url is not None:
        await download(source.url, write, session, limits)
        return
    pieces = _slices(source.body) if source.body is not None else decode_base64(source.base64 or "")
    total = 0
    for piece in pieces:
        total += len(piece)
        _check_total(total, limits)
        await write(piece)


def _slices(body: bytes) -> Iterator[memoryview]:
    view = memoryview(body)
    return (view[start : start + CHUNK_BYTES] for start in range(0, len(view), CHUNK_BYTES))


async def download(url: str, write: Write, session: aiohttp.ClientSession, limits: DownloadLimits) -> None:
    """GET *url* (HEAD fails on pre-signed URLs) and pass its body to *write*; see `pour`.

    Causes are cut off (`from None`): aiohttp's messages hold the whole URL, which may be signed.
    """
    try:
        async with asyncio.timeout(limits.total_s):
            await _follow(url, write, session, limits)
    except TimeoutError:
        raise SourceUnavailable(texts.SOURCE_SLOW(), gone=False) from None
    except (aiohttp.InvalidURL, UnicodeError):  # the latter from the name lookup, for a label too long
        raise SourceUnavailable(texts.SOURCE_MALFORMED(), gone=True) from None
    except aiohttp.ClientConnectorError as error:
        if isinstance(error.os_error, NotPublic):
            raise LeadsInside(texts.SOURCE_NOT_PUBLIC(), gone=True) from None
        raise SourceUnavailable(texts.SOURCE_SILENT(), gone=False) from None
    except (aiohttp.ClientError, OSError) as error:  # the disk's own are StorageUnavailable by now
        raise SourceUnavailable(texts.SOURCE_BROKE_OFF(error=type(error).__name__), gone=False) from None


async def _follow(url: str, write: Write, session: aiohttp.ClientSession, limits: DownloadLimits) -> None:
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=limits.stall_s, sock_read=limits.stall_s)
    target = _as_written(url)
    if target.scheme not in ("http", "https"):
        raise SourceUnavailable(texts.SOURCE_NOT_HTTP(), gone=True)
    if target.user is not None or target.password is not None:
        raise SourceUnavailable(texts.SOURCE_WITH_PASSWORD(), gone=True)
    for _ in range(limits.redirects + 1):
        async with session.get(
            target,
            allow_redirects=False,
            timeout=timeout,
            headers={"Accept": limits.accept, "Accept-Encoding": "identity"},
        ) as response:
            if response.status not in REDIRECTS:
                await _take(response, write, limits)
                return
            target = _redirected(target, response.headers.get("Location", ""))
    raise SourceUnavailable(texts.SOURCE_REDIRECTS(most=limits.redirects), gone=False)


def _as_written(url: str) -> URL:
    """A signature covers a URL as it was written: yarl may quote what needs it, and else normalise nothing."""
    try:
        written = URL(url, encoded=re.fullmatch("[!-~]*", url) is not None)
        _ = written.port  # yarl looks at it only when asked, and raises then
        return written
    except ValueError:
        raise SourceUnavailable(texts.SOURCE_MALFORMED(), gone=True) from None


def _redirected(target: URL, location: str) -> URL:
    following = target.join(_as_written(location))
    if following.scheme != target.scheme and (target.scheme, following.scheme) != ("http", "https"):
        raise SourceUnavailable(texts.SOURCE_REDIRECTS_TO(scheme=following.scheme), gone=True)
    if following.user is not None or following.password is not None:
        raise SourceUnavailable(texts.SOURCE_REDIRECTS_WITH_PASSWORD(), gone=True)
    return following


async def _take(response: aiohttp.ClientResponse, write: Write, limits: DownloadLimits) -> None:
    if response.status != 200:
        message = texts.SOURCE_ANSWERED(status=response.status)
        raise SourceUnavailable(message, gone=False, status=response.status)
    announced = None if "Content-Encoding" in response.headers else response.content_length
    _check_total(announced or 0, limits)
    total = 0
    gathered = bytearray()
    async for piece in response.content.iter_any():
        total += len(piece)
        _check_total(total, limits)
        gathered += piece
        if len(gathered) >= CHUNK_BYTES:
            await write(bytes(gathered))
            gathered.clear()
    await write(bytes(gathered))
    if announced is not None and total != announced:
        raise SourceUnavailable(texts.SOURCE_ENDED_EARLY(got=total, announced=announced), gone=False)


def _check_total(total: int, limits: DownloadLimits) -> None:
    if total > limits.max_bytes:
        raise PictureRejected(texts.TOO_MANY_BYTES(most=limits.max_bytes), code="too_large")
