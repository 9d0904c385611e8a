"""What an HTTP answer about a stored picture says; no web framework in here.

A key is written once and never changed, so its token is a strong validator and the answer may be kept for good.
"""

from __future__ import annotations

import re

import attrs

from danqing_server.assets.storage import Stat

__all__ = ["UNSATISFIABLE", "ByteRange", "Unsatisfiable", "etag_of", "matches", "parse_range", "picture_headers"]


@attrs.frozen
class ByteRange:
    """Bytes `start` up to, not including, `end`."""

    start: int
    end: int

    def content_range(self, size: int) -> str:
        """Return the `Content-Range` of a 206 answer."""
        return f"bytes {self.start}-{self.end - 1}/{size}"


@attrs.frozen
class Unsatisfiable:
    """A range outside the picture: answer 416 with `Content-Range: bytes */<size>`."""


UNSATISFIABLE = Unsatisfiable()


def parse_range(header: str | None, size: int) -> ByteRange | Unsatisfiable | None:
    """Read a `Range` header against a picture of *size* bytes; None means: answer 200 with the whole.

    Several ranges, other units and malformed values are ignored, as RFC 9110 §14.2 allows (read 2026-11-24).
    A caller that got `If-Range` passes None unless it `matches` strongly.
    """
    found = re.fullmatch(
        r"bytes\s*=[\s,]*(\d{0,18})\s*-\s*(\d{0,18})[\s,]*", header or "", re.ASCII | re.IGNORECASE
    )
    if found is None or found.group(1, 2) == ("", ""):
        return None
    first, last = found.groups()
    if not first:
        length = min(int(last), size)
        return ByteRange(size - length, size) if length else UNSATISFIABLE
    if last and int(last) < int(first):
        return None
    if int(first) >= size:
        return UNSATISFIABLE
    return ByteRange(int(first), min(int(last) + 1, size) if last else size)


def etag_of(key: str) -> str:
    """Return the strong entity tag of a key, quotes included."""
    return f'"{key.rpartition("/")[2].rpartition(".")[0]}"'


def matches(header: str | None, etag: str, *, weak: bool = True) -> bool:
    """Tell whether an `If-None-Match` (*weak*) or `If-Range` (not *weak*) header names *etag*."""
    if header is None:
        return False
    if header.strip() == "*":
        return weak
    given = [tag.strip() for tag in header.split(",")]
    return etag in ([tag.removeprefix("W/") for tag in given] if weak else given)


def picture_headers(stat: Stat) -> dict[str, str]:
    """Return the headers of every answer about a picture, 304 included, without its length.

    `private`: whoever knows the key may read, but a shared cache should not outlive the task's deletion.
    """
    return {
        "ETag": etag_of(stat.key),
        "Last-Modified": stat.modified_at.strftime("%a, %d %b %Y %H:%M:%S GMT"),
        "Cache-Control": "private, max-age=31536000, immutable",
        "Accept-Ranges": "bytes",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }
