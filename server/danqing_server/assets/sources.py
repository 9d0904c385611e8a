"""From an output's source into the spool, a piece at a time; a download that was cut goes on where it broke off."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator, Mapping
from typing import Protocol

import aiohttp
import attrs
from yarl import URL

from danqing_plugins import Source
from danqing_server.assets import texts
from danqing_server.assets.addresses import NotPublic
from danqing_server.assets.decoding import decode_base64
from danqing_server.errors import PictureRejected, SourceUnavailable
from danqing_server.ids import new_token

__all__ = [
    "DownloadLimits",
    "LeadsInside",
    "NotHere",
    "Origin",
    "Sink",
    "download",
    "held_link",
    "held_token",
    "is_held",
    "pour",
    "preview_body",
]

CHUNK_BYTES = 128 * 1024
HELD_S = 1.0  # what a process that is killed loses of a slow download
LARGEST_PREVIEW_BYTES = 4 * 1024 * 1024
REDIRECTS = frozenset({301, 302, 303, 307, 308})

MOST_CONNECTIONS = 64  # of one try; each brought something

_HELD = re.compile("held:([0-9a-f]{24})")


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


@attrs.frozen(kw_only=True)
class Origin:
    """What a download belongs to: its strong `ETag`, else its date, and how many bytes it has in all."""

    validator: str
    total: int

    @property
    def by_etag(self) -> bool:
        """Whether the validator is a tag, and no date."""
        return self.validator.startswith('"')


class Sink(Protocol):
    """Takes an output's bytes in order.

    `origin` is None while there is nothing to go on with: the next try then starts over.
    """

    origin: Origin | None

    @property
    def size_bytes(self) -> int:
        """How many are here."""
        ...

    async def write(self, chunk: bytes | memoryview) -> None:
        """Append *chunk*."""
        ...

    async def restart(self) -> None:
        """Forget what is here."""
        ...


class _EndedEarly(SourceUnavailable):
    """The body ended before it should."""


class LeadsInside(SourceUnavailable):
    """The URL leads to an address that the session does not connect to."""


class NotHere(SourceUnavailable):
    """What one machine alone holds is not on this one."""

    @property
    def refused(self) -> bool:
        """Always: who asks again for a while may be on the machine that has it."""
        return True


def held_link() -> str:
    """Return what stands for the link of an output that came as bytes, and that a machine's own disk holds."""
    return f"held:{new_token()}"


def is_held(url: str | None) -> bool:
    """Tell whether *url* is one of `held_link`."""
    return held_token(url) is not None


def held_token(url: str | None) -> str | None:
    """Return by what the key of such an output is made, so that each try has the same; None for any other link."""
    form = _HELD.fullmatch(url or "")
    return None if form is None else form[1]


async def pour(source: Source, sink: Sink, session: aiohttp.ClientSession, limits: DownloadLimits) -> None:
    """Bring the output's bytes into *sink* in order, in pieces of some 128 KiB.

    A download goes on where the last one broke off, as far as its source allows.

    Raises:
        SourceUnavailable: the URL gives nothing; `gone` when it can never give anything.
        PictureRejected: more than `max_bytes`, or no base64. *sink* may have been given the beginning.
    """
    if source.url is not None:
        await download(source.url, sink, session, limits)
        return
    pieces = _slices(source.body) if source.body is not None else decode_base64(source.base64 or "")
    total = 0
    for piece in pieces:
        total += len(piece)
        _check_total(total, limits)
        await sink.write(piece)


def preview_body(source: Source) -> bytes:
    """Return the bytes of a partial picture, which is small and here. Raises PictureRejected."""
    pieces = decode_base64(source.base64) if source.base64 else (source.body or b"",)
    body = bytearray()
    for piece in pieces:
        body += piece
        if len(body) > LARGEST_PREVIEW_BYTES:
            raise PictureRejected(texts.TOO_MANY_BYTES(most=LARGEST_PREVIEW_BYTES), code="too_large")
    return bytes(body)


def _slices(body: bytes) -> Iterator[memoryview]:
    view = memoryview(body)
    return (view[start : start + CHUNK_BYTES] for start in range(0, len(view), CHUNK_BYTES))


async def download(url: str, sink: Sink, session: aiohttp.ClientSession, limits: DownloadLimits) -> None:
    """GET *url* (HEAD fails on pre-signed URLs) and pass its body to *sink*; see `pour`.

    Causes are cut off (`from None`): aiohttp's messages hold the whole URL, which may be signed.
    """
    try:
        async with asyncio.timeout(limits.total_s):
            await _go_on(url, sink, session, limits)
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


async def _go_on(url: str, sink: Sink, session: aiohttp.ClientSession, limits: DownloadLimits) -> None:
    """Ask again where a connection broke, at once, as long as each brings something; pauses are the caller's.

    Nothing is asked for when all of it is here: whoever fetched it died before it was kept.
    """
    if sink.origin is not None and sink.size_bytes == sink.origin.total:
        _check_total(sink.size_bytes, limits)
        return
    for _ in range(MOST_CONNECTIONS):
        before = sink.size_bytes
        try:
            await _follow(url, sink, session, limits)
        except (aiohttp.ClientError, OSError, _EndedEarly):
            if sink.origin is None or sink.size_bytes <= before:
                raise
        else:
            return
    raise SourceUnavailable(texts.SOURCE_SLOW(), gone=False)


async def _follow(url: str, sink: Sink, session: aiohttp.ClientSession, limits: DownloadLimits) -> None:
    if is_held(url):
        raise NotHere(texts.HELD_ELSEWHERE(), gone=False)
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=limits.stall_s, sock_read=limits.stall_s)
    headers = {"Accept": limits.accept, "Accept-Encoding": "identity", **_rest_of(sink)}
    target = _as_written(url)
    if target.scheme not in ("http", "https"):
        raise SourceUnavailable(texts.SOURCE_NOT_HTTP(), gone=True)
    if target.user is not None or target.password is not None:
        raise SourceUnavailable(texts.SOURCE_WITH_PASSWORD(), gone=True)
    for _ in range(limits.redirects + 1):
        async with session.get(target, allow_redirects=False, timeout=timeout, headers=headers) as response:
            if response.status not in REDIRECTS:
                await _take(response, sink, limits)
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


def _rest_of(sink: Sink) -> Mapping[str, str]:
    """Return the headers that ask for what is missing, if it still belongs to what is here (RFC 9110 §13.1.5)."""
    if sink.origin is None or not sink.size_bytes:
        return {}
    return {"Range": f"bytes={sink.size_bytes}-", "If-Range": sink.origin.validator}


async def _take(response: aiohttp.ClientResponse, sink: Sink, limits: DownloadLimits) -> None:
    announced = await _begin(response, sink)
    _check_total(announced or 0, limits)
    total = sink.size_bytes
    gathered: list[bytes] = []
    since, written_s = total, time.monotonic()
    try:
        async for piece in response.content.iter_any():
            gathered.append(piece)
            total += len(piece)
            _check_total(total, limits)
            if total - since >= CHUNK_BYTES or time.monotonic() - written_s >= HELD_S:
                await sink.write(b"".join(gathered))
                gathered.clear()
                since, written_s = total, time.monotonic()
    except (aiohttp.ClientError, OSError):
        if sink.origin is not None:
            await sink.write(b"".join(gathered))
        raise
    await sink.write(b"".join(gathered))
    if announced is not None and total != announced:
        raise _EndedEarly(texts.SOURCE_ENDED_EARLY(got=total, announced=announced), gone=False)


async def _begin(response: aiohttp.ClientResponse, sink: Sink) -> int | None:
    """Return how many bytes there will be in all, None when that is not told; *sink* holds those that are here."""
    if response.status == 206 and sink.size_bytes:
        total = _total_of(response, sink)
        if total is not None:
            return total
        await sink.restart()
        raise SourceUnavailable(texts.SOURCE_CHANGED(), gone=False)
    if response.status in (412, 416):
        await sink.restart()
    if response.status != 200:
        message = texts.SOURCE_ANSWERED(status=response.status)
        raise SourceUnavailable(message, gone=False, status=response.status)
    if sink.size_bytes:
        await sink.restart()
    announced = None if "Content-Encoding" in response.headers else response.content_length
    sink.origin = _origin_of(response, announced)
    return announced


def _origin_of(response: aiohttp.ClientResponse, announced: int | None) -> Origin | None:
    """Return by what the rest can be asked for later; a source that tells no length may have no ranges either."""
    etag, modified = (response.headers.get(name, "") for name in ("ETag", "Last-Modified"))
    validator = modified if etag.startswith("W/") or not etag else etag
    if announced is None or not validator or response.headers.get("Accept-Ranges") == "none":
        return None
    return Origin(validator=validator, total=announced)


def _total_of(response: aiohttp.ClientResponse, sink: Sink) -> int | None:
    """Return how large all of it is, when the part that came is the one that was asked for, of the same file."""
    part = re.fullmatch(r"bytes (\d{1,18})-\d{1,18}/(\d{1,18})", response.headers.get("Content-Range", ""))
    if part is None or sink.origin is None or "Content-Encoding" in response.headers:
        return None
    start, total = int(part[1]), int(part[2])
    same = response.headers.get("ETag", sink.origin.validator) == sink.origin.validator or not sink.origin.by_etag
    return total if same and (start, total) == (sink.size_bytes, sink.origin.total) else None


def _check_total(total: int, limits: DownloadLimits) -> None:
    if total > limits.max_bytes:
        raise PictureRejected(texts.TOO_MANY_BYTES(most=limits.max_bytes), code="too_large")
