"""One try at a delivery over HTTP: bounded in time and size, without redirects, and never raising."""

from __future__ import annotations

import asyncio
import importlib.metadata
import ssl
from collections.abc import Mapping
from contextlib import suppress
from time import monotonic

import aiohttp
import attrs

from danqing_plugins.kit.waiting import http_date_s
from danqing_server.assets.addresses import NotPublic
from danqing_server.clock import Clock

__all__ = ["Answer", "post"]

TIMEOUT_S = 20.0
CONNECT_S = 8.0
REST_S = 1.0
SHOWN_BYTES = 200
READ_BYTES = 16 * 1024
MOST_DIGITS = 9

USER_AGENT = f"danqing-webhooks/{importlib.metadata.version('danqing')}"


@attrs.frozen(kw_only=True)
class Answer:
    """What came back. `status` None: nothing did, and `error` says in a word why. `beginning` is of its body."""

    ms: int
    status: int | None = None
    error: str | None = None
    beginning: str | None = None
    retry_after_s: float | None = None


async def post(
    session: aiohttp.ClientSession,
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    clock: Clock,
    timeout_s: float = TIMEOUT_S,
) -> Answer:
    """Post *body* and return what came back, within *timeout_s* seconds."""
    began_s = monotonic()
    try:
        async with session.post(
            url,
            data=body,
            headers={"content-type": "application/json", "user-agent": USER_AGENT, **headers},
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=timeout_s, sock_connect=CONNECT_S),
        ) as response:
            ms = _ms_since(began_s)
            return Answer(
                ms=ms,
                status=response.status,
                beginning=await _beginning(response),
                retry_after_s=_retry_after_s(response.headers.get("retry-after"), clock),
            )
    except (OSError, ValueError, TimeoutError, aiohttp.ClientError) as error:
        return Answer(ms=_ms_since(began_s), error=_why(error))


async def _beginning(response: aiohttp.ClientResponse) -> str | None:
    """Return how the body begins, fit to be shown; the answer is there already, so that it need not come at all."""
    read = bytearray()
    with suppress(TimeoutError, OSError, ValueError, aiohttp.ClientError):
        async with asyncio.timeout(REST_S):
            while len(read) < READ_BYTES and (chunk := await response.content.read(READ_BYTES)):
                read += chunk
    return _escaped(bytes(read[:SHOWN_BYTES])) or None


def _escaped(beginning: bytes) -> str:
    """Return text that is one line, whatever it was; what cannot be printed is escaped."""
    text = beginning.decode("utf-8", "backslashreplace")
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def _why(error: Exception) -> str:
    os_error = getattr(error, "os_error", None)
    if isinstance(os_error, NotPublic):
        return "private_address"
    if isinstance(error, aiohttp.ClientSSLError | ssl.SSLError):
        return "tls"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "no_such_host"
    if isinstance(error, TimeoutError):
        return "timeout"
    if isinstance(error, aiohttp.ClientConnectorError):
        return "cannot_connect"
    return "broken_answer"


def _retry_after_s(header: str | None, clock: Clock) -> float | None:
    """Read `Retry-After` (RFC 9110 §10.2.3, read 2026-11-28): seconds, or a date."""
    if header is None:
        return None
    if header.isascii() and header.isdigit():
        return float(header[:MOST_DIGITS])
    date_s = http_date_s(header)
    return None if date_s is None else max(0.0, date_s - clock.wall_s())


def _ms_since(began_s: float) -> int:
    return round((monotonic() - began_s) * 1000)
